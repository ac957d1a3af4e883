// Timestamps in time zones and in patterns of strftime's kind, both ways.
import { Problem, quoted } from './problem.ts';
import { type Civil, daysOfCivil, fromCivil, offsetOf, offsetText, padded, Timestamp } from './time.ts';

const monthNames = [
  'January',
  'February',
  'March',
  'April',
  'May',
  'June',
  'July',
  'August',
  'September',
  'October',
  'November',
  'December',
];
const dayNames = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday'];

const clocks = new Map<string, Intl.DateTimeFormat>();

/** Minutes east of UTC that `zone` (`Europe/Berlin`, `UTC`, `+02:00`) has at that time. */
export function offsetIn(zone: string, timestamp: Timestamp): number {
  if (/^[+-]\d\d:?\d\d$/.test(zone)) return offsetOf(zone);
  if (zone === 'UTC' || zone === 'Z') return 0;
  const shown: Record<string, number> = {};
  for (const { type, value } of clockOf(zone).formatToParts(timestamp.seconds * 1000)) shown[type] = Number(value);
  const local =
    daysOfCivil(shown.year!, shown.month!, shown.day!) * 86_400 +
    shown.hour! * 3600 +
    shown.minute! * 60 +
    shown.second!;
  return Math.round((local - timestamp.seconds) / 60);
}

function clockOf(zone: string): Intl.DateTimeFormat {
  let clock = clocks.get(zone);
  if (clock === undefined) {
    const numeric = 'numeric' as const;
    const parts = { year: numeric, month: numeric, day: numeric, hour: numeric, minute: numeric, second: numeric };
    try {
      clock = new Intl.DateTimeFormat('en-u-ca-iso8601', { timeZone: zone, hourCycle: 'h23', ...parts });
    } catch {
      throw new Problem(`there is no time zone ${quoted(zone)}; zones are named like "Europe/Berlin" or "+02:00"`);
    }
    clocks.set(zone, clock);
  }
  return clock;
}

export function dayOfWeek(civil: Civil): number {
  return (((daysOfCivil(civil.year, civil.month, civil.day) + 4) % 7) + 7) % 7;
}

/** From 0. */
export function dayOfYear(civil: Civil): number {
  return daysOfCivil(civil.year, civil.month, civil.day) - daysOfCivil(civil.year, 1, 1);
}

/** `%Y-%m-%d`; the letters are those of C's strftime. */
export function formatTimestamp(timestamp: Timestamp, pattern: string, offset = timestamp.offset): string {
  const civil = timestamp.civil(offset ?? 0);
  return pattern.replace(/%(.?)/gsu, (mark, letter: string) => {
    switch (letter) {
      case 'Y':
        return padded(civil.year, 4);
      case 'y':
        return padded(civil.year % 100, 2);
      case 'm':
        return padded(civil.month, 2);
      case 'd':
        return padded(civil.day, 2);
      case 'e':
        return String(civil.day);
      case 'H':
        return padded(civil.hour, 2);
      case 'I':
        return padded(civil.hour % 12 || 12, 2);
      case 'M':
        return padded(civil.minute, 2);
      case 'S':
        return padded(civil.second, 2);
      case 'f':
        return padded(timestamp.nanoseconds, 9).slice(0, Math.max(timestamp.digits, 3));
      case 'p':
        return civil.hour < 12 ? 'AM' : 'PM';
      case 'b':
        return monthNames[civil.month - 1]!.slice(0, 3);
      case 'B':
        return monthNames[civil.month - 1]!;
      case 'a':
        return dayNames[dayOfWeek(civil)]!.slice(0, 3);
      case 'A':
        return dayNames[dayOfWeek(civil)]!;
      case 'j':
        return padded(dayOfYear(civil) + 1, 3);
      case 's':
        return String(timestamp.seconds);
      case 'z':
        return offsetText(offset);
      case 'F':
        return timestamp.date(offset ?? 0);
      case 'T':
        return `${padded(civil.hour, 2)}:${padded(civil.minute, 2)}:${padded(civil.second, 2)}`;
      case '%':
        return '%';
      default:
        throw new Problem(
          `the pattern ${quoted(pattern)} has ${quoted(mark)}, which means nothing; "%%" is a percent sign`,
        );
    }
  });
}

