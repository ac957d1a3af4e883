// Reading Postgres in order and in parts: sessions, snapshots, keys and types that only Postgres has.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Row, RowStream, Value } from '../../engine/contracts/data.ts';
import { readRows } from '../conformance/database.ts';
import { never } from '../conformance/files.ts';
import { collect, failureOf } from '../conformance/streams.ts';
import { startPostgres, type TestPostgres } from '../servers/postgres.ts';
import { openDatabase } from '../servers/postgres-database.ts';

let server: TestPostgres;
beforeAll(async () => {
  server = await startPostgres();
});
afterAll(() => server.stop());

const ids = (rows: readonly Row[]) => rows.map(({ id }) => Number(id)).sort((a, b) => a - b);
const upTo = (count: number) => Array.from({ length: count }, (_, i) => i + 1);
const filled = (rows: number) =>
  `create table items as select i as id, repeat('x', 200) as name from generate_series(1, ${rows}) i`;

describe('in parts', () => {
  test.each([
    [8, 4],
    [3, 1],
    [1, 1],
  ])('with a pool of %i sessions, %i read', async (pool_size, most) => {
    const { connection, sql, sessions } = await openDatabase(server, { pool_size });
    await sql(filled(40_000));
    const stream = (await connection.read('items', { signal: never, partition: { into: 16 } })) as RowStream;
    const rows: Row[] = [];
    let [seen, count] = [0, 0];
    for await (const batch of stream.batches) {
      rows.push(...batch.rows);
      if (count++ % 20 === 10) seen = Math.max(seen, await sessions());
    }
    expect(ids(rows)).toEqual(upTo(40_000));
    expect(seen).toBe(most);
  });

  test('several sessions see one snapshot, of a table that changes under them', async () => {
    const { connection, sql, sessions } = await openDatabase(server);
    await sql(`${filled(40_000)}; alter table items add column version int default 1`);
    const { batches } = (await connection.read('items', { signal: never, partition: { into: 64 } })) as RowStream;
    const rows: Row[] = [];
    let [seen, count] = [0, 0];
    for await (const batch of batches) {
      rows.push(...batch.rows);
      if (count++ % 20 > 0) continue;
      seen = Math.max(seen, await sessions());
      // Each moves rows to other places, and takes some away.
      await sql(
        `update items set version = version + 1 where id % 3 = 0; delete from items where id % 100 = ${count % 100}`,
      );
    }
    expect(ids(rows)).toEqual(upTo(40_000));
    expect(new Set(rows.map(({ version }) => version))).toEqual(new Set([1]));
    expect(seen).toBeGreaterThan(1);
  });

  test('auto: only a table that is large enough', async () => {
    const { connection, sql, sessions } = await openDatabase(server);
    await sql(`create unlogged table items (id int, name text); alter table items alter name set storage plain;
      insert into items select i, repeat('x', 7000) from generate_series(1, 17000) i; ${filled(2000).replace('items', 'small')}`);
    const read = async (path: string, parts: number) => {
      const stream = (await connection.read(path, { signal: never, partition: { into: 'auto' } })) as RowStream;
      const rows: Row[] = [];
      for await (const batch of stream.batches) {
        // The first rows may come before the other session has logged in.
        if (rows.length === 0) await expect.poll(sessions).toBe(parts);
        rows.push(...batch.rows.map(({ id }) => ({ id: id! })));
      }
      return { rows: ids(rows).length, sessions: await sessions() };
    };
    expect(await read('small', 1)).toEqual({ rows: 2000, sessions: 1 });
    expect(await read('items', 2)).toEqual({ rows: 17_000, sessions: 2 });
  });

  test('a part that fails ends the others, and leaves no session in the middle of anything', async () => {
    const { connection, sql, sessions } = await openDatabase(server);
    await sql(`${filled(20_000)}; create view shown as select id, 1 / (id - 15000) as broken from items`);
    const work = readRows(connection, 'shown', { partition: { by: 'id', into: 8 } });
    expect(await failureOf(work)).toMatchObject({ message: expect.stringContaining('division by zero') });
    expect(ids(await readRows(connection, 'items', { partition: { into: 4 } }))).toHaveLength(20_000);
    await connection.close();
    await expect.poll(sessions).toBe(0);
  });

  test('a table of partitions by its key, and a view by a column of ranges only', async () => {
    const { connection, sql } = await openDatabase(server);
    await sql(`create table items (id bigint primary key, name text) partition by range (id);
      create table low partition of items for values from (0) to (500); create table high partition of items default;
      insert into items select i, 'x' from generate_series(1, 1000) i; create view shown as select * from items`);
    expect(ids(await readRows(connection, 'items', { partition: { into: 3 } }))).toEqual(upTo(1000));
    expect(ids(await readRows(connection, 'shown', { partition: { by: 'id', into: 3 } }))).toEqual(upTo(1000));
    for (const partition of [{ into: 3 }, { by: 'name', into: 3 }]) {
      expect(await failureOf(readRows(connection, 'shown', { partition }))).toMatchObject({
        code: 'OPTION_UNSUPPORTED',
      });
    }
    expect(ids(await readRows(connection, 'shown', { partition: { into: 'auto' } }))).toEqual(upTo(1000));
    expect(ids(await readRows(connection, 'items', { checkpoints: true, after: { id: 990 } }))).toHaveLength(10);
  });

  test('times without an end', async () => {
    const { connection, sql } = await openDatabase(server);
    await sql(`create table items (id int, at timestamptz, d date); insert into items values (1, 'infinity', '-infinity'),
      (2, '-infinity', 'infinity'), (3, '0044-03-15 BC', '0044-03-15 BC'), (4, '294276-12-31', '5874897-12-31'), (5, now(), now())`);
    for (const by of ['at', 'd']) {
      expect(ids(await readRows(connection, 'items', { partition: { by, into: 5 } }))).toEqual(upTo(5));
    }
  });
});

