// What SQLite holds in a column, as its declared type says; what does not fit it is refused with table, column and record.
import type { Batch, Column, ColumnType, Value } from '../../engine/contracts/data.ts';
import { failure } from '../../engine/errors.ts';
import { parseJson } from '../shared/json-value.ts';
import { bytesOf, type Encoding, isText, type Raw, textOf } from './driver.ts';
import { shownValue } from './statement.ts';
import { timeText } from './times.ts';

/** Undefined where the value does not fit. */
type Decoder = (value: NonNullable<Raw>) => Value | undefined;

const batchBytes = 1024 * 1024;
const batchRows = 8192;

export interface Decoding {
  columns: readonly Column[];
  encoding: Encoding;
  /** The table or the query, for errors. */
  where: string;
}

/** Takes rows from the iterator until a batch is full; its rows are fewer only at the end. */
export function compileBatches({
  columns,
  encoding,
  where,
}: Decoding): (rows: Iterator<Raw[]>, before: number) => Batch {
  const decoders = columns.map((column) => decoderOf(column, encoding));
  const misfit = (value: NonNullable<Raw>, i: number, record: number): never => {
    throw refused(value, columns[i]!, where, record, encoding);
  };
  const body = columns.map(({ type, untyped }, i) => {
    const other = `((v = d${i}(v)) === undefined ? misfit(r[${i}], ${i}, before + rows.length + 1) : v)`;
    if (type === 'integer' && !untyped) {
      return `(v = r[${i}]) === null ? null : typeof v === 'bigint' && v >= ${least} && v <= ${most} ? Number(v) : ${other}`;
    }
    if (type === 'double' && !untyped) return `(v = r[${i}]) === null || typeof v === 'number' ? v : ${other}`;
    if (type === 'text') {
      return `(v = r[${i}]) === null ? null : typeof v === 'string' ? (bytes += v.length, v) : ${other}`;
    }
    return `(v = r[${i}]) === null ? null : ${other}`;
  });
  const fields = columns.map(
    ({ name }, i) => `${name === '__proto__' ? '["__proto__"]' : JSON.stringify(name)}: ${body[i]}`,
  );
  const source = `return function batch(source, before) {
    const rows = [];
    let bytes = 0, v;
    while (rows.length < ${batchRows} && bytes < ${batchBytes}) {
      const next = source.next();
      if (next.done) break;
      const r = next.value;
      bytes += ${columns.length * 16};
      rows.push({ ${fields.join(', ')} });
    }
    return { rows };
  }`;
  return new Function('misfit', ...decoders.map((_, i) => `d${i}`), source)(
    misfit,
    ...decoders.map((decode) => decode),
  ) as (rows: Iterator<Raw[]>, before: number) => Batch;
}

const least = `${BigInt(Number.MIN_SAFE_INTEGER)}n`;
const most = `${BigInt(Number.MAX_SAFE_INTEGER)}n`;

function decoderOf({ name, type, untyped }: Column, encoding: Encoding): Decoder {
  const text = (value: NonNullable<Raw>): string | undefined => {
    if (typeof value === 'string') return value;
    return Buffer.isBuffer(value) && isText(value, encoding) ? textOf(value, encoding) : undefined;
  };
  if (untyped) {
    return (value) => {
      if (typeof value === 'bigint') return plainInteger(value);
      if (!Buffer.isBuffer(value)) return value;
      return isText(value, encoding) ? textOf(value, encoding) : bytesOf(value, encoding);
    };
  }
  const fromText =
    (decode: (text: string) => Value | undefined): Decoder =>
    (value) => {
      const found = text(value);
      return found === undefined ? undefined : decode(found);
    };
  switch (type) {
    case 'integer':
      return (value) => (typeof value === 'bigint' ? plainInteger(value) : undefined);
    case 'boolean':
      return (value) => (value === 0n ? false : value === 1n ? true : undefined);
    case 'double':
      return (value) => {
        if (typeof value === 'number') return value;
        return typeof value === 'bigint' && BigInt(Number(value)) === value ? Number(value) : undefined;
      };
    case 'decimal':
      return (value) => {
        if (typeof value === 'bigint') return String(value);
        if (typeof value === 'number') return plainDigits(value);
        const found = text(value);
        return found !== undefined && isDecimal(found) ? found : undefined;
      };
    case 'binary':
      return (value) => (Buffer.isBuffer(value) && !isText(value, encoding) ? bytesOf(value, encoding) : undefined);
    case 'json':
    case 'array':
      return (value) => {
        if (typeof value === 'bigint') return plainInteger(value);
        if (typeof value === 'number') return Number.isFinite(value) ? value : undefined;
        const found = text(value);
        return found === undefined ? undefined : json(found, name);
      };
    case 'text':
      return text;
    default:
      return fromText((found) => (type === 'uuid' ? uuid(found) : timeText(type as TimeType, found)));
  }
}

type TimeType = Extract<ColumnType, 'date' | 'time' | 'timestamp' | 'timestamptz' | 'interval'>;

function plainInteger(value: bigint): number | bigint {
  return value >= Number.MIN_SAFE_INTEGER && value <= Number.MAX_SAFE_INTEGER ? Number(value) : value;
}

/** Digits and a point; `NaN` and the infinities as Postgres has them. */
export function isDecimal(text: string): boolean {
  return /^[+-]?(\d+(\.\d*)?|\.\d+)$/.test(text) || /^(NaN|[+-]?Infinity)$/.test(text);
}

/** The shortest digits that are this double and no other, without an exponent. */
export function plainDigits(value: number): string {
  const text = String(value);
  const found = /^(-?)(\d)(?:\.(\d+))?e([+-]\d+)$/.exec(text);
  if (found === null) return text;
  const [, sign, first, rest = '', exponent] = found;
  const digits = first! + rest;
  const point = 1 + Number(exponent);
  if (point <= 0) return `${sign}0.${'0'.repeat(-point)}${digits}`;
  return sign + digits.padEnd(point, '0');
}

export function uuid(text: string): string | undefined {
  return /^[0-9a-f]{8}-?([0-9a-f]{4}-?){3}[0-9a-f]{12}$/i.test(text) ? text : undefined;
}

function json(text: string, column: string): Value | undefined {
  try {
    return parseJson(text, column);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

function refused(value: NonNullable<Raw>, column: Column, where: string, record: number, encoding: Encoding) {
  const at = { where: `${where}, column "${column.name}"`, record: `, record ${record}` };
  if (Buffer.isBuffer(value) && isText(value, encoding)) {
    const text = textOf(value, encoding);
    if (text === undefined) {
      const hint = 'text; its bytes are no UTF-8, so read it as bytes with `query` and `cast(… as blob)`';
      return failure('VALUE_INVALID', { ...at, value: shownBytes(bytesOf(value, encoding)), expected: hint });
    }
    return misfit(at, shownValue(text), column);
  }
  return misfit(at, shownValue(Buffer.isBuffer(value) ? bytesOf(value, encoding) : value), column);
}

function misfit(at: { where: string; record: string }, value: string, { native, type }: Column) {
  const expected = `what its declared type ${native} says (${type}); mend it, or read it with \`query\` and a cast`;
  return failure('VALUE_INVALID', { ...at, value, expected });
}

function shownBytes(bytes: Buffer): string {
  const hex = bytes.subarray(0, 20).toString('hex');
  return `x'${hex}'${bytes.length > 20 ? '…' : ''}`;
}
