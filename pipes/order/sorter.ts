// Sorts any number of rows within a given amount of memory: sorted runs go to a temporary file and are merged.
import type { Row } from '../../engine/contracts/data.ts';
import { createBlockCodec } from './blocks.ts';
import { kept } from './kept.ts';
import type { Keys, Order } from './order.ts';
import { createRunFile, type RunFile, type Sorted } from './runs.ts';
import { weightOf } from './weight.ts';

/** What tasks that hold rows back may use, unless they are told. */
export const defaultMemory = '64MiB';

export interface SorterOptions {
  order: Order;
  /** Bytes that the rows may take, about, before they go to a file. */
  memoryBytes: number;
  signal: AbortSignal;
}

export interface Sorter {
  /** The rows are the sorter's from here on. */
  add(rows: readonly Row[], positions: readonly number[]): Promise<void>;
  /** All rows, in order; equal ones in the order in which they were added. Called once, after the last `add`. */
  sorted(): AsyncGenerator<Sorted>;
  /** Lets the temporary files go. */
  close(): Promise<void>;
}

const mostBatchRows = 8192;
const batchBytes = 4 * 1024 * 1024;
const sparseBytes = 512 * 1024;
const smallestBlockBytes = 32 * 1024;
const mostRuns = 64;

export function createSorter({ order, memoryBytes, signal }: SorterOptions): Sorter {
  const codec = createBlockCodec();
  // While runs are merged, a block of each is in memory: half of what is allowed, the rest is for what comes out.
  const fanIn = Math.min(mostRuns, Math.max(2, Math.floor(memoryBytes / 2 / smallestBlockBytes)));
  const blockWeight = Math.max(1, memoryBytes / 2 / fanIn);
  const batchWeight = Math.min(batchBytes, memoryBytes / 4);
  let held = createHeld();
  let file: RunFile | undefined;

  const spill = async () => {
    file ??= await createRunFile(codec, order, signal);
    await file.add(inOrder(held, order, blockWeight));
    held = createHeld();
  };

  return {
    async add(rows, positions) {
      signal.throwIfAborted();
      let weight = 0;
      for (let i = 0; i < rows.length; i++) weight += weightOf(rows[i]!);
      // A few rows of many may hold on to the text of all of them.
      if (weight < sparseBytes) for (const row of rows) for (const name in row) row[name] = kept(row[name]!);
      held.weight += weight;
      const keys = order.keysOf(rows, positions);
      for (let i = 0; i < rows.length; i++) {
        held.rows.push(rows[i]!);
        held.positions.push(positions[i]!);
      }
      for (let column = 0; column < keys.length; column++) {
        const own = keys[column]!;
        held.keys[column] ??= [];
        const list = held.keys[column]!;
        for (let i = 0; i < own.length; i++) list.push(own[i]!);
      }
      if (held.weight >= memoryBytes) await spill();
    },

    async *sorted() {
      if (file === undefined) {
        yield* inOrder(held, order, batchWeight);
        return;
      }
      if (held.rows.length > 0) await spill();
      while (file.runs.length > fanIn) {
        const next = await createRunFile(codec, order, signal);
        const done = file;
        file = next;
        try {
          for (let first = 0; first < done.runs.length; first += fanIn) {
            await next.add(done.merged(first, fanIn, blockWeight));
          }
        } finally {
          await done.close();
        }
      }
      yield* file.merged(0, file.runs.length, batchWeight);
    },

    async close() {
      held = createHeld();
      const open = file;
      file = undefined;
      await open?.close();
    },
  };
}

interface Held {
  rows: Row[];
  positions: number[];
  keys: Key[][];
  weight: number;
}

type Key = Keys[number][number];

function createHeld(): Held {
  return { rows: [], positions: [], keys: [], weight: 0 };
}

/** In pieces of about so much memory. Sorting is stable. */
function* inOrder({ rows, positions, keys, weight }: Held, order: Order, pieceWeight: number): Generator<Sorted> {
  const places = new Uint32Array(rows.length);
  for (let i = 0; i < places.length; i++) places[i] = i;
  places.sort((i, j) => order.compare(keys, i, keys, j) || i - j);
  const each = weight / rows.length;
  const size = Math.max(1, Math.min(mostBatchRows, Math.floor(pieceWeight / each)));
  for (let start = 0; start < places.length; start += size) {
    const end = Math.min(start + size, places.length);
    const piece: Sorted = { rows: new Array(end - start), positions: new Array(end - start), weight: 0 };
    for (let i = start; i < end; i++) {
      piece.rows[i - start] = rows[places[i]!]!;
      piece.positions[i - start] = positions[places[i]!]!;
    }
    piece.weight = each * (end - start);
    yield piece;
  }
}
