// Runs a plan: stage after stage, each in engine/stage.ts, with events on the way and a report at the end.
import { randomBytes } from 'node:crypto';
import { type ConnectionDefinition, type FoundConnection, requireConnection } from './connections.ts';
import type { RowStream, Value } from './contracts/data.ts';
import type { RunEvent, RunReport, TaskFigures, TaskReport } from './contracts/run.ts';
import type { NewRun, StateStore } from './contracts/state.ts';
import { createLock } from './delivery/lock.ts';
import { timer } from './duration.ts';
import { asFailure, type Failure, failure } from './errors.ts';
import { createEvents } from './events.ts';
import { openFound, type Services } from './opening.ts';
import type { Parts } from './parts.ts';
import type { Plan, PlannedTask } from './plan.ts';
import { retryBudget, withRetry } from './retry.ts';
import { outerScope } from './scope.ts';
import { runStageRetried } from './stage-retry.ts';
import type { Recorder } from './state/recorder.ts';
import { createTargets } from './targets.ts';
import { ExitSignal } from './task-context.ts';

export interface RunOptions {
  signal?: AbortSignal;
  /** At most so many rows of each read. */
  limit?: number;
  /** Read and work, but change nothing anywhere. */
  dryRun?: boolean;
  /** Begin anew: forget where a run that did not end stands. What it has written stays. */
  restart?: boolean;
  /** What starts it, for the history; `library` unless told. */
  trigger?: string;
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

/** What a run needs of the state. */
export interface RunState {
  /** Where positions are kept, if anywhere. Opened when it is first asked for. */
  open(): Promise<StateStore | undefined>;
  /** Keeps the run in the history. */
  record?(run: Pick<NewRun, 'id' | 'pipe' | 'started'>): Recorder;
}

const noState: RunState = { open: async () => undefined };

/** Starts a plan. Secrets that the redactor knows are taken out of all that leaves. */
export function startRun(
  plan: Plan,
  parts: Parts,
  services: Services,
  options: RunOptions,
  state: RunState = noState,
): RunningPlan {
  const { redactor } = services;
  const id = `run-${randomBytes(6).toString('hex')}`;
  const events = createEvents(id, (event) => redactor.redactValue(event));
  const states = plan.tasks.map(
    (task): TaskState => ({ task, figures: noFigures(), status: 'waiting', startedMs: 0, result: null }),
  );
  const late = new AbortController();
  const signal = options.signal === undefined ? late.signal : AbortSignal.any([options.signal, late.signal]);
  const budget = retryBudget(plan.settings.retry_budget ?? RETRIES);

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
    const own = plan.connections.connectors.get(definition.connector);
    const found = { name: alias, alias, definition, home: 'pipe', shadows: [], folder: plan.folder, own };
    made.set(alias, found);
    if (definition.eid !== undefined) made.set(definition.eid, found);
    if (!save) return;
    if (options.dryRun === true)
      events.emit({ type: 'log', level: 'info', message: `dry run: would save the connection ${alias}` });
    else await services.save(found, { params: plan.params, signal });
  };

  const execute = async () => {
    const started = new Date();
    const scope = outerScope({ params: plan.params, run: { id, pipe: plan.name, started: plan.started } });
    const lock = createLock(`deliver ${plan.name}`, id, plan.name, state);
    const tasks = plan.tasks.map(({ index, op, id, title }) => ({
      index,
      op,
      id,
      ...(title === undefined ? {} : { title }),
    }));
    const recorder = state.record?.({ id, pipe: plan.name, started: started.toISOString() });
    if (recorder !== undefined) events.on(recorder.see);
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
    const stopLate = timer(plan.settings.timeout, (seconds) =>
      late.abort(failure('TIMED_OUT', { what: `the run of ${plan.name}`, seconds }, { retry: false })),
    );
    try {
      for (let stage = 0; stage < plan.stages; stage++) {
        const own = states.filter(({ task }) => task.stage === stage);
        const shared = {
          plan,
          parts,
          options: { ...options, signal },
          events,
          scope,
          targets,
          connect,
          state: state.open,
          lock: lock.take,
        };
        await runStageRetried(own, shared, budget);
      }
    } catch (thrown) {
      if (!(thrown instanceof ExitSignal))
        error = options.signal?.aborted ? failure('INTERRUPTED', {}, { cause: thrown }) : asFailure(thrown);
      else if (thrown.message !== undefined) events.emit({ type: 'log', level: 'info', message: thrown.message });
    } finally {
      clearInterval(ticker);
      stopLate();
      await targets.close();
      await lock.release();
      await services.used([...used.values()]);
    }
    const report = redactor.redactValue(reportOf(started, error));
    const unrecorded = await recorder?.end(report);
    if (unrecorded !== undefined) {
      const message = `this run is not in the history: ${unrecorded.message}`;
      events.emit({ type: 'log', level: 'warn', message });
    }
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
