// What lies in a folder.
import type { Dirent, Stats } from 'node:fs';
import { opendir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Entry, ListOptions, Range } from '../../engine/contracts.ts';
import { contentTypeOf } from '../shared/content-type.ts';
import { failureAt, type Place } from './place.ts';
import { readBytes } from './read.ts';

/** So many look-ups go on at a time: enough to keep the threads busy that serve them. */
const batchSize = 128;

interface Found {
  name: string;
  absolute: string;
  stats: Stats;
}

/**
 * `path` is the folder's path in the connection, and `place` where that is. Folders come before what is in them; a link to a folder is
 * a folder that is not gone into. Links to nothing, pipes and devices are left out.
 */
export async function* walk(place: Place, path: string, o: ListOptions): AsyncGenerator<Entry> {
  for await (const found of o.sorted ? sorted(place, o.signal) : unsorted(place, o.signal)) {
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
    if (o.recursive && !found.link) yield* walk(inside, inner, o);
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
    open: (range?: Range) => readBytes(place, range, signal),
  };
}

async function* unsorted(place: Place, signal: AbortSignal): AsyncGenerator<Found & { link: boolean }> {
  let names: Dirent[] = [];
  for await (const entry of opened(place, signal)) {
    if (names.push(entry) < batchSize) continue;
    yield* await looked(place, names);
    names = [];
  }
  yield* await looked(place, names);
}

/** Holds the names of one folder, and of those above it. */
async function* sorted(place: Place, signal: AbortSignal): AsyncGenerator<Found & { link: boolean }> {
  const keyed: { key: string; entry: Dirent }[] = [];
  for await (const entry of opened(place, signal)) {
    const folder = entry.isDirectory() || (entry.isSymbolicLink() && (await statOf(place, entry))?.isDirectory());
    keyed.push({ key: folder ? `${entry.name}/` : entry.name, entry });
  }
  keyed.sort((a, b) => (a.key < b.key ? -1 : 1));
  for (let i = 0; i < keyed.length; i += batchSize) {
    signal.throwIfAborted();
    yield* await looked(
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

async function looked(place: Place, entries: readonly Dirent[]): Promise<(Found & { link: boolean })[]> {
  const all = await Promise.all(
    entries.map(async (entry) => {
      const stats = await statOf(place, entry);
      return stats?.isFile() || stats?.isDirectory()
        ? { name: entry.name, absolute: join(place.absolute, entry.name), stats, link: entry.isSymbolicLink() }
        : undefined;
    }),
  );
  return all.filter((found) => found !== undefined);
}

/** Undefined for a link to nothing, and for what was removed meanwhile. */
async function statOf(place: Place, { name }: Dirent): Promise<Stats | undefined> {
  try {
    return await stat(join(place.absolute, name));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ELOOP') return undefined;
    throw await failureAt({ absolute: join(place.absolute, name), shown: `${place.shown}/${name}` }, error);
  }
}
