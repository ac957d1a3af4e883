// Reading a table in order, with a checkpoint after each batch.
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { CallOptions, ReadOptions } from '../../engine/contracts/connector.ts';
import type { Batch, Column, Row, RowStream, Value } from '../../engine/contracts/data.ts';
import { failure } from '../../engine/errors.ts';
import { quoteName } from '../shared/sql.ts';
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
import { findKey, type TableColumn } from './catalog.ts';
import type { DatabaseFile } from './connect.ts';
import type { Bound, Handle } from './driver.ts';
import type { Place } from './errors.ts';
import { selection, type TableSource } from './read.ts';
import { earlierTime, timeText } from './times.ts';
import { compileBatches } from './values.ts';

interface KnownOrder {
  order: Order;
  /** Columns of which a row may turn out to have no value. */
  maybeNull: readonly Column[];
}

/** In the order of their bytes, whatever collation the column has: that one tells all texts apart. */
const orderName = (name: string) => `${quoteName(name)} collate binary`;

/** Placeholders with numbers from `before` + 1, and what they stand for. */
function dialectFrom(before: number, where: string): { dialect: OrderDialect; values: Bound[] } {
  const values: Bound[] = [];
  const placeholder = (value: Bound) => {
    values.push(value);
    return `?${before + values.length}`;
  };
  const dialect: OrderDialect = {
    quoteName: orderName,
    comparesRows: true,
    value: (column, value) => placeholder(bound(column, value, where)),
    earlier(column, value, amount) {
      const { type } = column;
      if (type === 'decimal' || type === 'double') return `(${placeholder(bound(column, value, where))} - ${amount})`;
      if (type !== 'timestamp' && type !== 'date') return undefined;
      const earlier = earlierTime(String(value), amount);
      return earlier === undefined ? undefined : placeholder(type === 'date' ? earlier.slice(0, 10) : earlier);
    },
  };
  return { dialect, values };
}

/** What a position holds, as the column does. */
function bound(column: Column, value: string | number | boolean, where: string): Bound {
  const invalid = () => invalidPosition(where, { [column.name]: value }, [column.name]);
  const text = String(value);
  switch (column.type) {
    case 'integer':
      if (!/^[+-]?\d+$/.test(text) || BigInt.asIntN(64, BigInt(text)) !== BigInt(text)) throw invalid();
      return BigInt(text);
    case 'double':
    case 'decimal': {
      if (text.trim() === '' || Number.isNaN(Number(text))) throw invalid();
      return /^[+-]?\d+$/.test(text) && BigInt.asIntN(64, BigInt(text)) === BigInt(text) ? BigInt(text) : Number(text);
    }
    case 'date':
    case 'time':
    case 'timestamp': {
      const found = timeText(column.type, text);
      if (found === undefined) throw invalid();
      return found;
    }
    case 'boolean':
      return text === 'true' ? 1n : 0n;
    case 'binary':
      return Buffer.from(text, 'hex');
    default:
      return text;
  }
}

/** The order that the options ask for, or undefined where they ask for none. */
export function orderOf(handle: Handle, source: TableSource, o: ReadOptions, shown: string): KnownOrder | undefined {
  let known: KnownOrder;
  if (o.cursor !== undefined) {
    known = orderOfCursor(o.cursor, source.table, shown);
  } else if (o.checkpoints === true) {
    const columns = keyColumns(handle, source, shown);
    const after = o.after === undefined ? undefined : positionFrom(o.after, columns, shown);
    known = { order: { columns, after }, maybeNull: columns.filter(({ nullable }) => nullable !== false) };
  } else return undefined;
  for (const column of known.order.columns) refuseUnordered(column as TableColumn, o.cursor !== undefined, shown);
  refuseNull(handle, source, known, shown);
  orderedReads(known.order, dialectFrom(0, shown).dialect, shown);
  return known;
}

function refuseNull(handle: Handle, source: TableSource, { maybeNull }: KnownOrder, shown: string): void {
  for (const { name } of maybeNull) {
    const sql = `select exists (select 1 from ${narrowed(source, `${quoteName(name)} is null`)})`;
    if (handle.all(sql, ...source.values)[0]![0] === 1n) throw nullInCursor(shown, name);
  }
}

function keyColumns(handle: Handle, { table }: TableSource, shown: string): TableColumn[] {
  const refused = (reason: string) => failure('NOT_RESUMABLE', { path: shown, reason });
  if (table.kind === 'view') throw refused('it is a view, which has no key that tells where it goes on');
  const names = findKey(handle, table);
  if (names === undefined) {
    throw refused('the table has no primary key and no unique index on columns that are NOT NULL; add one');
  }
  return names.map((name) => table.columns.find((column) => column.name === name)!);
}

