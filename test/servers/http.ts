// A web server on this machine that answers as it is told, and remembers what it was asked.
import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream, statSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { testCertificate, testKey } from './certificate.ts';

interface Received {
  method: string;
  /** Path and query. */
  url: string;
  headers: IncomingMessage['headers'];
  /** The body once all of it is here; rejects when the other side broke off. A handler that reads the request itself leaves this alone. */
  readonly body: Promise<Buffer>;
  /** Resolves when this exchange's connection is closed. */
  closed: Promise<void>;
}

export interface Answer {
  status?: number;
  headers?: Record<string, string>;
  body?: string | Uint8Array;
  /** Breaks the connection after so many bytes of the body; 0: after the headers. */
  cutAfter?: number;
  /** With `cutAfter`: when it breaks. Absent: as soon as what was sent is on its way, which may be before it is read. */
  cutWhen?: Promise<void>;
  /** Says nothing more: at all, or after so many bytes of the body. */
  hang?: 'at once' | number;
  /** Sends the body in pieces of so many bytes, a turn of the event loop or so many milliseconds apart. */
  drip?: { bytes: number; ms?: number };
  /** `false`: without a length, in chunks. A number: that one, right or wrong. */
  contentLength?: number | false;
  /** Knows ranges, and has this strong ETag (or Last-Modified in `headers`). */
  ranges?: boolean;
}

export type Handler = (request: IncomingMessage, response: ServerResponse, received: Received) => void | Promise<void>;

export interface HttpServer {
  /** `http://127.0.0.1:12345`, without a slash at the end. */
  url: string;
  host: string;
  received: Received[];
  /** What `METHOD /path` (without query) answers: in turn, the last one from then on. */
  on(route: string, ...answers: (Answer | Handler)[]): void;
  /** What every other address answers; 404 if nothing is said. */
  otherwise(handler: Handler): void;
  close(): Promise<void>;
}

