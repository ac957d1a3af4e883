// The stores of the fault campaign: servers of the tests, and what goes wrong with each.
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import type { ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connector as dropbox } from '../connectors/dropbox/index.ts';
import { connector as http } from '../connectors/http/index.ts';
import { connector as s3 } from '../connectors/s3/index.ts';
import { connector as sftp } from '../connectors/sftp/index.ts';
import type { AnyConnection } from '../engine/contracts/connector.ts';
import { credentialOf } from '../engine/secret.ts';
import { connectorContext } from '../test/conformance/files.ts';
import { type DropboxFault, startDropbox } from '../test/servers/dropbox.ts';
import { startHttpServer, storeHandler } from '../test/servers/http.ts';
import { type S3Fault, startS3Server } from '../test/servers/s3.ts';
import { testCredential } from '../test/servers/s3-storage.ts';
import { startSftpServer } from '../test/servers/sftp.ts';

export const mib = 1024 * 1024;
export type Random = () => number;

export interface FaultyStore {
  /** Of the file that goes there and back. */
  path: string;
  /** As before the first copy, and without faults. */
  reset(): void;
  open(random: Random): AnyConnection;
  /** From now on things go wrong, at a rate that chance names. */
  disturb(random: Random, bytes: number): void;
  /** Whether the file at `path` has these bytes. */
  has(content: Buffer): boolean;
  /** What a copy should have taken away. */
  leftovers(): string[];
  close(): Promise<void>;
}

export type StoreName = 's3' | 'http' | 'dropbox' | 'sftp';
export const faultyStores: Record<StoreName, () => Promise<FaultyStore>> = {
  s3: s3Store,
  http: httpStore,
  dropbox: dropboxStore,
  sftp: sftpStore,
};

function pick<T>(faults: readonly ((random: Random) => T)[], random: Random): T {
  return faults[Math.floor(random() * faults.length)]!(random);
}

const somewhere = (random: Random) => 1 + Math.floor(random() * 3 * mib);

const s3Faults: ((random: Random) => S3Fault)[] = [
  () => ({ refuse: { status: 500, code: 'InternalError', message: 'try again' } }),
  () => ({ refuse: { status: 503, code: 'SlowDown', message: 'slow down' } }),
  () => ({ refuse: { status: 429, code: 'TooManyRequests', message: 'wait', retryAfter: 0 } }),
  () => ({ refuse: { status: 400, code: 'ExpiredToken', message: 'expired' } }),
  () => ({ refuse: { status: 403, code: 'AccessDenied', message: 'no' } }),
  () => ({ refuse: { status: 400, code: 'RequestTimeout', message: 'idle' } }),
  (random) => ({ cutAfter: somewhere(random) }),
  (random) => ({ tooLong: 1 + Math.floor(random() * 9) }),
  (random) => ({ waitMs: Math.floor(random() * 20) }),
  () => ({ lose: true }),
  () => ({ corrupt: true }),
];

async function s3Store(): Promise<FaultyStore> {
  const server = await startS3Server();
  const bucket = server.store.buckets.get('bucket')!;
  return {
    path: 'a',
    reset() {
      server.fault = () => undefined;
      server.store.uploads.clear();
      bucket.remove('a');
    },
    open: (random) =>
      s3.open(
        {
          bucket: 'bucket',
          region: 'us-east-1',
          endpoint: server.url,
          part_size: '5MiB',
          concurrency: 1 + Math.floor(random() * 3),
          checksums: 'when_supported',
        },
        connectorContext('lake', { credential: testCredential }),
      ),
    disturb(random) {
      const rate = random() * 0.5;
      server.fault = (call) => {
        // What was left is looked at at the end: its removal is not disturbed.
        if (call.method === 'DELETE' || random() >= rate) return undefined;
        const fault = pick(s3Faults, random);
        // Nobody can know of an upload whose beginning was never answered; nor that bytes differ where the store tells
        // no checksum, which is so for ranges and for what came in parts. There TLS, or `verify: checksum`, must do it.
        if (fault.lose && call.query.has('uploads')) return undefined;
        const told = call.headers.range === undefined && bucket.objects.get(call.key)?.blobs.length === 1;
        return fault.corrupt && call.method === 'GET' && !told ? undefined : fault;
      };
    },
    has: (content) => {
      const stored = bucket.objects.get('a');
      return stored !== undefined && stored.size === content.length;
    },
    leftovers: () => [...server.store.uploads.keys()].map((id) => `the unfinished upload ${id}`),
    close: () => server.close(),
  };
}

interface HttpFault {
  status?: number;
  retryAfter?: number;
  waitMs?: number;
  /** Breaks the connection after so many bytes of the body, or says so many more than there are. */
  cutAfter?: number;
  tooLong?: number;
  /** Does it, and breaks the connection instead of answering. */
  lose?: boolean;
}

