// Rows to the lines that LOAD DATA reads, by a function written for the columns at hand. What the server would change
// without a word is refused here.
import type { WriteOptions } from '../../engine/contracts/connector.ts';
import type { Column, Row, Value } from '../../engine/contracts/data.ts';
import { Failure, failure } from '../../engine/errors.ts';
import { jsonText } from '../shared/json-text.ts';
import { letIt } from '../shared/sql.ts';
import { isSpatial, listedValues } from './types.ts';
import { clock, geometryBytes, hasDigits, utcText } from './values.ts';

type Encoder = (value: NonNullable<Value>) => string;

export interface Pair {
  /** Of the stream. */
  from: Column;
  /** Of the table. */
  to: Column;
}

/** Lines for LOAD DATA; each ends in the only raw line feed that it has. */
export interface Lines {
  bytes: Buffer;
  count: number;
  /** Where refused rows are told: the rows of the lines, and their numbers in the stream. */
  rows?: readonly Row[];
  positions?: readonly number[];
}

export type EncodeRows = (rows: readonly Row[], before: number) => Promise<Lines>;

/**
 * The lines of a batch. `strict`: the columns were told from the first rows, so each row is looked at for others. `lossy`:
 * what the server would drop, it may. `where` names the target in errors; `before` is how many records came earlier.
 */
export function compileEncoder(
  pairs: readonly Pair[],
  {
    strict,
    lossy,
    where,
    onReject,
  }: { strict: boolean; lossy: boolean; where: string; onReject?: WriteOptions['onReject'] },
): EncodeRows {
  const encode = compileLines(pairs, where, lossy);
  const known = new Set(pairs.map(({ from }) => from.name));

  const each = async (rows: readonly Row[], before: number): Promise<Lines> => {
    const kept: Row[] = [];
    const positions: number[] = [];
    let text = '';
    for (const [i, row] of rows.entries()) {
      try {
        const line = encode([row]);
        if (!line.isWellFormed()) {
          const target = 'the server, whose text is UTF-8,';
          throw failure('VALUE_LOSSY', { where, value: 'half a surrogate pair', target });
        }
        text += line;
        kept.push(row);
        positions.push(before + i + 1);
      } catch (error) {
        if (!(error instanceof Failure)) throw error;
        const position = before + i + 1;
        if (onReject === undefined) {
          throw failure(error.code, { ...error.data, record: `, record ${position}`, position }, { cause: error });
        }
        await onReject({ row, reason: error.message, position });
      }
    }
    return { bytes: Buffer.from(text), count: kept.length, rows: kept, positions };
  };

  return async (rows, before) => {
    if (strict) refuseOthers(rows, known, before, where);
    try {
      const text = encode(rows);
      if (text.isWellFormed()) {
        const lines = { bytes: Buffer.from(text), count: rows.length };
        return onReject === undefined ? lines : { ...lines, rows, positions: rows.map((_, i) => before + i + 1) };
      }
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
    }
    return each(rows, before);
  };
}

function compileLines(pairs: readonly Pair[], where: string, lossy: boolean): (rows: readonly Row[]) => string {
  const encoders = pairs.map(({ from, to }) => encoderOf(from, to, where, lossy));
  const line = pairs.map(({ from, to }, i) => {
    const missing = to.nullable === false ? `none(${i})` : `'\\\\N'`;
    const read = `(v = row[${JSON.stringify(from.name)}]) === null || v === undefined ? ${missing}`;
    const plain = isPlain(to) ? `: typeof v === 'string' ? (special.test(v) ? escaped(v) : v) ` : '';
    const integer = to.type === 'integer' && to.native !== 'year' ? `: Number.isInteger(v) && v !== 0 ? v ` : '';
    const double =
      to.type === 'double' && !to.native?.startsWith('float')
        ? `: typeof v === 'number' && v * 0 === 0 && v !== 0 ? v `
        : '';
    return `(${read} ${plain}${integer}${double}: escaped(e${i}(v)))`;
  });
  const source = `return function encode(rows) {
    let out = '', v;
    for (let i = 0; i < rows.length; i++) {
      const row = rows[i];
      out += ${line.join(` + '\\t' + `) || "''"} + '\\n';
    }
    return out;
  }`;
  const none = (i: number): never => {
    throw failure('ROW_REFUSED', { where, record: '', reason: `column "${pairs[i]!.to.name}" cannot be NULL` });
  };
  const names = encoders.map((_, i) => `e${i}`);
  return new Function('special', 'escaped', 'none', ...names, source)(special, escaped, none, ...encoders);
}

