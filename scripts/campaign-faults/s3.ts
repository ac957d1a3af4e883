// Faults of S3, and which of its requests have them.
import { readFileSync } from 'node:fs';
import { connector } from '../../connectors/s3/index.ts';
import { credentialOf } from '../../engine/secret.ts';
import { type S3Call, type S3Fault, startS3Server, testKey } from '../../test/servers/s3.ts';
import type { Bucket } from '../../test/servers/s3-store.ts';
import { type FaultKind, faultOf } from './faults.ts';
import { type FaultyStore, impatient, patience, somewhere } from './store.ts';

interface Token {
  /** What the store of credentials has, and what the server takes. */
  stored: string;
  taken: string;
}

const refusal = (status: number, code: string, retryAfter?: number): S3Fault => ({
  refuse: { status, code, message: code, ...(retryAfter === undefined ? {} : { retryAfter }) },
});

export async function s3Store(): Promise<FaultyStore> {
  const server = await startS3Server();
  const bucket = server.store.buckets.get('bucket')!;
  const token: Token = { stored: '0', taken: '0' };
  const take = (next: string) => {
    token.taken = next;
    server.keys.set(testKey.id, { secret: testKey.secret, token: next });
  };
  const credential = () =>
    credentialOf({ access_key_id: testKey.id, secret_access_key: testKey.secret, session_token: token.stored });
  const kinds = kindsOf(bucket, token, take);
  return {
    connector: impatient(connector, credential),
    path: 'a',
    kinds: kinds.map(({ kind }) => kind),
    config: (random) => ({
      bucket: 'bucket',
      region: 'us-east-1',
      endpoint: server.url,
      part_size: '5MiB',
      concurrency: 1 + Math.floor(random() * 3),
      checksums: random() < 0.7 ? 'when_supported' : 'when_required',
      read_timeout: patience.timeout,
    }),
    reset() {
      server.fault = () => undefined;
      server.store.uploads.clear();
      for (const { text } of bucket.keys()) bucket.remove(text);
      token.stored = '0';
      take('0');
    },
    disturb(weather) {
      if (weather === undefined) server.fault = () => undefined;
      // What was left is looked at at the end: its removal is not disturbed.
      else
        server.fault = (call) =>
          call.method === 'DELETE' ? undefined : faultOf(weather, kinds, call, requestOf(call));
    },
    mend() {
      server.fault = () => undefined;
      token.stored = token.taken;
    },
    bytes(path) {
      const stored = bucket.objects.get(path);
      return stored && Buffer.concat(stored.blobs.map(({ file }) => readFileSync(file)));
    },
    // Without a credential nothing can be taken away.
    leftovers: () =>
      token.stored === token.taken ? [...server.store.uploads.keys()].map((id) => `the unfinished upload ${id}`) : [],
    close: () => server.close(),
  };
}

function kindsOf(bucket: Bucket, token: Token, take: (next: string) => void): FaultKind<S3Call, S3Fault>[] {
  const expire = (renewed: boolean): S3Fault => {
    take(`${Number(token.taken) + 1}`);
    if (renewed) token.stored = token.taken;
    return {};
  };
  // Nobody can know of bytes that differ where the store tells no checksum, which is so for ranges and for what came in
  // parts. There TLS must do it, or the comparison afterwards with what the store tells of the whole.
  const isTold = ({ key, headers }: S3Call, verified: boolean) =>
    bucket.objects.get(key)?.blobs.length === 1
      ? headers['x-amz-checksum-mode'] === 'ENABLED' || verified
      : headers.range !== undefined && verified;
  // These answer before they are done, and may then have to say that they have failed.
  const late = new Set(['CompleteMultipartUpload', 'CopyObject', 'UploadPartCopy']);
  // Nobody can know of an upload whose beginning was never answered.
  const begins = ({ query }: S3Call) => query.has('uploads');
  const silence: S3Fault = { waitMs: patience.silentMs };
  const given = (call: S3Call) => call.method === 'GET' && call.key !== '';
  const taken = (call: S3Call) => call.method === 'PUT';
  return [
    { kind: '500', of: () => refusal(500, 'InternalError') },
    { kind: '503 slow down', of: () => refusal(503, 'SlowDown') },
    { kind: '503 with retry-after', of: () => refusal(503, 'ServiceUnavailable', 0) },
    { kind: '429', of: () => refusal(429, 'TooManyRequests') },
    { kind: '429 with retry-after', of: () => refusal(429, 'TooManyRequests', 0) },
    { kind: '400 request timeout', of: (call) => (taken(call) ? refusal(400, 'RequestTimeout') : undefined) },
    {
      kind: '200 with an error in it',
      of: (call) => (late.has(requestOf(call)) ? refusal(200, 'InternalError') : undefined),
    },
    { kind: '403', final: true, of: () => refusal(403, 'AccessDenied') },
    { kind: 'token expired, renewed', of: () => expire(true) },
    { kind: 'token expired for good', final: true, of: () => expire(false) },
    { kind: 'slow', of: (_, { random }) => ({ waitMs: Math.floor(random() * 20) }) },
    { kind: 'silent', of: (call, { random }) => (random() < 0.3 && !begins(call) ? silence : undefined) },
    { kind: 'download cut', of: (call, weather) => (given(call) ? { cutAfter: somewhere(weather) } : undefined) },
    { kind: 'upload cut', of: (call, weather) => (taken(call) ? { breakAfter: somewhere(weather) } : undefined) },
    {
      kind: 'length too large',
      of: (call, { random }) => (given(call) ? { tooLong: 1 + Math.floor(random() * 9) } : undefined),
    },
    {
      kind: 'length too small',
      of: (call, { random }) => (given(call) ? { tooLong: -1 - Math.floor(random() * 9) } : undefined),
    },
    {
      kind: 'checksum of a download',
      of: (call, { verified }) => (given(call) && isTold(call, verified) ? { corrupt: true } : undefined),
    },
    { kind: 'checksum of an upload', of: (call) => (taken(call) ? { corrupt: true } : undefined) },
    { kind: 'answer lost', of: (call) => (begins(call) ? undefined : { lose: true }) },
  ];
}

function requestOf({ method, key, query, headers }: S3Call): string {
  if (query.has('uploads')) return method === 'POST' ? 'CreateMultipartUpload' : 'ListMultipartUploads';
  if (query.has('uploadId')) {
    if (method === 'GET') return 'ListParts';
    return method === 'POST'
      ? 'CompleteMultipartUpload'
      : headers['x-amz-copy-source']
        ? 'UploadPartCopy'
        : 'UploadPart';
  }
  if (key === '') return query.has('delete') ? 'DeleteObjects' : 'ListObjectsV2';
  if (method === 'PUT') return headers['x-amz-copy-source'] ? 'CopyObject' : 'PutObject';
  if (method === 'HEAD') return 'HeadObject';
  return headers.range === undefined ? 'GetObject' : 'GetObject, a range';
}
