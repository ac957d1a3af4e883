// The sftp connector: a storage, against a server in process and against OpenSSH's own.
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { connector } from '../../connectors/sftp/index.ts';
import type { AnyConnection } from '../../engine/contracts/connector.ts';
import type { Failure } from '../../engine/errors.ts';
import { secret } from '../../engine/secret.ts';
import { connectorContext, get, itemAt, never, pattern, put, temporaryOf, text } from '../conformance/files.ts';
import { closeFolder } from '../conformance/ordinary-user.ts';
import { describeStorage } from '../conformance/storage.ts';
import { collect, failureOf } from '../conformance/streams.ts';
import { opensshServer, startSftpServer } from '../servers/sftp.ts';
import { connected, temporaryFolder } from './sftp-connected.ts';

function filesIn(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => !entry.isDirectory())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)))
    .sort();
}

function storage(answers: 'here' | 'openssh') {
  return {
    connector,
    folders: true,
    append: true,
    exclusive: true,
    severalFiles: true,
    async open() {
      const folder = mkdtempSync(join(tmpdir(), 'pipewright-sftp-'));
      const server = await startSftpServer({ folder, answers });
      const config = { host: '127.0.0.1', port: server.port, user: 'tester', host_key: server.fingerprint };
      const credential = { password: secret('open sesame') };
      return {
        connection: connector.open(config, connectorContext('files', { credential })),
        contents: async () => filesIn(folder),
        async deny(_: AnyConnection, closed: string) {
          const { open } = closeFolder(folder, closed);
          // OpenSSH's server is the user who began the session.
          const connection = connector.open(config, connectorContext('files', { credential }));
          const allow = async () => {
            open();
            await connection.close();
          };
          return { connection, allow };
        },
        async close() {
          await server.close();
          rmSync(folder, { recursive: true });
        },
      };
    },
  };
}

describeStorage('sftp, a server in process', storage('here'));

if (opensshServer !== undefined) describeStorage('sftp, OpenSSH', storage('openssh'));
else {
  describe('sftp, OpenSSH', () => {
    test.skipIf(process.env.CI === undefined)('SKIPPED: needs the Debian package openssh-sftp-server', () => {
      throw new Error('the Debian package openssh-sftp-server is not installed');
    });
  });
}

describe('the root', () => {
  test('one that is not there, one that is a file', async () => {
    const { folder, server } = await connected();
    writeFileSync(join(folder, 'file'), '');
    const verify = async (root: string) => {
      const config = { host: '127.0.0.1', port: server.port, user: 'tester', host_key: server.fingerprint, root };
      const credential = { password: secret('open sesame') };
      const connection = connector.open(config, connectorContext('files', { credential }));
      onTestFinished(() => connection.close());
      return connection.verify({ signal: never });
    };
    expect(await verify('none')).toMatchObject({ code: 'NOT_FOUND', reason: expect.stringContaining('root none') });
    expect(await verify('file')).toMatchObject({ code: 'PATH_INVALID' });
    expect(await verify(folder)).toEqual({ ok: true });
  });

  test.each(['sub', './sub/', '~/sub', 'absolute'])('%s', async (written) => {
    const folders: string[] = [];
    const { connection, folder } = await connected({
      config: () => ({ root: written === 'absolute' ? folders[0] : written }),
      server: {
        get folder() {
          folders[0] ??= temporaryFolder();
          return folders[0];
        },
      },
    });
    const home = folders[0]!;
    expect(folder).not.toBe(home);
    const report = await put(connection, 'in/a.csv', 'x');
    expect(report.paths).toEqual(['/files/in/a.csv']);
    expect(filesIn(home)).toEqual([written === 'absolute' ? 'in/a.csv' : 'sub/in/a.csv']);
  });

  test.each(['../secret', 'a/../../secret', '/../secret', '..', 'nul\0'])('is not left by %j', async (path) => {
    const { connection } = await connected();
    for (const work of [
      () => get(connection, path),
      () => put(connection, path, 'x'),
      () => collect(connection.list(path, { signal: never })),
      () => connection.describe(path, { signal: never }),
      () => connection.remove(path, { signal: never }),
      () => connection.makeFolder(path, { signal: never }),
    ]) {
      expect((await failureOf(work())).code).toBe('PATH_INVALID');
    }
    expect((await failureOf(connection.remove('', { signal: never }))).code).toBe('PATH_INVALID');
  });
});

