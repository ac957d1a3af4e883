// select: keeps the named columns, in that order, or drops the named ones.
import type { Column, Row } from '../../engine/contracts/data.ts';
import type { RowStep, RowTask, TaskContext } from '../../engine/contracts/task.ts';
import type { SelectTask } from '../../schemas/generated/types.ts';
import { columnUnknown, refuseName, requireColumns, watchMissing } from '../columns.ts';
import { carefulPicker, picker } from '../row-functions.ts';

export const select: RowTask<SelectTask> = {
  op: 'select',
  accepts: ['rows'],
  yields: 'rows',

  step({ columns: names, except, missing = 'fail' }, columns, context) {
    if (names === undefined) return dropping(except ?? [], columns, missing, context);
    const kept = except === undefined ? names : names.filter((name) => !except.includes(name));
    return keeping(kept, columns, missing, context);
  },
};

type OnMissing = NonNullable<SelectTask['missing']>;

function keeping(
  names: readonly string[],
  columns: readonly Column[] | undefined,
  missing: OnMissing,
  context: TaskContext,
): RowStep {
  for (const name of names) refuseName(name, context);
  if (columns === undefined) {
    const lacking = (row: Row, column: string): null => {
      if (missing === 'null') return null;
      throw columnUnknown(context, column, Object.keys(row));
    };
    const picked = names.map((name) => ({ name, from: name }));
    return { columns: names.map(untyped), apply: carefulPicker(picked, lacking) };
  }
  if (missing === 'fail') requireColumns(names, columns, context);
  const found = names.map((name) => columns.find((column) => column.name === name));
  return {
    columns: names.map((name, at) => found[at] ?? untyped(name)),
    apply: picker(names.map((name, at) => ({ name, from: found[at]?.name }))),
  };
}

function untyped(name: string): Column {
  return { name, type: 'text', nullable: true, untyped: true };
}

function dropping(
  names: readonly string[],
  columns: readonly Column[] | undefined,
  missing: OnMissing,
  context: TaskContext,
): RowStep {
  if (columns !== undefined) {
    if (missing === 'fail') requireColumns(names, columns, context);
    const kept = columns.filter(({ name }) => !names.includes(name));
    return { columns: kept, apply: picker(kept.map(({ name }) => ({ name, from: name }))) };
  }
  const dropped = new Set(names);
  const watch = watchMissing(names, columns, context);
  return {
    columns: undefined,
    apply(row) {
      watch?.see(row);
      const kept: Row = {};
      for (const name in row) if (!dropped.has(name)) kept[name] = row[name]!;
      return kept;
    },
    end: () => watch?.report(),
  };
}
