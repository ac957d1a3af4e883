// A temporary file for what does not fit in memory: it has no name while it is used, so that a crash leaves nothing behind.
import { randomUUID } from 'node:crypto';
import { type FileHandle, open, unlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { asFailure } from '../engine/errors.ts';

export interface TemporaryFile {
  readonly handle: FileHandle;
  /** All of the chunk, from this position on. A full disk fails with DISK_FULL. */
  write(chunk: Uint8Array, position: number): Promise<void>;
  /** What it holds is gone then. */
  close(): Promise<void>;
}

/** Readable by nobody else. In the folder that TMPDIR says, or else the system's own. */
export async function openTemporaryFile(): Promise<TemporaryFile> {
  const path = join(tmpdir(), `pipewright-${randomUUID()}`);
  const shown = `${path}, a temporary file (TMPDIR names another folder for them)`;
  const handle = await open(path, 'wx+', 0o600).catch((error) => {
    throw asFailure(error, shown);
  });
  // Where the system does not take the name of an open file away, closing does.
  const unlinked = await unlink(path).then(
    () => true,
    () => false,
  );
  return {
    handle,
    async write(chunk, position) {
      try {
        for (let written = 0; written < chunk.length; ) {
          written += (await handle.write(chunk, written, chunk.length - written, position + written)).bytesWritten;
        }
      } catch (error) {
        throw asFailure(error, shown);
      }
    },
    async close() {
      await handle.close();
      if (!unlinked) await unlink(path).catch(() => {});
    },
  };
}
