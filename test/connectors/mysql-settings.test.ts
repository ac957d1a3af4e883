// The settings of a MySQL connection and of its writes that the server must know of: TLS, a certificate of the client, what may be lost.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { type Config, serverOf } from '../../connectors/mysql/connect.ts';
import { connector } from '../../connectors/mysql/index.ts';
import type { Credential } from '../../engine/contracts/credentials.ts';
import type { Column, Row } from '../../engine/contracts/data.ts';
import { secret } from '../../engine/secret.ts';
import { queryRows, readRows, streamOfRows } from '../conformance/database.ts';
import { connectorContext, never, writeOptions } from '../conformance/files.ts';
import { failureOf } from '../conformance/streams.ts';
import { testCertificate, testKey } from '../servers/certificate.ts';
import { haveMysql, startMysql, type TestMysql } from '../servers/mysql.ts';
import { connectionTo, openDatabase } from '../servers/mysql-database.ts';

const cipher = `select variable_value as cipher from information_schema.session_status where variable_name = 'SSL_CIPHER'`;

test.each([
  ['8.0.36', 'mysql', 80_036],
  ['8.4.3-0ubuntu1', 'mysql', 80_403],
  ['10.6.0-MariaDB', 'mariadb', 100_600],
  ['5.5.5-10.11.6-MariaDB-1:10.11.6+maria~deb12', 'mariadb', 101_106],
])('a server that says %s', (text, flavor, version) => {
  expect(serverOf(text, 'shop')).toEqual({ flavor, version });
});

test.each([
  ['5.7.44-log', 'MySQL 5.7'],
  ['5.5.5-10.5.29-MariaDB', 'MariaDB 10.5'],
  ['10.5.29-MariaDB', 'MariaDB 10.5'],
  ['unknown', 'MySQL unknown'],
])('a server too old, %s', async (text, said) => {
  const error = await failureOf((async () => serverOf(text, 'shop'))());
  expect(error).toMatchObject({ code: 'OPTION_UNSUPPORTED', message: expect.stringContaining(said) });
  expect(error.message).toMatch(/\/shop.*MySQL 8 or MariaDB 10\.6/);
});

