// Runs the schedules of files and folders until it is stopped: what `pipe serve` is.
import type { Value } from '../contracts/data.ts';
import type { RunEvent, RunReport } from '../contracts/run.ts';
import type { StateStore } from '../contracts/state.ts';
import type { Definitions } from '../definitions.ts';
import type { Run, RunFailure } from '../engine.ts';
import { asFailure } from '../errors.ts';
import type { RunOptions } from '../run.ts';
import { evaluateValue, outerScope } from '../scope.ts';
import { type Loaded, type LoadedPipe, type LoadedTrigger, loadSchedules } from './load.ts';
import { createScheduler } from './scheduler.ts';
import type { Claim, Outcome } from './ticks.ts';

/** What a service says, besides the events of its runs. */
export type ServiceEvent = { at: string } & (
  | { type: 'service.started' | 'service.changed'; pipes: number; triggers: number }
  | { type: 'service.problem'; message: string }
  | { type: 'service.stopping'; running: number }
  | { type: 'service.stopped' }
  | { type: 'tick.fired'; pipe: string; trigger: number; scheduled: string; run: string; late: boolean }
  | {
      type: 'tick.ended';
      pipe: string;
      trigger: number;
      scheduled: string;
      run: string;
      status: Outcome;
      message?: string;
    }
);

export interface ServiceOptions {
  listener(event: ServiceEvent | RunEvent): void;
  /** Told of each run that has ended. */
  ended(pipe: string, outcome: Outcome, report: RunReport | undefined): void;
}

export interface ServiceStatus {
  status: 'ok' | 'stuck' | 'stopping';
  pipes: number;
  running: number;
}

export interface Service {
  /** Finds the pipes and begins. */
  start(): Promise<void>;
  /** Starts nothing more, waits for what runs, and stops that after so long. */
  stop(graceMs: number): Promise<void>;
  status(): ServiceStatus;
}

export interface ServiceParts {
  paths: readonly string[];
  definitions: Definitions;
  state: StateStore;
  run(file: string, options: RunOptions & { params: Record<string, unknown> }): Run;
}

const lookForChangesMs = 2000;
const stuckMs = 60_000;

/** The params that a trigger gives a run. */
export function triggerParams({ params, number }: LoadedTrigger, scheduled: string): Record<string, unknown> {
  const time = new Date().toISOString();
  const scope = outerScope({ params: {}, run: { started: time }, trigger: { by: 'cron', time, scheduled } });
  return evaluateValue(params as Value, scope, `the params of trigger ${number}`) as Record<string, unknown>;
}

export function createService(parts: ServiceParts, { listener, ended }: ServiceOptions): Service {
  const { paths, definitions, state, run } = parts;
  const stopping = new AbortController();
  const tell = (event: ServiceEvent extends infer E ? (E extends ServiceEvent ? Omit<E, 'at'> : never) : never) =>
    listener({ at: new Date().toISOString(), ...event } as ServiceEvent);
  const problem = (message: string) => tell({ type: 'service.problem', message });
  let lastProblem = '';
  let loaded: Loaded = { pipes: [], problems: [] };
  let looping: Promise<void> = Promise.resolve();
  let changes: NodeJS.Timeout | undefined;

  const fire = async (pipe: LoadedPipe, claim: Claim, signal: AbortSignal): Promise<Outcome> => {
    const trigger = claim.trigger as LoadedTrigger;
    const scheduled = new Date(claim.tick).toISOString();
    const about = { pipe: pipe.pipe, trigger: trigger.number, scheduled, run: claim.run };
    tell({ type: 'tick.fired', ...about, late: claim.late === true });
    const all = trigger.catchUp === 'all';
    let report: RunReport | undefined;
    let outcome: Outcome;
    let message: string | undefined;
    try {
      const running = run(pipe.file, {
        params: triggerParams(trigger, scheduled),
        signal,
        id: claim.run,
        trigger: 'cron',
        scheduled: { time: scheduled, ...(claim.late === true ? { late: true } : {}), ...(all ? { all } : {}) },
      });
      running.on((event) => {
        listener(event);
        if (event.type === 'run.ended') report = event.report;
      });
      outcome = (await running.result).status;
    } catch (error) {
      report = (error as RunFailure).report ?? report;
      outcome = report?.status ?? 'failed';
      const { code, message: text } = asFailure(error);
      message = `${code} ${text}`;
    }
    ended(pipe.pipe, outcome, report);
    tell({ type: 'tick.ended', ...about, status: outcome, ...(message === undefined ? {} : { message }) });
    return outcome;
  };

  const scheduler = createScheduler<LoadedPipe>({
    state,
    fire,
    warn(error) {
      const { code, message } = asFailure(error);
      const text = `${code} ${message}`;
      if (text !== lastProblem) problem(text);
      lastProblem = text;
    },
  });

  const load = async (): Promise<boolean> => {
    const found = await loadSchedules(paths, definitions, loaded);
    const print = ({ pipes, problems }: Loaded) =>
      JSON.stringify([pipes.map(({ file, version }) => [file, version]), problems]);
    if (print(found) === print(loaded)) return false;
    const told = new Set(loaded.problems.map(({ text }) => text));
    for (const { text } of found.problems) if (!told.has(text)) problem(text.trimEnd());
    loaded = found;
    scheduler.set(
      found.pipes.map((pipe) => ({ ...pipe, triggers: pipe.triggers.filter(({ disabled }) => !disabled) })),
    );
    return true;
  };
  const figures = () => ({
    pipes: loaded.pipes.length,
    triggers: loaded.pipes.reduce((sum, { triggers }) => sum + triggers.filter(({ disabled }) => !disabled).length, 0),
  });
  const watch = () => {
    changes = setTimeout(async () => {
      try {
        if (await load()) tell({ type: 'service.changed', ...figures() });
      } catch (error) {
        problem(asFailure(error).message);
      }
      if (!stopping.signal.aborted) watch();
    }, lookForChangesMs);
  };

  return {
    async start() {
      await load();
      tell({ type: 'service.started', ...figures() });
      looping = scheduler.run(stopping.signal);
      watch();
    },
    async stop(graceMs) {
      if (!stopping.signal.aborted) tell({ type: 'service.stopping', running: scheduler.running() });
      stopping.abort();
      clearTimeout(changes);
      await looping;
      await scheduler.end(graceMs);
      tell({ type: 'service.stopped' });
    },
    status() {
      const stuck = Date.now() - scheduler.stepped() > stuckMs;
      return {
        status: stopping.signal.aborted ? 'stopping' : stuck ? 'stuck' : 'ok',
        pipes: loaded.pipes.length,
        running: scheduler.running(),
      };
    },
  };
}