/** SQLite orders what it holds: text by its bytes, which is not always what the text means. */
function refuseUnordered(column: TableColumn, cursor: boolean, where: string): void {
  const { type, affinity, untyped, name, native = 'no type' } = column;
  const refused = (reason: string) => {
    if (cursor) throw failure('CURSOR_UNSUITED', { where, column: name, reason });
    throw failure('NOT_RESUMABLE', { path: where, reason: `the column "${name}" of its key: ${reason}` });
  };
  if (untyped) refused(`it is declared as ${native}, so its values may be of any type`);
  if (type === 'decimal' && affinity === 'TEXT') refused('its decimals are text, whose order is not that of numbers');
  if (cursor && type === 'timestamptz')
    refused('its times are text, whose order is not that of instants; take a TIMESTAMP in UTC');
  if (!cursor && ['json', 'array', 'interval', 'timestamptz'].includes(type)) {
    refused(`its values (${native}) have no order to go on in`);
  }
}

/** Text that is written in another way stands elsewhere in the order than what it means. */
const onlyForm: Partial<Record<Column['type'], string>> = {
  date: '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]',
  time: '[0-2][0-9]:[0-5][0-9]:[0-9][0-9]*',
  timestamp: '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]T[0-9][0-9]:[0-9][0-9]:[0-9][0-9]*',
};

function narrowed({ from, where }: TableSource, condition: string | undefined): string {
  return condition === undefined ? from : `${from} ${where === undefined ? 'where' : 'and'} (${condition})`;
}

/** Rows in the order, all of one snapshot. The last checkpoint of a read without rows is the one it began after. */
export function orderedStream(
  file: DatabaseFile,
  place: Place,
  source: TableSource,
  known: KnownOrder,
  o: CallOptions,
): RowStream {
  return {
    kind: 'rows',
    columns: source.columns,
    checkpoints: true,
    batches: file.stream(place, o, (handle) => orderedBatches(handle, place, source, known)),
  };
}

async function* orderedBatches(
  handle: Handle,
  { shown }: Place,
  source: TableSource,
  known: KnownOrder,
): AsyncGenerator<Batch> {
  const { order } = known;
  const { columns, after } = order;
  refuseNull(handle, source, known, shown);
  for (const column of columns) refuseOtherForms(handle, column, source, shown);
  const added = columns.map((column, i) => ({ ...column, name: `pipewright_order_${i}` }));
  const take = compileBatches({ columns: [...source.columns, ...added], encoding: handle.encoding, where: shown });
  let empty = true;
  let count = 0;
  const before = source.values.length;
  const reads = orderedReads(order, dialectFrom(before, shown).dialect, shown);
  for (const [i, { checkpoint }] of reads.entries()) {
    // Each read has the placeholders of its own condition only.
    const { condition, values } = conditionOf(order, before, shown, i);
    const from = narrowed(source, condition);
    const sql = `${selection({ from, columns: source.columns }, handle, columns)} order by ${orderBy(order, dialectFrom(0, shown).dialect)}`;
    const rows = handle.prepare(sql).iterate([...source.values, ...values]);
    for (;;) {
      const batch = take(rows, count);
      const last = batch.rows.at(-1);
      if (last === undefined) break;
      empty = false;
      count += batch.rows.length;
      const position = checkpoint ?? positionOf(columns, added, last);
      for (const row of batch.rows) for (const { name } of added) delete row[name];
      yield { rows: batch.rows, checkpoint: { ...position } as Value };
      await nextTurn();
    }
  }
  if (empty && after !== undefined) yield { rows: [], checkpoint: { ...after } as Value };
}

function conditionOf(order: Order, before: number, where: string, index: number) {
  const { after, until, columns, lookback = 0 } = order;
  const { dialect, values } = dialectFrom(before, where);
  const isLookback = after !== undefined && lookback > 0 && index === 0;
  const reads = isLookback
    ? orderedReads(order, dialect, where).slice(0, 1)
    : orderedReads({ columns, after, until }, dialect, where);
  const { condition } = reads[0]!;
  // A statement takes no more values than it has placeholders.
  const used = new Set([...(condition ?? '').matchAll(/\?(\d+)/g)].map(([, n]) => Number(n)));
  return { condition, values: values.filter((_, i) => used.has(before + i + 1)) };
}

function refuseOtherForms(handle: Handle, column: Column, source: TableSource, where: string): void {
  const form = onlyForm[column.type];
  if (form === undefined) return;
  const name = quoteName(column.name);
  const [row] = handle.all(
    `select ${name} from ${quoteName(source.table.name)} where typeof(${name}) <> 'null' and (typeof(${name}) <> 'text' or ${name} not glob '${form}') limit 1`,
  );
  if (row === undefined) return;
  const reason = `it has values in other forms than ${column.type === 'timestamp' ? '2026-01-31T12:00:00' : 'ISO 8601'}, which do not stand in the order of time`;
  throw failure('CURSOR_UNSUITED', { where, column: column.name, reason });
}

function positionOf(columns: readonly Column[], added: readonly Column[], last: Row): Position {
  return Object.fromEntries(columns.map(({ name }, i) => [name, inPosition(last[added[i]!.name]!)]));
}
