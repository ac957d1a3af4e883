// What the format tests share: cutting bytes into chunks, collecting streams, catching failures.
import { expect } from 'vitest';
import type { Row, RowStream } from '../../engine/contracts/data.ts';
import type { FormatContext } from '../../engine/contracts/format.ts';
import { Failure } from '../../engine/errors.ts';

/** A context whose signal is never aborted. */
export function contextFor(path: string): FormatContext {
  return { path, signal: new AbortController().signal };
}

/** The bytes in chunks of these sizes, in turn and again from the start. */
export async function* chunksOf(bytes: Uint8Array, sizes: readonly number[] = [65_536]): AsyncGenerator<Uint8Array> {
  let at = 0;
  for (let i = 0; at < bytes.length; i++) {
    const size = sizes[i % sizes.length]!;
    yield bytes.subarray(at, at + size);
    at += size;
  }
}

export async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}

export async function rowsOf(stream: RowStream): Promise<Row[]> {
  const rows: Row[] = [];
  for await (const batch of stream.batches) rows.push(...batch.rows);
  return rows;
}

/** The failure that the work ends with; fails the test when it ends otherwise. */
export async function failureOf(work: Promise<unknown>): Promise<Failure> {
  const error = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof Failure)) expect(error).toBeInstanceOf(Failure);
  return error as Failure;
}

/** A source that tells how far it was read and whether it was closed. */
export function watched<T>(items: Iterable<T>) {
  const seen = { pulled: 0, closed: false };
  async function* source(): AsyncGenerator<T> {
    try {
      for (const item of items) {
        seen.pulled++;
        yield item;
      }
    } finally {
      seen.closed = true;
    }
  }
  return { source: source(), seen };
}
