// Looking at what is there; making and removing folders.
import { Failure, failure } from '../../engine/errors.ts';
import { isLeftover } from '../shared/leftovers.ts';
import { type Attributes, isFolder } from './attributes.ts';
import { folderOf, type Place } from './place.ts';
import type { Session } from './session.ts';

/** Undefined where nothing is there. */
export async function probe(
  session: Session,
  { remote, shown }: Place,
  signal: AbortSignal,
  how: 'stat' | 'lstat' = 'stat',
): Promise<Attributes | undefined> {
  try {
    return await session.call<Attributes>(shown, signal, (sftp, done) => sftp[how](remote, done));
  } catch (error) {
    if (error instanceof Failure && error.code === 'NOT_FOUND') return undefined;
    throw error;
  }
}

/** With those above it. `onMade` is told of each that was not there before. */
export async function makeFolder(
  session: Session,
  { remote, shown }: Place,
  signal: AbortSignal,
  onMade: (remote: string) => void = () => {},
): Promise<void> {
  const found = await probe(session, { remote, shown }, signal);
  if (found !== undefined) {
    if (isFolder(found)) return;
    throw failure('PATH_INVALID', { path: shown, reason: 'is a file, or goes through one' });
  }
  const above = folderOf(remote);
  if (above !== remote) await makeFolder(session, { remote: above, shown }, signal, onMade);
  try {
    await session.call(shown, signal, (sftp, done) => sftp.mkdir(remote, done));
    onMade(remote);
  } catch (error) {
    // The server does not say why; somebody else may have made it a moment ago.
    const now = signal.aborted ? undefined : await probe(session, { remote, shown }, signal);
    if (now === undefined || !isFolder(now)) throw error;
  }
}

export function removeFolder(session: Session, remote: string, signal: AbortSignal): Promise<void> {
  return session.call(remote, signal, (sftp, done) => sftp.rmdir(remote, done));
}

export async function isEmpty(session: Session, { remote, shown }: Place, signal: AbortSignal): Promise<boolean> {
  const entries = await session.call<{ filename: string }[]>(shown, signal, (sftp, done) => sftp.readdir(remote, done));
  return entries.every(({ filename }) => filename === '.' || filename === '..');
}

/** So many entries of a folder are looked at: a list of millions would take longer than what is written there. */
const mostLookedAt = 10_000;

/** Removes what runs of this machine that were killed have left there. Whatever stands in the way, it stays. */
export async function removeLeftovers(session: Session, { remote, shown }: Place, signal: AbortSignal): Promise<void> {
  const call = session.call;
  let handle: Buffer | undefined;
  try {
    const opened = await call<Buffer>(shown, signal, (sftp, done) => sftp.opendir(remote, done));
    handle = opened;
    for (let seen = 0; seen < mostLookedAt; ) {
      const names = await call<{ filename: string }[]>(shown, signal, (sftp, done) => sftp.readdir(opened, done));
      if (names.length === 0) break;
      seen += names.length;
      for (const { filename } of names.filter((each) => isLeftover(each.filename))) {
        await call(shown, signal, (sftp, done) => sftp.unlink(`${remote}/${filename}`, done));
      }
    }
  } catch {
    // The folder may not be there yet; and its end is told as an error.
    signal.throwIfAborted();
  } finally {
    if (handle !== undefined) session.sftp.close(handle, () => {});
  }
}
