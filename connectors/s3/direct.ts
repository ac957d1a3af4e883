// PutObject, GetObject, ListObjectsV2 and DeleteObjects without the SDK, whose work on each request is more than all the rest of a small file.
import type { Readable } from 'node:stream';
import type { Agent, Dispatcher } from 'undici';
import { durationMs } from '../../engine/duration.ts';
import { onAbort } from '../shared/abort.ts';
import { createAgent } from '../shared/http/agent.ts';
import type { Config } from './client.ts';
import { createSigner, encoded, encodedKey, type Keys } from './sign.ts';

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
  const sign = createSigner(identity.region);

  const prepared = async ({ method, bucket, key, query: asked = {}, headers: wanted, body }: DirectRequest) => {
    const host = pathStyle ? base.host : `${bucket}.${base.host}`;
    const path = `${root}/${pathStyle ? `${bucket}/` : ''}${encodedKey(key)}`;
    const query = Object.keys(asked)
      .filter((name) => asked[name] !== undefined)
      .sort()
      .map((name) => `${encoded(name)}=${encoded(asked[name]!)}`)
      .join('&');
    const given: Record<string, string> = {};
    for (const [name, value] of Object.entries(wanted)) if (value !== undefined) given[name] = value;
    const request = { method, host, path, query, headers: given, body, nowMs: Date.now() + aheadMs };
    const headers = config.anonymous ? { ...given, host } : sign(request, await identity.credentials());
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
