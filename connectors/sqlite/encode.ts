// Values of ours as SQLite is to take them, so that it changes none: what it would is refused.
import type { Column, Row, Value } from '../../engine/contracts/data.ts';
import { type Failure, failure } from '../../engine/errors.ts';
import { jsonText } from '../shared/json-text.ts';
import { letIt } from '../shared/sql.ts';
import type { TableColumn } from './catalog.ts';
import type { Bound } from './driver.ts';
import { shownValue } from './statement.ts';
import { timeText } from './times.ts';
import { isDecimal, plainDigits, uuid } from './values.ts';

export interface Pair {
  /** Of the stream. */
  from: Column;
  /** Of the table. */
  to: TableColumn;
}

/** Undefined where the value does not fit. */
type Encoder = (value: NonNullable<Value>) => Bound | undefined;

/** Puts the row's values into `out` from `at`; gives the number of the column that does not fit, or -1. */
export type RowEncoder = (row: Row, out: Bound[], at: number) => number;

/** `sent.bytes` is added to, roughly. `lossy`: what would lose something goes in as far as it can. */
export function compileEncoder(pairs: readonly Pair[], sent: { bytes: number }, lossy: boolean): RowEncoder {
  const encoders = pairs.map(({ from, to }) => {
    const exact = encoderOf(from, to);
    return lossy ? (value: NonNullable<Value>) => exact(value) ?? nearest(value, to, exact) : exact;
  });
  const body = pairs.map(({ from, to }, i) => {
    const isNull = to.rowid ? `return ${i}` : `v = null`;
    const plain = inlined(to);
    const other = `{ if ((v = e${i}(v)) === undefined) return ${i}; if (v !== null && v.length) sent.bytes += v.length; }`;
    return `
      v = row[${JSON.stringify(from.name)}];
      if (v === null || v === undefined) ${isNull};
      else ${plain === undefined ? '' : `if (${plain}) { if (v.length) sent.bytes += v.length; } else `}${other}
      out[at + ${i}] = v;`;
  });
  const source = `return function encode(row, out, at) {
    let v;
    sent.bytes += ${pairs.length * 8};${body.join('')}
    return -1;
  }`;
  return new Function('sent', ...encoders.map((_, i) => `e${i}`), source)(sent, ...encoders) as RowEncoder;
}

/** What needs no look at its encoder, as a condition on \`v\`. */
function inlined({ type, affinity, untyped }: TableColumn): string | undefined {
  if (untyped) return undefined;
  // A double that is an integer becomes one there.
  if (type === 'integer' && affinity === 'INTEGER') return `typeof v === 'number' && Number.isSafeInteger(v)`;
  if (type === 'double') return `typeof v === 'number' && v === v && (v !== 0 || 1 / v > 0)`;
  if (type === 'text') return `typeof v === 'string' && v.isWellFormed()`;
  return undefined;
}

function encoderOf(from: Column, to: TableColumn): Encoder {
  const { type, affinity } = to;
  const text = (value: string): string | undefined => {
    if (!value.isWellFormed()) return undefined;
    return affinity !== 'TEXT' && affinity !== 'BLOB' && looksNumeric(value) ? undefined : value;
  };
  if (to.untyped) return (value) => anyValue(value, to, text);
  switch (type) {
    case 'text':
      return (value) => (value instanceof Uint8Array ? undefined : text(plainText(value)));
    case 'integer':
      return integerValue;
    case 'boolean':
      return (value) => {
        const found = booleans.get(typeof value === 'string' ? value.trim().toLowerCase() : value);
        return found === undefined ? undefined : BigInt(found);
      };
    case 'double':
      return doubleValue;
    case 'decimal':
      return (value) => {
        const digits = decimalText(value);
        if (digits === undefined || !fitsScale(digits, to)) return undefined;
        return affinity === 'TEXT' || affinity === 'BLOB' ? digits : exactNumber(digits);
      };
    case 'binary':
      return (value) => (value instanceof Uint8Array ? value : undefined);
    case 'json':
    case 'array': {
      const isDocument = from.type === 'text' && !from.untyped;
      return (value) => jsonValue(value, isDocument, text);
    }
    case 'uuid':
      return (value) => (typeof value === 'string' && uuid(value) !== undefined ? text(value) : undefined);
    default:
      return (value) => (typeof value === 'string' ? timeText(type, value.trim()) : undefined);
  }
}

