// PutObject, GetObject, ListObjectsV2 and DeleteObjects without the SDK, whose work on each request is more than all the rest of a small file.
import { createHmac, hash } from 'node:crypto';
import type { Readable } from 'node:stream';
import type { Agent, Dispatcher } from 'undici';
import { durationMs } from '../../engine/duration.ts';
import { onAbort } from '../shared/abort.ts';
import { createAgent } from '../shared/http/agent.ts';
import type { Config } from './client.ts';

export interface DirectRequest {
  method: 'GET' | 'HEAD' | 'PUT' | 'POST';
  bucket: string;
  /** Empty for the bucket itself. */
  key: string;
  /** By name; undefined ones are left out. */
  query?: Record<string, string | undefined>;
  /** By lower-case name; undefined ones are left out. */
  headers: Record<string, string | undefined>;
  body?: Uint8Array;
  signal: AbortSignal;
}

export interface Head {
  status: number;
  headers: Record<string, string | string[] | undefined>;
}

export type DirectAnswer<Body> = Head & { body: Body };

export interface Keys {
  accessKeyId: string;
  secretAccessKey: string;
  sessionToken?: string | undefined;
}

export interface Identity {
  region: string;
  credentials(): Promise<Keys>;
}

export interface Direct {
  /** Rejects with an error like the SDK's where the answer is none. */
  send(request: DirectRequest): Promise<DirectAnswer<Readable>>;
  /** The same, with the whole body in memory. `begun` may throw at what the head of a good answer says. */
  take(request: DirectRequest, begun?: (head: Head) => void): Promise<DirectAnswer<Uint8Array[]>>;
  close(): Promise<void>;
}

/** A page of a listing has one or two million bytes at most. */
const mostTakenBytes = 64 * 1024 * 1024;
const emptyPayload = sha256('');

/** Signs as "Create a signed AWS API request" of the IAM User Guide says. */
export function createDirect(config: Config, identity: Identity): Direct {
  const base = new URL(config.endpoint ?? `https://s3.${identity.region}.amazonaws.com`);
  const pathStyle = isPathStyle(config);
  const root = base.pathname.replace(/\/+$/, '');
  const readMs = durationMs(config.read_timeout ?? '60s');
  const agent = createAgent({
    connect: { timeout: durationMs(config.connect_timeout ?? '10s') },
    headersTimeout: readMs,
    bodyTimeout: readMs,
    pipelining: 1,
  });
  /** By how much the store's clock is ahead, as it has said when it found ours too far off. */
  let aheadMs = 0;
  let signing: { for: string; key: Buffer } | undefined;

  const signingKey = (secret: string, day: string): Buffer => {
    const name = `${secret} ${day}`;
    if (signing?.for !== name) {
      const key = hmac(hmac(hmac(hmac(`AWS4${secret}`, day), identity.region), 's3'), 'aws4_request');
      signing = { for: name, key };
    }
    return signing.key;
  };
  const signed = async (
    method: string,
    host: string,
    path: string,
    query: string,
    given: Record<string, string>,
    body: Uint8Array | undefined,
  ): Promise<Record<string, string>> => {
    const payload = body === undefined ? emptyPayload : sha256(body);
    const { accessKeyId, secretAccessKey, sessionToken } = await identity.credentials();
    const time = new Date(Date.now() + aheadMs).toISOString().replace(/[-:]|\.\d+/g, '');
    const headers: Record<string, string> = { ...given, host, 'x-amz-content-sha256': payload, 'x-amz-date': time };
    if (sessionToken !== undefined) headers['x-amz-security-token'] = sessionToken;
    const names = Object.keys(headers).sort();
    const lines = names.map((name) => `${name}:${headers[name]!.trim().replace(/ +/g, ' ')}`);
    const canonical = [method, path, query, ...lines, '', names.join(';'), payload].join('\n');
    const day = time.slice(0, 8);
    const scope = `${day}/${identity.region}/s3/aws4_request`;
    const text = ['AWS4-HMAC-SHA256', time, scope, sha256(canonical)].join('\n');
    const signature = hmac(signingKey(secretAccessKey, day), text).toString('hex');
    headers.authorization = `AWS4-HMAC-SHA256 Credential=${accessKeyId}/${scope}, SignedHeaders=${names.join(';')}, Signature=${signature}`;
    return headers;
  };

  const prepared = async ({ method, bucket, key, query: asked = {}, headers: wanted, body }: DirectRequest) => {
    const host = pathStyle ? base.host : `${bucket}.${base.host}`;
    const path = `${root}/${pathStyle ? `${bucket}/` : ''}${key.split('/').map(encoded).join('/')}`;
    const query = Object.keys(asked)
      .filter((name) => asked[name] !== undefined)
      .sort()
      .map((name) => `${encoded(name)}=${encoded(asked[name]!)}`)
      .join('&');
    const given: Record<string, string> = {};
    for (const [name, value] of Object.entries(wanted)) if (value !== undefined) given[name] = value;
    const headers = config.anonymous ? { ...given, host } : await signed(method, host, path, query, given, body);
    return {
      origin: `${base.protocol}//${host}`,
      path: query === '' ? path : `${path}?${query}`,
      method,
      headers,
      ...(body === undefined ? {} : { body }),
    };
  };

  const refused = (status: number, headers: Head['headers'], body: string): Error => {
    const error = serviceError(status, headers, body);
    const now = error.name === 'RequestTimeTooSkewed' ? Date.parse(String(headers.date)) : Number.NaN;
    if (!Number.isNaN(now)) aheadMs = now - Date.now();
    return error;
  };

  return {
    async send(request) {
      const asked = await prepared(request);
      const { statusCode: status, headers, body } = await agent.request({ ...asked, signal: request.signal });
      const incoming = body as unknown as Readable;
      // One that is dropped emits an error that nobody waits for.
      incoming.on('error', () => {});
      if (isGood(status)) return { status, headers, body: incoming };
      throw refused(status, headers, await body.text());
    },

    async take(request, begun) {
      const answer = await taken(agent, await prepared(request), request.signal, begun);
      if (isGood(answer.status)) return answer;
      throw refused(answer.status, answer.headers, Buffer.concat(answer.body).toString());
    },

    close: () => agent.destroy(),
  };
}

