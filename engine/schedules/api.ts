// What `engine.schedules` offers: the triggers of pipe files with their next times, pauses, and the service that runs them.
import { dirname, resolve } from 'node:path';
import type { StateStore } from '../contracts/state.ts';
import type { Definitions } from '../definitions.ts';
import type { Engine } from '../engine.ts';
import { failure } from '../errors.ts';
import type { Surroundings } from '../surroundings.ts';
import { type Loaded, type LoadedPipe, type LoadedTrigger, loadSchedules } from './load.ts';
import { createService, type Service, type ServiceOptions, triggerParams } from './service.ts';
import { type PipeSchedule, scheduleOf, setPaused } from './ticks.ts';

/** One trigger of one file. Times are ISO timestamps. */
export interface ScheduleInfo
  extends Pick<LoadedTrigger, 'cron' | 'timezone' | 'start' | 'end' | 'jitter' | 'catchUp'> {
  pipe: string;
  file: string;
  /** From 1, in the order of the file. */
  trigger: number;
  status: 'active' | 'paused' | 'disabled' | 'over';
  /** The next times. */
  next: string[];
  /** The last time that was run, and what became of it. */
  last?: { scheduled: string; status: string; run?: string };
  /** As the file has them. */
  params: Record<string, unknown>;
}

export interface ScheduleList {
  schedules: ScheduleInfo[];
  /** Files that cannot be scheduled: what `pipe check` says of them. */
  problems: Loaded['problems'];
}

export interface Schedules {
  list(paths: readonly string[], o?: { count?: number; from?: Date }): Promise<ScheduleList>;
  /** Gives the names of the pipes. */
  pause(paths: readonly string[]): Promise<string[]>;
  resume(paths: readonly string[]): Promise<string[]>;
  /** What a run is given that a trigger starts, now or for the last time that has passed. */
  options(
    file: string,
    trigger: number,
    at: 'now' | 'last',
  ): Promise<{ params: Record<string, unknown>; time: string }>;
  service(paths: readonly string[], options: ServiceOptions): Promise<Service>;
}

export function createSchedules(surroundings: Surroundings, definitions: Definitions, run: Engine['run']): Schedules {
  const stateOf = async (path: string) => surroundings.states.of(await surroundings.around(path)).open();
  const needed = async (path: string): Promise<StateStore> => {
    const state = await stateOf(path);
    if (state !== undefined) return state;
    const why = 'there is none: no pipewright.yaml is around, or it says `state: false`';
    throw failure('STATE_NEEDED', { what: 'a schedule', why });
  };
  const load = (paths: readonly string[]) =>
    loadSchedules(
      paths.map((path) => resolve(surroundings.folder, path)),
      definitions,
    );

  const setAll = async (paths: readonly string[], paused: boolean): Promise<string[]> => {
    const { pipes } = await load(paths);
    for (const { pipe, file } of pipes) {
      const state = await needed(dirname(file));
      await state.change('schedule', pipe, (before) => setPaused(before, paused, Date.now()));
    }
    return pipes.map(({ pipe }) => pipe);
  };

  return {
    async list(paths, { count = 1, from = new Date() } = {}) {
      const { pipes, problems } = await load(paths);
      const schedules: ScheduleInfo[] = [];
      for (const pipe of pipes) {
        const known = scheduleOf(await (await stateOf(dirname(pipe.file)))?.document('schedule', pipe.pipe));
        for (const trigger of pipe.triggers) schedules.push(infoOf(pipe, trigger, known, count, from.getTime()));
      }
      return { schedules, problems };
    },
    pause: (paths) => setAll(paths, true),
    resume: (paths) => setAll(paths, false),
    async options(file, number, at) {
      const { pipes } = await load([file]);
      const trigger = pipes[0]?.triggers.find((each) => each.number === number);
      if (trigger === undefined) {
        // It says what is wrong with the definition, where something is.
        await definitions.plan(file);
        const many = pipes[0]?.triggers.length ?? 0;
        throw failure('TRIGGER_UNKNOWN', {
          file,
          why: `has no trigger ${number}${many === 0 ? '' : `; it has ${many}`}`,
        });
      }
      const now = Date.now();
      const time = new Date(at === 'now' ? now : (trigger.times.previous(now) ?? now)).toISOString();
      return { params: triggerParams(trigger, time), time };
    },
    async service(paths, options) {
      const first = resolve(surroundings.folder, paths[0] ?? '.');
      const { pipes } = await load(paths);
      const state = await needed(pipes[0] === undefined ? first : dirname(pipes[0].file));
      const absolute = paths.map((path) => resolve(surroundings.folder, path));
      return createService({ paths: absolute, definitions, state, run }, options);
    },
  };
}

function infoOf(
  { pipe, file }: LoadedPipe,
  trigger: LoadedTrigger,
  known: PipeSchedule,
  count: number,
  from: number,
): ScheduleInfo {
  const { number, cron, timezone, start, end, jitter, catchUp, params, times, disabled } = trigger;
  const next: string[] = [];
  for (let at = times.next(from); at !== undefined && next.length < count; at = times.next(at))
    next.push(new Date(at).toISOString());
  const last = known.lines[trigger.key]?.ticks.findLast(({ run }) => run !== undefined);
  const paused = known.paused !== undefined;
  return {
    pipe,
    file,
    trigger: number,
    cron,
    timezone,
    start,
    end,
    jitter,
    catchUp,
    status: disabled ? 'disabled' : paused ? 'paused' : next.length === 0 && count > 0 ? 'over' : 'active',
    next: disabled || paused ? [] : next,
    ...(last === undefined
      ? {}
      : { last: { scheduled: new Date(last.tick).toISOString(), status: last.status, run: last.run! } }),
    params,
  };
}
