// Reading a table in order, with a checkpoint after each batch.
import type { CallOptions, ReadOptions } from '../../engine/contracts/connector.ts';
import type { Column, RowStream, Value } from '../../engine/contracts/data.ts';
import { failure } from '../../engine/errors.ts';
import { quoteName, quoteText } from '../shared/sql.ts';
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
import { findKey, quoted, type Table } from './catalog.ts';
import type { Session, Sessions } from './connect.ts';
import { copyOut, inSnapshot } from './copy.ts';
import { decodeCopy } from './decode.ts';
import { parameterText } from './encode.ts';
import type { Place } from './errors.ts';
import { selection, type TableSource } from './source.ts';

interface KnownOrder {
  order: Order;
  /** Columns of which a row may turn out to have no value. */
  maybeNull: readonly Column[];
}

const dialect: OrderDialect = {
  quoteName,
  comparesRows: true,
  // Without a type of its own it gets that of the column, and is compared as the column is.
  value: literal,
  earlier(column, value, amount) {
    const { type } = column;
    if (type === 'decimal') return `(${literal(column, value)}::numeric - ${amount})`;
    if (type === 'double') return `(${literal(column, value)}::float8 - ${amount})`;
    if (type === 'timestamptz') return `(${literal(column, value)}::timestamptz - interval '${amount} milliseconds')`;
    if (type !== 'timestamp' && type !== 'date') return undefined;
    return `(${literal(column, value)}::timestamp - interval '${amount} milliseconds')`;
  },
};

/** The order that the options ask for, or undefined where they ask for none. */
export async function orderOf(
  session: Session,
  source: TableSource,
  o: ReadOptions,
  shown: string,
): Promise<KnownOrder | undefined> {
  const { table } = source;
  let known: KnownOrder;
  if (o.cursor !== undefined) known = orderOfCursor(o.cursor, table, shown);
  else if (o.checkpoints === true) {
    const columns = await keyColumns(session, table, shown);
    const after = o.after === undefined ? undefined : positionFrom(o.after, columns, shown);
    known = { order: { columns, after }, maybeNull: [] };
  } else return undefined;
  // Refuses what cannot be counted back.
  orderedReads(known.order, dialect, shown);
  const { columns, after, until } = known.order;
  for (const position of [after, until]) {
    if (position !== undefined) await refuseUnreadable(session, source, columns, position, shown);
  }
  return known;
}

async function keyColumns({ client }: Session, table: Table, shown: string): Promise<Column[]> {
  const refused = (reason: string) => failure('NOT_RESUMABLE', { path: shown, reason });
  if (table.kind === 'view') throw refused('it is a view, which has no key that tells where it goes on');
  if (table.hasChildren) throw refused('it has child tables, and no key that holds over all of them');
  const names = await findKey(client, table);
  if (names === undefined) {
    throw refused('the table has no primary key and no unique index on columns that are NOT NULL; add one');
  }
  return names.map((name) => table.columns.find((column) => column.name === name)!);
}

/** Asks the server whether it can read the position's values, before the first row. */
async function refuseUnreadable(
  { client }: Session,
  source: TableSource,
  columns: readonly Column[],
  position: Position,
  shown: string,
): Promise<void> {
  const condition = orderedReads({ columns, after: position }, dialect, shown)[0]?.condition;
  await client.query('savepoint position');
  try {
    await client.query(`select from ${quoted(source.table)} where ${condition} limit 0`);
  } catch (error) {
    await client.query('rollback to position');
    if (!String((error as { code?: string }).code).startsWith('22')) throw error;
    throw invalidPosition(
      shown,
      position,
      columns.map(({ name }) => name),
      error,
    );
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

async function* orderedBatches(session: Session, place: Place, source: TableSource, { order, maybeNull }: KnownOrder) {
  const { columns, after } = order;
  for (const { name } of maybeNull) {
    const found = selection(source, { condition: `${quoteName(name)} is null` });
    const { rows } = await session.client.query(`select exists ${found} as found`);
    if (rows[0].found) throw nullInCursor(place.shown, name);
  }
  let empty = true;
  for (const { condition, checkpoint } of orderedReads(order, dialect, place.shown)) {
    const copied = selection(source, { condition, order: orderBy(order, dialect), added: columns });
    for await (const { rows, last } of decodeCopy(copyOut(session, copied), source.columns, columns)) {
      empty = false;
      yield { rows, checkpoint: { ...(checkpoint ?? positionOf(columns, last!)) } as Value };
    }
  }
  if (empty && after !== undefined) yield { rows: [], checkpoint: { ...after } as Value };
}

function positionOf(columns: readonly Column[], values: readonly Value[]): Position {
  return Object.fromEntries(columns.map(({ name }, i) => [name, inPosition(values[i]!)]));
}

function literal(column: Column, value: string | number | boolean): string {
  if (column.type === 'binary') return quoteText(`\\x${value}`);
  return quoteText(parameterText(value, column.native ?? ''));
}
