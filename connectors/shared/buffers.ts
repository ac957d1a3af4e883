// Room for chunks that is used again, so that moving a large file does not leave the collector as many bytes as it has.
import type { Buffers } from '../../engine/contracts/data.ts';

const leastBytes = 4096;
const mostBytes = 1024 * 1024;

/** One for each write: it holds on to as much as was on its way at a time. */
export function createBuffers(chunkBytes = 256 * 1024): Buffers {
  const free = new Map<number, Buffer[]>();
  const mine = new WeakMap<ArrayBufferLike, Buffer>();
  return {
    chunkBytes,
    take(bytes) {
      if (bytes > mostBytes) return Buffer.allocUnsafeSlow(bytes);
      const size = Math.max(leastBytes, 2 ** Math.ceil(Math.log2(bytes)));
      let buffer = free.get(size)?.pop();
      if (buffer === undefined) {
        buffer = Buffer.allocUnsafeSlow(size);
        mine.set(buffer.buffer, buffer);
      }
      return bytes === size ? buffer : buffer.subarray(0, bytes);
    },
    give(chunk) {
      const buffer = mine.get(chunk.buffer);
      if (buffer === undefined) return;
      const others = free.get(buffer.length);
      if (others === undefined) free.set(buffer.length, [buffer]);
      else others.push(buffer);
    },
  };
}
