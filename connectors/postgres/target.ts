// The table that is written: found, made, or changed so that it takes the columns of the stream.
import type { WriteOptions } from '../../engine/contracts/connector.ts';
import type { Column } from '../../engine/contracts/data.ts';
import { failure } from '../../engine/errors.ts';
import { didYouMean } from '../../engine/suggest.ts';
import { letIt, quoteName } from '../shared/sql.ts';
import { findTable, quoted, type Table, type TableColumn, type TablePath } from './catalog.ts';
import type { Session } from './connect.ts';
import type { Pair } from './encode.ts';
import { columnOf, lossy, nativeFor, nativeParts } from './types.ts';

export interface WriteTarget {
  table: Table;
  /** Made by this write, so that nobody else sees it yet. */
  made: boolean;
  pairs: Pair[];
}

export async function prepareTarget(
  { client }: Session,
  path: TablePath,
  columns: readonly Column[],
  o: WriteOptions,
  shown: string,
): Promise<WriteTarget> {
  const table = await findTable(client, path);
  if (table !== undefined) {
    if (o.mode === 'create') throw failure('TARGET_EXISTS', { path: shown });
    const changes: string[] = [];
    const pairs = columns.map((from) => ({ from, to: matched(from, table, o, changes, shown) }));
    requireKey(o, columns, shown);
    await requireRights(client, table, pairs, o, shown);
    if (changes.length > 0) await client.query(`alter table ${quoted(path)} ${changes.join(', ')}`);
    return { table, made: false, pairs };
  }
  if (o.createTable === 'never') {
    throw failure('NOT_FOUND', { path: shown, hint: ', and `create_table: never` says not to make it' });
  }
  requireKey(o, columns, shown);
  const key = o.key ?? columns.filter((column) => column.key).map(({ name }) => name);
  const parts = columns.map((column) => {
    const required = column.nullable === false ? ' not null' : '';
    return `${quoteName(column.name)} ${nativeFor(column)}${required}`;
  });
  if (key.length > 0) parts.push(`primary key (${key.map(quoteName).join(', ')})`);
  await client.query(`create table ${quoted(path)} (${parts.join(', ')})`);
  const made = (await findTable(client, path))!;
  return { table: made, made: true, pairs: columns.map((from, i) => ({ from, to: made.columns[i]! })) };
}

/** The table's column for one of the stream, with what must change for it. */
function matched(from: Column, table: Table, o: WriteOptions, changes: string[], shown: string): Column {
  const to = table.columns.find(({ name }) => name === from.name);
  const evolves = o.schema === 'evolve';
  if (to === undefined) {
    const native = nativeFor(from);
    if (evolves) {
      changes.push(`add column ${quoteName(from.name)} ${native}`);
      return columnOf(from.name, native);
    }
    const near = didYouMean(
      from.name,
      table.columns.map(({ name }) => name),
    );
    const hint = `${near === '' ? '' : near}; add it, leave it out with a select task, or say \`schema: evolve\``;
    throw failure('COLUMN_UNKNOWN', { where: shown, column: from.name, hint });
  }
  if (to.generated) {
    throw failure('OPTION_UNSUPPORTED', {
      what: `writing to the column "${to.name}"`,
      where: `${shown}: the server computes it`,
      hint: '; leave it out with a select task',
    });
  }
  const wider = widened(from, to);
  if (wider !== undefined && evolves) {
    changes.push(`alter column ${quoteName(to.name)} type ${wider}`);
    return columnOf(to.name, wider);
  }
  const loss = o.lossy === 'allow' ? undefined : lossy(from, to);
  if (loss !== undefined) {
    const value = `column "${from.name}": ${loss}`;
    throw failure('VALUE_LOSSY', { where: shown, value, target: 'the table', hint: letIt });
  }
  return to;
}

/** The type that the table's column needs to hold what the stream may bring; undefined where it does already. */
function widened(from: Column, to: TableColumn): string | undefined {
  if (from.untyped || from.type !== to.type) return undefined;
  if (from.type === 'integer' && (from.length ?? 8) > (to.length ?? 8)) return nativeFor(from);
  if (from.type === 'double' && to.native === 'real' && from.native !== 'real') return 'double precision';
  if (from.type === 'decimal' && to.scale !== undefined) {
    const { precision, scale } = from;
    if (precision === undefined || scale === undefined) return 'numeric';
    const whole = Math.max(precision - scale, to.precision! - to.scale);
    if (whole + scale > to.precision! || scale > to.scale) {
      const digits = Math.max(scale, to.scale);
      return `numeric(${whole + digits},${digits})`;
    }
  }
  if (from.type === 'text' && to.length !== undefined && nativeParts(to.native!).name === 'character varying') {
    if (from.length === undefined) return 'text';
    if (from.length > to.length) return `character varying(${from.length})`;
  }
  return undefined;
}

function requireKey(o: WriteOptions, columns: readonly Column[], shown: string): void {
  if (o.mode !== 'upsert') return;
  if (o.key === undefined || o.key.length === 0) throw failure('KEY_MISSING', { path: shown });
  for (const name of o.key) {
    if (!columns.some((column) => column.name === name)) {
      throw failure('COLUMN_UNKNOWN', {
        where: `${shown}, \`key\``,
        column: name,
        hint: '; the records do not have it',
      });
    }
  }
}

/** The server would name the table only. */
async function requireRights(
  client: Session['client'],
  { oid }: Table,
  pairs: readonly Pair[],
  { mode, key = [] }: WriteOptions,
  shown: string,
): Promise<void> {
  const { rows } = await client.query<{ name: string; right: string }>(
    `select a.attname as name, needed.right
       from pg_attribute a cross join (values ('insert'), ('update')) as needed("right")
      where a.attrelid = $1 and a.attname = any($2) and not has_column_privilege(a.attrelid, a.attnum, needed.right)
        and (needed.right = 'insert' or ($3 and a.attname <> all($4)))
      order by a.attnum limit 1`,
    [oid, pairs.map(({ to }) => to.name), mode === 'upsert', key],
  );
  const missing = rows[0];
  if (missing === undefined) return;
  const hint = `: the user may not ${missing.right} the column "${missing.name}"`;
  throw failure('PERMISSION_DENIED', { path: shown, hint });
}
