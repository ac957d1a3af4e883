// Points in time and lengths of time, to the nanosecond, with the offset they were written with. Never a JS Date.
import { Problem, quoted } from './problem.ts';

const nanosecondsPerSecond = 1_000_000_000n;
const secondsPerDay = 86_400;
/** 0001-01-01T00:00:00Z and the last second of 9999. */
const [earliest, latest] = [-62_135_596_800, 253_402_300_799];

/** The parts of a date and time as a clock on the wall shows them. */
export interface Civil {
  year: number;
  month: number;
  day: number;
  hour: number;
  minute: number;
  second: number;
}

/** `offset` is minutes east of UTC, or undefined for a local time without a zone, which computes as UTC. */
export class Timestamp {
  /** Since 1970-01-01T00:00:00Z. */
  readonly seconds: number;
  readonly nanoseconds: number;
  readonly offset: number | undefined;
  /** Digits of the fraction of a second that its text has. */
  readonly digits: number;

  constructor(seconds: number, nanoseconds: number, offset: number | undefined, digits: number) {
    if (!(seconds >= earliest && seconds <= latest)) throw new Problem('the timestamp is outside the years 1 to 9999');
    this.seconds = seconds;
    this.nanoseconds = nanoseconds;
    this.offset = offset;
    this.digits = digits;
  }

  static fromNanoseconds(total: bigint, offset: number | undefined, digits: number): Timestamp {
    const [seconds, nanoseconds] = splitNanoseconds(total);
    return new Timestamp(seconds, nanoseconds, offset, Math.max(digits, digitsOf(nanoseconds)));
  }

  /** Since 1970-01-01T00:00:00Z. */
  total(): bigint {
    return BigInt(this.seconds) * nanosecondsPerSecond + BigInt(this.nanoseconds);
  }

  /** What a clock at its own offset shows, or at another. */
  civil(offset = this.offset ?? 0): Civil {
    const local = this.seconds + offset * 60;
    const days = Math.floor(local / secondsPerDay);
    const rest = local - days * secondsPerDay;
    return {
      ...civilOfDays(days),
      hour: Math.floor(rest / 3600),
      minute: Math.floor(rest / 60) % 60,
      second: rest % 60,
    };
  }

  compare(other: Timestamp): number {
    return this.seconds - other.seconds || this.nanoseconds - other.nanoseconds;
  }

  plus(duration: Duration): Timestamp {
    return Timestamp.fromNanoseconds(this.total() + duration.nanoseconds, this.offset, this.digits);
  }

  minus(duration: Duration): Timestamp {
    return Timestamp.fromNanoseconds(this.total() - duration.nanoseconds, this.offset, this.digits);
  }

  since(other: Timestamp): Duration {
    return new Duration(this.total() - other.total());
  }

  /** `YYYY-MM-DD`. */
  date(offset = this.offset ?? 0): string {
    const { year, month, day } = this.civil(offset);
    return `${padded(year, 4)}-${padded(month, 2)}-${padded(day, 2)}`;
  }

  /** ISO 8601, with the digits and the offset it was written with. */
  toString(): string {
    const { hour, minute, second } = this.civil();
    const fraction = this.digits === 0 ? '' : `.${padded(this.nanoseconds, 9).slice(0, this.digits)}`;
    return `${this.date()}T${padded(hour, 2)}:${padded(minute, 2)}:${padded(second, 2)}${fraction}${offsetText(this.offset)}`;
  }
}

export class Duration {
  readonly nanoseconds: bigint;

  constructor(nanoseconds: bigint) {
    this.nanoseconds = nanoseconds;
  }

  /** Whole seconds and the fraction of one, as CEL writes a duration: `90s`, `-1.5s`. */
  toString(): string {
    const size = this.nanoseconds < 0n ? -this.nanoseconds : this.nanoseconds;
    const fraction = String(size % nanosecondsPerSecond)
      .padStart(9, '0')
      .replace(/0+$/, '');
    return `${this.nanoseconds < 0n ? '-' : ''}${size / nanosecondsPerSecond}${fraction === '' ? '' : `.${fraction}`}s`;
  }
}

const isoPattern =
  /^(\d{4})-(\d\d)-(\d\d)(?:[Tt ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d+))?)?(?: ?([Zz]|[+-]\d\d(?::?\d\d)?))?)?$/;

/** ISO 8601: a date, a local time or one with an offset; `T` or a blank between. Undefined for anything else. */
export function readTimestamp(text: string): Timestamp | undefined {
  const found = text.length > 60 ? null : isoPattern.exec(text);
  if (found === null) return undefined;
  const [, year, month, day, hour = '0', minute = '0', second = '0', fraction = '', zone] = found;
  if (fraction.length > 9) throw new Problem(`${quoted(text)} has more digits than nanoseconds`);
  const civil = { year: +year!, month: +month!, day: +day!, hour: +hour, minute: +minute, second: +second };
  return fromCivil(
    civil,
    Number(fraction.padEnd(9, '0')),
    zone === undefined ? undefined : offsetOf(zone),
    fraction.length,
  );
}

