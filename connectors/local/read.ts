// The bytes of one file.
import { type FileHandle, open } from 'node:fs/promises';
import type { Buffers, Range } from '../../engine/contracts/data.ts';
import { failure } from '../../engine/errors.ts';
import { failureAt, type Place } from './place.ts';

/** Larger reads are faster, but each stays allocated until the next collection where its memory is not used again. */
const chunkBytes = 64 * 1024;

/** One chunk is read ahead while the last one is being used. */
export async function* readBytes(
  place: Place,
  range: Range | undefined,
  signal: AbortSignal,
  buffers?: Buffers,
): AsyncGenerator<Uint8Array> {
  signal.throwIfAborted();
  let handle: FileHandle | undefined;
  let ahead: Promise<Uint8Array> | undefined;
  try {
    handle = await open(place.absolute, 'r');
    const stat = await handle.stat();
    if (stat.isDirectory()) throw failure('FILE_IS_FOLDER', { path: place.shown });
    // Pipes and devices have no positions and must not be read before they are asked.
    const seekable = stat.isFile();
    if (!seekable && range !== undefined) {
      throw failure('OPTION_UNSUPPORTED', {
        what: 'reading from the middle',
        where: `${place.shown}, which is not a plain file`,
      });
    }
    let position = range?.start ?? 0;
    const end = range?.end ?? Number.POSITIVE_INFINITY;
    const most = buffers?.chunkBytes ?? chunkBytes;
    const next = () => {
      const likely = seekable ? Math.max(stat.size - position + 1, 4096) : most;
      return readOnce(handle!, Math.min(most, end - position, likely), seekable ? position : null, buffers);
    };
    if (position < end) ahead = next();
    while (ahead !== undefined) {
      const chunk: Uint8Array = await ahead;
      ahead = undefined;
      signal.throwIfAborted();
      if (chunk.length === 0) break;
      position += chunk.length;
      if (position < end && seekable) ahead = next();
      yield chunk;
      signal.throwIfAborted();
      if (position < end && !seekable) ahead = next();
    }
    if (seekable && position < Math.min(end, stat.size) && (range?.start ?? 0) < stat.size) {
      throw failure('INPUT_TRUNCATED', {
        path: place.shown,
        reason: 'someone made it shorter while it was being read',
      });
    }
  } catch (error) {
    throw signal.aborted ? signal.reason : await failureAt(place, error);
  } finally {
    await ahead?.catch(() => {});
    await handle?.close();
  }
}

/** What one call gives; empty at the end. */
async function readOnce(
  handle: FileHandle,
  bytes: number,
  position: number | null,
  buffers: Buffers | undefined,
): Promise<Uint8Array> {
  const buffer = buffers?.take(bytes) ?? Buffer.allocUnsafeSlow(bytes);
  const { bytesRead } = await handle.read(buffer, 0, bytes, position);
  return bytesRead === bytes ? buffer : buffer.subarray(0, bytesRead);
}
