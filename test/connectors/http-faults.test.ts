// The http connector against servers that fail: always the right bytes or a clear error, and nothing sent where it does not belong.
import { createServer } from 'node:net';
import { gzipSync } from 'node:zlib';
import { describe, expect, onTestFinished, test } from 'vitest';
import { connector } from '../../connectors/http/index.ts';
import type { Range } from '../../engine/contracts/data.ts';
import { type Failure, failure } from '../../engine/errors.ts';
import { credentialOf } from '../../engine/secret.ts';
import {
  connectorContext,
  fileOf,
  get,
  itemAt,
  never,
  pattern,
  put,
  streamOf,
  writeOptions,
} from '../conformance/files.ts';
import { collect, failureOf } from '../conformance/streams.ts';
import { testCertificate } from '../servers/certificate.ts';
import { type Answer, startHttpServer } from '../servers/http.ts';

type Config = Parameters<typeof connector.open>[0];

async function start(options?: { tls: boolean }) {
  const server = await startHttpServer(options);
  onTestFinished(() => server.close());
  return server;
}

/** A connection, and the codes of the failures after which it tried again. */
function open(config: Config = {}, credential: Record<string, string> = {}) {
  const retries: string[] = [];
  const context = connectorContext('my-api', {
    credential: credentialOf(credential),
    onRetry: (code) => retries.push(code),
  });
  const connection = connector.open({ connect_timeout: '5s', read_timeout: '5s', ...config }, context);
  onTestFinished(() => connection.close());
  return { connection, retries };
}

const content = pattern(400_000);

describe('statuses', () => {
  test('404 names the URL and what was said', async () => {
    const server = await start();
    const html = '<html><head><title>x</title><style>p{}</style></head><body><h1>No  such\n page</h1></body></html>';
    server.on('GET /a.csv', { status: 404, body: html, headers: { 'content-type': 'text/html' } });
    const { connection, retries } = open();
    const error = await failureOf(get(connection, `${server.url}/a.csv`));
    expect(error.code).toBe('NOT_FOUND');
    expect(error.message).toBe(`${server.url}/a.csv is not there: GET answered 404: No such page`);
    expect(retries).toEqual([]);
  });

  test.each([408, 425, 429, 500, 502, 503, 504])('%i thrice, then 200', async (status) => {
    const server = await start();
    const bad = { status, body: 'busy' };
    server.on('GET /a', bad, bad, bad, { body: 'fine' });
    const { connection, retries } = open();
    expect((await get(connection, `${server.url}/a`)).toString()).toBe('fine');
    expect(retries).toEqual(['HTTP_BUSY', 'HTTP_BUSY', 'HTTP_BUSY']);
  });

  test('500 for ever ends with what the server said', async () => {
    const server = await start();
    server.on('GET /a', { status: 500, body: 'it is\nbroken', headers: { 'content-type': 'text/plain' } });
    const error = await failureOf(get(open().connection, `${server.url}/a`));
    expect(error).toMatchObject({ code: 'HTTP_BUSY', message: `GET ${server.url}/a answered 500: it is broken` });
    expect(server.received).toHaveLength(5);
  });

  test.each([400, 402, 409, 418, 422, 501])('%i is final', async (status) => {
    const server = await start();
    server.on('GET /a', { status, body: 'x'.repeat(100_000) });
    const error = await failureOf(get(open().connection, `${server.url}/a`));
    expect(error).toMatchObject({ code: 'HTTP_STATUS', retry: false, data: { status } });
    expect(error.message.length).toBeLessThan(500);
    expect(server.received).toHaveLength(1);
  });

  test.each([
    [{ 'retry-after': '7' }, 7000],
    [{ 'retry-after': 'Thu, 01 Jan 2026 00:02:00 GMT', date: 'Thu, 01 Jan 2026 00:01:30 GMT' }, 30_000],
    [{ 'retry-after': 'Thu, 01 Jan 2026 00:01:00 GMT', date: 'Thu, 01 Jan 2026 00:01:30 GMT' }, 0],
    [{ 'retry-after': 'soon' }, undefined],
    [{}, undefined],
  ])('429 with %j', async (headers: Record<string, string>, afterMs) => {
    const server = await start();
    server.on('GET /a', { status: 429, headers });
    const context = { ...connectorContext('my-api'), retry: <T>(work: (attempt: number) => Promise<T>) => work(1) };
    const connection = connector.open({}, context);
    const error = await failureOf(get(connection, `${server.url}/a`));
    expect(error).toMatchObject({ code: 'HTTP_BUSY', retry: true, afterMs });
    await connection.close();
  });
});

