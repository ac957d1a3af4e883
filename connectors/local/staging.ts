// Temporary files beside their targets, and how they take the targets' places.
import type { Stats } from 'node:fs';
import { lstat, rmdir, unlink } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { WriteOptions } from '../../engine/contracts/connector.ts';
import type { FileItem } from '../../engine/contracts/data.ts';
import { Failure, failure } from '../../engine/errors.ts';
import { createBuffers } from '../shared/buffers.ts';
import { release, temporaryName } from '../shared/leftovers.ts';
import { makeFolders } from './folders.ts';
import { removeLeftovers } from './leftovers.ts';
import { findPartFile, type PartFile, pourParts } from './parts.ts';
import { failureAt, type Place, type Places } from './place.ts';
import { type Pour, pourInto, writeAll } from './pour.ts';
import { createQuick } from './quick.ts';
import { absent, existing, exists, isLink, openFor, type Staged, takePlace, tryToOpen } from './staged.ts';
import { mostUnsynced, on, type SyncedFile, syncAll, syncFolder, type Unsynced } from './sync.ts';

export interface Staging {
  /** Looks at the target, refuses what cannot be written, makes its folder. */
  begin(place: Place): Promise<Staged>;
  /** Resolves when all bytes were handed to the disk; what it gives waits until they are on it. */
  pour(file: Staged, item: FileItem, onBytes: (count: number) => void): Promise<() => Promise<void>>;
  commit(): Promise<void>;
  /** Takes back whatever was not committed; what a later run can go on with stays where the error may pass. */
  discard(error: unknown): Promise<void>;
}

