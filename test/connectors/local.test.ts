// The local connector: a storage, and what is its own: links, modes, roots, full disks.
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { connector } from '../../connectors/local/index.ts';
import {
  connectorContext,
  fileOf,
  get,
  itemAt,
  never,
  pattern,
  put,
  streamOf,
  temporaryOf,
  text,
  writeOptions,
} from '../conformance/files.ts';
import { asOrdinaryUser, closeFolder } from '../conformance/ordinary-user.ts';
import { describeStorage } from '../conformance/storage.ts';
import { collect, failureOf } from '../conformance/streams.ts';

function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'pipewright-local-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

function filesIn(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => !entry.isDirectory())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)))
    .sort();
}

describeStorage('local', {
  connector,
  folders: true,
  append: true,
  exclusive: true,
  severalFiles: true,
  async open() {
    const root = mkdtempSync(join(tmpdir(), 'pipewright-local-'));
    return {
      connection: connector.open({ root }, connectorContext('files')),
      contents: async () => filesIn(root),
      close: async () => rmSync(root, { recursive: true }),
      async deny(connection, folder) {
        const closed = closeFolder(root, folder);
        return { connection, allow: async () => closed.open() };
      },
    };
  },
});

const inRoot = () => {
  const root = temporaryFolder();
  return { root, connection: connector.open({ root }, connectorContext('files')) };
};
const machine = () => connector.open({}, connectorContext(''));

describe('names in errors and reports', () => {
  test('are those of the connection', async () => {
    const { connection } = inRoot();
    expect(await put(connection, 'in/a.csv', 'x')).toMatchObject({ paths: ['/files/in/a.csv'] });
    expect((await itemAt(connection, '/in/a.csv')).path).toBe('/files/in/a.csv');
    expect(await failureOf(get(connection, 'in/b.csv'))).toMatchObject({
      message: '/files/in/b.csv is not there; did you mean "a.csv"?',
    });
    expect((await failureOf(get(connection, 'out/b.csv'))).message).toMatch(
      /^\/files\/out\/b.csv is not there; neither is its folder/,
    );
  });

  test('are short where there is no connection', async () => {
    const folder = temporaryFolder();
    writeFileSync(join(folder, 'a.csv'), 'x');
    expect((await itemAt(machine(), join(folder, 'a.csv'))).path).toBe(join(folder, 'a.csv'));
    expect((await itemAt(machine(), join(process.cwd(), 'package.json'))).path).toBe('package.json');
  });
});

describe('what is no plain file', () => {
  test('a folder is not read, nor written over', async () => {
    const { connection, root } = inRoot();
    mkdirSync(join(root, 'sub'));
    expect(await failureOf(get(connection, 'sub'))).toMatchObject({ code: 'FILE_IS_FOLDER' });
    expect(await failureOf(put(connection, 'sub', 'x'))).toMatchObject({ code: 'FILE_IS_FOLDER' });
    expect(filesIn(root)).toEqual([]);
  });

  test('a path through a file', async () => {
    const { connection, root } = inRoot();
    writeFileSync(join(root, 'file'), 'x');
    expect(await failureOf(put(connection, 'file/in', 'x'))).toMatchObject({ code: 'PATH_INVALID' });
    expect(await failureOf(get(connection, 'file/in'))).toMatchObject({ code: 'NOT_FOUND' });
    expect(filesIn(root)).toEqual(['file']);
  });

  test('a named pipe gives its bytes', async () => {
    const folder = temporaryFolder();
    const path = join(folder, 'pipe');
    execFileSync('mkfifo', [path]);
    const content = pattern(300_000);
    const item = await itemAt(machine(), path);
    expect(item).toMatchObject({ once: true });
    expect(item.size).toBeUndefined();
    const [received] = await Promise.all([
      collect(item.open()),
      machine().write(path, streamOf(fileOf('p', content)), writeOptions()),
    ]);
    expect(Buffer.concat(received).equals(content)).toBe(true);
    expect(lstatSync(path).isFIFO()).toBe(true);
    expect(await collect(machine().list(folder, { signal: never }))).toEqual([]);
  });

  test('a device is written to directly', async () => {
    expect(await put(machine(), '/dev/null', 'gone')).toMatchObject({ bytes: 4 });
    expect(lstatSync('/dev/null').isCharacterDevice()).toBe(true);
  });

  test('a folder that takes no folders is not waited for', async () => {
    expect((await failureOf(put(machine(), '/proc/nope/deep/a', 'a'))).code).toBe('NOT_FOUND');
    expect((await failureOf(machine().makeFolder('/proc/nope/deep', { signal: never }))).code).toBe('NOT_FOUND');
  });

  test('a file without a size that has content', async () => {
    expect((await get(machine(), '/proc/self/status')).toString()).toContain('Pid:');
  });
});

