// Who may do what in S3 and how it is told: keys, roles, regions, clocks; and keys, folders and headers as the store keeps them.
import dns from 'node:dns';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import type { Config } from '../../connectors/s3/client.ts';
import { connector } from '../../connectors/s3/index.ts';
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
  text,
  writeOptions,
} from '../conformance/files.ts';
import { collect, failureOf } from '../conformance/streams.ts';
import { type S3Server, startS3Server, testKey } from '../servers/s3.ts';
import { connectTo, smallParts } from '../servers/s3-storage.ts';

afterEach(() => {
  vi.unstubAllEnvs();
});

async function store(config: Config = {}, more: Parameters<typeof connectTo>[2] = {}) {
  const server = await startS3Server();
  const connection = connectTo(server, config, more);
  onTestFinished(async () => {
    await connection.close();
    await server.close();
  });
  return { server, connection, bucket: server.store.buckets.get('bucket')! };
}

const key = (id: string, secret: string, token?: string) =>
  credentialOf({
    access_key_id: id,
    secret_access_key: secret,
    ...(token === undefined ? {} : { session_token: token }),
  });

describe('verify says what is wrong', () => {
  test.each([
    ['the access key', {}, key('AKIDWRONG', 'x'), 'CREDENTIAL_REFUSED', /does not know this access key id/],
    ['the secret', {}, key(testKey.id, 'wrong'), 'CREDENTIAL_REFUSED', /secret access key does not belong/],
    ['a key with a line break', {}, key('AKID\nAKID', 'x'), 'CREDENTIAL_REFUSED', /access_key_id has a line break/],
    ['a token with letters of no header', {}, key('A', 'x', 'tökén-鍵'), 'CREDENTIAL_REFUSED', /session_token has/],
    ['half a key', {}, credentialOf({ access_key_id: 'A' }), 'CREDENTIAL_MISSING', /secret_access_key/],
    ['the bucket', { bucket: 'buckte' }, undefined, 'NOT_FOUND', /the bucket "buckte"/],
    [
      'the region of the signature',
      { region: 'eu-west-1' },
      undefined,
      'CONNECTION_INVALID',
      /say `region: us-east-1`/,
    ],
    ['the region of the bucket', { bucket: 'elsewhere' }, undefined, 'CONNECTION_INVALID', /say `region: eu-north-1`/],
    ['no key at all', { anonymous: true }, credentialOf({}), 'PERMISSION_DENIED', /may not do ListObjectsV2/],
  ] as const)('%s', async (_, config, credential, code, reason) => {
    const { server, connection } = await store(config, credential === undefined ? {} : { credential });
    server.store.createBucket('elsewhere', 'eu-north-1');
    expect(await connection.verify({ signal: never })).toMatchObject({
      ok: false,
      code,
      reason: expect.stringMatching(reason),
    });
  });

  test('the clock', async () => {
    const { server, connection } = await store();
    server.fault = () => ({ refuse: { status: 403, code: 'RequestTimeTooSkewed', message: 'too large' } });
    expect(await connection.verify({ signal: never })).toMatchObject({
      code: 'CREDENTIAL_REFUSED',
      reason: expect.stringMatching(/the clock of this machine/),
    });
  });

  test('nobody there', async () => {
    const server = await startS3Server();
    await server.close();
    const connection = connectTo(server);
    onTestFinished(() => connection.close());
    expect(await connection.verify({ signal: never })).toMatchObject({ code: 'CONNECTION_REFUSED' });
    // A store that cannot be asked must not pass for one that has nothing.
    for (const path of ['a', 'a/']) {
      expect((await failureOf(get(connection, path))).code).toBe('CONNECTION_REFUSED');
      expect((await failureOf(connection.describe(path, { signal: never }))).code).toBe('CONNECTION_REFUSED');
      expect((await failureOf(connection.remove(path, { signal: never }))).code).toBe('CONNECTION_REFUSED');
    }
  });

  test('something that is no S3', async () => {
    const other = createServer((_, response) => response.writeHead(200).end('<html>hello</html>'));
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void other.close());
    const endpoint = `http://127.0.0.1:${(other.address() as AddressInfo).port}`;
    const connection = connector.open(
      { bucket: 'b', endpoint },
      connectorContext('lake', { credential: key('a', 'b') }),
    );
    onTestFinished(() => connection.close());
    expect(await connection.verify({ signal: never })).toMatchObject({ ok: false });
  });
});

