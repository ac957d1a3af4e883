// The http connector: a storage, requests, and what goes into and comes out of them.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { brotliCompressSync, gzipSync } from 'node:zlib';
import { describe, expect, onTestFinished, test } from 'vitest';
import { connector } from '../../connectors/http/index.ts';
import type { Response } from '../../engine/contracts/connector.ts';
import { credentialOf } from '../../engine/secret.ts';
import { connectorContext, fileOf, get, itemAt, never, put, streamOf, writeOptions } from '../conformance/files.ts';
import { describeStorage } from '../conformance/storage.ts';
import { collect, failureOf } from '../conformance/streams.ts';
import { startHttpServer, storeHandler } from '../servers/http.ts';

describeStorage('http', {
  connector,
  folders: false,
  append: false,
  exclusive: true,
  severalFiles: false,
  pathOf: encodeURIComponent,
  async open() {
    const server = await startHttpServer();
    const folder = mkdtempSync(join(tmpdir(), 'pipewright-store-'));
    const files: Parameters<typeof storeHandler>[1] = new Map();
    const store = storeHandler(folder, files);
    server.otherwise(store);
    return {
      connection: connector.open({ base_url: server.url }, connectorContext('store')),
      contents: async () => [...files.keys()].sort(),
      async deny(connection, closed) {
        server.otherwise((request, response, received) => {
          if (!request.url!.startsWith(`/${closed}/`)) return store(request, response, received);
          request.resume();
          response.writeHead(403).end();
        });
        // The server tells 403 for whoever asks: the login, or what it may do.
        return { connection, code: 'CREDENTIAL_REFUSED', allow: async () => server.otherwise(store) };
      },
      async close() {
        await server.close();
        rmSync(folder, { recursive: true });
      },
    };
  },
});

type Config = Parameters<typeof connector.open>[0];

async function serverWith(config: Config = {}, credential: Record<string, string> = {}) {
  const server = await startHttpServer();
  const connection = connector.open(
    { base_url: `${server.url}/v1/`, ...config },
    connectorContext('my-api', { credential: credentialOf(credential) }),
  );
  onTestFinished(async () => {
    await connection.close();
    await server.close();
  });
  return { server, connection };
}

function publicWeb() {
  const connection = connector.open({}, connectorContext(''));
  onTestFinished(() => connection.close());
  return connection;
}

async function textOf(response: Response): Promise<string> {
  return Buffer.concat(await collect(response.body)).toString();
}

