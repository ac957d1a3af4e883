// Rows to COPY's text format, by a function written for the columns at hand; values of parameters as text.
import type { Column, Row, Value } from '../../engine/contracts/data.ts';
import { failure } from '../../engine/errors.ts';
import { jsonText } from '../shared/json-text.ts';
import { notWellFormed, tabWriter } from '../shared/tab-text.ts';
import { type Fits, fitsOf, lossIn } from './fits.ts';
import { serverDate } from './values.ts';

type Encoder = (value: NonNullable<Value>) => string;

export interface Pair {
  /** Of the stream. */
  from: Column;
  /** Of the table. */
  to: Column;
}

/**
 * The lines of a batch. `strict`: the columns were told from the first rows, so each row is looked at for others. `where`
 * names the target in errors; `before` is how many records came earlier.
 */
export function compileEncoder(
  pairs: readonly Pair[],
  { strict, where, lossy }: { strict: boolean; where: string; lossy: boolean },
) {
  const encoders = pairs.map(({ from, to }) => encoderOf(from, to));
  let before = 0;
  const checks = pairs.map(({ from, to }) => {
    const fits = lossy ? undefined : checkOf(from, to);
    if (fits === undefined) return undefined;
    return (text: string, i: number): string => {
      if (fits(text)) return text;
      throw lossIn(to, text, where, { record: before + i + 1 });
    };
  });
  const cells = pairs.map(({ from, to }, i) => {
    const end = i === pairs.length - 1 ? 10 : 9;
    // A column that is never NULL has the JSON value null.
    const isValue = to.type === 'json' && from.type === 'json' && from.nullable === false;
    const none = isValue ? `w.text('null', at, ${end})` : `w.none(at, ${end})`;
    const read = `(v = row[${JSON.stringify(from.name)}]) === null || v === undefined ? ${none}`;
    if (checks[i] !== undefined) return `at = ${read} : w.text(c${i}(e${i}(v), i), at, ${end});`;
    // What needs no look at the type comes first.
    const asItIs = to.type !== 'json' && !['date', 'timestamp', 'timestamptz'].includes(to.type);
    const text = asItIs ? `typeof v === 'string' ? w.text(v, at, ${end}) : ` : '';
    const number = to.type === 'json' ? '' : `typeof v === 'number' ? w.number(v, at, ${end}) : `;
    return `at = ${read} : ${text}${number}w.text(e${i}(v), at, ${end});`;
  });
  const names = encoders.flatMap((_, i) => [`e${i}`, `c${i}`]);
  const source = `return function encode(rows, from, to) {
    let at = 0, v;
    for (let i = from; i < to; i++) {
      const row = rows[i];
      ${cells.join('\n      ') || "at = w.text('', at, 10);"}
    }
    return at;
  }`;
  const writer = tabWriter();
  const encode = new Function('w', ...names, source)(
    writer,
    ...encoders.flatMap((encoder, i) => [encoder, checks[i]]),
  ) as (rows: readonly Row[], from: number, to: number) => number;
  const known = new Set(pairs.map(({ from }) => from.name));

  return (rows: readonly Row[], already: number): Buffer => {
    before = already;
    if (strict) refuseOthers(rows, known, before, where);
    try {
      return writer.taken(encode(rows, 0, rows.length));
    } catch (error) {
      if (error !== notWellFormed) throw error;
      const at = rows.findIndex((_, i) => !isEncoded(() => encode(rows, i, i + 1)));
      const target = 'the server, whose text is UTF-8,';
      throw failure('VALUE_LOSSY', {
        where,
        value: 'half a surrogate pair',
        target,
        record: `, record ${before + at + 1}`,
        position: before + at + 1,
      });
    }
  };
}

function isEncoded(work: () => void): boolean {
  try {
    work();
    return true;
  } catch {
    return false;
  }
}

/** Types that differ were looked at before; what is left are values that no type tells. */
function checkOf(from: Column, to: Column): Fits | undefined {
  if (from.type === 'text' || from.untyped) return fitsOf(to);
  // Times of a file or of another database may have more digits than the server keeps, and it would round them.
  if (['time', 'timestamp', 'timestamptz'].includes(to.type) && (from.scale ?? 9) > (to.scale ?? 6)) return fitsOf(to);
  return from.type === 'double' && to.type === 'decimal' ? fitsOf(to) : undefined;
}

function refuseOthers(rows: readonly Row[], known: ReadonlySet<string>, before: number, path: string): void {
  for (let i = 0; i < rows.length; i++) {
    for (const column in rows[i]) {
      if (!known.has(column)) throw failure('COLUMN_APPEARED', { path, position: before + i + 1, column });
    }
  }
}

function encoderOf(from: Column, to: Column): Encoder {
  if (to.type === 'json') {
    // Text that is known to be text is the document itself; the server checks it.
    const isDocument = from.type === 'text' && !from.untyped;
    return (value) => (isDocument && typeof value === 'string' ? value : jsonText(value));
  }
  if (to.type === 'array') return (value) => (Array.isArray(value) ? arrayText(value, to.native) : valueText(value));
  if (['date', 'timestamp', 'timestamptz'].includes(to.type)) {
    return (value) => (typeof value === 'string' ? serverDate(value) : valueText(value));
  }
  return valueText;
}

function valueText(value: NonNullable<Value>): string {
  switch (typeof value) {
    case 'string':
      return value;
    case 'number':
      return Object.is(value, -0) ? '-0' : String(value);
    case 'object':
      return value instanceof Uint8Array
        ? `\\x${Buffer.from(value.buffer, value.byteOffset, value.length).toString('hex')}`
        : jsonText(value);
    default:
      return String(value);
  }
}

function arrayText(items: readonly Value[], native = ''): string {
  const texts = items.map((item) => {
    if (item === null) return 'NULL';
    if (Array.isArray(item)) return arrayText(item, native);
    const text = typeof item === 'string' ? serverDate(item) : valueText(item);
    return `"${text.replace(/[\\"]/g, '\\$&')}"`;
  });
  return `{${texts.join(native === 'box[]' ? ';' : ',')}}`;
}

/** A parameter's value as the server reads it for its type. */
export function parameterText(value: NonNullable<Value>, type: string): string {
  if (Array.isArray(value) && type.endsWith('[]')) return arrayText(value, type);
  if (type === 'json' || type === 'jsonb') return typeof value === 'string' ? value : jsonText(value);
  return typeof value === 'string' && /^(date|timestamp)/.test(type) ? serverDate(value) : valueText(value);
}
