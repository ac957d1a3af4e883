// Temporary files beside their targets, and how they take the targets' places.
import type { WriteOptions } from '../../engine/contracts/connector.ts';
import type { FileItem } from '../../engine/contracts/data.ts';
import { Failure, failure } from '../../engine/errors.ts';
import { createBuffers } from '../shared/buffers.ts';
import { temporaryName } from '../shared/leftovers.ts';
import type { StagedFile, Staging } from '../shared/staged-write.ts';
import { type Attributes, isFile, isFolder, isLink } from './attributes.ts';
import { makeFolder, probe, removeFolder, removeLeftovers } from './folders.ts';
import { uploadLarge } from './large.ts';
import { closeFile, keepMode, syncFile } from './open-file.ts';
import { findPart, isPartOf, type Part, releaseName } from './parts.ts';
import { folderOf, nameOf, type Place, type Places } from './place.ts';
import type { Reading } from './read.ts';
import type { Session } from './session.ts';
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
  /** The temporary file, where a later run can go on with it. */
  part?: Part;
}

/** `cleanedFolders`: where what killed runs have left was removed, with the part files that are still there. */
export function createStaging(
  places: Places,
  reading: Reading,
  { mode, ...o }: WriteOptions,
  cleanedFolders: Map<string, Promise<string[]>>,
): Staging<Staged> {
  const { sessions } = reading;
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

  const isLarge = ({ once, size }: FileItem) =>
    o.parts?.resume !== undefined && mode !== 'append' && !once && size !== undefined && size > o.parts.bytes;

  const stageSmall = async (
    session: Session,
    { place, temporary, before }: Staged,
    item: FileItem,
    onBytes: (count: number) => void,
    signal: AbortSignal,
  ) => {
    // Nobody else may look into it before it has the mode of the file whose place it takes.
    const attributes = before === undefined ? {} : { mode: 0o600 };
    const handle = await session.call<Buffer>(place.shown, signal, (sftp, done) =>
      sftp.open(temporary, 'wx', attributes, done),
    );
    const open = { session, handle, shown: place.shown };
    try {
      if (before !== undefined) await keepMode(open, before, signal);
      const from = mode === 'append' && before !== undefined ? await copyWithin(open, place, before, signal) : 0;
      const buffers = createBuffers(session.sftp.mostBytes.write);
      await upload(open, from, item.open(undefined, buffers), { buffers, signal, onBytes });
      await syncFile(open, signal);
    } finally {
      await closeFile(open, signal);
    }
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
      const left = await cleaned(session, { remote: folderOf(target), shown: place.shown }, signal);
      if (before === undefined) await folderFor(session, place, signal);
      const part = isLarge(item) ? await findPart(target, item, o.parts!, file.shown) : undefined;
      file.temporary = part?.path ?? `${folderOf(target)}/${temporaryName(nameOf(target))}`;
      if (part !== undefined) file.part = part;
      begun.push(file);
      for (const path of staleFor(target, left, part)) {
        await session.call(place.shown, signal, (sftp, done) => sftp.unlink(path, done)).catch(() => {});
      }
      if (part === undefined) return stageSmall(session, file, item, onBytes, signal);
      const noteBytes = o.parts!.bytes;
      return uploadLarge(reading, { part, item, shown: file.shown, before, noteBytes, signal, onBytes });
    },

    async commit() {
      // Once the first file is visible the others follow, whatever the run's signal says meanwhile.
      const session = await sessions.get(o.signal);
      const signal = new AbortController().signal;
      for (const file of begun) {
        await takePlace(session, file, mode, signal);
        releaseName(file.temporary);
        await file.part?.clear();
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

    async discard(reason) {
      if (begun.length === 0 && foldersMade.size === 0) return;
      // What a failure that may pass has left is for the next run.
      const isKept = ({ part }: Staged) => part?.isNoted === true && reason instanceof Failure && reason.retry;
      for (const file of begun) if (!isKept(file)) await file.part?.clear();
      const signal = AbortSignal.timeout(discardMs);
      try {
        const session = await sessions.once(signal);
        await Promise.all(
          begun.map(async (file) => {
            const { temporary, place } = file;
            await restore(session, file, signal).catch(() => {});
            if (isKept(file)) return;
            await session.call(place.shown, signal, (sftp, done) => sftp.unlink(temporary, done)).catch(() => {});
          }),
        );
        const deepestFirst = [...foldersMade].sort((a, b) => b.length - a.length);
        for (const folder of deepestFirst) await removeFolder(session, folder, signal).catch(() => {});
      } catch {
        // Without a session nothing can be taken back; the failure that ends the write says why.
      } finally {
        for (const { temporary } of begun) releaseName(temporary);
      }
    },
  };
}

/** What is there of other versions of the file. */
function staleFor(target: string, left: readonly string[], part: Part | undefined): string[] {
  const ofIt = left.filter((name) => isPartOf(name, nameOf(target))).map((name) => `${folderOf(target)}/${name}`);
  return [...ofIt.filter((path) => part?.from.includes(path) !== true), ...(part?.stale ?? [])];
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
  file.aside = temporary.replace(/(?:tmp|new)$/, 'old');
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
