// Folders that are made together with those above them.
import { mkdir, stat } from 'node:fs/promises';
import { dirname } from 'node:path';

/**
 * Resolves with the topmost one that was made; undefined where all were there. Node's own way to do it never ends below
 * a folder that takes none, such as /proc: each "no such file" is about a folder above for it.
 */
export async function makeFolders(folder: string): Promise<string | undefined> {
  const above = dirname(folder);
  try {
    return (await makeFolder(folder)) ? folder : undefined;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || above === folder) throw error;
  }
  const first = await makeFolders(above);
  const made = await makeFolder(folder);
  return first ?? (made ? folder : undefined);
}

/** False where it was there. */
async function makeFolder(folder: string): Promise<boolean> {
  try {
    await mkdir(folder);
    return true;
  } catch (error) {
    const found = await stat(folder).catch(() => undefined);
    if (found?.isDirectory()) return false;
    throw error;
  }
}