/** Undefined for a date or time that does not exist. */
export function fromCivil(
  civil: Civil,
  nanoseconds: number,
  offset: number | undefined,
  digits: number,
): Timestamp | undefined {
  const { year, month, day, hour, minute, second } = civil;
  if (year < 1 || month < 1 || month > 12 || day < 1 || day > daysInMonth(year, month)) return undefined;
  if (hour > 23 || minute > 59 || second > 59 || Math.abs(offset ?? 0) > 18 * 60) return undefined;
  const local = daysOfCivil(year, month, day) * secondsPerDay + hour * 3600 + minute * 60 + second;
  return new Timestamp(local - (offset ?? 0) * 60, nanoseconds, offset, digits);
}

const unitNanoseconds: Record<string, bigint> = {
  d: 86_400_000_000_000n,
  h: 3_600_000_000_000n,
  m: 60_000_000_000n,
  s: nanosecondsPerSecond,
  ms: 1_000_000n,
  us: 1_000n,
  µs: 1_000n,
  ns: 1n,
};

/** `24h`, `1h30m`, `-1.5s`, `7d`: numbers with units, as in Go, and `d` for 24 hours. Undefined for anything else. */
export function readDuration(text: string): Duration | undefined {
  const found = text.length > 100 ? null : /^([+-]?)((?:\d+(?:\.\d*)?|\.\d+)(?:d|h|ms|m|s|us|µs|ns))+$/.exec(text);
  if (found === null) return undefined;
  let total = 0n;
  for (const [, whole = '', fraction = '', unit = ''] of text.matchAll(/(\d*)(?:\.(\d*))?(d|h|ms|m|s|us|µs|ns)/g)) {
    const nanoseconds = unitNanoseconds[unit]!;
    total += BigInt(whole) * nanoseconds + (BigInt(fraction) * nanoseconds) / 10n ** BigInt(fraction.length);
  }
  return new Duration(found[1] === '-' ? -total : total);
}

/** `+02:00`, `+0200`, `+02`, `Z` as minutes. */
export function offsetOf(zone: string): number {
  if (zone === 'Z' || zone === 'z') return 0;
  const size = Number(zone.slice(1, 3)) * 60 + Number(zone.slice(3).replace(':', '') || '0');
  return zone.startsWith('-') ? -size : size;
}

export function offsetText(offset: number | undefined): string {
  if (offset === undefined) return '';
  if (offset === 0) return 'Z';
  const size = Math.abs(offset);
  return `${offset < 0 ? '-' : '+'}${padded(Math.floor(size / 60), 2)}:${padded(size % 60, 2)}`;
}

export function padded(value: number, width: number): string {
  return String(value).padStart(width, '0');
}

function splitNanoseconds(total: bigint): [seconds: number, nanoseconds: number] {
  const rest = ((total % nanosecondsPerSecond) + nanosecondsPerSecond) % nanosecondsPerSecond;
  return [Number((total - rest) / nanosecondsPerSecond), Number(rest)];
}

// Digits that a fraction needs.
function digitsOf(nanoseconds: number): number {
  if (nanoseconds === 0) return 0;
  let digits = 9;
  for (let rest = nanoseconds; rest % 10 === 0; rest /= 10) digits--;
  return digits;
}

function daysInMonth(year: number, month: number): number {
  if (month === 2) return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0) ? 29 : 28;
  return month === 4 || month === 6 || month === 9 || month === 11 ? 30 : 31;
}

// Days since 1970-01-01 in the proleptic Gregorian calendar, and back.
// Counting years from March puts the leap day last: https://howardhinnant.github.io/date_algorithms.html
export function daysOfCivil(year: number, month: number, day: number): number {
  const shifted = month <= 2 ? year - 1 : year;
  const era = Math.floor(shifted / 400);
  const yearOfEra = shifted - era * 400;
  const dayOfYear = Math.floor((153 * ((month + 9) % 12) + 2) / 5) + day - 1;
  return (
    era * 146_097 + yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear - 719_468
  );
}

function civilOfDays(days: number): { year: number; month: number; day: number } {
  const shifted = days + 719_468;
  const era = Math.floor(shifted / 146_097);
  const dayOfEra = shifted - era * 146_097;
  const yearOfEra = Math.floor(
    (dayOfEra - Math.floor(dayOfEra / 1460) + Math.floor(dayOfEra / 36_524) - Math.floor(dayOfEra / 146_096)) / 365,
  );
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const monthFromMarch = Math.floor((5 * dayOfYear + 2) / 153);
  const month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9;
  return {
    year: yearOfEra + era * 400 + (month <= 2 ? 1 : 0),
    month,
    day: dayOfYear - Math.floor((153 * monthFromMarch + 2) / 5) + 1,
  };
}
