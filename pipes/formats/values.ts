// Values as text and back, by column type: for every format whose cells are text.
import type { ColumnType, Value } from '../../engine/contracts/data.ts';
import { failure } from '../../engine/errors.ts';
import { isDate, isTime, zoned } from './values/calendar.ts';
import { jsonText, parsedJson } from './values/json.ts';
import { numberText } from './values/numbers.ts';

/** A cell's text as a value. Fails with VALUE_INVALID whose `where` the caller puts in: see `atPlace`. */
export type Parse = (text: string) => Value;

/**
 * What makes a type's values of text. Spaces around a value are no part of it, except for text. Numbers may have a
 * sign and leading zeros; a boolean is true, t, yes, y, on, 1 or their opposites; a timestamp may have a space for the
 * `T`; binary is `\x` and hex digits, or base64; an array is a JSON array.
 */
export function parser(type: ColumnType): Parse {
  return parsers[type];
}

/** The text of a value that is not null: what `parser` of its type takes back. Binary is `\x` and hex digits. */
export function valueText(value: Exclude<Value, null>, type?: ColumnType): string {
  if (type === 'json' || type === 'array') return jsonText(value);
  if (typeof value === 'string') return value;
  if (typeof value === 'number') return numberText(value);
  if (typeof value !== 'object') return String(value);
  return value instanceof Uint8Array ? binaryText(value) : jsonText(value);
}

/** The failure of `parser`, said of a place in a file. */
export function invalidValue(text: string, expected: string, where = 'value') {
  const shown = text.length > 60 ? `${text.slice(0, 57)}…` : text;
  return failure('VALUE_INVALID', { where, value: JSON.stringify(shown), expected });
}

const parsers: Record<ColumnType, Parse> = {
  text: (text) => text,
  boolean(text) {
    const known = booleans.get(text) ?? booleans.get(text.trim().toLowerCase());
    if (known === undefined) throw invalidValue(text, 'true or false');
    return known;
  },
  integer(text) {
    const small = smallInteger(text);
    if (small !== undefined) return small;
    const trimmed = text.trim();
    if (!/^[+-]?\d+$/.test(trimmed)) throw invalidValue(text, 'an integer');
    const exact = BigInt(trimmed.startsWith('+') ? trimmed.slice(1) : trimmed);
    const number = Number(exact);
    return Number.isSafeInteger(number) ? number + 0 : exact;
  },
  double(text) {
    const number = +text;
    if (Number.isFinite(number) && !isOtherBase(text) && text.trim() !== '') return number;
    const special = specialDoubles.get(text.trim().toLowerCase());
    if (special === undefined) throw invalidValue(text, 'a number');
    return special;
  },
  decimal(text) {
    const trimmed = text.trim();
    if (!/^[+-]?(?:\d+\.?\d*|\.\d+)$/.test(trimmed)) throw invalidValue(text, 'a decimal number without an exponent');
    return trimmed.startsWith('+') ? trimmed.slice(1) : trimmed;
  },
  date(text) {
    const trimmed = text.trim();
    if (!isDate(trimmed)) throw invalidValue(text, 'a date such as 2026-12-31');
    return trimmed;
  },
  time(text) {
    const trimmed = text.trim();
    if (isTime(trimmed)) return trimmed;
    const { local, zone } = zoned(trimmed);
    if (zone === undefined || !isTime(local)) throw invalidValue(text, 'a time such as 23:59:59');
    return local + zone;
  },
  timestamp(text) {
    const local = localTimestamp(text.trim());
    if (local === undefined) throw invalidValue(text, 'a timestamp without a zone, such as 2026-12-31T23:59:59');
    return local;
  },
  timestamptz(text) {
    const { local, zone } = zoned(text.trim());
    const stamp = localTimestamp(local);
    if (stamp === undefined || zone === undefined) {
      throw invalidValue(text, 'a timestamp with a zone, such as 2026-12-31T23:59:59Z');
    }
    return stamp + zone;
  },
  interval(text) {
    const trimmed = text.trim();
    if (!isoDuration.test(trimmed) && !sqlInterval.test(trimmed)) {
      throw invalidValue(text, 'an interval such as P1DT12H or 1 day 12:00:00');
    }
    return trimmed;
  },
  uuid(text) {
    const trimmed = text.trim();
    if (!/^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i.test(trimmed)) {
      throw invalidValue(text, 'a UUID');
    }
    return trimmed;
  },
  binary(text) {
    const trimmed = text.trim();
    if (/^\\x(?:[0-9a-f]{2})*$/i.test(trimmed)) return new Uint8Array(Buffer.from(trimmed.slice(2), 'hex'));
    if (trimmed.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(trimmed)) {
      throw invalidValue(text, 'binary data: \\x and hex digits, or base64');
    }
    return new Uint8Array(Buffer.from(trimmed, 'base64'));
  },
  json(text) {
    const parsed = parsedJson(text);
    if ('reason' in parsed) throw invalidValue(text, `JSON: ${parsed.reason}`);
    return parsed.value;
  },
  array(text) {
    const parsed = parsedJson(text);
    if ('reason' in parsed) throw invalidValue(text, `a JSON array: ${parsed.reason}`);
    if (!Array.isArray(parsed.value)) throw invalidValue(text, 'a JSON array');
    return parsed.value;
  },
};