describe('credentials', () => {
  test('one that expires in the middle is asked for again', async () => {
    const credentials = [key(testKey.id, testKey.secret, 'first'), key(testKey.id, testKey.secret, 'second')];
    let asked = 0;
    const { server, connection } = await store({}, { credential: () => credentials[Math.min(asked++, 1)]! });
    server.keys.set(testKey.id, { secret: testKey.secret, token: 'first' });
    await put(connection, 'a', 'a');
    server.keys.set(testKey.id, { secret: testKey.secret, token: 'second' });
    expect(await text(connection, 'a')).toBe('a');
    server.keys.set(testKey.id, { secret: testKey.secret, token: 'third' });
    expect((await failureOf(get(connection, 'a'))).code).toBe('CREDENTIAL_REFUSED');
  });

  test('of the environment and of a profile', async () => {
    vi.stubEnv('AWS_ACCESS_KEY_ID', testKey.id);
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', testKey.secret);
    const { server, connection } = await store({}, { credential: credentialOf({}) });
    expect(await connection.verify({ signal: never })).toEqual({ ok: true });
    vi.unstubAllEnvs();
    const folder = mkdtempSync(join(tmpdir(), 'pipewright-aws-'));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const file = join(folder, 'credentials');
    writeFileSync(file, `[reports]\naws_access_key_id=${testKey.id}\naws_secret_access_key=${testKey.secret}\n`);
    vi.stubEnv('AWS_SHARED_CREDENTIALS_FILE', file);
    vi.stubEnv('AWS_CONFIG_FILE', join(folder, 'config'));
    const profiled = connectTo(server, { profile: 'reports' }, { credential: credentialOf({}) });
    onTestFinished(() => profiled.close());
    expect(await profiled.verify({ signal: never })).toEqual({ ok: true });
    const unknown = connectTo(server, { profile: 'rports' }, { credential: credentialOf({}) });
    onTestFinished(() => unknown.close());
    const reason = expect.stringContaining('the profile "rports" is not in the AWS configuration files');
    expect(await unknown.verify({ signal: never })).toMatchObject({ ok: false, code: 'CREDENTIAL_REFUSED', reason });
  });

  test.each(['AssumeRole', 'AssumeRoleWithWebIdentity'])('of a role, by %s', async (action) => {
    const folder = mkdtempSync(join(tmpdir(), 'pipewright-sts-'));
    const asked: { fields: URLSearchParams; signature: string | undefined }[] = [];
    const sts = createServer((request, response) => {
      let body = '';
      request.on('data', (chunk) => {
        body += chunk;
      });
      request.on('end', () => {
        asked.push({ fields: new URLSearchParams(body), signature: request.headers.authorization });
        const expiration = new Date(Date.now() + 3_600_000).toISOString();
        response.end(
          `<R><Credentials><AccessKeyId>ASIAROLE</AccessKeyId><SecretAccessKey>rolesecret</SecretAccessKey><SessionToken>tok</SessionToken><Expiration>${expiration}</Expiration></Credentials></R>`,
        );
      });
    });
    await new Promise<void>((resolve) => sts.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => {
      sts.close();
      rmSync(folder, { recursive: true });
    });
    vi.stubEnv('AWS_ENDPOINT_URL_STS', `http://127.0.0.1:${(sts.address() as AddressInfo).port}`);
    const token = join(folder, 'token');
    writeFileSync(token, 'identity\n');
    const web = action === 'AssumeRoleWithWebIdentity';
    const { server, connection } = await store({
      role_arn: 'arn:aws:iam::123456789012:role/reporting',
      ...(web ? { web_identity_token_file: token } : { external_id: 'partner-7' }),
    });
    server.keys.set('ASIAROLE', { secret: 'rolesecret', token: 'tok' });
    await put(connection, 'a', 'a');
    expect(await text(connection, 'a')).toBe('a');
    expect(asked).toHaveLength(1);
    expect(Object.fromEntries(asked[0]!.fields)).toMatchObject({
      Action: action,
      RoleArn: 'arn:aws:iam::123456789012:role/reporting',
      ...(web ? { WebIdentityToken: 'identity' } : { ExternalId: 'partner-7' }),
    });
    if (web) expect(asked[0]!.signature).toBeUndefined();
    else expect(asked[0]!.signature).toMatch(/Credential=AKIDTEST\/\d+\/us-east-1\/sts\/aws4_request/);
  });
});

