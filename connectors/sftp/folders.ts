// Looking at what is there; making and removing folders.
import { Failure, failure } from '../../engine/errors.ts';
import { isLeftover } from '../shared/leftovers.ts';
import { type Attributes, isFolder } from './attributes.ts';
import type { Named } from './client.ts';
import { isLeftPart } from './parts.ts';
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

export async function isEmpty(session: Session, place: Place, signal: AbortSignal): Promise<boolean> {
  for await (const names of namesIn(session, place, signal)) {
    if (names.some((name) => name !== '.' && name !== '..')) return false;
  }
  return true;
}

/** The names in a folder, some at a time. */
export async function* namesIn(
  session: Session,
  { remote, shown }: Place,
  signal: AbortSignal,
): AsyncGenerator<string[]> {
  const handle = await session.call<Buffer>(shown, signal, (sftp, done) => sftp.opendir(remote, done));
  try {
    for (;;) {
      const entries = await session.call<Named[]>(shown, signal, (sftp, done) => sftp.readdir(handle, done));
      if (entries.length === 0) return;
      yield entries.map(({ filename }) => filename);
    }
  } finally {
    session.sftp.close(handle, () => {});
  }
}

/** So many entries of a folder are looked at: a list of millions would take longer than what is written there. */
const mostLookedAt = 10_000;

/**
 * Removes what runs of this machine that were killed have left there, but for part files, whose names it gives. Whatever
 * stands in the way, it stays.
 */
export async function removeLeftovers(
  session: Session,
  { remote, shown }: Place,
  signal: AbortSignal,
): Promise<string[]> {
  const parts: string[] = [];
  try {
    let seen = 0;
    for await (const names of namesIn(session, { remote, shown }, signal)) {
      for (const name of names.filter(isLeftover)) {
        await session.call(shown, signal, (sftp, done) => sftp.unlink(`${remote}/${name}`, done));
      }
      parts.push(...names.filter(isLeftPart));
      seen += names.length;
      if (seen >= mostLookedAt) break;
    }
  } catch {
    // The folder may not be there yet.
    signal.throwIfAborted();
  }
  return parts;
}
