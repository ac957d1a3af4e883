// Runs the ticks of schedules as a clock goes on. Any number of schedulers may share a state: each tick is run by one.
import type { Holder, StateStore } from '../contracts/state.ts';
import { wait } from '../duration.ts';
import { newRunId } from '../run.ts';
import { thisProcess } from '../state/holder.ts';
import {
  advance,
  type Claim,
  finish,
  lostRuns,
  nextStep,
  type Outcome,
  renew,
  scheduleOf,
  type Trigger,
} from './ticks.ts';

export interface Clock {
  /** Milliseconds of UTC. */
  now(): number;
  /** Resolves after so long, rejects when the signal aborts first. */
  sleep(ms: number, signal: AbortSignal): Promise<void>;
}

const systemClock: Clock = { now: Date.now, sleep: wait };

export interface ScheduledPipe {
  pipe: string;
  triggers: readonly Trigger[];
}

export interface SchedulerOptions<Pipe extends ScheduledPipe> {
  state: StateStore;
  /** Runs a tick. Does not reject. The signal aborts when the scheduler has to end. */
  fire(pipe: Pipe, claim: Claim, signal: AbortSignal): Promise<Outcome>;
  /** Told of what keeps a step from being made; the next one is tried. */
  warn?(error: unknown): void;
  clock?: Clock;
  holder?: Holder;
  random?: () => number;
}

export interface Scheduler<Pipe extends ScheduledPipe> {
  /** What there is to run from now on. */
  set(pipes: readonly Pipe[]): void;
  /** Starts what is due; gives when there is something to do next. */
  step(): Promise<number | undefined>;
  /** Steps until the signal aborts; then nothing more is started. */
  run(signal: AbortSignal): Promise<void>;
  /** Waits for what runs, at most so long, and then aborts it. */
  end(graceMs: number): Promise<void>;
  /** How many ticks are running here. */
  running(): number;
  /** When the last step was made. */
  stepped(): number;
}

/** How often the state is looked at for what other processes leave. */
const lookEveryMs = 1000;
const leaseMs = 120_000;

export function createScheduler<Pipe extends ScheduledPipe>(options: SchedulerOptions<Pipe>): Scheduler<Pipe> {
  const { state, fire, clock = systemClock, holder = thisProcess(), random = Math.random, warn = () => {} } = options;
  const kind = 'schedule';
  const firing = new Map<string, { pipe: Pipe; done: Promise<void>; until: number }>();
  const aborting = new AbortController();
  let pipes: readonly Pipe[] = [];
  let stepped = clock.now();
  let wake = () => {};

  const start = (pipe: Pipe, claim: Claim) => {
    const { tick, run, trigger } = claim;
    const done = fire(pipe, claim, aborting.signal)
      .then((outcome) => {
        const again = outcome === 'interrupted' && aborting.signal.aborted;
        return state.change(kind, pipe.pipe, (before) => finish(before, trigger, { tick, run, outcome, again }));
      })
      .catch(warn)
      .finally(() => {
        firing.delete(run);
        wake();
      });
    firing.set(run, { pipe, done, until: clock.now() + leaseMs });
  };

  /** What the history says of runs that hold a tick and whose process is gone. */
  const lookUp = async (runs: readonly string[]) => {
    const ended = new Map<string, Outcome>();
    for (const run of runs) {
      const status = (await state.run(run))?.status;
      ended.set(run, status === undefined || status === 'running' ? 'died' : status);
    }
    return ended;
  };

  const stepPipe = async (pipe: Pipe): Promise<number | undefined> => {
    const { triggers } = pipe;
    const schedule = scheduleOf(await state.document(kind, pipe.pipe));
    const now = clock.now();
    const due = nextStep(schedule, triggers, now);
    if (due === undefined || due > now) return due;
    const ended = await lookUp(lostRuns(schedule, now));
    const { claims, next } = await state.change(kind, pipe.pipe, (before) => {
      const moment = { now: clock.now(), holder, leaseMs, random, newRun: newRunId, ended };
      const { after, result } = advance(before, triggers, moment);
      return { after, result: { claims: result, next: nextStep(scheduleOf(after), triggers, moment.now) } };
    });
    for (const claim of claims) start(pipe, claim);
    return next;
  };

  const keep = async () => {
    const now = clock.now();
    const old = [...firing].filter(([, { until }]) => until - now < leaseMs / 2);
    const runs = new Set(old.map(([run]) => run));
    for (const pipe of new Set(old.map(([, each]) => each.pipe.pipe)))
      await state.change(kind, pipe, (before) => renew(before, runs, now + leaseMs));
    for (const [, each] of old) each.until = now + leaseMs;
  };

  const scheduler: Scheduler<Pipe> = {
    set(given) {
      pipes = given;
    },
    async step() {
      let first: number | undefined;
      for (const pipe of pipes) {
        const next = await stepPipe(pipe);
        if (next !== undefined && (first === undefined || next < first)) first = next;
      }
      await keep();
      stepped = clock.now();
      return first;
    },
    async run(signal) {
      while (!signal.aborted) {
        const next = await scheduler.step().catch(warn);
        const left = next === undefined ? lookEveryMs : Math.min(lookEveryMs, next - clock.now());
        const nap = new AbortController();
        wake = () => nap.abort();
        await clock.sleep(Math.max(1, left), AbortSignal.any([signal, nap.signal])).catch(() => {});
      }
    },
    async end(graceMs) {
      const all = Promise.all([...firing.values()].map(({ done }) => done));
      const inTime = new AbortController();
      const late = clock.sleep(graceMs, inTime.signal).then(
        () => aborting.abort(),
        () => {},
      );
      await all;
      inTime.abort();
      await late;
    },
    running: () => firing.size,
    stepped: () => stepped,
  };
  return scheduler;
}
