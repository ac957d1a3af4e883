// Code made for a list of columns: from rows to the bytes of a CSV file, without a loop over the columns.
import type { Row, Value } from '../../../engine/contracts/data.ts';
import { valueText } from '../values.ts';
import type { WrittenColumn } from './cells.ts';
import type { Dialect } from './dialect.ts';
import { cellWriters, type Output } from './put.ts';

/**
 * Writes rows and gives the place after them, which may be behind the end of the output: see there. -1 where a row may
 * have a column that is not known. Throws what cannot be written.
 */
export type Compose = (rows: readonly Row[], from: number, to: number, at: number) => number;

/** Undefined where the dialect or the number of columns asks for writing cell by cell. */
export function composer(
  columns: readonly WrittenColumn[],
  { bytes, nulls }: Dialect,
  { newline, quoteAll, output }: { newline: string; quoteAll: boolean; output: Output },
): Compose | undefined {
  if (bytes?.quote === undefined || columns.length > mostComposed || columns.length === 0) return undefined;
  const { text, number } = cellWriters(output, { delimiter: bytes.delimiter, quote: bytes.quote, nulls, quoteAll });
  const other = (value: Exclude<Value, null>, index: number, at: number) =>
    text(valueText(value, columns[index]!.type), at);

  const put = (characters: string) => [...Buffer.from(characters)].map((byte) => `bytes[at++] = ${byte};`).join(' ');
  const nullText = put(nulls[0]);
  const cells = columns.map(({ name, type }, index) => {
    const key = JSON.stringify(name);
    // A row that lacks such a column would give what all objects have.
    const value = name in Object.prototype ? `(Object.hasOwn(row, ${key}) ? row[${key}] : undefined)` : `row[${key}]`;
    const common = `if (typeof v === 'string') at = text(v, at);
        else if (typeof v === 'number') at = number(v, at);
        else `;
    return `v = ${value};
        ${type === 'json' || type === 'array' ? '' : common}if (v === null) { ${nullText} }
        else if (v === undefined) { absent++; ${nullText} }
        else at = other(v, ${index}, at);
        ${put(index === columns.length - 1 ? newline : String.fromCharCode(bytes.delimiter))}`;
  });
  const source = `
    return function compose(rows, from, to, start) {
      const bytes = output.bytes;
      let at = start;
      for (let i = from; i < to; i++) {
        const row = rows[i];
        let keys = 0;
        for (const key in row) keys++;
        let absent = 0;
        let v;
        ${cells.join('\n        ')}
        if (keys + absent !== ${columns.length}) return -1;
      }
      return at;
    }`;
  const parts = { output, text, number, other };
  return new Function(...Object.keys(parts), source)(...Object.values(parts)) as Compose;
}

/** A function for more columns would be too long to be optimized. */
const mostComposed = 400;
