// What goes wrong while a Postgres is written: each a clear error that names what it is about, with nothing half-done.
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import type { Batch, Column, Row, RowStream } from '../../engine/contracts/data.ts';
import { failure } from '../../engine/errors.ts';
import { readRows, streamOfRows } from '../conformance/database.ts';
import { never, writeOptions } from '../conformance/files.ts';
import { failureOf } from '../conformance/streams.ts';
import { startPostgres, type TestPostgres } from '../servers/postgres.ts';
import { connectionTo, openDatabase } from '../servers/postgres-database.ts';

let server: TestPostgres;
beforeAll(async () => {
  server = await startPostgres();
  await server.sql(`create role writer login password 'writer-password'`);
});
afterAll(() => server.stop());

const columns: Column[] = [
  { name: 'id', type: 'integer' },
  { name: 'name', type: 'text' },
];
const rows = (count: number): Row[] => Array.from({ length: count }, (_, i) => ({ id: i + 1, name: `row ${i + 1}` }));
const stream = (count = 3) => streamOfRows(columns, rows(count));

/** A server that says of itself what version it is, and knows the answers to the first statements of a session. */
async function serverOfVersion(version: string): Promise<number> {
  const message = (kind: string, ...parts: (Buffer | string)[]) => {
    const body = Buffer.concat(parts.map((part) => Buffer.from(part as string)));
    const head = Buffer.alloc(5, kind);
    head.writeInt32BE(body.length + 4, 1);
    return Buffer.concat([head, body]);
  };
  const int = (value: number, bytes: number) => {
    const buffer = Buffer.alloc(bytes);
    buffer.writeIntBE(value, 0, bytes);
    return buffer;
  };
  const field = (name: string) =>
    Buffer.concat([Buffer.from(`${name}\0`), int(0, 6), int(23, 4), int(4, 2), int(-1, 4), int(0, 2)]);
  const cell = (text: string) => Buffer.concat([int(text.length, 4), Buffer.from(text)]);
  const ready = message('Z', 'I');
  const answer = (socket: Socket) => {
    let started = false;
    socket.on('error', () => {});
    socket.on('data', (bytes) => {
      if (!started) socket.write(Buffer.concat([message('R', int(0, 4)), ready]));
      else if (bytes[0] === 'Q'.charCodeAt(0)) {
        const sets = Array.from({ length: 7 }, () => message('C', 'SET\0'));
        const row = message('D', int(2, 2), cell('1'), cell(version));
        const shape = message('T', int(2, 2), field('pid'), field('version'));
        socket.write(Buffer.concat([...sets, shape, row, message('C', 'SELECT 1\0'), ready]));
      }
      started = true;
    });
  };
  const old = createServer(answer);
  await new Promise<void>((resolve) => old.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void old.close());
  return (old.address() as AddressInfo).port;
}

test.each([
  ['110022', 'Postgres 11'],
  ['90624', 'Postgres 9'],
])('a server too old, %s', async (version, said) => {
  const connection = connectionTo(server, { database: 'postgres', port: await serverOfVersion(version) });
  const error = await failureOf(connection.write('items', stream(), writeOptions()));
  expect(error).toMatchObject({ code: 'OPTION_UNSUPPORTED', message: expect.stringMatching(said) });
  expect(error.message).toMatch(/shop.*version 12/);
});

describe('permissions', () => {
  const open = async (create: string) => {
    const { database, sql } = await openDatabase(server);
    await sql(create);
    const connection = connectionTo(server, { database, user: 'writer', password: 'writer-password' });
    return { sql, connection };
  };

  test('none to write one of the columns', async () => {
    const { connection, sql } = await open(
      'create table items (id int, name text); grant insert (id), select on items to writer',
    );
    const error = await failureOf(connection.write('items', stream(), writeOptions()));
    expect(error).toMatchObject({ code: 'PERMISSION_DENIED', message: expect.stringMatching(/\/shop\/items.*"name"/) });
    await connection.write('items', streamOfRows(columns.slice(0, 1), [{ id: 1 }]), writeOptions());
    expect(await sql('select * from items')).toEqual([{ id: 1, name: null }]);
  });

  test('none to make the table, nor that of the checkpoints', async () => {
    const { connection, sql } = await open('create table items (id int, name text); grant insert on items to writer');
    const making = await failureOf(connection.write('others', stream(), writeOptions()));
    expect(making).toMatchObject({
      code: 'PERMISSION_DENIED',
      message: expect.stringMatching(/\/shop\/others.*public/),
    });
    const checkpoint = { name: 'load', last: 'keep' } as const;
    const keeping = await failureOf(connection.write('items', stream(), writeOptions({ checkpoint })));
    expect(keeping).toMatchObject({
      code: 'PERMISSION_DENIED',
      message: expect.stringMatching(/\/shop\/items.*checkpoints/),
    });
    expect(await sql('select * from items')).toEqual([]);
  });
});

