// Reading a table in order: by a cursor's columns or by a key, on from a checkpoint, as conditions of SQL.
import type { Cursor } from '../../engine/contracts/connector.ts';
import type { Column, ColumnType, Row, Value } from '../../engine/contracts/data.ts';
import { failure } from '../../engine/errors.ts';
import { didYouMean } from '../../engine/suggest.ts';

/** The values of one row in the columns of the order, or in the first of them: a checkpoint. */
export type Position = Readonly<Record<string, string | number | boolean>>;

/** How a database writes what a position holds. Each is called in the order in which the SQL has what it gives. */
export interface OrderDialect {
  quoteName(name: string): string;
  /** A value, or a placeholder for it, to compare the column with. */
  value(column: Column, value: string | number | boolean): string;
  /** The value less so much, in milliseconds for times; undefined where values of this column cannot be counted back. */
  earlier(column: Column, value: string | number | boolean, amount: number): string | undefined;
  /** Whether `(a, b) > (1, 2)` is found by an index on both. */
  comparesRows: boolean;
}

/** What the rows are ordered by, and between which positions they are. */
export interface Order {
  columns: readonly Column[];
  after?: Position | undefined;
  until?: Position | undefined;
  lookback?: number | undefined;
}

/** One of the reads that follow each other, all of one snapshot. */
export interface OrderedRead {
  /** SQL, or undefined where every row belongs to it. */
  condition: string | undefined;
  /** The checkpoint of all its batches; undefined where it is the position of the batch's last row. */
  checkpoint: Position | undefined;
}

const ordered: ReadonlySet<ColumnType> = new Set([
  'integer',
  'double',
  'decimal',
  'text',
  'date',
  'time',
  'timestamp',
  'timestamptz',
  'uuid',
]);

/**
 * The order that `cursor` says, of a table with these columns. `maybeNull`: columns of which only the rows can tell
 * whether one of them has NULL there, as in a view; refuse with `nullInCursor` when one has.
 */
export function orderOfCursor(
  cursor: Cursor,
  table: { columns: readonly Column[]; kind: 'table' | 'view' },
  where: string,
): { order: Order; maybeNull: readonly Column[] } {
  const columns = cursor.columns.map((name) => {
    const column = table.columns.find((each) => each.name === name);
    if (column === undefined) {
      const hint = didYouMean(
        name,
        table.columns.map((each) => each.name),
      );
      throw failure('COLUMN_UNKNOWN', { where: `${where}, \`cursor\``, column: name, hint });
    }
    if (!ordered.has(column.type)) {
      throw unsuited(where, name, `its values (${column.native ?? column.type}) have no order to go on in`);
    }
    if (column.nullable !== false && table.kind === 'table') {
      throw unsuited(
        where,
        name,
        'it may be NULL, and such rows would be left out; make it NOT NULL, or read a view without them',
      );
    }
    return column;
  });
  const { after, until, lookback } = cursor;
  return {
    order: {
      columns,
      after: after === undefined ? undefined : positionFrom(after, columns, where),
      until: until === undefined ? undefined : positionFrom(until, columns, where),
      lookback,
    },
    maybeNull: columns.filter(({ nullable }) => nullable !== false),
  };
}

/** For a column of which a row was found that has no value there. */
export function nullInCursor(where: string, column: string) {
  return unsuited(
    where,
    column,
    'there are rows with NULL in it, which would be left out; leave them out with `where`',
  );
}

function unsuited(where: string, column: string, reason: string) {
  return failure('CURSOR_UNSUITED', { where, column, reason });
}

/** A checkpoint, or where the definition says that the first read begins. */
export function positionFrom(value: Value, columns: readonly Column[], where: string): Position {
  const names = columns.map(({ name }) => name);
  const given = value !== null && typeof value === 'object' ? (value as Row) : {};
  const known = names.filter((name) => Object.hasOwn(given, name));
  const usable =
    known.length > 0 &&
    known.length === Object.keys(given).length &&
    known.every(
      (name, i) => name === names[i] && ['string', 'number', 'boolean', 'bigint'].includes(typeof given[name]),
    );
  if (!usable) throw invalidPosition(where, value, names);
  return Object.fromEntries(known.map((name) => [name, inPosition(given[name]!)]));
}

