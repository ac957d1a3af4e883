// One scenario with one store: a file is written to it and read back, whole, in parts and in ranges.
import type { AnyConnection, WriteOptions } from '../../engine/contracts/connector.ts';
import { connectorContext, fileOf, get, streamOf, writeOptions } from '../../test/conformance/files.ts';
import { mib, type Weather } from './faults.ts';
import type { Scenario } from './scenario.ts';
import type { FaultyStore } from './store.ts';

export async function thereAndBack(store: FaultyStore, { content, old, weather, wrong }: Scenario): Promise<void> {
  const { random } = weather;
  const connection = store.connector.open(store.config(random) as never, connectorContext('faulty'));
  try {
    if (old !== undefined) await write(connection, store.path, old);
    // Both ways, or one of them.
    const ways = random();
    if (ways < 0.66) store.disturb(weather);
    try {
      await write(connection, store.path, content, random() < 0.5 ? { parts: { bytes: 5 * mib, atOnce: 2 } } : {});
    } catch (error) {
      if (!isEither(store.bytes(store.path), content, old)) wrong('a write was refused, and left other bytes');
      throw error;
    }
    store.disturb();
    if (store.bytes(store.path)?.equals(content) !== true)
      wrong('a write was called done, and the store has other bytes');
    if (ways > 0.33) store.disturb(weather);
    const read =
      random() < 0.5
        ? await get(connection, store.path)
        : await inRanges(connection, store.path, content.length, weather);
    if (!read.equals(content)) wrong('a read was called done with other bytes');
  } finally {
    store.disturb();
    await connection.close();
  }
  for (const left of store.leftovers()) wrong(`${left} was left`);
}

/** What is there after a refusal. Where a name cannot be taken over at once, there may be a moment without a file. */
export function isEither(found: Buffer | undefined, content: Buffer, old: Buffer | undefined): boolean {
  return found === undefined || found.equals(content) || old?.equals(found) === true;
}

export function write(connection: AnyConnection, path: string, content: Buffer, more: Partial<WriteOptions> = {}) {
  const file = fileOf('a', pieces(content), {
    size: content.length,
    open: (range) => pieces(content.subarray(range?.start ?? 0, range?.end)),
  });
  return connection.write!(path, streamOf(file), writeOptions({ mode: 'replace', ...more }));
}

async function inRanges(connection: AnyConnection, path: string, size: number, { random }: Weather): Promise<Buffer> {
  const ranges: Buffer[] = [];
  for (let start = 0; start < size; ) {
    const end = Math.min(size, start + 1 + Math.floor(random() * size));
    ranges.push(await get(connection, path, { start, end }));
    start = end;
  }
  return Buffer.concat(ranges);
}

async function* pieces(bytes: Buffer): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += 300_000) yield bytes.subarray(at, at + 300_000);
}