test('anonymous reads what is for everybody, and writes nothing', async () => {
  const { server, connection, bucket } = await store(
    { ...smallParts, anonymous: true },
    { credential: credentialOf({}) },
  );
  const owner = connectTo(server);
  onTestFinished(() => owner.close());
  const large = pattern(1024 * 1024);
  await put(owner, 'in/a.csv', 'a');
  await put(owner, 'in/large', large);
  expect(await failureOf(get(connection, 'in/a.csv'))).toMatchObject({ code: 'PERMISSION_DENIED' });
  bucket.public = true;
  server.calls.length = 0;
  expect(await connection.verify({ signal: never })).toEqual({ ok: true });
  expect(await text(connection, 'in/a.csv')).toBe('a');
  expect((await get(connection, 'in/large')).equals(large)).toBe(true);
  const all = await collect(connection.list('', { signal: never, recursive: true }));
  expect(all.map(({ path }) => path)).toEqual(['in/a.csv', 'in/large']);
  for (const size of [1, 6_000_000])
    expect(await failureOf(put(connection, 'b', pattern(size)))).toMatchObject({ code: 'PERMISSION_DENIED' });
  expect(server.contents('bucket')).toEqual(['in/a.csv', 'in/large']);
  expect(server.calls.filter(({ headers }) => headers.authorization !== undefined)).toEqual([]);
});

describe('the bucket in the name of the host', () => {
  /** Not every system knows that all of `.localhost` is this machine (RFC 6761, 6.3). */
  function resolveLocalhost() {
    const lookup = dns.lookup as (host: string, ...rest: unknown[]) => void;
    const own = ((host: string, ...rest: unknown[]) =>
      lookup(host.endsWith('.localhost') ? '127.0.0.1' : host, ...rest)) as typeof dns.lookup;
    vi.spyOn(dns, 'lookup').mockImplementation(own);
    onTestFinished(() => void vi.restoreAllMocks());
  }
  const hosts = ({ calls }: S3Server) => [...new Set(calls.map(({ headers }) => headers.host!.split(':')[0]))];

  test('path_style: false puts it there, for all requests', async () => {
    resolveLocalhost();
    const { server } = await store();
    const endpoint = server.url.replace('127.0.0.1', 'localhost');
    const connection = connectTo(server, { ...smallParts, path_style: false, endpoint });
    onTestFinished(() => connection.close());
    expect(await connection.verify({ signal: never })).toEqual({ ok: true });
    const large = pattern(12 * 1024 * 1024);
    await put(connection, 'in/a b+ü.csv', 'a');
    await put(connection, 'large', large);
    await connection.copy('large', 'copy of large', { signal: never });
    expect(await text(connection, 'in/a b+ü.csv')).toBe('a');
    expect((await get(connection, 'copy of large')).equals(large)).toBe(true);
    const all = await collect(connection.list('', { signal: never, recursive: true }));
    expect(all.map(({ path }) => path)).toEqual(['copy of large', 'in/a b+ü.csv', 'large']);
    await connection.removeFiles(['large', 'copy of large'], { signal: never });
    await connection.remove('in/a b+ü.csv', { signal: never });
    expect(server.contents('bucket')).toEqual([]);
    expect(hosts(server)).toEqual(['bucket.localhost']);
  });

  test('path_style: true, and an endpoint where nothing is said, leave the host as it is', async () => {
    for (const style of [{ path_style: true }, {}]) {
      const { server, connection } = await store({ ...smallParts, ...style });
      await put(connection, 'a', 'a');
      await put(connection, 'large', pattern(6_000_000));
      expect(await text(connection, 'a')).toBe('a');
      expect(hosts(server)).toEqual(['127.0.0.1']);
    }
  });
});

