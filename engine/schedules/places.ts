// How many runs of a pipe may go on at once, and how many may start in an interval: decided on one document of the state.
import type { Settings } from '../../schemas/generated/types.ts';
import type { Value } from '../contracts/data.ts';
import type { Holder } from '../contracts/state.ts';
import { durationMs } from '../duration.ts';
import { hasLost } from '../state/holder.ts';

export interface Limits {
  /** Runs at once; any number when undefined. */
  concurrency: number | undefined;
  overlap: 'skip' | 'queue' | 'cancel';
  throttle: { runs: number; perMs: number } | undefined;
}

/** A run that a schedule starts. */
export interface Scheduled {
  /** For which time, as ISO timestamp. */
  time: string;
  /** It was missed and is made up for. */
  late?: boolean;
  /** Every one is to be made up for that was missed. */
  all?: boolean;
}

/**
 * Undefined where nothing limits the runs. One that a schedule starts is alone unless the settings say otherwise, and
 * is left out when another one goes on; it waits where every one is to be made up for.
 */
export function limitsOf(settings: Settings, scheduled: Scheduled | undefined): Limits | undefined {
  const { concurrency, on_overlap: overlap, throttle } = settings;
  if (concurrency === undefined && throttle === undefined && scheduled === undefined) return undefined;
  return {
    concurrency: concurrency ?? (scheduled === undefined ? undefined : 1),
    overlap:
      scheduled?.late === true ? 'queue' : (overlap ?? (scheduled === undefined || scheduled.all ? 'queue' : 'skip')),
    throttle: throttle && { runs: throttle.runs, perMs: durationMs(throttle.per) },
  };
}

interface Place {
  run: string;
  holder: Holder;
  /** Until when it counts as taken on another machine. */
  until: number;
  running: boolean;
  /** The run that asks this one to stop. */
  stop?: string;
}

interface Places {
  /** In the order of arrival. */
  places: Place[];
  /** When runs have started, as far as an interval goes back. */
  starts: number[];
}

export interface Request {
  run: string;
  holder: Holder;
  leaseMs: number;
  limits: Limits;
}

/** `wait`: ask again. The reasons are parts of sentences. */
export type Answer = { is: 'entered' } | { is: 'skipped'; reason: string } | { is: 'wait'; reason: string };

/** Gives a run its place, or tells why not. Called again and again while it waits. */
export function enter(before: Value | undefined, { run, holder, leaseMs, limits }: Request, now: number) {
  const { concurrency = Number.POSITIVE_INFINITY, overlap, throttle } = limits;
  const { places, starts } = read(before, now);
  const own = places.find((place) => place.run === run) ?? { run, holder, until: 0, running: false };
  if (!places.includes(own)) places.push(own);
  own.until = now + leaseMs;
  const recent = throttle === undefined ? [] : starts.filter((at) => at > now - throttle.perMs && at <= now);
  const done = (answer: Answer) => ({ after: { places, starts: recent } as unknown as Value, result: answer });
  const leave = (reason: string) => {
    places.splice(places.indexOf(own), 1);
    return done({ is: 'skipped', reason });
  };

  if (own.stop !== undefined) return leave(`run ${own.stop} has come in its place`);
  const ahead = places.slice(0, places.indexOf(own));
  const others = places.filter((place) => place.running && place !== own);
  // Those that wait and came first have the first free places.
  const taken = others.length + ahead.filter(({ running }) => !running).length;
  if (taken >= concurrency) {
    const first = others[0] ?? ahead[0]!;
    const reason = `run ${first.run} is still going on (process ${first.holder.pid} on ${first.holder.host})`;
    if (overlap === 'skip') return leave(reason);
    if (overlap === 'cancel') {
      const many = taken - concurrency + 1;
      for (const place of [...ahead.filter(({ running }) => !running), ...others].slice(0, many)) place.stop ??= run;
    }
    return done({ is: 'wait', reason });
  }
  if (throttle !== undefined && recent.length >= throttle.runs) {
    const seconds = Math.ceil((recent.at(-throttle.runs)! + throttle.perMs - now) / 1000);
    const reason = `${recent.length === 1 ? '1 run has' : `${recent.length} runs have`} started in the last ${throttle.perMs / 1000} s, and no more may for ${seconds} s`;
    return overlap === 'skip' ? leave(reason) : done({ is: 'wait', reason });
  }
  own.running = true;
  if (throttle !== undefined) recent.push(now);
  return done({ is: 'entered' });
}

/** Keeps a place for longer. Gives the run that asks this one to stop. */
export function stay(before: Value | undefined, { run, leaseMs }: Pick<Request, 'run' | 'leaseMs'>, now: number) {
  const { places, starts } = read(before, now);
  const own = places.find((place) => place.run === run);
  if (own !== undefined) own.until = now + leaseMs;
  return { after: { places, starts } as unknown as Value, result: own?.stop };
}

export function leave(before: Value | undefined, run: string, now: number) {
  const { places, starts } = read(before, now);
  const rest = places.filter((place) => place.run !== run);
  const empty = rest.length === 0 && starts.length === 0;
  return { after: empty ? undefined : ({ places: rest, starts } as unknown as Value), result: undefined };
}

/** Who asks a run to stop, by a look alone. */
export function stopOf(document: Value | undefined, run: string): string | undefined {
  return (document as unknown as Places | undefined)?.places.find((place) => place.run === run)?.stop;
}

/** A place whose process has died is free. */
function read(document: Value | undefined, now: number): Places {
  const { places, starts } = (document as unknown as Places | undefined) ?? { places: [], starts: [] };
  return { places: places.filter(({ holder, until }) => !hasLost(holder, until, now)), starts };
}
