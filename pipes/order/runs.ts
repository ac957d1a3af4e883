// Sorted runs of rows in a temporary file, and their merge into one.
import type { Row } from '../../engine/contracts/data.ts';
import { asFailure } from '../../engine/errors.ts';
import { openTemporaryFile, type TemporaryFile } from '../temporary-file.ts';
import type { Block, BlockCodec } from './blocks.ts';
import type { Keys, Order } from './order.ts';

/** Rows in order, with their positions and, of all together, about how much memory they take. */
export interface Sorted extends Block {
  weight: number;
}

/** Where the blocks of a run are. */
interface Run {
  start: number;
  blocks: { bytes: number; weight: number }[];
}

export interface RunFile {
  readonly runs: readonly Run[];
  /** Writes rows that are in order as one run. */
  add(blocks: AsyncIterable<Sorted> | Iterable<Sorted>): Promise<void>;
  /** The rows of so many runs from `first` on, in order; of equal ones those of earlier runs come first. */
  merged(first: number, count: number, batchWeight: number): AsyncGenerator<Sorted>;
  close(): Promise<void>;
}

const mostRows = 8192;

export async function createRunFile(codec: BlockCodec, order: Order, signal: AbortSignal): Promise<RunFile> {
  const file = await openTemporaryFile();
  const runs: Run[] = [];
  let end = 0;
  return {
    runs,
    async add(blocks) {
      const run: Run = { start: end, blocks: [] };
      // The next block is made while the last one is written.
      let writing: Promise<void> = Promise.resolve();
      for await (const { rows, positions, weight } of blocks) {
        const bytes = codec.encode(rows, positions);
        await writing;
        signal.throwIfAborted();
        writing = file.write(bytes, end);
        // It is awaited a round later, or after the loop.
        writing.catch(() => {});
        end += bytes.length;
        run.blocks.push({ bytes: bytes.length, weight });
      }
      await writing;
      if (run.blocks.length > 0) runs.push(run);
    },
    merged: (first, count, batchWeight) =>
      merge(
        runs.slice(first, first + count).map((run) => createReader(run, file, codec, order)),
        order,
        batchWeight,
        signal,
      ),
    close: () => file.close(),
  };
}

/** One run, of which a block at a time is in memory. */
interface Reader {
  rows: Row[];
  positions: number[];
  keys: Keys;
  at: number;
  /** Of a row of the block, on average. */
  weight: number;
  /** False at the end. */
  next(): Promise<boolean>;
}

function createReader(run: Run, file: TemporaryFile, codec: BlockCodec, order: Order): Reader {
  let offset = run.start;
  let block = 0;
  let ahead: Promise<Buffer> | undefined;
  const fetch = () => {
    const place = run.blocks[block];
    if (place === undefined) return undefined;
    const found = readWhole(file, offset, place.bytes);
    // It is awaited when the block before it is used up.
    found.catch(() => {});
    offset += place.bytes;
    return found;
  };
  const reader: Reader = {
    rows: [],
    positions: [],
    keys: [],
    at: 0,
    weight: 0,
    async next() {
      ahead ??= fetch();
      if (ahead === undefined) return false;
      const bytes = await ahead;
      const { rows, positions } = codec.decode(bytes);
      reader.rows = rows;
      reader.positions = positions;
      reader.keys = order.keysOf(rows, positions);
      reader.at = 0;
      reader.weight = run.blocks[block]!.weight / rows.length;
      block++;
      ahead = fetch();
      return true;
    },
  };
  return reader;
}

async function readWhole({ handle }: TemporaryFile, offset: number, bytes: number): Promise<Buffer> {
  const buffer = Buffer.allocUnsafeSlow(bytes);
  for (let read = 0; read < bytes; ) {
    const { bytesRead } = await handle.read(buffer, read, bytes - read, offset + read).catch((error) => {
      throw asFailure(error, 'a temporary file');
    });
    if (bytesRead === 0) throw asFailure(new Error('a temporary file ended too early'));
    read += bytesRead;
  }
  return buffer;
}

/** A binary heap of readers, the one with the next row on top. */
async function* merge(
  readers: Reader[],
  order: Order,
  batchWeight: number,
  signal: AbortSignal,
): AsyncGenerator<Sorted> {
  for (const reader of readers) await reader.next();
  const ranks = new Map(readers.map((reader, rank) => [reader, rank]));
  const heap = [...readers];
  const before = (one: Reader, other: Reader) => {
    const compared = order.compare(one.keys, one.at, other.keys, other.at);
    return compared < 0 || (compared === 0 && ranks.get(one)! < ranks.get(other)!);
  };
  const sink = (from: number) => {
    const reader = heap[from]!;
    let place = from;
    for (;;) {
      let child = 2 * place + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && before(heap[child + 1]!, heap[child]!)) child++;
      if (!before(heap[child]!, reader)) break;
      heap[place] = heap[child]!;
      place = child;
    }
    heap[place] = reader;
  };
  for (let at = (heap.length >> 1) - 1; at >= 0; at--) sink(at);

  let out: Sorted = { rows: [], positions: [], weight: 0 };
  while (heap.length > 0) {
    const reader = heap[0]!;
    out.rows.push(reader.rows[reader.at]!);
    out.positions.push(reader.positions[reader.at]!);
    out.weight += reader.weight;
    if (out.weight >= batchWeight || out.rows.length === mostRows) {
      yield out;
      out = { rows: [], positions: [], weight: 0 };
    }
    if (++reader.at === reader.rows.length) {
      signal.throwIfAborted();
      if (!(await reader.next())) {
        const last = heap.pop()!;
        if (heap.length === 0) break;
        if (last !== reader) heap[0] = last;
      }
    }
    sink(0);
  }
  if (out.rows.length > 0) yield out;
}
