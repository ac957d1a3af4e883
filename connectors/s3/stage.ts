// One file on its way to the store: held while it is small, in parts when it is not; visible only once it is committed.
import type { WriteOptions } from '../../engine/contracts/connector.ts';
import type { FileItem } from '../../engine/contracts/data.ts';
import { Failure, failure } from '../../engine/errors.ts';
import { createBuffers } from '../shared/buffers.ts';
import { createPool, type Gate } from '../shared/pool.ts';
import type { Store } from './client.ts';
import { findUnfinished, markOf, putMark } from './resume.ts';
import {
  abortUpload,
  beginUpload,
  completeUpload,
  leastPartBytes,
  mostParts,
  type Part,
  putObject,
  putPart,
  type Target,
} from './upload.ts';

export interface Staged {
  target: Target;
  commit(signal: AbortSignal): Promise<void>;
  discard(): Promise<void>;
}

export interface Staging {
  store: Store;
  /** The parts of all files of a write that are under way. */
  gate: Gate;
  partBytes: number;
  /** How many bytes of small files may still be held. */
  held: { left: number };
  signal: AbortSignal;
  parts: WriteOptions['parts'];
  onBytes(count: number): void;
}

const mib = 1024 * 1024;
/** An upload whose size is not known has parts that are twice as large after each so many. */
const partsOfOneSize = 1000;

export async function stageFile(staging: Staging, target: Target, item: FileItem): Promise<Staged> {
  const { parts } = staging;
  const large = parts !== undefined && !item.once && item.size !== undefined && item.size > partBytesOf(staging, item);
  return large ? stageRanges(staging, target, item, item.size!) : stageStream(staging, target, item);
}

function partBytesOf({ parts, partBytes }: Staging, { size = 0 }: FileItem): number {
  const wanted = Math.max(parts?.bytes ?? partBytes, leastPartBytes);
  return Math.max(wanted, Math.ceil(size / mostParts / mib) * mib);
}

/** As the bytes come. */
async function stageStream(staging: Staging, target: Target, item: FileItem): Promise<Staged> {
  const { store, gate, signal, onBytes, held } = staging;
  const { at } = target;
  const known = partBytesOf(staging, item);
  const parts: Part[] = [];
  const going = new Set<Promise<void>>();
  let failed: { error: unknown } | undefined;
  let uploadId: string | undefined;
  let number = 0;
  let chunks: Uint8Array[] = [];
  let waiting = 0;

  const sizeOfNext = () => (item.size === undefined ? known * 2 ** Math.floor(number / partsOfOneSize) : known);
  const send = async (bytes: Uint8Array): Promise<void> => {
    uploadId ??= await beginUpload(store, target, signal);
    const id = uploadId;
    if (++number > mostParts) throw failure('IO_FAILED', { path: at.shown, reason: 'it is larger than a store takes' });
    const own = number;
    const leave = await gate.enter();
    if (failed !== undefined) {
      leave();
      throw failed.error;
    }
    const piece = putPart(store, target, id, own, bytes, signal)
      .then((part) => {
        parts.push(part);
        onBytes(bytes.length);
      })
      .catch((error: unknown) => {
        failed ??= { error };
      })
      .finally(() => {
        going.delete(piece);
        leave();
      });
    going.add(piece);
  };
  /** The first so many bytes of those that wait. */
  const take = (bytes: number): Buffer => {
    const whole = Buffer.allocUnsafeSlow(bytes);
    let at = 0;
    let used = 0;
    while (at < bytes) {
      const chunk = chunks[used]!;
      const piece = chunk.subarray(0, bytes - at);
      whole.set(piece, at);
      at += piece.length;
      if (piece.length < chunk.length) chunks[used] = chunk.subarray(piece.length);
      else used++;
    }
    chunks = chunks.slice(used);
    waiting -= bytes;
    return whole;
  };
  const discard = async () => {
    await Promise.all(going);
    if (uploadId !== undefined) await abortUpload(store, target, uploadId);
  };

  try {
    for await (const chunk of item.open()) {
      signal.throwIfAborted();
      if (failed !== undefined) throw (failed as { error: unknown }).error;
      if (chunk.length === 0) continue;
      chunks.push(chunk);
      waiting += chunk.length;
      while (waiting >= sizeOfNext()) await send(take(sizeOfNext()));
    }
    signal.throwIfAborted();
    if (uploadId === undefined && waiting <= held.left) {
      const bytes = take(waiting);
      held.left -= bytes.length;
      return {
        target,
        async commit(until) {
          await putObject(store, target, bytes, until);
          onBytes(bytes.length);
          held.left += bytes.length;
        },
        discard: async () => {},
      };
    }
    if (waiting > 0) await send(take(waiting));
    await Promise.all(going);
    if (failed !== undefined) throw (failed as { error: unknown }).error;
    const id = uploadId!;
    return { target, commit: (until) => completeUpload(store, target, id, parts, until), discard };
  } catch (error) {
    await discard().catch(() => {});
    throw error;
  }
}

/** Several ranges at once, going on with what a killed run has left. */
async function stageRanges(staging: Staging, target: Target, item: FileItem, size: number): Promise<Staged> {
  const { store, signal, onBytes } = staging;
  const { atOnce, resume } = staging.parts!;
  const partBytes = partBytesOf(staging, item);
  const count = Math.ceil(size / partBytes);
  const mark = resume === undefined ? undefined : markOf(resume(item), partBytes);
  const found = mark === undefined ? undefined : await findUnfinished(store, target, mark, signal);
  const uploadId = found?.uploadId ?? (await beginUpload(store, target, signal));
  const parts: Part[] = [];
  const pool = createPool(atOnce);
  const free: Buffer[] = [];
  const buffers = createBuffers();
  const discard = () => abortUpload(store, target, uploadId);

  const move = async (number: number): Promise<void> => {
    const start = (number - 1) * partBytes;
    const end = Math.min(size, start + partBytes);
    const buffer = free.pop() ?? Buffer.allocUnsafeSlow(partBytes);
    let filled = 0;
    for await (const chunk of item.open({ start, end }, buffers)) {
      signal.throwIfAborted();
      if (chunk.length > end - start - filled) throw wrongSize(item, start, end, filled + chunk.length);
      buffer.set(chunk, filled);
      filled += chunk.length;
      buffers.give(chunk);
    }
    if (filled !== end - start) throw wrongSize(item, start, end, filled);
    parts.push(await putPart(store, target, uploadId, number, buffer.subarray(0, filled), signal));
    onBytes(filled);
    // Not after a failure, when the socket may still hold it.
    free.push(buffer);
  };
  try {
    if (found === undefined && mark !== undefined) await putMark(store, target, uploadId, mark, signal);
    for (let number = 1; number <= count; number++) {
      const part = found?.parts.get(number);
      if (part?.size === Math.min(partBytes, size - (number - 1) * partBytes)) parts.push(part);
      else await pool.add(() => move(number));
    }
    await pool.drained();
    return { target, commit: (until) => completeUpload(store, target, uploadId, parts, until), discard };
  } catch (error) {
    await pool.drained().catch(() => {});
    // What a failure that may pass has left is for the next run.
    if (mark === undefined || !(error instanceof Failure && error.retry)) await discard().catch(() => {});
    throw error;
  }
}

function wrongSize({ path }: FileItem, start: number, end: number, received: number) {
  const reason = `${received} bytes came where ${end - start} were announced, from byte ${start} on`;
  return failure('INPUT_TRUNCATED', { path, reason });
}
