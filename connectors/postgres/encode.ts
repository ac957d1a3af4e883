// Rows to COPY's text format, by a function written for the columns at hand; values of parameters as text.
import type { Column, Row, Value } from '../../engine/contracts.ts';
import { failure } from '../../engine/errors.ts';
import { jsonText } from '../shared/json-text.ts';
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
export function compileEncoder(pairs: readonly Pair[], { strict, where }: { strict: boolean; where: string }) {
  const encoders = pairs.map(({ from, to }) => encoderOf(from, to));
  const line = pairs.map(({ from, to }, i) => {
    const read = `(v = row[${JSON.stringify(from.name)}]) === null || v === undefined ? '\\\\N'`;
    // What needs no look at the type comes first.
    const plain =
      to.type === 'json' || ['date', 'timestamp', 'timestamptz'].includes(to.type)
        ? ''
        : `: typeof v === 'string' ? (special.test(v) ? escaped(v) : v) `;
    return `(${read} ${plain}: escaped(e${i}(v)))`;
  });
  const names = encoders.map((_, i) => `e${i}`);
  const source = `return function encode(rows) {
    let out = '', v;
    for (let i = 0; i < rows.length; i++) {
      const row = rows[i];
      out += ${line.join(` + '\\t' + `) || "''"} + '\\n';
    }
    return out;
  }`;
  const encode = new Function('special', 'escaped', ...names, source)(special, escaped, ...encoders) as (
    rows: readonly Row[],
  ) => string;
  const known = new Set(pairs.map(({ from }) => from.name));

  return (rows: readonly Row[], before: number): Buffer => {
    if (strict) refuseOthers(rows, known, before, where);
    const text = encode(rows);
    if (!text.isWellFormed()) {
      const at = rows.findIndex((row) => !encode([row]).isWellFormed());
      const target = 'the server, whose text is UTF-8,';
      throw failure('VALUE_LOSSY', {
        where,
        value: 'half a surrogate pair',
        target,
        record: `, record ${before + at + 1}`,
      });
    }
    return Buffer.from(text);
  };
}

const special = /[\\\n\r\t]/;

function escaped(text: string): string {
  if (!special.test(text)) return text;
  return text.replace(/[\\\n\r\t]/g, (letter) =>
    letter === '\\' ? '\\\\' : letter === '\n' ? '\\n' : letter === '\r' ? '\\r' : '\\t',
  );
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
