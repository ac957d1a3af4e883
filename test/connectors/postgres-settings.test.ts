// The settings of a Postgres connection that the server must know of: limits of time, the name, a certificate of the client.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import type { Config } from '../../connectors/postgres/connect.ts';
import { connector } from '../../connectors/postgres/index.ts';
import type { Credential } from '../../engine/contracts/credentials.ts';
import { secret } from '../../engine/secret.ts';
import { queryRows } from '../conformance/database.ts';
import { connectorContext, never } from '../conformance/files.ts';
import { testCertificate, testKey } from '../servers/certificate.ts';
import { startPostgres, type TestPostgres } from '../servers/postgres.ts';
import { connectionTo } from '../servers/postgres-database.ts';

let server: TestPostgres;
beforeAll(async () => {
  server = await startPostgres({ tls: true, clientCertificate: true });
  await server.sql('create database shown');
});
afterAll(() => server.stop());

test('the server is told the limits and the name', async () => {
  const limited = connectionTo(server, {
    database: 'postgres',
    application_name: 'nightly "load"',
    statement_timeout: '1m30s',
    lock_timeout: '250ms',
    idle_transaction_timeout: '2h',
  });
  const names = ['application_name', 'statement_timeout', 'lock_timeout', 'idle_in_transaction_session_timeout'];
  const text = `select ${names.map((name) => `current_setting('${name}') as ${name}`).join(', ')}`;
  expect(await queryRows(limited, text)).toEqual([
    {
      application_name: 'nightly "load"',
      statement_timeout: '90s',
      lock_timeout: '250ms',
      idle_in_transaction_session_timeout: '2h',
    },
  ]);
  expect(await queryRows(connectionTo(server, { database: 'postgres' }), text)).toEqual([
    {
      application_name: 'pipewright',
      statement_timeout: '0',
      lock_timeout: '0',
      idle_in_transaction_session_timeout: '0',
    },
  ]);
});

test('a certificate of the client', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'pipewright-tls-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const certificate = join(folder, 'client.pem');
  writeFileSync(certificate, testCertificate);
  const open = (config: Config, credential: Credential) => {
    const { host, port, user } = server;
    const all = { password: secret(server.password), ...credential };
    const connection = connector.open(
      { host, port, user, database: 'shown', ssl: 'verify-full', ssl_ca: certificate, ...config },
      connectorContext('shop', { credential: all }),
    );
    onTestFinished(() => connection.close());
    return connection;
  };
  const key = { ssl_key: secret(testKey) };
  const shown = open({ ssl_cert: certificate }, key);
  expect(await shown.verify({ signal: never })).toEqual({ ok: true });
  const text = `select client_dn is not null as known from pg_stat_ssl where pid = pg_backend_pid()`;
  expect(await queryRows(shown, text)).toEqual([{ known: true }]);

  expect(await open({}, {}).verify({ signal: never })).toMatchObject({
    ok: false,
    code: 'CREDENTIAL_REFUSED',
    reason: expect.stringMatching(/shop.*certificate/),
  });
  expect(await open({ ssl_cert: certificate }, {}).verify({ signal: never })).toMatchObject({ ok: false });
  const missing = open({ ssl_cert: join(folder, 'nothing.pem') }, key);
  expect(await missing.verify({ signal: never })).toMatchObject({
    ok: false,
    code: 'NOT_FOUND',
    reason: expect.stringContaining('nothing.pem'),
  });
  const broken = await open({ ssl_cert: certificate }, { ssl_key: secret('no key at all') }).verify({ signal: never });
  expect(broken).toMatchObject({ ok: false, code: 'TLS_FAILED' });
  expect(broken.reason).not.toContain('no key at all');
});
