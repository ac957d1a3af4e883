// The table that is written: found, made, or changed so that it takes the columns of the stream.
import { randomBytes } from 'node:crypto';
import type { WriteOptions } from '../../engine/contracts/connector.ts';
import type { Column } from '../../engine/contracts/data.ts';
import { failure } from '../../engine/errors.ts';
import { didYouMean } from '../../engine/suggest.ts';
import { letIt } from '../shared/sql.ts';
import { findTable, quoted, type Table, type TableColumn, type TablePath } from './catalog.ts';
import type { Session } from './connect.ts';
import type { Pair } from './encode.ts';
import { quoteName, quoteText } from './sql.ts';
import { columnOf, lossy, nativeFor, nativeParts } from './types.ts';

export interface WriteTarget {
  table: Table;
  /** The name that a table made by this write is to get at the end; until then it has another one. */
  renameTo?: TablePath;
  pairs: Pair[];
}

/** Before the transaction: what changes tables ends it. */
export async function prepareTarget(
  session: Session,
  path: TablePath,
  columns: readonly Column[],
  o: WriteOptions,
  shown: string,
): Promise<WriteTarget> {
  const table = await findTable(session, path);
  if (table !== undefined) {
    if (o.mode === 'create') throw failure('TARGET_EXISTS', { path: shown });
    refuseEngine(table, shown);
    const changes: string[] = [];
    const pairs = columns.map((from) => ({ from, to: matched(session, from, table, o, changes, shown) }));
    requireKey(o, columns, shown, table);
    if (changes.length > 0) await session.wire.query(`alter table ${quoted(path)} ${changes.join(', ')}`);
    return { table, pairs };
  }
  if (o.createTable === 'never') {
    throw failure('NOT_FOUND', { path: shown, hint: ', and `create_table: never` says not to make it' });
  }
  requireKey(o, columns, shown);
  return makeTable(session, path, columns, o, shown);
}

/**
 * A new table has a name of its own until all its rows are there, so that nobody sees it before. With checkpoints it
 * must be there from the start, because a name cannot be changed in their transaction.
 */
async function makeTable(
  session: Session,
  path: TablePath,
  columns: readonly Column[],
  o: WriteOptions,
  shown: string,
): Promise<WriteTarget> {
  const key = o.key ?? columns.filter((column) => column.key).map(({ name }) => name);
  const mariadb = session.flavor === 'mariadb';
  const parts = columns.map((column) => {
    const isKey = key.includes(column.name);
    const required = column.nullable === false || isKey ? 'not null' : 'null';
    return `${quoteName(column.name)} ${nativeFor(column, { key: isKey, mariadb })} ${required}`;
  });
  if (key.length > 0) parts.push(`primary key (${key.map(quoteName).join(', ')})`);
  const direct = o.commit === 'batch' || o.checkpoint !== undefined;
  const made = direct ? path : { schema: path.schema, name: `_pipewright_new_${randomBytes(6).toString('hex')}` };
  await removeOrphans(session, path);
  if (!direct) await session.wire.query(`select get_lock(${quoteText(made.name)}, 0)`);
  await session.wire.query(`create table ${quoted(made)} (${parts.join(', ')}) engine = InnoDB character set utf8mb4`);
  const table = (await findTable(session, made))!;
  const pairs = columns.map((from, i) => {
    const to = table.columns[i]!;
    if (o.lossy !== 'allow') refuseLoss(from, to, shown);
    return { from, to };
  });
  return { table, pairs, ...(direct ? {} : { renameTo: path }) };
}

/** Tables of writes whose process was killed: nobody holds their lock any more. */
async function removeOrphans({ wire }: Session, { schema }: TablePath): Promise<void> {
  const { rows } = await wire.query(
    `select table_name from information_schema.tables
      where table_schema = ${quoteText(schema)} and table_name like '\\_pipewright\\_new\\_%'`,
  );
  for (const [name] of rows) {
    const { rows: locked } = await wire.query(`select get_lock(${quoteText(name!)}, 0)`);
    if (locked[0]![0] !== '1') continue;
    await wire.query(`drop table if exists ${quoted({ schema, name: name! })}`);
    await wire.query(`do release_lock(${quoteText(name!)})`);
  }
}

