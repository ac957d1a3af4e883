// An S3 server on this machine. It answers as the Amazon S3 API Reference says: signatures, conditions, listings, multipart uploads.
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { checkAbsent, keptOf, objectOf, Refused, refuse, textOf, unescaped, xml } from './s3-answers.ts';
import { listing, uploadListing } from './s3-listing.ts';
import { type Refusal, refusalOf, type S3Key } from './s3-signature.ts';
import { type Blob, type Bucket, createS3Store, type S3Store, type StoredObject } from './s3-store.ts';

/** What goes wrong with one answer. */
export interface S3Fault {
  /** Answers this instead, without doing anything. */
  refuse?: Refusal & { retryAfter?: number };
  /** Does it, and breaks the connection instead of answering. */
  lose?: boolean;
  /** Breaks the connection after so many bytes of the body. */
  cutAfter?: number;
  /** Says nothing for so long. */
  waitMs?: number;
  /** Breaks the connection after so many bytes of what comes in. */
  breakAfter?: number;
  /** Says so many bytes more than there are, or gives so many less. */
  tooLong?: number;
  /** Changes a byte on the way out, or in. */
  corrupt?: boolean;
}

export interface S3Call {
  method: string;
  bucket: string;
  key: string;
  query: URLSearchParams;
  headers: IncomingMessage['headers'];
}

export interface S3Server {
  url: string;
  store: S3Store;
  keys: Map<string, S3Key>;
  calls: S3Call[];
  /** Bytes of bodies taken and given. */
  moved: { in: number; out: number };
  /** Asked about each request. */
  fault: (call: S3Call) => S3Fault | undefined;
  /** Keys and unfinished uploads of a bucket, sorted. */
  contents(bucket: string): string[];
  close(): Promise<void>;
}

export const testKey = { id: 'AKIDTEST', secret: 'testsecret' };

/** With bucket `bucket` in region `us-east-1`. */
export async function startS3Server({ region = 'us-east-1' } = {}): Promise<S3Server> {
  const store = createS3Store();
  const sockets = new Set<Socket>();
  const http = createServer((request, response) => {
    void handle(server, region, request, response).catch((error: Error) => {
      if (!response.headersSent && error instanceof Refused) refuse(response, error.refusal);
      else response.destroy();
    });
  });
  http.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
  const server: S3Server = {
    url: `http://127.0.0.1:${(http.address() as AddressInfo).port}`,
    store,
    keys: new Map([[testKey.id, { secret: testKey.secret }]]),
    calls: [],
    moved: { in: 0, out: 0 },
    fault: () => undefined,
    contents: (bucket) =>
      [
        ...store.buckets.get(bucket)!.objects.keys(),
        ...[...store.uploads.values()].map(({ key, id }) => `${key} (upload ${id})`),
      ].sort(),
    close: () =>
      new Promise((resolve) => {
        http.close(() => {
          store.close();
          resolve();
        });
        for (const socket of sockets) socket.destroy();
      }),
  };
  store.createBucket('bucket', region);
  return server;
}