describe('a file of the web', () => {
  test('by its URL', async () => {
    const { server } = await serverWith();
    const headers = { 'content-type': 'text/csv; charset=utf-8', 'last-modified': 'Thu, 01 Jan 2026 10:00:00 GMT' };
    server.on('GET /data/a%20b.csv', { body: 'a,b\n1,2\n', headers });
    const url = `${server.url}/data/a b.csv?year=2026#part`;
    const item = await itemAt(publicWeb(), url);
    expect(item).toMatchObject({
      name: 'a b.csv',
      path: url,
      contentType: 'text/csv; charset=utf-8',
      size: 8,
      modified: '2026-01-01T10:00:00.000Z',
    });
    expect(Buffer.concat(await collect(item.open())).toString()).toBe('a,b\n1,2\n');
    expect(server.received).toHaveLength(1);
    expect(server.received[0]!.url).toBe('/data/a%20b.csv?year=2026');
  });

  test.each([
    ['attachment; filename="report 2026.csv"', 'report 2026.csv'],
    ['attachment; filename=plain.csv', 'plain.csv'],
    [`attachment; filename="x.csv"; filename*=UTF-8''%E2%82%AC.csv`, '€.csv'],
    ['attachment; filename="../../etc/passwd"', 'passwd'],
    ['attachment; filename=".."', 'download'],
    ['inline', 'download'],
  ])('is named as the server says: %s', async (disposition, name) => {
    const { server } = await serverWith();
    server.on('GET /download', { headers: { 'content-disposition': disposition } });
    expect((await itemAt(publicWeb(), `${server.url}/download`)).name).toBe(name);
  });

  test.each([
    ['gzip', gzipSync('a,b\n'.repeat(5000))],
    ['br', brotliCompressSync('a,b\n'.repeat(5000))],
  ])('that comes with %s is decoded', async (encoding, body) => {
    const { server } = await serverWith();
    server.on('GET /a.csv', { body, headers: { 'content-encoding': encoding, 'content-type': 'text/csv' } });
    const item = await itemAt(publicWeb(), `${server.url}/a.csv`);
    expect(item.size).toBeUndefined();
    expect(item.contentEncoding).toBeUndefined();
    expect(Buffer.concat(await collect(item.open())).toString()).toBe('a,b\n'.repeat(5000));
    expect(server.received[0]!.headers['accept-encoding']).toBe('gzip, br');
    for await (const _ of item.open()) break;
  });

  test('that is compressed by its name stays as it is', async () => {
    const { server } = await serverWith();
    const body = gzipSync('a,b\n');
    server.on('GET /a.csv.gz', { body, headers: { 'content-encoding': 'gzip', 'content-type': 'text/csv' } });
    expect(await get(publicWeb(), `${server.url}/a.csv.gz`)).toEqual(body);
    expect(server.received[0]!.headers['accept-encoding']).toBe('identity');
  });

  test('is asked for at once, and its bytes are not taken before they are wanted', async () => {
    const { server } = await serverWith();
    const body = Buffer.alloc(50_000_000);
    let sent = 0;
    server.on('GET /a', (_, response) => {
      response.writeHead(200, { 'content-length': String(body.length) });
      const more = () => {
        while (sent < body.length) {
          sent += 100_000;
          if (!response.write(body.subarray(sent - 100_000, sent))) return void response.once('drain', more);
        }
        response.end();
      };
      more();
    });
    server.on('GET /next', { body: 'x' });
    const connection = connector.open({}, connectorContext(''));
    const item = await itemAt(connection, `${server.url}/a`);
    await get(connection, `${server.url}/next`);
    expect(sent).toBeLessThan(body.length);
    expect((await collect(item.open())).reduce((sum, chunk) => sum + chunk.length, 0)).toBe(body.length);
    expect(server.received).toHaveLength(2);
    await connection.close();
  });

  test('a range from a server that knows none', async () => {
    const { server } = await serverWith();
    server.on('GET /a', { body: '0123456789' });
    const web = publicWeb();
    expect((await get(web, `${server.url}/a`, { start: 3, end: 6 })).toString()).toBe('345');
    expect((await get(web, `${server.url}/a`, { start: 7 })).toString()).toBe('789');
    expect((await get(web, `${server.url}/a`, { start: 20 })).toString()).toBe('');
    expect(server.received[1]!.headers).toMatchObject({ range: 'bytes=3-5', 'accept-encoding': 'identity' });
  });

  test('is described by HEAD, or by GET where there is no HEAD', async () => {
    const { server } = await serverWith();
    const headers = { 'content-type': 'text/csv' };
    server.on('HEAD /a.csv', { body: 'abc', headers });
    server.on('HEAD /b.csv', { status: 405 });
    server.on('GET /b.csv', { body: 'abcd', headers });
    const describe = (name: string) => publicWeb().describe(`${server.url}/${name}`, { signal: never });
    expect(await describe('a.csv')).toEqual({ kind: 'file', size: 3, contentType: 'text/csv' });
    expect(await describe('b.csv')).toEqual({ kind: 'file', size: 4, contentType: 'text/csv' });
  });

  test.each([
    ['http://user:s3cr3t@host/a', 'auth: basic'],
    ['http://token@host/a', 'auth: basic'],
    ['ftp://host/a', 'only http and https'],
    ['http://', 'is no URL'],
    ['a.csv', 'is no URL'],
  ])('is refused: %s', async (url, why) => {
    const error = await failureOf(publicWeb().read(url, { signal: never }));
    expect(error).toMatchObject({ code: 'PATH_INVALID', message: expect.stringContaining(why) });
    expect(JSON.stringify(error)).not.toMatch(/s3cr3t|token@/);
  });
});

