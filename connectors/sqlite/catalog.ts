// What the database has: tables, views, columns, keys.
import type { Description, Entry } from '../../engine/contracts/connector.ts';
import type { Column } from '../../engine/contracts/data.ts';
import { failure } from '../../engine/errors.ts';
import { quoteName } from '../shared/sql.ts';
import { checkpointTable } from './checkpoints.ts';
import { type Handle, nameOf } from './driver.ts';
import { type Affinity, affinityOf, columnOf } from './types.ts';

/** SQLite's own word for the file that was opened, as opposed to others that are attached. */
export const schemaName = 'main';

export interface Table {
  name: string;
  kind: 'table' | 'view';
  columns: TableColumn[];
}

export interface TableColumn extends Column {
  affinity: Affinity;
  /** Computed by SQLite, and never written. */
  generated: boolean;
  /** Another name for the row's number: takes integers only, and makes one up for NULL. */
  rowid: boolean;
}

/** The table that `main/table` or `table` means. */
export function tableName(path: string, shown: string): string {
  const [, schema, name] = /^\/*(?:([^/]+)\/)?(.*?)\/*$/s.exec(path)!;
  if (name === '') throw failure('PATH_INVALID', { path, reason: 'names no table; write it as main/table' });
  if (schema !== undefined && schema.toLowerCase() !== schemaName) {
    throw failure('NOT_FOUND', { path: shown, hint: `: a SQLite file has one schema, which is called ${schemaName}` });
  }
  return name!;
}

/** The table or view, or undefined. Names are the same whatever their case. */
export function findTable(handle: Handle, name: string): Table | undefined {
  const text = (value: unknown) => nameOf(value as never, handle.encoding);
  const [found] = handle.all(
    `select cast(name as blob), type = 'view' from pragma_table_list
      where schema = '${schemaName}' and name = ? collate nocase and type <> 'shadow'`,
    name,
  );
  if (found === undefined) return undefined;
  const own = text(found[0]);
  const columns = handle.all(
    `select cast(name as blob), cast(type as blob), "notnull", pk, hidden from pragma_table_xinfo(?) where hidden <> 1 order by cid`,
    own,
  );
  const keyed = columns.filter((column) => Number(column[3]) > 0);
  // `integer primary key` is the row's number, but for a table without such numbers, which has an index for its key.
  const [index] = handle.all(`select count(*) from pragma_index_list(?) where origin = 'pk'`, own);
  const isRowid = keyed.length === 1 && index![0] === 0n && /^integer$/i.test(text(keyed[0]![1]).trim());
  return {
    name: own,
    kind: found[1] === 1n ? 'view' : 'table',
    columns: columns.map(([column, declared, required, key, hidden]) => {
      const isKey = Number(key) > 0;
      const rowid = isKey && isRowid;
      return {
        ...columnOf(text(column), text(declared), {
          nullable: required !== 1n && !rowid,
          ...(isKey ? { key: true } : {}),
        }),
        affinity: affinityOf(text(declared)),
        generated: hidden === 2n || hidden === 3n,
        rowid,
      };
    }),
  };
}

/** The table's columns as everybody else knows them. */
export function ourColumn({ affinity: _, generated: __, rowid: ___, ...column }: TableColumn): Column {
  return column;
}

/**
 * The columns of the primary key, or of a unique index of which none can be NULL, in order; undefined without one. Those
 * of a primary key may be NULL in SQLite, where they are not declared otherwise.
 */
export function findKey(handle: Handle, { name, columns }: Table): string[] | undefined {
  const required = (names: readonly string[]) =>
    names.length > 0 && names.every((each) => columns.some((column) => column.name === each && !column.nullable));
  const key = handle
    .all('select cast(name as blob) from pragma_table_xinfo(?) where pk > 0 order by pk', name)
    .map(([column]) => nameOf(column!, handle.encoding));
  if (key.length > 0) return key;
  return uniqueIndexes(handle, name, 'and not partial')
    .map((index) => index.columns)
    .find(required);
}

/** Each with the names of its columns; one on expressions has a name that no column has. */
export function uniqueIndexes(handle: Handle, table: string, more = ''): { name: string; columns: string[] }[] {
  const indexes = handle.all(
    `select cast(name as blob) from pragma_index_list(?) where "unique" ${more} order by seq desc`,
    table,
  );
  return indexes.map(([blob]) => {
    const name = nameOf(blob!, handle.encoding);
    const parts = handle.all('select cast(name as blob) from pragma_index_info(?) order by seqno', name);
    return { name, columns: parts.map(([column]) => nameOf(column!, handle.encoding)) };
  });
}

export function describeTable(handle: Handle, table: Table): Description {
  const { kind, columns } = table;
  const rowEstimate = kind === 'table' ? estimate(handle, table.name) : undefined;
  return { kind, columns: columns.map(ourColumn), ...(rowEstimate === undefined ? {} : { rowEstimate }) };
}

/** What ANALYZE has found, or else the highest number of a row; nothing is counted. */
function estimate(handle: Handle, table: string): number | undefined {
  try {
    const known = handle.all(`select max(cast(stat as integer)) from sqlite_stat1 where tbl = ? collate nocase`, table);
    if (typeof known[0]?.[0] === 'bigint') return Number(known[0][0]);
  } catch {
    // Never analyzed.
  }
  try {
    const [row] = handle.all(`select max(rowid) from ${quoteName(table)}`);
    return typeof row![0] === 'bigint' ? Number(row![0]) : 0;
  } catch {
    // A table without numbers for its rows.
    return undefined;
  }
}

export function listEntries(handle: Handle, path: string, recursive: boolean, shown: string): Entry[] {
  const [schema, ...rest] = path.split('/').filter((part) => part !== '');
  if (schema === undefined && !recursive) return [{ kind: 'folder', name: schemaName, path: schemaName }];
  if (schema !== undefined && schema.toLowerCase() !== schemaName) {
    throw failure('NOT_FOUND', { path: shown, hint: `: a SQLite file has one schema, which is called ${schemaName}` });
  }
  const table = rest.join('/');
  const rows = handle.all(
    `select cast(name as blob), type = 'view' from pragma_table_list
      where schema = '${schemaName}' and type in ('table', 'view', 'virtual')
        and name not like 'sqlite\\_%' escape '\\' and name <> '${checkpointTable}' order by name`,
  );
  const entries = rows.map(([blob, view]): Entry => {
    const name = nameOf(blob!, handle.encoding);
    return { kind: view === 1n ? 'view' : 'table', name, path: `${schemaName}/${name}` };
  });
  if (table === '') return entries;
  const found = entries.filter(({ name }) => name.toLowerCase() === table.toLowerCase());
  if (found.length === 0) throw failure('NOT_FOUND', { path: shown, hint: ': there is no such table' });
  return found;
}
