// sort: puts the rows in order by columns; what does not fit in memory goes to temporary files.
import { byteSize } from '../../engine/byte-size.ts';
import type { Batch, Column, Row, RowStream } from '../../engine/contracts/data.ts';
import type { Task, TaskContext } from '../../engine/contracts/task.ts';
import type { SortTask } from '../../schemas/generated/types.ts';
import { placeOf } from '../columns.ts';
import { byColumns, type OrderColumn } from '../order/order.ts';
import { positionsAfter } from '../order/positions.ts';
import { createSorter, defaultMemory } from '../order/sorter.ts';

export const sort: Task<SortTask> = {
  op: 'sort',
  accepts: ['rows'],
  yields: 'rows',
  holds: 'back',

  async run(input, { by, memory = defaultMemory }, context) {
    const { columns, batches } = await context.rows(input!);
    const wanted = by.map((each) => (typeof each === 'string' ? { column: each } : each));
    const order = byColumns(wanted, columns, context);
    const sorter = () => createSorter({ order, memoryBytes: byteSize(memory), signal: context.signal });
    return {
      kind: 'rows',
      ...(columns === undefined ? {} : { columns }),
      batches: sorted(batches, sorter, (rows) => warnOfNumbers(rows, wanted, columns, context)),
    };
  },
};

/** Nothing is opened before the first row is asked for. */
async function* sorted(
  batches: RowStream['batches'],
  create: () => ReturnType<typeof createSorter>,
  look: (rows: readonly Row[]) => void,
): AsyncGenerator<Batch> {
  const sorter = create();
  let before = 0;
  try {
    for await (const { rows } of batches) {
      if (before === 0) look(rows);
      await sorter.add(rows, positionsAfter(before, rows.length));
      before += rows.length;
    }
    for await (const { rows } of sorter.sorted()) yield { rows };
  } finally {
    await sorter.close();
  }
}

/** A CSV file's columns are text unless its format says more, and text puts 10 before 9. */
function warnOfNumbers(
  rows: readonly Row[],
  by: readonly OrderColumn[],
  columns: readonly Column[] | undefined,
  context: TaskContext,
): void {
  for (const { column } of by) {
    const type = columns?.find(({ name }) => name === column)?.type ?? 'text';
    const values = rows.slice(0, 100).flatMap((row) => row[column] ?? []);
    if (type !== 'text' || values.length < 2 || !values.every(looksLikeNumber)) continue;
    const example = values.some((value) => String(value).length !== String(values[0]).length);
    if (!example) continue;
    context.log.warn(
      `${placeOf(context)}: the column "${column}" is text, so that 10 comes before 9; cast it first to sort it by number`,
    );
  }
}

function looksLikeNumber(value: unknown): boolean {
  return typeof value === 'string' && /^-?\d+(\.\d+)?$/.test(value);
}