export async function startHttpServer({ tls = false }: { tls?: boolean } = {}): Promise<HttpServer> {
  const routes = new Map<string, (Answer | Handler)[]>();
  const received: Received[] = [];
  const sockets = new Set<Socket>();
  let fallback: Handler = (_, response) => {
    response.writeHead(404, { 'content-type': 'text/plain' }).end('there is nothing here');
  };

  const handle = (request: IncomingMessage, response: ServerResponse) => {
    const { method = '', url = '', headers } = request;
    let body: Promise<Buffer> | undefined;
    const exchange: Received = {
      method,
      url,
      headers,
      get body() {
        body ??= bodyOf(request);
        return body;
      },
      closed: new Promise((resolve) => request.socket.once('close', () => resolve())),
    };
    received.push(exchange);
    const answers = routes.get(`${method} ${url.split('?')[0]}`);
    const answer = answers === undefined ? fallback : answers.length > 1 ? answers.shift()! : answers[0]!;
    if (typeof answer !== 'function') exchange.body.catch(() => {});
    const done = typeof answer === 'function' ? answer(request, response, exchange) : give(answer, request, response);
    Promise.resolve(done).catch((error: Error) => response.destroy(error));
  };
  const server: Server = tls ? createTlsServer({ key: testKey, cert: testCertificate }, handle) : createServer(handle);
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    // One listener for each request that comes over it.
    socket.setMaxListeners(0);
    socket.once('close', () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    url: `${tls ? 'https' : 'http'}://${host}`,
    host,
    received,
    on: (route, ...answers) => void routes.set(route, answers),
    otherwise: (handler) => {
      fallback = handler;
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  return Buffer.concat(chunks);
}

async function give(answer: Answer, request: IncomingMessage, response: ServerResponse): Promise<void> {
  if (answer.hang === 'at once') return;
  const whole = Buffer.from(answer.body ?? '');
  const headers: Record<string, string> = { ...answer.headers };
  let { status = 200 } = answer;
  let body = whole;
  if (answer.ranges) {
    headers['accept-ranges'] = 'bytes';
    if (headers['last-modified'] === undefined) headers.etag ??= etagOf(whole);
    const range = wantedRange(request, headers, whole.length);
    if (range === 'none') {
      response.writeHead(416, { 'content-range': `bytes */${whole.length}` }).end();
      return;
    }
    if (range !== undefined) {
      status = 206;
      headers['content-range'] = `bytes ${range.start}-${range.end - 1}/${whole.length}`;
      body = whole.subarray(range.start, range.end);
    }
  }
  if (answer.contentLength !== false) headers['content-length'] = String(answer.contentLength ?? body.length);
  response.writeHead(status, headers);
  response.flushHeaders();
  if (request.method === 'HEAD') {
    response.end();
    return;
  }
  const { cutAfter, hang, drip } = answer;
  const sent = body.subarray(0, cutAfter ?? hang ?? body.length);
  await sendAll(response, sent, drip);
  if (hang !== undefined) return;
  await answer.cutWhen;
  // What was written goes out before the connection breaks.
  if (cutAfter !== undefined || answer.contentLength) response.socket?.destroySoon();
  else response.end();
}

async function sendAll(response: ServerResponse, body: Buffer, drip: Answer['drip']): Promise<void> {
  const step = drip?.bytes ?? Math.max(1, body.length);
  for (let at = 0; at < body.length; at += step) {
    if (response.destroyed) return;
    await new Promise<void>((resolve) => response.write(body.subarray(at, at + step), () => resolve()));
    if (drip !== undefined)
      await new Promise((resolve) => (drip.ms ? setTimeout(resolve, drip.ms) : setImmediate(resolve)));
  }
}

function etagOf(bytes: Uint8Array): string {
  return `"${createHash('sha256').update(bytes).digest('hex').slice(0, 16)}"`;
}

/** The range that is asked for, by RFC 9110, 14; undefined when the whole is wanted, `none` when it cannot be given. */
function wantedRange(
  request: IncomingMessage,
  headers: Record<string, string>,
  length: number,
): { start: number; end: number } | 'none' | undefined {
  const found = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? '');
  const condition = request.headers['if-range'];
  if (
    found === null ||
    (condition !== undefined && condition !== headers.etag && condition !== headers['last-modified'])
  ) {
    return undefined;
  }
  const start = Number(found[1]);
  const end = found[2] === '' ? length : Math.min(length, Number(found[2]) + 1);
  return start >= end ? 'none' : { start, end };
}

/** What a store keeps of a file; its bytes are in a file of the same number in the store's folder. */
interface Kept {
  path: string;
  size: number;
  type: string;
  modified: Date;
}

/** Keeps what is PUT in `folder`, gives it back with ranges and conditions. `files` has what is there, by decoded path. */
export function storeHandler(folder: string, files: Map<string, Kept>): Handler {
  let count = 0;
  return async (request, response) => {
    const name = decodeURIComponent(request.url!.split('?')[0]!.slice(1));
    const file = files.get(name);
    if (request.method === 'PUT') {
      const path = join(folder, String(count++));
      // Rejects, and keeps nothing, when the body does not come whole.
      await pipeline(request, createWriteStream(path));
      if (request.headers['if-none-match'] === '*' && files.has(name)) {
        response.writeHead(412).end();
        return;
      }
      const type = request.headers['content-type'] ?? '';
      files.set(name, { path, size: statSync(path).size, type, modified: new Date() });
      response.writeHead(201).end();
    } else if (name === '') {
      response.writeHead(200).end();
    } else if (file === undefined) {
      response.writeHead(404, { 'content-type': 'text/plain' }).end('no such file');
    } else {
      const headers: Record<string, string> = {
        'content-type': file.type,
        'last-modified': file.modified.toUTCString(),
        'accept-ranges': 'bytes',
        etag: `"${file.path.split('/').at(-1)}"`,
      };
      const range = wantedRange(request, headers, file.size);
      if (range === 'none') {
        response.writeHead(416, { 'content-range': `bytes */${file.size}` }).end();
        return;
      }
      const { start, end } = range ?? { start: 0, end: file.size };
      if (range !== undefined) headers['content-range'] = `bytes ${start}-${end - 1}/${file.size}`;
      response.writeHead(range === undefined ? 200 : 206, { ...headers, 'content-length': String(end - start) });
      if (request.method === 'HEAD' || start === end) response.end();
      else await pipeline(createReadStream(file.path, { start, end: end - 1 }), response);
    }
  };
}
