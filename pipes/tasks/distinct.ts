// distinct: lets each record through once, in the order of the input.
import { byteSize } from '../../engine/byte-size.ts';
import type { Batch, Column, Row, RowStream } from '../../engine/contracts/data.ts';
import type { Task } from '../../engine/contracts/task.ts';
import type { DistinctTask } from '../../schemas/generated/types.ts';
import { kept } from '../order/kept.ts';
import { byPosition, byText, type Order } from '../order/order.ts';
import { piecesOf } from '../order/positions.ts';
import { sameIn, sameRow, type TextOf } from '../order/sameness.ts';
import { createSorter, defaultMemory, type Sorter } from '../order/sorter.ts';
import { weightOf, weightOfText } from '../order/weight.ts';

export const distinct: Task<DistinctTask> = {
  op: 'distinct',
  accepts: ['rows'],
  yields: 'rows',
  holds: 'back',

  async run(input, { columns: names, keep = 'first', memory = defaultMemory }, context) {
    const { columns, batches } = await context.rows(input!);
    const textOf = textOfRow(names, columns, (wanted) => sameIn(wanted, columns, context));
    // Half for what is told apart, half for the two sorters that may be at work at the same time.
    const memoryBytes = byteSize(memory) / 2;
    const parts: Parts = {
      batches,
      textOf,
      memoryBytes,
      sorter: (order) => createSorter({ order, memoryBytes: memoryBytes / 2, signal: context.signal }),
    };
    return {
      kind: 'rows',
      ...(columns === undefined ? {} : { columns }),
      batches: keep === 'first' ? firstOfEach(parts) : lastOfEach(parts),
    };
  },
};

interface Parts {
  batches: RowStream['batches'];
  textOf: TextOf;
  memoryBytes: number;
  sorter(order: Order): Sorter;
}

function textOfRow(
  names: readonly string[] | undefined,
  columns: readonly Column[] | undefined,
  by: (names: readonly string[]) => TextOf,
): TextOf {
  const wanted = names ?? columns?.map(({ name }) => name);
  return wanted === undefined ? sameRow : by(wanted);
}

/**
 * New records pass at once, as long as what tells those that have passed apart fits in memory. From then on, what is
 * not among them is sorted to find the first of each, and once more to get the order of the input back.
 */
async function* firstOfEach({ batches, textOf, memoryBytes, sorter }: Parts): AsyncGenerator<Batch> {
  const seen = new Set<string>();
  let weight = 0;
  let others: Sorter | undefined;
  let before = 0;
  try {
    for await (const batch of batches) {
      const fresh: Row[] = [];
      const left: Row[] = [];
      const places: number[] = [];
      for (const row of batch.rows) {
        before++;
        const text = textOf(row, before);
        if (seen.has(text)) continue;
        if (others !== undefined || weight >= memoryBytes) {
          others ??= sorter(byText(textOf));
          left.push(row);
          places.push(before);
          continue;
        }
        seen.add(text);
        weight += weightOfText(text);
        fresh.push(row);
      }
      if (left.length > 0) await others!.add(left, places);
      if (fresh.length > 0) yield { rows: fresh };
    }
    seen.clear();
    if (others !== undefined) yield* oneOfEach(others, textOf, 'first', sorter);
  } finally {
    await others?.close();
  }
}

/** The last ones so far are held until they are too many; then they are sorted, as above. */
async function* lastOfEach({ batches, textOf, memoryBytes, sorter }: Parts): AsyncGenerator<Batch> {
  const last = new Map<string, { row: Row; position: number }>();
  let weight = 0;
  let others: Sorter | undefined;
  let before = 0;
  const flush = async () => {
    others ??= sorter(byText(textOf));
    for (const piece of piecesOf(last.values())) await others.add(piece.rows, piece.positions);
    last.clear();
    weight = 0;
  };
  try {
    for await (const batch of batches) {
      for (const row of batch.rows) {
        before++;
        const text = textOf(row, before);
        const earlier = last.get(text);
        weight += weightOf(row) + (earlier === undefined ? weightOfText(text) : -weightOf(earlier.row));
        // Put in anew, it is the last one of the map, too.
        last.delete(text);
        for (const name in row) row[name] = kept(row[name]!);
        last.set(text, { row, position: before });
        if (weight >= memoryBytes) await flush();
      }
    }
    if (others === undefined) {
      for (const { rows } of piecesOf(last.values())) yield { rows };
      return;
    }
    await flush();
    yield* oneOfEach(others, textOf, 'last', sorter);
  } finally {
    await others?.close();
  }
}

/** Of rows in the order of their texts one of each, in the order of the input. */
async function* oneOfEach(
  sorted: Sorter,
  textOf: TextOf,
  keep: 'first' | 'last',
  create: Parts['sorter'],
): AsyncGenerator<Batch> {
  const kept = create(byPosition);
  try {
    let current: { text: string; row: Row; position: number } | undefined;
    for await (const { rows, positions } of sorted.sorted()) {
      const found: Row[] = [];
      const places: number[] = [];
      for (let i = 0; i < rows.length; i++) {
        const text = textOf(rows[i]!, positions[i]!);
        const isSame = current?.text === text;
        if (!isSame && current !== undefined) {
          found.push(current.row);
          places.push(current.position);
        }
        if (!isSame || keep === 'last') current = { text, row: rows[i]!, position: positions[i]! };
      }
      await kept.add(found, places);
    }
    if (current !== undefined) await kept.add([current.row], [current.position]);
    await sorted.close();
    for await (const { rows } of kept.sorted()) yield { rows };
  } finally {
    await kept.close();
  }
}
