// Temporary files beside their targets, and how they take the targets' places.
import type { WriteOptions } from '../../engine/contracts/connector.ts';
import { Failure, failure } from '../../engine/errors.ts';
import { createBuffers } from '../shared/buffers.ts';
import { release, temporaryName } from '../shared/leftovers.ts';
import type { StagedFile, Staging } from '../shared/staged-write.ts';
import { type Attributes, isFile, isFolder, isLink } from './attributes.ts';
import { makeFolder, probe, removeFolder, removeLeftovers } from './folders.ts';
import type { Settable } from './packets.ts';
import { folderOf, nameOf, type Place, type Places } from './place.ts';
import type { Session, Sessions } from './session.ts';
import { copyWithin, upload } from './upload.ts';

/** A server that does not answer must not hold up the end of a failed run. */
const discardMs = 15_000;

interface Staged extends StagedFile {
  place: Place;
  /** Where the bytes end up: the place, or where the link leads that is there. */
  target: string;
  temporary: string;
  /** Where the old file is while the new one takes its place. */
  aside?: string | undefined;
  /** The target as it was when the write began. */
  before?: Attributes | undefined;
}

/** `cleanedFolders`: where what killed runs have left was removed. */
export function createStaging(
  places: Places,
  sessions: Sessions,
  { mode, ...o }: WriteOptions,
  cleanedFolders: Map<string, Promise<void>>,
): Staging<Staged> {
  const begun: Staged[] = [];
  const foldersMade = new Set<string>();
  const foldersSeen = new Map<string, Promise<void>>();

  const folderFor = (session: Session, place: Place, signal: AbortSignal) => {
    const folder = folderOf(place.remote);
    const seen = foldersSeen.get(folder);
    if (seen !== undefined) return seen;
    const making = makeFolder(session, { remote: folder, shown: place.shown }, signal, (made) => foldersMade.add(made));
    making.catch(() => {});
    foldersSeen.set(folder, making);
    return making;
  };

  const cleaned = (session: Session, folder: Place, signal: AbortSignal) => {
    const cleaning = cleanedFolders.get(folder.remote) ?? removeLeftovers(session, folder, signal);
    cleanedFolders.set(folder.remote, cleaning);
    return cleaning;
  };

  return {
    at(path) {
      const place = places.at(path);
      return { key: place.remote, shown: place.shown, place, target: place.remote, temporary: '' };
    },

    async stage(file, item, onBytes, signal) {
      const { place } = file;
      const { session, before, target } = await sessions.use(signal, (each) => lookAt(each, place, mode, signal));
      file.before = before;
      file.target = target;
      file.temporary = `${folderOf(target)}/${temporaryName(nameOf(target))}`;
      await cleaned(session, { remote: folderOf(target), shown: place.shown }, signal);
      if (before === undefined) await folderFor(session, place, signal);
      begun.push(file);
      // Nobody else may look into it before it has the mode of the file whose place it takes.
      const attributes = before === undefined ? {} : { mode: 0o600 };
      const handle = await session.call<Buffer>(place.shown, signal, (sftp, done) =>
        sftp.open(file.temporary, 'wx', attributes, done),
      );
      const open = { session, handle, shown: place.shown };
      try {
        if (before !== undefined) await keepMode(open, before, signal);
        const from = mode === 'append' && before !== undefined ? await copyWithin(open, place, before, signal) : 0;
        const buffers = createBuffers(session.sftp.mostBytes.write);
        await upload(open, from, item.open(undefined, buffers), { buffers, signal, onBytes });
        if (session.has('fsync@openssh.com')) {
          await session.call(place.shown, signal, (sftp, done) => sftp.fsync(handle, done));
        }
      } finally {
        await closeHandle(open, signal);
      }
    },

    async commit() {
      // Once the first file is visible the others follow, whatever the run's signal says meanwhile.
      const session = await sessions.get(o.signal);
      const signal = new AbortController().signal;
      for (const file of begun) {
        await takePlace(session, file, mode, signal);
        release(file.temporary);
        const { aside, place } = file;
        if (aside === undefined) continue;
        // The new file is there, whatever becomes of the old one.
        await sessions
          .use(signal, (each) => each.call(place.shown, signal, (sftp, done) => sftp.unlink(aside, done)))
          .catch(() => {});
      }
      begun.length = 0;
      foldersMade.clear();
    },

    async discard() {
      if (begun.length === 0 && foldersMade.size === 0) return;
      const signal = AbortSignal.timeout(discardMs);
      try {
        const session = await sessions.once(signal);
        await Promise.all(
          begun.map(async (file) => {
            const { temporary, place } = file;
            await restore(session, file, signal).catch(() => {});
            await session.call(place.shown, signal, (sftp, done) => sftp.unlink(temporary, done)).catch(() => {});
          }),
        );
        const deepestFirst = [...foldersMade].sort((a, b) => b.length - a.length);
        for (const folder of deepestFirst) await removeFolder(session, folder, signal).catch(() => {});
      } catch {
        // Without a session nothing can be taken back; the failure that ends the write says why.
      } finally {
        for (const { temporary } of begun) release(temporary);
      }
    },
  };
}