/** Text that a column without an affinity for text turns into a number. */
function looksNumeric(text: string): boolean {
  return /^\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*$/.test(text);
}

function anyValue(value: NonNullable<Value>, { affinity }: TableColumn, text: (value: string) => string | undefined) {
  switch (typeof value) {
    case 'string':
      return text(value);
    case 'boolean':
      return value ? 1n : 0n;
    case 'number':
      if (Number.isSafeInteger(value) && !Object.is(value, -0)) return BigInt(value);
      return affinity === 'BLOB' && !Number.isNaN(value) ? value : doubleValue(value);
    case 'bigint':
      return integerValue(value);
    default:
      return value instanceof Uint8Array ? value : jsonValue(value, false, text);
  }
}

function plainText(value: Exclude<Value, null | Uint8Array>): string {
  if (typeof value === 'string') return value;
  if (typeof value === 'number') return Object.is(value, -0) ? '-0' : String(value);
  return typeof value === 'object' ? jsonText(value) : String(value);
}

function integerValue(value: NonNullable<Value>): bigint | undefined {
  let found: bigint;
  if (typeof value === 'bigint') found = value;
  else if (typeof value === 'number' && Number.isInteger(value)) found = BigInt(value);
  else if (typeof value === 'string' && /^\s*[+-]?\d+\s*$/.test(value)) found = BigInt(value.replace('+', ''));
  else return undefined;
  return BigInt.asIntN(64, found) === found ? found : undefined;
}

/** SQLite has no NaN, and its zero has no sign. */
function doubleValue(value: NonNullable<Value>): number | undefined {
  let found: number;
  if (typeof value === 'number') found = value;
  else if (typeof value === 'bigint') {
    found = Number(value);
    if (!Number.isFinite(found) || BigInt(found) !== value) return undefined;
  } else if (typeof value === 'string' && (looksNumeric(value) || /^\s*[+-]?Infinity\s*$/.test(value))) {
    found = Number(value);
  } else return undefined;
  return Number.isNaN(found) || Object.is(found, -0) ? undefined : found;
}

function decimalText(value: NonNullable<Value>): string | undefined {
  if (typeof value === 'string') return isDecimal(value.trim()) ? value.trim() : undefined;
  if (typeof value === 'number') return Object.is(value, -0) ? undefined : plainDigits(value);
  return typeof value === 'bigint' ? String(value) : undefined;
}

function fitsScale(digits: string, { precision, scale }: Column): boolean {
  if (precision === undefined || scale === undefined) return true;
  const [, whole = '', fraction = ''] = /^[+-]?0*(\d*)(?:\.(\d*?)0*)?$/.exec(digits) ?? [];
  return fraction.length <= scale && whole.length <= Math.max(precision - scale, 0);
}

/** The number that SQLite would make of the digits, where it is the same number. */
function exactNumber(digits: string): Bound | undefined {
  if (/^[+-]?\d+$/.test(digits)) {
    const integer = BigInt(digits.replace('+', ''));
    if (BigInt.asIntN(64, integer) === integer) return integer;
  }
  if (/Infinity$/.test(digits)) return Number(digits);
  if (digits === 'NaN') return undefined;
  const number = Number(digits);
  return sameDigits(plainDigits(number), digits) ? number + 0 : undefined;
}

function sameDigits(a: string, b: string): boolean {
  const canonical = (text: string) => {
    const [, sign = '', whole = '', fraction = ''] = /^([+-]?)0*(\d*)(?:\.(\d*?)0*)?$/.exec(text) ?? [];
    return `${sign === '-' && whole + fraction !== '' ? '-' : ''}${whole}.${fraction}`;
  };
  return canonical(a) === canonical(b);
}

