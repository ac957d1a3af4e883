// The bytes of one object: all of them or a failure. Where the connection breaks, it goes on from there.
import type { ConnectorContext } from '../../engine/contracts/connector.ts';
import type { FileItem, Range } from '../../engine/contracts/data.ts';
import { type Failure, failure } from '../../engine/errors.ts';
import { contentTypeOf } from '../shared/content-type.ts';
import { payer, type Store } from './client.ts';
import type { Direct } from './direct.ts';
import { statusOf } from './failures.ts';
import {
  type Asked,
  changed,
  checked,
  checkRange,
  getBySdk,
  getDirectly,
  mismatch,
  rangeOf,
  readWhole,
  wholeBytes,
} from './get.ts';
import type { Location } from './keys.ts';

/** What is known of an object before its bytes are read. */
export interface Found {
  size?: number;
  /** With its quotes, as the store says it. */
  etag?: string;
  modified?: string;
  contentType?: string;
  contentEncoding?: string;
}

interface Body {
  chunks: AsyncIterator<Uint8Array>;
  /** Of the next byte in the whole. */
  position: number;
  end: number;
  etag: string | undefined;
  drop(): void;
}

export async function look(store: Store, at: Location, signal: AbortSignal): Promise<Found> {
  if (store.isDirect(at.bucket)) {
    const once = (direct: Direct) => headDirectly(direct, at, signal);
    return store.retry(() => store.directly('HeadObject', at, { signal }, once), { signal });
  }
  const place = { Bucket: at.bucket, Key: at.key, ...payer(store) };
  const answer = await store.call('HeadObject', at, { signal }, (client, sdk, o) =>
    client.send(new sdk.HeadObjectCommand(place), o).catch(async (error: unknown) => {
      // An answer to HEAD has no body that could say why; one to GET has.
      if (![400, 403].includes(statusOf(error) ?? 0)) throw error;
      const { Body } = await client.send(new sdk.GetObjectCommand({ ...place, Range: 'bytes=0-0' }), o);
      (Body as unknown as { destroy(): void }).destroy();
      throw error;
    }),
  );
  return foundOf(answer.ContentLength, answer.ETag, answer.LastModified, answer.ContentType, answer.ContentEncoding);
}

async function headDirectly(direct: Direct, { bucket, key }: Location, signal: AbortSignal): Promise<Found> {
  const { headers } = await direct
    .take({ method: 'HEAD', bucket, key, headers: {}, signal })
    .catch(async (error: unknown) => {
      // As above.
      if (![400, 403].includes(statusOf(error) ?? 0)) throw error;
      await direct.take({ method: 'GET', bucket, key, headers: { range: 'bytes=0-0' }, signal });
      throw error;
    });
  const of = (name: string) => headers[name]?.toString();
  const [length, modified] = [of('content-length'), of('last-modified')];
  return foundOf(
    length === undefined ? undefined : Number(length),
    of('etag'),
    modified === undefined ? undefined : new Date(modified),
    of('content-type'),
    of('content-encoding'),
  );
}

function foundOf(
  size = 0,
  etag: string | undefined,
  modified: Date | undefined,
  contentType: string | undefined,
  encodings: string | undefined,
): Found {
  // Some stores write down how a body came, which says nothing of the bytes.
  const encoding = encodings
    ?.split(',')
    .map((each) => each.trim())
    .filter((each) => each !== '' && each !== 'aws-chunked' && each !== 'identity')
    .join(', ');
  return {
    size,
    ...(etag === undefined ? {} : { etag }),
    ...(modified === undefined ? {} : { modified: modified.toISOString() }),
    ...(contentType === undefined ? {} : { contentType }),
    ...(encoding ? { contentEncoding: encoding } : {}),
  };
}

/** An ETag of an upload in one piece is its MD5, except where the store encrypts in some ways. */
export function md5Of(etag: string | undefined): { md5?: string } {
  const found = /^"?([0-9a-f]{32})"?$/.exec(etag ?? '');
  return found === null ? {} : { md5: found[1]! };
}

export function fileItem(store: Store, at: Location, found: Found, signal: AbortSignal): FileItem {
  const name = at.key.slice(at.key.lastIndexOf('/') + 1);
  const { size, etag, modified, contentEncoding } = found;
  return {
    name,
    path: at.shown,
    contentType: found.contentType ?? contentTypeOf(name),
    ...(contentEncoding === undefined ? {} : { contentEncoding }),
    ...(size === undefined ? {} : { size }),
    ...(modified === undefined ? {} : { modified }),
    ...(etag === undefined ? {} : { version: etag }),
    ...md5Of(etag),
    open: (range) => readBytes(store, at, found, range, signal),
  };
}

