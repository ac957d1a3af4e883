// One upload in parts: begun, its parts put, completed or aborted; and what a small object needs.
import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import type { PutObjectCommandInput } from '@aws-sdk/client-s3';
import { Failure, failure } from '../../engine/errors.ts';
import { hasChecksums, payer, type Store } from './client.ts';
import { crc32Text, type Direct } from './direct.ts';
import { statusOf } from './failures.ts';
import type { Location } from './keys.ts';
import { look } from './read.ts';

/** What goes with the object: type, metadata, encryption, class. */
export type ObjectHeaders = Pick<
  PutObjectCommandInput,
  'ContentType' | 'ContentEncoding' | 'Metadata' | 'ServerSideEncryption' | 'SSEKMSKeyId' | 'StorageClass'
>;

export interface Target {
  at: Location;
  headers: ObjectHeaders;
  /** Only where nothing is there. */
  create: boolean;
}

export interface Part {
  number: number;
  etag: string;
  size: number;
}

/** Of the 10,000 that the store takes one is kept for the mark of an upload that can be gone on with. */
export const mostParts = 9_999;
export const leastPartBytes = 5 * 1024 * 1024;
const discardMs = 30_000;

export async function beginUpload(store: Store, { at, headers }: Target, signal: AbortSignal): Promise<string> {
  const { UploadId } = await store.call('CreateMultipartUpload', at, { signal }, (client, sdk, o) =>
    client.send(
      new sdk.CreateMultipartUploadCommand({ Bucket: at.bucket, Key: at.key, ...headers, ...payer(store) }),
      o,
    ),
  );
  if (UploadId === undefined) throw failure('IO_FAILED', { path: at.shown, reason: 'the store began no upload' });
  return UploadId;
}

export async function putPart(
  store: Store,
  { at }: Target,
  uploadId: string,
  number: number,
  bytes: Uint8Array,
  signal: AbortSignal,
): Promise<Part> {
  const { ETag } = await store.call('UploadPart', at, { signal }, (client, sdk, o) =>
    client.send(
      new sdk.UploadPartCommand({
        Bucket: at.bucket,
        Key: at.key,
        UploadId: uploadId,
        PartNumber: number,
        Body: bytes,
        ContentLength: bytes.length,
        ...payer(store),
      }),
      o,
    ),
  );
  return { number, etag: etagOf(ETag, at), size: bytes.length };
}

/** Without it an upload in parts cannot be completed. */
export function etagOf(etag: string | undefined, { shown }: Location): string {
  if (etag !== undefined) return etag;
  throw failure('IO_FAILED', { path: shown, reason: 'the store tells no ETag of a part' });
}

export async function completeUpload(
  store: Store,
  target: Target,
  uploadId: string,
  parts: readonly Part[],
  signal: AbortSignal,
): Promise<void> {
  const { at } = target;
  const sorted = [...parts].sort((a, b) => a.number - b.number);
  const size = sorted.reduce((sum, part) => sum + part.size, 0);
  const complete = (create: boolean) =>
    store.retry(
      (attempt) =>
        store
          .once('CompleteMultipartUpload', at, { signal }, (client, sdk, o) =>
            client.send(
              new sdk.CompleteMultipartUploadCommand({
                Bucket: at.bucket,
                Key: at.key,
                UploadId: uploadId,
                MultipartUpload: { Parts: sorted.map(({ number, etag }) => ({ PartNumber: number, ETag: etag })) },
                ...(create ? { IfNoneMatch: '*' } : {}),
                ...payer(store),
              }),
              o,
            ),
          )
          .catch(async (error: unknown) => {
            // The answer of an attempt that did it may have been lost.
            if (attempt > 1 && (await isThere(store, at, size, uploadEtag(sorted), signal))) return undefined;
            throw error;
          }),
      { signal },
    );
  await exclusively(target, complete);
}

export async function putObject(store: Store, target: Target, bytes: Uint8Array, signal: AbortSignal): Promise<void> {
  const { at, headers } = target;
  const once = (create: boolean): Promise<unknown> =>
    isPlain(target) && store.isDirect(at.bucket)
      ? store.directly('PutObject', at, { signal }, (direct) =>
          putDirectly(store, direct, target, bytes, create, signal),
        )
      : store.once('PutObject', at, { signal }, (client, sdk, o) =>
          client.send(
            new sdk.PutObjectCommand({
              Bucket: at.bucket,
              Key: at.key,
              Body: bytes,
              ContentLength: bytes.length,
              ...headers,
              ...(create ? { IfNoneMatch: '*' } : {}),
              ...payer(store),
            }),
            o,
          ),
        );
  const put = (create: boolean) =>
    store.retry(
      (attempt) =>
        once(create).catch(async (error: unknown) => {
          const etag = `"${createHash('md5').update(bytes).digest('hex')}"`;
          if (create && attempt > 1 && (await isThere(store, at, bytes.length, etag, signal))) return undefined;
          throw error;
        }),
      { signal },
    );
  await exclusively(target, put);
}

/** Nothing goes with it but what its bytes are. */
function isPlain({ headers }: Target): boolean {
  const { ContentType = '', ContentEncoding = '', ...rest } = headers;
  return Object.keys(rest).length === 0 && /^[\x20-\x7e]*$/.test(ContentType + ContentEncoding);
}

async function putDirectly(
  { config }: Store,
  direct: Direct,
  { at, headers }: Target,
  bytes: Uint8Array,
  create: boolean,
  signal: AbortSignal,
): Promise<void> {
  await direct.take({
    method: 'PUT',
    bucket: at.bucket,
    key: at.key,
    headers: {
      'content-type': headers.ContentType,
      'content-encoding': headers.ContentEncoding,
      'if-none-match': create ? '*' : undefined,
      'x-amz-checksum-crc32': hasChecksums(config) ? crc32Text(crc32(bytes)) : undefined,
    },
    body: bytes,
    signal,
  });
}

/** With the condition that nothing is there, where the store knows it; it was looked for before. */
async function exclusively({ at, create }: Target, work: (create: boolean) => Promise<unknown>): Promise<void> {
  try {
    await work(create);
  } catch (error) {
    if (!create || !(error instanceof Failure)) throw error;
    const status = statusOf(error.cause);
    if (status === 412) throw failure('TARGET_EXISTS', { path: at.shown }, { cause: error.cause });
    if (status !== 501) throw error;
    await work(false);
  }
}

async function isThere(store: Store, at: Location, size: number, etag: string, signal: AbortSignal): Promise<boolean> {
  const found = await look(store, at, signal).catch(() => undefined);
  return found?.size === size && found.etag === etag;
}

/** As Amazon makes it: the MD5 of the parts' MD5s, and how many they are. */
function uploadEtag(parts: readonly Part[]): string {
  const digests = parts.map(({ etag }) => Buffer.from(etag.replaceAll('"', ''), 'hex'));
  return `"${createHash('md5').update(Buffer.concat(digests)).digest('hex')}-${parts.length}"`;
}

/** Also after the run was aborted. What cannot be removed now is told. */
export async function abortUpload(store: Store, { at }: Pick<Target, 'at'>, uploadId: string): Promise<void> {
  const signal = AbortSignal.timeout(discardMs);
  await store.call('AbortMultipartUpload', at, { signal }, (client, sdk, o) =>
    client.send(
      new sdk.AbortMultipartUploadCommand({ Bucket: at.bucket, Key: at.key, UploadId: uploadId, ...payer(store) }),
      o,
    ),
  );
}
