// What a run tells: events while it goes on, a report at its end. Types only.
import type { Failure } from '../errors.ts';
import type { Value } from './data.ts';

export interface TaskFigures {
  rows: number;
  bytes: number;
  files: number;
  rejected: number;
  retries: number;
  seconds: number;
}

export interface TaskReport extends TaskFigures {
  /** Among all tasks, from 0; a block comes before the tasks in it. */
  index: number;
  /** As a person counts, where that is not `index` and one: `3.then.1`. */
  number?: string;
  op: string;
  id: string;
  title?: string;
  status: 'done' | 'failed' | 'skipped' | 'stopped';
  /** What it left for `tasks.<id>`, where it left anything. */
  result?: Value;
  /** The run that had done it already, where this one goes on with that. */
  before?: string;
}

export interface RunReport {
  run: string;
  pipe: string;
  /** `skipped`: it was not begun, as another run of the pipe was going on. */
  status: 'done' | 'failed' | 'interrupted' | 'skipped';
  /** ISO timestamps. */
  started: string;
  ended: string;
  seconds: number;
  tasks: TaskReport[];
  /** With the position of the task that failed, and where that stands in the definition: `file:line:col`. */
  error?: ReturnType<Failure['toJSON']> & { task?: number; place?: string };
}

export type RunEvent = { run: string; at: string } & (
  | {
      type: 'run.started';
      pipe: string;
      tasks: { index: number; number?: string; op: string; id: string; title?: string }[];
    }
  | { type: 'task.started'; index: number; number?: string; op: string; id: string }
  | { type: 'task.progress'; index: number; number?: string; op: string; id: string; figures: TaskFigures }
  | {
      type: 'task.ended';
      index: number;
      number?: string;
      op: string;
      id: string;
      status: TaskReport['status'];
      figures: TaskFigures;
      /** As in TaskReport. */
      result?: Value;
      before?: string;
    }
  | {
      type: 'task.retry';
      index: number;
      number?: string;
      op: string;
      id: string;
      attempt: number;
      waitMs: number;
      code: string;
      message: string;
    }
  | {
      type: 'record.rejected';
      index: number;
      number?: string;
      op: string;
      id: string;
      position: number;
      reason: string;
    }
  | { type: 'log'; level: 'debug' | 'info' | 'warn'; message: string; index?: number; data?: Record<string, unknown> }
  | { type: 'run.ended'; report: RunReport }
);