describe('keys', () => {
  test('a prefix is the root', async () => {
    const { connection, bucket } = await store({ prefix: 'exports' });
    expect(await collect(connection.list('', { signal: never }))).toEqual([]);
    await put(connection, 'in/a.csv', 'a');
    expect([...bucket.objects.keys()]).toEqual(['exports/in/a.csv']);
    const [entry] = await collect(connection.list('', { signal: never, recursive: true }));
    expect(entry).toMatchObject({ path: 'in/a.csv' });
    expect(await text(connection, entry!.path)).toBe('a');
  });

  test('without a bucket the first part of a path is one', async () => {
    const { server } = await store();
    const connection = connector.open(
      { endpoint: server.url, region: 'us-east-1' },
      connectorContext('s', { credential: key(testKey.id, testKey.secret) }),
    );
    onTestFinished(() => connection.close());
    expect(await connection.verify({ signal: never })).toEqual({ ok: true });
    await put(connection, 'bucket/in/a.csv', 'a');
    expect(await collect(connection.list('', { signal: never }))).toEqual([
      { kind: 'folder', name: 'bucket', path: 'bucket' },
    ]);
    const all = await collect(connection.list('', { signal: never, recursive: true }));
    expect(all.map(({ path }) => path)).toEqual(['bucket', 'bucket/in/a.csv']);
    expect((await itemAt(connection, '/bucket/in/a.csv')).path).toBe('/s/bucket/in/a.csv');
    expect((await failureOf(put(connection, 'bucket', 'x'))).code).toBe('FILE_IS_FOLDER');
  });

  test('folders are names, and are told from files', async () => {
    const { connection } = await store();
    await put(connection, 'in/report.csv', 'x');
    const read = (path: string) => failureOf(connection.read(path, { signal: never }));
    expect(await read('in')).toMatchObject({ code: 'FILE_IS_FOLDER' });
    expect(await read('in/reprot.csv')).toMatchObject({ message: expect.stringContaining('"report.csv"') });
    expect((await failureOf(collect(connection.list('inn', { signal: never })))).code).toBe('NOT_FOUND');
    expect((await failureOf(connection.remove('in', { signal: never }))).code).toBe('FOLDER_NOT_EMPTY');
    await connection.makeFolder('marked', { signal: never });
    const all = await collect(connection.list('', { signal: never }));
    expect(all.map(({ kind, path }) => `${kind} ${path}`)).toEqual(['folder in', 'folder marked']);
    expect(await collect(connection.list('marked', { signal: never }))).toEqual([]);
    await connection.remove('marked', { signal: never });
    expect((await failureOf(connection.describe('marked', { signal: never }))).code).toBe('NOT_FOUND');
    for (const bad of ['a/../b', './a', 'a\0b', 'x'.repeat(1025)]) {
      expect((await failureOf(put(connection, bad, 'x'))).code).toBe('PATH_INVALID');
    }
  });

  test('a listing of many pages has every key once, in order', async () => {
    const { server, connection, bucket } = await store();
    const names = Array.from({ length: 2500 }, (_, i) => `k/${i % 7}/${String(i).padStart(5, '0')}`).sort();
    for (const name of names)
      bucket.put({ key: name, blobs: [], size: 0, etag: '"x"', modified: new Date(), headers: {} });
    server.calls.length = 0;
    const all = await collect(connection.list('k', { signal: never, recursive: true, sorted: true }));
    expect(all.map(({ path }) => path)).toEqual(names);
    expect(server.calls).toHaveLength(3);
    const top = await collect(connection.list('k', { signal: never }));
    expect(top.map(({ path }) => path)).toEqual(['k/0', 'k/1', 'k/2', 'k/3', 'k/4', 'k/5', 'k/6']);
  });
});

