// What the database has: schemas, tables, columns, keys.
import type { ClientBase } from 'pg';
import type { Description, Entry, ListOptions } from '../../engine/contracts/connector.ts';
import type { Column } from '../../engine/contracts/data.ts';
import { failure } from '../../engine/errors.ts';
import { quoteName } from '../shared/sql.ts';
import { checkpointTable } from './checkpoint.ts';
import { columnOf } from './types.ts';

export interface Table {
  oid: number;
  schema: string;
  name: string;
  kind: 'table' | 'view';
  /** Its rows are its own: no view, no partitions, no children. */
  plain: boolean;
  /** Others inherit from it, and reading it reads them too. Partitions are no children. */
  hasChildren: boolean;
  columns: TableColumn[];
  rowEstimate: number | undefined;
  size: number;
}

export interface TableColumn extends Column {
  /** Computed by the server, and never written. */
  generated: boolean;
}

export interface TablePath {
  schema: string;
  name: string;
}

const systemSchemas = `n.nspname <> 'information_schema' and n.nspname !~ '^pg_'`;
const kinds = `c.relkind in ('r', 'p', 'v', 'm', 'f')`;

/** `schema/table`, or a table of the connection's own schema. */
export function tablePath(path: string, ownSchema: string): TablePath {
  const [, schema, name] = /^\/*(?:([^/]+)\/)?(.*?)\/*$/s.exec(path)!;
  if (name === '') throw failure('PATH_INVALID', { path, reason: 'names no table; write it as schema/table' });
  return { schema: schema ?? ownSchema, name: name! };
}

export function quoted({ schema, name }: TablePath): string {
  return `${quoteName(schema)}.${quoteName(name)}`;
}

/** The table or view, or undefined. */
export async function findTable(client: ClientBase, { schema, name }: TablePath): Promise<Table | undefined> {
  const { rows } = await client.query(
    `select c.oid::int8::text as oid, c.relkind as kind, c.reltuples as estimate,
            c.relkind = 'r' and not c.relhassubclass as plain, c.relkind = 'r' and c.relhassubclass as children, pg_total_relation_size(c.oid)::text as size
       from pg_class c join pg_namespace n on n.oid = c.relnamespace
      where n.nspname = $1 and c.relname = $2 and ${kinds}`,
    [schema, name],
  );
  const found = rows[0];
  if (found === undefined) return undefined;
  const { rows: columns } = await client.query(
    `with recursive base(oid, type, mod) as (
       select t.oid, t.oid, -1 from pg_type t where t.typtype <> 'd'
       union all
       select d.oid, b.type, case when b.mod = -1 then d.typtypmod else b.mod end
         from pg_type d join base b on d.typbasetype = b.oid where d.typtype = 'd')
     select a.attname as name, a.attnotnull as required, a.attgenerated <> '' as generated,
            format_type(b.type, case when t.typtype = 'd' then b.mod else a.atttypmod end) as native,
            coalesce(a.attnum = any(i.indkey), false) as key
       from pg_attribute a join pg_type t on t.oid = a.atttypid join base b on b.oid = t.oid
       left join pg_index i on i.indrelid = a.attrelid and i.indisprimary
      where a.attrelid = $1 and a.attnum > 0 and not a.attisdropped order by a.attnum`,
    [found.oid],
  );
  return {
    oid: Number(found.oid),
    schema,
    name,
    kind: 'vm'.includes(found.kind) ? 'view' : 'table',
    plain: found.plain,
    hasChildren: found.children,
    rowEstimate: found.estimate < 0 ? undefined : Math.round(found.estimate),
    size: Number(found.size),
    columns: columns.map(({ name: column, native, required, key, generated }) => ({
      ...columnOf(column, native, { nullable: !required, ...(key ? { key: true } : {}) }),
      generated,
    })),
  };
}

/** The columns of the primary key, or else of a unique index that no NULL gets past; undefined where there is none. */
export async function findKey(client: ClientBase, { oid }: Table): Promise<string[] | undefined> {
  const { rows } = await client.query<{ names: string[] }>(
    `select array_agg(a.attname::text order by k.n) as names
       from pg_index i cross join unnest(i.indkey::int2[], i.indcollation::oid[]) with ordinality as k(attnum, ordering, n)
       join pg_attribute a on a.attrelid = i.indrelid and a.attnum = k.attnum
      where i.indrelid = $1 and i.indisunique and i.indisvalid and i.indpred is null and i.indexprs is null
        and k.n <= i.indnkeyatts
      group by i.indexrelid, i.indisprimary, i.indnkeyatts
     having bool_and(a.attnotnull and k.ordering in (0, a.attcollation))
      order by i.indisprimary desc, i.indnkeyatts, i.indexrelid limit 1`,
    [oid],
  );
  return rows[0]?.names;
}

export async function describeSchema(client: ClientBase, name: string): Promise<Description | undefined> {
  const { rows } = await client.query(`select 1 from pg_namespace n where n.nspname = $1 and ${systemSchemas}`, [name]);
  return rows.length === 0 ? undefined : { kind: 'folder' };
}

export async function listEntries(
  client: ClientBase,
  path: string,
  { recursive = false }: ListOptions,
): Promise<Entry[]> {
  const [schema, table] = path.split('/').filter((part) => part !== '');
  if (schema === undefined && !recursive) {
    const { rows } = await client.query(
      `select n.nspname as name from pg_namespace n where ${systemSchemas} order by n.nspname collate "C"`,
    );
    return rows.map(({ name }) => ({ kind: 'folder', name, path: name }));
  }
  if (schema !== undefined && (await describeSchema(client, schema)) === undefined) {
    throw failure('NOT_FOUND', { path, hint: ': there is no such schema' });
  }
  const { rows } = await client.query(
    `select n.nspname as schema, c.relname as name, c.relkind in ('v', 'm') as view
       from pg_class c join pg_namespace n on n.oid = c.relnamespace
      where ${kinds} and ${systemSchemas} and ($1::text is null or n.nspname = $1) and ($2::text is null or c.relname = $2)
        and not c.relispartition and (c.relname <> '${checkpointTable}' or $2::text is not null)
      order by n.nspname collate "C", c.relname collate "C"`,
    [schema ?? null, table ?? null],
  );
  if (table !== undefined && rows.length === 0) throw failure('NOT_FOUND', { path, hint: ': there is no such table' });
  return rows.map((row) => ({ kind: row.view ? 'view' : 'table', name: row.name, path: `${row.schema}/${row.name}` }));
}