describe('in order', () => {
  test.each([
    [
      'an enum, in its own order',
      `create type size as enum ('small', 'large', 'huge')`,
      'size',
      ['small', 'large', 'huge'],
    ],
    ['bytes', '', 'bytea', ['\\x00', '\\x00ff', '\\x2c27']],
    ['a boolean', '', 'boolean', ['false', 'true']],
    ['an address', '', 'inet', ['10.0.0.1/8', '10.0.0.1', '192.168.0.1']],
    ['characters with blanks behind', '', 'char(3)', ['a', 'ab', 'b']],
    ['a date long ago', '', 'date', ['0044-03-15 BC', '0001-01-01', '5874897-12-31', 'infinity']],
    ['an instant long ago', '', 'timestamptz', ['0044-03-15 00:00:00+00 BC', '10000-01-01 00:00:00+00']],
    ['digits and NaN', '', 'numeric', ['-1e-500', '0', '1e100', 'Infinity', 'NaN']],
    ['a double and NaN', '', 'double precision', ['-Infinity', '-0', '1e-300', 'NaN']],
    ['bits', '', 'bit(3)', ['001', '011', '100']],
    ['an interval', '', 'interval', ['1 second', '1 day', '1 month']],
  ])('by a key of %s', async (_, before, type, values) => {
    const { connection, sql } = await openDatabase(server);
    if (before !== '') await sql(before);
    await sql(`create table items (id serial, v ${type} primary key)`);
    for (const value of values) await sql(`insert into items (v) values ('${value}')`);
    const stream = (await connection.read('items', { signal: never, checkpoints: true })) as RowStream;
    const [batch] = await collect(stream.batches);
    expect(batch!.rows.map(({ id }) => id)).toEqual(upTo(values.length));
    for (let i = 0; i < values.length; i++) {
      // Each row's own checkpoint, as a read that ends there gives it.
      const until = await collect(
        ((await connection.read('items', { signal: never, checkpoints: true, where: `id <= ${i + 1}` })) as RowStream)
          .batches,
      );
      const after = JSON.parse(JSON.stringify(until.at(-1)!.checkpoint)) as Value;
      expect(ids(await readRows(connection, 'items', { checkpoints: true, after }))).toEqual(
        upTo(values.length).slice(i + 1),
      );
    }
  });

  test('a table with children has no key over all of them; a deferred or a partial key is none', async () => {
    const { connection, sql } = await openDatabase(server);
    await sql(`create table parent (id int primary key); create table child () inherits (parent);
      create table part (id int not null); create unique index on part (id) where id > 5;
      create table expression (id int not null); create unique index on expression ((id + 1))`);
    for (const [path, reason] of [
      ['parent', 'child'],
      ['part', 'key'],
      ['expression', 'key'],
    ] as const) {
      const refused = await failureOf(readRows(connection, path, { checkpoints: true }));
      expect(refused).toMatchObject({ code: 'NOT_RESUMABLE', message: expect.stringContaining(reason) });
    }
  });

  test('an odd name, a condition with a comment, and a value that looks like SQL', async () => {
    const { connection, sql } = await openDatabase(server);
    await sql(
      `create table items ("it's ""id""" text primary key, n int); insert into items values ('a', 1), ($$b'; drop table items; --$$, 2), ('c', 3)`,
    );
    const name = `it's "id"`;
    const options = { cursor: { columns: [name] }, where: 'n < $1 -- all', parameters: [10] };
    const [all] = await collect(((await connection.read('items', { signal: never, ...options })) as RowStream).batches);
    expect(all!.checkpoint).toEqual({ [name]: 'c' });
    const after = { [name]: `b'; drop table items; --` };
    expect(await readRows(connection, 'items', { ...options, cursor: { columns: [name], after } })).toEqual([
      { [name]: 'c', n: 3 },
    ]);
  });

  test('lookback of numbers, days and instants', async () => {
    const { connection, sql } = await openDatabase(server);
    await sql(`create table items as select i as id, i::numeric(5,1) as amount, i::float8 as ratio, date '2026-01-01' + i as d,
        timestamptz '2026-01-01' + i * interval '1 hour' as at, i::int2 as small from generate_series(1, 20) i;
      alter table items alter amount set not null, alter ratio set not null, alter d set not null, alter at set not null, alter small set not null`);
    const day = 86_400_000;
    for (const [column, after, lookback, first] of [
      ['amount', '18.0', 2.5, 16],
      ['ratio', 18, 2, 16],
      ['d', '2026-01-19', 2 * day, 16],
      ['at', '2026-01-01T18:00:00Z', 2 * 3_600_000, 16],
      ['small', 18, 100_000, 1],
    ] as const) {
      const cursor = { columns: [column], after: { [column]: after }, lookback };
      expect(ids(await readRows(connection, 'items', { cursor }))).toEqual(upTo(20).slice(first - 1));
    }
  });
});
