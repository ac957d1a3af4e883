// What goes wrong with a Postgres: each a clear error that names what it is about, with nothing half-done.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import type { Column, RowStream } from '../../engine/contracts/data.ts';
import { queryRows, readRows, streamOfRows } from '../conformance/database.ts';
import { never, writeOptions } from '../conformance/files.ts';
import { failureOf } from '../conformance/streams.ts';
import { testCertificate } from '../servers/certificate.ts';
import { startPostgres, type TestPostgres } from '../servers/postgres.ts';
import { connectionTo, openDatabase } from '../servers/postgres-database.ts';

let server: TestPostgres;
beforeAll(async () => {
  server = await startPostgres({ tls: true });
  await server.sql(`create role reader login password 'reader-password'`);
});
afterAll(() => server.stop());

const columns: Column[] = [
  { name: 'id', type: 'integer' },
  { name: 'name', type: 'text' },
];

function certificateFile(): string {
  const folder = mkdtempSync(join(tmpdir(), 'pipewright-tls-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const path = join(folder, 'ca.pem');
  writeFileSync(path, testCertificate);
  return path;
}

describe('connecting', () => {
  test('a wrong password, and none', async () => {
    const wrong = connectionTo(server, { database: 'postgres', password: 'wrong-password' });
    const verified = await wrong.verify({ signal: never });
    expect(verified).toMatchObject({ ok: false, code: 'CREDENTIAL_REFUSED', reason: expect.stringContaining('shop') });
    expect(verified.reason).not.toContain('wrong-password');
    expect(await failureOf(wrong.read('items', { signal: never }))).toMatchObject({ code: 'CREDENTIAL_REFUSED' });
    const none = connectionTo(server, { database: 'postgres', password: null });
    expect(await none.verify({ signal: never })).toMatchObject({ ok: false, code: 'CREDENTIAL_MISSING' });
    // A session that never logged in is not left for the server to wait for.
    const waiting = `select 1 from pg_stat_activity where backend_type = 'client backend' and pid <> pg_backend_pid()`;
    while ((await server.sql(waiting)).length > 0);
  });

  test('a database, a host and a port that are not there', async () => {
    const database = connectionTo(server, { database: 'nothing_here' });
    const missing = await database.verify({ signal: never });
    expect(missing).toMatchObject({ code: 'NOT_FOUND', reason: expect.stringMatching(/shop.*"nothing_here"/) });
    const host = connectionTo(server, { database: 'postgres', host: 'nothing.invalid' });
    expect(await host.verify({ signal: never })).toMatchObject({ ok: false, code: 'HOST_UNKNOWN' });
    const port = connectionTo(server, { database: 'postgres', port: 1 });
    expect(await port.verify({ signal: never })).toMatchObject({ ok: false, code: 'CONNECTION_REFUSED' });
  });

  test('a server that takes the connection and says nothing', async () => {
    const silent = createServer(() => {});
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void silent.close());
    const { port } = silent.address() as AddressInfo;
    const connection = connectionTo(server, { database: 'postgres', port, connect_timeout: '100ms' });
    expect(await connection.verify({ signal: never })).toMatchObject({ ok: false, code: 'TIMED_OUT' });
  });

  test('a URL instead of fields, and no password in it', async () => {
    const { host, port, user } = server;
    const url = connectionTo(server, { url: `postgres://${user}@${host}:${port}/postgres` });
    expect(await url.verify({ signal: never })).toEqual({ ok: true });
    expect(() => connectionTo(server, { url: `postgres://${user}:secret@${host}/x` })).toThrow(/password/);
  });
});

describe('TLS', () => {
  const encrypted = 'select ssl from pg_stat_ssl where pid = pg_backend_pid()';

  test.each([
    ['disable', false],
    ['prefer', true],
    ['require', true],
  ] as const)('%s', async (ssl, expected) => {
    const connection = connectionTo(server, { database: 'postgres', ssl });
    expect(await queryRows(connection, encrypted)).toEqual([{ ssl: expected }]);
  });

  test.each(['verify-ca', 'verify-full'] as const)('%s needs the authority', async (ssl) => {
    const untrusted = connectionTo(server, { database: 'postgres', ssl });
    expect(await untrusted.verify({ signal: never })).toMatchObject({ code: 'TLS_FAILED' });
    const trusted = connectionTo(server, {
      database: 'postgres',
      ssl,
      ssl_ca: certificateFile(),
    });
    expect(await queryRows(trusted, encrypted)).toEqual([{ ssl: true }]);
  });

  test('verify-full looks at the name of the host, verify-ca does not', async () => {
    // 127.0.0.2 is this machine too, and no name of the certificate.
    const relay = createServer((socket) => {
      import('node:net').then(({ connect }) => {
        const other = connect(server.port, '127.0.0.1');
        for (const [one, end] of [
          [socket, other],
          [other, socket],
        ] as const)
          one.on('error', () => {}).on('close', () => end.destroy());
        socket.pipe(other).pipe(socket);
      });
    });
    await new Promise<void>((resolve) => relay.listen(0, '127.0.0.2', resolve));
    onTestFinished(() => void relay.close());
    const { port } = relay.address() as AddressInfo;
    const config = { database: 'postgres', host: '127.0.0.2', port, ssl_ca: certificateFile() };
    const full = connectionTo(server, { ...config, ssl: 'verify-full' });
    expect(await full.verify({ signal: never })).toMatchObject({ ok: false, code: 'TLS_FAILED' });
    expect(await connectionTo(server, { ...config, ssl: 'verify-ca' }).verify({ signal: never })).toEqual({ ok: true });
  });

  test('a server without TLS: prefer goes on, require does not', async () => {
    const plain = await startPostgres();
    onTestFinished(() => plain.stop());
    const preferred = connectionTo(plain, { database: 'postgres', ssl: 'prefer' });
    expect(await queryRows(preferred, encrypted)).toEqual([{ ssl: false }]);
    const required = connectionTo(plain, { database: 'postgres', ssl: 'require' });
    expect(await required.verify({ signal: never })).toMatchObject({ ok: false, code: 'TLS_FAILED' });
  });
});

describe('tables and rows', () => {
  test('permission on one column', async () => {
    const { database, sql } = await openDatabase(server);
    await sql('create table items (id int, name text); grant select (id) on items to reader');
    const connection = connectionTo(server, { database, user: 'reader', password: 'reader-password' });
    expect(await readRows(connection, 'items', { columns: ['id'] })).toEqual([]);
    const error = await failureOf(readRows(connection, 'items'));
    expect(error).toMatchObject({ code: 'PERMISSION_DENIED', message: expect.stringContaining('/shop/items') });
    const write = connection.write('items', streamOfRows(columns, [{ id: 1, name: 'a' }]), writeOptions());
    expect(await failureOf(write)).toMatchObject({ code: 'PERMISSION_DENIED' });
  });

  test.each([
    [
      'a value that is too long',
      'create table items (id int, name varchar(3))',
      { id: 4, name: 'abcd' },
      /column "name".*too long/,
    ],
    [
      'a value of another type',
      'create table items (id int, name int)',
      { id: 4, name: 'abc' },
      /column "name".*integer: "abc"/,
    ],
    [
      'a number out of range',
      'create table items (id smallint, name text)',
      { id: 40_000, name: 'a' },
      /column "id".*out of range/,
    ],
    ['a NULL', 'create table items (id int, name text not null)', { id: 4, name: null }, /column "name".*not-null/],
    [
      'a key that is there',
      'create table items (id int primary key, name text)',
      { id: 1, name: 'x' },
      /Key \(id\)=\(1\)/,
    ],
    ['a check', 'create table items (id int check (id < 4), name text)', { id: 4, name: 'x' }, /items_id_check/],
    ['a NUL', 'create table items (id int, name text)', { id: 4, name: 'a\0b' }, /0x00/],
  ])('%s is refused with its record', async (_, create, row, message) => {
    const { connection, sql } = await openDatabase(server);
    await sql(create);
    const rows = [{ id: 1, name: '1' }, { id: 2, name: '2' }, row];
    const error = await failureOf(connection.write('items', streamOfRows(columns, rows), writeOptions()));
    expect(error).toMatchObject({ code: 'ROW_REFUSED', message: expect.stringMatching(message) });
    expect(error.message).toContain('/shop/items, record 3');
    expect(error.data.position).toBe(3);
    expect(await readRows(connection, 'items')).toEqual([]);
  });

  test('a statement and a lock that take too long', async () => {
    const { connection, sql, sessions } = await openDatabase(server, {
      statement_timeout: '200ms',
      lock_timeout: '100ms',
    });
    const slow = queryRows(connection, 'select pg_sleep(20)::text as x');
    expect(await failureOf(slow)).toMatchObject({
      code: 'TIMED_OUT',
      message: expect.stringContaining('statement_timeout'),
    });
    await sql('create table items (id int, name text)');
    const holding = sql('begin; lock table items; select pg_sleep(1); commit');
    const locked = async () =>
      (await sql(`select 1 from pg_locks where relation = 'items'::regclass and granted`)).length > 0;
    while (!(await locked()));
    const work = connection.write('items', streamOfRows(columns, [{ id: 1, name: 'a' }]), writeOptions());
    expect(await failureOf(work)).toMatchObject({ code: 'TIMED_OUT', message: expect.stringContaining('lock') });
    await holding;
    await connection.close();
    expect(await sessions()).toBe(0);
  });

  test('an abort ends a statement that gives nothing yet', async () => {
    const { connection, sql, sessions } = await openDatabase(server);
    const controller = new AbortController();
    const stream = await connection.query('select pg_sleep(60)::text as x', [], {
      signal: controller.signal,
      readOnly: true,
    });
    const work = stream.batches[Symbol.asyncIterator]().next();
    const caught = failureOf(work);
    while ((await sql(`select 1 from pg_stat_activity where query like 'copy%pg_sleep%'`)).length === 0);
    const before = Date.now();
    controller.abort();
    await caught.catch(() => {});
    expect(Date.now() - before).toBeLessThan(10_000);
    expect(await sessions()).toBe(0);
  });

  test('a server that goes away while it is read', async () => {
    const { connection, sql } = await openDatabase(server);
    await sql(`create table items as select i as id, repeat('x', 200) as name from generate_series(1, 200000) i`);
    const stream = (await connection.read('items', { signal: never })) as RowStream;
    const work = (async () => {
      let killed = false;
      for await (const _ of stream.batches) {
        if (!killed) await sql(`select pg_terminate_backend(pid) from pg_stat_activity where query like 'copy%'`);
        killed = true;
      }
    })();
    expect(await failureOf(work)).toMatchObject({ code: 'CONNECTION_LOST', retry: true });
  });
});

describe('queries', () => {
  test('parameters of every type, where they are parameters and nowhere else', async () => {
    const { connection } = await openDatabase(server);
    const text = `select $1::int + 1 as n, $2::text as t, $3::date as d, $4::text[] as a, $5::jsonb as j, $6::bytea as b,
      '$1' as quoted, $tag$ $1 $tag$ as dollar, E'\\'$1' as escaped, "$1".x as "$1" -- $1 '
      from (select 1 as x) as "$1" /* $1 /* $2 */ $3 */ where $7::boolean and $8::text is null`;
    const values = [
      1,
      `it's \\ $1`,
      '-000043-03-15',
      ['a', null, 'b"\\'],
      { k: [1] },
      new Uint8Array([0, 255]),
      true,
      null,
    ];
    expect(await queryRows(connection, text, values)).toEqual([
      {
        n: 2,
        t: values[1],
        d: values[2],
        a: values[3],
        j: values[4],
        b: Buffer.from([0, 255]),
        quoted: '$1',
        dollar: ' $1 ',
        escaped: "'$1",
        $1: 1,
      },
    ]);
  });

  test.each([
    ['select 1; select 2', []],
    ['select 1) as x; create table hacked (id int); select (1', []],
    ['select $1::int; create table hacked (id int)', [1]],
    ['select $1::int', []],
    ['select $1::int + $2::int', [1]],
    ['select 1', [1]],
    ['with gone as (delete from items returning *) select * from gone', []],
    ['drop table items', []],
    ['select nothing', []],
  ] as [string, number[]][])('%j with %j is refused', async (text, parameters) => {
    const { connection, sql } = await openDatabase(server);
    await sql('create table items (id int)');
    expect(await failureOf(queryRows(connection, text, parameters))).toMatchObject({ code: 'SQL_REFUSED' });
    expect(await sql(`select relname from pg_class where relname in ('items', 'hacked')`)).toEqual([
      { relname: 'items' },
    ]);
  });

  test('one that would write names the op for it', async () => {
    const { connection, sql } = await openDatabase(server);
    await sql(`create table items (id int); insert into items values (7);
      create function adds() returns int language sql as 'insert into items values (8) returning id'`);
    for (const text of [
      'delete from items',
      'with gone as (delete from items returning *) select * from gone',
      'select adds() as x',
    ]) {
      const work = queryRows(connection, text);
      expect((await failureOf(work)).message, text).toMatch(/^\/shop.*use `op: query`/s);
    }
    expect(await readRows(connection, 'items')).toEqual([{ id: 7 }]);
  });

  test('two columns of one name', async () => {
    const { connection } = await openDatabase(server);
    expect(await failureOf(queryRows(connection, 'select 1 as a, 2 as a'))).toMatchObject({ code: 'COLUMN_TWICE' });
  });
});