const readable: Record<string, string> = {
  Y: '(?<Y>\\d{4})',
  y: '(?<y>\\d\\d)',
  m: '(?<m>\\d\\d?)',
  d: '(?<d>\\d\\d?)',
  e: ' ?(?<d>\\d\\d?)',
  H: '(?<H>\\d\\d?)',
  I: '(?<I>\\d\\d?)',
  M: '(?<M>\\d\\d?)',
  S: '(?<S>\\d\\d?)',
  f: '(?<f>\\d{1,9})',
  p: '(?<p>[AaPp]\\.?[Mm]\\.?)',
  b: '(?<b>[A-Za-z]{3})',
  B: '(?<B>[A-Za-z]{3,9})',
  s: '(?<s>-?\\d{1,12})',
  z: '(?<z>[Zz]|[+-]\\d\\d(?::?\\d\\d)?)',
  '%': '%',
};

const readers = new Map<string, RegExp>();

/** The timestamp that `text` is in a pattern; a Problem where it is not one. */
export function readPattern(text: string, pattern: string): Timestamp {
  const found = text.length > 200 ? undefined : readerOf(pattern).exec(text)?.groups;
  const timestamp = found === undefined ? undefined : fromParts(found);
  if (timestamp === undefined) throw new Problem(`${quoted(text)} is not a time of the form ${quoted(pattern)}`);
  return timestamp;
}

function readerOf(pattern: string): RegExp {
  let reader = readers.get(pattern);
  if (reader === undefined) {
    const spread = pattern.replaceAll('%F', '%Y-%m-%d').replaceAll('%T', '%H:%M:%S');
    const source = spread.replace(/%(.?)|[^%]/gsu, (mark, letter?: string) => {
      if (letter === undefined) return mark.replace(/[\\^$.*+?()[\]{}|/]/, '\\$&');
      const part = readable[letter];
      if (part === undefined)
        throw new Problem(`the pattern ${quoted(pattern)} has ${quoted(mark)}, which cannot be read`);
      return part;
    });
    try {
      reader = new RegExp(`^${source}$`, 'u');
    } catch {
      throw new Problem(`the pattern ${quoted(pattern)} names a part twice`);
    }
    if (readers.size > 100) readers.clear();
    readers.set(pattern, reader);
  }
  return reader;
}

function fromParts(parts: Record<string, string | undefined>): Timestamp | undefined {
  const number = (name: string, otherwise: number) => (parts[name] === undefined ? otherwise : Number(parts[name]));
  const fraction = parts.f ?? '';
  const nanoseconds = Number(fraction.padEnd(9, '0'));
  const offset = parts.z === undefined ? undefined : offsetOf(parts.z);
  if (parts.s !== undefined) return new Timestamp(Number(parts.s), nanoseconds, 0, fraction.length);
  const month = monthOf(parts.b ?? parts.B) ?? number('m', 1);
  const short = number('y', 70);
  const year = number('Y', short < 69 ? 2000 + short : 1900 + short);
  let hour = number('H', 0);
  if (parts.I !== undefined) hour = (number('I', 12) % 12) + (/^p/i.test(parts.p ?? '') ? 12 : 0);
  return fromCivil(
    { year, month, day: number('d', 1), hour, minute: number('M', 0), second: number('S', 0) },
    nanoseconds,
    offset,
    fraction.length,
  );
}

// -1 for a name that is no month, so that the date is refused.
function monthOf(name: string | undefined): number | undefined {
  if (name === undefined) return undefined;
  const index = monthNames.findIndex(
    (month) => month.slice(0, Math.max(name.length, 3)).toLowerCase() === name.toLowerCase(),
  );
  return index < 0 ? -1 : index + 1;
}
