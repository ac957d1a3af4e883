// Bytes from a source into an open file, in large calls.
import type { FileHandle } from 'node:fs/promises';
import type { Place } from './place.ts';
import { on } from './sync.ts';

/** So much goes to the disk in one call, while the next lot is being pulled. */
const writeBytes = 1024 * 1024;
/** The most pieces that one call may be given, a little below what systems allow. */
const writePieces = 1000;

export async function pourInto(
  handle: FileHandle,
  place: Place,
  source: AsyncIterable<Uint8Array>,
  signal: AbortSignal,
  onBytes: (count: number) => void,
): Promise<void> {
  let going: Promise<void> = Promise.resolve();
  let pieces: Uint8Array[] = [];
  let size = 0;
  const flush = async () => {
    await going;
    if (size === 0) return;
    const count = size;
    going = on(place, writeAll(handle, pieces)).then(() => onBytes(count));
    // Told to whoever awaits it next; never unhandled meanwhile.
    going.catch(() => {});
    pieces = [];
    size = 0;
  };
  try {
    for await (const chunk of source) {
      signal.throwIfAborted();
      pieces.push(chunk);
      size += chunk.length;
      if (size >= writeBytes || pieces.length >= writePieces) await flush();
    }
    signal.throwIfAborted();
    await flush();
    await going;
  } finally {
    await going.catch(() => {});
  }
}

/** A call may take less than it was given, as on a disk that is filling up. */
async function writeAll(handle: FileHandle, pieces: Uint8Array[]): Promise<void> {
  let rest = pieces;
  while (rest.length > 0) {
    let { bytesWritten } = await handle.writev(rest);
    let whole = 0;
    while (whole < rest.length && bytesWritten >= rest[whole]!.length) bytesWritten -= rest[whole++]!.length;
    rest = rest.slice(whole);
    if (bytesWritten > 0) rest[0] = rest[0]!.subarray(bytesWritten);
  }
}