describe('a request', () => {
  test('is put together from the connection and what is asked for', async () => {
    const { server, connection } = await serverWith({
      headers: { Accept: 'application/json', 'X-Team': 'a' },
      query: { 'api-version': '2026-01', lang: 'en' },
    });
    server.on('GET /v1/items', { body: '[]', headers: { 'X-Total': '7' } });
    const response = await connection.request(
      {
        url: 'items?lang=de',
        headers: { 'x-team': 'b' },
        query: { status: ['open', 'paid'], page: 2, big: 12345678901234567890n, flag: true, none: null },
      },
      { signal: never },
    );
    expect(response).toMatchObject({ status: 200, headers: { 'x-total': '7' } });
    expect(await textOf(response)).toBe('[]');
    const [{ url, headers, method }] = server.received as [(typeof server.received)[0]];
    expect(method).toBe('GET');
    expect(headers).toMatchObject({ accept: 'application/json', 'x-team': 'b', 'user-agent': 'pipewright' });
    expect(url).toBe(
      '/v1/items?lang=de&api-version=2026-01&status=open&status=paid&page=2&big=12345678901234567890&flag=true',
    );
    expect(response.url).toBe(`${server.url}${url}`);
  });

  test.each([
    ['items', '/v1/items'],
    ['/items', '/v1/items'],
    ['items/é ü', '/v1/items/%C3%A9%20%C3%BC'],
    ['items%2F1', '/v1/items%2F1'],
    ['//other.example/x', '/v1/other.example/x'],
    ['@other.example', '/v1/@other.example'],
    ['', '/v1/'],
  ])('to %s goes below the base URL', async (path, expected) => {
    const { server, connection } = await serverWith();
    server.otherwise((_, response) => void response.end());
    await textOf(await connection.request({ url: path }, { signal: never }));
    expect(server.received[0]!.url).toBe(expected);
  });

  test('to another host is refused, unless it is allowed', async () => {
    const { server, connection } = await serverWith();
    const other = await serverWith();
    other.server.on('GET /x', { body: 'x' });
    const request = { url: `${other.server.url}/x` };
    expect(await failureOf(connection.request(request, { signal: never }))).toMatchObject({
      code: 'HOST_NOT_ALLOWED',
      message: expect.stringContaining(other.server.host),
    });
    expect((await failureOf(get(connection, request.url))).code).toBe('HOST_NOT_ALLOWED');
    expect(other.server.received).toHaveLength(0);
    const allowing = connector.open(
      { base_url: server.url, allowed_hosts: [other.server.host], auth: 'bearer' },
      connectorContext('my-api', { credential: credentialOf({ token: 't' }) }),
    );
    expect(await textOf(await allowing.request(request, { signal: never }))).toBe('x');
    expect(other.server.received[0]!.headers.authorization).toBe('Bearer t');
    await allowing.close();
  });

  test.each([
    [
      'application/json',
      { a: 1, big: 9007199254740993n, n: null, list: [true, 'x'] },
      '{"a":1,"big":9007199254740993,"n":null,"list":[true,"x"]}',
    ],
    ['text/plain; charset=utf-8', 'plain ü', 'plain ü'],
    ['application/octet-stream', new Uint8Array([104, 105]), 'hi'],
  ])('with a body of %s', async (contentType, body, sent) => {
    const { server, connection } = await serverWith();
    server.on('POST /v1/items', { status: 201, body: 'made' });
    const response = await connection.request({ url: 'items', body }, { signal: never });
    expect([response.status, await textOf(response)]).toEqual([201, 'made']);
    expect(server.received[0]!.headers['content-type']).toBe(contentType);
    expect((await server.received[0]!.body).toString()).toBe(sent);
  });

  test('takes method and data from the connection', async () => {
    const { server, connection } = await serverWith({ method: 'POST', data: { account: 'main', limit: 5 } });
    server.on('POST /v1/search', {});
    server.on('GET /v1/search', {});
    await textOf(await connection.request({ url: 'search', body: { limit: 9 } }, { signal: never }));
    await textOf(await connection.request({ url: 'search' }, { signal: never }));
    await textOf(await connection.request({ url: 'search', method: 'GET' }, { signal: never }));
    const bodies = await Promise.all(server.received.map(async ({ body }) => (await body).toString()));
    expect(bodies).toEqual(['{"account":"main","limit":9}', '{"account":"main","limit":5}', '']);
  });

  test.each(['Host', 'content-length', 'Transfer-Encoding', 'connection', 'Authorization'])(
    'may not set %s',
    async (name) => {
      const { server, connection } = await serverWith({ auth: 'bearer' }, { token: 't' });
      const error = await failureOf(connection.request({ url: 'x', headers: { [name]: 'x' } }, { signal: never }));
      expect(error).toMatchObject({ code: 'OPTION_UNSUPPORTED', message: expect.stringContaining(name) });
      expect(server.received).toHaveLength(0);
    },
  );

  test('a header that would smuggle in another one is refused', async () => {
    const { server, connection } = await serverWith();
    const error = await failureOf(
      connection.request({ url: 'x', headers: { 'x-a': 'b\r\nhost: evil' } }, { signal: never }),
    );
    expect(error.code).toBe('OPTION_UNSUPPORTED');
    expect(server.received).toHaveLength(0);
  });

  test('gives an answer that is declared to be one', async () => {
    const { server, connection } = await serverWith();
    server.on('GET /v1/x', { status: 404, body: 'none yet' });
    server.on('POST /v1/x', { status: 302, headers: { location: '/elsewhere' } });
    const response = await connection.request({ url: 'x', statuses: [404] }, { signal: never });
    expect([response.status, await textOf(response)]).toEqual([404, 'none yet']);
    const moved = await connection.request({ url: 'x', method: 'post', statuses: [302] }, { signal: never });
    expect(moved.headers.location).toBe('/elsewhere');
    await textOf(moved);
  });

  test('HEAD and 204 have no body', async () => {
    const { server, connection } = await serverWith();
    server.on('HEAD /v1/x', { body: 'abc', headers: { 'content-encoding': 'gzip' } });
    server.on('DELETE /v1/x', { status: 204, contentLength: false });
    expect(await textOf(await connection.request({ url: 'x', method: 'HEAD' }, { signal: never }))).toBe('');
    expect(await textOf(await connection.request({ url: 'x', method: 'DELETE' }, { signal: never }))).toBe('');
  });
});

