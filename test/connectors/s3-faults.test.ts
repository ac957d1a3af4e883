// What S3 does when it is not well: refusals, waits, broken and wrong bodies, at random. The bytes are right, or it fails.
import { describe, expect, onTestFinished, test } from 'vitest';
import { killedCopies } from '../../scripts/campaign-copy.ts';
import { get, itemAt, never, pattern, put, text, writeOptions } from '../conformance/files.ts';
import { collect, failureOf } from '../conformance/streams.ts';
import { type S3Call, type S3Fault, startS3Server } from '../servers/s3.ts';
import { connectTo, smallParts } from '../servers/s3-storage.ts';

const mib = 1024 * 1024;

async function store(config = {}) {
  const server = await startS3Server();
  const retries: string[] = [];
  const connection = connectTo(server, { ...smallParts, ...config }, { onRetry: (code) => retries.push(code) });
  onTestFinished(async () => {
    await connection.close();
    await server.close();
  });
  /** The faults of the first requests with this method, in turn. */
  const fail = (method: string, ...faults: (S3Fault | undefined)[]) => {
    server.fault = (call: S3Call) => (call.method === method ? faults.shift() : undefined);
  };
  return { server, connection, retries, fail };
}

const busy = (status: number, code: string, retryAfter?: number): S3Fault => ({
  refuse: { status, code, message: code, ...(retryAfter === undefined ? {} : { retryAfter }) },
});

describe('reading', () => {
  test('goes on in the middle where a body was cut', async () => {
    const { server, connection, retries, fail } = await store();
    const content = pattern(3 * mib);
    await put(connection, 'a', content);
    fail('GET', { cutAfter: mib }, { cutAfter: mib });
    server.moved.out = 0;
    expect((await get(connection, 'a')).equals(content)).toBe(true);
    expect(retries).toEqual(['BODY_TRUNCATED', 'BODY_TRUNCATED']);
    expect(server.moved.out).toBe(3 * mib);
  });

  test('what changed meanwhile is not gone on with', async () => {
    const { server, connection } = await store();
    await put(connection, 'a', pattern(3 * mib));
    const object = server.store.buckets.get('bucket')!.objects.get('a')!;
    const etag = object.etag;
    server.fault = ({ method, headers }) => {
      if (method !== 'GET') return undefined;
      if (headers.range === undefined) return { cutAfter: mib };
      object.etag = '"other"';
      return undefined;
    };
    expect(await failureOf(get(connection, 'a'))).toMatchObject({ code: 'IO_FAILED', retry: false });
    object.etag = etag;
  });

  test('bytes that differ from their checksum are asked for again while nothing of them was used', async () => {
    const { server, connection, retries, fail } = await store({ checksums: 'when_supported' });
    await put(connection, 'small', pattern(100_000));
    await put(connection, 'large', pattern(mib));
    fail('GET', { corrupt: true }, { corrupt: true });
    expect((await get(connection, 'small')).equals(pattern(100_000))).toBe(true);
    expect(retries).toEqual(['CHECKSUM_MISMATCH', 'CHECKSUM_MISMATCH']);
    fail('GET', { corrupt: true });
    expect(await failureOf(get(connection, 'large'))).toMatchObject({ code: 'CHECKSUM_MISMATCH', retry: false });
    expect(retries).toHaveLength(2);
    server.fault = ({ method }) => (method === 'GET' ? { corrupt: true } : undefined);
    expect((await failureOf(get(connection, 'small'))).code).toBe('CHECKSUM_MISMATCH');
  });

  test.each([100_000, mib])('a length that is wrong is asked for again, and then an error: %i bytes', async (bytes) => {
    const { server, connection, retries, fail } = await store();
    await put(connection, 'a', pattern(bytes));
    fail('GET', { tooLong: 5 }, { tooLong: -5 });
    expect((await get(connection, 'a')).equals(pattern(bytes))).toBe(true);
    expect(retries).toEqual(['IO_FAILED', 'IO_FAILED']);
    server.fault = ({ method }) => (method === 'GET' ? { tooLong: 5 } : undefined);
    expect(await failureOf(get(connection, 'a'))).toMatchObject({
      code: 'IO_FAILED',
      message: expect.stringContaining(`the bytes 0 to ${bytes + 5} where 0 to ${bytes} were asked for`),
    });
  });

  test('silence ends', async () => {
    const { connection, retries, fail } = await store({ read_timeout: '100ms' });
    await put(connection, 'a', 'a');
    const item = await itemAt(connection, 'a');
    fail('GET', { waitMs: 2_000 });
    expect(Buffer.concat(await collect(item.open())).toString()).toBe('a');
    expect(retries).toEqual(['TIMED_OUT']);
  });
});