/** `cause`: what the server said of it. */
export function invalidPosition(where: string, value: unknown, names: readonly string[], cause?: unknown) {
  const shown = JSON.stringify(value, (_, part) => (typeof part === 'bigint' ? String(part) : part));
  const expected = `a position that can be gone on from; it needs values of ${names.join(', ')}`;
  return failure('VALUE_INVALID', { where, value: shown, expected }, { cause });
}

/** A value of a row as a position holds it: JSON without loss. Bytes become hex digits. */
export function inPosition(value: NonNullable<Value>): string | number | boolean {
  if (typeof value === 'bigint' || (typeof value === 'number' && !Number.isFinite(value))) return String(value);
  if (value instanceof Uint8Array) return Buffer.from(value).toString('hex');
  if (typeof value === 'object') throw failure('BUG', { reason: 'a list or an object in a position' });
  return value;
}

export function orderBy({ columns }: Order, { quoteName }: OrderDialect): string {
  return columns.map(({ name }) => quoteName(name)).join(', ');
}

/** The reads that together give the rows of the order: first those of the lookback, then the others. */
export function orderedReads(order: Order, dialect: OrderDialect, where: string): OrderedRead[] {
  const { columns, after, until, lookback = 0 } = order;
  const compared = (position: Position, how: 'after' | 'until') => comparison(columns, position, how, dialect);
  const upTo = () => (until === undefined ? [] : [compared(until, 'until')]);
  const reads: OrderedRead[] = [];
  if (after !== undefined && lookback > 0) {
    const parts = [...earliest(columns[0]!, after, lookback, dialect, where), compared(after, 'until'), ...upTo()];
    reads.push({ condition: parts.join(' and '), checkpoint: after });
  }
  const parts = [...(after === undefined ? [] : [compared(after, 'after')]), ...upTo()];
  reads.push({ condition: parts.length === 0 ? undefined : parts.join(' and '), checkpoint: undefined });
  return reads;
}

function comparison(
  columns: readonly Column[],
  position: Position,
  how: 'after' | 'until',
  dialect: OrderDialect,
): string {
  const { quoteName } = dialect;
  const compared = columns.filter(({ name }) => Object.hasOwn(position, name));
  const name = (column: Column) => quoteName(column.name);
  const value = (column: Column) => dialect.value(column, position[column.name]!);
  const [sign, last] = how === 'after' ? ['>', '>'] : ['<', '<='];
  if (dialect.comparesRows) {
    return `(${compared.map(name).join(', ')}) ${last} (${compared.map(value).join(', ')})`;
  }
  const from = (i: number): string => {
    const column = compared[i]!;
    if (i === compared.length - 1) return `${name(column)} ${last} ${value(column)}`;
    const beyond = `${name(column)} ${sign} ${value(column)}`;
    return `(${beyond} or (${name(column)} = ${value(column)} and ${from(i + 1)}))`;
  };
  if (compared.length === 1) return from(0);
  // What an index on the first column can do.
  return `${name(compared[0]!)} ${sign}= ${value(compared[0]!)} and ${from(0)}`;
}

/** No condition where everything is late enough. */
function earliest(column: Column, after: Position, lookback: number, dialect: OrderDialect, where: string): string[] {
  const value = after[column.name]!;
  let begin: string | undefined;
  if (column.type !== 'integer') begin = dialect.earlier(column, value, lookback);
  else if (/^[+-]?\d+$/.test(String(value))) {
    const least = BigInt(value) - BigInt(Math.ceil(lookback));
    if (least < -(2n ** BigInt(8 * (column.length ?? 8) - 1))) return [];
    begin = dialect.value(column, String(least));
  } else throw invalidPosition(where, after, [column.name]);
  if (begin === undefined) throw unsuited(where, column.name, '`lookback` needs a time or a number to count back from');
  return [`${dialect.quoteName(column.name)} >= ${begin}`];
}
