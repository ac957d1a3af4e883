// What lies in a folder.
import type { Entry, ListOptions } from '../../engine/contracts/connector.ts';
import { contentTypeOf } from '../shared/content-type.ts';
import { accepted } from './api.ts';
import { type Metadata, modifiedOf, type Place, type Places } from './place.ts';
import { type Reading, readBytes } from './read.ts';

export async function* listFolder(
  reading: Reading,
  places: Places,
  place: Place,
  o: ListOptions,
): AsyncGenerator<Entry> {
  if (!o.sorted) {
    for await (const each of pages(reading, place, o)) yield entryOf(reading, places, each, o.signal);
    return;
  }
  const all: Entry[] = [];
  for await (const each of pages(reading, place, o)) all.push(entryOf(reading, places, each, o.signal));
  const keyed = all.map((entry) => ({ key: entry.kind === 'folder' ? `${entry.path}/` : entry.path, entry }));
  keyed.sort((a, b) => (a.key < b.key ? -1 : 1));
  for (const { entry } of keyed) yield entry;
}

async function* pages({ api }: Reading, { remote, shown }: Place, o: ListOptions): AsyncGenerator<Metadata> {
  const { signal } = o;
  const call = { repeatable: true, signal };
  const first = { path: remote, recursive: o.recursive === true, limit: 2000 };
  let page = accepted(await api.rpc((dropbox) => dropbox.filesListFolder(first), call), shown);
  for (;;) {
    for (const each of page.entries) {
      signal.throwIfAborted();
      // With `recursive`, the folder is among what is in it.
      const itself = each.path_lower === remote.toLowerCase();
      if (each['.tag'] !== 'deleted' && !itself) yield each;
    }
    if (!page.has_more) return;
    const { cursor } = page;
    page = accepted(await api.rpc((dropbox) => dropbox.filesListFolderContinue({ cursor }), call), shown);
  }
}

export function entryOf(reading: Reading, places: Places, found: Metadata, signal: AbortSignal): Entry {
  const path = places.inside(found.path_display ?? found.path_lower ?? `/${found.name}`);
  const { name } = found;
  if (found['.tag'] === 'folder') return { kind: 'folder', name, path };
  const { size, rev } = found;
  const { shown } = places.at(path);
  return {
    kind: 'file',
    name,
    path,
    size,
    ...modifiedOf(found),
    contentType: contentTypeOf(name),
    open: (range) => readBytes(reading, { rev, size, shown }, range, signal),
  };
}