function jsonValue(value: NonNullable<Value>, isDocument: boolean, text: (value: string) => string | undefined) {
  if (isDocument && typeof value === 'string') {
    try {
      JSON.parse(value);
    } catch {
      return undefined;
    }
    return text(value);
  }
  const document = jsonText(value);
  if (text(document) !== undefined) return document;
  // Where text that is a number would become one, the number itself is sure to be the same.
  if (typeof value === 'number') return Number.isSafeInteger(value) ? BigInt(value) : value;
  return typeof value === 'bigint' ? integerValue(value) : undefined;
}

const booleans = new Map<unknown, 0 | 1>([
  ...[true, 1, 1n, 'true', 't', 'yes', 'y', 'on', '1'].map((value): [unknown, 1] => [value, 1]),
  ...[false, 0, 0n, 'false', 'f', 'no', 'n', 'off', '0'].map((value): [unknown, 0] => [value, 0]),
]);

/** What is left of a value that does not fit; undefined where it is none of the type at all. */
function nearest(value: NonNullable<Value>, { type, affinity }: TableColumn, exact: Encoder): Bound | undefined {
  if (typeof value === 'string' && !value.isWellFormed()) return exact(value.toWellFormed());
  switch (type) {
    case 'double':
    case 'decimal': {
      const isNumber = typeof value !== 'string' || isDecimal(value.trim());
      const number = typeof value === 'object' || typeof value === 'boolean' || !isNumber ? undefined : Number(value);
      // SQLite's own way with NaN.
      if (number === undefined || Number.isNaN(number)) return number === undefined ? undefined : null;
      return affinity === 'TEXT' ? undefined : number + 0;
    }
    case 'timestamp': {
      const at = typeof value === 'string' ? timeText('timestamptz', value) : undefined;
      if (at === undefined || Number.isNaN(Date.parse(at))) return undefined;
      const fraction = /\.\d+/.exec(at)?.[0] ?? '';
      return new Date(at).toISOString().slice(0, 19) + fraction;
    }
    case 'date':
    case 'time': {
      const at =
        typeof value === 'string' ? (timeText('timestamp', value) ?? timeText('timestamptz', value)) : undefined;
      const [day, clock] = at?.split('T') ?? [];
      return type === 'date' ? day : clock?.replace(/(Z|[+-].*)$/, '');
    }
    default:
      return undefined;
  }
}

/** Why the value does not fit. */
export function misfit({ to }: Pair, value: Value | undefined, where: string, position: number): Failure {
  const at = { where: `${where}, column "${to.name}"`, record: `, record ${position}` };
  const declared = to.native ?? 'no type';
  if (value === null || value === undefined) {
    return failure('VALUE_INVALID', { ...at, value: 'NULL', expected: 'an integer, which the key of the table needs' });
  }
  if (typeof value === 'string' && !value.isWellFormed()) {
    const target = 'SQLite, whose text is Unicode,';
    return failure('VALUE_LOSSY', { ...at, value: 'half a surrogate pair', target, hint: letIt });
  }
  const shown = Object.is(value, -0) ? '-0' : shownValue(value);
  const target = `a column declared as ${declared}`;
  const isNumber = typeof value === 'number' || typeof value === 'bigint';
  const lossy = isNumber
    ? ['integer', 'double', 'decimal'].includes(to.type)
    : typeof value === 'string' && (looksNumeric(value) || value === 'NaN') && !isTimeType(to);
  if (lossy) {
    const hint = nearest(value, to, () => undefined) === undefined ? '' : letIt;
    return failure('VALUE_LOSSY', { ...at, value: shown, target, hint });
  }
  return failure('VALUE_INVALID', { ...at, value: shown, expected: `what ${target} is to hold (${to.type})` });
}

function isTimeType({ type }: Column): boolean {
  return type === 'date' || type === 'interval' || type.startsWith('time');
}