/** Whether any text goes to the server as it is, which refuses what it cannot take. */
function isPlain({ type, native = '' }: Column): boolean {
  if (type === 'text') return !/^(char|enum|set|bit)\b/.test(native);
  return type === 'decimal' || type === 'uuid';
}

const special = /[\\\n\r\t\0]/;
const escapes: Readonly<Record<string, string>> = { '\\': '\\\\', '\n': '\\n', '\r': '\\r', '\t': '\\t', '\0': '\\0' };

function escaped(text: string): string {
  if (!special.test(text)) return text;
  return text.replace(/[\\\n\r\t\0]/g, (letter) => escapes[letter]!);
}

function refuseOthers(rows: readonly Row[], known: ReadonlySet<string>, before: number, path: string): void {
  for (let i = 0; i < rows.length; i++) {
    for (const column in rows[i]) {
      if (!known.has(column)) throw failure('COLUMN_APPEARED', { path, position: before + i + 1, column });
    }
  }
}

function encoderOf(from: Column, to: Column, where: string, lossy: boolean): Encoder {
  const native = to.native ?? '';
  const same = !from.untyped && from.native !== undefined && from.native === to.native && from.type === to.type;
  /** Without a look at what might be lost: nothing can be, or it may. */
  const unchecked = same || lossy;
  const refuse = (value: NonNullable<Value>, expected: string) =>
    failure('ROW_REFUSED', { where, record: '', reason: `column "${to.name}": ${shown(value)} is not ${expected}` });
  const loses = (value: NonNullable<Value>, target: string) =>
    failure('VALUE_LOSSY', { where, value: `column "${to.name}": ${shown(value)}`, target, hint: letIt });
  const text = (value: NonNullable<Value>): string => {
    if (value instanceof Uint8Array) throw refuse(value, 'text');
    if (typeof value === 'number' && Object.is(value, -0)) return '-0';
    return typeof value === 'object' ? jsonText(value) : String(value);
  };
  const number = (value: NonNullable<Value>): string => {
    if (typeof value === 'boolean') return value ? '1' : '0';
    if (typeof value === 'number' && !Number.isFinite(value)) throw refuse(value, 'a number that the server has');
    // The server keeps no sign of a zero.
    if (Object.is(value, -0) && to.type === 'double' && !lossy) throw loses(value, 'a number of the server');
    return text(value);
  };

  switch (to.type) {
    case 'boolean':
      return (value) => {
        const found = truths[String(value)];
        if (found === undefined) throw refuse(value, 'true or false');
        return found;
      };
    case 'integer':
      return (value) => {
        const digits = number(value);
        // The server rounds a fraction.
        if (!(lossy ? /^[+-]?\d+(\.\d+)?$/ : /^[+-]?\d+$/).test(digits)) throw refuse(value, 'an integer');
        if (native !== 'year') return digits;
        // Of two digits the server makes a year of its own choice.
        if (Number(digits) !== 0 && !/^(19|20|21)\d\d$/.test(digits)) throw refuse(value, 'a year that the server has');
        return digits.padStart(4, '0');
      };
    case 'double':
      // The largest ones are out of range where they are not exact.
      if (native.startsWith('float')) return (value) => number(typeof value === 'number' ? Math.fround(value) : value);
      return number;
    case 'decimal':
      return number;
    case 'json': {
      // Text that is known to be text is the document itself; the server checks it.
      const isDocument = from.type === 'text' && !from.untyped;
      return (value) => (isDocument && typeof value === 'string' ? value : jsonText(value));
    }
    case 'binary':
      return binaryEncoder(to, refuse, loses, lossy);
    case 'date':
    case 'time':
    case 'timestamp': {
      const given = (value: NonNullable<Value>): string => {
        const plain = text(value);
        if (!lossy) return plain;
        const utc = from.type === 'timestamptz' ? (utcText(plain) ?? plain) : plain;
        return to.type === 'time' ? clock(utc) : utc;
      };
      return (value) => {
        const plain = to.type === 'time' ? given(value) : dated(given(value), from, refuse);
        if (to.type === 'date') return plain;
        if (!unchecked && !hasDigits(plain, to.scale ?? 0)) throw loses(value, native);
        return plain;
      };
    }
    case 'timestamptz':
      return (value) => {
        const plain = text(value);
        const utc = utcText(plain);
        if (utc === undefined && from.type === 'timestamptz') throw refuse(value, 'an instant that the server has');
        if (!unchecked && !hasDigits(utc ?? plain, to.scale ?? 0)) throw loses(value, native);
        return utc ?? plain;
      };
    default:
      break;
  }
  if (native.startsWith('bit(')) return bitEncoder(Number(native.slice(4, -1)), number, refuse);
  if (/^char\b/.test(native) && !unchecked) {
    return (value) => {
      const plain = text(value);
      if (plain.endsWith(' ')) throw loses(value, `${native}, which keeps no blanks at the end,`);
      return plain;
    };
  }
  const values = listedValues(native);
  if (values === undefined || same) return text;
  return native.startsWith('enum') ? enumEncoder(values, text, refuse) : setEncoder(values, text, refuse);
}

