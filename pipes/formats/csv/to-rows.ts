// Pieces of a CSV file to rows: the fast way where every record is as it should be, else one by one with errors told.
import type { Row, Value } from '../../../engine/contracts/data.ts';
import { Failure, failure } from '../../../engine/errors.ts';
import type { CsvOptions } from '../../../schemas/generated/types.ts';
import { type ColumnReader, rowBuilder } from './build.ts';
import { fieldCount } from './columns.ts';
import type { Dialect } from './dialect.ts';
import { type CsvRecord, nextRecord, type Position } from './records.ts';
import type { Window } from './windows.ts';

/** The rows of a window from `position` on. Windows must come in order: an empty line may only be at the end. */
export type ToRows = (window: Window, position: Position) => Row[];

export function toRowsOf(
  columns: readonly ColumnReader[],
  dialect: Dialect,
  ragged: CsvOptions['ragged'],
  path: string,
): ToRows {
  const width = columns.length;
  const builder = rowBuilder(columns, dialect.nulls, dialect.quote);
  // An empty line that is ragged if anything comes after it.
  let emptyLine: number | undefined;

  const fields = (record: CsvRecord): (string | null)[] | undefined => {
    if (record.blank && width > 1) {
      if (ragged === undefined || ragged === 'error') emptyLine ??= record.line;
      return undefined;
    }
    if (emptyLine !== undefined) throw raggedRow(path, emptyLine, 'an empty line', width);
    const found = record.fields;
    if (found.length === width) return found;
    if (ragged === 'skip') return undefined;
    if (ragged === 'pad') return Array.from({ length: width }, (_, index) => found[index] ?? null);
    throw raggedRow(path, record.line, fieldCount(found.length), width);
  };

  const oneByOne: ToRows = (window, start) => {
    const rows: Row[] = [];
    const position = { ...start };
    for (;;) {
      const record = nextRecord(window, position, dialect, path);
      if (record === undefined) return rows;
      const values = fields(record);
      if (values === undefined) continue;
      try {
        rows.push(builder.row(values));
      } catch (error) {
        throw inColumn(error, columns, values, `${path}:${record.line}`);
      }
    }
  };

  return (window, position) => {
    const expected = (window.records - position.record) * width;
    if (!window.regular || emptyLine !== undefined || window.fields - position.field !== expected)
      return oneByOne(window, position);
    const rows: Row[] = [];
    const build = builder.build(window.quotes);
    try {
      if (build(window.text, window.ends as Uint32Array, position.field, window.fields, position.at, rows)) return rows;
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
    }
    return oneByOne(window, position);
  };
}

function raggedRow(path: string, line: number, found: string, width: number) {
  return failure('RAGGED_ROW', { path, line, found, expected: width });
}

/** The failure of a parser, with the place of the field that it did not take. */
function inColumn(error: unknown, columns: readonly ColumnReader[], fields: readonly Value[], where: string): unknown {
  if (!(error instanceof Failure) || error.code !== 'VALUE_INVALID') return error;
  const column = columns.find(({ parse }, index) => {
    const field = fields[index];
    if (parse === undefined || typeof field !== 'string' || field === '') return false;
    try {
      parse(field);
      return false;
    } catch {
      return true;
    }
  });
  return failure('VALUE_INVALID', { ...error.data, where: `${where}, column "${column?.name}"` });
}
