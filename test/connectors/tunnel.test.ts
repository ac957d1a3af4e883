// A database behind an SSH host: the way through it, who is let in, whose key is trusted, and what breaks.
import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import ssh2 from 'ssh2';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import type { Config } from '../../connectors/postgres/connect.ts';
import { connector } from '../../connectors/postgres/index.ts';
import type { Credential } from '../../engine/contracts/credentials.ts';
import type { Value } from '../../engine/contracts/data.ts';
import { credentialOf } from '../../engine/secret.ts';
import { readRows } from '../conformance/database.ts';
import { connectorContext } from '../conformance/files.ts';
import { haveMysql, startMysql } from '../servers/mysql.ts';
import { startPostgres, type TestPostgres } from '../servers/postgres.ts';
import { type SshServer, type SshServerOptions, startSshServer } from '../servers/ssh.ts';

const never = new AbortController().signal;
let server: TestPostgres;
let folder: string;
let files = 0;

beforeAll(async () => {
  server = await startPostgres({ tls: true });
  await server.sql(`create table items as select i as id, repeat('x', 500) as name from generate_series(1, 20000) i`);
  folder = mkdtempSync(join(tmpdir(), 'pipe-tunnel-'));
});
afterAll(async () => {
  await server.stop();
  rmSync(folder, { recursive: true });
});

async function sshServer(options: SshServerOptions = {}): Promise<SshServer> {
  const ssh = await startSshServer(options);
  onTestFinished(() => ssh.close());
  return ssh;
}

function through(ssh: SshServer, config: Partial<Config> = {}, secrets: Record<string, string> = {}) {
  const { host, port, user, password } = server;
  const credential: Credential = credentialOf({ password, ssh_password: 'open sesame', ...secrets });
  const tunnel = { ssh_host: '127.0.0.1', ssh_port: ssh.port, ssh_user: 'tunnel', ssh_host_key: ssh.fingerprint };
  const connection = connector.open(
    { host, port, user, database: 'postgres', ssl: 'disable', ...tunnel, ...config } as Config,
    connectorContext('shop', { credential }),
  );
  onTestFinished(() => connection.close());
  return connection;
}

function knownHosts(...lines: string[]): string {
  const file = join(folder, `known_hosts_${files++}`);
  writeFileSync(file, `${lines.join('\n')}\n`);
  return file;
}

test('rows come and go through it, several ways in one session, and nothing is left open', async () => {
  const ssh = await sshServer();
  const connection = through(ssh);
  expect(await connection.verify({ signal: never })).toEqual({ ok: true });
  const both = await Promise.all([readRows(connection, 'items'), readRows(connection, 'items')]);
  expect(both.map((rows) => rows.length)).toEqual([20_000, 20_000]);
  expect(both[0]!.at(-1)).toEqual({ id: 20_000, name: 'x'.repeat(500) } satisfies Record<string, Value>);
  expect(ssh.counts.sessions).toBe(1);
  expect(ssh.counts.ways).toBeGreaterThanOrEqual(2);
  await connection.close();
  await expect.poll(() => ssh.counts.open).toBe(0);
});

test('TLS with the database goes through it as well', async () => {
  const ssh = await sshServer();
  expect(await through(ssh, { ssl: 'require' }).verify({ signal: never })).toEqual({ ok: true });
});

test('a private key, with and without a passphrase', async () => {
  const pair = { publicKeyEncoding: { type: 'spki', format: 'pem' } } as const;
  const { privateKey } = generateKeyPairSync('rsa', {
    modulusLength: 2048,
    ...pair,
    privateKeyEncoding: { type: 'pkcs1', format: 'pem' },
  });
  const { privateKey: locked } = generateKeyPairSync('rsa', {
    modulusLength: 2048,
    ...pair,
    privateKeyEncoding: { type: 'pkcs1', format: 'pem', cipher: 'aes-128-cbc', passphrase: 'right one' },
  });
  const parsed = ssh2.utils.parseKey(privateKey);
  if (parsed instanceof Error) throw parsed;
  const publicKey = `ssh-rsa ${parsed.getPublicSSH().toString('base64')}`;
  const ssh = await sshServer({ publicKey });
  const verify = (secrets: Record<string, string>) => through(ssh, {}, secrets).verify({ signal: never });
  expect(await verify({ ssh_private_key: privateKey })).toEqual({ ok: true });
  expect(await verify({ ssh_private_key: locked })).toMatchObject({ code: 'CREDENTIAL_MISSING' });
  expect(await verify({ ssh_private_key: locked, ssh_passphrase: 'wrong' })).toMatchObject({
    code: 'CREDENTIAL_REFUSED',
  });
  expect(await verify({ ssh_private_key: 'no key' })).toMatchObject({ code: 'CREDENTIAL_REFUSED' });
  // A key that the host does not know.
  const other = await verify({ ssh_private_key: locked, ssh_passphrase: 'right one' });
  expect(other).toMatchObject({
    ok: false,
    code: 'CREDENTIAL_REFUSED',
    reason: expect.stringContaining('its private key'),
  });
});