describe('a file that changes while it is used', () => {
  test('one that gets shorter', async () => {
    const { connection, root } = inRoot();
    await put(connection, 'a', pattern(5 * 1024 * 1024));
    const reading = async () => {
      for await (const _ of (await itemAt(connection, 'a')).open()) truncateSync(join(root, 'a'), 0);
    };
    expect(await failureOf(reading())).toMatchObject({
      code: 'INPUT_TRUNCATED',
      message: expect.stringContaining('/files/a'),
    });
  });

  test('one that another writer changed during an append', async () => {
    const { connection, root } = inRoot();
    writeFileSync(join(root, 'a'), 'first,');
    const beforeCommit = async () => writeFileSync(join(root, 'a'), 'first,other,');
    const error = await failureOf(put(connection, 'a', 'mine,', { mode: 'append', beforeCommit }));
    expect(error).toMatchObject({ code: 'IO_FAILED', message: expect.stringContaining('someone else wrote') });
    expect(readFileSync(join(root, 'a'), 'utf8')).toBe('first,other,');
    const created = await failureOf(
      put(connection, 'b', 'mine,', {
        mode: 'append',
        beforeCommit: async () => writeFileSync(join(root, 'b'), 'other,'),
      }),
    );
    expect(created.code).toBe('IO_FAILED');
    expect(filesIn(root)).toEqual(['a', 'b']);
  });
});

describe('what a replaced file keeps', () => {
  test.each([0o640, 0o600, 0o755])('its mode %o', async (mode) => {
    const { connection, root } = inRoot();
    writeFileSync(join(root, 'a'), 'old');
    chmodSync(join(root, 'a'), mode);
    for (const how of ['replace', 'append'] as const) {
      await put(connection, 'a', 'new', { mode: how });
      expect(statSync(join(root, 'a')).mode & 0o7777).toBe(mode);
    }
  });

  test('a new file has the usual mode', async () => {
    const { connection, root } = inRoot();
    await put(connection, 'a', 'new');
    expect(statSync(join(root, 'a')).mode & 0o777).toBe(0o666 & ~process.umask());
  });

  test('a link stays a link, also one to nothing', async () => {
    const { connection, root } = inRoot();
    mkdirSync(join(root, 'real'));
    writeFileSync(join(root, 'real/a'), 'old');
    symlinkSync('real/a', join(root, 'link'));
    symlinkSync('real/to-come', join(root, 'dangling'));
    await put(connection, 'link', 'new');
    await put(connection, 'dangling', 'new');
    expect(readlinkSync(join(root, 'link'))).toBe('real/a');
    expect(readFileSync(join(root, 'real/a'), 'utf8')).toBe('new');
    expect(readFileSync(join(root, 'real/to-come'), 'utf8')).toBe('new');
    expect((await failureOf(put(connection, 'dangling', 'x', { mode: 'create' }))).code).toBe('TARGET_EXISTS');
    await connection.remove('link', { signal: never });
    expect(filesIn(root)).toEqual(['dangling', 'real/a', 'real/to-come']);
  });

  test('append leaves a second name of the file alone', async () => {
    const { connection, root } = inRoot();
    writeFileSync(join(root, 'a'), 'old,');
    linkSync(join(root, 'a'), join(root, 'second'));
    await put(connection, 'a', 'new', { mode: 'append' });
    expect([await text(connection, 'a'), await text(connection, 'second')]).toEqual(['old,new', 'old,']);
  });
});

