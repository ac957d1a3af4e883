// The functions on dates, timestamps and durations.
import { called, type FunctionEntry, method, textAt } from './function-entry.ts';
import { formatText } from './functions-text.ts';
import { operandOf, unfit } from './messages.ts';
import { Problem, quoted, type Site } from './problem.ts';
import { type Civil, Duration, readDuration, readTimestamp, Timestamp } from './time.ts';
import { dayOfWeek, dayOfYear, formatTimestamp, offsetIn, readPattern } from './time-format.ts';

const example = '"2024-05-31" or "2024-05-31T12:00:00Z"';

function timestampAt(site: Site, index: number, value: unknown): Timestamp {
  if (value instanceof Timestamp) return value;
  if (typeof value !== 'string') throw unfit(site, index, value, 'a timestamp');
  const timestamp = readTimestamp(value);
  if (timestamp === undefined) throw notTimestamp(site, index, value);
  return timestamp;
}

function notTimestamp(site: Site, index: number, text: string): Problem {
  return new Problem(() => {
    const operand = operandOf(site, index);
    const written = operand.startsWith('"') || operand.startsWith("'") ? operand : `${operand} is ${quoted(text)}`;
    return `${written}${written === operand ? ' is' : ','} not a date or time like ${example}; for another form write timestamp(${operand}, "%d.%m.%Y")`;
  });
}

/** `timestamp(x)`: ISO text, or seconds since 1970. `timestamp(text, pattern)`: another form. */
function toTimestamp(site: Site, value: unknown, pattern?: unknown): Timestamp {
  if (pattern !== undefined) return readPattern(textAt(site, 0, value), textAt(site, 1, pattern));
  if (typeof value === 'bigint') return new Timestamp(Number(value), 0, 0, 0);
  if (typeof value !== 'number') return timestampAt(site, 0, value);
  if (!Number.isFinite(value)) throw new Problem(`${operandOf(site, 0)} is ${value}, not seconds since 1970`);
  const seconds = Math.floor(value);
  // A double holds the microseconds of our time, and no more.
  const microseconds = Math.round((value - seconds) * 1_000_000);
  return Timestamp.fromNanoseconds((BigInt(seconds) * 1_000_000n + BigInt(microseconds)) * 1000n, 0, 0);
}

/** `date(x)`: the date as it is written. `date(x, zone)`: the date it is there. */
function toDate(site: Site, value: unknown, zone?: unknown): string {
  const timestamp = timestampAt(site, 0, typeof value === 'string' ? withoutLongFraction(value) : value);
  return zone === undefined ? timestamp.date() : timestamp.date(offsetIn(textAt(site, 1, zone), timestamp));
}

function withoutLongFraction(text: string): string {
  return text.replace(/([.,]\d{9})\d+/, '$1');
}

function toDuration(site: Site, value: unknown): Duration {
  if (value instanceof Duration) return value;
  const text = textAt(site, 0, value);
  const duration = readDuration(text);
  if (duration === undefined) throw new Problem(`${quoted(text)} is not a duration like "24h", "1h30m" or "7d"`);
  return duration;
}

// `format(time, "%Y", zone)`, or CEL's `"%d".format([1])`: what stands second tells them apart.
function format(site: Site, value: unknown, pattern: unknown, zone?: unknown): string {
  if (Array.isArray(pattern) && zone === undefined) return formatText(site, value, pattern);
  const timestamp = timestampAt(site, 0, value);
  const form = textAt(site, 1, pattern);
  return zone === undefined
    ? formatTimestamp(timestamp, form)
    : formatTimestamp(timestamp, form, offsetIn(textAt(site, 2, zone), timestamp));
}

// CEL's getters: in UTC, or in the zone that is named. `getHours` and the like also count the whole of a duration.
function getter(
  name: string,
  part: (civil: Civil, timestamp: Timestamp) => number,
  unitNanoseconds?: bigint,
): FunctionEntry {
  const run = (site: Site, value: unknown, zone?: unknown): bigint => {
    if (value instanceof Duration && unitNanoseconds !== undefined && zone === undefined)
      return value.nanoseconds / unitNanoseconds;
    const timestamp = timestampAt(site, 0, value);
    const offset = zone === undefined ? 0 : offsetIn(textAt(site, 1, zone), timestamp);
    return BigInt(part(timestamp.civil(offset), timestamp));
  };
  return method(name, 1, 2, run, 'integer');
}

function now(): Timestamp {
  const milliseconds = Date.now();
  return new Timestamp(Math.floor(milliseconds / 1000), (milliseconds % 1000) * 1_000_000, 0, 3);
}

export const timeFunctions: FunctionEntry[] = [
  called('timestamp', 1, 2, toTimestamp),
  called('date', 1, 2, toDate, 'text'),
  called('duration', 1, 1, toDuration),
  method('format', 2, 3, format, 'text'),
  { name: 'now', style: 'function', least: 0, most: 0, varies: true, run: now },
  getter('getFullYear', ({ year }) => year),
  getter('getMonth', ({ month }) => month - 1),
  getter('getDate', ({ day }) => day),
  getter('getDayOfMonth', ({ day }) => day - 1),
  getter('getDayOfWeek', dayOfWeek),
  getter('getDayOfYear', dayOfYear),
  getter('getHours', ({ hour }) => hour, 3_600_000_000_000n),
  getter('getMinutes', ({ minute }) => minute, 60_000_000_000n),
  getter('getSeconds', ({ second }) => second, 1_000_000_000n),
  getter('getMilliseconds', (_, { nanoseconds }) => Math.floor(nanoseconds / 1_000_000), 1_000_000n),
];