describe('the session', () => {
  test('is one for everything, and ends with the connection', async () => {
    const { connection, server } = await connected();
    await Promise.all(['a', 'b', 'c', 'd'].map((name) => put(connection, name, pattern(100_000))));
    expect(server.sessions).toEqual({ begun: 1, open: 1 });
    await connection.close();
    await server.allClosed();
    expect(server.sessions.open).toBe(0);
  });

  test('a reader goes on in a new one where it broke', async () => {
    const { connection, server, retries } = await connected();
    const content = pattern(6 * 1024 * 1024);
    await put(connection, 'big', content);
    server.breakAfter(3_000_000);
    expect((await get(connection, 'big')).equals(content)).toBe(true);
    expect(server.sessions.begun).toBe(2);
    expect(retries).toEqual(['CONNECTION_LOST']);
  });

  test.each(['OPEN', 'FSTAT', 'READ'])('also where it broke at its first %s', async (name) => {
    const { connection, server } = await connected();
    await put(connection, 'a', 'text');
    let broken = false;
    server.fault = (request) => {
      if (broken || request !== name) return undefined;
      broken = true;
      return { breaks: 'before' };
    };
    expect(await text(connection, 'a')).toBe('text');
    expect(broken).toBe(true);
  });

  test('but not in a file that changed meanwhile', async () => {
    const { connection, server, folder } = await connected();
    await put(connection, 'big', pattern(6 * 1024 * 1024));
    const reading = async () => {
      let first = true;
      for await (const _ of (await itemAt(connection, 'big')).open()) {
        if (!first) continue;
        first = false;
        writeFileSync(join(folder, 'big'), pattern(6 * 1024 * 1024 + 1, 2));
        server.breakAfter(0);
      }
    };
    expect((await failureOf(reading())).code).toBe('INPUT_TRUNCATED');
  });

  test('a write that breaks leaves nothing behind, and says so', async () => {
    const { connection, server, folder } = await connected();
    await put(connection, 'old', 'old');
    server.breakAfter(2_000_000);
    const error = await failureOf(put(connection, 'old', pattern(6 * 1024 * 1024)));
    expect(error).toMatchObject({ code: 'CONNECTION_LOST', retry: true });
    expect(filesIn(folder)).toEqual(['old']);
    expect(await text(connection, 'old')).toBe('old');
  });

  test.each([
    ['RENAME', 1, 'old'],
    ['RENAME', 2, 'old'],
    ['REMOVE', 1, 'new'],
  ])(
    'that breaks at %s %i, where a new file takes the place of an old one, leaves the %s one',
    async (name, at, left) => {
      const { connection, folder, server } = await connected();
      await put(connection, 'a', 'old');
      let count = 0;
      server.fault = (request) => (request === name && ++count === at ? { breaks: 'before' } : undefined);
      const ending = await put(connection, 'a', 'new').then(
        () => 'done',
        (error: Failure) => error.code,
      );
      expect(ending).toBe(left === 'new' ? 'done' : 'CONNECTION_LOST');
      expect(filesIn(folder)).toEqual(['a']);
      expect(readFileSync(join(folder, 'a'), 'utf8')).toBe(left);
    },
  );

  test('one that broke while nothing went on is made anew', async () => {
    const { connection, server } = await connected();
    await put(connection, 'a', 'a');
    server.breakAfter(0);
    await server.allClosed();
    expect(await text(connection, 'a')).toBe('a');
    expect(server.sessions.begun).toBe(2);
  });
});