describe('the key of the host', () => {
  test('is in known_hosts', async () => {
    const ssh = await sshServer();
    const config = { ssh_host_key: undefined as never, ssh_known_hosts: knownHosts('# mine', ssh.knownHost) };
    expect(await through(ssh, config).verify({ signal: never })).toEqual({ ok: true });
  });

  test('that is unknown is refused, and how to add it is said', async () => {
    const ssh = await sshServer();
    const config = { ssh_host_key: undefined as never, ssh_known_hosts: knownHosts() };
    const found = await through(ssh, config).verify({ signal: never });
    expect(found).toMatchObject({ ok: false, code: 'HOST_KEY_UNKNOWN' });
    const { reason } = found as { reason: string };
    expect(reason).toContain(`ssh_host_key: ${ssh.fingerprint}`);
    expect(reason).toContain(`ssh-keyscan -p ${ssh.port} 127.0.0.1`);
  });

  test('that is another one is refused', async () => {
    const [ssh, other] = [await sshServer(), await sshServer()];
    const line = other.knownHost.replace(String(other.port), String(ssh.port));
    for (const config of [
      { ssh_host_key: undefined as never, ssh_known_hosts: knownHosts(line) },
      { ssh_host_key: other.fingerprint },
    ])
      expect(await through(ssh, config).verify({ signal: never })).toMatchObject({ code: 'HOST_KEY_CHANGED' });
  });
});

describe('what goes wrong', () => {
  test.each<[string, Partial<Config>, Record<string, string>, string, RegExp]>([
    [
      'a wrong password',
      {},
      { ssh_password: 'no' },
      'CREDENTIAL_REFUSED',
      /does not let "tunnel" in with its password/,
    ],
    ['another user', { ssh_user: 'root' }, {}, 'CREDENTIAL_REFUSED', /"root"/],
    ['a wrong password of the database', {}, { password: 'no' }, 'CREDENTIAL_REFUSED', /password authentication/],
    ['nothing at the port of SSH', { ssh_port: 1 }, {}, 'CONNECTION_REFUSED', /127\.0\.0\.1:1/],
    ['nothing at the port of the database', { port: 1 }, {}, 'CONNECTION_REFUSED', /127\.0\.0\.1:1, seen from 127/],
  ])('%s', async (_, config, secrets, code, reason) => {
    const ssh = await sshServer();
    const found = await through(ssh, config, secrets).verify({ signal: never });
    expect(found).toMatchObject({ ok: false, code, reason: expect.stringMatching(reason) });
  });

  test('a server that is no SSH server', async () => {
    const ssh = await sshServer();
    const found = await through(ssh, { ssh_port: server.port, connect_timeout: '2s' }).verify({ signal: never });
    expect(found).toMatchObject({ ok: false, code: expect.stringMatching(/CONNECTION_LOST|TIMED_OUT/) });
  });

  test('the session breaks while rows come: an error, no end of the rows; the next read has a new session', async () => {
    const ssh = await sshServer();
    const connection = through(ssh);
    const reading = (async () => {
      const stream = await connection.read('items', { signal: never });
      if (stream.kind !== 'rows') throw new Error('no rows');
      for await (const _ of stream.batches) ssh.breakAll();
    })();
    await expect(reading).rejects.toMatchObject({ code: 'CONNECTION_LOST', retry: true });
    expect(await readRows(connection, 'items')).toHaveLength(20_000);
    expect(ssh.counts.sessions).toBe(2);
  });

  test('no credential for it', async () => {
    const ssh = await sshServer();
    const { host, port, user } = server;
    const config = { host, port, user, database: 'postgres', ssh_host: '127.0.0.1', ssh_port: ssh.port } as Config;
    const connection = connector.open(
      config,
      connectorContext('shop', { credential: credentialOf({ password: 'x' }) }),
    );
    onTestFinished(() => connection.close());
    expect(await connection.verify({ signal: never })).toMatchObject({
      code: 'CREDENTIAL_MISSING',
      reason: expect.stringContaining('ssh_password'),
    });
  });
});

describe.runIf(haveMysql())('MySQL', () => {
  test('is reached through it, in TLS too', async () => {
    const [mysql, ssh] = [await startMysql({ tls: true }), await sshServer()];
    onTestFinished(() => mysql.stop());
    const { connector: mysqlConnector } = await import('../../connectors/mysql/index.ts');
    const database = await mysql.createDatabase();
    await mysql.sql("create table items (id int primary key, name text); insert into items values (1, 'a')", database);
    const open = (ssl: 'disable' | 'require', sshPassword: string) => {
      const { host, port, user, password } = mysql;
      const tunnel = { ssh_host: '127.0.0.1', ssh_port: ssh.port, ssh_user: 'tunnel', ssh_host_key: ssh.fingerprint };
      const credential = credentialOf({ password, ssh_password: sshPassword });
      const config = { host, port, user, database, ssl, ...tunnel };
      const connection = mysqlConnector.open(config, connectorContext('shop', { credential }));
      onTestFinished(() => connection.close());
      return connection;
    };
    for (const ssl of ['disable', 'require'] as const)
      expect(await readRows(open(ssl, 'open sesame'), 'items')).toEqual([{ id: 1, name: 'a' }]);
    expect(ssh.counts.sessions).toBe(2);
    const refused = await open('disable', 'no').verify({ signal: never });
    expect(refused).toMatchObject({
      ok: false,
      code: 'CREDENTIAL_REFUSED',
      reason: expect.stringContaining('"tunnel"'),
    });
  });
});
