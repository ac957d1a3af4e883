// Writes files so that each is there whole or not at all: everything is with the store, or small and held, before the first is visible.

import { byteSize } from '../../engine/byte-size.ts';
import type { WriteOptions, WriteReport } from '../../engine/contracts/connector.ts';
import type { FileItem, FileStream } from '../../engine/contracts/data.ts';
import { failure } from '../../engine/errors.ts';
import { contentTypeOf } from '../shared/content-type.ts';
import { createGate, createPool } from '../shared/pool.ts';
import { nameInFolder, sameName, severalFor } from '../shared/target-names.ts';
import type { Config, Store } from './client.ts';
import { isAbsent } from './failures.ts';
import type { Keys, Location } from './keys.ts';
import { look } from './read.ts';
import { type Staged, type Staging, stageFile } from './stage.ts';
import { leastPartBytes, type ObjectHeaders, type Target } from './upload.ts';

/** So much of small files is kept here until the commit; what is more goes to the store as an upload of one part. */
const mostHeldBytes = 16 * 1024 * 1024;

/** A path that ends in `/`, or is empty, is a folder that takes each file under its own name. */
export async function writeFiles(
  store: Store,
  keys: Keys,
  path: string,
  stream: FileStream,
  o: WriteOptions,
): Promise<WriteReport> {
  const { config } = store;
  const intoFolder = path === '' || path.endsWith('/');
  const atOnce = o.parts?.atOnce ?? config.concurrency ?? 4;
  const failed = new AbortController();
  let bytes = 0;
  const staging: Staging = {
    store,
    gate: createGate(atOnce),
    partBytes: Math.max(leastPartBytes, byteSize(config.part_size ?? '8MiB')),
    held: { left: mostHeldBytes },
    signal: AbortSignal.any([o.signal, failed.signal]),
    parts: o.parts,
    onBytes(count) {
      bytes += count;
      o.onProgress?.({ bytes });
    },
  };
  const pool = createPool(atOnce);
  const commits = createPool(o.parts?.atOnce ?? Math.max(atOnce, 8));
  const staged: Staged[] = [];
  const names = new Set<string>();
  const paths: string[] = [];
  try {
    for await (const item of stream.files) {
      o.signal.throwIfAborted();
      const at = keys.at(intoFolder ? path + nameInFolder(item, path) : path);
      if (at.bucket === '' || at.root) throw failure('FILE_IS_FOLDER', { path: at.shown.replace(/\/+$/, '') });
      if (!intoFolder && paths.length > 0) throw severalFor(at.shown);
      if (names.has(at.key)) throw sameName(at.shown);
      names.add(at.key);
      paths.push(at.shown);
      const target: Target = { at, headers: headersFor(config, at, item, o), create: o.mode === 'create' };
      const work = async () => {
        if (target.create) await checkAbsent(store, at, staging.signal);
        staged.push(await stageFile(staging, target, item));
      };
      if (item.once) await work();
      else await pool.add(work);
    }
    await pool.drained();
    await o.beforeCommit();
    o.signal.throwIfAborted();
    for (const each of staged) {
      await commits.add(async () => {
        await each.commit(staging.signal);
        each.discard = async () => {};
      });
    }
    await commits.drained();
    return { bytes, paths };
  } catch (error) {
    failed.abort(error);
    await pool.drained().catch(() => {});
    await commits.drained().catch(() => {});
    const left = await Promise.allSettled(staged.map((each) => each.discard()));
    for (const each of left) {
      if (each.status === 'fulfilled') continue;
      store.log.warn('an unfinished upload could not be removed; a rule of the bucket may', {
        reason: String(each.reason),
      });
    }
    throw o.signal.aborted ? o.signal.reason : error;
  }
}

/** The type that the name says, else that of the file as it comes. */
function headersFor(config: Config, at: Location, item: FileItem, o: WriteOptions): ObjectHeaders {
  const byName = contentTypeOf(at.key);
  const type = o.contentType ?? (byName === 'application/octet-stream' ? item.contentType : byName);
  return {
    ContentType: type,
    ...(item.contentEncoding === undefined ? {} : { ContentEncoding: item.contentEncoding }),
    ...(o.metadata === undefined ? {} : { Metadata: o.metadata }),
    ...storageHeaders(config),
  };
}

export function storageHeaders(config: Config): ObjectHeaders {
  const { encryption, kms_key_id, storage_class } = config;
  return {
    ...(encryption === undefined || encryption === 'none' ? {} : { ServerSideEncryption: encryption }),
    ...(kms_key_id === undefined ? {} : { SSEKMSKeyId: kms_key_id }),
    ...(storage_class === undefined
      ? {}
      : { StorageClass: storage_class as NonNullable<ObjectHeaders['StorageClass']> }),
  };
}

async function checkAbsent(store: Store, at: Location, signal: AbortSignal): Promise<void> {
  try {
    await look(store, at, signal);
  } catch (error) {
    if (isAbsent(error)) return;
    throw error;
  }
  throw failure('TARGET_EXISTS', { path: at.shown });
}