describe.runIf(haveMysql())('on a server', () => {
  let server: TestMysql;
  beforeAll(async () => {
    server = await startMysql({ tls: true });
    await server.sql(`create user 'shown'@'%' identified by 'shown-password' require x509;
      grant all on *.* to 'shown'@'%'; create database shown`);
  });
  afterAll(() => server?.stop());

  test('a certificate of the client', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'pipewright-tls-'));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const certificate = join(folder, 'client.pem');
    writeFileSync(certificate, testCertificate);
    const open = (config: Config, credential: Credential) => {
      const { host, port } = server;
      const all = { password: secret('shown-password'), ...credential };
      const connection = connector.open(
        { host, port, user: 'shown', database: 'shown', ssl: 'verify-full', ssl_ca: certificate, ...config },
        connectorContext('shop', { credential: all }),
      );
      onTestFinished(() => connection.close());
      return connection;
    };
    const key = { ssl_key: secret(testKey) };
    const shown = open({ ssl_cert: certificate }, key);
    expect(await shown.verify({ signal: never })).toEqual({ ok: true });
    expect(await queryRows(shown, cipher)).toEqual([{ cipher: expect.stringMatching(/^TLS_|AES/) }]);

    expect(await open({}, {}).verify({ signal: never })).toMatchObject({
      ok: false,
      code: 'CREDENTIAL_REFUSED',
      reason: expect.stringMatching(/shop.*'shown'/),
    });
    expect(await open({ ssl_cert: certificate }, {}).verify({ signal: never })).toMatchObject({ ok: false });
    const missing = open({ ssl_cert: join(folder, 'nothing.pem') }, key);
    expect(await missing.verify({ signal: never })).toMatchObject({
      ok: false,
      code: 'NOT_FOUND',
      reason: expect.stringContaining('nothing.pem'),
    });
    const unreadable = open({ ssl_cert: certificate }, { ssl_key: secret('no key at all') });
    const broken = await unreadable.verify({ signal: never });
    expect(broken).toMatchObject({ ok: false, code: 'TLS_FAILED', reason: expect.stringContaining('ssl_key') });
    expect(broken.reason).not.toContain('no key at all');
  });

  describe('without TLS, and with little room for temporary tables', () => {
    let plain: TestMysql;
    beforeAll(async () => {
      plain = await startMysql({ options: ['--skip-ssl', '--innodb-temp-data-file-path=ibtmp1:12M'] });
    });
    afterAll(() => plain?.stop());

    test('prefer goes on, the others do not', async () => {
      const preferred = connectionTo(plain, { database: 'mysql', ssl: 'prefer' });
      expect(await queryRows(preferred, cipher)).toEqual([{ cipher: '' }]);
      for (const ssl of ['require', 'verify-ca', 'verify-full'] as const) {
        const refused = await connectionTo(plain, { database: 'mysql', ssl }).verify({ signal: never });
        const reason = expect.stringMatching(/no TLS.*ssl: disable/);
        expect(refused, ssl).toMatchObject({ code: 'TLS_FAILED', reason });
      }
    });

    test.each(['require', 'never'] as const)(
      'no room for the rows that replace others (local_infile: %s)',
      async (local_infile) => {
        const { connection, sql } = await openDatabase(plain, { local_infile });
        await sql(`create table items (id int primary key, name text); insert into items values (1, 'old')`);
        const columns: Column[] = [
          { name: 'id', type: 'integer', length: 4 },
          { name: 'name', type: 'text' },
        ];
        const rows = Array.from({ length: 8000 }, (_, id) => ({ id, name: 'x'.repeat(4000) }));
        const error = await failureOf(
          connection.write('items', streamOfRows(columns, rows), writeOptions({ mode: 'replace' })),
        );
        expect(error).toMatchObject({ code: 'DISK_FULL', message: expect.stringContaining('/shop/items') });
        expect(await readRows(connection, 'items')).toEqual([{ id: 1, name: 'old' }]);
      },
    );
  });

  describe.each(['require', 'never'] as const)('`lossy: allow` (local_infile: %s)', (local_infile) => {
    test.each<[native: string, column: Omit<Column, 'name'>, given: Row['v'], kept: Row['v']]>([
      ['decimal(6,2)', { type: 'decimal', precision: 10, scale: 3 }, '1.234', '1.23'],
      ['datetime', { type: 'timestamp', scale: 6 }, '2026-01-31T12:00:00.123456', '2026-01-31T12:00:00'],
      ['datetime(6)', { type: 'timestamptz' }, '2026-01-31T12:00:00.5Z', '2026-01-31T12:00:00.500000'],
      ['date', { type: 'timestamp' }, '2026-01-31T12:00:00', '2026-01-31'],
      ['date', { type: 'timestamptz' }, '2026-01-31T23:00:00Z', '2026-01-31'],
      ['time', { type: 'timestamp', scale: 0 }, '2026-01-31T12:00:00', '12:00:00'],
      ['float', { type: 'double' }, 0.1, 0.1],
      ['bigint', { type: 'decimal', precision: 10, scale: 2 }, '7.50', 8],
      ['int', { type: 'double' }, 7.5, 8],
    ])('%s', async (native, column, given, kept) => {
      const { connection, sql } = await openDatabase(server, { local_infile });
      await sql(`create table items (id int, v ${native})`);
      const columns: Column[] = [
        { name: 'id', type: 'integer', length: 4 },
        { ...column, name: 'v' },
      ];
      const stream = () => streamOfRows(columns, [{ id: 1, v: given }]);
      const error = await failureOf(connection.write('items', stream(), writeOptions()));
      expect(error).toMatchObject({
        code: 'VALUE_LOSSY',
        message: expect.stringMatching(/\/shop\/items.*"v".*lossy: allow/),
      });
      await connection.write('items', stream(), writeOptions({ lossy: 'allow' }));
      expect(await readRows(connection, 'items')).toEqual([{ id: 1, v: kept }]);
    });

    test('takes no value that is none of the type', async () => {
      const { connection, sql } = await openDatabase(server, { local_infile });
      await sql('create table items (id int, v decimal(6,2))');
      const columns: Column[] = [
        { name: 'id', type: 'integer', length: 4 },
        { name: 'v', type: 'text' },
      ];
      const rows = [
        { id: 1, v: '1.5' },
        { id: 2, v: 'many' },
      ];
      const work = connection.write('items', streamOfRows(columns, rows), writeOptions({ lossy: 'allow' }));
      expect(await failureOf(work)).toMatchObject({ message: expect.stringMatching(/\/shop\/items, record 2.*"?v"?/) });
      expect(await readRows(connection, 'items')).toEqual([]);
    });
  });
});