function refuseEngine({ engine, kind }: Table, shown: string): void {
  if (kind === 'view' || /^(InnoDB|ndbcluster|MyRocks|ROCKSDB|TokuDB)$/i.test(engine)) return;
  throw failure('OPTION_UNSUPPORTED', {
    what: 'writing',
    where: `${shown}: its engine ${engine} has no transactions`,
    hint: '; alter the table to InnoDB',
  });
}

/** The table's column for one of the stream, with what must change for it. */
function matched(
  { flavor }: Session,
  from: Column,
  table: Table,
  o: WriteOptions,
  changes: string[],
  shown: string,
): Column {
  const to = table.columns.find(({ name }) => name === from.name);
  const evolves = o.schema === 'evolve';
  if (to === undefined) {
    const native = nativeFor(from, { mariadb: flavor === 'mariadb' });
    if (evolves) {
      changes.push(`add column ${quoteName(from.name)} ${native} null`);
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
    if (!to.simple) {
      throw failure('OPTION_UNSUPPORTED', {
        what: `widening the column "${to.name}" to ${wider}`,
        where: `${shown}: it has a default, a comment or the like, which would be lost`,
        hint: '; alter the table yourself',
      });
    }
    const required = to.nullable === false ? 'not null' : 'null';
    changes.push(`modify column ${quoteName(to.name)} ${wider}${to.charset} ${required}`);
    return columnOf(to.name, wider, to.nullable === undefined ? {} : { nullable: to.nullable });
  }
  if (o.lossy !== 'allow') refuseLoss(from, to, shown);
  return to;
}

function refuseLoss(from: Column, to: Column, shown: string): void {
  const loss = lossy(from, to);
  if (loss === undefined) return;
  throw failure('VALUE_LOSSY', {
    where: shown,
    value: `column "${from.name}": ${loss}`,
    target: 'the table',
    hint: letIt,
  });
}

/** The type that the table's column needs to hold what the stream may bring; undefined where it does already. */
function widened(from: Column, to: TableColumn): string | undefined {
  if (from.untyped || from.type !== to.type) return undefined;
  const { name } = nativeParts(to.native!) ?? { name: '' };
  if (from.type === 'integer' && (from.length ?? 8) > (to.length ?? 8)) {
    return name.endsWith('unsigned') ? undefined : nativeFor({ name: '', type: 'integer', length: from.length ?? 8 });
  }
  if (from.type === 'double' && name === 'float' && !/^(float|real)/.test(from.native ?? '')) return 'double';
  if (from.type === 'decimal' && name === 'decimal') {
    const { precision, scale } = from;
    if (precision === undefined || scale === undefined) {
      return to.native === 'decimal(65,30)' ? undefined : 'decimal(65,30)';
    }
    const digits = Math.max(scale, to.scale!);
    const whole = Math.max(precision - scale, to.precision! - to.scale!);
    const fits = whole + digits <= 65 && digits <= 30;
    if (fits && (precision - scale > to.precision! - to.scale! || scale > to.scale!))
      return `decimal(${whole + digits},${digits})`;
  }
  if (from.type === 'text' && to.length !== undefined && /^(varchar|tinytext|text|mediumtext)$/.test(name)) {
    if (from.length === undefined) return 'longtext';
    if (from.length > to.length) return from.length <= 4000 ? `varchar(${from.length})` : 'longtext';
  }
  return undefined;
}

function requireKey(o: WriteOptions, columns: readonly Column[], shown: string, table?: Table): void {
  if (o.mode !== 'upsert') return;
  if (o.key === undefined || o.key.length === 0) throw failure('KEY_MISSING', { path: shown });
  const { key } = o;
  for (const name of key) {
    if (!columns.some((column) => column.name === name)) {
      throw failure('COLUMN_UNKNOWN', {
        where: `${shown}, \`key\``,
        column: name,
        hint: '; the records do not have it',
      });
    }
  }
  const isUnique = (index: readonly string[]) =>
    index.length === new Set(key).size && index.every((name) => key.includes(name));
  if (table !== undefined && !table.unique.some(isUnique)) {
    const reason = `\`key\` (${key.join(', ')}) needs a primary key or a unique index on just its columns`;
    throw failure('SQL_REFUSED', { where: shown, reason });
  }
}