const booleans = new Map<string, boolean>([
  ...['true', 't', 'yes', 'y', 'on', '1'].map((text) => [text, true] as const),
  ...['false', 'f', 'no', 'n', 'off', '0'].map((text) => [text, false] as const),
]);

const specialDoubles = new Map<string, number>([
  ['nan', Number.NaN],
  ...['inf', '+inf', 'infinity', '+infinity'].map((text) => [text, Number.POSITIVE_INFINITY] as const),
  ...['-inf', '-infinity'].map((text) => [text, Number.NEGATIVE_INFINITY] as const),
]);

// ISO 8601, 5.5.2.2; and what PostgreSQL and MySQL print.
const isoDuration =
  /^[+-]?P(?=.)(?:[+-]?\d+(?:\.\d+)?Y)?(?:[+-]?\d+(?:\.\d+)?M)?(?:[+-]?\d+(?:\.\d+)?W)?(?:[+-]?\d+(?:\.\d+)?D)?(?:T(?=.)(?:[+-]?\d+(?:\.\d+)?H)?(?:[+-]?\d+(?:\.\d+)?M)?(?:[+-]?\d+(?:\.\d+)?S)?)?$/;
const sqlInterval =
  /^(?=.)(?:[+-]?\d+ (?:years?|mons?|months?|weeks?|days?|hours?|mins?|minutes?|secs?|seconds?)(?: (?!$)|$))*(?:[+-]?\d+:\d\d(?::\d\d(?:\.\d+)?)?)?(?: ago)?$/;

/** An integer of up to 15 digits, or undefined for anything else. */
function smallInteger(text: string): number | undefined {
  const length = text.length;
  const sign = text.charCodeAt(0);
  const start = sign === 45 || sign === 43 ? 1 : 0;
  if (length === start || length > 15) return undefined;
  let number = 0;
  for (let at = start; at < length; at++) {
    const digit = text.charCodeAt(at) - 48;
    if (digit < 0 || digit > 9) return undefined;
    number = number * 10 + digit;
  }
  return sign === 45 ? 0 - number : number;
}

/** JavaScript reads 0x10, 0b1 and 0o7 as numbers; nothing else does. */
function isOtherBase(text: string): boolean {
  return /^\s*0[xbo]/i.test(text);
}

function localTimestamp(text: string): string | undefined {
  const between = text[10];
  if (between !== 'T' && between !== ' ' && between !== 't') return undefined;
  const date = text.slice(0, 10);
  const time = text.slice(11);
  return isDate(date) && isTime(time) ? `${date}T${time}` : undefined;
}

function binaryText(bytes: Uint8Array): string {
  return `\\x${Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex')}`;
}