describe('a root', () => {
  test.each(['../secret', 'a/../../secret', '/../secret', '..'])('is not left by %s', async (path) => {
    const { connection } = inRoot();
    for (const work of [
      () => get(connection, path),
      () => put(connection, path, 'x'),
      () => collect(connection.list(path, { signal: never })),
      () => connection.describe(path, { signal: never }),
      () => connection.remove(path, { signal: never }),
      () => connection.makeFolder(path, { signal: never }),
    ]) {
      expect(await failureOf(work())).toMatchObject({
        code: 'PATH_INVALID',
        message: expect.stringContaining('/files/'),
      });
    }
  });

  test('is not left by a link', async () => {
    const { connection, root } = inRoot();
    const outside = temporaryFolder();
    writeFileSync(join(outside, 'secret'), 'secret');
    symlinkSync(outside, join(root, 'out'));
    symlinkSync(join(outside, 'secret'), join(root, 'file'));
    symlinkSync(join(outside, 'to-come'), join(root, 'dangling'));
    for (const path of ['out/secret', 'file', 'out/new', 'dangling']) {
      expect((await failureOf(put(connection, path, 'x'))).code).toBe('PATH_INVALID');
      expect(['PATH_INVALID']).toContain((await failureOf(get(connection, path))).code);
    }
    expect((await failureOf(connection.remove('out/secret', { signal: never }))).code).toBe('PATH_INVALID');
    expect((await failureOf(connection.makeFolder('out/new', { signal: never }))).code).toBe('PATH_INVALID');
    expect((await failureOf(collect(connection.list('out', { signal: never })))).code).toBe('PATH_INVALID');
    for (const sorted of [true, false]) {
      expect(await collect(connection.list('', { signal: never, recursive: true, sorted }))).toEqual([]);
    }
    expect(filesIn(outside)).toEqual(['secret']);
    expect(readFileSync(join(outside, 'secret'), 'utf8')).toBe('secret');
  });

  test('may itself be a link, and is made when a file is written to it', async () => {
    const folder = temporaryFolder();
    mkdirSync(join(folder, 'real'));
    symlinkSync('real', join(folder, 'root'));
    await put(connector.open({ root: join(folder, 'root') }, connectorContext('files')), 'a', 'x');
    await put(connector.open({ root: join(folder, 'later') }, connectorContext('files')), 'b', 'x');
    expect(filesIn(folder)).toEqual(['later/b', 'real/a', 'root']);
  });

  test('is the working folder for a connection that names none', async () => {
    const connection = connector.open({}, connectorContext('files'));
    expect((await itemAt(connection, 'package.json')).path).toBe('/files/package.json');
    expect((await failureOf(get(connection, '../x'))).code).toBe('PATH_INVALID');
  });

  test('is told to be missing by verify', async () => {
    const folder = temporaryFolder();
    writeFileSync(join(folder, 'file'), '');
    const verify = (root: string) => connector.open({ root }, connectorContext('files')).verify({ signal: never });
    expect(await verify(folder)).toEqual({ ok: true });
    expect(await verify(join(folder, 'none'))).toMatchObject({
      ok: false,
      code: 'NOT_FOUND',
      reason: expect.stringContaining('none'),
    });
    expect(await verify(join(folder, 'file'))).toMatchObject({ ok: false, code: 'PATH_INVALID' });
  });

  test('itself cannot be removed', async () => {
    const { connection, root } = inRoot();
    expect((await failureOf(connection.remove('', { signal: never }))).code).toBe('PATH_INVALID');
    expect(existsSync(root)).toBe(true);
  });
});

