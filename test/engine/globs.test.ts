// Which files a pattern finds, in what order, and how little is listed for it.
import { mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { connector } from '../../connectors/local/index.ts';
import type { AnyConnection } from '../../engine/contracts/connector.ts';
import type { Target } from '../../engine/contracts/task.ts';
import { failure } from '../../engine/errors.ts';
import { type MatchOptions, matchFiles } from '../../engine/globs.ts';
import { connectorContext, never } from '../conformance/files.ts';
import { collect, failureOf } from '../conformance/streams.ts';

/** A folder with these files, each with its own path as content, and a record of what was listed. */
function store(...files: string[]) {
  const root = mkdtempSync(join(tmpdir(), 'pipewright-globs-'));
  onTestFinished(() => rmSync(root, { recursive: true }));
  for (const file of files) {
    mkdirSync(dirname(join(root, file)), { recursive: true });
    writeFileSync(join(root, file), file);
  }
  const connection = connector.open({ root }, connectorContext('files'));
  const listed: string[] = [];
  const watched: AnyConnection = {
    ...connection,
    list(path, o) {
      listed.push(o.recursive ? `${path}/**` : path);
      return connection.list(path, o);
    },
  };
  const target = (path: string, shown = `/files/${path}`): Target => ({
    connection: watched,
    connector: 'local',
    stores: 'files',
    path,
    shown,
  });
  const match = async (path: string, o: Partial<MatchOptions> = {}) => {
    const items = await collect(matchFiles(target(path), { signal: never, ...o }).files);
    return items.map((item) => item.path.replace('/files/', ''));
  };
  return { root, listed, target, match };
}

test.each([
  ['*.csv', ['a.csv', 'b.csv']],
  ['?.csv', ['a.csv', 'b.csv']],
  ['{a,c}.*', ['a.csv', 'c.txt']],
  ['in/*', ['in/d.csv', 'in/e.txt']],
  ['*/*.csv', ['in/d.csv', 'out/f.csv']],
  ['**/*.csv', ['a.csv', 'b.csv', 'in/d.csv', 'in/deep/er/g.csv', 'out/f.csv']],
  ['in/**', ['in/d.csv', 'in/deep/er/g.csv', 'in/e.txt']],
  ['in/**/*.csv', ['in/d.csv', 'in/deep/er/g.csv']],
  ['*/deep/er/*.csv', ['in/deep/er/g.csv']],
  ['*/deep/**', ['in/deep/er/g.csv']],
  ['{in,out}/*.csv', ['in/d.csv', 'out/f.csv']],
  ['*/d.csv', ['in/d.csv']],
  ['.hid*/*', ['.hidden/h.csv']],
])('%s', async (path, expected) => {
  const { match } = store(
    'a.csv',
    'b.csv',
    'c.txt',
    'in/d.csv',
    'in/e.txt',
    'in/deep/er/g.csv',
    'out/f.csv',
    '.hidden/h.csv',
  );
  expect(await match(path)).toEqual(expected);
});

test('names with characters that mean something elsewhere', async () => {
  const odd = ['report (1).csv', '[a].csv', '{b}.csv', 'a+b.csv', '!c.csv', 'd$^.csv', 'é 🎉.csv', 'e\'".csv'];
  const { match } = store(...odd, 'star*.csv', 'starry.csv');
  expect((await match('*.csv')).sort()).toEqual([...odd, 'star*.csv', 'starry.csv'].sort());
  expect(await match('report (1).*')).toEqual(['report (1).csv']);
  expect(await match('[a].*')).toEqual(['[a].csv']);
  expect(await match('star\\*.*')).toEqual(['star*.csv']);
  expect(await match('é ?.csv')).toEqual(['é 🎉.csv']);
});

test('files have bytes, size, time, and their path below the plain part', async () => {
  const { target } = store('in/2024/a.csv', 'in/2025/b.csv');
  const items = await collect(matchFiles(target('in/**/*.csv', 'my-files:/in/**/*.csv'), { signal: never }).files);
  expect(items).toMatchObject([
    { name: 'a.csv', path: 'my-files:/in/2024/a.csv', relativePath: '2024/a.csv', size: 13, contentType: 'text/csv' },
    { name: 'b.csv', path: 'my-files:/in/2025/b.csv', relativePath: '2025/b.csv' },
  ]);
  expect(Buffer.concat(await collect(items[1]!.open({ start: 3 }))).toString()).toBe('2025/b.csv');
});

test('files without a connection keep the way they were written', async () => {
  const { root } = store('in/a.csv');
  const target: Target = {
    connection: connector.open({}, connectorContext('')),
    connector: 'local',
    stores: 'files',
    path: `${root}/*/*.csv`,
    shown: './*/*.csv',
  };
  const [item] = await collect(matchFiles(target, { signal: never }).files);
  expect(item).toMatchObject({ path: './in/a.csv', relativePath: 'in/a.csv' });
});

test('a connection whose entries cannot be opened is read by path', async () => {
  const { target } = store('a.csv', 'b.csv');
  const inner = target('*.csv');
  const connection: AnyConnection = {
    ...inner.connection,
    async *list(path, o) {
      for await (const { open: _, ...entry } of inner.connection.list!(path, o)) yield entry;
    },
  };
  const items = await collect(matchFiles({ ...inner, connection }, { signal: never }).files);
  expect(Buffer.concat(await collect(items[1]!.open({ start: 2 }))).toString()).toBe('csv');
});

test.each([
  ['a/*.csv', ['a']],
  ['a/*/x/*.csv', ['a', 'a/b/x', 'a/c/x']],
  ['a/b/x/?.csv', ['a/b/x']],
  ['a/**/*.csv', ['a/**']],
  ['a/b*/**', ['a', 'a/b/**']],
])('%s lists only %j', async (path, expected) => {
  const { match, listed } = store('a/b/x/1.csv', 'a/b/y/2.csv', 'a/c/z/3.csv', 'd/e/f/4.csv', 'a/0.csv');
  await match(path);
  expect(listed).toEqual(expected);
});

test('nothing is listed before a file is wanted, and no more than wanted', async () => {
  const { target, listed } = store('a/1', 'b/2', 'c/3');
  const { files } = matchFiles(target('*/*'), { signal: never });
  expect(listed).toEqual([]);
  for await (const item of files) if (item.name === '2') break;
  expect(listed).toEqual(['', 'a', 'b']);
});

test('in order of whole paths, times or sizes', async () => {
  const { match, root } = store('b/long-name', 'b.x', 'b-1', 'a/z', 'c');
  const times = ['c', 'b/long-name', 'a/z', 'b-1', 'b.x'];
  for (const [i, name] of times.entries()) utimesSync(join(root, name), 1_700_000_000 + i, 1_700_000_000 + i);
  expect(await match('**')).toEqual(['a/z', 'b-1', 'b.x', 'b/long-name', 'c']);
  expect(await match('**', { order: 'modified' })).toEqual(times);
  expect(await match('**', { order: 'size' })).toEqual(['c', 'a/z', 'b-1', 'b.x', 'b/long-name']);
  expect((await match('**', { order: 'none' })).sort()).toEqual([...times].sort());
});

test('since is within, until is without', async () => {
  const { match, root } = store('a', 'b', 'c');
  for (const [i, name] of ['a', 'b', 'c'].entries()) {
    const time = Date.parse(`2026-01-0${i + 1}`) / 1000;
    utimesSync(join(root, name), time, time);
  }
  expect(await match('*', { since: '2026-01-02' })).toEqual(['b', 'c']);
  expect(await match('*', { until: '2026-01-02T00:00:00Z' })).toEqual(['a']);
  expect(await match('*', { since: '2026-01-02', until: '2026-01-03' })).toEqual(['b']);
  expect(await match('*', { since: '2027-01-01' })).toEqual([]);
  expect(await failureOf(match('*', { since: 'yesterday' }))).toMatchObject({ code: 'VALUE_INVALID' });
});

test('no match is an error, unless it may be', async () => {
  const { match } = store('a.csv', 'in/x/1');
  const error = await failureOf(match('*.json'));
  expect(error).toMatchObject({ code: 'NOT_FOUND', message: '/files/*.json is not there; no file fits this pattern' });
  expect(await failureOf(match('im/*'))).toMatchObject({
    code: 'NOT_FOUND',
    message: expect.stringContaining('did you mean "in"?'),
  });
  expect((await failureOf(match('in/*/y/*'))).code).toBe('NOT_FOUND');
  for (const path of ['*.json', 'im/*', 'in/*/y/*']) expect(await match(path, { missing: 'empty' })).toEqual([]);
});

test('an error of the store is none the less an error', async () => {
  const { target } = store('a.csv');
  const reason = failure('PERMISSION_DENIED', { path: 'x' });
  const connection: AnyConnection = {
    ...target('').connection,
    list: () => ({
      [Symbol.asyncIterator]: () => ({ next: () => Promise.reject(reason) }),
    }),
  };
  const { files } = matchFiles({ ...target('*'), connection }, { signal: never, missing: 'empty' });
  await expect(collect(files)).rejects.toBe(reason);
});

test('a connection that cannot list says so', async () => {
  const { target } = store();
  const { list: _, ...connection } = target('').connection;
  expect(() => matchFiles({ ...target('*.csv'), connector: 'http', connection }, { signal: never })).toThrow(
    'http cannot list files, so that /files/*.csv cannot be looked for; name one file',
  );
});