describe('what is not asked twice', () => {
  const post = (connection: ReturnType<typeof open>['connection'], url: string) =>
    connection.request({ method: 'POST', url, body: { a: 1 } }, { signal: never });

  test.each([
    ['a broken server', { status: 500 }],
    ['a busy server that names no time', { status: 503 }],
    ['a connection that breaks', { cutAfter: 0, contentLength: 5 }],
    ['a server that hangs', { hang: 'at once' as const }],
  ])('a POST to %s', async (_, answer) => {
    const server = await start();
    server.on('POST /a', answer);
    const { connection, retries } = open({ read_timeout: '100ms' });
    const sending = async () => collect((await post(connection, `${server.url}/a`)).body);
    expect(await failureOf(sending())).toMatchObject({ retry: false });
    expect(server.received).toHaveLength(1);
    expect(retries).toEqual([]);
  });

  test('a POST is sent again when the server asked for that, or never had it', async () => {
    const server = await start();
    server.on(
      'POST /a',
      { status: 429, headers: { 'retry-after': '0' } },
      { status: 503, headers: { 'retry-after': '0' } },
      { status: 201 },
    );
    const { connection, retries } = open();
    expect((await post(connection, `${server.url}/a`)).status).toBe(201);
    expect(retries).toEqual(['HTTP_BUSY', 'HTTP_BUSY']);
    expect(await Promise.all(server.received.map(async ({ body }) => (await body).toString()))).toEqual(
      Array(3).fill('{"a":1}'),
    );
    await server.close();
    expect(await failureOf(post(connection, `${server.url}/a`))).toMatchObject({
      code: 'CONNECTION_REFUSED',
      retry: true,
    });
    expect(retries.slice(2)).toEqual(Array(4).fill('CONNECTION_REFUSED'));
  });

  test('a PUT is sent again as long as its body can be', async () => {
    const server = await start();
    server.on('PUT /a', { status: 500 }, { status: 200 });
    const { connection, retries } = open();
    await put(connection, `${server.url}/a`, 'small');
    expect(retries).toEqual(['HTTP_BUSY']);
    server.on('PUT /b', async (_, response, { body }) => {
      await body;
      response.writeHead(500).end();
    });
    const large = streamOf(fileOf('b', pattern(1_500_000)));
    expect(await failureOf(connection.write(`${server.url}/b`, large, writeOptions()))).toMatchObject({
      code: 'HTTP_BUSY',
      retry: false,
    });
    expect(server.received).toHaveLength(3);
  });
});

