// The sftp connector: who may come in, which server it is, and servers that are not there.
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { parseKnownHosts } from '../../connectors/shared/known-hosts.ts';
import { never } from '../conformance/files.ts';
import { makeHostKey, startSftpServer } from '../servers/sftp.ts';
import { connected, type Server, temporaryFolder, verified } from './sftp-connected.ts';

describe('who may come in', () => {
  test('a wrong password is told as such, and tried once', async () => {
    const { connection, retries } = await connected({ credential: { password: 'open rice' } });
    const result = await connection.verify({ signal: never });
    expect(result).toEqual({
      ok: false,
      code: 'CREDENTIAL_REFUSED',
      reason: expect.stringMatching(/^files: .*does not let "tester" in with its password$/),
    });
    expect(JSON.stringify(result)).not.toContain('rice');
    expect(retries).toEqual([]);
  });

  test('a password that the server asks for', async () => {
    expect(await verified({ server: { asks: true } })).toEqual({ ok: true });
    const wrong = await verified({ server: { asks: true }, credential: { password: 'no' } });
    expect(wrong.code).toBe('CREDENTIAL_REFUSED');
  });

  test('neither password nor key', async () => {
    const result = await verified({ credential: {} });
    expect(result).toMatchObject({ code: 'CREDENTIAL_MISSING', reason: expect.stringContaining('agent: true') });
  });

  describe('a private key', () => {
    const keyFiles = (passphrase = '', kind = 'ed25519') => {
      const folder = temporaryFolder();
      const file = join(folder, 'key');
      spawnSync('ssh-keygen', ['-q', '-t', kind, '-N', passphrase, '-f', file]);
      return { privateKey: readFileSync(file, 'utf8'), publicKey: readFileSync(`${file}.pub`, 'utf8') };
    };

    test.each(['ed25519', 'rsa', 'ecdsa'])('%s', async (kind) => {
      const { privateKey, publicKey } = keyFiles('', kind);
      expect(await verified({ server: { publicKey }, credential: { private_key: privateKey } })).toEqual({ ok: true });
    });

    test('with a passphrase: right, wrong, none', async () => {
      const { privateKey, publicKey } = keyFiles('a long one');
      const verify = (more: Record<string, string>) =>
        verified({ server: { publicKey }, credential: { private_key: privateKey, ...more } });
      expect(await verify({ passphrase: 'a long one' })).toEqual({ ok: true });
      expect(await verify({ passphrase: 'another' })).toMatchObject({
        code: 'CREDENTIAL_REFUSED',
        reason: expect.stringContaining('is the passphrase right?'),
      });
      expect(await verify({})).toMatchObject({
        code: 'CREDENTIAL_MISSING',
        reason: expect.stringContaining('passphrase'),
      });
    });

    test('that the server does not know, and one that is none', async () => {
      const { privateKey } = keyFiles();
      const { publicKey } = keyFiles();
      expect(await verified({ server: { publicKey }, credential: { private_key: privateKey } })).toMatchObject({
        code: 'CREDENTIAL_REFUSED',
        reason: expect.stringContaining('with its private key'),
      });
      expect(await verified({ server: { publicKey }, credential: { private_key: 'nonsense' } })).toMatchObject({
        code: 'CREDENTIAL_REFUSED',
        reason: expect.stringContaining('cannot be read'),
      });
    });

    test('of the agent', async () => {
      const folder = temporaryFolder();
      const { privateKey, publicKey } = keyFiles();
      const socket = join(folder, 'agent');
      const started = spawnSync('ssh-agent', ['-a', socket, '-s'], { encoding: 'utf8' });
      const pid = Number(/SSH_AGENT_PID=(\d+)/.exec(started.stdout)?.[1]);
      const before = process.env.SSH_AUTH_SOCK;
      onTestFinished(() => {
        process.kill(pid);
        if (before === undefined) delete process.env.SSH_AUTH_SOCK;
        else process.env.SSH_AUTH_SOCK = before;
      });
      const given = { server: { publicKey }, credential: {}, config: () => ({ agent: true }) };
      process.env.SSH_AUTH_SOCK = socket;
      expect((await verified(given)).code).toBe('CREDENTIAL_REFUSED');
      spawnSync('ssh-add', ['-q', '-'], { input: privateKey });
      expect(await verified(given)).toEqual({ ok: true });
      process.env.SSH_AUTH_SOCK = '';
      expect(await verified(given)).toMatchObject({ reason: expect.stringContaining('there is no SSH agent') });
    });
  });
});

