// One cell of a CSV file at a time: any dialect, every mistake told with its place.
import type { ColumnType, Row } from '../../../engine/contracts/data.ts';
import { Failure, failure } from '../../../engine/errors.ts';
import { valueText } from '../values.ts';
import type { Dialect } from './dialect.ts';

export interface WrittenColumn {
  name: string;
  type: ColumnType | undefined;
}

export interface LineWriter {
  /** A record with its line end; `position` counts rows from 1. `first`: nothing is in the file before it. */
  row(row: Row, position: number, first: boolean): string;
  header(): string;
}

export function lineWriter(
  columns: readonly WrittenColumn[],
  dialect: Dialect,
  output: { newline: string; quoteAll: boolean; path: string },
): LineWriter {
  const { delimiter, quote, escaping, nulls, comment, trim } = dialect;
  const { newline, quoteAll, path } = output;
  const known = new Set(columns.map(({ name }) => name));

  const isSpecial = (text: string, index: number, first: boolean): boolean =>
    text === '' ||
    text.includes('\n') ||
    text.includes('\r') ||
    // A text that ends in a part of the delimiter would make another delimiter together with it.
    text.includes(delimiter[0]!) ||
    (quote !== '' && text.includes(quote)) ||
    nulls.includes(text) ||
    (trim && (text.startsWith(' ') || text.endsWith(' '))) ||
    (comment !== undefined && index === 0 && text.startsWith(comment)) ||
    (first && index === 0 && text.startsWith('\ufeff'));

  const cell = (text: string, index: number, first: boolean): string => {
    if (!text.isWellFormed()) {
      throw failure('VALUE_LOSSY', {
        where: 'value',
        value: `half a surrogate pair in ${shown(text)}`,
        target: 'any encoding',
      });
    }
    const special = isSpecial(text, index, first);
    if (!special && !quoteAll) return text;
    if (quote === '') {
      if (!special || (text === '' && !nulls.includes(''))) return text;
      const expected =
        'text that fits a field without quotes; give the format a `quote`, or another `delimiter` or `null_text`';
      throw failure('VALUE_INVALID', { where: 'value', value: shown(text), expected });
    }
    const inner = escaping === quote ? text : text.replaceAll(escaping, escaping + escaping);
    return `${quote}${inner.replaceAll(quote, escaping + quote)}${quote}`;
  };

  return {
    header: () => columns.map(({ name }, index) => cell(name, index, true)).join(delimiter) + newline,
    row(row, position, first) {
      const cells = columns.map(({ name, type }, index) => {
        const value = Object.hasOwn(row, name) ? row[name] : undefined;
        if (value === null || value === undefined) return nulls[0];
        try {
          return cell(valueText(value, type), index, first);
        } catch (error) {
          throw atPlace(error, `${path}, record ${position}, column "${name}"`);
        }
      });
      for (const name of Object.keys(row))
        if (!known.has(name)) throw failure('COLUMN_APPEARED', { path, position, column: name });
      return cells.join(delimiter) + newline;
    },
  };
}

function shown(text: string): string {
  return JSON.stringify(text.length > 60 ? `${text.slice(0, 57)}…` : text);
}

function atPlace(error: unknown, where: string): unknown {
  return error instanceof Failure && error.data.where === 'value'
    ? failure(error.code, { ...error.data, where })
    : error;
}
