// What killed runs have left behind in a folder.
import { readdir, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { isLeftover } from '../shared/leftovers.ts';

/** Removes the temporary files in a folder whose writers were processes of this machine that are no more. Tells whether it had nothing in it. */
export async function removeLeftovers(folder: string): Promise<boolean> {
  const none = (error: NodeJS.ErrnoException) => (error.code === 'ENOENT' ? [] : undefined);
  const names = await readdir(folder).catch(none);
  for (const name of names ?? []) {
    if (isLeftover(name)) await unlink(join(folder, name)).catch(() => {});
  }
  return names?.length === 0;
}