describe('which server it is', () => {
  const withFile = (content: (server: Server) => string, port?: number) => async () => {
    const file = join(temporaryFolder(), 'known_hosts');
    const given = await connected({
      config(server) {
        writeFileSync(file, content(server));
        return { host_key: undefined, known_hosts: file };
      },
    });
    return { file, port, result: await given.connection.verify({ signal: never }), ...given };
  };

  test('one that is known', async () => {
    const { result } = await withFile((server) => `# mine\n\nother ssh-rsa AAAA\n${server.knownHost} a comment\n`)();
    expect(result).toEqual({ ok: true });
  });

  test('one that is not known is refused, with the way to add it', async () => {
    const { result, server, file, retries } = await withFile(() => 'other.example.com ssh-rsa AAAA\n')();
    expect(result).toMatchObject({ ok: false, code: 'HOST_KEY_UNKNOWN' });
    expect(result.reason).toContain(`ssh-keyscan -p ${server.port} 127.0.0.1 >> ${file}`);
    expect(result.reason).toContain(`host_key: ${server.fingerprint}`);
    expect(retries).toEqual([]);
  });

  test('no file at all', async () => {
    const { result } = await withFile(() => '')();
    expect(result.code).toBe('HOST_KEY_UNKNOWN');
  });

  test('one whose key has changed is refused, with the line that says otherwise', async () => {
    const other = await startSftpServer({ folder: temporaryFolder(), hostKey: makeHostKey() });
    await other.close();
    const key = other.knownHost.split(' ').slice(1).join(' ');
    const { result, file } = await withFile((server) => `\n[127.0.0.1]:${server.port} ${key}\n`)();
    expect(result).toMatchObject({ ok: false, code: 'HOST_KEY_CHANGED' });
    expect(result.reason).toContain(`${file}:2`);
    expect(result.reason).toContain('ssh-keygen -R');
  });

  test('a key that was revoked', async () => {
    const { result } = await withFile((server) => `${server.knownHost}\n@revoked ${server.knownHost}\n`)();
    expect(result).toMatchObject({ code: 'HOST_KEY_CHANGED', reason: expect.stringContaining('revoked') });
  });

  test('a fingerprint instead of the file', async () => {
    const wrong = `SHA256:${'A'.repeat(43)}`;
    expect(await verified({ config: () => ({ host_key: wrong }) })).toMatchObject({
      code: 'HOST_KEY_CHANGED',
      reason: expect.stringContaining(wrong),
    });
  });

  test('nothing is said to a server before its key is known', async () => {
    const { server } = await withFile(() => '')();
    expect(server.logins).toEqual([]);
  });

  test('lines as OpenSSH writes them', () => {
    const file = join(temporaryFolder(), 'known_hosts');
    const key = 'AAAAC3NzaC1lZDI1NTE5AAAAICQOyMssewIV8r8k7/ygPXmZHVE0LaFGOU5ys1MSUyQ5';
    writeFileSync(
      file,
      `Files.example.com,192.0.2.* ssh-ed25519 ${key}\n[files.example.com]:2222 ssh-ed25519 ${key}\n`,
    );
    const lines = (host: string, port = 22) =>
      parseKnownHosts(readFileSync(file, 'utf8'), host, port).map(({ line }) => line);
    expect(lines('files.example.com')).toEqual([1]);
    expect(lines('192.0.2.7')).toEqual([1]);
    expect(lines('192x0.2.7')).toEqual([]);
    expect(lines('files.example.com', 2222)).toEqual([2]);
    expect(lines('files.example.com', 23)).toEqual([]);
    writeFileSync(file, `*.example.com,!files.example.com ssh-ed25519 ${key}\nbroken line\n`);
    expect([lines('files.example.com'), lines('www.example.com')]).toEqual([[], [1]]);
    writeFileSync(file, `files.example.com ssh-ed25519 ${key}\n`);
    spawnSync('ssh-keygen', ['-q', '-H', '-f', file]);
    expect(readFileSync(file, 'utf8')).toMatch(/^\|1\|/);
    expect([lines('files.example.com'), lines('www.example.com')]).toEqual([[1], []]);
  });
});

describe('a server that is not there', () => {
  test('nothing answers', async () => {
    const { connection, server, retries } = await connected();
    await server.close();
    expect(await connection.verify({ signal: never })).toMatchObject({ ok: false, code: 'CONNECTION_REFUSED' });
    expect(retries).toHaveLength(4);
  });

  test('a name that nobody has', async () => {
    const result = await verified({ config: () => ({ host: 'nowhere.invalid' }) });
    expect(result).toMatchObject({ ok: false, reason: expect.stringContaining('nowhere.invalid') });
    expect(result.code).toMatch(/HOST_UNKNOWN|CONNECTION_LOST/);
  });

  test('one that says nothing', async () => {
    const result = await verified({ server: { silent: true }, config: () => ({ connect_timeout: '50ms' }) });
    expect(result).toMatchObject({ ok: false, code: 'TIMED_OUT' });
  });

  test('one without SFTP', async () => {
    const result = await verified({ server: { noSftp: true } });
    expect(result).toMatchObject({ ok: false, code: 'OPTION_UNSUPPORTED', reason: expect.stringContaining('SFTP') });
  });

  test('an abort while it is being waited for', async () => {
    const { connection } = await connected({ server: { silent: true } });
    const controller = new AbortController();
    const reason = new Error('of the test');
    const reading = connection.read('a', { signal: controller.signal });
    controller.abort(reason);
    await expect(reading).rejects.toBe(reason);
  });
});
