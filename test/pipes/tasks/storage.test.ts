// list, delete, mkdir and copy: what is in a store, and what becomes of it.
import { existsSync, mkdirSync, readdirSync, statSync, symlinkSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { AnyConnector } from '../../../engine/contracts/connector.ts';
import { collect, createFiles, type Files, failureOf, run } from './context.ts';

const inside = (files: Files, folder = '') =>
  readdirSync(join(files.folder, folder), { recursive: true, encoding: 'utf8' }).sort();

const tree = () =>
  createFiles({ 'in/a.csv': 'x\n1\n', 'in/b.txt': 'no', 'in/deep/c.csv': 'x\n22\n', 'in/deep/er/d.csv': 'x\n3\n' });

describe('list', () => {
  const listed = async (params: object, files = tree()) => {
    const { output } = await run('list', params, undefined, { files });
    return (await collect(output)).map(({ path, kind }) => `${kind} ${path}`);
  };

  it('gives a row for each, as paths that other tasks take', async () => {
    const files = tree();
    utimesSync(join(files.folder, 'in/a.csv'), 0, Date.UTC(2026, 0, 5) / 1000);
    const { output } = await run('list', { path: 'in' }, undefined, { files });
    expect(output).toMatchObject({
      columns: ['name', 'path', 'kind', 'size', 'modified', 'content_type'].map((name) => ({ name })),
    });
    const [first, second, third] = await collect(output);
    expect(first).toEqual({
      name: 'a.csv',
      path: 'in/a.csv',
      kind: 'file',
      size: 4,
      modified: '2026-01-05T00:00:00.000Z',
      content_type: 'text/csv',
    });
    expect(second).toMatchObject({ path: 'in/b.txt', size: 2, content_type: 'text/plain' });
    expect(third).toMatchObject({ path: 'in/deep', kind: 'folder', size: null, content_type: null });
  });

  it('goes into folders, and follows patterns', async () => {
    expect(await listed({ path: 'in/', recursive: true })).toEqual([
      'file in/a.csv',
      'file in/b.txt',
      'folder in/deep',
      'file in/deep/c.csv',
      'folder in/deep/er',
      'file in/deep/er/d.csv',
    ]);
    expect(await listed({ path: 'in/*' })).toEqual(['file in/a.csv', 'file in/b.txt', 'folder in/deep']);
    expect(await listed({ path: 'in/**/*.csv' })).toEqual([
      'file in/a.csv',
      'file in/deep/c.csv',
      'file in/deep/er/d.csv',
    ]);
    expect(await listed({ path: 'in/d*/*' })).toEqual(['file in/deep/c.csv', 'folder in/deep/er']);
    expect(await listed({ path: 'in/*.json' })).toEqual([]);
    expect(await listed({ path: 'in/a.csv' })).toEqual(['file in/a.csv']);
  });

  it('chooses by kind and time, and orders', async () => {
    const files = tree();
    for (const [name, day] of Object.entries({ 'a.csv': 9, 'b.txt': 2, deep: 5 })) {
      utimesSync(join(files.folder, 'in', name), 0, Date.UTC(2026, 0, day) / 1000);
    }
    expect(await listed({ path: 'in', kinds: ['folder'] }, files)).toEqual(['folder in/deep']);
    expect(await listed({ path: 'in', since: '2026-01-05' }, files)).toEqual(['file in/a.csv', 'folder in/deep']);
    expect(await listed({ path: 'in', until: '2026-01-05', kinds: ['file'] }, files)).toEqual(['file in/b.txt']);
    expect(await listed({ path: 'in', order: 'modified' }, files)).toEqual([
      'file in/b.txt',
      'folder in/deep',
      'file in/a.csv',
    ]);
    expect(await listed({ path: 'in', order: 'size', kinds: ['file'] }, files)).toEqual([
      'file in/b.txt',
      'file in/a.csv',
    ]);
  });

  it('fails on a folder that is not there', async () => {
    const { output } = await run('list', { path: 'nowhere' }, undefined, { files: tree() });
    expect(await failureOf(collect(output))).toMatch(/^NOT_FOUND/);
    expect(await failureOf(run('list', { path: 'in/*', recursive: true }))).toBe(
      'OPTION_UNSUPPORTED `recursive` is not supported by a pattern; `**` in it goes into folders',
    );
  });

  it('shows what is in a connection by its alias', async () => {
    const files = tree();
    const connections = { lake: { connector: 'local', config: { root: files.folder } } };
    for (const params of [{ path: '/lake/in/deep' }, { path: 'in/deep', connection: 'lake' }]) {
      const { output } = await run('list', params, undefined, { files, connections });
      expect((await collect(output)).map(({ path }) => path)).toEqual(['/lake/in/deep/c.csv', '/lake/in/deep/er']);
    }
    const { output } = await run('list', { path: '/lake' }, undefined, { connections });
    expect((await collect(output)).map(({ path }) => path)).toEqual(['/lake/in']);
  });
});

describe('delete', () => {
  it('deletes a file, an empty folder, and what fits a pattern', async () => {
    const files = tree();
    mkdirSync(join(files.folder, 'empty'));
    await run('delete', { path: 'in/a.csv' }, undefined, { files });
    await run('delete', { path: 'empty' }, undefined, { files });
    const { figures } = await run('delete', { path: 'in/**/*.csv' }, undefined, { files });
    expect(figures.files).toBe(2);
    expect(inside(files)).toEqual(['in', 'in/b.txt', 'in/deep', 'in/deep/er']);
  });

  it('deletes a folder with all that is in it only when told to, and nothing through links', async () => {
    const files = tree();
    const other = createFiles({ 'kept.txt': 'x' });
    symlinkSync(other.folder, join(files.folder, 'in/link'));
    expect(await failureOf(run('delete', { path: 'in' }, undefined, { files }))).toMatch(/^FOLDER_NOT_EMPTY/);
    expect(inside(files)).toContain('in/a.csv');
    await run('delete', { path: 'in', recursive: true }, undefined, { files });
    expect(inside(files)).toEqual([]);
    expect(inside(other)).toEqual(['kept.txt']);
  });

  it('fails when nothing is there, or skips', async () => {
    const files = tree();
    for (const path of ['in/x.csv', 'in/*.json', 'nowhere/*.csv']) {
      expect(await failureOf(run('delete', { path }, undefined, { files }))).toMatch(/^NOT_FOUND/);
      expect(await failureOf(run('delete', { path, missing: 'skip' }, undefined, { files }))).toBe('no failure');
    }
    expect(await failureOf(run('delete', { path: 'in/*', recursive: true }, undefined, { files }))).toMatch(
      /^OPTION_UNSUPPORTED/,
    );
    expect(inside(files)).toHaveLength(7);
  });

  it('does not take a denied deletion for nothing there', async () => {
    const files = createFiles({ 'a/b': 'x' });
    const failed = await failureOf(run('delete', { path: 'a/b/c', missing: 'fail' }, undefined, { files }));
    expect(failed).not.toBe('no failure');
    expect(inside(files)).toEqual(['a', 'a/b']);
  });
});

describe('mkdir', () => {
  it('makes a folder and those above it; one that is there is no error', async () => {
    const files = createFiles();
    for (const path of ['a/b/c', 'a/b/c/', 'a']) await run('mkdir', { path }, undefined, { files });
    expect(statSync(join(files.folder, 'a/b/c')).isDirectory()).toBe(true);
  });

  it('refuses a pattern and a file in the way', async () => {
    const files = createFiles({ a: 'file' });
    expect(await failureOf(run('mkdir', { path: 'x/*' }, undefined, { files }))).toMatch(
      /^PATH_INVALID .*has a pattern/,
    );
    expect(await failureOf(run('mkdir', { path: 'a/b' }, undefined, { files }))).toMatch(/^PATH_INVALID/);
  });
});

describe('copy', () => {
  it('copies a file, a pattern and a folder', async () => {
    const files = tree();
    const copied = (from: string, to: string) => run('copy', { from, to }, undefined, { files });
    const one = await copied('in/a.csv', 'one/b.csv');
    expect(files.text('one/b.csv')).toBe('x\n1\n');
    expect(one.figures).toMatchObject({ files: 1, bytes: 4 });
    expect(one.result).toMatchObject({ paths: [expect.stringContaining('one/b.csv')] });
    await copied('in/**/*.csv', 'many/');
    expect(inside(files, 'many')).toEqual(['a.csv', 'deep', 'deep/c.csv', 'deep/er', 'deep/er/d.csv']);
    await copied('in/deep', 'folder/');
    expect(inside(files, 'folder')).toEqual(['c.csv', 'er', 'er/d.csv']);
  });

  it('copies bytes whatever the extensions say', async () => {
    const files = tree();
    await run('copy', { from: 'in/a.csv', to: 'a.json' }, undefined, { files });
    expect(files.text('a.json')).toBe('x\n1\n');
  });

  it('copies from one connection to another', async () => {
    const [from, to] = [tree(), createFiles()];
    const connections = {
      here: { connector: 'local', config: { root: from.folder } },
      there: { connector: 'local', config: { root: to.folder } },
    };
    await run('copy', { from: '/here/in/*.csv', to: '/there/x/' }, undefined, { connections });
    expect(inside(to)).toEqual(['x', 'x/a.csv']);
  });

  it('copies only what was changed in time', async () => {
    const files = tree();
    utimesSync(join(files.folder, 'in/a.csv'), 0, Date.UTC(2020, 0, 1) / 1000);
    await run('copy', { from: 'in/**/*.csv', to: 'new/', since: '2021-01-01' }, undefined, { files });
    expect(inside(files, 'new')).toEqual(['deep', 'deep/c.csv', 'deep/er', 'deep/er/d.csv']);
  });

  it.each([
    ['shorter', 1, 'INPUT_TRUNCATED /wrong/a ends too early: 3 bytes came where 5 were announced'],
    ['without an end', Number.POSITIVE_INFINITY, /^IO_FAILED .*more than the 5 bytes that were announced/],
  ])('copies nothing when a file is not what was announced: %s', async (_, chunks, said) => {
    const to = createFiles();
    let given = 0;
    const connector: AnyConnector = {
      name: 'wrong',
      capabilities: ['read'],
      stores: 'files',
      open: () => ({
        read: async () => ({
          kind: 'files',
          files: (async function* () {
            const open = async function* () {
              for (; given < chunks; given++) yield Buffer.from('abc');
            };
            yield { name: 'a', path: '/wrong/a', contentType: 'text/plain', size: 5, open };
          })(),
        }),
        verify: async () => ({ ok: true }),
        close: async () => {},
      }),
    };
    const params = { from: '/wrong/a', to: 'a' };
    const end = run('copy', params, undefined, { files: to, connections: { wrong: { connector, config: {} } } });
    expect(await failureOf(end)).toEqual(typeof said === 'string' ? said : expect.stringMatching(said));
    expect(given).toBeLessThan(5);
    expect(inside(to)).toEqual([]);
  });

  it('refuses what has no files, and several for one', async () => {
    const files = tree();
    const copied = (params: object) =>
      failureOf(run('copy', { from: 'in/a.csv', to: 'b.csv', ...params }, undefined, { files }));
    expect(await copied({ from: 'nowhere' })).toMatch(/^NOT_FOUND/);
    expect(await copied({ from: 'in/*', to: 'one.csv' })).toMatch(/^PATH_INVALID .*several/);
    expect(await copied({ to: 'x/*' })).toMatch(/^PATH_INVALID .*has a pattern/);
    expect(existsSync(join(files.folder, 'one.csv'))).toBe(false);
  });
});
