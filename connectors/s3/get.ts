// Requests for the bytes of one object: all of what was asked for in one piece, or as a stream.
import type { Readable } from 'node:stream';
import { crc32 } from 'node:zlib';
import type { S3Client } from '@aws-sdk/client-s3';
import { type Failure, failure } from '../../engine/errors.ts';
import { hasChecksums, payer, type Sdk, type Store } from './client.ts';
import { crc32Text, type Direct, type DirectRequest, type Head } from './direct.ts';
import { statusOf } from './failures.ts';
import type { Location } from './keys.ts';

/** So few bytes are asked for at once and held, without a stream for them. */
export const wholeBytes = 256 * 1024;

export interface Asked {
  position: number;
  end: number;
  /** All that the object has. */
  whole: boolean;
}

/** So little comes in one piece. Undefined where the store can only be asked through the SDK. */
export async function readWhole(
  store: Store,
  at: Location,
  asked: Asked,
  etag: string | undefined,
  signal: AbortSignal,
): Promise<Uint8Array[] | undefined> {
  if (!store.isDirect(at.bucket)) return undefined;
  const once = async (direct: Direct) => {
    const request = directRequest(store, at, rangeOf(asked), etag, signal);
    const check = (head: Head) => {
      const { range, length } = answerOf(store, request, head);
      checkRange(at, asked, range, length);
    };
    const taken = await direct.take(request, check).catch((error: unknown) => {
      throw statusOf(error) === 412 ? changed(at) : error;
    });
    const { crc32: wanted } = answerOf(store, request, taken);
    const received = taken.body.reduce((sum, chunk) => sum + chunk.length, 0);
    if (received !== asked.end - asked.position) {
      throw failure('BODY_TRUNCATED', { url: at.shown, received, expected: asked.end - asked.position });
    }
    if (wanted !== undefined && crc32Text(taken.body.reduce((sum, chunk) => crc32(chunk, sum), 0)) !== wanted)
      throw mismatch(at, { retry: true });
    return taken.body;
  };
  return store.retry(() => store.directly('GetObject', at, { signal }, once), { signal });
}

export function rangeOf({ position, end, whole }: Asked): string | undefined {
  return whole ? undefined : `bytes=${position}-${Number.isFinite(end) ? end - 1 : ''}`;
}

/** Where the bytes end that come. */
export function checkRange(
  { shown }: Location,
  { position, end }: Asked,
  range: string | undefined,
  length: number | undefined,
): number {
  const from = range === undefined ? 0 : Number(/^bytes (\d+)-/.exec(range)?.[1]);
  const until = from + (length ?? Number.POSITIVE_INFINITY);
  if (from === position && (!Number.isFinite(end) || until === end)) return until;
  const reason = `the store gave the bytes ${from} to ${until} where ${position} to ${end} were asked for`;
  throw failure('IO_FAILED', { path: shown, reason }, { retry: true });
}

interface Answer {
  stream: Readable;
  range: string | undefined;
  length: number | undefined;
  etag: string | undefined;
  /** That of the whole, where it is told and nobody has looked at it yet. */
  crc32?: string | undefined;
}

export async function getBySdk(
  store: Store,
  client: S3Client,
  sdk: Sdk,
  at: Location,
  range: string | undefined,
  etag: string | undefined,
  o: { abortSignal: AbortSignal },
): Promise<Answer> {
  const input = {
    Bucket: at.bucket,
    Key: at.key,
    ...payer(store),
    ...(etag === undefined ? {} : { IfMatch: etag }),
    ...(range === undefined ? {} : { Range: range }),
  };
  const { Body, ContentRange, ContentLength, ETag } = await client.send(new sdk.GetObjectCommand(input), o);
  return { stream: Body as unknown as Readable, range: ContentRange, length: ContentLength, etag: ETag };
}

export async function getDirectly(
  store: Store,
  direct: Direct,
  at: Location,
  range: string | undefined,
  etag: string | undefined,
  signal: AbortSignal,
): Promise<Answer> {
  const request = directRequest(store, at, range, etag, signal);
  const answer = await direct.send(request);
  return { stream: answer.body, ...answerOf(store, request, answer) };
}

function directRequest(
  { config }: Store,
  { bucket, key }: Location,
  range: string | undefined,
  etag: string | undefined,
  signal: AbortSignal,
): DirectRequest {
  const whole = range === undefined && hasChecksums(config);
  const headers = { range, 'if-match': etag, 'x-amz-checksum-mode': whole ? 'ENABLED' : undefined };
  return { method: 'GET', bucket, key, headers, signal };
}

function answerOf({ config }: Store, request: DirectRequest, { headers }: Head): Omit<Answer, 'stream'> {
  const of = (name: string) => headers[name]?.toString();
  const length = of('content-length');
  const sum = of('x-amz-checksum-crc32');
  const whole = request.headers.range === undefined && hasChecksums(config);
  return {
    range: of('content-range'),
    length: length === undefined ? undefined : Number(length),
    etag: of('etag'),
    // A composite one is about the parts, whose sizes are not known.
    crc32: whole && !sum?.includes('-') && of('x-amz-checksum-type') !== 'COMPOSITE' ? sum : undefined,
  };
}

export async function* checked(stream: Readable, wanted: string | undefined): AsyncGenerator<Uint8Array> {
  let sum = 0;
  for await (const chunk of stream as AsyncIterable<Uint8Array>) {
    if (wanted !== undefined) sum = crc32(chunk, sum);
    yield chunk;
  }
  if (wanted !== undefined && crc32Text(sum) !== wanted) throw new Error('checksum mismatch');
}

/** To be tried again only where nothing of the bytes was handed on. */
export function mismatch({ shown }: Location, options: { cause?: unknown; retry?: boolean }): Failure {
  return failure('CHECKSUM_MISMATCH', { path: shown, what: 'on the way from the store' }, options);
}

export function changed({ shown }: Location): Failure {
  return failure('IO_FAILED', { path: shown, reason: 'someone wrote to it while it was being read; run again' });
}