describe('authentication', () => {
  test.each([
    [{ auth: 'basic', username: 'ünï' } as const, { password: 'p:w' }, { authorization: `Basic ${btoa('Ã¼nÃ¯:p:w')}` }],
    [{ auth: 'basic' } as const, { username: 'stored', password: '' }, { authorization: `Basic ${btoa('stored:')}` }],
    [{ auth: 'bearer' } as const, { token: 'abc' }, { authorization: 'Bearer abc' }],
    [{ auth: 'api_key' } as const, { token: 'abc' }, { 'x-api-key': 'abc' }],
    [{ auth: 'api_key', api_key_name: 'X-Token' } as const, { token: 'abc' }, { 'x-token': 'abc' }],
  ])('%j', async (config, credential, expected) => {
    const { server, connection } = await serverWith(config, credential);
    server.on('GET /v1/me', {});
    await get(connection, 'me');
    expect(server.received[0]!.headers).toMatchObject(expected);
  });

  test('a key in the query stays out of what is shown', async () => {
    const config = { auth: 'api_key', api_key_name: 'api_key', api_key_in: 'query' } as const;
    const { server, connection } = await serverWith(config, { token: 'hidden' });
    server.on('GET /v1/me', { status: 400 }, { body: 'x' });
    const error = await failureOf(get(connection, 'me?a=1'));
    expect(server.received[0]!.url).toBe('/v1/me?a=1&api_key=hidden');
    expect(JSON.stringify(error)).not.toContain('hidden');
    const response = await connection.request({ url: 'me' }, { signal: never });
    expect(response.url).not.toContain('hidden');
    await textOf(response);
  });

  test('what is signed by the URL itself is not shown either', async () => {
    const { server } = await serverWith();
    const error = await failureOf(get(publicWeb(), `${server.url}/x?X-Amz-Signature=abc&id=7&access_token=def`));
    expect(error.message).toContain('/x?X-Amz-Signature=…&id=7&access_token=…');
  });

  test.each([
    [{ auth: 'bearer' } as const, {}, 'CREDENTIAL_MISSING', 'token'],
    [{ auth: 'basic', username: 'u' } as const, {}, 'CREDENTIAL_MISSING', 'password'],
    [{ auth: 'bearer' } as const, { token: 'abc\n' }, 'CREDENTIAL_REFUSED', 'line break'],
  ])('%j without what it needs', async (config, credential, code, says) => {
    const { server, connection } = await serverWith(config, credential);
    expect(await failureOf(get(connection, 'me'))).toMatchObject({ code, message: expect.stringContaining(says) });
    expect(server.received).toHaveLength(0);
  });

  test('what this version cannot do is said when it is opened', () => {
    const open = (config: Config) => () => connector.open(config, connectorContext('my-api'));
    expect(open({ base_url: 'http://h', auth: 'oauth2' })).toThrow('token_url');
    expect(open({ base_url: 'http://u:p@h' })).toThrow('auth: basic');
    expect(open({ auth: 'bearer' })).toThrow('base_url');
    expect(open({ headers: { a: 'b' } })).toThrow('base_url');
  });

  test('requests go no faster than `rate_limit` says', async () => {
    const { server, connection } = await serverWith({ rate_limit: { requests: 2, per: '300ms' } });
    server.on('GET /v1/me', { body: '{}' });
    const started = performance.now();
    await Promise.all(Array.from({ length: 5 }, () => get(connection, 'me')));
    // Two at once, then one each 150 ms.
    expect(performance.now() - started).toBeGreaterThan(440);
    expect(server.received).toHaveLength(5);
  });

  test('after a 401 the credential is asked for once more', async () => {
    const tokens = ['old', 'new'];
    const server = await startHttpServer();
    const credential = () => credentialOf({ token: tokens.length > 1 ? tokens.shift()! : tokens[0]! });
    const connection = connector.open(
      { base_url: server.url, auth: 'bearer' },
      connectorContext('my-api', { credential }),
    );
    server.on('GET /me', { status: 401 }, { body: 'ok' });
    expect((await get(connection, 'me')).toString()).toBe('ok');
    expect(server.received.map(({ headers }) => headers.authorization)).toEqual(['Bearer old', 'Bearer new']);
    server.on('POST /me', { status: 401 }, { status: 401, body: 'token revoked' });
    const error = await failureOf(connection.request({ url: 'me', body: 'x' }, { signal: never }));
    expect(error).toMatchObject({
      code: 'CREDENTIAL_REFUSED',
      retry: false,
      message: expect.stringMatching(/my-api.*401: token revoked/),
    });
    expect(server.received).toHaveLength(4);
    await connection.close();
    await server.close();
  });

  test('403 is the credential, and 401 without a connection is a hint', async () => {
    const { server, connection } = await serverWith({ auth: 'bearer' }, { token: 't' });
    server.on('GET /v1/x', { status: 403, body: '{"error":"scope"}', headers: { 'content-type': 'application/json' } });
    expect(await failureOf(get(connection, 'x'))).toMatchObject({
      code: 'CREDENTIAL_REFUSED',
      message: expect.stringContaining('"scope"'),
    });
    server.on('GET /x', { status: 401 });
    expect(await failureOf(get(publicWeb(), `${server.url}/x`))).toMatchObject({
      code: 'HTTP_STATUS',
      message: expect.stringContaining('make a connection'),
    });
  });
});

