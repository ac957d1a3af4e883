// What the server has: databases, tables, columns, keys.
import type { Description, Entry, ListOptions } from '../../engine/contracts/connector.ts';
import type { Column } from '../../engine/contracts/data.ts';
import { failure } from '../../engine/errors.ts';
import type { Session } from './connect.ts';
import { quoteName, quoteText } from './sql.ts';
import { columnOf, nativeName } from './types.ts';
import type { Wire } from './wire.ts';

export interface Table {
  schema: string;
  name: string;
  kind: 'table' | 'view';
  engine: string;
  columns: TableColumn[];
  /** Columns of each unique index, the primary key first; without those on parts of a column. */
  unique: string[][];
  rowEstimate: number | undefined;
  size: number | undefined;
}

export interface TableColumn extends Column {
  /** Computed by the server, and never written. */
  generated: boolean;
  /** It has no default, no comment, nothing that a change of its type would lose. */
  simple: boolean;
  /** The clause with its character set, for a text. */
  charset: string;
}

export interface TablePath {
  schema: string;
  name: string;
}

const systemSchemas = `('information_schema', 'mysql', 'performance_schema', 'sys')`;
/** Without what Pipewright keeps for itself. */
const shownTables = `table_type in ('BASE TABLE', 'SYSTEM VERSIONED', 'VIEW') and table_name not like '\\_pipewright\\_%'`;

/** Without what only the catalogue knows. */
export function columnAlone({ generated: _, simple: __, charset: ___, ...column }: TableColumn): Column {
  return column;
}

/** `database/table`, or a table of the connection's own database. */
export function tablePath(path: string, ownSchema: string): TablePath {
  const [, schema, name] = /^\/*(?:([^/]+)\/)?(.*?)\/*$/s.exec(path)!;
  if (name === '') throw failure('PATH_INVALID', { path, reason: 'names no table; write it as database/table' });
  return { schema: schema ?? ownSchema, name: name! };
}

export function quoted({ schema, name }: TablePath): string {
  return `${quoteName(schema)}.${quoteName(name)}`;
}

/** The table or view, or undefined. */
export async function findTable({ wire }: Session, { schema, name }: TablePath): Promise<Table | undefined> {
  const at = `table_schema = ${quoteText(schema)} and table_name = ${quoteText(name)}`;
  const { rows: tables } = await wire.query(
    `select table_type, ifnull(engine, ''), table_rows, data_length + index_length from information_schema.tables where ${at}`,
  );
  const found = tables[0];
  if (found === undefined) return undefined;
  const [kind, engine, estimate, size] = found;
  const { rows: columns } = await wire.query(
    `select column_name, column_type, is_nullable, column_key, extra, ifnull(generation_expression, ''),
            ifnull(column_default, 'NULL') = 'NULL' and extra = '' and column_comment = '',
            ifnull(concat(' character set ', character_set_name, ' collate ', collation_name), '')
       from information_schema.columns where ${at} order by ordinal_position`,
  );
  const { rows: indexes } = await wire.query(
    `select index_name, column_name, sub_part from information_schema.statistics
      where ${at} and non_unique = 0 order by index_name <> 'PRIMARY', index_name, seq_in_index`,
  );
  const documents = await jsonColumns(wire, { schema, name }, columns);
  return {
    schema,
    name,
    kind: kind === 'VIEW' ? 'view' : 'table',
    engine: engine!,
    rowEstimate: estimate === null ? undefined : Number(estimate),
    size: size === null ? undefined : Number(size),
    unique: uniqueOf(indexes),
    columns: columns.map(([column, type, nullable, key, extra, expression, simple, charset]) => {
      const native = documents.has(column!) ? 'json' : nativeName(type!);
      const generated = expression !== '' || /GENERATED|STORED|VIRTUAL/.test(extra!.replace('DEFAULT_GENERATED', ''));
      return {
        ...columnOf(column!, native, { nullable: nullable === 'YES', ...(key === 'PRI' ? { key: true } : {}) }),
        generated,
        simple: simple === '1',
        charset: charset!,
      };
    }),
  };
}

/** In MariaDB a JSON column is a longtext that the server only tells in its protocol. */
async function jsonColumns(wire: Wire, path: TablePath, columns: (string | null)[][]): Promise<Set<string>> {
  const candidates = columns.filter(([, type]) => type === 'longtext').map(([name]) => name!);
  if (candidates.length === 0) return new Set();
  try {
    const { fields } = await wire.prepare(`select ${candidates.map(quoteName).join(', ')} from ${quoted(path)}`);
    return new Set(fields.filter(({ extended }) => extended === 'json').map(({ name }) => name));
  } catch {
    // A view of something that is gone, or a column that may not be read: said when it is read.
    return new Set();
  }
}

function uniqueOf(indexes: (string | null)[][]): string[][] {
  const byName = new Map<string, string[]>();
  const partial = new Set<string>();
  for (const [index, column, part] of indexes) {
    if (column === null || part !== null) partial.add(index!);
    byName.set(index!, [...(byName.get(index!) ?? []), column!]);
  }
  return [...byName].filter(([index]) => !partial.has(index)).map(([, columns]) => columns);
}

export async function describeSchema({ wire }: Session, name: string): Promise<Description | undefined> {
  const { rows } = await wire.query(
    `select 1 from information_schema.schemata where schema_name = ${quoteText(name)} and schema_name not in ${systemSchemas}`,
  );
  return rows.length === 0 ? undefined : { kind: 'folder' };
}

/** Databases and what is in them; those that the user may not look at are not told by the server. */
export async function listEntries(
  session: Session,
  path: string,
  { recursive = false }: ListOptions,
): Promise<Entry[]> {
  const { wire } = session;
  const [schema, table] = path.split('/').filter((part) => part !== '');
  if (schema === undefined && !recursive) {
    const { rows } = await wire.query(
      `select schema_name from information_schema.schemata where schema_name not in ${systemSchemas}
        order by cast(schema_name as binary)`,
    );
    return rows.map(([name]) => ({ kind: 'folder', name: name!, path: name! }));
  }
  if (schema !== undefined && (await describeSchema(session, schema)) === undefined) {
    throw failure('NOT_FOUND', { path, hint: ': there is no such database' });
  }
  const where = [
    shownTables,
    `table_schema not in ${systemSchemas}`,
    ...(schema === undefined ? [] : [`table_schema = ${quoteText(schema)}`]),
    ...(table === undefined ? [] : [`table_name = ${quoteText(table)}`]),
  ];
  const { rows } = await wire.query(
    `select table_schema, table_name, table_type = 'VIEW' from information_schema.tables where ${where.join(' and ')}
      order by cast(table_schema as binary), cast(table_name as binary)`,
  );
  if (table !== undefined && rows.length === 0) throw failure('NOT_FOUND', { path, hint: ': there is no such table' });
  return rows.map(([in_, name, view]) => ({
    kind: view === '1' ? 'view' : 'table',
    name: name!,
    path: `${in_}/${name}`,
  }));
}
