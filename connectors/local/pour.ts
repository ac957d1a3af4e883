// Bytes from a source into an open file, in large calls.
import type { FileHandle } from 'node:fs/promises';
import type { Buffers } from '../../engine/contracts/data.ts';

/** So much goes to the disk in one call, while the next lot is being pulled. */
const writeBytes = 1024 * 1024;
/** The most pieces that one call may be given, a little below what systems allow. */
const writePieces = 1000;

export interface Pour {
  /** Writes the pieces from this place in the file on; undefined: where the last call ended. */
  write(pieces: Uint8Array[], position: number | undefined): Promise<void>;
  /** Where the first byte goes, where the file is written in any order. */
  start?: number;
  /** What the chunks are given back to. */
  buffers: Buffers;
  signal: AbortSignal;
  onBytes(count: number): void;
}

/** Resolves when all was handed to the disk. */
export async function pourInto(
  source: AsyncIterable<Uint8Array>,
  { write, start, buffers, signal, onBytes }: Pour,
): Promise<void> {
  let position = start;
  let going: Promise<void> = Promise.resolve();
  let pieces: Uint8Array[] = [];
  let size = 0;
  const flush = async () => {
    await going;
    if (size === 0) return;
    const [count, written] = [size, pieces];
    going = write(written, position).then(() => {
      for (const piece of written) buffers.give(piece);
      onBytes(count);
    });
    // Told to whoever awaits it next; never unhandled meanwhile.
    going.catch(() => {});
    if (position !== undefined) position += count;
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
export async function writeAll(handle: FileHandle, pieces: Uint8Array[], position: number | undefined): Promise<void> {
  let rest = pieces;
  let at = position;
  while (rest.length > 0) {
    let { bytesWritten } = await handle.writev(rest, at);
    if (at !== undefined) at += bytesWritten;
    let whole = 0;
    while (whole < rest.length && bytesWritten >= rest[whole]!.length) bytesWritten -= rest[whole++]!.length;
    rest = rest.slice(whole);
    if (bytesWritten > 0) rest[0] = rest[0]!.subarray(bytesWritten);
  }
}
