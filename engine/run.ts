// Runs a plan: stage after stage, each in engine/stage.ts, with events on the way and a report at the end.
import { randomBytes } from 'node:crypto';
import { type ConnectionDefinition, type FoundConnection, requireConnection } from './connections.ts';
import type { RowStream, RunEvent, RunReport, TaskFigures, TaskReport, Value } from './contracts.ts';
import { asFailure, type Failure, failure } from './errors.ts';
import { createEvents } from './events.ts';
import { openFound, type Services } from './opening.ts';
import type { Parts } from './parts.ts';
import type { Plan, PlannedTask } from './plan.ts';
import { retryBudget, withRetry } from './retry.ts';
import { outerScope } from './scope.ts';
import { runStage } from './stage.ts';
import { createTargets } from './targets.ts';
import { ExitSignal } from './task-context.ts';

export interface RunOptions {
  signal?: AbortSignal;
  /** At most so many rows of each read. */
  limit?: number;
  /** Read and work, but change nothing anywhere. */
  dryRun?: boolean;
  /** Where a write to `-` goes, and where a read from `-` comes from. */
  stdout?: (chunk: Uint8Array) => Promise<void>;
  stdin?: () => AsyncIterable<Uint8Array>;
  /** Gets the rows that no task takes; they are let go unless told. */
  take?: (rows: RowStream) => Promise<void>;
  /** Seconds between two `task.progress` events; 0.2 unless told. */
  progressSeconds?: number;
}

export interface RunningPlan {
  readonly id: string;
  events(): AsyncIterableIterator<RunEvent>;
  on(listener: (event: RunEvent) => void): void;
  /** Never rejects: a run that failed has an error. */
  readonly result: Promise<{ report: RunReport; error: Failure | undefined }>;
}

/** One task while it runs. */
export interface TaskState {
  task: PlannedTask;
  figures: TaskFigures;
  status: TaskReport['status'] | 'waiting' | 'running';
  startedMs: number;
  /** What it left for `tasks.<id>`, besides its figures. */
  result: Value;
}

/** How many retries the whole run may take before it gives up. */
const RETRIES = 100;

/** Starts a plan. Secrets that the redactor knows are taken out of all that leaves. */
export function startRun(plan: Plan, parts: Parts, services: Services, options: RunOptions): RunningPlan {
  const { redactor } = services;
  const id = `run-${randomBytes(6).toString('hex')}`;
  const events = createEvents(id, (event) => redactor.redactValue(event));
  const states = plan.tasks.map(
    (task): TaskState => ({ task, figures: noFigures(), status: 'waiting', startedMs: 0, result: null }),
  );
  const signal = options.signal ?? new AbortController().signal;
  const budget = retryBudget(RETRIES);

  /** Connections that `connect` tasks have made, by alias and EID. */
  const made = new Map<string, FoundConnection>();
  const used = new Map<FoundConnection['definition'], FoundConnection>();

  const targets = createTargets({
    folder: plan.folder,
    dryRun: options.dryRun === true,
    find: (name) => made.get(name) ?? requireConnection(plan.connections, name),
    async open(found, state, log) {
      used.set(found.definition, found);
      return openFound(found, {
        parts,
        services,
        params: plan.params,
        folder: plan.folder,
        signal,
        log,
        retry: (work, o) =>
          withRetry(work, {
            signal: o.signal,
            budget,
            onRetry: ({ attempt, waitMs, error }) => {
              state.figures.retries++;
              events.emit({
                type: 'task.retry',
                ...who(state),
                attempt,
                waitMs,
                code: error.code,
                message: error.message,
              });
            },
          }),
      });
    },
  });

  const connect = async (alias: string, config: { connector: string }, save: boolean): Promise<void> => {
    const definition = config as ConnectionDefinition;
    const found = { name: alias, alias, definition, home: 'pipe', shadows: [], folder: plan.folder };
    made.set(alias, found);
    if (definition.eid !== undefined) made.set(definition.eid, found);
    if (!save) return;
    if (options.dryRun === true)
      events.emit({ type: 'log', level: 'info', message: `dry run: would save the connection ${alias}` });
    else await services.save(found, { params: plan.params, signal });
  };

  const execute = async () => {
    const started = new Date();
    const scope = outerScope({ params: plan.params, run: { id, pipe: plan.name, started: started.toISOString() } });
    const tasks = plan.tasks.map(({ index, op, id, title }) => ({
      index,
      op,
      id,
      ...(title === undefined ? {} : { title }),
    }));
    events.emit({ type: 'run.started', pipe: plan.name, tasks });
    const ticker = setInterval(
      () => {
        for (const state of states) {
          if (state.status === 'running')
            events.emit({ type: 'task.progress', ...who(state), figures: figuresNow(state) });
        }
      },
      (options.progressSeconds ?? 0.2) * 1000,
    );
    let error: Failure | undefined;
    try {
      for (let stage = 0; stage < plan.stages; stage++) {
        const own = states.filter(({ task }) => task.stage === stage);
        await runStage(own, { plan, parts, options: { ...options, signal }, events, scope, targets, connect });
      }
    } catch (thrown) {
      if (!(thrown instanceof ExitSignal))
        error = signal.aborted ? failure('INTERRUPTED', {}, { cause: thrown }) : asFailure(thrown);
      else if (thrown.message !== undefined) events.emit({ type: 'log', level: 'info', message: thrown.message });
    } finally {
      clearInterval(ticker);
      await targets.close();
      await services.used([...used.values()]);
    }
    const report = redactor.redactValue(reportOf(started, error));
    events.emit({ type: 'run.ended', report });
    return { report, error: error && redactor.redactValue(error) };
  };

  const reportOf = (started: Date, error: Failure | undefined): RunReport => {
    const ended = new Date();
    const failed = states.find(({ status }) => status === 'failed')?.task;
    return {
      run: id,
      pipe: plan.name,
      status: error === undefined ? 'done' : error.fault === 'interrupted' ? 'interrupted' : 'failed',
      started: started.toISOString(),
      ended: ended.toISOString(),
      seconds: (ended.getTime() - started.getTime()) / 1000,
      tasks: states.map((state) => ({
        ...who(state),
        ...(state.task.title === undefined ? {} : { title: state.task.title }),
        status: state.status === 'waiting' || state.status === 'running' ? 'skipped' : state.status,
        ...state.figures,
      })),
      ...(error === undefined
        ? {}
        : {
            error: { ...error.toJSON(), ...(failed === undefined ? {} : { task: failed.index, place: failed.place }) },
          }),
    };
  };

  // In a later turn, so that the caller can listen before the first event.
  const result = Promise.resolve().then(execute);
  return { id, events: () => events.iterate(), on: (listener) => events.on(listener), result };
}

export function figuresNow(state: TaskState): TaskFigures {
  return { ...state.figures, seconds: (Date.now() - state.startedMs) / 1000 };
}

function who({ task }: TaskState): { index: number; op: string; id: string } {
  return { index: task.index, op: task.op, id: task.id };
}

function noFigures(): TaskFigures {
  return { rows: 0, bytes: 0, files: 0, rejected: 0, retries: 0, seconds: 0 };
}
