// rename: gives columns another name; the others stay as they are.
import type { Column, Row } from '../../engine/contracts/data.ts';
import type { RowTask, TaskContext } from '../../engine/contracts/task.ts';
import { failure } from '../../engine/errors.ts';
import type { RenameTask } from '../../schemas/generated/types.ts';
import { placeOf, refuseName, requireColumns, watchMissing } from '../columns.ts';
import { picker } from '../row-functions.ts';

export const rename: RowTask<RenameTask> = {
  op: 'rename',
  accepts: ['rows'],
  yields: 'rows',

  step({ columns: names }, columns, context) {
    const renamed = new Map(Object.entries(names));
    for (const name of renamed.values()) refuseName(name, context);
    if (columns !== undefined) return known(renamed, columns, context);

    const watch = watchMissing([...renamed.keys()], columns, context);
    return {
      columns: undefined,
      apply(row) {
        watch?.see(row);
        const changed: Row = {};
        for (const name in row) {
          const other = renamed.get(name) ?? name;
          if (Object.hasOwn(changed, other)) throw twice(other, context);
          changed[other] = row[name]!;
        }
        return changed;
      },
      end: () => watch?.report(),
    };
  },
};

function known(renamed: ReadonlyMap<string, string>, columns: readonly Column[], context: TaskContext) {
  requireColumns(renamed.keys(), columns, context);
  const after = columns.map((column) => ({ ...column, name: renamed.get(column.name) ?? column.name }));
  const seen = new Set<string>();
  for (const { name } of after) {
    if (seen.has(name)) throw twice(name, context);
    seen.add(name);
  }
  return { columns: after, apply: picker(after.map(({ name }, at) => ({ name, from: columns[at]!.name }))) };
}

function twice(column: string, context: TaskContext) {
  const hint = 'choose another name, or drop one of the two with a select task';
  return failure('COLUMN_TWICE', { where: placeOf(context), column, hint });
}
