// What was expected beside what was written: rows and lines, aligned, and where they differ.
import { isDeepStrictEqual } from 'node:util';
import type { Row, Value } from '../contracts/data.ts';
import type { LineDifference, RowDifference } from './report.ts';

/** So many differences are told; of the rest it is said how many they are. */
const most = 5;
/** Beyond so many in a row, what stands in one place is compared. */
const mostAligned = 400;

export interface Found<T> {
  differences: T[];
  more: number;
}

/** `loose`: they came through text, so that 3 and "3" are the same, and null and "". A column without a value is as good as none. */
export function compareRows(expected: readonly Row[], written: readonly Row[], loose: boolean): Found<RowDifference> {
  const same = (a: Value | undefined, b: Value | undefined) => equal(a ?? null, b ?? null, loose);
  const namesOf = (a: Row = {}, b: Row = {}) => [...new Set([...Object.keys(a), ...Object.keys(b)])];
  const differing = (a: Row, b: Row) => namesOf(a, b).filter((name) => !same(a[name], b[name]));
  const pairs = align(
    expected,
    written,
    (a, b) => differing(a, b).length === 0,
    (a, b) => differing(a, b).length / Math.max(1, namesOf(a, b).length),
  );
  // Numbers that came through text are shown as numbers, as whoever wrote the test has them.
  const shown = (row: Row) => (loose ? readable(plainRow(row)) : plainRow(row));
  return firstOf(
    pairs.map(([a, b]) => ({
      row: (a ?? b)! + 1,
      ...(a === undefined ? {} : { expected: shown(expected[a]!) }),
      ...(b === undefined ? {} : { written: shown(written[b]!) }),
      columns: a === undefined || b === undefined ? [] : differing(expected[a]!, written[b]!),
    })),
  );
}

export function compareLines(expected: string, written: string): Found<LineDifference> {
  const [one, other] = [expected.split('\n'), written.split('\n')];
  const pairs = align(
    one,
    other,
    (a, b) => a === b,
    () => 1,
  );
  return firstOf(
    pairs.map(([a, b]) => ({
      line: (a ?? b)! + 1,
      ...(a === undefined ? {} : { expected: one[a]! }),
      ...(b === undefined ? {} : { written: other[b]! }),
    })),
  );
}

function firstOf<T>(differences: T[]): Found<T> {
  return { differences: differences.slice(0, most), more: Math.max(0, differences.length - most) };
}

function equal(a: Value, b: Value, loose: boolean): boolean {
  if (loose && isPlain(a) && isPlain(b)) return textOf(a) === textOf(b);
  return isDeepStrictEqual(plainValue(a), plainValue(b));
}

function isPlain(value: Value): boolean {
  return value === null || typeof value !== 'object';
}

function readable(row: Row): Row {
  const read = (value: Value) => (typeof value === 'string' && String(Number(value)) === value ? Number(value) : value);
  return Object.fromEntries(Object.entries(row).map(([name, value]) => [name, read(value)]));
}

function textOf(value: Value): string {
  return value === null ? '' : String(value);
}

/** What JSON can hold. */
function plainRow(row: Row): Row {
  return Object.fromEntries(Object.entries(row).map(([name, value]) => [name, plainValue(value)]));
}

function plainValue(value: Value): Value {
  if (typeof value === 'bigint') return Number.isSafeInteger(Number(value)) ? Number(value) : String(value);
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64');
  if (Array.isArray(value)) return value.map(plainValue);
  return typeof value === 'object' && value !== null ? plainRow(value) : value;
}

type Pair = [expected: number | undefined, written: number | undefined];

/**
 * The places that differ: changed ones as pairs, others alone. By the longest common subsequence; of what lies between
 * two that are the same, those are pairs that are least unlike (`unlike`: 0 to 1).
 */
function align<T>(
  a: readonly T[],
  b: readonly T[],
  same: (a: T, b: T) => boolean,
  unlike: (a: T, b: T) => number,
): Pair[] {
  let start = 0;
  while (start < a.length && start < b.length && same(a[start]!, b[start]!)) start++;
  let [endA, endB] = [a.length, b.length];
  while (endA > start && endB > start && same(a[endA - 1]!, b[endB - 1]!)) {
    endA--;
    endB--;
  }
  const [rows, columns] = [endA - start, endB - start];
  if (rows > mostAligned || columns > mostAligned) {
    const places = Array.from({ length: Math.max(rows, columns) }, (_, i) => start + i);
    return places
      .filter((i) => i >= endA || i >= endB || !same(a[i]!, b[i]!))
      .map((i): Pair => [i < endA ? i : undefined, i < endB ? i : undefined]);
  }
  const longest = Array.from({ length: rows + 1 }, () => new Uint16Array(columns + 1));
  for (let i = rows - 1; i >= 0; i--)
    for (let j = columns - 1; j >= 0; j--)
      longest[i]![j] = same(a[start + i]!, b[start + j]!)
        ? longest[i + 1]![j + 1]! + 1
        : Math.max(longest[i + 1]![j]!, longest[i]![j + 1]!);
  const pairs: Pair[] = [];
  let gone: number[] = [];
  let come: number[] = [];
  const flush = () => {
    pairs.push(...paired(gone, come, (i, j) => unlike(a[i]!, b[j]!)));
    gone = [];
    come = [];
  };
  for (let i = 0, j = 0; i < rows || j < columns; ) {
    if (i < rows && j < columns && same(a[start + i]!, b[start + j]!)) {
      flush();
      i++;
      j++;
    } else if (j >= columns || (i < rows && longest[i + 1]![j]! >= longest[i]![j + 1]!)) gone.push(start + i++);
    else come.push(start + j++);
  }
  flush();
  return pairs;
}

/** What it costs to leave one without another: two that are more unlike than two of these are no pair. */
const alone = 0.45;
const mostPaired = 60;

/** Edit distance, in which a change costs as much as the two are unlike. */
function paired(gone: readonly number[], come: readonly number[], unlike: (i: number, j: number) => number): Pair[] {
  if (gone.length === come.length || Math.max(gone.length, come.length) > mostPaired)
    return Array.from({ length: Math.max(gone.length, come.length) }, (_, i): Pair => [gone[i], come[i]]);
  const [rows, columns] = [gone.length, come.length];
  const cost = Array.from({ length: rows + 1 }, (_, i) =>
    Float64Array.from(
      { length: columns + 1 },
      (_, j) => (i === rows ? columns - j : j === columns ? rows - i : 0) * alone,
    ),
  );
  const change = (i: number, j: number) => unlike(gone[i]!, come[j]!) + cost[i + 1]![j + 1]!;
  for (let i = rows - 1; i >= 0; i--)
    for (let j = columns - 1; j >= 0; j--)
      cost[i]![j] = Math.min(change(i, j), cost[i + 1]![j]! + alone, cost[i]![j + 1]! + alone);
  const pairs: Pair[] = [];
  for (let i = 0, j = 0; i < rows || j < columns; ) {
    if (i < rows && j < columns && cost[i]![j] === change(i, j)) pairs.push([gone[i++], come[j++]]);
    else if (i < rows && (j >= columns || cost[i]![j] === cost[i + 1]![j]! + alone)) pairs.push([gone[i++], undefined]);
    else pairs.push([undefined, come[j++]]);
  }
  return pairs;
}