describe.each(['run', 'batch'] as const)('commit: %s', (commit) => {
  test('a disk that is full', async () => {
    const { connection, sql } = await openDatabase(server);
    // The server itself tells it with this code.
    await sql(`create table items (id int, name text);
      create function full_disk() returns trigger language plpgsql as $$ begin
        if new.id = 3 then raise exception 'could not extend file' using errcode = '53100'; end if; return new; end $$;
      create trigger fills before insert on items for each row execute function full_disk()`);
    const error = await failureOf(connection.write('items', stream(), writeOptions({ commit })));
    expect(error).toMatchObject({ code: 'DISK_FULL', message: expect.stringContaining('/shop/items') });
    expect(await readRows(connection, 'items')).toEqual([]);
  });

  test('a table of another shape', async () => {
    const { connection, sql } = await openDatabase(server);
    await sql('create table items (id int, title text); create table strict (id int, name text, owner text not null)');
    const other = await failureOf(connection.write('items', stream(), writeOptions({ commit })));
    expect(other).toMatchObject({ code: 'COLUMN_UNKNOWN', message: expect.stringMatching(/\/shop\/items.*"name"/) });
    const missing = await failureOf(connection.write('strict', stream(), writeOptions({ commit })));
    expect(missing).toMatchObject({
      code: 'ROW_REFUSED',
      message: expect.stringMatching(/\/shop\/strict, record 1: .*"owner"/),
    });
  });

  test('a key without a unique index', async () => {
    const { connection, sql } = await openDatabase(server);
    await sql('create table items (id int, name text)');
    const error = await failureOf(
      connection.write('items', stream(), writeOptions({ commit, mode: 'upsert', key: ['id'] })),
    );
    expect(error).toMatchObject({
      code: 'SQL_REFUSED',
      message: expect.stringMatching(/\/shop\/items.*`key` needs a primary key or a unique index on just its columns/),
    });
    expect(await readRows(connection, 'items')).toEqual([]);
  });

  test('constraints that are checked at the end, are checked before the others commit', async () => {
    const { connection, sql } = await openDatabase(server);
    await sql('create table items (id int unique deferrable initially deferred, name text)');
    let asked = false;
    const beforeCommit = async () => {
      asked = true;
    };
    const twice = streamOfRows(columns, [...rows(2), { id: 1, name: 'again' }]);
    const error = await failureOf(connection.write('items', twice, writeOptions({ commit, beforeCommit })));
    expect(error).toMatchObject({
      code: 'ROW_REFUSED',
      message: expect.stringMatching(/\/shop\/items: .*items_id_key/),
    });
    expect(asked).toBe(false);
    expect(await readRows(connection, 'items')).toEqual([]);
  });

  test('a key of another table that is not there: all others are written', async () => {
    const { connection, sql } = await openDatabase(server);
    await sql(`create table owners (id int primary key); insert into owners select generate_series(1, 100);
      create table items (id int primary key references owners, name text);
      create function refuse() returns trigger language plpgsql as $$ begin
        if new.id = 7 then raise exception 'seven is not welcome'; end if; return new; end $$;
      create trigger refuses before insert on items for each row execute function refuse()`);
    for (const mode of ['append', 'upsert'] as const) {
      const rejected: { position: number; reason: string }[] = [];
      const given = rows(100).map((row) =>
        row.id === 50 || row.id === 99 ? { ...row, id: Number(row.id) + 1000 } : row,
      );
      await connection.write(
        'items',
        streamOfRows(columns, given),
        writeOptions({ commit, mode, key: ['id'], onReject: async (one) => void rejected.push(one) }),
      );
      expect(rejected.map(({ position }) => position)).toEqual([7, 50, 99]);
      expect(rejected.map(({ reason }) => reason).join('\n')).toMatch(/not welcome[\s\S]*owners[\s\S]*owners/);
      expect(await readRows(connection, 'items')).toHaveLength(97);
      await sql('delete from items');
    }
    const error = await failureOf(connection.write('items', stream(10), writeOptions({ commit })));
    expect(error).toMatchObject({ code: 'ROW_REFUSED', message: expect.stringMatching(/record 7: seven/) });
  });

  test('a session that the server ends', async () => {
    const { connection, sql } = await openDatabase(server);
    await sql('create table items (id int, name text)');
    const end = `select pg_terminate_backend(pid) from pg_stat_activity where state like 'idle in%'`;
    const beforeCommit = async () => void (await sql(end));
    const ended = connection.write('items', stream(), writeOptions({ commit, beforeCommit }));
    expect(await failureOf(ended)).toMatchObject({
      code: 'CONNECTION_LOST',
      message: expect.stringContaining('administrator'),
    });
    expect(await sql('select * from items')).toEqual([]);
  });

  test('a transaction in which nothing happens', async () => {
    const { connection, sql, sessions } = await openDatabase(server, { idle_transaction_timeout: '100ms' });
    await sql('create table items (id int, name text)');
    const beforeCommit = async () => {
      while ((await sessions()) > 0);
    };
    const idle = connection.write('items', stream(), writeOptions({ commit, beforeCommit }));
    expect(await failureOf(idle)).toMatchObject({
      code: 'TIMED_OUT',
      message: expect.stringMatching(/\/shop\/items.*idle_transaction_timeout/),
    });
    expect(await sql('select * from items')).toEqual([]);
  });

  test('an abort leaves no session', async () => {
    const { connection, sql, sessions } = await openDatabase(server);
    await sql('create table items (id int, name text)');
    const controller = new AbortController();
    const source: RowStream = {
      kind: 'rows',
      columns,
      batches: (async function* (): AsyncGenerator<Batch> {
        yield { rows: rows(10) };
        controller.abort(failure('INTERRUPTED'));
        yield { rows: rows(10) };
      })(),
    };
    const work = connection.write('items', source, writeOptions({ commit, signal: controller.signal }));
    expect(await failureOf(work)).toMatchObject({ code: 'INTERRUPTED' });
    await connection.close();
    expect(await sessions()).toBe(0);
    expect(await sql('select * from items')).toEqual([]);
  });
});