async function handle(server: S3Server, region: string, request: IncomingMessage, response: ServerResponse) {
  const { store } = server;
  const [asked, search = ''] = request.url!.split('?') as [string, string?];
  const path = `${hostedBucket(request)}${asked}`;
  const [, bucketName = '', rawKey = ''] = /^\/([^/]*)\/?(.*)$/s.exec(path)!;
  const query = new URLSearchParams(search);
  const key = decodeURIComponent(rawKey);
  const { method = '', headers } = request;
  const call: S3Call = { method, bucket: bucketName, key, query, headers };
  server.calls.push(call);
  const fault = server.fault(call) ?? {};
  if (fault.waitMs !== undefined) await new Promise((resolve) => setTimeout(resolve, fault.waitMs));
  // Who waited no longer has gone, and nobody knows whether it was done: here it is not.
  if (request.socket.destroyed) return;
  if (fault.refuse !== undefined) {
    request.resume();
    const { retryAfter } = fault.refuse;
    return refuse(response, fault.refuse, retryAfter === undefined ? {} : { 'retry-after': String(retryAfter) });
  }
  const refusal = isForAll(store, call) ? undefined : refusalOf(request, server.keys, region);
  if (refusal !== undefined) {
    request.resume();
    return refuse(response, refusal);
  }
  const answer = (body: string, more: Record<string, string> = {}, status = 200) => {
    if (fault.lose) response.destroy();
    else response.writeHead(status, { 'content-type': 'application/xml', ...more }).end(body);
  };
  const taken = () => takeBody(server, request, fault);

  if (bucketName === '') {
    const names = [...store.buckets.keys()].map((name) => `<Bucket>${xml('Name', name)}</Bucket>`);
    return answer(`<ListAllMyBucketsResult><Buckets>${names.join('')}</Buckets></ListAllMyBucketsResult>`);
  }
  const bucket = store.buckets.get(bucketName);
  if (bucket === undefined) throw new Refused(404, 'NoSuchBucket', 'The specified bucket does not exist');
  if (bucket.region !== region) {
    const message = 'The bucket you are attempting to access must be addressed using the specified endpoint.';
    throw new Refused(301, 'PermanentRedirect', message, { Region: bucket.region });
  }
  const uploadId = query.get('uploadId');
  if (key === '') {
    if (query.has('uploads')) return answer(uploadListing(store, bucketName, query));
    if (query.has('delete')) return answer(await removeAll(bucket, request));
    return answer(listing(bucket, query));
  }
  const object = bucket.objects.get(key);
  if (uploadId !== null) {
    const upload = store.uploads.get(uploadId);
    if (upload?.key !== key) throw new Refused(404, 'NoSuchUpload', 'The specified upload does not exist.');
    if (method === 'DELETE') {
      store.uploads.delete(uploadId);
      return answer('', {}, 204);
    }
    if (method === 'PUT') {
      const source = headers['x-amz-copy-source'];
      const blob =
        source === undefined ? await taken() : await copied(server, String(source), headers['x-amz-copy-source-range']);
      // The upload may have been ended while its part came.
      if (!store.uploads.has(uploadId)) throw new Refused(404, 'NoSuchUpload', 'The specified upload does not exist.');
      const etag = `"${blob.md5}"`;
      upload.parts.set(Number(query.get('partNumber')), { ...blob, etag });
      return source === undefined
        ? answer('', { etag })
        : answer(`<CopyPartResult>${xml('ETag', etag)}</CopyPartResult>`);
    }
    if (method === 'GET') {
      const from = Number(query.get('part-number-marker') ?? 0);
      const most = Number(query.get('max-parts') ?? 1000);
      const numbers = [...upload.parts.keys()].filter((number) => number > from).sort((a, b) => a - b);
      const parts = numbers.slice(0, most).map((number) => {
        const { etag, size } = upload.parts.get(number)!;
        return `<Part>${xml('PartNumber', `${number}`)}${xml('ETag', etag)}${xml('Size', `${size}`)}</Part>`;
      });
      const more = numbers.length > most;
      const next = more ? xml('NextPartNumberMarker', `${numbers[most - 1]}`) : '';
      return answer(`<ListPartsResult>${xml('IsTruncated', `${more}`)}${next}${parts.join('')}</ListPartsResult>`);
    }
    const wanted = [...(await textOf(request)).matchAll(/<Part>.*?<\/Part>/gs)].map(([part]) => ({
      number: Number(/<PartNumber>(\d+)</.exec(part)![1]),
      etag: /<ETag>(.*?)</.exec(part)![1]!.replaceAll('&quot;', '"'),
    }));
    const blobs = wanted.map(({ number, etag }, i) => {
      const part = upload.parts.get(number);
      if (part === undefined || part.etag !== etag) throw new Refused(400, 'InvalidPart');
      if (i > 0 && number <= wanted[i - 1]!.number) throw new Refused(400, 'InvalidPartOrder');
      if (i < wanted.length - 1 && part.size < 5 * 1024 * 1024) throw new Refused(400, 'EntityTooSmall');
      return part;
    });
    checkAbsent(headers, object);
    store.uploads.delete(uploadId);
    const digests = blobs.map(({ md5 }) => Buffer.from(md5, 'hex'));
    const etag = `"${createHash('md5').update(Buffer.concat(digests)).digest('hex')}-${blobs.length}"`;
    bucket.put(objectOf(key, blobs, etag, upload.headers));
    return answer(`<CompleteMultipartUploadResult>${xml('ETag', etag)}</CompleteMultipartUploadResult>`);
  }
  if (method === 'POST') {
    const { id } = store.begin(bucketName, key, keptOf(headers));
    return answer(`<InitiateMultipartUploadResult>${xml('UploadId', id)}</InitiateMultipartUploadResult>`);
  }
  if (method === 'PUT') {
    const source = headers['x-amz-copy-source'];
    const blob = source === undefined ? await taken() : await copied(server, String(source));
    checkAbsent(headers, bucket.objects.get(key));
    const more = source === undefined ? {} : sourceOf(server, String(source)).headers;
    const stored = objectOf(key, [blob], `"${blob.md5}"`, { ...more, ...keptOf(headers) });
    bucket.put(stored);
    return source === undefined
      ? answer('', { etag: stored.etag })
      : answer(`<CopyObjectResult>${xml('ETag', stored.etag)}</CopyObjectResult>`);
  }
  if (method === 'DELETE') {
    bucket.remove(key);
    return answer('', {}, 204);
  }
  if (object === undefined) throw new Refused(404, 'NoSuchKey', 'The specified key does not exist.');
  return giveObject(server, object, request, response, fault);
}

