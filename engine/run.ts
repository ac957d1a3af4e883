// Runs a plan: stage after stage, the tasks of a stage joined by lazily pulled streams.
import { randomUUID } from 'node:crypto';
import { createBarrier } from './barrier.ts';
import type { RunEvent, RunReport, Stream, Task, TaskFigures, TaskReport } from './contracts.ts';
import { asFailure, type Failure, failure } from './errors.ts';
import { createEvents, type Events } from './events.ts';
import type { Parts } from './parts.ts';
import type { Plan, PlannedTask } from './plan.ts';
import { createRedactor } from './redact.ts';
import { createRunScope, type RunScope } from './scope.ts';
import { createTaskContext, ExitSignal, type TaskRun } from './task-context.ts';
import { addStep } from './rows.ts';
import { countRows, countFiles } from './counting.ts';
import { tee } from './tee.ts';

export interface RunOptions {
  signal?: AbortSignal;
  /** At most so many rows of each read. */
  limit?: number;
  /** Read and work, but change nothing anywhere. */
  dryRun?: boolean;
  /** Where a write to `-` goes, and where a read from `-` comes from. */
  stdout?: (chunk: Uint8Array) => Promise<void>;
  stdin?: () => AsyncIterable<Uint8Array>;
}

export interface RunningPipe {
  readonly id: string;
  /** Every event from the first, ending with `run.ended`. */
  readonly events: AsyncIterableIterator<RunEvent>;
  on(listener: (event: RunEvent) => void): void;
  /** Resolves with the report of a run that was done; rejects with the Failure of one that was not, which has `report`. */
  readonly result: Promise<RunReport>;
}