describe('writing', () => {
  test.each([
    ['busy', busy(503, 'SlowDown')],
    ['broken', busy(500, 'InternalError')],
    ['too many', busy(429, 'TooManyRequests', 0)],
    ['an answer that is lost', { lose: true }],
    ['bytes that were changed on the way', { corrupt: true }],
  ] as const)('is done again: %s', async (_, fault) => {
    const { server, connection, retries, fail } = await store();
    const content = pattern(12 * mib);
    fail('PUT', fault, undefined, fault);
    await put(connection, 'large', content);
    await put(connection, 'small', 'x');
    server.fault = () => undefined;
    expect((await get(connection, 'large')).equals(content)).toBe(true);
    expect(await text(connection, 'small')).toBe('x');
    expect(retries).toHaveLength(2);
    expect(server.contents('bucket')).toEqual(['large', 'small']);
  });

  test('an end that fails after its answer began is done again', async () => {
    const { connection, retries, fail } = await store();
    fail('POST', undefined, { refuse: { status: 200, code: 'InternalError', message: 'try again' } });
    await put(connection, 'large', pattern(12 * mib));
    expect(retries).toEqual(['HTTP_BUSY']);
    expect((await get(connection, 'large')).equals(pattern(12 * mib))).toBe(true);
  });

  test('an end that was lost is found to be done', async () => {
    const { server, connection, fail } = await store();
    fail('POST', undefined, { lose: true });
    await put(connection, 'large', pattern(12 * mib), { mode: 'create' });
    fail('PUT', { lose: true });
    await put(connection, 'small', 'x', { mode: 'create' });
    expect(server.contents('bucket')).toEqual(['large', 'small']);
  });

  test('what is refused for good is not asked again, and leaves nothing', async () => {
    const { server, connection, retries } = await store();
    server.fault = ({ method }) => (method === 'PUT' ? busy(403, 'AccessDenied') : undefined);
    for (const size of [10, 12 * mib]) {
      const error = await failureOf(put(connection, 'a', pattern(size)));
      expect(error).toMatchObject({ code: 'PERMISSION_DENIED', message: expect.stringContaining('/lake/a') });
    }
    expect(retries).toEqual([]);
    expect(server.contents('bucket')).toEqual([]);
  });

  test('a store without conditions still refuses what it sees', async () => {
    const { server, connection } = await store();
    server.fault = ({ headers }) => (headers['if-none-match'] ? busy(501, 'NotImplemented') : undefined);
    await put(connection, 'a', 'first', { mode: 'create' });
    expect((await failureOf(put(connection, 'a', 'second', { mode: 'create' }))).code).toBe('TARGET_EXISTS');
    expect(await text(connection, 'a')).toBe('first');
  });

  test('an abort ends the parts that are under way', async () => {
    const { server, connection } = await store();
    const controller = new AbortController();
    const reason = new Error('enough');
    server.fault = ({ query }) => {
      if (query.get('partNumber') !== '2') return undefined;
      controller.abort(reason);
      return { waitMs: 50 };
    };
    const { signal } = controller;
    await expect(put(connection, 'a', pattern(22 * mib), writeOptions({ signal }))).rejects.toBe(reason);
    expect(server.contents('bucket')).toEqual([]);
    expect(await connection.verify({ signal: never })).toEqual({ ok: true });
  });
});

describe('campaigns, in short', () => {
  test.each(['S3 to local', 'local to S3'] as const)('kill -9, %s', async (direction) => {
    const { failed, moved } = await killedCopies(direction, { kills: 1, megabytes: 48 });
    expect(failed).toEqual([]);
    expect(moved).toBeLessThan(1);
  });
});
