// Dates and times as text: what SQLite and those who use it write, in the form that ours have.
// https://www.sqlite.org/lang_datefunc.html#time_values
import type { ColumnType } from '../../engine/contracts/data.ts';

type TimeType = Extract<ColumnType, 'date' | 'time' | 'timestamp' | 'timestamptz' | 'interval'>;

const date = String.raw`(?:\d{4}|[+-]\d{6})-\d\d-\d\d`;
const time = String.raw`\d\d:\d\d(?::\d\d(?:\.\d+)?)?`;
const zone = String.raw`Z|[+-]\d\d(?::?\d\d)?`;

const forms: Record<TimeType, RegExp> = {
  date: new RegExp(`^${date}$`),
  time: new RegExp(`^${time}$`),
  timestamp: new RegExp(`^(${date})(?:[T ](${time}))?$`),
  timestamptz: new RegExp(`^(${date})[T ](${time}) ?(${zone})$`),
  interval: /^-?P[-\dYMWDTHS.,]+$/,
};

/** ISO text of the type, or undefined where it is none. `infinity` is a date and a timestamp, as in Postgres. */
export function timeText(type: TimeType, text: string): string | undefined {
  const found = forms[type].exec(text);
  if (found === null) {
    return type !== 'time' && type !== 'interval' && /^-?infinity$/.test(text) ? text : undefined;
  }
  switch (type) {
    case 'time':
      return withSeconds(text);
    case 'timestamp':
      return `${found[1]}T${withSeconds(found[2] ?? '00:00:00')}`;
    case 'timestamptz':
      return `${found[1]}T${withSeconds(found[2]!)}${withMinutes(found[3]!)}`;
    default:
      return text;
  }
}

function withSeconds(text: string): string {
  return text.length === 5 ? `${text}:00` : text;
}

/** `+02` and `+0200` are `+02:00`. */
function withMinutes(text: string): string {
  if (text === 'Z' || text.length === 6) return text;
  return text.length === 3 ? `${text}:00` : `${text.slice(0, 3)}:${text.slice(3)}`;
}

/** A date or timestamp of four-digit years less so many milliseconds, with all its digits; undefined where it is none. */
export function earlierTime(text: string, ms: number): string | undefined {
  const [, whole, fraction = ''] =
    /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d+))?$/.exec(timeText('timestamp', text) ?? '') ?? [];
  if (whole === undefined) return undefined;
  const nanoseconds = fraction.padEnd(9, '0').slice(0, 9);
  const at = BigInt(Date.parse(`${whole}Z`)) * 1_000_000n + BigInt(nanoseconds) - BigInt(Math.round(ms * 1e6));
  const below = ((at % 1_000_000_000n) + 1_000_000_000n) % 1_000_000_000n;
  const seconds = Number((at - below) / 1_000_000n);
  if (seconds < Date.UTC(0, 0, 1) - 6e13) return '';
  const shown = new Date(seconds).toISOString();
  // Earlier than any four-digit year is earlier than all of them.
  if (!/^\d{4}-/.test(shown)) return '';
  return `${shown.slice(0, 19)}${below === 0n ? '' : `.${String(below).padStart(9, '0').replace(/0+$/, '')}`}`;
}
