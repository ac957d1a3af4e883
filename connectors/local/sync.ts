// What makes written files stay through a power cut, and errors of calls on a place in the catalogue's words.
import { open } from 'node:fs/promises';
import { createPool } from '../shared/pool.ts';
import { failureAt, type Place } from './place.ts';

const syncsAtOnce = 16;

/** Many small files are on the disk sooner when it is asked for all of them at once. */
export async function syncAll(files: readonly { place: Place; temporary: string | undefined }[]): Promise<void> {
  const pool = createPool(syncsAtOnce);
  for (const { place, temporary } of files) {
    if (temporary === undefined) continue;
    await pool.add(async () => {
      const handle = await on(place, open(temporary, 'r+'));
      try {
        await on(place, handle.sync());
      } finally {
        await handle.close();
      }
    });
  }
  await pool.drained();
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
