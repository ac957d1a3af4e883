// Runs a plan: stage after stage, each in engine/stage.ts, with events on the way and a report at the end.
import { randomBytes } from 'node:crypto';
import { connectors } from '../schemas/generated/language.ts';
import { type FoundConnection, openConnection, requireConnection } from './connections.ts';
import type { Credential, RowStream, RunEvent, RunReport, TaskFigures, TaskReport, Value } from './contracts.ts';
import { asFailure, type Failure, failure } from './errors.ts';
import { createEvents } from './events.ts';
import type { Parts } from './parts.ts';
import type { Plan, PlannedTask } from './plan.ts';
import type { Redactor } from './redact.ts';
import { retryBudget, withRetry } from './retry.ts';
import { connectionScope, evaluateValue, outerScope } from './scope.ts';
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

/** What a run needs from outside of the plan. */
export interface Services {
  redactor: Redactor;
  /** The stored secret fields of a connection. */
  credential(found: FoundConnection, signal: AbortSignal): Promise<Credential>;
}

/** How many retries the whole run may take before it gives up. */
const RETRIES = 100;

/** Starts a plan. Secrets that the redactor knows are taken out of all that leaves. */
export function startRun(plan: Plan, parts: Parts, services: Services, options: RunOptions): RunningPlan {
  const { redactor } = services;
  const id = `run-${randomBytes(6).toString('hex')}`;
  const events = createEvents(id, (event) => redactor.redactValue(event));
  const states = plan.tasks.map((task): TaskState => ({ task, figures: noFigures(), status: 'waiting', startedMs: 0, result: null }));
  const signal = options.signal ?? new AbortController().signal;
  const budget = retryBudget(RETRIES);

  const targets = createTargets({
    folder: plan.folder,
    dryRun: options.dryRun === true,
    find: (name) => requireConnection(plan.connections, name),
    async open(found, state, log) {
      const load = parts.connectors[found.definition.connector];
      if (load === undefined) throw failure('OPTION_UNSUPPORTED', { what: `the connector "${found.definition.connector}"`, where: 'this version' });
      const connector = await load();
      const connection = openConnection(found, {
        connector,
        secretFields: connectors[connector.name]?.secrets ?? [],
        evaluate: (value) => evaluateValue(value, connectionScope(plan.params), `connection ${found.name}`),
        stored: () => services.credential(found, signal),
        learn: (value) => redactor.add(value),
        log,
        retry: (work, o) =>
          withRetry(work, {
            signal: o.signal,
            budget,
            onRetry: ({ attempt, waitMs, error }) => {
              state.figures.retries++;
              events.emit({ type: 'task.retry', ...who(state), attempt, waitMs, code: error.code, message: error.message });
            },
          }),
      });
      return { connector, connection };
    },
  });

  const execute = async () => {
    const started = new Date();
    const scope = outerScope({ params: plan.params, run: { id, pipe: plan.name, started: started.toISOString() } });
    const tasks = plan.tasks.map(({ index, op, id, title }) => ({ index, op, id, ...(title === undefined ? {} : { title }) }));
    events.emit({ type: 'run.started', pipe: plan.name, tasks });
    const ticker = setInterval(() => {
      for (const state of states) {
        if (state.status === 'running') events.emit({ type: 'task.progress', ...who(state), figures: figuresNow(state) });
      }
    }, (options.progressSeconds ?? 0.2) * 1000);
    let error: Failure | undefined;
    try {
      for (let stage = 0; stage < plan.stages; stage++) {
        const own = states.filter(({ task }) => task.stage === stage);
        await runStage(own, { plan, parts, options: { ...options, signal }, events, scope, targets });
      }
    } catch (thrown) {
      if (!(thrown instanceof ExitSignal)) error = signal.aborted ? failure('INTERRUPTED', {}, { cause: thrown }) : asFailure(thrown);
      else if (thrown.message !== undefined) events.emit({ type: 'log', level: 'info', message: thrown.message });
    } finally {
      clearInterval(ticker);
      await targets.close();
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
      ...(error === undefined ? {} : { error: { ...error.toJSON(), ...(failed === undefined ? {} : { task: failed.index, place: failed.place }) } }),
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
