// When a trigger is due: the ticks of its cron line between its start and end, in its time zone, as milliseconds of UTC.
import { Cron, CronDate } from 'croner';
import { didYouMean } from '../suggest.ts';
import { cronOptions } from './cron-line.ts';

export interface Times {
  /** The first tick after a time. */
  next(after: number): number | undefined;
  /** The last tick at or before a time. */
  previous(at: number): number | undefined;
}

export interface TimesOptions {
  cron: string;
  timezone: string;
  start?: string | undefined;
  end?: string | undefined;
}

/** The line, the zone and the times have no problem. */
export function timesOf({ cron, timezone, start, end }: TimesOptions): Times {
  const job = new Cron(cron, { ...cronOptions, timezone, paused: true });
  const from = start === undefined ? Number.NEGATIVE_INFINITY : boundary(start, timezone, 'first');
  const until = end === undefined ? Number.POSITIVE_INFINITY : boundary(end, timezone, 'last');
  const within = (tick: number | undefined) => (tick === undefined || tick < from || tick > until ? undefined : tick);
  return {
    next: (after) => within(job.nextRun(new Date(Math.max(after, from - 1)))?.getTime()),
    previous(at) {
      const before = Math.min(at, until);
      // It looks before the second it is given.
      return within(job.previousRuns(1, new Date(Math.floor(before / 1000) * 1000 + 1000))[0]?.getTime());
    },
  };
}

/** A date without a time stands for all of its day. */
function boundary(text: string, timezone: string, side: 'first' | 'last'): number {
  const [, date, time, zone] = timePattern.exec(text)!;
  if (zone !== undefined) return Date.parse(text.replace(' ', 'T'));
  return new CronDate(`${date}T${time ?? (side === 'first' ? '00:00:00' : '23:59:59')}`, timezone).getTime();
}

const timePattern = /^(\d{4}-\d{2}-\d{2})(?:[T ](\d{2}:\d{2}(?::\d{2})?)(Z|[+-]\d{2}:\d{2})?)?$/;

/** What is wrong with a start or an end; undefined when nothing is. */
export function timeProblem(text: string): string | undefined {
  const found = timePattern.exec(text);
  if (found === null) return 'is no date or time; write it as 2026-01-31 or 2026-01-31T18:00:00';
  const [, date, time = '00:00', zone = 'Z'] = found;
  const at = Date.parse(`${date}T${time}${zone}`);
  // What does not exist is moved on by some readers.
  const exists = !Number.isNaN(at) && new Date(Date.parse(`${date}T00:00Z`)).toISOString().startsWith(date!);
  return exists ? undefined : 'is a time that does not exist';
}

/** What is wrong with the name of a time zone; undefined when nothing is. */
export function zoneProblem(timezone: string): string | undefined {
  try {
    new Intl.DateTimeFormat('en', { timeZone: timezone });
    if (!/^[+-]/.test(timezone)) return undefined;
  } catch {}
  const known = ['UTC', ...Intl.supportedValuesOf('timeZone')];
  // Many know the city and not the continent.
  const city = known.filter(
    (name) => name.split('/').at(-1)!.toLowerCase() === timezone.toLowerCase().replace(/ /g, '_'),
  );
  const near = city.length > 0 ? `; did you mean "${city[0]}"?` : didYouMean(timezone, known);
  return `there is no time zone "${timezone}"${near === '' ? '; write its IANA name, such as Europe/Berlin' : near}`;
}

/** The zone of the machine. */
export function machineZone(): string {
  return new Intl.DateTimeFormat().resolvedOptions().timeZone;
}

/** Whether two names stand for one zone. */
export function sameZone(a: string, b: string): boolean {
  const plain = (name: string) => {
    const found = new Intl.DateTimeFormat('en', { timeZone: name }).resolvedOptions().timeZone;
    return /^(Etc\/)?(UTC|UCT|Universal|Zulu|Greenwich|GMT([+-]?0)?)$/.test(found) ? 'UTC' : found;
  };
  return plain(a) === plain(b);
}
