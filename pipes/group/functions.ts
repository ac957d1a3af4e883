// What makes one value of many: the functions of a group.
import type { Column, Row, Value } from '../../engine/contracts/data.ts';
import type { TaskContext } from '../../engine/contracts/task.ts';
import { failure } from '../../engine/errors.ts';
import type { GroupTask } from '../../schemas/generated/types.ts';
import { columnUnknown, placeOf } from '../columns.ts';
import { valueText as shownText } from '../formats/values.ts';
import { kept } from '../order/kept.ts';
import { compareAny, comparers, isOrdered, type Key, knownType } from '../order/keys.ts';
import { keyMaker } from '../order/order.ts';
import { weightOf } from '../order/weight.ts';
import * as sums from './sums.ts';

/** One of the values of a group. `State` is changed in place. */
export interface GroupFunction<State = unknown> {
  column: Column;
  create(): State;
  /** Takes the row in; gives how much more memory the state takes then. */
  add(state: State, row: Row, position: number): number;
  /** What of the state a temporary file keeps, and the state with what was kept after it. */
  save(state: State): Value;
  restore(state: State, saved: Value): void;
  result(state: State): Value;
}

type Wanted = GroupTask['values'][string];

/** `count_distinct` is not among them: see distinct-counts.ts. */
export function groupFunction(
  name: string,
  { function: which, column, max_values: most = 10_000 }: Wanted,
  known: readonly Column[] | undefined,
  context: TaskContext,
): GroupFunction {
  const from = known?.find((each) => each.name === column);
  const read = column === undefined ? undefined : reader(column, context);
  switch (which) {
    case 'count':
    case 'count_distinct':
      return counting(name, read) as GroupFunction;
    case 'sum':
    case 'avg':
      return adding(name, which, column!, from, read!, context) as GroupFunction;
    case 'min':
    case 'max':
      return extreme(name, which, column!, from, context) as GroupFunction;
    case 'first':
    case 'last':
      return end(name, which, from, read!) as GroupFunction;
    case 'list':
      return listing(name, most, read!, context) as GroupFunction;
  }
}

type Read = (row: Row, position: number) => Value;

function reader(column: string, context: TaskContext): Read {
  return (row, position) => {
    const value = row[column];
    if (value !== undefined) return value;
    const { code, data } = columnUnknown(context, column, Object.keys(row));
    throw failure(code, { ...data, record: ` on record ${position}`, position });
  };
}

/** All rows, or those that have a value. */
function counting(name: string, read: Read | undefined): GroupFunction<{ count: number }> {
  return {
    column: { name, type: 'integer', nullable: false },
    create: () => ({ count: 0 }),
    add(state, row, position) {
      if (read === undefined || read(row, position) !== null) state.count++;
      return 0;
    },
    save: ({ count }) => count,
    restore(state, saved) {
      state.count += saved as number;
    },
    result: ({ count }) => count,
  };
}

function adding(
  name: string,
  which: 'sum' | 'avg',
  column: string,
  from: Column | undefined,
  read: Read,
  context: TaskContext,
): GroupFunction<sums.Sum> {
  const type = knownType(from);
  if (type !== undefined && type !== 'integer' && type !== 'decimal' && type !== 'double') {
    const what = `\`${which}\` of the column "${column}" of type ${type}`;
    throw failure('OPTION_UNSUPPORTED', { what, where: placeOf(context), hint: '; cast it to a number first' });
  }
  const refuse = (value: Value, position: number) => {
    const expected = `${type === undefined ? 'a number' : `of type ${type}`}; cast the column first`;
    const shown = JSON.stringify(value === null ? null : shownText(value));
    const where = `${placeOf(context)} column "${column}"`;
    return failure('VALUE_INVALID', { where, value: shown, expected, record: ` on record ${position}`, position });
  };
  const add = (state: sums.Sum, row: Row, position: number): number => {
    const value = read(row, position);
    if (value === null) return 0;
    if (typeof value === 'number' || typeof value === 'bigint') {
      if (type === 'decimal' && !Number.isInteger(Number(value))) {
        if (!sums.addDecimal(state, String(value))) throw refuse(value, position);
      } else if (type === 'integer' && typeof value === 'number' && !Number.isInteger(value)) {
        throw refuse(value, position);
      } else sums.addNumber(state, value, type === 'double');
    } else if (type !== 'decimal' || typeof value !== 'string' || !sums.addDecimal(state, value)) {
      throw refuse(value, position);
    }
    return 0;
  };
  const kind = type === 'double' || type === undefined ? 'double' : which === 'avg' ? 'decimal' : type;
  const scale = which === 'sum' && kind === 'decimal' && from?.scale !== undefined ? { scale: from.scale } : {};
  const untyped = type === undefined ? { untyped: true } : {};
  const result = (state: sums.Sum): Value => {
    if (state.count === 0) return null;
    if (which === 'avg') return kind === 'decimal' ? sums.decimalAverage(state) : sums.doubleAverage(state);
    if (kind === 'decimal') return sums.decimalSum(state);
    if (kind === 'integer' || (type === undefined && !state.hasDoubles)) return sums.integerSum(state);
    return sums.doubleSum(state);
  };
  return {
    column: { name, type: kind, nullable: true, ...scale, ...untyped },
    create: sums.newSum,
    add,
    save: sums.savedSum,
    restore: sums.addSaved,
    result,
  };
}

