// What makes written files stay through a power cut, and errors of calls on a place in the catalogue's words.
import { open } from 'node:fs/promises';
import { createPool } from '../shared/pool.ts';
import { failureAt, type Place } from './place.ts';

const syncsAtOnce = 16;

/** What there is to do with a file that was written: as a `FileHandle` has it. */
export interface SyncedFile {
  sync(): Promise<void>;
  close(): Promise<void>;
}

/** Written, and open until it is on the disk. */
export interface Unsynced {
  place: Place;
  handle: SyncedFile;
}

/** So many files are kept open at most by one write. */
export const mostUnsynced = 64;

/** Many small files are on the disk sooner when it is asked for all of them at once. */
export async function syncAll(files: readonly Unsynced[]): Promise<void> {
  const pool = createPool(syncsAtOnce);
  let failed: { error: unknown } | undefined;
  for (const { place, handle } of files) {
    await pool.add(async () => {
      // Each is closed, also after one has failed.
      try {
        await on(place, handle.sync());
      } catch (error) {
        failed ??= { error };
      } finally {
        await handle.close();
      }
    });
  }
  await pool.drained();
  if (failed !== undefined) throw failed.error;
}

export async function syncFolder(folder: string): Promise<void> {
  // Windows and some network file systems cannot open or sync a folder; the files themselves are on the disk already.
  const handle = await open(folder, 'r').catch(() => undefined);
  await handle?.sync().catch(() => {});
  await handle?.close();
}

export async function on<T>(place: Place, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    throw await failureAt(place, error);
  }
}