describe('what goes with an object', () => {
  test('type, metadata, encryption and class', async () => {
    const { connection, bucket } = await store({
      ...smallParts,
      encryption: 'aws:kms',
      kms_key_id: 'alias/k',
      storage_class: 'STANDARD_IA',
    });
    const o = writeOptions({ metadata: { owner: 'me' }, contentType: 'text/plain' });
    await connection.write('small', streamOf(fileOf('small', 'x')), o);
    await connection.write('large', streamOf(fileOf('large', pattern(6_000_000))), o);
    for (const name of ['small', 'large']) {
      expect(bucket.objects.get(name)!.headers).toEqual({
        'content-type': 'text/plain',
        'x-amz-meta-owner': 'me',
        'x-amz-server-side-encryption': 'aws:kms',
        'x-amz-server-side-encryption-aws-kms-key-id': 'alias/k',
        'x-amz-storage-class': 'STANDARD_IA',
      });
    }
  });

  test.each([
    [undefined, false],
    ['when_required', false],
    ['when_supported', true],
  ] as const)('checksums go along as `checksums: %s` says', async (checksums, sent) => {
    const { server, connection } = await store({ ...smallParts, ...(checksums === undefined ? {} : { checksums }) });
    await put(connection, 'small', 'x');
    await put(connection, 'large', pattern(6_000_000));
    const uploads = server.calls.filter(({ method }) => method === 'PUT');
    expect(uploads.length).toBeGreaterThan(2);
    const has = ({ headers }: (typeof uploads)[0]) =>
      Object.keys(headers).some((name) => /^x-amz-checksum-/.test(name));
    expect(uploads.map(has)).toEqual(uploads.map(() => sent));
  });

  test('the encoding of the bytes is kept and told', async () => {
    const { connection } = await store();
    await connection.write('a', streamOf(fileOf('a', 'x', { contentEncoding: 'gzip' })), writeOptions());
    expect(await itemAt(connection, 'a')).toMatchObject({ contentEncoding: 'gzip' });
  });

  test('a file of many small ones holds no more than its share, and is committed whole', async () => {
    const { server, connection } = await store(smallParts);
    const files = Array.from({ length: 10 }, (_, i) => fileOf(`f${i}`, pattern(3 * 1024 * 1024, i + 1)));
    const beforeCommit = async () => {
      expect(server.store.buckets.get('bucket')!.objects.size).toBe(0);
      expect(server.store.uploads.size).toBe(5);
    };
    await connection.write('out/', streamOf(...files), writeOptions({ beforeCommit }));
    expect(server.contents('bucket')).toHaveLength(10);
  });

  test('copy takes bytes and type along', async () => {
    const { connection, bucket } = await store();
    await put(connection, 'a b/ü.csv', 'x');
    expect(await connection.copy('a b/ü.csv', 'c.csv', { signal: never })).toEqual({
      bytes: 1,
      paths: ['/lake/c.csv'],
    });
    expect(await text(connection, 'c.csv')).toBe('x');
    expect(bucket.objects.get('c.csv')!.headers['content-type']).toBe('text/csv');
    expect((await failureOf(connection.copy('no', 'd', { signal: never }))).code).toBe('NOT_FOUND');
  });
});