describe('list', () => {
  test('links to folders are not gone into, links to nothing are left out', async () => {
    const { connection, root } = inRoot();
    mkdirSync(join(root, 'sub'));
    writeFileSync(join(root, 'sub/a'), 'a');
    symlinkSync('..', join(root, 'sub/up'));
    symlinkSync('a', join(root, 'sub/b'));
    symlinkSync('nothing', join(root, 'sub/c'));
    for (const sorted of [true, false]) {
      const entries = await collect(connection.list('', { signal: never, recursive: true, sorted }));
      expect(entries.map(({ kind, path }) => `${kind} ${path}`).sort()).toEqual([
        'file sub/a',
        'file sub/b',
        'folder sub',
        'folder sub/up',
      ]);
    }
  });

  test('a file gives itself', async () => {
    const { connection } = inRoot();
    await put(connection, 'in/a', 'abc');
    expect(await collect(connection.list('in/a', { signal: never }))).toMatchObject([
      { kind: 'file', path: 'in/a', size: 3 },
    ]);
  });
});

describe('a disk that refuses', () => {
  test('a full device', async () => {
    const error = await failureOf(put(machine(), '/dev/full', pattern(2_000_000)));
    expect(error).toMatchObject({ code: 'DISK_FULL', message: expect.stringContaining('/dev/full') });
  });

  const mountable = canMount();
  test.skipIf(!mountable)(
    `a full disk keeps what was there${mountable ? '' : ' (SKIPPED: needs root to mount a small tmpfs)'}`,
    async () => {
      const folder = temporaryFolder();
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=2m', 'tmpfs', folder]);
      try {
        const connection = connector.open({ root: folder }, connectorContext('files'));
        await put(connection, 'old', 'old');
        for (const [path, mode] of [
          ['old', 'replace'],
          ['old', 'append'],
          ['new', 'create'],
          ['deep/er/new', 'replace'],
        ] as const) {
          const error = await failureOf(put(connection, path, pattern(5_000_000), { mode }));
          expect(error).toMatchObject({ code: 'DISK_FULL', message: expect.stringContaining(path) });
        }
        expect(readdirSync(folder)).toEqual(['old']);
        expect(await text(connection, 'old')).toBe('old');
        await put(connection, 'old', pattern(1_000_000));
      } finally {
        execFileSync('umount', [folder]);
      }
    },
  );

  test('what the user may not touch', async () => {
    const folder = temporaryFolder();
    chmodSync(folder, 0o777);
    mkdirSync(join(folder, 'closed'));
    writeFileSync(join(folder, 'closed/a'), 'a');
    writeFileSync(join(folder, 'locked'), 'locked');
    chmodSync(join(folder, 'closed'), 0o500);
    chmodSync(join(folder, 'locked'), 0o000);
    const connection = connector.open({ root: folder }, connectorContext('files'));
    await asOrdinaryUser(async () => {
      for (const work of [
        () => get(connection, 'locked'),
        () => put(connection, 'locked', 'x'),
        () => put(connection, 'closed/new', 'x'),
        () => connection.remove('closed/a', { signal: never }),
        () => connection.makeFolder('closed/new', { signal: never }),
      ]) {
        expect(await failureOf(work())).toMatchObject({
          code: 'PERMISSION_DENIED',
          message: expect.stringMatching(/\/files\/(locked|closed)/),
        });
      }
    });
    chmodSync(join(folder, 'closed'), 0o700);
    expect(filesIn(folder)).toEqual(['closed/a', 'locked']);
  });
});

function canMount(): boolean {
  if (process.getuid?.() !== 0) return false;
  const folder = mkdtempSync(join(tmpdir(), 'pipewright-mount-'));
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', folder], { stdio: 'ignore' });
    execFileSync('umount', [folder]);
    return true;
  } catch {
    return false;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

test('what a killed run has left is removed when the folder is written to again', async () => {
  const folder = temporaryFolder();
  const alive = temporaryOf('b.csv', 'alive');
  for (const name of [temporaryOf('a.csv', 'dead'), alive, '.own.tmp', 'a.csv']) writeFileSync(join(folder, name), '');
  await put(connector.open({ root: folder }, connectorContext('files')), 'a.csv', 'a');
  expect(readdirSync(folder).sort()).toEqual([alive, '.own.tmp', 'a.csv'].sort());
});
