// group: makes one row of all rows with the same values in some columns.
import { byteSize } from '../../engine/byte-size.ts';
import type { Column, Row } from '../../engine/contracts/data.ts';
import type { Task, TaskContext } from '../../engine/contracts/task.ts';
import { failure } from '../../engine/errors.ts';
import type { GroupTask } from '../../schemas/generated/types.ts';
import { placeOf, refuseName, requireColumns } from '../columns.ts';
import { groupFunction } from '../group/functions.ts';
import { grouped } from '../group/groups.ts';
import { sameIn } from '../order/sameness.ts';
import { createSorter, defaultMemory } from '../order/sorter.ts';

export const group: Task<GroupTask> = {
  op: 'group',
  accepts: ['rows'],
  yields: 'rows',
  holds: 'back',

  async run(input, { by = [], values, memory = defaultMemory }, context) {
    const { columns, batches } = await context.rows(input!);
    const wanted = Object.entries(values);
    checkNames(by, values, context);
    requireColumns(
      wanted.flatMap(([, { column }]) => column ?? []),
      columns,
      context,
    );
    const functions = wanted.map(([name, value]) => groupFunction(name, value, columns, context));
    const distinct = wanted.map(([, value]) =>
      value.function === 'count_distinct' ? textOrNull(value.column!, columns, context) : undefined,
    );
    // Half for the groups, half for the sorters that may be at work at the same time.
    const half = byteSize(memory) / 2;
    const sorters = 2 + distinct.filter((each) => each !== undefined).length;
    return {
      kind: 'rows',
      columns: [...by.map((name) => byColumn(name, columns)), ...functions.map(({ column }) => column)],
      batches: grouped(batches, {
        by,
        textOf: sameIn(by, columns, context),
        functions,
        distinct,
        memoryBytes: half,
        sorter: (order) => createSorter({ order, memoryBytes: half / sorters, signal: context.signal }),
      }),
    };
  },
};

function checkNames(by: readonly string[], values: GroupTask['values'], context: TaskContext): void {
  for (const name of [...by, ...Object.keys(values)]) refuseName(name, context);
  for (const column of by) {
    if (!Object.hasOwn(values, column)) continue;
    const hint = 'it is among `by`, so give the new one another name';
    throw failure('COLUMN_TWICE', { where: placeOf(context), column, hint });
  }
}

function textOrNull(column: string, columns: readonly Column[] | undefined, context: TaskContext) {
  const textOf = sameIn([column], columns, context);
  return (row: Row, position: number) => (row[column] === null ? undefined : textOf(row, position));
}

/** Its values make a group, and are no longer those of one record. */
function byColumn(name: string, columns: readonly Column[] | undefined): Column {
  const from = columns?.find((column) => column.name === name);
  if (from === undefined) return { name, type: 'text', nullable: true, untyped: true };
  const { key: _, ...rest } = from;
  return rest;
}