describe('write', () => {
  test('is a PUT, or the method of the connection', async () => {
    const { server, connection } = await serverWith({ method: 'POST' });
    server.on('POST /v1/in', { status: 202, body: 'taken' });
    const more = { contentType: 'text/csv' };
    const stream = streamOf(fileOf('a.csv', 'a,b\n', more));
    expect(await connection.write('in', stream, writeOptions())).toEqual({ bytes: 4, paths: ['/my-api/in'] });
    expect(server.received[0]!.headers).toMatchObject({ 'content-type': 'text/csv', 'content-length': '4' });
    expect((await server.received[0]!.body).toString()).toBe('a,b\n');
  });

  test('a large file whose size is known has a length, others go in chunks', async () => {
    const { server, connection } = await serverWith();
    server.on('PUT /v1/in', {});
    const content = Buffer.alloc(3_000_000, 'x');
    const source = async function* () {
      for (let at = 0; at < content.length; at += 500_000) yield content.subarray(at, at + 500_000);
    };
    await connection.write('in', streamOf(fileOf('a', source(), { size: content.length })), writeOptions());
    await connection.write('in', streamOf(fileOf('a', source())), writeOptions());
    expect(server.received.map(({ headers }) => [headers['content-length'], headers['transfer-encoding']])).toEqual([
      ['3000000', undefined],
      [undefined, 'chunked'],
    ]);
    for (const { body } of server.received) expect((await body).equals(content)).toBe(true);
  });

  test.each([2_500_000, 2_000_000, 3_500_000])(
    'a file that has not the %i bytes it said is not complete for the server',
    async (size) => {
      const { server, connection } = await serverWith();
      let complete = 0;
      server.on('PUT /v1/in', async (_, response, { body }) => {
        await body.then(() => complete++).catch(() => {});
        response.end();
      });
      server.on('GET /v1/in', { body: 'x' });
      const source = async function* () {
        for (let i = 0; i < 6; i++) yield Buffer.alloc(500_000);
      };
      await failureOf(connection.write('in', streamOf(fileOf('a', source(), { size })), writeOptions()));
      await get(connection, 'in');
      expect(complete).toBe(0);
    },
  );

  test('a redirect is not followed', async () => {
    const { server, connection } = await serverWith();
    server.on('PUT /v1/in', { status: 307, headers: { location: `${server.url}/other` } });
    expect(await failureOf(put(connection, 'in', 'x'))).toMatchObject({
      code: 'HTTP_REDIRECT',
      message: expect.stringContaining('/other'),
    });
    expect(server.received).toHaveLength(1);
  });

  test('an answer that comes before the file was sent ends it', async () => {
    const { server, connection } = await serverWith();
    server.on('PUT /v1/in', { status: 413, body: 'too large' });
    const endless = async function* () {
      for (;;) yield Buffer.alloc(100_000);
    };
    const error = await failureOf(connection.write('in', streamOf(fileOf('a', endless())), writeOptions()));
    expect(error).toMatchObject({ retry: false });
    await server.received[0]!.closed;
  });
});