type Refuse = (value: NonNullable<Value>, expected: string) => Failure;

const truths: Readonly<Record<string, string>> = { true: '1', false: '0', t: '1', f: '0', '1': '1', '0': '0' };

function binaryEncoder({ native = '', length }: Column, refuse: Refuse, loses: Refuse, lossy: boolean): Encoder {
  const padded = !lossy && /^binary\b/.test(native);
  return (value) => {
    if (typeof value !== 'string' && !(value instanceof Uint8Array)) throw refuse(value, 'bytes');
    const bytes =
      typeof value === 'string' ? Buffer.from(value) : Buffer.from(value.buffer, value.byteOffset, value.length);
    if (isSpatial(native)) {
      const geometry = geometryBytes(bytes);
      if (geometry === undefined) throw refuse(value, 'WKB in little-endian');
      return geometry.toString('hex');
    }
    if (padded && bytes.length < length!) throw loses(value, `${native}, which would add zeros,`);
    return bytes.toString('hex');
  };
}

function bitEncoder(length: number, number: Encoder, refuse: Refuse): Encoder {
  return (value) => {
    if (typeof value === 'string') {
      if (!/^[01]+$/.test(value) || value.length !== length) throw refuse(value, `${length} bits`);
      return String(BigInt(`0b${value}`));
    }
    const digits = number(value);
    if (!/^\d+$/.test(digits) || BigInt(digits) >> BigInt(length) > 0n) throw refuse(value, `${length} bits`);
    return digits;
  };
}

/** Without regard to upper and lower case the server would take another one for it. */
function enumEncoder(values: readonly string[], text: Encoder, refuse: Refuse): Encoder {
  const known = new Set(values);
  return (value) => {
    const plain = text(value);
    if (!known.has(plain)) throw refuse(value, 'one of its values');
    return plain;
  };
}

function setEncoder(values: readonly string[], text: Encoder, refuse: Refuse): Encoder {
  return (value) => {
    const plain = text(value);
    const members = plain === '' ? [] : plain.split(',');
    if (values.filter((each) => members.includes(each)).join(',') !== plain) {
      throw refuse(value, 'a list of its values in their order');
    }
    return plain;
  };
}

/** The server would make some day or other of a year with a sign. */
function dated(text: string, { type }: Column, refuse: Refuse): string {
  if (type !== 'text' && !/^\d{4}-\d\d-\d\d/.test(text)) throw refuse(text, 'a date that the server has');
  return text;
}

function shown(value: NonNullable<Value>): string {
  if (value instanceof Uint8Array) return `${value.length} bytes`;
  const text = typeof value === 'object' ? jsonText(value) : String(value);
  return JSON.stringify(text.length > 60 ? `${text.slice(0, 60)}…` : text);
}
