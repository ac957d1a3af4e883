// Bytes through a transform of Node's, their first part looked at, and joined: what archives are made of and read with.
import type { Duplex } from 'node:stream';

/** What Node's streams and those of tar-stream have in common. */
interface Sink {
  readonly destroyed: boolean;
  write(chunk: Uint8Array): boolean;
  on(event: 'drain' | 'close', listener: () => void): unknown;
  off(event: 'drain' | 'close', listener: () => void): unknown;
}

/** The bytes that come out of the transform. Both sides are closed when it ends, however that is. */
export async function* transformed(source: AsyncIterable<Uint8Array>, transform: Duplex): AsyncGenerator<Uint8Array> {
  const pouring = pour(source, transform).then(
    () => transform.end(),
    (error: Error) => transform.destroy(error),
  );
  try {
    for await (const chunk of transform) yield chunk;
  } finally {
    transform.destroy();
    await pouring;
  }
}

/** Writes the bytes as fast as they are taken, up to their end or until the stream is destroyed. Does not end the stream. */
export async function pour(source: AsyncIterable<Uint8Array>, stream: Sink): Promise<void> {
  for await (const chunk of source) {
    if (!stream.write(chunk) && !stream.destroyed) await nextChange(stream);
    if (stream.destroyed) return;
  }
}

/** Resolves when the stream takes more, or takes nothing any more. */
function nextChange(stream: Sink): Promise<void> {
  return new Promise((resolve) => {
    const settle = () => {
      stream.off('drain', settle);
      stream.off('close', settle);
      resolve();
    };
    stream.on('drain', settle);
    stream.on('close', settle);
  });
}

export interface Head {
  /** Up to `most` bytes and a chunk more. */
  head: Uint8Array[];
  /** Whether that was all. */
  whole: boolean;
  /** All bytes from the start. Must be read, or closed with `return`. */
  bytes: Required<Pick<AsyncIterableIterator<Uint8Array>, 'next' | 'return'>> & AsyncIterable<Uint8Array>;
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
  let at = 0;
  const bytes: Head['bytes'] = {
    async next() {
      if (at < head.length) return { value: head[at++]!, done: false };
      return whole ? { value: undefined, done: true } : iterator.next();
    },
    async return() {
      if (!whole) await iterator.return?.();
      whole = true;
      at = head.length;
      return { value: undefined, done: true };
    },
    [Symbol.asyncIterator]: () => bytes as AsyncIterableIterator<Uint8Array>,
  };
  return { head, whole, bytes };
}