/** `cleaned`: the folders in which what killed runs have left was removed, and whether nothing else was there. */
export function createStaging(
  places: Places,
  o: WriteOptions,
  signal: AbortSignal,
  cleaned: Map<string, boolean>,
): Staging {
  const files: Staged[] = [];
  const foldersMade = new Set<string>();
  const foldersSeen = new Set<string>();
  // Many small files are on the disk sooner when it is asked for all of them once the last is written.
  const late = o.parts !== undefined;
  const unsynced: Unsynced[] = [];
  let syncing: Promise<void> = Promise.resolve();
  const realFolders = new Map<string, Promise<string>>();
  const buffers = createBuffers();
  const quick = createQuick();

  /** Where the bytes end up, and what is there. Of many files in one folder its links are followed once. */
  async function targetOf(place: Place): Promise<{ target: string; before: Stats | undefined }> {
    const folder = dirname(place.absolute);
    if (late && place.absolute !== places.root && folder !== place.absolute) {
      const following = realFolders.get(folder) ?? places.real({ ...place, absolute: folder });
      realFolders.set(folder, following);
      const real = await following;
      const target = join(real, basename(place.absolute));
      // What came into an empty folder since may be replaced without a look at it.
      if (o.mode === 'replace' && cleaned.get(real) === true) return { target, before: undefined };
      const before = await lstat(target).catch(absent);
      if (before?.isSymbolicLink() !== true) return { target, before };
    }
    const target = await places.real(place);
    return { target, before: await existing(target) };
  }

  async function makeFolderOf(target: string, place: Place): Promise<void> {
    const folder = dirname(target);
    if (foldersSeen.has(folder)) return;
    if (!cleaned.has(folder)) {
      cleaned.set(folder, await removeLeftovers(folder));
    }
    const first = await makeFolders(folder).catch(async (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST' && error.code !== 'ENOTDIR') throw await failureAt(place, error);
      throw failure(
        'PATH_INVALID',
        { path: place.shown, reason: 'goes through a file as if it were a folder' },
        { cause: error },
      );
    });
    foldersSeen.add(folder);
    if (first === undefined) return;
    for (let made = folder; made.length >= first.length; made = dirname(made)) foldersMade.add(made);
  }

  const isLarge = ({ once, size }: FileItem) =>
    o.parts?.resume !== undefined && o.mode !== 'append' && !once && size !== undefined && size > o.parts.bytes;

  const pourLarge = async (file: Staged, parts: PartFile, item: FileItem, onBytes: (count: number) => void) => {
    if (parts.done.size === 0) await unlink(parts.path).catch(() => {});
    const handle = await on(file.place, openFor(file, false, parts.done.size > 0));
    try {
      await on(file.place, pourParts(handle, parts, item, { atOnce: o.parts!.atOnce, signal, onBytes }));
    } catch (error) {
      await handle.close();
      throw error;
    }
    return async () => {
      try {
        await on(file.place, handle.sync());
      } finally {
        await handle.close();
      }
    };
  };

  /** Waits for those before, and not for these. */
  const syncAhead = async () => {
    await syncing;
    syncing = syncAll(unsynced.splice(0));
    // Told to whoever awaits it next; never unhandled meanwhile.
    syncing.catch(() => {});
  };

  /** Once the bytes are handed to the disk. */
  const seal = (file: Staged, handle: SyncedFile) => async () => {
    if (late && file.temporary !== undefined) {
      unsynced.push({ place: file.place, handle });
      if (unsynced.length >= mostUnsynced) await syncAhead();
      return;
    }
    try {
      if (file.temporary !== undefined) await on(file.place, handle.sync());
    } finally {
      await handle.close();
    }
  };

  const pourSmall = async ({ place, temporary }: Staged, item: FileItem, onBytes: (count: number) => void) => {
    const pieces: Uint8Array[] = [];
    let size = 0;
    for await (const chunk of item.open()) {
      signal.throwIfAborted();
      pieces.push(chunk);
      size += chunk.length;
    }
    try {
      const handle = quick.write(temporary!, pieces);
      onBytes(size);
      return handle;
    } catch (error) {
      throw await failureAt(place, error);
    }
  };

  return {
    async begin(place) {
      const { target, before } = await on(place, targetOf(place));
      if (before?.isDirectory()) throw failure('FILE_IS_FOLDER', { path: place.shown });
      if (o.mode === 'create' && (before !== undefined || (await isLink(place.absolute)))) throw exists(place);
      if (before?.isFile()) await on(place, tryToOpen(target));
      await makeFolderOf(target, place);
      const temporary =
        before === undefined || before.isFile() ? join(dirname(target), temporaryName(target)) : undefined;
      const file: Staged = { place, target, temporary, before };
      files.push(file);
      return file;
    },

    async pour(file, item, onBytes) {
      if (file.temporary !== undefined && isLarge(item)) {
        const parts = await on(file.place, findPartFile(file.target, item, o.parts!));
        if (parts !== undefined) {
          release(file.temporary);
          file.temporary = parts.path;
          file.parts = parts;
          return pourLarge(file, parts, item, onBytes);
        }
      }
      if (late && file.temporary !== undefined && file.before === undefined && quick.suits(item)) {
        return seal(file, await pourSmall(file, item, onBytes));
      }
      const handle = await on(file.place, openFor(file, o.mode === 'append'));
      try {
        const write: Pour['write'] = (pieces, position) => on(file.place, writeAll(handle, pieces, position));
        await pourInto(item.open(undefined, buffers), { write, buffers, signal, onBytes });
      } catch (error) {
        await handle.close();
        throw error;
      }
      return seal(file, handle);
    },

    async commit() {
      await syncAhead();
      await syncing;
      const folders = new Set<string>();
      for (const file of files) {
        if (file.temporary === undefined) continue;
        await on(file.place, takePlace(file, file.temporary, o.mode, late ? quick : undefined));
        release(file.temporary);
        if (file.parts !== undefined) await unlink(file.parts.journal).catch(() => {});
        folders.add(dirname(file.target));
      }
      // A folder made here is only kept through a power cut once the one above it is on the disk too.
      for (const made of foldersMade) folders.add(dirname(made));
      for (const folder of folders) await syncFolder(folder);
      files.length = 0;
      foldersMade.clear();
    },

    async discard(error) {
      await syncing.catch(() => {});
      for (const { handle } of unsynced.splice(0)) await handle.close();
      const keep = error instanceof Failure && error.retry;
      for (const { temporary, parts } of files) {
        if (temporary === undefined) continue;
        release(temporary);
        if (parts !== undefined && keep) continue;
        await unlink(temporary).catch(() => {});
        if (parts !== undefined) await unlink(parts.journal).catch(() => {});
      }
      const deepestFirst = [...foldersMade].sort((a, b) => b.length - a.length);
      for (const folder of deepestFirst) await rmdir(folder).catch(() => {});
    },
  };
}
