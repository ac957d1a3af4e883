// Runs a plan: stage after stage, each in engine/stage.ts, with events on the way and a report at the end.
import { randomBytes } from 'node:crypto';
import { blameFor } from './blame.ts';
import type { RowStream, Value } from './contracts/data.ts';
import type { RunEvent, RunReport, TaskFigures, TaskReport } from './contracts/run.ts';
import type { NewRun, StateStore } from './contracts/state.ts';
import { timer } from './duration.ts';
import { asFailure, type Failure, failure } from './errors.ts';
import { createEvents } from './events.ts';
import { openFrame } from './frame.ts';
import { giveNotice } from './notices.ts';
import type { Services } from './opening.ts';
import type { Parts } from './parts.ts';
import type { Plan, PlannedTask } from './plan.ts';
import { beforeOf, type Resume, restore } from './resume.ts';
import { retryBudget } from './retry.ts';
import type { Admission, Applicant } from './schedules/admission.ts';
import type { Scheduled } from './schedules/places.ts';
import { newStates, runStages } from './stages.ts';
import type { Recorder } from './state/recorder.ts';
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
  /** The time of a schedule that it runs for. It is alone then, unless the settings of the pipe say otherwise. */
  scheduled?: Scheduled;
  /** Go on where another run has ended, with what it has done. */
  resume?: Resume;
  /** Its id; one by chance unless told. */
  id?: string;
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
  planned: PlannedTask;
  /** The same, with its inputs and consumers as they are once the blocks of its stage have decided. */
  task: PlannedTask;
  /** Of a block: the list that runs. */
  list?: string;
  /** Connections of tasks with the same name are the same. */
  opens: string;
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
  /** Another pipe that this one runs, by a path relative to `folder`. `offered`: it takes those of the params that it declares. */
  load?(path: string, o: LoadOptions): Promise<{ plan: Plan; services: Services }>;
  /** Keeps the run in the history. */
  record?(run: Pick<NewRun, 'id' | 'pipe' | 'started'>): Recorder;
  /** Waits until the settings of the pipe let the run begin. */
  admit?(run: Omit<Applicant, 'pipe' | 'limits'>): Promise<Admission>;
}

export interface LoadOptions {
  folder: string;
  params: Record<string, Value>;
  /** It takes those of the params that it declares. */
  offered?: boolean;
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
  const id = options.id ?? newRunId();
  const events = createEvents(id, (event) => redactor.redactValue(event));
  const states = newStates(plan, '');
  const late = new AbortController();
  const signal = options.signal === undefined ? late.signal : AbortSignal.any([options.signal, late.signal]);
  const budget = retryBudget(plan.settings.retry_budget ?? RETRIES);

  const execute = async () => {
    // What expressions see as `run.started`, so that a run that goes on with this one sees the same.
    const waited = state.admit !== undefined || options.resume !== undefined;
    const started = waited ? new Date() : new Date(plan.started);
    const run = { id, parts, options, signal, events, budget, state, trigger: triggerOf(options, started) };
    const frame = openFrame(plan, services, run);
    const tasks = states.map((state) => ({ ...who(state), ...titleOf(state) }));
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
      if (options.resume !== undefined) restore(options.resume, states, frame.shared.scope, events);
      await runStages(plan, states, frame.shared, options.resume?.stage);
    } catch (thrown) {
      if (!(thrown instanceof ExitSignal))
        error = options.signal?.aborted ? failure('INTERRUPTED', {}, { cause: thrown }) : asFailure(thrown);
      else if (thrown.message !== undefined) events.emit({ type: 'log', level: 'info', message: thrown.message });
    } finally {
      clearInterval(ticker);
      stopLate();
      await frame.close();
    }
    if (error !== undefined) await giveNotice(error, plan, services, run);
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
    const blamed = error && blameFor(error);
    return {
      run: id,
      pipe: plan.name,
      status: error === undefined ? 'done' : error.fault === 'interrupted' ? 'interrupted' : 'failed',
      started: started.toISOString(),
      ended: ended.toISOString(),
      seconds: (ended.getTime() - started.getTime()) / 1000,
      tasks: states.map((state) => ({
        ...who(state),
        ...titleOf(state),
        status: state.status === 'waiting' || state.status === 'running' ? 'skipped' : state.status,
        ...state.figures,
        ...(state.result === null ? {} : { result: state.result }),
        ...beforeOf(options.resume, state),
      })),
      ...(error === undefined
        ? {}
        : {
            error: { ...error.toJSON(), ...blamed },
          }),
    };
  };

  /** Ends a run before it has begun: it was left out, or stopped while it waited. */
  const notBegun = (error: Failure | undefined) => {
    const found = reportOf(new Date(), error);
    const report = redactor.redactValue(error === undefined ? { ...found, status: 'skipped' as const } : found);
    events.emit({ type: 'run.ended', report });
    return { report, error };
  };

  const begin = async () => {
    const say = (level: 'info' | 'warn', message: string) => events.emit({ type: 'log', level, message });
    let place: Admission | undefined;
    try {
      place = await state.admit?.({
        run: id,
        signal,
        say: (message) => say('info', message),
        stop(newer) {
          say('warn', `run ${newer} has asked this one to stop`);
          late.abort(failure('INTERRUPTED'));
        },
      });
    } catch (thrown) {
      return notBegun(options.signal?.aborted ? failure('INTERRUPTED', {}, { cause: thrown }) : asFailure(thrown));
    }
    if (place?.skipped !== undefined) {
      say('warn', `${plan.name} is skipped: ${place.skipped}`);
      return notBegun(undefined);
    }
    try {
      return await execute();
    } finally {
      await place?.leave();
    }
  };

  // In a later turn, so that the caller can listen before the first event.
  const result = Promise.resolve().then(begin);
  return { id, events: () => events.iterate(), on: (listener) => events.on(listener), result };
}

export function newRunId(): string {
  return `run-${randomBytes(6).toString('hex')}`;
}

export function figuresNow(state: TaskState): TaskFigures {
  return { ...state.figures, seconds: (Date.now() - state.startedMs) / 1000 };
}

/** `trigger` in expressions; a run that no schedule starts is for the time at which it starts. */
function triggerOf({ trigger = 'library', scheduled }: RunOptions, started: Date): Value {
  const time = started.toISOString();
  return { by: trigger, time, scheduled: scheduled?.time ?? time };
}

export function who({ planned: { index, op, id, number } }: TaskState) {
  return { index, op, id, ...(number === String(index + 1) ? {} : { number }) };
}

function titleOf({ planned: { title } }: TaskState): { title?: string } {
  return title === undefined ? {} : { title };
}
