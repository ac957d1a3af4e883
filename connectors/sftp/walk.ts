// What lies in a folder.
import type { Entry, ListOptions } from '../../engine/contracts/connector.ts';
import { Failure, failure } from '../../engine/errors.ts';
import { unlessAborted } from '../shared/abort.ts';
import { contentTypeOf } from '../shared/content-type.ts';
import { type Attributes, isFile, isFolder, isLink, modifiedOf } from './attributes.ts';
import type { Named } from './client.ts';
import { operationFailure } from './errors.ts';
import type { Place } from './place.ts';
import { type Reading, readBytes } from './read.ts';
import type { Session } from './session.ts';

/** So many parts of a folder's list are asked for at a time, and so many links looked up. */
const atOnce = 4;

interface Found {
  name: string;
  place: Place;
  attributes: Attributes;
  link: boolean;
}

/**
 * `path` is the folder's path in the connection, and `place` where that is. Folders come before what is in them; a link to a folder is
 * a folder that is not gone into. Links to nothing, pipes and devices are left out.
 */
export async function* walk(reading: Reading, place: Place, path: string, o: ListOptions): AsyncGenerator<Entry> {
  const found = o.sorted ? sorted(reading, place, o) : inFolder(reading, place, o);
  for await (const { name, place: inside, attributes, link } of found) {
    o.signal.throwIfAborted();
    const inner = path === '' ? name : `${path}/${name}`;
    if (!isFolder(attributes)) {
      yield fileEntry(reading, inside, inner, attributes, o.signal);
      continue;
    }
    yield { kind: 'folder', name, path: inner, modified: modifiedOf(attributes) };
    if (o.recursive && !link) yield* walk(reading, inside, inner, o);
  }
}

export function fileEntry(
  reading: Reading,
  place: Place,
  path: string,
  attributes: Attributes,
  signal: AbortSignal,
): Entry {
  const name = path.slice(path.lastIndexOf('/') + 1);
  return {
    kind: 'file',
    name,
    path,
    size: attributes.size,
    modified: modifiedOf(attributes),
    contentType: contentTypeOf(name),
    open: (range, buffers) => readBytes(reading, place, range, signal, buffers),
  };
}

/** Holds the names of one folder, and of those above it. */
async function* sorted(reading: Reading, place: Place, o: ListOptions): AsyncGenerator<Found> {
  const keyed: { key: string; found: Found }[] = [];
  for await (const found of inFolder(reading, place, o)) {
    keyed.push({ key: isFolder(found.attributes) ? `${found.name}/` : found.name, found });
  }
  keyed.sort((a, b) => (a.key < b.key ? -1 : 1));
  for (const { found } of keyed) yield found;
}

async function* inFolder({ sessions }: Reading, place: Place, { signal }: ListOptions): AsyncGenerator<Found> {
  const session = await sessions.get(signal);
  for await (const entries of listed(session, place, signal)) {
    const inside = entries
      .filter(({ filename }) => filename !== '.' && filename !== '..')
      .map((entry) => looked(session, place, entry, signal));
    for (const found of await Promise.all(inside)) if (found !== undefined) yield found;
  }
}

/** The server gives some names at a time; the next lots are asked for while one is being used. */
async function* listed(session: Session, { remote, shown }: Place, signal: AbortSignal) {
  const handle = await session.call<Buffer>(shown, signal, (sftp, done) => sftp.opendir(remote, done));
  const ask = () => {
    const answer = new Promise<Named[]>((resolve, reject) => {
      session.sftp.readdir(handle, (error, entries) => {
        if (error === undefined) resolve(entries);
        else reject(operationFailure(error, shown, session.host));
      });
    });
    const heard = unlessAborted(session.ended, answer);
    heard.catch(() => {});
    return heard;
  };
  const underWay = [ask()];
  try {
    for (;;) {
      const entries = await unlessAborted(signal, underWay.shift()!);
      if (entries.length === 0) return;
      while (underWay.length < atOnce) underWay.push(ask());
      yield entries;
    }
  } finally {
    await Promise.allSettled(signal.aborted ? [] : underWay);
    session.sftp.close(handle, () => {});
  }
}

async function looked(
  session: Session,
  folder: Place,
  { filename: name, attrs }: Named,
  signal: AbortSignal,
): Promise<Found | undefined> {
  if (/[/\0]/.test(name)) {
    const reason = `the server lists a file "${name.replaceAll('\0', '␀')}" in it, which is no name`;
    throw failure('IO_FAILED', { path: folder.shown, reason });
  }
  const place = { remote: joined(folder.remote, name), shown: joined(folder.shown, name) };
  let attributes: Attributes = attrs;
  const link = isLink(attributes);
  if (link) {
    try {
      attributes = await session.call<Attributes>(place.shown, signal, (sftp, done) => sftp.stat(place.remote, done));
    } catch (error) {
      if (error instanceof Failure && ['NOT_FOUND', 'IO_FAILED', 'PERMISSION_DENIED'].includes(error.code))
        return undefined;
      throw error;
    }
  }
  return isFile(attributes) || isFolder(attributes) ? { name, place, attributes, link } : undefined;
}

function joined(folder: string, name: string): string {
  return folder.endsWith('/') ? folder + name : `${folder}/${name}`;
}
