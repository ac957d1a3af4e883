// Reading: a table, a view or a query, a batch at a time.
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { CallOptions } from '../../engine/contracts/connector.ts';
import type { Batch, Column, RowStream, Value } from '../../engine/contracts/data.ts';
import { failure } from '../../engine/errors.ts';
import { didYouMean } from '../../engine/suggest.ts';
import { quoteName, refuseWriting } from '../shared/sql.ts';
import { ourColumn, type Table, type TableColumn } from './catalog.ts';
import type { DatabaseFile } from './connect.ts';
import { type Bound, guarded, type Handle } from './driver.ts';
import type { Place } from './errors.ts';
import { parameter, prepared } from './statement.ts';
import { columnOf } from './types.ts';
import { compileBatches } from './values.ts';

export interface Source {
  /** A FROM item, with its condition. */
  from: string;
  columns: readonly Column[];
  values: readonly Bound[];
}

export interface TableSource extends Source {
  table: Table;
  /** The SQL condition that the definition gives. */
  where: string | undefined;
}

/** The rows of the source as SQL, with whatever text they hold. `added`: columns at the end, as SQLite has them. */
export function selection(
  { from, columns }: Pick<Source, 'from' | 'columns'>,
  handle: Handle,
  added: readonly Column[] = [],
): string {
  const list = [...columns, ...added].map((column) => {
    const plain = ['text', 'decimal', 'uuid', 'json', 'array', 'interval'].includes(column.type) || isTime(column);
    return guarded(quoteName(column.name), handle.encoding, plain || column.untyped === true);
  });
  // A list of nothing is no SQL.
  return `select ${list.length === 0 ? 'null' : list.join(', ')} from ${from}`;
}

function isTime({ type }: Column): boolean {
  return type === 'date' || type.startsWith('time');
}

/** All rows of one snapshot. Nothing is asked of the file before they are pulled. */
export function rowStream(file: DatabaseFile, place: Place, source: Source, o: CallOptions): RowStream {
  return {
    kind: 'rows',
    columns: source.columns,
    batches: file.stream(place, o, (handle) =>
      batchesOf(handle, selection(source, handle), source.columns, source.values, place.shown),
    ),
  };
}

/** Between batches everybody else has a turn: the driver holds up the whole process while it works. */
export async function* batchesOf(
  handle: Handle,
  sql: string,
  columns: readonly Column[],
  values: readonly Bound[],
  where: string,
): AsyncGenerator<Batch> {
  const take = compileBatches({ columns, encoding: handle.encoding, where });
  const rows = handle.prepare(sql).iterate(values);
  for (let count = 0; ; ) {
    const batch = take(rows, count);
    if (batch.rows.length === 0) return;
    count += batch.rows.length;
    yield batch;
    await nextTurn();
  }
}

/** A table or a view, whole or the rows that `where` says. */
export function tableSource(
  handle: Handle,
  table: Table,
  {
    columns: names,
    where,
    parameters = [],
  }: { columns?: readonly string[]; where?: string; parameters?: readonly Value[] },
  shown: string,
): TableSource {
  const columns = (names ?? table.columns.map(({ name }) => name)).map((name) => columnNamed(table, name, shown));
  const condition = where === undefined ? undefined : prepared(where, parameters, shown);
  if (where === undefined && parameters.length > 0) {
    throw failure('SQL_REFUSED', {
      where: shown,
      reason: 'there are `parameters`, and no `where` that has a place for them',
    });
  }
  const values = parameters.map((value) => parameter(value, shown));
  const from = quoteName(table.name) + (condition === undefined ? '' : ` where (${condition}\n)`);
  const source = { from, columns: columns.map(ourColumn), values, table, where: condition };
  handle.prepare(selection(source, handle));
  return source;
}

export function columnNamed(table: Table, name: string, where: string): TableColumn {
  const found = table.columns.find((column) => column.name === name);
  if (found !== undefined) return found;
  const hint = didYouMean(
    name,
    table.columns.map((column) => column.name),
  );
  throw failure('COLUMN_UNKNOWN', { where, column: name, hint });
}

/** A query that only reads: as part of another one, so nothing else is taken. */
export function querySource(handle: Handle, statement: string, parameters: readonly Value[], shown: string): Source {
  refuseWriting(statement, shown);
  const text = prepared(statement, parameters, shown);
  const from = `(${text}\n)`;
  handle.prepare(`select * from ${from} limit 0`);
  // As a part, it has other names in place of one that is there twice.
  const columns = resultColumns(handle, text, shown);
  return { from, columns, values: parameters.map((value) => parameter(value, shown)) };
}

/** The columns that a statement gives, each under a name of its own. */
export function resultColumns(handle: Handle, text: string, shown: string): Column[] {
  const found = handle.prepare(text).columns();
  const columns = found.map(({ name, type }) => columnOf(name, type ?? ''));
  const twice = columns.find(({ name }, i) => columns.findIndex((other) => other.name === name) < i);
  if (twice !== undefined) {
    const hint = 'give one of them another name with `as`';
    throw failure('COLUMN_TWICE', { where: shown, column: twice.name, hint });
  }
  return columns;
}