describe('redirects', () => {
  const moved = (location: string, status = 302) => ({ status, headers: { location } });

  test.each([301, 302, 303, 307, 308])('%i is followed', async (status) => {
    const server = await start();
    server.on('GET /a', moved('b?x=1', status));
    server.on('GET /b', { body: 'here' });
    expect((await get(open().connection, `${server.url}/a`)).toString()).toBe('here');
    expect(server.received[1]!.url).toBe('/b?x=1');
  });

  test("to another host loses the credential and whatever else is the connection's", async () => {
    const [own, other] = [await start(), await start()];
    own.on('GET /a', moved(`${other.url}/b?api_key=k3y&x=1`));
    other.on('GET /b', moved(`${other.url}/c`));
    other.on('GET /c', { body: 'here' });
    const headers = { 'X-Secret-Header': 'h1dden', Cookie: 'c00kie', Accept: 'text/csv' };
    const logins: [Config, Record<string, string>][] = [
      [{ auth: 'basic', username: 'u5er' }, { password: 'pa55' }],
      [{ auth: 'bearer' }, { token: 't0ken' }],
      [{ auth: 'api_key', api_key_name: 'X-Key' }, { token: 'k3y' }],
      [{ auth: 'api_key', api_key_name: 'api_key', api_key_in: 'query' }, { token: 'k3y' }],
    ];
    for (const [config, credential] of logins) {
      other.received.length = 0;
      const { connection } = open({ base_url: own.url, headers, query: { q: 'qu3ry' }, ...config }, credential);
      const response = await connection.request({ url: 'a', headers: { 'x-mine': 'm1ne' } }, { signal: never });
      expect(Buffer.concat(await collect(response.body)).toString()).toBe('here');
      expect(other.received).toHaveLength(2);
      const seen = JSON.stringify(other.received.map(({ url, headers }) => ({ url, headers })));
      const secrets = /h1dden|c00kie|pa55|u5er|t0ken|qu3ry|m1ne|authorization|x-key/i;
      expect(seen).not.toMatch(config.api_key_in === 'query' ? new RegExp(`${secrets.source}|k3y`, 'i') : secrets);
    }
  });

  test('back to an own host gets it again', async () => {
    const [own, other] = [await start(), await start()];
    own.on('GET /a', moved(`${other.url}/b`));
    other.on('GET /b', moved(`${own.url}/c`));
    own.on('GET /c', { body: 'here' });
    await get(open({ base_url: own.url, auth: 'bearer' }, { token: 't0ken' }).connection, 'a');
    expect([...own.received, ...other.received].map(({ headers }) => headers.authorization)).toEqual([
      'Bearer t0ken',
      'Bearer t0ken',
      undefined,
    ]);
  });

  test('to a host that is not allowed is refused', async () => {
    const [own, other] = [await start(), await start()];
    own.on('GET /a', moved(`${other.url}/b`));
    const { connection } = open({ base_url: own.url, allowed_hosts: ['files.example.com'] });
    expect(await failureOf(get(connection, 'a'))).toMatchObject({
      code: 'HOST_NOT_ALLOWED',
      message: expect.stringContaining('files.example.com'),
    });
    expect(other.received).toHaveLength(0);
  });

  test('without a connection keeps headers on its host only', async () => {
    const [first, other] = [await start(), await start()];
    first.on('GET /a', moved('/b'));
    first.on('GET /b', moved(`${other.url}/c`));
    other.on('GET /c', {});
    await open().connection.request({ url: `${first.url}/a`, headers: { authorization: 'mine' } }, { signal: never });
    expect([...first.received, ...other.received].map(({ headers }) => headers.authorization)).toEqual([
      'mine',
      'mine',
      undefined,
    ]);
  });

  test('from https to http is refused', async () => {
    const [secure, plain] = [await start({ tls: true }), await start()];
    secure.on('GET /a', moved(`${plain.url}/b`));
    const { connection } = await openTrusting();
    expect(await failureOf(get(connection, `${secure.url}/a`))).toMatchObject({
      code: 'HTTP_REDIRECT',
      message: expect.stringContaining('https'),
    });
    expect(plain.received).toHaveLength(0);
  });

  test.each([
    ['in a circle', '/a', 'circle'],
    ['for ever', undefined, 'more than 5'],
    ['to nowhere', '', 'where'],
    ['to a file', 'file:///etc/passwd', 'no web address'],
    ['to a login', 'http://u:p@127.0.0.1/', 'user name'],
  ])('%s', async (_, location, says) => {
    const server = await start();
    server.otherwise((request, response) => {
      const next = location ?? `/${Number(request.url!.slice(1)) + 1}`;
      response.writeHead(302, next === '' ? {} : { location: next }).end();
    });
    const error = await failureOf(get(open().connection, `${server.url}/${location === undefined ? 1 : 'a'}`));
    expect(error).toMatchObject({ code: 'HTTP_REDIRECT', retry: false, message: expect.stringContaining(says) });
    expect(server.received.length).toBeLessThan(8);
  });
});

