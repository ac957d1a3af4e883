// The bytes of a CSV file as they are, for a target that takes the same dialect, or from a source that writes it.
import type { Column, EncodedRows, Encoding, RowStream, Value } from '../../../engine/contracts/data.ts';
import type { CsvOptions, TsvOptions } from '../../../schemas/generated/types.ts';
import type { Dialect } from './dialect.ts';
import type { Position } from './records.ts';
import type { Window, Windows } from './windows.ts';

interface Opened {
  windows: Windows;
  window: Window;
  position: Position;
  columns: readonly Column[];
  dialect: Dialect;
  options: CsvOptions | TsvOptions;
}

/**
 * The records after the header, in UTF-8, unlooked at: whoever takes them checks the number of fields. Undefined where
 * a value would have to be changed, or where no target takes this dialect. Options of `csv`: `delimiter`, `quote`,
 * `escape`, `null` (the text without quotes that is NULL), `header`; one left out means `,`, `"`, `"`, empty, false.
 */
export function encodedRows(accepts: readonly Encoding[], opened: Opened): EncodedRows | undefined {
  const { windows, window, position, columns, dialect, options } = opened;
  const { delimiter, quote, escaping, nulls, comment, trim } = dialect;
  if (comment !== undefined || trim || nulls.length > 1 || (options.ragged ?? 'error') !== 'error') return undefined;
  if (columns.some(({ type }) => type !== 'text')) return undefined;
  const own = { delimiter, quote, escape: escaping, null: nulls[0], header: false };
  if (!accepts.some(({ name, options: theirs }) => name === 'csv' && isSame(own, { ...defaults, ...theirs })))
    return undefined;
  return { encoding: { name: 'csv', options: own }, columns, chunks: windows.rest(window, position.at) };
}

const defaults = { delimiter: ',', quote: '"', escape: '"', null: '', header: false };

function isSame(own: Record<string, Value>, theirs: Record<string, Value>): boolean {
  return Object.entries(theirs).every(([name, value]) => own[name] === value);
}

/**
 * What the source itself writes in the dialect, with each value as it would be here (`values: iso`); undefined where it
 * must be written from rows.
 */
export function passedOn(
  stream: RowStream,
  dialect: Dialect,
  options: CsvOptions | TsvOptions,
  continued: boolean,
): EncodedRows | undefined {
  const { delimiter, quote, escaping, nulls, comment, trim } = dialect;
  const { columns, newline, quote_all: quoteAll, header } = options;
  if (stream.encoded === undefined || stream.columns === undefined || columns !== undefined) return undefined;
  if (comment !== undefined || trim || nulls.length > 1 || escaping !== quote) return undefined;
  if (newline === 'crlf' || quoteAll === true) return undefined;
  // The very first cell of a file must not look like a byte order mark.
  if (header === false && !continued) return undefined;
  return stream.encoded([
    { name: 'csv', options: { delimiter, quote, escape: escaping, null: nulls[0], header: false, values: 'iso' } },
  ]);
}
