// What lies in a folder.
import type { Dirent, Stats } from 'node:fs';
import { opendir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Entry, ListOptions } from '../../engine/contracts/connector.ts';
import type { Buffers, Range } from '../../engine/contracts/data.ts';
import { contentTypeOf } from '../shared/content-type.ts';
import { failureAt, type Place, type Places } from './place.ts';
import { readBytes } from './read.ts';

/** So many look-ups go on at a time: enough to keep the threads busy that serve them. */
const batchSize = 128;

interface Found {
  name: string;
  absolute: string;
  stats: Stats;
  link: boolean;
}

/**
 * `path` is the folder's path in the connection, and `place` where that is. Folders come before what is in them; a link to a folder is
 * a folder that is not gone into. Links to nothing or out of the root, pipes and devices are left out.
 */
export async function* walk(places: Places, place: Place, path: string, o: ListOptions): AsyncGenerator<Entry> {
  for await (const found of o.sorted ? sorted(places, place, o.signal) : unsorted(places, place, o.signal)) {
    const inside = {
      absolute: found.absolute,
      shown: place.shown.endsWith('/') ? place.shown + found.name : `${place.shown}/${found.name}`,
    };
    const inner = path === '' || path.endsWith('/') ? path + found.name : `${path}/${found.name}`;
    if (!found.stats.isDirectory()) {
      yield fileEntry(found.name, inner, inside, found.stats, o.signal);
      continue;
    }
    yield { kind: 'folder', name: found.name, path: inner, modified: found.stats.mtime.toISOString() };
    if (o.recursive && !found.link) yield* walk(places, inside, inner, o);
  }
}

export function fileEntry(name: string, path: string, place: Place, stats: Stats, signal: AbortSignal): Entry {
  return {
    kind: 'file',
    name,
    path,
    size: stats.size,
    modified: stats.mtime.toISOString(),
    contentType: contentTypeOf(name),
    open: (range?: Range, buffers?: Buffers) => readBytes(place, range, signal, buffers),
  };
}

async function* unsorted(places: Places, place: Place, signal: AbortSignal): AsyncGenerator<Found> {
  let names: Dirent[] = [];
  for await (const entry of opened(place, signal)) {
    if (names.push(entry) < batchSize) continue;
    yield* await looked(places, place, names);
    names = [];
  }
  yield* await looked(places, place, names);
}

/** Holds the names of one folder, and of those above it. */
async function* sorted(places: Places, place: Place, signal: AbortSignal): AsyncGenerator<Found> {
  const keyed: { key: string; entry: Dirent }[] = [];
  for await (const entry of opened(place, signal)) {
    const folder =
      entry.isDirectory() || (entry.isSymbolicLink() && (await statOf(places, place, entry))?.isDirectory());
    keyed.push({ key: folder ? `${entry.name}/` : entry.name, entry });
  }
  keyed.sort((a, b) => (a.key < b.key ? -1 : 1));
  for (let i = 0; i < keyed.length; i += batchSize) {
    signal.throwIfAborted();
    yield* await looked(
      places,
      place,
      keyed.slice(i, i + batchSize).map(({ entry }) => entry),
    );
  }
}

async function* opened(place: Place, signal: AbortSignal): AsyncGenerator<Dirent> {
  signal.throwIfAborted();
  try {
    for await (const entry of await opendir(place.absolute, { bufferSize: batchSize })) {
      signal.throwIfAborted();
      yield entry;
    }
  } catch (error) {
    throw signal.aborted ? signal.reason : await failureAt(place, error);
  }
}

async function looked(places: Places, place: Place, entries: readonly Dirent[]): Promise<Found[]> {
  const all = await Promise.all(
    entries.map(async (entry) => {
      const stats = await statOf(places, place, entry);
      return stats?.isFile() || stats?.isDirectory()
        ? { name: entry.name, absolute: join(place.absolute, entry.name), stats, link: entry.isSymbolicLink() }
        : undefined;
    }),
  );
  return all.filter((found) => found !== undefined);
}

/** Undefined for a link to nothing or out of the root, and for what was removed meanwhile. */
async function statOf(places: Places, folder: Place, entry: Dirent): Promise<Stats | undefined> {
  const place = { absolute: join(folder.absolute, entry.name), shown: `${folder.shown}/${entry.name}` };
  try {
    if (entry.isSymbolicLink()) await places.real(place);
    return await stat(place.absolute);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ELOOP' || code === 'PATH_INVALID') return undefined;
    throw await failureAt(place, error);
  }
}