describe('a body that is cut short', () => {
  const etag = '"v1"';
  const lastModified = 'Thu, 01 Jan 2026 00:00:00 GMT';
  const whole = { body: content, ranges: true };

  /** Reads a file, and has the server break the connection only when so many bytes have come. */
  async function readWithCuts(path: string, answers: Answer[], range?: Range) {
    const server = await start();
    const { connection, retries } = open();
    const chunks: Buffer[] = [];
    let received = 0;
    const waiting: { bytes: number; resolve: () => void }[] = [];
    let expected = 0;
    const cutting = answers.map((answer): Answer => {
      if (!answer.cutAfter) return answer;
      expected += answer.cutAfter;
      const bytes = expected;
      return { ...answer, cutWhen: new Promise((resolve) => waiting.push({ bytes, resolve })) };
    });
    server.on(`GET ${path}`, ...cutting);
    const reading = async () => {
      for await (const chunk of (await itemAt(connection, server.url + path)).open(range)) {
        chunks.push(Buffer.from(chunk));
        received += chunk.length;
        for (const { bytes, resolve } of waiting) if (received >= bytes) resolve();
      }
    };
    const failed = await reading().then(
      () => undefined,
      (error: unknown) => error as Failure,
    );
    return {
      server,
      retries,
      failed,
      received: Buffer.concat(chunks),
      asked: server.received.map(({ headers }) => headers),
    };
  }

  test('goes on where it broke, as often as needed', async () => {
    const answers = [
      { ...whole, cutAfter: 100_000 },
      { ...whole, cutAfter: 150_000 },
      { ...whole, cutAfter: 0 },
      whole,
    ];
    const { failed, received, retries, asked } = await readWithCuts('/a', answers);
    expect(failed).toBeUndefined();
    expect(received.equals(content)).toBe(true);
    expect(retries).toEqual(['BODY_TRUNCATED', 'BODY_TRUNCATED', 'BODY_TRUNCATED']);
    expect(asked.map(({ range }) => range)).toEqual([undefined, 'bytes=100000-', 'bytes=250000-', 'bytes=250000-']);
    expect(asked.slice(1).every((headers) => /^"/.test(String(headers['if-range'])))).toBe(true);
  });

  test('also by Last-Modified, and in chunks without a length', async () => {
    const headers = { 'last-modified': lastModified };
    const cut = { ...whole, headers, cutAfter: 100_000, contentLength: false as const };
    const { received, asked } = await readWithCuts('/a', [cut, { ...whole, headers }]);
    expect(received.equals(content)).toBe(true);
    expect(asked[1]).toMatchObject({ range: 'bytes=100000-', 'if-range': lastModified });
  });

  test('also inside a range', async () => {
    const range = { start: 200_000, end: 300_000 };
    const { received, asked } = await readWithCuts('/a', [whole, { ...whole, cutAfter: 50_000 }, whole], range);
    expect(received.equals(content.subarray(200_000, 300_000))).toBe(true);
    expect(asked.at(-1)!.range).toBe('bytes=250000-299999');
  });

  test('just before its end, when the length was not known', async () => {
    const server = await start();
    server.on('GET /a', { ...whole, cutAfter: content.length, contentLength: false }, whole);
    expect((await get(open().connection, `${server.url}/a`)).equals(content)).toBe(true);
  });

  test('is passed over to where it broke when the server sends the same whole again', async () => {
    const answer = { body: content, headers: { etag } };
    const { received, asked } = await readWithCuts('/a', [{ ...answer, cutAfter: 100_000 }, answer]);
    expect(received.equals(content)).toBe(true);
    expect(asked).toHaveLength(2);
  });

  test('starts again when nothing had come', async () => {
    const server = await start();
    server.on('GET /a', { body: content, cutAfter: 0 }, { body: content });
    const { connection, retries } = open();
    expect((await get(connection, `${server.url}/a`)).equals(content)).toBe(true);
    expect(retries).toEqual(['BODY_TRUNCATED']);
  });

  test.each([
    ['has no mark of its version', {}, {}],
    ['has only a weak one', { etag: 'W/"v1"' }, { etag: 'W/"v1"' }],
    ['is another version by now', { etag }, { etag: '"v2"' }],
    ['is sent whole again and had only a time', { 'last-modified': lastModified }, { 'last-modified': lastModified }],
  ])('and cannot go on, as it %s', async (_, then: Record<string, string>, now: Record<string, string>) => {
    const answers = [
      { body: content, headers: then, cutAfter: 100_000 },
      { body: content, headers: now },
    ];
    const { failed, received, asked, server } = await readWithCuts('/a', answers);
    expect(['BODY_TRUNCATED', 'HTTP_STATUS']).toContain(failed?.code);
    expect(failed!.message).toContain(`${server.url}/a`);
    expect(received.equals(content.subarray(0, 100_000))).toBe(true);
    expect(asked.length).toBeLessThanOrEqual(2);
  });

  test('says how much came of how much', async () => {
    const { failed, server } = await readWithCuts('/a', [{ body: content, cutAfter: 100_000 }]);
    expect(failed!.message).toBe(`${server.url}/a: the body ended after 100000 of 400000 bytes`);
  });

  test('that never gets further ends after as many attempts as there are', async () => {
    const { failed, asked } = await readWithCuts('/a', [
      { ...whole, cutAfter: 100_000 },
      { ...whole, cutAfter: 0 },
    ]);
    expect(failed).toMatchObject({ code: 'BODY_TRUNCATED' });
    expect(asked).toHaveLength(5);
  });

  test.each([undefined, 64 * 1024 - 200, 1000])(
    'after it had waited to be read, cut after %s bytes',
    async (cutAfter) => {
      const server = await start();
      const body = content.subarray(0, 64 * 1024);
      const answer: Answer = { body, ranges: true, headers: { connection: 'close' } };
      server.on('GET /f', cutAfter === undefined ? answer : { ...answer, cutAfter }, answer);
      const { connection, retries } = open({ base_url: server.url });
      const item = await itemAt(connection, 'f');
      await new Promise((resolve) => setTimeout(resolve, 50));
      expect(Buffer.concat(await collect(item.open())).equals(body)).toBe(true);
      expect(retries).toEqual(cutAfter === undefined ? [] : ['BODY_TRUNCATED']);
    },
  );

  test('with a length that is wrong', async () => {
    const server = await start();
    server.on('GET /long', { body: content, contentLength: content.length + 1 });
    server.on('GET /short', { body: content, contentLength: 100 });
    const { connection } = open();
    expect(await failureOf(get(connection, `${server.url}/long`))).toMatchObject({
      code: 'BODY_TRUNCATED',
      data: { received: content.length, expected: content.length + 1 },
    });
    // HTTP ends the body where the length says so; what follows belongs to no answer.
    const short = await get(connection, `${server.url}/short`).catch((error) => error);
    if (Buffer.isBuffer(short)) expect(short.equals(content.subarray(0, 100))).toBe(true);
    else expect(short.code).toMatch(/CONNECTION_LOST|BODY_TRUNCATED/);
  });

  test('within its gzip, with the right length', async () => {
    const server = await start();
    const packed = gzipSync(content);
    const headers = { 'content-encoding': 'gzip' };
    server.on('GET /cut', { body: packed.subarray(0, packed.length - 1000), headers });
    const damaged = Buffer.from(packed);
    damaged[damaged.length - 6]! ^= 0xff;
    server.on('GET /damaged', { body: damaged, headers });
    const { connection } = open();
    expect(await failureOf(get(connection, `${server.url}/cut`))).toMatchObject({ code: 'INPUT_TRUNCATED' });
    expect(await failureOf(get(connection, `${server.url}/damaged`))).toMatchObject({ code: 'INPUT_MALFORMED' });
  });

  test('while it comes as gzip goes on there too', async () => {
    const server = await start();
    const packed = gzipSync(content);
    const answer = { body: packed, ranges: true, headers: { 'content-encoding': 'gzip' } };
    server.on('GET /a', { ...answer, cutAfter: 100_000 }, answer);
    expect((await get(open().connection, `${server.url}/a`)).equals(content)).toBe(true);
    const range = expect.stringMatching(/^bytes=[1-9]\d+-$/);
    expect(server.received[1]!.headers).toMatchObject({ range, 'accept-encoding': 'gzip, br' });
  });

  test('by a server that gives less than it is asked for', async () => {
    const server = await start();
    const piece = (from: number) => content.subarray(from, from + 150_000);
    const part = (from: number) => ({
      status: 206,
      body: piece(from),
      headers: { etag, 'content-range': `bytes ${from}-${from + piece(from).length - 1}/${content.length}` },
    });
    server.on('GET /a', part(0), part(150_000), part(300_000));
    expect((await get(open().connection, `${server.url}/a`)).equals(content)).toBe(true);
    expect(server.received.map(({ headers }) => headers.range)).toEqual([undefined, 'bytes=150000-', 'bytes=300000-']);
  });

  test('and a server that then knows no such range', async () => {
    const server = await start();
    server.on('GET /a', { body: content, cutAfter: 0 }, { status: 416 });
    expect(await failureOf(get(open().connection, `${server.url}/a`))).toMatchObject({
      code: 'HTTP_STATUS',
      data: { status: 416 },
    });
  });

  test('with another range than the one that was asked for', async () => {
    const server = await start();
    server.on('GET /a', { body: 'abc' }, { status: 206, body: 'xyz', headers: { 'content-range': 'bytes 0-2/3' } });
    const error = await failureOf(get(open().connection, `${server.url}/a`, { start: 1 }));
    expect(error).toMatchObject({ code: 'HTTP_STATUS', message: expect.stringContaining('another range') });
  });
});

describe('time', () => {
  test('a server that does not answer', async () => {
    const server = await start();
    server.on('GET /a', { hang: 'at once' });
    const { connection, retries } = open({ read_timeout: '50ms' });
    const error = await failureOf(get(connection, `${server.url}/a`));
    expect(error).toMatchObject({
      code: 'TIMED_OUT',
      message: `the answer of ${server.url}/a took longer than 0.05 s`,
    });
    expect(retries).toHaveLength(4);
  });

  test('one that stops in the middle is asked for the rest', async () => {
    const server = await start();
    server.on('GET /a', { body: content, ranges: true, hang: 100_000 }, { body: content, ranges: true });
    const { connection, retries } = open({ read_timeout: '100ms' });
    expect((await get(connection, `${server.url}/a`)).equals(content)).toBe(true);
    expect(retries).toEqual(['TIMED_OUT']);
    await server.received[0]!.closed;
  });

  test('one that is slow but steady is waited for', async () => {
    const server = await start();
    const slow = content.subarray(0, 200);
    server.on('GET /a', { body: slow, drip: { bytes: 5, ms: 10 } });
    const { connection, retries } = open({ read_timeout: '200ms' });
    expect((await get(connection, `${server.url}/a`)).equals(slow)).toBe(true);
    expect(retries).toEqual([]);
  });

  test.each([
    ['before the answer', { hang: 'at once' as const }],
    ['in the middle', { body: content, hang: 1000 }],
  ])('an abort %s ends it and closes the connection', async (_, answer) => {
    const server = await start();
    const controller = new AbortController();
    const reason = failure('INTERRUPTED');
    let asked = () => {};
    const arrived = new Promise<void>((resolve) => {
      asked = resolve;
    });
    server.on('GET /a', answer);
    const { connection } = open();
    const reading = async () => {
      const item = await itemAt(connection, `${server.url}/a`, controller.signal);
      for await (const _ of item.open()) asked();
    };
    const result = expect(reading()).rejects.toBe(reason);
    while (server.received.length === 0) await new Promise((resolve) => setImmediate(resolve));
    if (answer.hang !== 'at once') await arrived;
    controller.abort(reason);
    await result;
    await server.received[0]!.closed;
  });

  test('closing the connection ends what is still going on', async () => {
    const server = await start();
    server.on('GET /a', { body: content, hang: 1000 });
    const { connection } = open();
    await itemAt(connection, `${server.url}/a`);
    await connection.close();
    await server.received[0]!.closed;
  });

  test('a reader that stops early ends the download, also of gzip', async () => {
    const server = await start();
    server.on('GET /a', { body: content, hang: 300_000 });
    server.on('GET /b', { body: gzipSync(content), hang: 300_000, headers: { 'content-encoding': 'gzip' } });
    const { connection } = open();
    for (const path of ['a', 'b'])
      for await (const _ of (await itemAt(connection, `${server.url}/${path}`)).open()) break;
    await Promise.all(server.received.map(({ closed }) => closed));
  });
});

describe('no connection', () => {
  test('nobody listens', async () => {
    const server = await start();
    await server.close();
    const { connection, retries } = open();
    expect(await failureOf(get(connection, `${server.url}/a`))).toMatchObject({
      code: 'CONNECTION_REFUSED',
      message: expect.stringContaining(server.host),
    });
    expect(retries).toHaveLength(4);
  });

  test('there is no such host', async () => {
    const error = await failureOf(get(open().connection, 'http://nowhere.invalid/a'));
    expect(error).toMatchObject({ code: 'HOST_UNKNOWN', message: expect.stringContaining('nowhere.invalid') });
  });

  test('the other side is no web server', async () => {
    const server = createServer((socket) => {
      socket.on('error', () => {});
      socket.end('220 mail.example.com ready\r\n');
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void server.close());
    const { port } = server.address() as { port: number };
    const error = await failureOf(get(open().connection, `http://127.0.0.1:${port}/a`));
    expect(error).toMatchObject({
      code: 'CONNECTION_LOST',
      retry: false,
      message: expect.stringContaining('not HTTP'),
    });
  });

  test('a certificate that nobody vouches for', async () => {
    const server = await start({ tls: true });
    server.on('GET /a', { body: 'x' });
    const { connection, retries } = open();
    expect(await failureOf(get(connection, `${server.url}/a`))).toMatchObject({
      code: 'TLS_FAILED',
      message: expect.stringContaining('self-signed'),
    });
    expect(retries).toEqual([]);
    const trusting = await openTrusting();
    expect((await get(trusting.connection, `${server.url}/a`)).toString()).toBe('x');
  });

  test('a certificate for another host, and TLS where there is none', async () => {
    const [secure, plain] = [await start({ tls: true }), await start()];
    const { connection } = await openTrusting();
    const byName = secure.url.replace('127.0.0.1', '127.0.0.1.nip.invalid');
    expect((await failureOf(get(connection, `${byName}/a`))).code).toBe('HOST_UNKNOWN');
    expect(await failureOf(get(connection, `${plain.url.replace('http:', 'https:')}/a`))).toMatchObject({
      code: 'TLS_FAILED',
      message: expect.stringContaining('does not speak TLS'),
    });
  });

  test('a certificate file that is not there', async () => {
    const server = await start({ tls: true });
    expect(await failureOf(get(open({ ca: '/no/such/ca.pem' }).connection, `${server.url}/a`))).toMatchObject({
      code: 'NOT_FOUND',
      message: expect.stringContaining('/no/such/ca.pem'),
    });
  });
});

async function openTrusting() {
  const { mkdtemp, rm, writeFile } = await import('node:fs/promises');
  const { tmpdir } = await import('node:os');
  const { join } = await import('node:path');
  const folder = await mkdtemp(join(tmpdir(), 'pipewright-ca-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  await writeFile(join(folder, 'ca.pem'), testCertificate);
  return open({ ca: join(folder, 'ca.pem') });
}
