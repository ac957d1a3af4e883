// One staged file: how its temporary file is opened, and how that takes the target's place.
import { constants, type Stats } from 'node:fs';
import { copyFile, type FileHandle, link, lstat, open, rename, stat, unlink } from 'node:fs/promises';
import type { WriteOptions } from '../../engine/contracts/connector.ts';
import { type Failure, failure } from '../../engine/errors.ts';
import type { PartFile } from './parts.ts';
import type { Place } from './place.ts';
import type { Quick } from './quick.ts';

export interface Staged {
  place: Place;
  /** Where the bytes end up: the place, with links followed. */
  target: string;
  /** Where they are until then; undefined for a pipe or a device, which can only be written to directly. */
  temporary: string | undefined;
  /** The target as it was when the write began. */
  before: Stats | undefined;
  /** Where it is written in parts. */
  parts?: PartFile;
}

export function existing(path: string): Promise<Stats | undefined> {
  return stat(path).catch(absent);
}

export function absent(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT' && error.code !== 'ENOTDIR') throw error;
}

/** A rename would also take the place of a file that its owner has locked. */
export async function tryToOpen(path: string): Promise<void> {
  await (await open(path, 'r+')).close();
}

export async function isLink(path: string): Promise<boolean> {
  return (await lstat(path).catch(() => undefined))?.isSymbolicLink() ?? false;
}

/** A new file gets the usual mode; one that takes another's place gets that one's mode, and its owner where that is allowed. */
export async function openFor(
  { target, temporary, before }: Staged,
  append: boolean,
  resumed = false,
): Promise<FileHandle> {
  if (temporary === undefined) return open(target, append ? 'a' : 'w');
  if (before === undefined) return open(temporary, resumed ? 'r+' : 'wx');
  // Where the file system can, the copy shares its blocks with the original until one of them changes.
  if (append) await copyFile(target, temporary, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE);
  const handle = await open(temporary, append ? 'a' : resumed ? 'r+' : 'wx', 0o600);
  try {
    await handle.chown(before.uid, before.gid).catch(() => {});
    await handle.chmod(before.mode & 0o7777);
  } catch (error) {
    await handle.close();
    throw error;
  }
  return handle;
}

export async function takePlace(
  { place, target, before }: Staged,
  temporary: string,
  mode: WriteOptions['mode'],
  quick: Quick | undefined,
): Promise<void> {
  if (mode === 'append' && before !== undefined) {
    const now = await existing(target);
    if (now?.ino !== before.ino || now.size !== before.size || now.mtimeMs !== before.mtimeMs) throw changed(place);
  }
  if (mode === 'create' || (mode === 'append' && before === undefined)) {
    await renameToNew(temporary, target).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'EEXIST') throw mode === 'create' ? exists(place) : changed(place);
      throw error;
    });
  } else if (quick?.fast) {
    quick.rename(temporary, target);
  } else {
    await rename(temporary, target);
  }
}

/** A rename that fails with EEXIST where the target is there, even if it came a moment ago. */
async function renameToNew(temporary: string, target: string): Promise<void> {
  try {
    await link(temporary, target);
    await unlink(temporary);
  } catch (error) {
    // FAT and some network file systems have no hard links: claim the name, then replace it.
    if (!['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK'].includes((error as NodeJS.ErrnoException).code ?? ''))
      throw error;
    await (await open(target, 'wx')).close();
    await rename(temporary, target);
  }
}

export function exists(place: Place): Failure {
  return failure('TARGET_EXISTS', { path: place.shown });
}

function changed(place: Place): Failure {
  return failure('IO_FAILED', {
    path: place.shown,
    reason: 'someone else wrote to it while this run appended to it; nothing was appended, run again',
  });
}
