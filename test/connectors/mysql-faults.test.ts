// What goes wrong with a MySQL: each a clear error that names what it is about, with nothing half-done.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import type { Column, RowStream } from '../../engine/contracts/data.ts';
import { queryRows, readRows, streamOfRows } from '../conformance/database.ts';
import { never, writeOptions } from '../conformance/files.ts';
import { collect, failureOf } from '../conformance/streams.ts';
import { testCertificate } from '../servers/certificate.ts';
import { haveMysql, startMysql, type TestMysql } from '../servers/mysql.ts';
import { connectionTo, openDatabase, sessionsIn } from '../servers/mysql-database.ts';

const columns: Column[] = [
  { name: 'id', type: 'integer' },
  { name: 'name', type: 'text' },
];
const abc = [
  { id: 1, name: 'a' },
  { id: 2, name: 'b' },
  { id: 3, name: 'c' },
];

function certificateFile(): string {
  const folder = mkdtempSync(join(tmpdir(), 'pipewright-tls-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const path = join(folder, 'ca.pem');
  writeFileSync(path, testCertificate);
  return path;
}

describe.runIf(haveMysql())('on a server', () => {
  let server: TestMysql;
  beforeAll(async () => {
    server = await startMysql({ tls: true });
    await server.sql(`create user 'reader'@'%' identified by 'reader-password'`);
  });
  afterAll(() => server?.stop());

  describe('connecting', () => {
    test('a wrong password, and none', async () => {
      const wrong = connectionTo(server, { database: 'mysql', password: 'wrong-password' });
      const verified = await wrong.verify({ signal: never });
      expect(verified).toMatchObject({
        ok: false,
        code: 'CREDENTIAL_REFUSED',
        reason: expect.stringContaining('shop'),
      });
      expect(verified.reason).not.toContain('wrong-password');
      expect(await failureOf(wrong.read('items', { signal: never }))).toMatchObject({ code: 'CREDENTIAL_REFUSED' });
      const none = connectionTo(server, { database: 'mysql', password: null });
      expect(await none.verify({ signal: never })).toMatchObject({ ok: false, code: 'CREDENTIAL_MISSING' });
    });

    test('a database, a host and a port that are not there', async () => {
      const database = connectionTo(server, { database: 'nothing_here' });
      const missing = await database.verify({ signal: never });
      expect(missing).toMatchObject({ code: 'NOT_FOUND', reason: expect.stringMatching(/shop.*'nothing_here'/) });
      const host = connectionTo(server, { database: 'mysql', host: 'nothing.invalid' });
      expect(await host.verify({ signal: never })).toMatchObject({ ok: false, code: 'HOST_UNKNOWN' });
      const port = connectionTo(server, { database: 'mysql', port: 1 });
      expect(await port.verify({ signal: never })).toMatchObject({ ok: false, code: 'CONNECTION_REFUSED' });
    });

    test('a server that takes the connection and says nothing', async () => {
      const silent = createServer(() => {});
      await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
      onTestFinished(() => void silent.close());
      const { port } = silent.address() as AddressInfo;
      const connection = connectionTo(server, { database: 'mysql', port, connect_timeout: '100ms' });
      expect(await connection.verify({ signal: never })).toMatchObject({ ok: false, code: 'TIMED_OUT' });
    });

    test('a URL instead of fields, and no password in it', async () => {
      const { host, port, user } = server;
      const url = connectionTo(server, { url: `mysql://${user}@${host}:${port}/mysql` });
      expect(await url.verify({ signal: never })).toEqual({ ok: true });
      expect(() => connectionTo(server, { url: `mysql://${user}:secret@${host}/x` })).toThrow(/password/);
    });

    test('no more sessions than the pool has, and the server shows whose they are', async () => {
      const { connection, database } = await openDatabase(server, { pool_size: 2, application_name: 'nightly' });
      const works = Array.from({ length: 6 }, (_, i) => queryRows(connection, `select ${i} as i`));
      expect((await Promise.all(works)).flat()).toEqual([0, 1, 2, 3, 4, 5].map((i) => ({ i })));
      const found = await server.sql(`select p.id from information_schema.processlist p
        join performance_schema.session_connect_attrs a on a.processlist_id = p.id
        where p.db = '${database}' and a.attr_name = 'program_name' and a.attr_value = 'nightly'`);
      expect(found.length).toBe(2);
      await connection.close();
      expect(await sessionsIn(server, database)).toBe(0);
    });
  });

  describe('TLS', () => {
    const isEncrypted = async (connection: Parameters<typeof queryRows>[0]) => {
      const text = `select variable_value <> '' as encrypted from information_schema.session_status where variable_name = 'SSL_CIPHER'`;
      return (await queryRows(connection, text))[0]!.encrypted === 1;
    };

    test.each([
      ['disable', false],
      ['prefer', true],
      ['require', true],
    ] as const)('%s', async (ssl, expected) => {
      expect(await isEncrypted(connectionTo(server, { database: 'mysql', ssl }))).toBe(expected);
    });

    test.each(['verify-ca', 'verify-full'] as const)('%s needs the authority', async (ssl) => {
      const untrusted = connectionTo(server, { database: 'mysql', ssl });
      expect(await untrusted.verify({ signal: never })).toMatchObject({ code: 'TLS_FAILED' });
      expect(await isEncrypted(connectionTo(server, { database: 'mysql', ssl, ssl_ca: certificateFile() }))).toBe(true);
    });

    test('verify-full looks at the name of the host, verify-ca does not', async () => {
      // 127.0.0.2 is this machine too, and no name of the certificate.
      const relay = createServer((socket) => {
        const other = connect(server.port, '127.0.0.1');
        for (const [one, end] of [
          [socket, other],
          [other, socket],
        ] as const)
          one.on('error', () => {}).on('close', () => end.destroy());
        socket.pipe(other).pipe(socket);
      });
      await new Promise<void>((resolve) => relay.listen(0, '127.0.0.2', resolve));
      onTestFinished(() => void relay.close());
      const { port } = relay.address() as AddressInfo;
      const config = { database: 'mysql', host: '127.0.0.2', port, ssl_ca: certificateFile() };
      const full = connectionTo(server, { ...config, ssl: 'verify-full' });
      expect(await full.verify({ signal: never })).toMatchObject({ ok: false, code: 'TLS_FAILED' });
      expect(await connectionTo(server, { ...config, ssl: 'verify-ca' }).verify({ signal: never })).toEqual({
        ok: true,
      });
    });

    test('rows of several megabytes come and go through it', async () => {
      const { connection } = await openDatabase(server, { ssl: 'require' });
      const rows = Array.from({ length: 20 }, (_, id) => ({ id, name: `${id}é`.repeat(100_000) }));
      await connection.write('items', streamOfRows(columns, rows), writeOptions());
      expect(await readRows(connection, 'items')).toEqual(rows);
    });
  });

  describe('tables and rows', () => {
    test('permission on one column', async () => {
      const { database, sql } = await openDatabase(server);
      await sql(`create table items (id int, name text); grant select (id) on ${database}.items to 'reader'@'%'`);
      const connection = connectionTo(server, { database, user: 'reader', password: 'reader-password' });
      expect(await readRows(connection, 'items', { columns: ['id'] })).toEqual([]);
      const work = connection.write('items', streamOfRows([columns[0]!], [{ id: 1 }]), writeOptions());
      const error = await failureOf(work);
      expect(error).toMatchObject({ code: 'PERMISSION_DENIED', message: expect.stringContaining('/shop/items') });
      const other = readRows(connection, 'items', { where: `name = 'a'` });
      expect(await failureOf(other)).toMatchObject({ code: 'PERMISSION_DENIED' });
    });

    test('permission to write one of the columns only', async () => {
      const { database, sql } = await openDatabase(server);
      await sql(`create table items (id int, name text);
        grant select, insert (id) on ${database}.items to 'reader'@'%'`);
      for (const local_infile of ['require', 'never'] as const) {
        const user = { user: 'reader', password: 'reader-password' };
        const connection = connectionTo(server, { database, local_infile, ...user });
        const error = await failureOf(connection.write('items', streamOfRows(columns, abc), writeOptions()));
        expect(error).toMatchObject({
          code: 'PERMISSION_DENIED',
          message: expect.stringMatching(/\/shop\/items.*'name'/),
        });
        await connection.write('items', streamOfRows(columns.slice(0, 1), [{ id: 1 }]), writeOptions());
      }
      expect(await sql('select * from items')).toEqual(Array(2).fill({ id: 1, name: null }));
    });

    test.each([
      ['a value that is too long', 'id int, name varchar(3)', { id: 4, name: 'abcd' }, /(too long|truncated).*'name'/],
      ['a value of another type', 'id int, name int', { id: 4, name: 'abc' }, /"name": "abc" is not an integer/],
      ['a number out of range', 'id smallint, name text', { id: 40_000, name: 'a' }, /Out of range.*'id'/],
      ['a NULL', 'id int, name varchar(9) not null', { id: 4, name: null }, /"name" cannot be NULL/],
      ['a key that is there', 'id int primary key, name text', { id: 1, name: 'x' }, /'1' for key/],
      ['a check', 'id int, name text, constraint small check (id < 4)', { id: 4, name: 'x' }, /small/],
    ])('%s is refused with its record, by LOAD DATA and by INSERT', async (_, create, row, message) => {
      for (const local_infile of ['require', 'never'] as const) {
        for (const mode of ['append', 'replace'] as const) {
          const { connection, sql } = await openDatabase(server, { local_infile });
          await sql(`create table items (${create})`);
          const rows = [abc[0]!, abc[1]!, row].map(({ id, name }) => ({
            id,
            name: name !== null && create.includes('name int') && name.length < 2 ? '5' : name,
          }));
          const error = await failureOf(connection.write('items', streamOfRows(columns, rows), writeOptions({ mode })));
          expect(error).toMatchObject({ code: 'ROW_REFUSED', message: expect.stringMatching(message) });
          expect(error.message).toContain('/shop/items, record 3');
          expect(error.data.position).toBe(3);
          expect(await readRows(connection, 'items')).toEqual([]);
        }
      }
    });

    test('the server forbids LOAD DATA LOCAL: rows go by INSERT, which is said', async () => {
      await server.sql('set global local_infile = 0');
      onTestFinished(async () => void (await server.sql('set global local_infile = 1')));
      const warnings: string[] = [];
      const log = { debug() {}, info() {}, warn: (message: string) => void warnings.push(message) };
      const { connection, database } = await openDatabase(server, {}, { log });
      const rows = [...abc, { id: 4, name: `it's \\ "\n\t\r\0 🎉` }, { id: 5, name: '\\N' }, { id: 6, name: null }];
      for (const mode of ['append', 'replace'] as const) {
        await connection.write('items', streamOfRows(columns, rows), writeOptions({ mode }));
        expect(await readRows(connection, 'items')).toEqual(rows);
      }
      await connection.write(
        'bytes',
        streamOfRows([{ name: 'b', type: 'binary' }], [{ b: Buffer.from([0, 255, 39]) }]),
        writeOptions(),
      );
      expect(await readRows(connection, 'bytes')).toEqual([{ b: Buffer.from([0, 255, 39]) }]);
      expect(warnings[0]).toMatch(/\/shop\/items.*local_infile.*INSERT/);
      const required = connectionTo(server, { database, local_infile: 'require' });
      const error = await failureOf(required.write('items', streamOfRows(columns, rows), writeOptions()));
      expect(error).toMatchObject({ code: 'OPTION_UNSUPPORTED', message: expect.stringContaining('local_infile') });
    });

    test('a table whose engine has no transactions is not written', async () => {
      const { connection, sql } = await openDatabase(server);
      await sql('create table items (id int, name text) engine = MyISAM');
      const error = await failureOf(connection.write('items', streamOfRows(columns, abc), writeOptions()));
      expect(error).toMatchObject({ code: 'OPTION_UNSUPPORTED', message: expect.stringMatching(/items.*MyISAM/) });
      expect(await readRows(connection, 'items')).toEqual([]);
    });

    test('a column that the server computes is not written', async () => {
      const { connection, sql } = await openDatabase(server);
      await sql('create table items (id int, name text, twice int as (id * 2) stored)');
      const more: Column[] = [...columns, { name: 'twice', type: 'integer' }];
      const work = connection.write('items', streamOfRows(more, []), writeOptions());
      expect(await failureOf(work)).toMatchObject({ code: 'OPTION_UNSUPPORTED' });
      for (const mode of ['append', 'replace'] as const) {
        await connection.write('items', streamOfRows(columns, abc), writeOptions({ mode }));
        const twice = (await readRows(connection, 'items')).map((row) => row.twice);
        expect(twice).toEqual([2, 4, 6]);
      }
    });

    test('upsert by another unique index than the primary key', async () => {
      const { connection, sql } = await openDatabase(server);
      await sql('create table items (n int auto_increment primary key, id int not null unique, name varchar(20))');
      for (const name of ['a', 'b']) {
        const rows = [1, 2].map((id) => ({ id, name }));
        await connection.write('items', streamOfRows(columns, rows), writeOptions({ mode: 'upsert', key: ['id'] }));
      }
      const rows = await readRows(connection, 'items', { columns: ['id', 'name'] });
      expect(rows).toEqual([
        { id: 1, name: 'b' },
        { id: 2, name: 'b' },
      ]);
    });

    test('what a killed write left of a new table is cleared away by the next one', async () => {
      const { connection, sql } = await openDatabase(server);
      await sql('create table _pipewright_new_abc (id int)');
      await connection.write('items', streamOfRows(columns, abc), writeOptions());
      expect(await sql('show tables')).toHaveLength(1);
      expect(await collect(connection.list('', { signal: never, recursive: true }))).toHaveLength(1);
    });

    test('a statement and a lock that take too long', async () => {
      const { connection, sql, sessions } = await openDatabase(server, {
        statement_timeout: '200ms',
        lock_timeout: '1s',
      });
      const slow = queryRows(
        connection,
        'select count(*) as x from information_schema.columns a, information_schema.columns b, information_schema.columns c',
      );
      expect(await failureOf(slow)).toMatchObject({
        code: 'TIMED_OUT',
        message: expect.stringContaining('statement_timeout'),
      });
      const { connection: other, sql: run } = await openDatabase(server, { lock_timeout: '1s' });
      await run(`create table items (id int primary key, name text); insert into items values (1, 'x')`);
      let free = () => {};
      const held = new Promise<void>((resolve) => {
        free = resolve;
      });
      let began = () => {};
      const begun = new Promise<void>((resolve) => {
        began = resolve;
      });
      const holding = other.write(
        'items',
        streamOfRows(columns, abc),
        writeOptions({
          mode: 'upsert',
          key: ['id'],
          beforeCommit: async () => {
            began();
            await held;
          },
        }),
      );
      await begun;
      const work = other.write('items', streamOfRows(columns, abc), writeOptions({ mode: 'upsert', key: ['id'] }));
      expect(await failureOf(work)).toMatchObject({
        code: 'TIMED_OUT',
        message: expect.stringMatching(/shop\/items.*lock/),
      });
      free();
      await holding;
      await sql('select 1');
      await connection.close();
      expect(await sessions()).toBe(0);
    });

    test('an abort ends a statement that gives nothing yet', async () => {
      const { connection, sql, sessions } = await openDatabase(server);
      const controller = new AbortController();
      const stream = await connection.query('select sleep(60) as x', [], {
        signal: controller.signal,
        readOnly: true,
      });
      const work = stream.batches[Symbol.asyncIterator]().next();
      const caught = failureOf(work);
      const busy = `select 1 from information_schema.processlist where info like 'select sleep(60)%'`;
      while ((await sql(busy)).length === 0);
      const before = Date.now();
      controller.abort();
      await caught.catch(() => {});
      expect(Date.now() - before).toBeLessThan(20_000);
      expect(await sessions()).toBe(0);
    });

    test('a server that goes away while it is read', async () => {
      const { connection, sql, database } = await openDatabase(server);
      await sql(`create table items as select seq as id, repeat('x', 200) as name from seq_1_to_200000`);
      const stream = (await connection.read('items', { signal: never })) as RowStream;
      const work = (async () => {
        let killed = false;
        for await (const _ of stream.batches) {
          if (killed) continue;
          const [found] = await sql(
            `select id from information_schema.processlist where db = '${database}' and info like 'select %items%' and info not like '%processlist%'`,
          );
          await sql(`kill ${found!.id}`);
          killed = true;
        }
      })();
      expect(await failureOf(work)).toMatchObject({ code: 'CONNECTION_LOST', retry: true });
    });
  });

  describe('queries', () => {
    test('parameters of every type, where they are parameters and nowhere else', async () => {
      const { connection } = await openDatabase(server);
      const text = `select ? + 1 as n, ? as t, cast(? as date) as d, ? as b, '?' as quoted, "?" as other,
        \`?\`.x as \`?\` -- ? '
        from (select 1 as x) as \`?\` /* ? */ where ? and ? is null # ?`;
      const values = [1, `it's \\ ?`, '2026-01-31', new Uint8Array([0, 255]), true, null];
      expect(await queryRows(connection, text, values)).toEqual([
        { n: 2, t: values[1], d: '2026-01-31', b: Buffer.from([0, 255]), quoted: '?', other: '?', '?': 1 },
      ]);
    });

    test.each([
      ['select 1; select 2', []],
      ['select 1) as x; create table hacked (id int); select (1', []],
      ['select 1) as a, (select 2', []],
      ['select ?; create table hacked (id int)', [1]],
      ['select ?', []],
      ['select ? + ?', [1]],
      ['select 1', [1]],
      ['drop table items', []],
      ['insert into items values (1)', []],
      ['delete from items', []],
      ['truncate table items', []],
      ['set @a = 1', []],
      ['call nothing()', []],
      [`select id into outfile '/tmp/pipewright-outfile' from items`, []],
      ['select nothing', []],
    ] as [string, number[]][])('%j with %j is refused', async (text, parameters) => {
      const { connection, sql } = await openDatabase(server);
      await sql('create table items (id int); insert into items values (7)');
      expect(await failureOf(queryRows(connection, text, parameters))).toMatchObject({ code: 'SQL_REFUSED' });
      expect(await sql('show tables')).toHaveLength(1);
      expect(await readRows(connection, 'items')).toEqual([{ id: 7 }]);
    });

    test('a function that writes is refused when it is called', async () => {
      const { connection, sql } = await openDatabase(server);
      await sql(
        'create table items (id int); create function adds() returns int modifies sql data begin insert into items values (1); return 1; end',
      );
      expect(await failureOf(queryRows(connection, 'select adds() as x'))).toMatchObject({ code: 'SQL_REFUSED' });
      expect(await readRows(connection, 'items')).toEqual([]);
    });

    test('two columns of one name', async () => {
      const { connection } = await openDatabase(server);
      expect(await failureOf(queryRows(connection, 'select 1 as a, 2 as a'))).toMatchObject({
        code: 'COLUMN_TWICE',
        data: { column: 'a' },
      });
    });

    test('the order of a query stays', async () => {
      const { connection } = await openDatabase(server);
      const rows = await queryRows(connection, 'select 1 as a union all select 3 union all select 2 order by a desc;');
      expect(rows).toEqual([{ a: 3 }, { a: 2 }, { a: 1 }]);
    });
  });
});