/** Bytes of the version that was found, or, where none is known, of the one that the first answer has. */
export async function* readBytes(
  store: Store,
  at: Location,
  found: Found,
  range: Range | undefined,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  signal.throwIfAborted();
  const size = found.size ?? Number.POSITIVE_INFINITY;
  const start = range?.start ?? 0;
  let end = Math.min(range?.end ?? size, size);
  let etag = found.etag;
  let position = start;
  if (end > start && end - start <= wholeBytes) {
    const chunks = await readWhole(store, at, { position, end, whole: range === undefined }, etag, signal);
    if (chunks !== undefined) {
      yield* chunks;
      return;
    }
  }
  let body: Body | undefined;
  let broken: Failure | undefined;
  const retry: ConnectorContext['retry'] = store.retry;
  try {
    while (position < end) {
      let chunk: Uint8Array | undefined;
      if (body !== undefined) {
        try {
          chunk = await nextOf(body, at, signal);
        } catch (error) {
          if (signal.aborted) throw signal.reason;
          broken = error as Failure;
          if (!broken.retry) throw broken;
          body.drop();
          body = undefined;
          continue;
        }
      } else {
        chunk = await retry(
          async (attempt) => {
            // The first attempt is the one that broke off: the engine counts it, tells of it and waits.
            if (attempt === 1 && broken !== undefined) throw broken;
            body?.drop();
            body = undefined;
            body = await openBody(
              store,
              at,
              { position, end, whole: range === undefined && position === 0 },
              etag,
              signal,
            );
            etag ??= body?.etag;
            return body === undefined ? undefined : nextOf(body, at, signal);
          },
          { signal },
        );
        const opened = body as Body | undefined;
        if (opened !== undefined && !Number.isFinite(end)) end = opened.end;
      }
      if (chunk === undefined) return;
      position += chunk.length;
      yield chunk;
      signal.throwIfAborted();
    }
    // The end of the body tells whether its checksum was right.
    if (body !== undefined) await nextOf(body, at, signal);
  } finally {
    (body as Body | undefined)?.drop();
  }
}

/** Undefined where the range begins beyond the end. */
async function openBody(
  store: Store,
  at: Location,
  wanted: Asked,
  etag: string | undefined,
  signal: AbortSignal,
): Promise<Body | undefined> {
  const { position } = wanted;
  const range = rangeOf(wanted);
  const refused = (error: unknown): undefined => {
    if (statusOf(error) === 416) return undefined;
    throw statusOf(error) === 412 ? changed(at) : error;
  };
  const answer = store.isDirect(at.bucket)
    ? await store.directly('GetObject', at, { signal }, (direct) =>
        getDirectly(store, direct, at, range, etag, signal).catch(refused),
      )
    : await store.once('GetObject', at, { signal }, (client, sdk, o) =>
        getBySdk(store, client, sdk, at, range, etag, o).catch(refused),
      );
  if (answer === undefined) return undefined;
  const { stream } = answer;
  const drop = () => {
    stream.destroy();
  };
  // A body that is dropped emits an error that nobody waits for.
  stream.on('error', () => {});
  try {
    const end = checkRange(at, wanted, answer.range, answer.length);
    return { chunks: checked(stream, answer.crc32), position, end, etag: answer.etag, drop };
  } catch (error) {
    drop();
    throw error;
  }
}

/** Undefined at the end, which must be where the answer said it would be. */
async function nextOf(body: Body, at: Location, signal: AbortSignal): Promise<Uint8Array | undefined> {
  const truncated = (cause?: unknown) =>
    failure('BODY_TRUNCATED', { url: at.shown, received: body.position, expected: body.end }, { cause });
  let next: IteratorResult<Uint8Array>;
  try {
    next = await body.chunks.next();
  } catch (error) {
    if (signal.aborted) throw signal.reason;
    if (/checksum mismatch/i.test((error as Error).message)) throw mismatch(at, { cause: error });
    throw truncated(error);
  }
  signal.throwIfAborted();
  if (next.done) {
    if (Number.isFinite(body.end) && body.position < body.end) throw truncated();
    return undefined;
  }
  body.position += next.value.length;
  if (body.position > body.end) {
    throw failure('IO_FAILED', { path: at.shown, reason: 'the store gave more bytes than it had announced' });
  }
  return next.value;
}
