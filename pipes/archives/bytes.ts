// Bytes through a transform of Node's, their first part looked at, and joined: what archives are made of and read with.
import { pipeline, Readable, type Transform } from 'node:stream';

/** The bytes that come out of the transform. Both sides are closed however it ends. */
export async function* transformed(
  source: AsyncIterable<Uint8Array>,
  transform: Transform,
): AsyncGenerator<Uint8Array> {
  // An error of the source destroys the transform with it, and comes out of the loop.
  pipeline(Readable.from(source, { objectMode: false }), transform, () => {});
  for await (const chunk of transform) yield chunk;
}

export interface Head {
  /** Up to `most` bytes and a chunk more. */
  head: Uint8Array[];
  /** Whether that was all. */
  whole: boolean;
  /** All bytes from the start; must be read or closed. */
  bytes: AsyncGenerator<Uint8Array>;
}

/** Reads the first bytes ahead. */
export async function withHead(source: AsyncIterable<Uint8Array>, most: number): Promise<Head> {
  const iterator = source[Symbol.asyncIterator]();
  const head: Uint8Array[] = [];
  let whole = false;
  for (let size = 0; size < most; ) {
    const step = await iterator.next();
    if (step.done === true) {
      whole = true;
      break;
    }
    head.push(step.value);
    size += step.value.length;
  }
  const rest = async function* () {
    try {
      yield* head;
      for (let step = await iterator.next(); step.done !== true; step = await iterator.next()) yield step.value;
    } finally {
      await iterator.return?.();
    }
  };
  return { head, whole, bytes: rest() };
}

const units: Readonly<Record<string, number>> = {
  '': 1,
  k: 1e3,
  m: 1e6,
  g: 1e9,
  t: 1e12,
  ki: 2 ** 10,
  mi: 2 ** 20,
  gi: 2 ** 30,
  ti: 2 ** 40,
};

/** Of a size as the language writes it: `64KB`, `8MiB`, 1000. The text has passed the schema's pattern. */
export function bytesOf(size: number | string): number {
  if (typeof size === 'number') return size;
  const [, amount, unit] = /^([\d.]+) ?([a-z]*)B$/i.exec(size) ?? [];
  return Math.floor(Number(amount) * units[unit!.toLowerCase()]!);
}