const httpFaults: ((random: Random) => HttpFault)[] = [
  () => ({ status: 500 }),
  () => ({ status: 503, retryAfter: 0 }),
  () => ({ status: 429 }),
  () => ({ status: 429, retryAfter: 0 }),
  () => ({ status: 401 }),
  () => ({ status: 403 }),
  (random) => ({ waitMs: Math.floor(random() * 20) }),
  (random) => ({ cutAfter: somewhere(random) }),
  (random) => ({ tooLong: 1 + Math.floor(random() * 9) }),
  () => ({ lose: true }),
];

async function httpStore(): Promise<FaultyStore> {
  const folder = mkdtempSync(join(tmpdir(), 'pipewright-faults-'));
  const server = await startHttpServer();
  const files: Parameters<typeof storeHandler>[1] = new Map();
  const store = storeHandler(folder, files);
  let next: () => HttpFault | undefined = () => undefined;
  server.otherwise(async (request, response, received) => {
    const { status, retryAfter, waitMs, ...broken } = next() ?? {};
    if (waitMs !== undefined) await new Promise((resolve) => setTimeout(resolve, waitMs));
    if (status === undefined) {
      breakAnswer(response, broken);
      return store(request, response, received);
    }
    request.resume();
    response.writeHead(status, retryAfter === undefined ? {} : { 'retry-after': String(retryAfter) }).end('no');
  });
  const stored = () => {
    const file = files.get('a');
    return file === undefined ? undefined : readFileSync(file.path);
  };
  return {
    path: 'a',
    reset() {
      next = () => undefined;
      for (const { path } of files.values()) rmSync(path);
      files.clear();
      server.received.length = 0;
    },
    open: () => http.open({ base_url: server.url, read_timeout: '5s' }, connectorContext('api')),
    disturb(random) {
      const rate = random() * 0.5;
      next = () => (random() < rate ? pick(httpFaults, random) : undefined);
    },
    has: (content) => stored()?.equals(content) === true,
    leftovers: () => [],
    async close() {
      await server.close();
      rmSync(folder, { recursive: true });
    },
  };
}

/** The answer breaks on its way, as the fault says. */
function breakAnswer(response: ServerResponse, { cutAfter, tooLong, lose }: HttpFault): void {
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

const expired = '{"error_summary":"expired_access_token/..","error":{".tag":"expired_access_token"}}';

const dropboxFaults: ((random: Random) => DropboxFault)[] = [
  () => ({ refuse: { status: 500, body: 'try again' } }),
  () => ({ refuse: { status: 503, body: '', headers: { 'retry-after': '0' } } }),
  () => ({ refuse: { status: 429, body: 'too_many_requests/..' } }),
  () => ({ refuse: { status: 429, body: 'too_many_requests/..', headers: { 'retry-after': '0' } } }),
  () => ({ refuse: { status: 401, body: expired, headers: { 'content-type': 'application/json' } } }),
  () => ({ refuse: { status: 400, body: 'what you ask for is wrong' } }),
  (random) => ({ cutAfter: somewhere(random) }),
  (random) => ({ tooLong: 1 + Math.floor(random() * 9) }),
  (random) => ({ waitMs: Math.floor(random() * 20) }),
  () => ({ lose: true }),
  () => ({ corrupt: true }),
];

async function dropboxStore(): Promise<FaultyStore> {
  const server = await startDropbox();
  const tokens = { access_token: 'good-token', refresh_token: server.refresh.token };
  server.tokens.add(server.refresh.gives);
  let count = 0;
  return {
    // A name of its own for each, as an old revision stays.
    get path() {
      return `f${count}`;
    },
    reset() {
      server.fault = () => undefined;
      count++;
    },
    open: () =>
      dropbox.open(
        { base_url: server.url, client_id: 'app-key', part_size: '4MiB' },
        connectorContext('box', { credential: credentialOf(tokens) }),
      ),
    disturb(random) {
      const rate = random() * 0.5;
      server.fault = () => (random() < rate ? pick(dropboxFaults, random) : undefined);
    },
    has: (content) => server.bytesOf(`/f${count}`)?.equals(content) === true,
    leftovers: () => [],
    close: () => server.close(),
  };
}

/** Its sessions break; a file or a refusal of it is what the connector's own tests look at. */
async function sftpStore(): Promise<FaultyStore> {
  const folder = mkdtempSync(join(tmpdir(), 'pipewright-faults-'));
  const server = await startSftpServer({ folder });
  return {
    path: 'a',
    reset() {
      server.breakAfter(Number.POSITIVE_INFINITY);
      for (const name of readdirSync(folder)) rmSync(join(folder, name));
    },
    open: () =>
      sftp.open(
        { host: '127.0.0.1', port: server.port, user: 'tester', host_key: server.fingerprint },
        connectorContext('files', { credential: credentialOf({ password: 'open sesame' }) }),
      ),
    disturb: (random, bytes) => server.breakAfter(1 + Math.floor(random() * 1.5 * (bytes + 100))),
    has: (content) => readFileSync(join(folder, 'a')).equals(content),
    leftovers: () => readdirSync(folder).filter((name) => name !== 'a'),
    async close() {
      await server.close();
      rmSync(folder, { recursive: true });
    },
  };
}
