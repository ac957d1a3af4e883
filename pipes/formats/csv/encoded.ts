// The bytes of a CSV file as they are, for a target that takes the same dialect.
import type { Column, EncodedRows, Encoding, Value } from '../../../engine/contracts.ts';
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
