// An order of rows by columns: what is asked for, compiled for the column list.
import type { Column, ColumnType, Row } from '../../engine/contracts/data.ts';
import type { TaskContext } from '../../engine/contracts/task.ts';
import { failure } from '../../engine/errors.ts';
import { columnUnknown, placeOf, requireColumns } from '../columns.ts';
import { invalidValue, valueText } from '../formats/values.ts';
import { compareAny, comparers, isOrdered, type Key, type KeyOf, keyOf, knownType, typeOfValue } from './keys.ts';

/** The keys of many rows: a list for each column of the order. */
export type Keys = readonly Key[][];

/** How rows are put in order. A row's position is its number in the input, from 1. */
export interface Order {
  keysOf(rows: readonly Row[], positions: readonly number[]): Keys;
  /** Below zero, zero or above: row `i` of those that have the keys `one` against row `j` of those that have `other`. */
  compare(one: Keys, i: number, other: Keys, j: number): number;
}

export interface OrderColumn {
  column: string;
  order?: 'asc' | 'desc';
  nulls?: 'first' | 'last';
}

/** By the positions themselves. */
export const byPosition: Order = {
  keysOf: (_, positions) => [positions as number[]],
  compare: (one, i, other, j) => (one[0]![i] as number) - (other[0]![j] as number),
};

/** By a text for each row, in any order that is always the same. */
export function byText(textOf: (row: Row, position: number) => string): Order {
  return {
    keysOf: (rows, positions) => [rows.map((row, i) => textOf(row, positions[i]!))],
    compare(one, i, other, j) {
      const [a, b] = [one[0]![i] as string, other[0]![j] as string];
      return a < b ? -1 : a > b ? 1 : 0;
    },
  };
}

/**
 * By columns, the most significant first. Fails with COLUMN_UNKNOWN, with OPTION_UNSUPPORTED for a type that has no
 * order, and, from `keysOf`, with TYPES_MIXED or VALUE_INVALID for a value that cannot be compared.
 */
export function byColumns(
  columns: readonly OrderColumn[],
  known: readonly Column[] | undefined,
  context: TaskContext,
): Order {
  requireColumns(
    columns.map(({ column }) => column),
    known,
    context,
  );
  const types = columns.map(({ column }) => knownType(known?.find(({ name }) => name === column)));
  const makers = columns.map(({ column }, i) => keyMaker(column, types[i], context));
  return {
    keysOf: (rows, positions) => makers.map((make) => rows.map((row, i) => make(row, positions[i]!))),
    compare: compileCompare(columns, types),
  };
}

/** Makes the key of one column of a row. */
export function keyMaker(
  column: string,
  type: ColumnType | undefined,
  context: TaskContext,
): (row: Row, position: number) => Key {
  const where = placeOf(context);
  let known = type;
  let firstAt = 0;
  let make: KeyOf | undefined = type === undefined ? undefined : makerOf(type);

  function makerOf(found: ColumnType): KeyOf {
    if (isOrdered(found)) return keyOf[found];
    const hint = found === 'interval' ? '' : '; take a field out of it with a set task';
    throw failure('OPTION_UNSUPPORTED', { what: `the column "${column}" of type ${found}`, where, hint });
  }

  return (row, position) => {
    const value = row[column];
    if (value === null) return null;
    if (value === undefined) throw at(columnUnknown(context, column, Object.keys(row)), position);
    const found = type ?? typeOfValue(value);
    if (make === undefined) {
      make = makerOf(found);
      known = found;
      firstAt = position;
    }
    const key = found === known ? make(value) : undefined;
    if (key !== undefined) return key;
    const shown = typeOfValue(value);
    if (typeof value === 'string' && known !== undefined && isTextual(known)) {
      throw at(invalidValue(value, `a ${known}`, `${where} column "${column}"`), position);
    }
    const other = type === undefined ? `${named(known!)} on record ${firstAt}` : `its type is ${type}`;
    throw failure('TYPES_MIXED', {
      where,
      column,
      value: clipped(valueText(value)),
      found: named(shown),
      record: ` on record ${position}`,
      position,
      other,
    });
  };
}

/** Types whose values are text that has a form. */
function isTextual(type: ColumnType): boolean {
  return ['decimal', 'date', 'time', 'timestamp', 'timestamptz'].includes(type);
}

/** A number of a column without a type may be whole or not. */
function named(type: ColumnType): string {
  return type === 'double' ? 'a number' : type === 'json' ? 'an object' : type === 'array' ? 'a list' : type;
}

function clipped(text: string): string {
  return text.length > 60 ? `${text.slice(0, 57)}…` : text;
}

function at({ code, data }: ReturnType<typeof failure>, position: number) {
  return failure(code, { ...data, record: ` on record ${position}`, position });
}

/** One function for the whole list. Its text depends on how each column is compared; no name gets into it. */
function compileCompare(columns: readonly OrderColumn[], types: readonly (ColumnType | undefined)[]): Order['compare'] {
  const lines = columns.map(({ order, nulls }, i) => {
    const [less, more] = order === 'desc' ? [1, -1] : [-1, 1];
    const [nullBefore, nullAfter] = nulls === 'first' ? [-1, 1] : [1, -1];
    const byOperator = types[i] !== undefined && comparers[types[i] as keyof typeof comparers] === undefined;
    const compared = byOperator
      ? `if (a < b) return ${less}; if (a > b) return ${more};`
      : `d = c${i}(a, b); if (d !== 0) return ${order === 'desc' ? '-d' : 'd'};`;
    return `a = one[${i}][i]; b = other[${i}][j];
      if (a !== b) {
        if (a === null) return ${nullBefore};
        if (b === null) return ${nullAfter};
        ${compared}
      }`;
  });
  const names = columns.map((_, i) => `c${i}`);
  const body = `return function compare(one, i, other, j) { let a, b, d; ${lines.join('\n')} return 0; }`;
  const compare = columns.map((_, i) => comparers[types[i] as keyof typeof comparers] ?? compareAny);
  return new Function(...names, body)(...compare) as Order['compare'];
}
