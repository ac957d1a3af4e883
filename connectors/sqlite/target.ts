// The table that is written: found, made, or changed so that it takes the columns of the stream.
import type { WriteOptions } from '../../engine/contracts/connector.ts';
import type { Column } from '../../engine/contracts/data.ts';
import { failure } from '../../engine/errors.ts';
import { didYouMean } from '../../engine/suggest.ts';
import { letIt, quoteName } from '../shared/sql.ts';
import { findTable, type Table, type TableColumn } from './catalog.ts';
import type { Handle } from './driver.ts';
import type { Pair } from './encode.ts';
import { lossy, nativeFor } from './types.ts';

export interface WriteTarget {
  table: Table;
  pairs: Pair[];
}

export function prepareTarget(
  handle: Handle,
  name: string,
  columns: readonly Column[],
  o: WriteOptions,
  shown: string,
): WriteTarget {
  const found = findTable(handle, name);
  requireKey(o, columns, shown);
  for (const column of columns) {
    if (column.name.isWellFormed() && !column.name.includes('\0')) continue;
    throw failure('VALUE_LOSSY', { where: shown, value: 'the name of a column', target: 'SQLite' });
  }
  if (found === undefined) {
    if (o.createTable === 'never') {
      throw failure('NOT_FOUND', { path: shown, hint: ', and `create_table: never` says not to make it' });
    }
    createTable(handle, name, columns, o);
    const made = findTable(handle, name)!;
    return { table: made, pairs: columns.map((from, i) => ({ from, to: made.columns[i]! })) };
  }
  if (o.mode === 'create') throw failure('TARGET_EXISTS', { path: shown });
  if (found.kind === 'view') {
    throw failure('OPTION_UNSUPPORTED', { what: 'writing', where: `a view (${shown})`, hint: '; write its table' });
  }
  if (o.schema === 'evolve') {
    for (const column of columns) {
      if (columnOf(found, column.name) !== undefined) continue;
      handle.exec(`alter table ${quoteName(found.name)} add column ${quoteName(column.name)} ${nativeFor(column)}`);
    }
  }
  const table = o.schema === 'evolve' ? findTable(handle, name)! : found;
  return { table, pairs: columns.map((from) => ({ from, to: matched(from, table, o, shown) })) };
}

function createTable(handle: Handle, name: string, columns: readonly Column[], o: WriteOptions): void {
  const key = o.key ?? columns.filter((column) => column.key).map((column) => column.name);
  const parts = columns.map((column) => {
    // The columns of a key may hold NULL in SQLite unless they say so.
    const required = column.nullable === false || key.includes(column.name) ? ' not null' : '';
    return `${quoteName(column.name)} ${nativeFor(column)}${required}`;
  });
  if (key.length > 0) parts.push(`primary key (${key.map(quoteName).join(', ')})`);
  handle.exec(`create table ${quoteName(name)} (${parts.join(', ')})`);
}

/** SQLite takes `ID` and `id` for one name. */
function columnOf({ columns }: Table, name: string): TableColumn | undefined {
  const lower = (text: string) => text.replace(/[A-Z]/g, (letter) => letter.toLowerCase());
  return columns.find((column) => column.name === name) ?? columns.find((column) => lower(column.name) === lower(name));
}

function matched(from: Column, table: Table, o: WriteOptions, shown: string): TableColumn {
  const to = columnOf(table, from.name);
  if (to === undefined) {
    const near = didYouMean(
      from.name,
      table.columns.map(({ name }) => name),
    );
    const hint = `${near}; add it, leave it out with a select task, or say \`schema: evolve\``;
    throw failure('COLUMN_UNKNOWN', { where: shown, column: from.name, hint });
  }
  if (to.generated) {
    throw failure('OPTION_UNSUPPORTED', {
      what: `writing to the column "${to.name}"`,
      where: `${shown}: SQLite computes it`,
      hint: '; leave it out with a select task',
    });
  }
  const loss = o.lossy === 'allow' ? undefined : lossy(from, to);
  if (loss !== undefined) {
    throw failure('VALUE_LOSSY', {
      where: shown,
      value: `column "${from.name}": ${loss}`,
      target: 'the table',
      hint: letIt,
    });
  }
  return to;
}

function requireKey(o: WriteOptions, columns: readonly Column[], shown: string): void {
  if (o.mode !== 'upsert') return;
  for (const name of o.key!) {
    if (columns.some((column) => column.name === name)) continue;
    throw failure('COLUMN_UNKNOWN', { where: `${shown}, \`key\``, column: name, hint: '; the records do not have it' });
  }
}