/** "Virtual hosting of buckets": of `bucket.localhost` it is `/bucket`, as it would be in the path. */
function hostedBucket({ headers }: IncomingMessage): string {
  const [, name] = /^([^:]+)\.localhost(?::\d+)?$/.exec(headers.host ?? '') ?? [];
  return name === undefined ? '' : `/${name}`;
}

/** Whether it is a request without a signature that a public bucket answers. */
function isForAll({ buckets }: S3Store, { method, bucket, headers }: S3Call): boolean {
  return headers.authorization === undefined && /^(GET|HEAD)$/.test(method) && buckets.get(bucket)?.public === true;
}

async function takeBody(server: S3Server, request: IncomingMessage, fault: S3Fault): Promise<Blob> {
  const { headers } = request;
  const blob = await server.store.keep(fault.breakAfter === undefined ? request : broken(request, fault.breakAfter));
  server.moved.in += blob.size;
  const sha256 = headers['x-amz-content-sha256'];
  const md5 = headers['content-md5'];
  const digest = md5 === undefined ? undefined : Buffer.from(String(md5), 'base64').toString('hex');
  const crc = headers['x-amz-checksum-crc32'];
  const wrong =
    (/^[0-9a-f]{64}$/.test(String(sha256)) && sha256 !== blob.sha256) ||
    (digest !== undefined && digest !== blob.md5) ||
    (crc !== undefined && crc !== blob.crc32);
  if (wrong || fault.corrupt) throw new Refused(400, 'BadDigest', 'The checksum did not match what we received.');
  return blob;
}

/** Breaks the connection once so many bytes have come. */
function broken(request: IncomingMessage, bytes: number): Readable {
  let left = bytes;
  const checked = async function* () {
    for await (const chunk of request) {
      left -= chunk.length;
      if (left < 0) request.destroy(new Error('broken'));
      yield chunk;
    }
  };
  return Readable.from(checked(), { objectMode: false });
}