describe('files of the server', () => {
  test('near names', async () => {
    const { connection } = await connected();
    await put(connection, 'in/orders.csv', 'x');
    expect((await failureOf(get(connection, 'in/order.csv'))).message).toBe(
      '/files/in/order.csv is not there; did you mean "orders.csv"?',
    );
    expect((await failureOf(get(connection, 'out/orders.csv'))).message).toContain('neither is its folder');
  });

  test('what the server does not permit, and what it refuses without a reason', async () => {
    const { connection, server } = await connected();
    server.fault = (name) => (name === 'OPEN' ? { refuse: { status: 'PERMISSION_DENIED', message: 'no' } } : undefined);
    expect(await failureOf(put(connection, 'a', 'x'))).toMatchObject({
      code: 'PERMISSION_DENIED',
      message: expect.stringContaining('/files/a'),
    });
    server.fault = (name) => (name === 'WRITE' ? { refuse: { status: 'FAILURE', message: 'Failure' } } : undefined);
    expect(await failureOf(put(connection, 'a', 'x'))).toMatchObject({
      code: 'IO_FAILED',
      message: expect.stringContaining('does not say why; a full disk'),
    });
  });

  test('a folder is not read, nor written over', async () => {
    const { connection, folder } = await connected();
    mkdirSync(join(folder, 'sub'));
    expect((await failureOf(get(connection, 'sub'))).code).toBe('FILE_IS_FOLDER');
    expect((await failureOf(put(connection, 'sub', 'x'))).code).toBe('FILE_IS_FOLDER');
    writeFileSync(join(folder, 'file'), 'x');
    expect((await failureOf(put(connection, 'file/in', 'x'))).code).toBe('PATH_INVALID');
    expect(filesIn(folder)).toEqual(['file']);
  });

  test.each([0o640, 0o755])('one that is replaced keeps its mode %o', async (mode) => {
    const { connection, folder } = await connected();
    writeFileSync(join(folder, 'a'), 'old');
    chmodSync(join(folder, 'a'), mode);
    for (const how of ['replace', 'append'] as const) {
      await put(connection, 'a', 'new', { mode: how });
      expect(statSync(join(folder, 'a')).mode & 0o7777).toBe(mode);
    }
  });

  test('one that another writer changed during an append', async () => {
    const { connection, folder } = await connected();
    writeFileSync(join(folder, 'a'), 'first,');
    const beforeCommit = async () => writeFileSync(join(folder, 'a'), 'first,other,');
    const error = await failureOf(put(connection, 'a', 'mine', { mode: 'append', beforeCommit }));
    expect(error).toMatchObject({ code: 'IO_FAILED', message: expect.stringContaining('someone else wrote') });
    expect(readFileSync(join(folder, 'a'), 'utf8')).toBe('first,other,');
    expect(filesIn(folder)).toEqual(['a']);
  });

  test('one that gets shorter while it is read', async () => {
    const { connection, folder } = await connected();
    await put(connection, 'a', pattern(5 * 1024 * 1024));
    const reading = async () => {
      for await (const _ of (await itemAt(connection, 'a')).open()) truncateSync(join(folder, 'a'), 0);
    };
    expect((await failureOf(reading())).code).toBe('INPUT_TRUNCATED');
  });

  test('links to folders are not gone into, links to nothing are left out', async () => {
    const { connection, folder } = await connected();
    mkdirSync(join(folder, 'sub'));
    writeFileSync(join(folder, 'sub/a'), 'a');
    symlinkSync('..', join(folder, 'sub/up'));
    symlinkSync('a', join(folder, 'sub/b'));
    symlinkSync('nothing', join(folder, 'sub/c'));
    for (const sorted of [true, false]) {
      const entries = await collect(connection.list('', { signal: never, recursive: true, sorted }));
      expect(entries.map(({ kind, path }) => `${kind} ${path}`).sort()).toEqual([
        'file sub/a',
        'file sub/b',
        'folder sub',
        'folder sub/up',
      ]);
    }
    expect((await failureOf(put(connection, 'sub/c', 'x', { mode: 'create' }))).code).toBe('TARGET_EXISTS');
    await connection.remove('sub/b', { signal: never });
    expect(filesIn(folder)).toEqual(['sub/a', 'sub/c', 'sub/up']);
  });
});

test('what a killed run has left is removed when the folder is written to again', async () => {
  const { folder, connection } = await connected();
  mkdirSync(join(folder, 'in'));
  const alive = temporaryOf('b.csv', 'alive');
  for (const name of [temporaryOf('a.csv', 'dead'), alive, '.own.tmp']) writeFileSync(join(folder, 'in', name), '');
  await put(connection, 'in/a.csv', 'a');
  expect(readdirSync(join(folder, 'in')).sort()).toEqual([alive, '.own.tmp', 'a.csv'].sort());
});
