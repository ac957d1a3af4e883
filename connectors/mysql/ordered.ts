// Reading a table in order, with a checkpoint after each batch.
import type { CallOptions, ReadOptions } from '../../engine/contracts/connector.ts';
import type { Batch, Column, RowStream, Value } from '../../engine/contracts/data.ts';
import { failure } from '../../engine/errors.ts';
import {
  inPosition,
  invalidPosition,
  nullInCursor,
  type Order,
  type OrderDialect,
  orderBy,
  orderedReads,
  orderOfCursor,
  type Position,
  positionFrom,
} from '../shared/sql-cursor.ts';
import type { Table } from './catalog.ts';
import type { Session, Sessions } from './connect.ts';
import { decodeRows } from './decode.ts';
import type { Place } from './errors.ts';
import { inSnapshot, selection, type TableSource } from './rows.ts';
import { literal, quoteName, quoteText } from './sql.ts';
import { utcText } from './values.ts';

interface KnownOrder {
  order: Order;
  /** Columns of which a row may turn out to have no value. */
  maybeNull: readonly Column[];
}

const times: readonly string[] = ['date', 'timestamp', 'timestamptz'];

const dialect: OrderDialect = {
  quoteName,
  // An index serves each column by itself only.
  comparesRows: false,
  value: valueText,
  earlier(column, value, amount) {
    if (column.type === 'decimal' || column.type === 'double') return `(${valueText(column, value)} - ${amount})`;
    if (!times.includes(column.type)) return undefined;
    const from = `cast(${valueText(column, value)} as datetime(6))`;
    // Before the first day there is NULL, and nothing is later than that.
    return `ifnull(${from} - interval ${Math.ceil(amount * 1000)} microsecond, cast('0001-01-01' as datetime(6)))`;
  },
};

/** As the column is compared with it: a number that is no text, so that it is not compared as a double. */
function valueText({ type, native = '' }: Column, value: string | number | boolean): string {
  const text = String(value);
  if (type === 'double') {
    const number = Number(value);
    return literal(native.startsWith('float') ? Math.fround(number) : number);
  }
  if (type === 'integer' || type === 'decimal') return text;
  if (type === 'boolean') return text === 'true' || text === '1' ? '1' : '0';
  if (type === 'binary') return `x'${text}'`;
  if (native.startsWith('bit(')) return `b'${text}'`;
  return quoteText(type === 'timestamptz' ? (utcText(text) ?? text) : text);
}

/** What a value of a position must look like to be put into SQL as it is, or to be read by the server. */
function isReadable({ type, native = '' }: Column, value: string | number | boolean): boolean {
  const text = String(value);
  switch (type) {
    case 'integer':
      return /^[+-]?\d+$/.test(text);
    case 'decimal':
      return /^[+-]?\d+(\.\d+)?$/.test(text);
    case 'double':
      return text !== '' && Number.isFinite(Number(text));
    case 'boolean':
      return /^(true|false|0|1)$/.test(text);
    case 'binary':
      return /^([0-9a-f]{2})*$/i.test(text);
    case 'date':
    case 'timestamp':
    case 'timestamptz':
      return /^\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:?\d\d)?)?$/.test(text);
    default:
      return !native.startsWith('bit(') || /^[01]+$/.test(text);
  }
}

/** The order that the options ask for, or undefined where they ask for none. */
export async function orderOf(
  session: Session,
  { table }: TableSource,
  o: ReadOptions,
  shown: string,
): Promise<KnownOrder | undefined> {
  let known: KnownOrder;
  if (o.cursor !== undefined) known = orderOfCursor(o.cursor, table, shown);
  else if (o.checkpoints === true) {
    const columns = keyColumns(table, shown);
    const after = o.after === undefined ? undefined : positionFrom(o.after, columns, shown);
    known = { order: { columns, after }, maybeNull: [] };
  } else return undefined;
  const { columns, after, until } = known.order;
  for (const { name, native = '' } of columns) {
    if (!isListed(native)) continue;
    // They are ordered by their number in the list, and compared as texts.
    throw failure('CURSOR_UNSUITED', {
      where: shown,
      column: name,
      reason: `its values (${native}) have no order to go on in`,
    });
  }
  for (const position of [after, until]) {
    if (position !== undefined) await refuseUnreadable(session, columns, position, shown);
  }
  // Refuses what cannot be counted back.
  orderedReads(known.order, dialect, shown);
  return known;
}

const isListed = (native: string) => /^(enum|set)\(/.test(native);

function keyColumns(table: Table, shown: string): Column[] {
  const refused = (reason: string) => failure('NOT_RESUMABLE', { path: shown, reason });
  if (table.kind === 'view') throw refused('it is a view, which has no key that tells where it goes on');
  const columnsOf = (names: readonly string[]) =>
    names.map((name) => table.columns.find((column) => column.name === name)!);
  const key = table.unique
    .map(columnsOf)
    .find((columns) => columns.every(({ nullable, native = '' }) => nullable === false && !isListed(native)));
  if (key === undefined) {
    throw refused('the table has no primary key and no unique index on columns that are NOT NULL; add one');
  }
  return key;
}

async function refuseUnreadable(
  { wire }: Session,
  columns: readonly Column[],
  position: Position,
  shown: string,
): Promise<void> {
  for (const column of columns) {
    const value = position[column.name];
    if (value === undefined) continue;
    let readable = isReadable(column, value);
    if (readable && times.includes(column.type)) {
      const { rows } = await wire.query(`select cast(${valueText(column, value)} as datetime(6)) is not null`);
      readable = rows[0]![0] === '1';
    }
    if (!readable) {
      throw invalidPosition(
        shown,
        position,
        columns.map(({ name }) => name),
      );
    }
  }
}

/** Rows in the order, all of one snapshot. The last checkpoint of a read without rows is the one it began after. */
export function orderedStream(
  sessions: Sessions,
  place: Place,
  source: TableSource,
  known: KnownOrder,
  o: CallOptions,
): RowStream {
  return {
    kind: 'rows',
    columns: source.columns,
    checkpoints: true,
    batches: sessions.stream(place, o, (session) =>
      inSnapshot(session, () => orderedBatches(session, place, source, known)),
    ),
  };
}

async function* orderedBatches(
  session: Session,
  place: Place,
  source: TableSource,
  { order, maybeNull }: KnownOrder,
): AsyncGenerator<Batch> {
  const { columns, after } = order;
  for (const { name } of maybeNull) {
    const statement = `${selection(source, { condition: `${quoteName(name)} is null` })} limit 1`;
    for await (const _ of (await session.wire.open(statement)).blocks) {
      throw nullInCursor(place.shown, name);
    }
  }
  let empty = true;
  const ownNames = { ...dialect, quoteName: (name: string) => `${quoteName(source.table.name)}.${quoteName(name)}` };
  for (const { condition, checkpoint } of orderedReads(order, dialect, place.shown)) {
    const statement = selection(source, { condition, order: orderBy(order, ownNames), added: columns });
    const { blocks } = await session.wire.open(statement);
    for await (const { rows, last } of decodeRows(blocks, source.columns, columns)) {
      empty = false;
      yield { rows, checkpoint: { ...(checkpoint ?? positionOf(columns, last!)) } as Value };
    }
  }
  if (empty && after !== undefined) yield { rows: [], checkpoint: { ...after } as Value };
}

function positionOf(columns: readonly Column[], values: readonly Value[]): Position {
  return Object.fromEntries(columns.map(({ name }, i) => [name, inPosition(values[i]!)]));
}