test('a commit as time goes by, while the source has nothing to give', async () => {
  const { connection, sql } = await openDatabase(server);
  await sql('create table items (id int, name text)');
  const seen: unknown[] = [];
  const source: RowStream = {
    kind: 'rows',
    columns,
    batches: (async function* (): AsyncGenerator<Batch> {
      yield { rows: rows(2) };
      while ((await sql('select * from items')).length === 0) await new Promise((resolve) => setImmediate(resolve));
      seen.push(...(await sql('select count(*)::int as n from items')));
      yield { rows: rows(1) };
    })(),
  };
  await connection.write('items', source, writeOptions({ commit: 'batch' }));
  expect(seen).toEqual([{ n: 2 }]);
  expect(await readRows(connection, 'items')).toHaveLength(3);
});

test('two writers of one run that wait for each other', async () => {
  const { connection, sql } = await openDatabase(server);
  await sql('create table items (id int primary key, name text)');
  let arrive = () => {};
  const arrived = new Promise<void>((resolve) => {
    arrive = resolve;
  });
  const { signal } = new AbortController();
  const first = connection.write(
    'items',
    stream(),
    writeOptions({ signal, beforeCommit: () => new Promise<void>(() => arrive()) }),
  );
  const failed = failureOf(first);
  await arrived;
  const second = connection.write('items', stream(), writeOptions({ signal }));
  expect(await failed).toMatchObject({ code: 'WRITERS_BLOCKED', message: expect.stringContaining('/shop/items') });
  await second;

  // Writers of other runs wait as long as it takes.
  const order: string[] = [];
  let open = () => {};
  const held = new Promise<void>((resolve) => {
    open = resolve;
  });
  let here = () => {};
  const ready = new Promise<void>((resolve) => {
    here = resolve;
  });
  const other = connection.write(
    'items',
    streamOfRows(columns, [{ id: 9, name: 'x' }]),
    writeOptions({ signal, beforeCommit: () => Promise.resolve(here()).then(() => held) }),
  );
  await ready;
  const waits = connection.write(
    'items',
    streamOfRows(columns, [{ id: 9, name: 'y' }]),
    writeOptions({ signal: never }),
  );
  const refused = failureOf(waits).then((error) => order.push(error.code));
  while ((await sql('select 1 from pg_locks where not granted')).length === 0);
  order.push('waits');
  open();
  await other;
  await refused;
  expect(order).toEqual(['waits', 'ROW_REFUSED']);
});
