// The copy task: what it leaves alone, mirrors, copies in the store, checks, and goes on with after it was killed.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { connector as s3 } from '../../../connectors/s3/index.ts';
import type { AnyConnector } from '../../../engine/contracts/connector.ts';
import { withRetry } from '../../../engine/retry.ts';
import { pattern } from '../../conformance/files.ts';
import { type S3Server, startS3Server } from '../../servers/s3.ts';
import { testCredential } from '../../servers/s3-storage.ts';
import { createFiles, type Files, failureOf, run } from '../tasks/context.ts';

const mib = 1024 * 1024;

const inside = (files: Files, folder = '') =>
  readdirSync(join(files.folder, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(join(files.folder, folder).length + 1))
    .sort();

async function startStore() {
  const server = await startS3Server();
  onTestFinished(() => server.close());
  return { server, connections: { lake: lakeOf(server) } };
}

function lakeOf(server: S3Server) {
  const connector: AnyConnector = {
    ...s3,
    open: (config, context) =>
      s3.open(config, {
        ...context,
        credential: async () => testCredential,
        retry: (work, { signal }) => withRetry(work, { signal, firstWaitMs: 1 }),
      }),
  };
  return { connector, config: { bucket: 'bucket', region: 'us-east-1', endpoint: server.url } };
}

const tree = () => createFiles({ 'in/a.csv': 'one', 'in/deep/b.csv': 'two', 'in/c.txt': 'three' });

describe('what is there already', () => {
  const copied = async (files: Files, params: object) => {
    const { result } = await run('copy', { from: 'in', to: 'out/', ...params }, undefined, { files });
    return result as { paths: string[]; skipped: number; deleted: string[] };
  };
  const old = (files: Files, name: string, year: number) =>
    utimesSync(join(files.folder, name), 0, Date.UTC(year, 0, 1) / 1000);

  it('is left alone when it is the same by size and time', async () => {
    const files = tree();
    expect((await copied(files, { skip: 'same' })).paths).toHaveLength(3);
    expect(await copied(files, { skip: 'same' })).toMatchObject({ paths: [], skipped: 3 });
    files.put('out/a.csv', 'longer');
    old(files, 'out/deep/b.csv', 2001);
    const again = await copied(files, { skip: 'same' });
    expect(again).toMatchObject({ skipped: 1 });
    expect(again.paths.sort()).toEqual([expect.stringMatching(/a\.csv$/), expect.stringMatching(/deep\/b\.csv$/)]);
    expect(files.text('out/a.csv')).toBe('one');
  });

  it('is left alone when it is the same by checksum, whatever the time', async () => {
    const files = tree();
    await copied(files, {});
    old(files, 'out/a.csv', 2001);
    files.put('out/c.txt', 'thrEE');
    expect(await copied(files, { skip: 'same', compare: 'checksum' })).toMatchObject({ skipped: 2 });
    expect(files.text('out/c.txt')).toBe('three');
  });

  it('is left alone when it is newer, or when it exists', async () => {
    const files = tree();
    old(files, 'in/a.csv', 2010);
    files.put('out/a.csv', 'mine');
    files.put('out/c.txt', 'mine');
    old(files, 'out/c.txt', 2001);
    expect(await copied(files, { skip: 'newer' })).toMatchObject({ skipped: 1 });
    expect([files.text('out/a.csv'), files.text('out/c.txt')]).toEqual(['mine', 'three']);
    files.put('out/a.csv', 'again');
    old(files, 'out/a.csv', 2001);
    expect(await copied(files, { skip: 'exists' })).toMatchObject({ skipped: 3, paths: [] });
    expect(files.text('out/a.csv')).toBe('again');
  });

  it('is looked at for one file too', async () => {
    const files = tree();
    const one = { from: 'in/a.csv', to: 'b.csv', skip: 'exists' };
    expect(await copied(files, one)).toMatchObject({ skipped: 0 });
    expect(await copied(files, one)).toMatchObject({ skipped: 1 });
  });
});

describe('a mirror', () => {
  const mirror = (files: Files, params: object = {}) =>
    run('copy', { from: 'in', to: 'out/', delete: 'extra', ...params }, undefined, { files });

  it('deletes what the source has not, and nothing that the pattern does not fit', async () => {
    const files = tree();
    for (const name of ['out/x.csv', 'out/deep/y.csv', 'out/z.txt']) files.put(name, 'extra');
    const { result } = await mirror(files, { from: 'in/**/*.csv' });
    expect(inside(files, 'out')).toEqual(['a.csv', 'deep/b.csv', 'z.txt']);
    expect((result as { deleted: string[] }).deleted).toHaveLength(2);
    await mirror(files, { skip: 'same' });
    expect(inside(files, 'out')).toEqual(['a.csv', 'c.txt', 'deep/b.csv']);
  });

  it('only tells what it would do with dry_run', async () => {
    const files = tree();
    files.put('out/x.csv', 'extra');
    files.put('out/a.csv', 'one');
    const { result, logs, figures } = await mirror(files, { dry_run: true, skip: 'same' });
    expect(inside(files, 'out')).toEqual(['a.csv', 'x.csv']);
    expect(result).toMatchObject({ skipped: 1, delete: [expect.stringMatching(/x\.csv$/)] });
    expect(logs.join('\n')).toMatch(/would copy .*deep\/b\.csv.*\n.*would delete .*x\.csv/s);
    expect(figures).toMatchObject({ files: 0, bytes: 0 });
  });

  it('refuses what could delete too much', async () => {
    const files = tree();
    const refused = (params: object) => failureOf(mirror(files, params));
    expect(await refused({ since: '2026-01-01' })).toMatch(/^OPTION_UNSUPPORTED `since`/);
    expect(await refused({ to: 'one.csv', from: 'in/a.csv' })).toMatch(/^PATH_INVALID .*end it with/);
    expect(await refused({ to: 'in/deep/' })).toMatch(/^PATH_INVALID .*inside each other/);
    expect(await refused({ from: 'in/deep', to: 'in/' })).toMatch(/^PATH_INVALID .*inside each other/);
    expect(await refused({ from: 'in/*.nothing' })).toMatch(/^NOT_FOUND/);
    expect(inside(files, 'in')).toEqual(['a.csv', 'c.txt', 'deep/b.csv']);
  });
});

it('takes hidden files along, and a folder can be deleted in a store that has none', async () => {
  const { server, connections } = await startStore();
  const files = createFiles({ 'in/.env': 'a', 'in/deep/.b/c': 'c' });
  await run('copy', { from: 'in', to: '/lake/x/' }, undefined, { files, connections });
  expect(server.contents('bucket')).toEqual(['x/.env', 'x/deep/.b/c']);
  await run('delete', { path: '/lake/x', recursive: true }, undefined, { connections });
  expect(server.contents('bucket')).toEqual([]);
});

describe('to and from a store', () => {
  it('many small files and a large one, both ways, checked', async () => {
    const { server, connections } = await startStore();
    const files = createFiles({ 'in/big.bin': pattern(18 * mib + 7), 'in/empty': '' });
    for (let i = 0; i < 300; i++) files.put(`in/small/${i}`, `small ${i}`);
    const there = { from: 'in', to: '/lake/x/', part_size: '5MiB', verify: 'checksum' };
    const { figures } = await run('copy', there, undefined, { files, connections });
    expect(figures).toMatchObject({ files: 302, rejected: 0 });
    expect(server.contents('bucket')).toHaveLength(302);
    const back = { from: '/lake/x', to: 'back/', part_size: '5MiB', verify: 'checksum', concurrency: 3 };
    await run('copy', back, undefined, { files, connections });
    expect(files.bytes('back/big.bin').equals(files.bytes('in/big.bin'))).toBe(true);
    expect(inside(files, 'back')).toEqual(inside(files, 'in'));
    expect(files.text('back/small/299')).toBe('small 299');
    const again = await run('copy', { ...back, skip: 'same' }, undefined, { files, connections });
    expect(again.result).toMatchObject({ skipped: 302, paths: [] });
  });

  it('within one store without the bytes coming here', async () => {
    const { server, connections } = await startStore();
    const files = createFiles({ 'in/a.csv': 'one', 'in/deep/b ü.csv': 'two' });
    await run('copy', { from: 'in', to: '/lake/x/' }, undefined, { files, connections });
    server.moved = { in: 0, out: 0 };
    const { result } = await run('copy', { from: '/lake/x', to: '/lake/y/' }, undefined, { connections });
    expect(server.contents('bucket')).toEqual(['x/a.csv', 'x/deep/b ü.csv', 'y/a.csv', 'y/deep/b ü.csv']);
    expect(server.moved).toEqual({ in: 0, out: 0 });
    expect((result as { paths: string[] }).paths).toHaveLength(2);
    expect(server.store.buckets.get('bucket')!.objects.get('y/a.csv')!.headers['content-type']).toBe('text/csv');
  });

  it('says when what is there is not what was sent', async () => {
    const { server, connections } = await startStore();
    const files = createFiles({ 'a.csv': 'one' });
    const wrong = { ...server.store.buckets.get('bucket')! };
    server.store.buckets.set('bucket', {
      ...wrong,
      put: (object) => wrong.put({ ...object, blobs: [], etag: '"0"', size: 0 }),
    });
    const params = { from: 'a.csv', to: '/lake/a.csv', verify: 'checksum' };
    expect(await failureOf(run('copy', params, undefined, { files, connections }))).toMatch(/^CHECKSUM_MISMATCH/);
  });

  it('says when what came is not what the source has', async () => {
    const { server, connections } = await startStore();
    const files = createFiles({ 'a.csv': 'one' });
    await run('copy', { from: 'a.csv', to: '/lake/a.csv' }, undefined, { files, connections });
    server.fault = ({ method }) => (method === 'GET' ? { corrupt: true } : undefined);
    const params = { from: '/lake/a.csv', to: 'b.csv', verify: 'checksum' };
    expect(await failureOf(run('copy', params, undefined, { files, connections }))).toMatch(/^CHECKSUM_MISMATCH/);
  });

  it('a file that changes while it is read in parts is no file', async () => {
    const { server, connections } = await startStore();
    const files = createFiles({ 'in.bin': pattern(12 * mib) });
    await run('copy', { from: 'in.bin', to: '/lake/in.bin' }, undefined, { files, connections });
    const bucket = server.store.buckets.get('bucket')!;
    let gets = 0;
    server.fault = ({ method }) => {
      if (method === 'GET' && ++gets === 2) bucket.objects.get('in.bin')!.etag = '"other"';
      return undefined;
    };
    const back = run('copy', { from: '/lake/in.bin', to: 'out.bin', part_size: '5MiB', concurrency: 1 }, undefined, {
      files,
      connections,
    });
    expect(await failureOf(back)).toMatch(/^IO_FAILED .*someone wrote to it/);
    expect(inside(files)).toEqual(['in.bin']);
  });
});

describe('after it was killed', () => {
  it('goes on with the upload that carries its mark, and ends those of other versions', async () => {
    const { server, connections } = await startStore();
    const files = createFiles({ 'in.bin': pattern(23 * mib) });
    const params = { from: 'in.bin', to: '/lake/in.bin', part_size: '5MiB', concurrency: 1 };
    const copied = () => run('copy', params, undefined, { files, connections });
    // As a kill leaves it: parts, no end.
    server.fault = ({ query, method }) =>
      (method === 'PUT' && Number(query.get('partNumber')) >= 4 && query.get('partNumber') !== '10000') ||
      method === 'DELETE'
        ? { refuse: { status: 400, code: 'Killed', message: 'killed' } }
        : undefined;
    await failureOf(copied());
    const [left] = server.contents('bucket');
    expect(left).toMatch(/^in\.bin \(upload/);
    server.fault = () => undefined;
    server.moved.in = 0;
    await copied();
    expect(server.contents('bucket')).toEqual(['in.bin']);
    expect(server.moved.in).toBeLessThan(9 * mib);
    const stored = server.store.buckets.get('bucket')!.objects.get('in.bin')!;
    expect(Buffer.concat(stored.blobs.map(({ file }) => readFileSync(file))).equals(files.bytes('in.bin'))).toBe(true);

    server.fault = ({ method }) =>
      method === 'DELETE' ? { refuse: { status: 400, code: 'Killed', message: '' } } : undefined;
    files.put('in.bin', pattern(23 * mib, 5));
    const marked = server.fault;
    server.fault = (call) =>
      Number(call.query.get('partNumber')) === 2
        ? { refuse: { status: 400, code: 'Killed', message: '' } }
        : marked(call);
    await failureOf(copied());
    files.put('in.bin', pattern(23 * mib, 9));
    utimesSync(join(files.folder, 'in.bin'), 0, Date.UTC(2020, 0, 1) / 1000);
    server.fault = () => undefined;
    await copied();
    expect(server.contents('bucket')).toEqual(['in.bin']);
    const now = server.store.buckets.get('bucket')!.objects.get('in.bin')!;
    expect(Buffer.concat(now.blobs.map(({ file }) => readFileSync(file))).equals(files.bytes('in.bin'))).toBe(true);
  });

  it('removes the temporary files of processes that are no more', async () => {
    const files = createFiles({ 'in/a': 'a' });
    const machine = createHash('sha256').update(hostname()).digest('hex').slice(0, 4);
    const { pid } = spawnSync(process.execPath, ['-e', '']);
    const left = `.a.${machine}${pid.toString(36)}-0123456789ab.tmp`;
    const others = [`.a.${machine}${process.ppid.toString(36)}-0123456789ab.tmp`, '.mine.tmp'];
    for (const name of [left, ...others]) files.put(`out/${name}`, 'half');
    await run('copy', { from: 'in', to: 'out/' }, undefined, { files });
    expect(inside(files, 'out')).toEqual([...others, 'a'].sort());
  });

  it('goes on with the parts that are on the disk, and removes what is of no use', async () => {
    const { server, connections } = await startStore();
    const content = pattern(23 * mib);
    const files = createFiles({ 'in.bin': content });
    await run('copy', { from: 'in.bin', to: '/lake/in.bin' }, undefined, { files, connections });
    const params = { from: '/lake/in.bin', to: 'out/out.bin', part_size: '5MiB', concurrency: 1 };
    const copied = () => run('copy', params, undefined, { files, connections });
    // A failure that may pass leaves what a kill leaves.
    let gets = 0;
    server.fault = ({ method }) =>
      method === 'GET' && ++gets > 3 ? { refuse: { status: 503, code: 'SlowDown', message: '' } } : undefined;
    expect(await failureOf(copied())).toMatch(/^HTTP_BUSY/);
    const [journal, part] = inside(files, 'out');
    expect([journal, part]).toEqual([
      expect.stringMatching(/^\.out\.bin\.[0-9a-f]{12}\.journal$/),
      expect.stringMatching(/^\.out\.bin\.[0-9a-f]{12}\.part$/),
    ]);
    writeFileSync(join(files.folder, 'out', '.out.bin.000000000000.part'), 'of another version');
    server.fault = () => undefined;
    server.moved.out = 0;
    await copied();
    expect(inside(files, 'out')).toEqual(['out.bin']);
    expect(files.bytes('out/out.bin').equals(content)).toBe(true);
    expect(server.moved.out).toBe(8 * mib);
    expect(existsSync(join(files.folder, 'out', journal!))).toBe(false);
  });
});
