// Amazon S3 and every store that speaks its protocol.
import { defineConnector } from '../../engine/contracts/connector.ts';
import type { FileItem } from '../../engine/contracts/data.ts';
import { asFailure, failure } from '../../engine/errors.ts';
import { type Config, createStore, payer } from './client.ts';
import { copyObject } from './copy.ts';
import { isAbsent } from './failures.ts';
import { createKeys } from './keys.ts';
import { absent, asFolder, checkListing, list, peek } from './list.ts';
import { fileItem, look, md5Of } from './read.ts';
import { removeKey, removeKeys } from './remove.ts';
import { putObject } from './upload.ts';
import { writeFiles } from './write.ts';

export const connector = defineConnector({
  name: 's3',
  capabilities: ['list', 'read', 'write', 'describe', 'remove', 'removeFiles', 'makeFolder', 'copy'],
  stores: 'files',

  open(config: Config, context) {
    const store = createStore(config, context);
    const keys = createKeys(context.name, config);

    /** What is at a key; where nothing is, what `otherwise` makes of it. */
    const found = async <T>(path: string, signal: AbortSignal, otherwise: () => Promise<T>) => {
      signal.throwIfAborted();
      const at = keys.at(path);
      if (at.bucket === '' || at.root || at.key.endsWith('/')) return { at, none: await otherwise() };
      try {
        return { at, object: await look(store, at, signal) };
      } catch (error) {
        if (!isAbsent(error)) throw error;
        return { at, none: await otherwise() };
      }
    };
    const missing = (path: string, signal: AbortSignal) => async () => {
      const at = keys.at(path);
      throw at.bucket === '' || at.root
        ? failure('FILE_IS_FOLDER', { path: at.shown.replace(/\/+$/, '') })
        : await absent(store, at, signal);
    };

    return {
      list: (path, o) => list(store, keys, path, o),

      async read(path, { signal }) {
        const { at, object } = await found<never>(path, signal, missing(path, signal));
        return { kind: 'files', files: only(fileItem(store, at, object!, signal)) };
      },

      async write(path, stream, o) {
        if (stream.kind === 'rows') throw failure('BUG', { reason: 'rows reached the s3 connector without a format' });
        if (o.mode === 'append' || o.mode === 'upsert') {
          const hint = '; use replace or create';
          throw failure('OPTION_UNSUPPORTED', { what: `\`mode: ${o.mode}\``, where: 'S3', hint });
        }
        o.signal.throwIfAborted();
        return writeFiles(store, keys, path, stream, o);
      },

      async describe(path, { signal }) {
        const folder = async () => {
          const at = keys.at(path);
          if (at.root || (await peek(store, at, signal, 1)).length > 0) return { kind: 'folder' as const };
          throw await absent(store, at, signal);
        };
        const { object, none } = await found(path, signal, folder);
        if (object === undefined) return none;
        const { etag, contentEncoding: _, ...rest } = object;
        return { kind: 'file', ...rest, ...(etag === undefined ? {} : { version: etag }), ...md5Of(etag) };
      },

      /** A folder goes when it is empty: then it is no more than the mark that makeFolder has put there. */
      async remove(path, { signal }) {
        const folder = async () => {
          const at = keys.at(path);
          if (at.root) {
            const reason = 'is the root of its connection, which stays';
            throw failure('PATH_INVALID', { path: at.shown, reason });
          }
          const inside = await peek(store, at, signal, 2);
          if (inside.length === 0) throw await absent(store, at, signal);
          if (inside.some((name) => name !== '')) throw failure('FOLDER_NOT_EMPTY', { path: at.shown });
          await removeKey(store, { ...at, key: asFolder(at.key) }, { signal });
        };
        const { at, object } = await found(path, signal, folder);
        if (object !== undefined) await removeKey(store, at, { signal });
      },

      removeFiles: (paths, o) => removeKeys(store, keys, paths, o),

      /** An empty object whose key ends in `/`, as other programs mark a folder. */
      async makeFolder(path, { signal }) {
        signal.throwIfAborted();
        const at = keys.at(path);
        if (at.root) return;
        const mark = { at: { ...at, key: asFolder(at.key) }, headers: {}, create: false };
        await putObject(store, mark, new Uint8Array(0), signal);
      },

      async copy(from, to, o) {
        o.signal.throwIfAborted();
        const target = keys.at(to);
        const bytes = await copyObject(store, keys.at(from), target, o);
        return { bytes, paths: [target.shown] };
      },

      async verify({ signal }) {
        signal.throwIfAborted();
        const at = keys.at('');
        try {
          if (at.bucket === '') {
            await store.once('ListBuckets', at, { signal }, (client, sdk, o) =>
              client.send(new sdk.ListBucketsCommand({}), o),
            );
          } else {
            // Unlike HEAD, it says in words what is wrong.
            const page = await store.once('ListObjectsV2', at, { signal }, (client, sdk, o) =>
              client.send(
                new sdk.ListObjectsV2Command({ Bucket: at.bucket, Prefix: at.key, MaxKeys: 1, ...payer(store) }),
                o,
              ),
            );
            checkListing(store, page);
          }
          return { ok: true };
        } catch (error) {
          if (signal.aborted) throw signal.reason;
          const { code, message } = asFailure(error, context.name);
          return { ok: false, code, reason: message };
        }
      },

      close: () => store.close(),
    };
  },
});

async function* only(file: FileItem): AsyncGenerator<FileItem> {
  yield file;
}
