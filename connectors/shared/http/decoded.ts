// A body without its content encoding.
import { type Compression, decompress } from '../../../engine/compression.ts';
import type { CallOptions } from '../../../engine/contracts/connector.ts';

/** The bytes without their content encoding. A reader that stops early also ends a request that is still being waited for. */
export function decoded(
  bytes: (o: CallOptions) => AsyncGenerator<Uint8Array>,
  encoded: Compression[],
  path: string,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  if (encoded.length === 0) return bytes({ signal });
  const stopped = new AbortController();
  const inner = AbortSignal.any([signal, stopped.signal]);
  const plain = decompress(bytes({ signal: inner }), encoded, { path, signal })[Symbol.asyncIterator]();
  const generator: AsyncGenerator<Uint8Array> = {
    next: () => plain.next(),
    async return() {
      stopped.abort();
      await plain.return?.();
      return { done: true, value: undefined };
    },
    throw: (error) => Promise.reject(error),
    [Symbol.asyncIterator]: () => generator,
    [Symbol.asyncDispose]: async () => {
      await generator.return(undefined);
    },
  };
  return generator;
}
