// The order of dates, times and timestamps: text that stands in the order of time, whatever zone and digits it was written with.
import { daysOfCivil } from '../../engine/expressions/time.ts';

/** Added to seconds since 1970, so that all the years that databases know have as many digits. */
const shift = 500_000_000_000_000;
const before = '0';
const after = '9';

/** Of a date or a timestamp; one without a zone counts as UTC. Undefined for what is neither. */
export function timestampKey(text: string): string | undefined {
  const end = text.length;
  let at = 0;
  let year: number;
  if (text.charCodeAt(4) === dash && text.charCodeAt(0) !== dash) {
    year = digits(text, 0, 4);
    at = 4;
  } else {
    // ISO 8601's longer years have a sign, as in -000043-03-15.
    if (text === 'infinity') return after;
    if (text === '-infinity') return before;
    const start = text[0] === '-' || text[0] === '+' ? 1 : 0;
    at = text.indexOf('-', start);
    year = at - start < 4 || at - start > 7 ? -1 : digits(text, start, at);
    if (year >= 0 && text[0] === '-') year = -year;
    else if (year < 0) return undefined;
  }
  const month = digits(text, at + 1, at + 3);
  const day = digits(text, at + 4, at + 6);
  if (month < 0 || day < 0 || text.charCodeAt(at) !== dash || text.charCodeAt(at + 3) !== dash) return undefined;
  const midnight = daysOfCivil(year, month, day) * 86_400;
  at += 6;
  if (at === end) return key(midnight, '');
  const between = text[at];
  if (between !== 'T' && between !== ' ' && between !== 't') return undefined;
  return clockKey(text, at + 1, midnight);
}

/** Of a time of the day, with a zone or without, or a time beyond a day as MySQL has it: `-25:30:00.5`. */
export function timeKey(text: string): string | undefined {
  if (text[0] !== '-') return clockKey(text, 0, 0);
  const size = clockKey(text, 1, 0);
  if (size === undefined) return undefined;
  const [seconds, fraction] = [Number(size.slice(0, 15)) - shift, size.slice(15)];
  if (fraction === '') return key(-seconds, '');
  // -1.25 s lies 0.75 s after -2 s.
  const rest = String(10n ** BigInt(fraction.length) - BigInt(fraction)).padStart(fraction.length, '0');
  return key(-seconds - 1, rest);
}

const dash = 45;
const colon = 58;
const plus = 43;

/** HH:MM, with seconds, a fraction and a zone where they are there, that many seconds after `midnight`. */
function clockKey(text: string, start: number, midnight: number): string | undefined {
  let at = text.indexOf(':', start);
  if (at - start < 2 || at - start > 3) return undefined;
  const hours = digits(text, start, at);
  const minutes = digits(text, at + 1, at + 3);
  if (hours < 0 || minutes < 0) return undefined;
  let seconds = midnight + hours * 3600 + minutes * 60;
  let fraction = '';
  at += 3;
  if (text.charCodeAt(at) === colon) {
    const own = digits(text, at + 1, at + 3);
    if (own < 0) return undefined;
    seconds += own;
    at += 3;
    if (text[at] === '.' || text[at] === ',') {
      const from = at + 1;
      for (at = from; isDigit(text.charCodeAt(at)); ) at++;
      let to = at;
      while (to > from && text.charCodeAt(to - 1) === 48) to--;
      fraction = text.slice(from, to);
    }
  }
  if (at === text.length) return key(seconds, fraction);
  const offset = offsetSeconds(text.slice(at).trim());
  return offset === undefined ? undefined : key(seconds - offset, fraction);
}

/** `Z`, `+02`, `+0200`, `+02:00`, `-00:44:30`. */
function offsetSeconds(zone: string): number | undefined {
  if (zone === 'Z' || zone === 'z') return 0;
  const sign = zone.charCodeAt(0);
  if (sign !== plus && sign !== dash) return undefined;
  const figures = zone.slice(1).replaceAll(':', '');
  if (figures.length !== 2 && figures.length !== 4 && figures.length !== 6) return undefined;
  const number = digits(figures.padEnd(6, '0'), 0, 6);
  if (number < 0) return undefined;
  const size = Math.floor(number / 10_000) * 3600 + (Math.floor(number / 100) % 100) * 60 + (number % 100);
  return sign === dash ? -size : size;
}

function key(seconds: number, fraction: string): string {
  return String(shift + seconds) + fraction;
}

function isDigit(code: number): boolean {
  return code >= 48 && code <= 57;
}

/** The number that these characters write, or -1 when one of them is no digit. */
function digits(text: string, start: number, end: number): number {
  if (text.length < end || end <= start) return -1;
  let number = 0;
  for (let at = start; at < end; at++) {
    const code = text.charCodeAt(at);
    if (!isDigit(code)) return -1;
    number = number * 10 + code - 48;
  }
  return number;
}