describe('verify', () => {
  test.each([
    [{}, { 'HEAD /v1/': 200 }, { ok: true }],
    [{}, { 'HEAD /v1/': 404 }, { ok: true }],
    [{}, { 'HEAD /v1/': 405, 'GET /v1/': 400 }, { ok: true }],
    [{}, { 'HEAD /v1/': 401 }, { ok: false, code: 'CREDENTIAL_REFUSED' }],
    [{}, { 'HEAD /v1/': 503 }, { ok: false, code: 'HTTP_BUSY' }],
    [{ verify_path: 'me' }, { 'HEAD /v1/me': 200 }, { ok: true }],
    [{ verify_path: 'me' }, { 'HEAD /v1/me': 404 }, { ok: false, code: 'NOT_FOUND' }],
    [{ verify_path: 'me' }, { 'HEAD /v1/me': 501, 'GET /v1/me': 200 }, { ok: true }],
  ])('%j with %j', async (config, answers, expected) => {
    const { server, connection } = await serverWith(config);
    for (const [route, status] of Object.entries(answers)) server.on(route, { status });
    expect(await connection.verify({ signal: never })).toMatchObject(expected);
  });

  test('a public connection has nothing to verify', async () => {
    expect(await publicWeb().verify({ signal: never })).toEqual({ ok: true });
  });
});
