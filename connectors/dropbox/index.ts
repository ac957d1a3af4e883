// Files in a Dropbox.

import { byteSize } from '../../engine/byte-size.ts';
import { defineConnector } from '../../engine/contracts/connector.ts';
import type { FileItem } from '../../engine/contracts/data.ts';
import { asFailure, failure } from '../../engine/errors.ts';
import { contentTypeOf } from '../shared/content-type.ts';
import { writeStaged } from '../shared/staged-write.ts';
import { accepted, type Config, createApi, isRefused, oauthOf, refusal } from './api.ts';
import { entryOf, listFolder } from './list.ts';
import { createPlaces, lastOf, type Metadata, modifiedOf, type Place } from './place.ts';
import { readBytes } from './read.ts';
import { createStaging } from './staging.ts';

/** Files that can be read in any order are uploaded so many at a time. */
const atOnce = 4;

export const connector = defineConnector({
  name: 'dropbox',
  capabilities: ['list', 'read', 'write', 'describe', 'remove', 'makeFolder'],
  stores: 'files',
  wired: true,
  oauth: oauthOf,

  open(config: Config, context) {
    const api = createApi(config, context);
    const places = createPlaces(context.name, config.root);
    const reading = { api, retry: context.retry };
    const partBytes = (wanted: number | string = config.part_size ?? '16MiB') => partSize(wanted);

    /** The root has no metadata of its own. */
    const look = async (place: Place, signal: AbortSignal): Promise<Metadata> => {
      signal.throwIfAborted();
      const { remote: path, shown } = place;
      if (path === '') return { '.tag': 'folder', id: '', name: '' };
      const call = { repeatable: true, signal };
      const found = accepted(await api.rpc((dropbox) => dropbox.filesGetMetadata({ path }), call), shown);
      if (found['.tag'] === 'deleted') throw failure('NOT_FOUND', { path: shown });
      return found;
    };

    return {
      async *list(path, o) {
        const place = places.at(path);
        const found = await look(place, o.signal);
        if (found['.tag'] === 'folder') yield* listFolder(reading, places, place, o);
        else yield entryOf(reading, places, found, o.signal);
      },

      async read(path, { signal }) {
        const place = places.at(path);
        const found = await look(place, signal);
        if (found['.tag'] === 'folder') throw failure('FILE_IS_FOLDER', { path: place.shown });
        const { rev, size } = found;
        const item: FileItem = {
          name: lastOf(place.remote),
          path: place.shown,
          contentType: contentTypeOf(place.remote),
          size,
          ...modifiedOf(found),
          open: (range) => readBytes(reading, { rev, size, shown: place.shown }, range, signal),
        };
        return { kind: 'files', files: only(item) };
      },

      async write(path, stream, o) {
        if (stream.kind === 'rows')
          throw failure('BUG', { reason: 'rows reached the dropbox connector without a format' });
        if (o.mode === 'upsert' || o.mode === 'append') {
          const hint = '; use replace or create';
          throw failure('OPTION_UNSUPPORTED', { what: `\`mode: ${o.mode}\``, where: 'files in a Dropbox', hint });
        }
        return writeStaged(createStaging(api, places, o, partBytes), path, stream, o, atOnce);
      },

      async describe(path, { signal }) {
        const place = places.at(path);
        const found = await look(place, signal);
        if (found['.tag'] === 'folder') return { kind: 'folder' };
        return { kind: 'file', size: found.size, ...modifiedOf(found), contentType: contentTypeOf(place.remote) };
      },

      /** Dropbox would take a folder with all that is in it; here only an empty one goes. */
      async remove(path, { signal }) {
        const place = places.at(path);
        if (place.remote === places.root.remote) {
          throw failure('PATH_INVALID', { path: place.shown, reason: 'is the root of its connection, which stays' });
        }
        const found = await look(place, signal);
        if (found['.tag'] === 'folder') {
          for await (const _ of listFolder(reading, places, place, { signal })) {
            throw failure('FOLDER_NOT_EMPTY', { path: place.shown });
          }
        }
        const target = { path: place.remote, ...(found['.tag'] === 'file' ? { parent_rev: found.rev } : {}) };
        accepted(await api.rpc((dropbox) => dropbox.filesDeleteV2(target), { signal }), place.shown);
      },

      async makeFolder(path, { signal }) {
        const place = places.at(path);
        if (place.remote === '') return;
        const target = { path: place.remote, autorename: false };
        const answer = await api.rpc((dropbox) => dropbox.filesCreateFolderV2(target), { signal });
        if (!isRefused(answer) || /\bconflict\/folder\b/.test(answer.refused.summary)) return;
        if (!/\bconflict\b/.test(answer.refused.summary)) throw refusal(answer.refused, place.shown);
        throw failure('PATH_INVALID', { path: place.shown, reason: 'is a file, or goes through one' });
      },

      /** Asks whether the token is good, and for the root. */
      async verify({ signal }) {
        try {
          const call = { repeatable: true, signal };
          accepted(await api.rpc((dropbox) => dropbox.checkUser({}), call), places.root.shown);
          const root = await look(places.root, signal);
          if (root['.tag'] === 'folder') return { ok: true };
          return { ok: false, code: 'PATH_INVALID', reason: `the root ${places.root.remote} is a file, not a folder` };
        } catch (error) {
          if (signal.aborted) throw signal.reason;
          const { code, message } = asFailure(error, context.name);
          return { ok: false, code, reason: message };
        }
      },

      close: () => api.close(),
    };
  },
});

/** A multiple of 4 MiB, as the blocks of a file are; a call takes up to 150 MB. */
function partSize(size: number | string): number {
  const block = 4 * 1024 * 1024;
  return Math.min(Math.max(1, Math.round(byteSize(size) / block)), 35) * block;
}

async function* only(item: FileItem): AsyncGenerator<FileItem> {
  yield item;
}