interface Extreme {
  value: Value;
  key: Key;
}

function extreme(
  name: string,
  which: 'min' | 'max',
  column: string,
  from: Column | undefined,
  context: TaskContext,
): GroupFunction<Extreme> {
  const type = knownType(from);
  const keyOf = keyMaker(column, type, context);
  const compare = ((type !== undefined && isOrdered(type) ? comparers[type] : undefined) ?? compareAny) as (
    one: Key,
    other: Key,
  ) => number;
  const sign = which === 'min' ? 1 : -1;
  const take = (state: Extreme, row: Row, position: number): number => {
    const key = keyOf(row, position);
    if (key === null || (state.key !== null && compare(key, state.key) * sign >= 0)) return 0;
    const before = state.value === null ? 0 : weightOf({ value: state.value });
    state.value = kept(row[column]!);
    state.key = kept(key as Value) as Key;
    return weightOf({ value: state.value }) - before;
  };
  return {
    column: columnFrom(name, from),
    create: () => ({ value: null, key: null }),
    add: take,
    save: ({ value }) => value,
    restore: (state, saved) => void take(state, { [column]: saved }, 0),
    result: ({ value }) => value,
  };
}

/** Of the first or the last record of the group, null or not. */
function end(
  name: string,
  which: 'first' | 'last',
  from: Column | undefined,
  read: Read,
): GroupFunction<{ value: Value | undefined }> {
  const put = (state: { value: Value | undefined }, value: Value): number => {
    if (which === 'first' && state.value !== undefined) return 0;
    const before = state.value === undefined ? 0 : weightOf({ value: state.value });
    state.value = kept(value);
    return weightOf({ value }) - before;
  };
  return {
    column: columnFrom(name, from),
    create: () => ({ value: undefined }),
    add: (state, row, position) => put(state, read(row, position)),
    save: ({ value }) => value ?? null,
    restore: (state, saved) => void put(state, saved),
    result: ({ value }) => value ?? null,
  };
}

/** All values in the order of the input, nulls too. */
function listing(name: string, most: number, read: Read, context: TaskContext): GroupFunction<{ items: Value[] }> {
  const check = ({ items }: { items: Value[] }) => {
    if (items.length > most) throw failure('LIST_TOO_LONG', { where: placeOf(context), column: name, most });
  };
  return {
    column: { name, type: 'array', nullable: false },
    create: () => ({ items: [] }),
    add(state, row, position) {
      const value = kept(read(row, position));
      state.items.push(value);
      check(state);
      return weightOf({ value });
    },
    save: ({ items }) => items,
    restore(state, saved) {
      for (const item of saved as Value[]) state.items.push(item);
      check(state);
    },
    result: ({ items }) => items,
  };
}

/** Of the same type, and no key. */
function columnFrom(name: string, from: Column | undefined): Column {
  if (from === undefined) return { name, type: 'text', nullable: true, untyped: true };
  const { key: _, ...rest } = from;
  return { ...rest, name, nullable: true };
}
