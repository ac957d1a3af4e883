// unnest: turns a column that holds a list into rows, one for each item, with the other columns repeated.
import type { Column, Row, Value } from '../../engine/contracts/data.ts';
import type { RowTask, TaskContext } from '../../engine/contracts/task.ts';
import { failure } from '../../engine/errors.ts';
import type { UnnestTask } from '../../schemas/generated/types.ts';
import { columnUnknown, placeOf, refuseName, requireColumns } from '../columns.ts';
import { valueText } from '../formats/values.ts';

export const unnest: RowTask<UnnestTask> = {
  op: 'unnest',
  accepts: ['rows'],
  yields: 'rows',

  step(params, columns, context) {
    requireColumns([params.column], columns, context);
    for (const name of [params.as, params.position_column]) if (name !== undefined) refuseName(name, context);
    return { columns: columnsAfter(params, columns), expand: expander(params, context) };
  },
};

/** Known only where an item becomes one column: what fields the items have is seen when they come. */
function columnsAfter({ column, as, position_column }: UnnestTask, columns: readonly Column[] | undefined) {
  if (columns === undefined || as === undefined) return undefined;
  const item: Column = { name: as, type: 'json', nullable: true, untyped: true };
  const after = columns.map((known) => (known.name === column ? item : known));
  return position_column === undefined
    ? after
    : [...after, { name: position_column, type: 'integer', nullable: true } satisfies Column];
}

function expander(params: UnnestTask, context: TaskContext): (row: Row) => readonly Row[] {
  const { column, as, prefix = '', position_column: positionColumn, empty = 'drop' } = params;

  /** A row like `row`, with the item's columns where the list was. */
  const rowOf = (row: Row, item: Value | undefined, position: number | null): Row => {
    const made: Row = {};
    const put = (name: string, value: Value) => {
      refuseName(name, context);
      if (Object.hasOwn(made, name)) throw twice(name, context);
      made[name] = value;
    };
    for (const name in row) {
      if (name !== column) put(name, row[name]!);
      else if (as !== undefined) put(as, item ?? null);
      else if (isObject(item)) for (const field in item) put(prefix + field, item[field]!);
      else if (item !== undefined) put(column, item);
    }
    if (positionColumn !== undefined) put(positionColumn, position);
    return made;
  };

  return (row) => {
    const value = row[column];
    if (value === undefined) throw columnUnknown(context, column, Object.keys(row));
    const items = itemsOf(value, column, context);
    if (items.length > 0) return items.map((item, at) => rowOf(row, item, at + 1));
    return empty === 'keep' ? [rowOf(row, undefined, null)] : [];
  };
}

function itemsOf(value: Value, column: string, context: TaskContext): readonly Value[] {
  if (value === null) return [];
  if (Array.isArray(value)) return value;
  if (isObject(value)) return [value];
  const hint = typeof value === 'string' ? 'a list; a cast task makes one of JSON text, with the type array' : 'a list';
  const shown = valueText(value);
  const where = `${placeOf(context)} column "${column}"`;
  throw failure('VALUE_INVALID', {
    where,
    value: shown.length > 60 ? `${shown.slice(0, 57)}…` : shown,
    expected: hint,
  });
}

function isObject(value: Value | undefined): value is { [key: string]: Value } {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Uint8Array);
}

function twice(column: string, context: TaskContext) {
  const hint = 'set `prefix`, or rename a column first';
  return failure('COLUMN_TWICE', { where: placeOf(context), column, hint });
}
