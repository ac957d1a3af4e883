// Bytes kept in a temporary file, for what must be known or read out of order before it can be used.
import { randomUUID } from 'node:crypto';
import { type FileHandle, open, unlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Range } from '../../engine/contracts/data.ts';
import { asFailure, failure } from '../../engine/errors.ts';

const chunkBytes = 1024 * 1024;

export interface Spool {
  size: number;
  open(range?: Range): AsyncGenerator<Uint8Array>;
  /** The bytes are gone then. */
  close(): Promise<void>;
}

/** `path` is what the bytes are of, for errors; more than `most` bytes are refused. */
export async function spooled(
  bytes: AsyncIterable<Uint8Array>,
  path: string,
  most = Number.POSITIVE_INFINITY,
): Promise<Spool> {
  const temporary = join(tmpdir(), `pipewright-${randomUUID()}`);
  const handle = await open(temporary, 'wx+', 0o600).catch((error) => {
    throw asFailure(error, temporary);
  });
  // Where the system allows it, the file has no name from here on, so that a crash leaves nothing behind.
  const unlinked = await unlink(temporary).then(
    () => true,
    () => false,
  );
  const close = async () => {
    await handle.close();
    if (!unlinked) await unlink(temporary).catch(() => {});
  };
  let size = 0;
  try {
    for await (const chunk of bytes) {
      if (size + chunk.length > most) throw failure('IO_FAILED', { path, reason: `has more than ${most} bytes` });
      await writeWhole(handle, chunk, size, temporary);
      size += chunk.length;
    }
  } catch (error) {
    await close();
    throw error;
  }
  return { size, open: (range) => readFrom(handle, size, range), close };
}

async function writeWhole(handle: FileHandle, chunk: Uint8Array, position: number, temporary: string): Promise<void> {
  try {
    for (let written = 0; written < chunk.length; ) {
      written += (await handle.write(chunk, written, chunk.length - written, position + written)).bytesWritten;
    }
  } catch (error) {
    throw asFailure(error, temporary);
  }
}

async function* readFrom(handle: FileHandle, size: number, range?: Range): AsyncGenerator<Uint8Array> {
  const end = Math.min(range?.end ?? size, size);
  for (let position = range?.start ?? 0; position < end; ) {
    const buffer = Buffer.allocUnsafeSlow(Math.min(chunkBytes, end - position));
    const { bytesRead } = await handle.read(buffer, 0, buffer.length, position);
    if (bytesRead === 0) return;
    position += bytesRead;
    yield bytesRead === buffer.length ? buffer : buffer.subarray(0, bytesRead);
  }
}
