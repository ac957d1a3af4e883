// Copies within the store: in one request, or in parts where it is too large for one.
import type { CopyOptions } from '../../engine/contracts/connector.ts';
import { failure } from '../../engine/errors.ts';
import { createPool } from '../shared/pool.ts';
import { payer, type Store } from './client.ts';
import type { Location } from './keys.ts';
import { look } from './read.ts';
import { abortUpload, beginUpload, completeUpload, etagOf, mostParts, type Part, type Target } from './upload.ts';
import { storageHeaders } from './write.ts';

/** The most that CopyObject takes. */
const mostAtOnceBytes = 5 * 1024 ** 3;
const partBytes = 512 * 1024 ** 2;

/** Resolves with the number of bytes. */
export async function copyObject(
  store: Store,
  from: Location,
  to: Location,
  { signal, parts: wanted }: CopyOptions,
): Promise<number> {
  if (to.root || to.key.endsWith('/')) throw failure('FILE_IS_FOLDER', { path: to.shown.replace(/\/+$/, '') });
  const found = await look(store, from, signal);
  const size = found.size ?? 0;
  const source = {
    CopySource: `${from.bucket}/${from.key.split('/').map(encodeURIComponent).join('/')}`,
    ...(found.etag === undefined ? {} : { CopySourceIfMatch: found.etag }),
    ...payer(store),
  };
  const place = { Bucket: to.bucket, Key: to.key };
  if (size <= mostAtOnceBytes) {
    await store.call('CopyObject', to, { signal }, (client, sdk, o) =>
      client.send(new sdk.CopyObjectCommand({ ...place, ...source, ...storageHeaders(store.config) }), o),
    );
    return size;
  }
  const headers = {
    ...(found.contentType === undefined ? {} : { ContentType: found.contentType }),
    ...(found.contentEncoding === undefined ? {} : { ContentEncoding: found.contentEncoding }),
    ...storageHeaders(store.config),
  };
  const target: Target = { at: to, headers, create: false };
  const uploadId = await beginUpload(store, target, signal);
  const step = Math.max(partBytes, Math.ceil(size / mostParts));
  const parts: Part[] = [];
  const pool = createPool(wanted?.atOnce ?? store.config.concurrency ?? 4);
  const copyPart = async (number: number): Promise<void> => {
    const start = (number - 1) * step;
    const end = Math.min(size, start + step);
    const { CopyPartResult } = await store.call('UploadPartCopy', to, { signal }, (client, sdk, o) =>
      client.send(
        new sdk.UploadPartCopyCommand({
          ...place,
          ...source,
          UploadId: uploadId,
          PartNumber: number,
          CopySourceRange: `bytes=${start}-${end - 1}`,
        }),
        o,
      ),
    );
    parts.push({ number, etag: etagOf(CopyPartResult?.ETag, to), size: end - start });
  };
  try {
    for (let number = 1; (number - 1) * step < size; number++) await pool.add(() => copyPart(number));
    await pool.drained();
    await completeUpload(store, target, uploadId, parts, signal);
    return size;
  } catch (error) {
    await pool.drained().catch(() => {});
    await abortUpload(store, target, uploadId).catch(() => {});
    throw error;
  }
}
