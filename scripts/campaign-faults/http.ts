// Faults of a web server that keeps files, and which of its requests have them.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connector } from '../../connectors/http/index.ts';
import { credentialOf } from '../../engine/secret.ts';
import { startHttpServer, storeHandler } from '../../test/servers/http.ts';
import { type FaultKind, faultOf, type Weather } from './faults.ts';
import { type FaultyStore, impatient, patience, somewhere } from './store.ts';

interface HttpFault {
  status?: number;
  retryAfter?: number;
  waitMs?: number;
  /** Breaks the connection after so many bytes of the body of the answer, or of the request. */
  cutAfter?: number;
  breakAfter?: number;
  /** Says so many bytes more than there are. */
  tooLong?: number;
  /** Does it, and breaks the connection instead of answering. */
  lose?: boolean;
}

interface Token {
  stored: string;
  taken: string;
}

export async function httpStore(): Promise<FaultyStore> {
  const folder = mkdtempSync(join(tmpdir(), 'pipewright-faults-'));
  const server = await startHttpServer();
  const files: Parameters<typeof storeHandler>[1] = new Map();
  const store = storeHandler(folder, files);
  const token: Token = { stored: '0', taken: '0' };
  const kinds = kindsOf(token);
  let now: Weather | undefined;
  server.otherwise(async (request, response, received) => {
    const fault = (now && faultOf(now, kinds, request, requestOf(request))) ?? {};
    const { status, retryAfter, waitMs, ...broken } = fault;
    if (waitMs !== undefined) await new Promise((resolve) => setTimeout(resolve, waitMs));
    // Who waited no longer has gone, and nobody knows whether it was done: here it is not.
    if (request.socket.destroyed) return;
    const refused = status ?? (request.headers.authorization === `Bearer ${token.taken}` ? undefined : 401);
    if (refused === undefined) {
      breakAnswer(request, response, broken);
      return store(request, response, received);
    }
    request.resume();
    response.writeHead(refused, retryAfter === undefined ? {} : { 'retry-after': String(retryAfter) }).end('no');
  });
  return {
    connector: impatient(connector, () => credentialOf({ token: token.stored })),
    path: 'a',
    kinds: kinds.map(({ kind }) => kind),
    config: () => ({ base_url: server.url, auth: 'bearer', read_timeout: patience.timeout }),
    reset() {
      now = undefined;
      for (const { path } of files.values()) rmSync(path);
      files.clear();
      server.received.length = 0;
      token.stored = '0';
      token.taken = '0';
    },
    disturb(weather) {
      now = weather;
    },
    mend() {
      now = undefined;
      token.stored = token.taken;
    },
    bytes(path) {
      const file = files.get(path);
      return file && readFileSync(file.path);
    },
    leftovers: () => [],
    async close() {
      await server.close();
      rmSync(folder, { recursive: true });
    },
  };
}

function kindsOf(token: Token): FaultKind<IncomingMessage, HttpFault>[] {
  const expire = (renewed: boolean): HttpFault => {
    token.taken = `${Number(token.taken) + 1}`;
    if (renewed) token.stored = token.taken;
    return {};
  };
  const given = ({ method }: IncomingMessage, fault: HttpFault) => (method === 'GET' ? fault : undefined);
  const taken = ({ method }: IncomingMessage, fault: HttpFault) => (method === 'PUT' ? fault : undefined);
  return [
    { kind: '500', of: () => ({ status: 500 }) },
    { kind: '502', of: () => ({ status: 502 }) },
    { kind: '503', of: () => ({ status: 503 }) },
    { kind: '503 with retry-after', of: () => ({ status: 503, retryAfter: 0 }) },
    { kind: '429', of: () => ({ status: 429 }) },
    { kind: '429 with retry-after', of: () => ({ status: 429, retryAfter: 0 }) },
    { kind: '403', final: true, of: () => ({ status: 403 }) },
    { kind: 'token expired, renewed', of: () => expire(true) },
    { kind: 'token expired for good', final: true, of: () => expire(false) },
    { kind: 'slow', of: (_, { random }) => ({ waitMs: Math.floor(random() * 20) }) },
    { kind: 'silent', of: (_, { random }) => (random() < 0.3 ? { waitMs: patience.silentMs } : undefined) },
    { kind: 'download cut', of: (call, weather) => given(call, { cutAfter: somewhere(weather) }) },
    { kind: 'upload cut', of: (call, weather) => taken(call, { breakAfter: somewhere(weather) }) },
    // Where it says fewer than there are, nobody can know: it is what is there, for all that is told.
    { kind: 'length too large', of: (call, { random }) => given(call, { tooLong: 1 + Math.floor(random() * 9) }) },
    { kind: 'answer lost', of: () => ({ lose: true }) },
  ];
}

function requestOf({ method, headers }: IncomingMessage): string {
  return headers.range === undefined ? `${method}` : `${method}, a range`;
}

/** The request or its answer breaks on its way, as the fault says. */
function breakAnswer(
  request: IncomingMessage,
  response: ServerResponse,
  { cutAfter, breakAfter, tooLong, lose }: HttpFault,
): void {
  if (breakAfter !== undefined) breakRequest(request, breakAfter);
  if (cutAfter !== undefined) {
    const write = response.write.bind(response) as (chunk: Uint8Array) => boolean;
    let left = cutAfter;
    response.write = (chunk: Uint8Array) => {
      left -= chunk.length;
      if (left < 0) response.socket?.destroySoon();
      return left < 0 ? false : write(chunk);
    };
  }
  if (tooLong !== undefined) {
    const writeHead = response.writeHead.bind(response) as (status: number, headers: object) => ServerResponse;
    response.writeHead = ((status: number, headers: Record<string, string> = {}) => {
      const length = Number(headers['content-length'] ?? 0) + tooLong;
      return writeHead(status, { ...headers, 'content-length': String(length), connection: 'close' });
    }) as typeof response.writeHead;
    response.once('finish', () => response.socket?.destroySoon());
  }
  if (lose) {
    response.end = () => {
      response.socket?.destroy();
      return response;
    };
  }
}

/** Breaks the connection once so many bytes of the body have come. */
function breakRequest(request: IncomingMessage, bytes: number): void {
  let left = bytes;
  const push = request.push.bind(request);
  request.push = (chunk, encoding) => {
    left -= chunk?.length ?? 0;
    if (left >= 0) return push(chunk, encoding);
    request.destroy();
    return false;
  };
}
