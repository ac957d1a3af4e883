// Unfinished uploads of killed runs: how they are known again, gone on with, or removed.
import { createHash } from 'node:crypto';
import { Failure } from '../../engine/errors.ts';
import { payer, type Store } from './client.ts';
import { decoded } from './listing.ts';
import { abortUpload, mostParts, type Part, putPart, type Target } from './upload.ts';

/*
 * A store tells of an unfinished upload only its key and its parts. So the last part that there can be is a mark: a
 * text that names the source and the size of the parts. It never becomes part of the object, and its ETag, the MD5 of
 * the text, tells whether an upload is about the same bytes.
 */
const markNumber = mostParts + 1;
const markBytes = 85;

export function markOf(source: string, partBytes: number): Uint8Array {
  const text = createHash('sha256').update(`${partBytes} ${source}`).digest('hex');
  return Buffer.from(`pipewright upload v1 ${text}`.padEnd(markBytes));
}

export async function putMark(
  store: Store,
  target: Target,
  uploadId: string,
  mark: Uint8Array,
  signal: AbortSignal,
): Promise<void> {
  await putPart(store, target, uploadId, markNumber, mark, signal);
}

/** The upload with this mark and its parts by number; other marked uploads to the same key are removed. */
export async function findUnfinished(
  store: Store,
  target: Target,
  mark: Uint8Array,
  signal: AbortSignal,
): Promise<{ uploadId: string; parts: Map<number, Part> } | undefined> {
  const etag = `"${createHash('md5').update(mark).digest('hex')}"`;
  let found: string | undefined;
  for (const uploadId of await uploadsOf(store, target, signal)) {
    const [last] = await partsOf(store, target, uploadId, markNumber - 1, signal);
    if (last?.size !== markBytes) continue;
    if (last.etag === etag && found === undefined) found = uploadId;
    else await abortUpload(store, target, uploadId);
  }
  if (found === undefined) return undefined;
  const parts = await partsOf(store, target, found, 0, signal);
  return { uploadId: found, parts: new Map(parts.map((part) => [part.number, part])) };
}

/** None where the store, or the credential, does not let them be listed. */
async function uploadsOf(store: Store, { at }: Target, signal: AbortSignal): Promise<string[]> {
  const ids: string[] = [];
  try {
    let marker: { KeyMarker?: string; UploadIdMarker?: string } = {};
    for (;;) {
      const page = await store.call('ListMultipartUploads', at, { signal }, (client, sdk, o) =>
        client.send(
          new sdk.ListMultipartUploadsCommand({
            Bucket: at.bucket,
            Prefix: at.key,
            EncodingType: 'url',
            ...marker,
            ...payer(store),
          }),
          o,
        ),
      );
      for (const { Key = '', UploadId } of page.Uploads ?? []) {
        if (decoded(Key, page.EncodingType) === at.key && UploadId !== undefined) ids.push(UploadId);
      }
      if (!page.IsTruncated || page.NextKeyMarker === undefined) return ids;
      marker = {
        KeyMarker: page.NextKeyMarker,
        ...(page.NextUploadIdMarker === undefined ? {} : { UploadIdMarker: page.NextUploadIdMarker }),
      };
    }
  } catch (error) {
    if (error instanceof Failure && ['PERMISSION_DENIED', 'HTTP_STATUS', 'NOT_FOUND'].includes(error.code)) return ids;
    throw error;
  }
}

/** Those after this number. */
async function partsOf(
  store: Store,
  { at }: Target,
  uploadId: string,
  after: number,
  signal: AbortSignal,
): Promise<Part[]> {
  const parts: Part[] = [];
  let marker = after;
  for (;;) {
    const page = await store.call('ListParts', at, { signal }, (client, sdk, o) =>
      client.send(
        new sdk.ListPartsCommand({
          Bucket: at.bucket,
          Key: at.key,
          UploadId: uploadId,
          PartNumberMarker: String(marker),
          ...payer(store),
        }),
        o,
      ),
    );
    for (const { PartNumber, ETag, Size } of page.Parts ?? []) {
      if (PartNumber !== undefined && ETag !== undefined && Size !== undefined)
        parts.push({ number: PartNumber, etag: ETag, size: Size });
    }
    const next = Number(page.NextPartNumberMarker);
    if (!page.IsTruncated || !(next > marker)) return parts;
    marker = next;
  }
}