async function giveObject(
  server: S3Server,
  object: StoredObject,
  request: IncomingMessage,
  response: ServerResponse,
  fault: S3Fault,
): Promise<void> {
  const { headers } = request;
  const match = headers['if-match'];
  if (match !== undefined && match !== object.etag) throw new Refused(412, 'PreconditionFailed');
  const range = /^bytes=(\d+)-(\d*)$/.exec(headers.range ?? '');
  const start = range === null ? 0 : Number(range[1]);
  const end = range === null || range[2] === '' ? object.size : Math.min(object.size, Number(range[2]) + 1);
  if (range !== null && start >= object.size) throw new Refused(416, 'InvalidRange');
  const length = Math.max(0, end - start + (fault.tooLong ?? 0));
  const sent: Record<string, string> = {
    ...object.headers,
    etag: object.etag,
    'accept-ranges': 'bytes',
    'last-modified': object.modified.toUTCString(),
    'content-length': String(length),
  };
  if (fault.tooLong !== undefined) sent.connection = 'close';
  if (range !== null) sent['content-range'] = `bytes ${start}-${end - 1}/${object.size}`;
  else if (headers['x-amz-checksum-mode'] === 'ENABLED' && object.blobs.length === 1) {
    sent['x-amz-checksum-crc32'] = object.blobs[0]!.crc32;
    sent['x-amz-checksum-type'] = 'FULL_OBJECT';
  }
  response.writeHead(range === null ? 200 : 206, sent);
  if (request.method === 'HEAD') {
    response.end();
    return;
  }
  const body = async function* () {
    let left = fault.cutAfter ?? Math.min(end - start, length);
    let corrupt = fault.corrupt;
    for await (const read of bytesOf(object.blobs, start, end)) {
      const chunk = read.subarray(0, left);
      if (corrupt) chunk[server.calls.length % chunk.length]! ^= 1 + (server.calls.length % 255);
      corrupt = false;
      left -= chunk.length;
      server.moved.out += chunk.length;
      yield chunk;
      if (left === 0) break;
    }
  };
  await pipeline(Readable.from(body(), { objectMode: false, highWaterMark: 256 * 1024 }), response, {
    end: fault.cutAfter === undefined && fault.tooLong === undefined,
  });
  if (fault.cutAfter !== undefined || fault.tooLong !== undefined) response.socket?.destroySoon();
}

async function* bytesOf(blobs: readonly Blob[], start: number, end: number): AsyncGenerator<Buffer> {
  let at = 0;
  for (const { file, size } of blobs) {
    const [from, to] = [Math.max(start - at, 0), Math.min(end - at, size)];
    if (from < to) yield* createReadStream(file, { start: from, end: to - 1, highWaterMark: 256 * 1024 });
    at += size;
  }
}

function sourceOf(server: S3Server, source: string): StoredObject {
  const [, bucket = '', key = ''] = /^\/?([^/]+)\/(.*)$/s.exec(source)!;
  const object = server.store.buckets.get(bucket)?.objects.get(decodeURIComponent(key));
  if (object === undefined) throw new Refused(404, 'NoSuchKey');
  return object;
}

async function copied(server: S3Server, source: string, range?: string | string[]): Promise<Blob> {
  const { blobs, size } = sourceOf(server, source);
  const found = /^bytes=(\d+)-(\d+)$/.exec(String(range));
  const [start, end] = found === null ? [0, size] : [Number(found[1]), Number(found[2]) + 1];
  return server.store.keep(Readable.from(bytesOf(blobs, start, end), { objectMode: false }));
}

async function removeAll(bucket: Bucket, request: IncomingMessage): Promise<string> {
  for (const [, key] of (await textOf(request)).matchAll(/<Key>(.*?)<\/Key>/gs)) bucket.remove(unescaped(key!));
  return '<DeleteResult></DeleteResult>';
}