export interface OpenFile {
  session: Session;
  handle: Buffer;
  shown: string;
}

/** Finds out what is there and refuses what must not be written. */
async function lookAt(session: Session, place: Place, mode: WriteOptions['mode'], signal: AbortSignal) {
  const { shown } = place;
  const entry = await probe(session, place, signal, 'lstat');
  if (entry === undefined) return { session, target: place.remote };
  const before = await probe(session, place, signal, 'stat');
  if (before !== undefined && isFolder(before)) throw failure('FILE_IS_FOLDER', { path: shown });
  if (mode === 'create') throw failure('TARGET_EXISTS', { path: shown });
  if (before === undefined) throw failure('PATH_INVALID', { path: shown, reason: 'is a link to nothing' });
  if (!isFile(before)) throw failure('PATH_INVALID', { path: shown, reason: 'is a device or a pipe of the server' });
  if (!isLink(entry)) return { session, before, target: place.remote };
  const target = await session.call<string>(shown, signal, (sftp, done) => sftp.realpath(place.remote, done));
  return { session, before, target };
}

/** Its owner too, where the server allows that. */
async function keepMode({ session, handle, shown }: OpenFile, before: Attributes, signal: AbortSignal): Promise<void> {
  const set = (attributes: Settable) =>
    session.call(shown, signal, (sftp, done) => sftp.fsetstat(handle, attributes, done));
  const refused = (error: unknown) => {
    if (!(error instanceof Failure) || error.retry || signal.aborted) throw error;
  };
  await set({ uid: before.uid, gid: before.gid }).catch(refused);
  await set({ mode: before.mode & 0o7777 }).catch(refused);
}

async function closeHandle({ session, handle, shown }: OpenFile, signal: AbortSignal): Promise<void> {
  if (signal.aborted) {
    session.sftp.close(handle, () => {});
    return;
  }
  await session.call(shown, signal, (sftp, done) => sftp.close(handle, done));
}

async function takePlace(
  session: Session,
  file: Staged,
  mode: WriteOptions['mode'],
  signal: AbortSignal,
): Promise<void> {
  const { target, temporary, before } = file;
  const { shown } = file.place;
  const place = { remote: target, shown };
  const now = () => probe(session, place, signal, 'lstat');
  const rename = (from: string, to: string) => session.call(shown, signal, (sftp, done) => sftp.rename(from, to, done));
  if (mode === 'create' || (mode === 'append' && before === undefined)) {
    const taken = () => (mode === 'create' ? failure('TARGET_EXISTS', { path: shown }) : changed(shown));
    if ((await now()) !== undefined) throw taken();
    // In version 3 of the protocol a rename never takes the place of another file.
    return rename(temporary, target).catch(async (error: unknown) => {
      throw (await now()) === undefined ? error : taken();
    });
  }
  if (mode === 'append') {
    const found = await now();
    if (found?.size !== before?.size || found?.mtime !== before?.mtime) throw changed(shown);
  }
  if (session.has('posix-rename@openssh.com')) {
    return session.call(shown, signal, (sftp, done) => sftp.posixRename(temporary, target, done));
  }
  if ((await now()) === undefined) return rename(temporary, target);
  // Without the extension there is a moment in which the old file has gone and the new one is not there yet.
  file.aside = temporary.replace(/tmp$/, 'old');
  await rename(target, file.aside);
  await rename(temporary, target);
}

/** Where the session broke between the two renames, the old file goes back to its place. */
async function restore(session: Session, { aside, target, place }: Staged, signal: AbortSignal): Promise<void> {
  if (aside === undefined) return;
  const { shown } = place;
  const now = await probe(session, { remote: target, shown }, signal, 'lstat');
  if (now !== undefined) await session.call(shown, signal, (sftp, done) => sftp.unlink(aside, done));
  else await session.call(shown, signal, (sftp, done) => sftp.rename(aside, target, done));
}

function changed(path: string) {
  const reason = 'someone else wrote to it while this run appended to it; nothing was appended, run again';
  return failure('IO_FAILED', { path, reason });
}