function isPathStyle({ path_style, endpoint }: Config): boolean {
  return path_style ?? endpoint !== undefined;
}

/** Whether it needs nothing but its name: a dot would not fit the certificate, and other names are no plain buckets. */
export function isPlainBucket(config: Config, bucket: string): boolean {
  if (!isPathStyle(config) && !/^[a-z0-9-]+$/.test(bucket)) return false;
  return /^[\w.-]+$/.test(bucket) && !bucket.endsWith('--x-s3');
}

function isGood(status: number): boolean {
  return status >= 200 && status < 300;
}

/** Without a stream, which is more work than a small body. */
function taken(
  agent: Agent,
  request: Dispatcher.DispatchOptions,
  signal: AbortSignal,
  begun: ((head: Head) => void) | undefined,
): Promise<DirectAnswer<Uint8Array[]>> {
  return new Promise((resolve, reject) => {
    const answer: DirectAnswer<Uint8Array[]> = { status: 0, headers: {}, body: [] };
    let off = () => {};
    let bytes = 0;
    agent.dispatch(request, {
      onRequestStart(controller) {
        off = onAbort(signal, () => controller.abort(signal.reason));
      },
      onResponseStart(controller, status, headers) {
        answer.status = status;
        answer.headers = headers;
        try {
          if (isGood(status)) begun?.(answer);
        } catch (error) {
          controller.abort(error as Error);
        }
      },
      onResponseData(controller, chunk) {
        answer.body.push(chunk);
        bytes += chunk.length;
        if (bytes > mostTakenBytes) controller.abort(new Error(`the answer has more than ${mostTakenBytes} bytes`));
      },
      onResponseEnd() {
        off();
        resolve(answer);
      },
      onResponseError(_, error) {
        off();
        reject(error);
      },
    });
  });
}

/** As the headers of checksums have it. */
export function crc32Text(sum: number): string {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(sum);
  return bytes.toString('base64');
}

function serviceError(status: number, headers: Head['headers'], body: string): Error {
  const field = (name: string) => new RegExp(`<${name}>([^<]*)</${name}>`).exec(body)?.[1];
  const error = new Error(field('Message') ?? 'UnknownError');
  error.name = field('Code') ?? 'Unknown';
  return Object.assign(error, {
    Region: field('Region'),
    $metadata: { httpStatusCode: status },
    $response: { statusCode: status, headers },
  });
}

function encoded(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

function sha256(data: string | Uint8Array): string {
  return hash('sha256', data, 'hex');
}

function hmac(key: string | Buffer, data: string): Buffer {
  return createHmac('sha256', key).update(data).digest();
}
