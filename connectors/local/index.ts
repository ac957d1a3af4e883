// Files of this machine.
import { constants } from 'node:fs';
import { access, lstat, rmdir, stat, unlink } from 'node:fs/promises';
import { basename, dirname, relative } from 'node:path';
import { defineConnector } from '../../engine/contracts/connector.ts';
import type { FileItem } from '../../engine/contracts/data.ts';
import { failure } from '../../engine/errors.ts';
import type { LocalConfig } from '../../schemas/generated/types.ts';
import { contentTypeOf } from '../shared/content-type.ts';
import { makeFolders } from './folders.ts';
import { createPlaces, failureAt } from './place.ts';
import { readBytes } from './read.ts';
import { fileEntry, walk } from './walk.ts';
import { writeFiles } from './write.ts';

/** Paths are relative to `root` and cannot leave it. */
type Config = Pick<LocalConfig, 'root'>;

export const connector = defineConnector({
  name: 'local',
  capabilities: ['list', 'read', 'write', 'describe', 'remove', 'makeFolder'],
  stores: 'files',

  open(config: Config, { name }) {
    const places = createPlaces(name, config.root);
    const { root } = places;
    const cleaned = new Map<string, boolean>();

    /** What is there. With a root, links that lead out of it are refused. */
    const look = async (path: string) => {
      const place = places.at(path);
      try {
        if (root !== undefined) await places.real(place);
        return { place, stats: await stat(place.absolute) };
      } catch (error) {
        throw await failureAt(place, error);
      }
    };

    return {
      async *list(path, o) {
        const { place, stats } = await look(path);
        const plain = (root === undefined ? path : path.replace(/^\/+/, '')).replace(/(?<=.)\/+$/, '');
        if (stats.isDirectory()) yield* walk(places, place, plain, o);
        else yield fileEntry(basename(place.absolute), plain, place, stats, o.signal);
      },

      async read(path, { signal }) {
        signal.throwIfAborted();
        const { place, stats } = await look(path);
        if (stats.isDirectory()) throw failure('FILE_IS_FOLDER', { path: place.shown });
        const item: FileItem = {
          name: basename(place.absolute),
          path: place.shown,
          contentType: contentTypeOf(place.absolute),
          // A pipe or a device has no size, and gives its bytes once.
          ...(stats.isFile() ? { size: stats.size, modified: stats.mtime.toISOString() } : { once: true }),
          open: (range, buffers) => readBytes(place, range, signal, buffers),
        };
        return { kind: 'files', files: only(item) };
      },

      async write(path, stream, o) {
        if (stream.kind === 'rows')
          throw failure('BUG', { reason: 'rows reached the local connector without a format' });
        if (o.mode === 'upsert') {
          throw failure('OPTION_UNSUPPORTED', {
            what: '`mode: upsert`',
            where: 'files',
            hint: '; use replace, create or append',
          });
        }
        o.signal.throwIfAborted();
        return writeFiles(places, path, stream, o, cleaned);
      },

      async describe(path, { signal }) {
        signal.throwIfAborted();
        const { place, stats } = await look(path);
        const modified = stats.mtime.toISOString();
        if (stats.isDirectory()) return { kind: 'folder', modified };
        return { kind: 'file', size: stats.size, modified, contentType: contentTypeOf(place.absolute) };
      },

      /** A link goes, not what it leads to. A folder goes when it is empty. */
      async remove(path, { signal }) {
        signal.throwIfAborted();
        const place = places.at(path);
        if (root !== undefined && relative(root, place.absolute) === '') {
          throw failure('PATH_INVALID', { path: place.shown, reason: 'is the root of its connection, which stays' });
        }
        try {
          await places.real({ ...place, absolute: dirname(place.absolute) });
          if ((await lstat(place.absolute)).isDirectory()) await rmdir(place.absolute);
          else await unlink(place.absolute);
        } catch (error) {
          if ((error as NodeJS.ErrnoException).code === 'ENOTEMPTY') {
            throw failure('FOLDER_NOT_EMPTY', { path: place.shown }, { cause: error });
          }
          throw await failureAt(place, error);
        }
      },

      async makeFolder(path, { signal }) {
        signal.throwIfAborted();
        const place = places.at(path);
        try {
          await makeFolders(await places.real(place));
        } catch (error) {
          const { code } = error as NodeJS.ErrnoException;
          if (code !== 'EEXIST' && code !== 'ENOTDIR') throw await failureAt(place, error);
          throw failure(
            'PATH_INVALID',
            { path: place.shown, reason: 'is a file, or goes through one' },
            { cause: error },
          );
        }
      },

      async verify({ signal }) {
        signal.throwIfAborted();
        if (root === undefined) return { ok: true };
        try {
          if (!(await stat(root)).isDirectory()) {
            return { ok: false, code: 'PATH_INVALID', reason: `${root} is a file, not a folder` };
          }
          await access(root, constants.R_OK | constants.X_OK);
          return { ok: true };
        } catch (error) {
          const { code, message } = await failureAt({ absolute: root, shown: root }, error);
          return { ok: false, code, reason: message };
        }
      },

      async close() {},
    };
  },
});

async function* only(item: FileItem): AsyncGenerator<FileItem> {
  yield item;
}
