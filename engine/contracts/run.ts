// What a run tells: events while it goes on, a report at its end. Types only.
import type { Failure } from '../errors.ts';

export interface TaskFigures {
  rows: number;
  bytes: number;
  files: number;
  rejected: number;
  retries: number;
  seconds: number;
}

export interface TaskReport extends TaskFigures {
  index: number;
  op: string;
  id: string;
  title?: string;
  status: 'done' | 'failed' | 'skipped' | 'stopped';
}

export interface RunReport {
  run: string;
  pipe: string;
  status: 'done' | 'failed' | 'interrupted';
  /** ISO timestamps. */
  started: string;
  ended: string;
  seconds: number;
  tasks: TaskReport[];
  /** With the position of the task that failed, and where that stands in the definition: `file:line:col`. */
  error?: ReturnType<Failure['toJSON']> & { task?: number; place?: string };
}

export type RunEvent = { run: string; at: string } & (
  | { type: 'run.started'; pipe: string; tasks: { index: number; op: string; id: string; title?: string }[] }
  | { type: 'task.started'; index: number; op: string; id: string }
  | { type: 'task.progress'; index: number; op: string; id: string; figures: TaskFigures }
  | { type: 'task.ended'; index: number; op: string; id: string; status: TaskReport['status']; figures: TaskFigures }
  | {
      type: 'task.retry';
      index: number;
      op: string;
      id: string;
      attempt: number;
      waitMs: number;
      code: string;
      message: string;
    }
  | { type: 'record.rejected'; index: number; op: string; id: string; position: number; reason: string }
  | { type: 'log'; level: 'debug' | 'info' | 'warn'; message: string; index?: number; data?: Record<string, unknown> }
  | { type: 'run.ended'; report: RunReport }
);
