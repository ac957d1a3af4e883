// Groups in memory, sorted to a temporary file when they are too many, and put together again.
import type { Batch, Row, RowStream, Value } from '../../engine/contracts/data.ts';
import { kept } from '../order/kept.ts';
import { byPosition, byText, type Order } from '../order/order.ts';
import type { TextOf } from '../order/sameness.ts';
import type { Sorter } from '../order/sorter.ts';
import { weightOf, weightOfText } from '../order/weight.ts';
import { createDistinctCount } from './distinct-counts.ts';
import type { GroupFunction } from './functions.ts';

export interface GroupParts {
  /** The columns that make a group, and what is the same in them. */
  by: readonly string[];
  textOf: TextOf;
  functions: readonly GroupFunction[];
  /** For each function that counts different values, the text of a row's value; `undefined` for null. */
  distinct: readonly (((row: Row, position: number) => string | undefined) | undefined)[];
  memoryBytes: number;
  sorter(order: Order): Sorter;
}

interface Group {
  position: number;
  by: Row;
  states: unknown[];
}

const perState = 48;

/** One row for each group, in the order in which they first appeared. */
export async function* grouped(batches: RowStream['batches'], parts: GroupParts): AsyncGenerator<Batch> {
  const { by, textOf, functions, memoryBytes } = parts;
  const counts = parts.distinct.map((read) => read && createDistinctCount(parts.sorter));
  const groups = new Map<string, Group>();
  let weight = 0;
  let position = 0;
  let sorted: Sorter | undefined;

  const flush = async () => {
    sorted ??= parts.sorter(byText((row) => row.group as string));
    await sortGroups(groups, functions, sorted);
    for (const count of counts) await count?.flush();
    groups.clear();
    weight = 0;
  };

  try {
    for await (const { rows } of batches) {
      for (const row of rows) {
        position++;
        const text = textOf(row, position);
        let group = groups.get(text);
        if (group === undefined) {
          group = newGroup(row, position, by, functions);
          groups.set(text, group);
          weight += weightOfText(text) + weightOf(group.by) + perState * functions.length;
        }
        for (let i = 0; i < functions.length; i++) {
          const count = counts[i];
          if (count === undefined) {
            weight += functions[i]!.add(group.states[i], row, position);
            continue;
          }
          const value = parts.distinct[i]!(row, position);
          const added = value === undefined ? 0 : count.add(text, value);
          if (added === 0) continue;
          weight += added;
          (group.states[i] as { count: number }).count++;
        }
        if (weight >= memoryBytes) await flush();
      }
    }
    if (by.length === 0 && position === 0) groups.set('', newGroup({}, 0, by, functions));
    if (sorted === undefined) {
      yield* inPieces(groups.values(), functions);
      return;
    }
    await flush();
    yield* putTogether(sorted, counts, parts);
  } finally {
    await sorted?.close();
    for (const count of counts) await count?.close();
  }
}

function newGroup(row: Row, position: number, by: readonly string[], functions: readonly GroupFunction[]): Group {
  const values: Row = {};
  for (const name of by) values[name] = kept(row[name]!);
  return { position, by: values, states: functions.map((each) => each.create()) };
}

const pieceRows = 2048;

function resultOf({ by, states }: Group, functions: readonly GroupFunction[]): Row {
  const row = by;
  for (let i = 0; i < functions.length; i++) row[functions[i]!.column.name] = functions[i]!.result(states[i]);
  return row;
}

function* inPieces(groups: Iterable<Group>, functions: readonly GroupFunction[]): Generator<Batch> {
  let rows: Row[] = [];
  for (const group of groups) {
    rows.push(resultOf(group, functions));
    if (rows.length < pieceRows) continue;
    yield { rows };
    rows = [];
  }
  if (rows.length > 0) yield { rows };
}

/** What a group has so far, as a row with names of its own. */
async function sortGroups(
  groups: ReadonlyMap<string, Group>,
  functions: readonly GroupFunction[],
  sorter: Sorter,
): Promise<void> {
  let rows: Row[] = [];
  let positions: number[] = [];
  for (const [text, { position, by, states }] of groups) {
    const row: Row = { group: text };
    let at = 0;
    for (const name in by) row[`by${at++}`] = by[name]!;
    for (let i = 0; i < functions.length; i++) row[`state${i}`] = functions[i]!.save(states[i]);
    rows.push(row);
    positions.push(position);
    if (rows.length < pieceRows) continue;
    await sorter.add(rows, positions);
    rows = [];
    positions = [];
  }
  await sorter.add(rows, positions);
}

/** The parts of a group come one after the other, the earliest first; then all groups are put in the order of appearance. */
async function* putTogether(
  parts: Sorter,
  counts: readonly (ReturnType<typeof createDistinctCount> | undefined)[],
  { by, functions, sorter }: GroupParts,
): AsyncGenerator<Batch> {
  const results = sorter(byPosition);
  const counting = counts.some((count) => count !== undefined);
  let current: Group | undefined;
  let currentText: Value = null;
  let rows: Row[] = [];
  let positions: number[] = [];
  const end = async () => {
    if (current === undefined) return;
    for (let i = 0; counting && i < counts.length; i++) {
      const count = counts[i];
      if (count !== undefined) current.states[i] = { count: await count.of(currentText as string) };
    }
  };
  const put = (group: Group) => {
    rows.push(resultOf(group, functions));
    positions.push(group.position);
  };
  try {
    for await (const { rows: saved, positions: places } of parts.sorted()) {
      for (let at = 0; at < saved.length; at++) {
        const row = saved[at]!;
        if (current === undefined || row.group !== currentText) {
          if (counting) await end();
          if (current !== undefined) put(current);
          const values: Row = {};
          for (let i = 0; i < by.length; i++) values[by[i]!] = row[`by${i}`]!;
          current = { position: places[at]!, by: values, states: functions.map((each) => each.create()) };
          currentText = row.group!;
        }
        for (let i = 0; i < functions.length; i++) functions[i]!.restore(current.states[i], row[`state${i}`]!);
      }
      await results.add(rows, positions);
      rows = [];
      positions = [];
    }
    if (counting) await end();
    if (current !== undefined) put(current);
    await results.add(rows, positions);
    await parts.close();
    for await (const { rows: ready } of results.sorted()) yield { rows: ready };
  } finally {
    await results.close();
  }
}
