// What can go wrong with a file of SQLite, and what its locks mean for those who read and write it at once.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import Database from 'libsql';
import { describe, expect, onTestFinished, test } from 'vitest';
import { databaseFailure } from '../../connectors/sqlite/errors.ts';
import type { Column, Row, RowStream, Value } from '../../engine/contracts/data.ts';
import { failure } from '../../engine/errors.ts';
import { queryRows, readRows, streamOfRows } from '../conformance/database.ts';
import { never, writeOptions } from '../conformance/files.ts';
import { collect, failureOf, rowsOf } from '../conformance/streams.ts';
import { createDatabase } from '../servers/sqlite.ts';

const columns: Column[] = [
  { name: 'id', type: 'integer', key: true, nullable: false },
  { name: 'name', type: 'text' },
];
const rowsFrom = (first: number, count: number): Row[] =>
  Array.from({ length: count }, (_, i) => ({ id: first + i, name: `row ${first + i}` }));

async function open(options: { wal?: boolean } = {}) {
  const database = await createDatabase(options);
  onTestFinished(() => database.close());
  const { connection } = database;
  return {
    ...database,
    read: (path = 'items') => readRows(connection, path),
    write: (rows: Row[], more = {}, path = 'items', given = columns) =>
      connection.write(path, streamOfRows(given, rows), writeOptions(more)),
  };
}

describe('the file', () => {
  test('is not made by a read, and is by a write', async () => {
    const { path, connect } = await open();
    const file = join(dirname(path), 'new # 100% ?x.db');
    const connection = connect({ file });
    const error = await failureOf(readRows(connection, 'items'));
    expect(error).toMatchObject({ code: 'NOT_FOUND', message: expect.stringContaining(file) });
    await failureOf(queryRows(connection, 'select 1 as x'));
    await failureOf(collect(connection.list('', { signal: never })));
    expect(await connection.checkpoint('items', 'x', { signal: never })).toBeUndefined();
    expect(await connection.verify({ signal: never })).toEqual({ ok: true });
    expect(existsSync(file)).toBe(false);
    await connection.write('items', streamOfRows(columns, rowsFrom(1, 2)), writeOptions());
    expect(existsSync(file)).toBe(true);
    expect(await readRows(connection, 'items')).toEqual(rowsFrom(1, 2));
  });

  test('is made with its folders', async () => {
    const { path, connect } = await open();
    const connection = connect({ file: join(dirname(path), 'a/b/new.db') });
    await connection.write('items', streamOfRows(columns, rowsFrom(1, 1)), writeOptions());
    expect(await readRows(connection, 'items')).toEqual(rowsFrom(1, 1));
  });

  test('a write that fails leaves none behind', async () => {
    const { path, connect } = await open();
    const file = join(dirname(path), 'new.db');
    for (const more of [{}, { commit: 'batch' as const }]) {
      const broken = streamOfRows(columns, [{ id: 1, name: '\ud800' }]);
      expect(await failureOf(connect({ file }).write('items', broken, writeOptions(more)))).toMatchObject({
        code: 'VALUE_LOSSY',
      });
      expect(existsSync(file)).toBe(false);
    }
  });

  test('`create: false` and `read_only: true`', async () => {
    const { path, connect } = await open();
    const file = join(dirname(path), 'new.db');
    const write = (config: object) =>
      connect(config).write('items', streamOfRows(columns, rowsFrom(1, 1)), writeOptions());
    expect(await failureOf(write({ file, create: false }))).toMatchObject({ code: 'NOT_FOUND' });
    expect(await failureOf(write({ read_only: true }))).toMatchObject({ code: 'PERMISSION_DENIED' });
    expect(await connect({ file, create: false }).verify({ signal: never })).toMatchObject({
      ok: false,
      code: 'NOT_FOUND',
    });
    await write({});
    expect(await readRows(connect({ read_only: true }), 'items')).toEqual(rowsFrom(1, 1));
    expect(existsSync(file)).toBe(false);
  });

  test('that is no database, is damaged, is a folder, is under a file, or is in memory', async () => {
    const { path, connect, write } = await open();
    const inFolder = (name: string) => join(dirname(path), name);
    const readOf = (file: string) => failureOf(readRows(connect({ file }), 'items'));
    writeFileSync(inFolder('text.db'), 'This is not a database. '.repeat(500));
    expect(await readOf(inFolder('text.db'))).toMatchObject({
      code: 'DATABASE_FAILED',
      message: expect.stringMatching(/text\.db.*no SQLite database/),
    });
    await write(rowsFrom(1, 5000));
    const bytes = readFileSync(path);
    bytes.fill(0xff, 8192, 40_000);
    writeFileSync(inFolder('damaged.db'), bytes);
    expect(await readOf(inFolder('damaged.db'))).toMatchObject({
      code: 'DATABASE_FAILED',
      message: expect.stringContaining('damaged'),
    });
    mkdirSync(inFolder('folder.db'));
    expect(await readOf(inFolder('folder.db'))).toMatchObject({ code: 'FILE_IS_FOLDER' });
    const under = connect({ file: inFolder('text.db/x.db') });
    const error = await failureOf(under.write('items', streamOfRows(columns, []), writeOptions()));
    expect(error).toMatchObject({ code: 'NOT_FOUND', message: expect.stringContaining('text.db') });
    expect(await failureOf(readRows(connect({ file: ':memory:' }), 'items'))).toMatchObject({ code: 'NOT_FOUND' });
    const inMemory = connect({ file: ':memory:' }).write('items', streamOfRows(columns, []), writeOptions());
    expect(await failureOf(inMemory)).toMatchObject({ code: 'OPTION_UNSUPPORTED' });
    expect(existsSync(':memory:')).toBe(false);
  });

  test.each(['delete', 'wal'])('keeps its journal mode: %s', async (mode) => {
    const { write, sql } = await open({ wal: mode === 'wal' });
    await write(rowsFrom(1, 3));
    expect(await sql('pragma journal_mode')).toEqual([{ journal_mode: mode }]);
  });

  test('is on a disk that is full', async () => {
    const { path, sql } = await open();
    await sql('create table items (id integer primary key, name text)');
    const full = new Database(path);
    full.exec('pragma max_page_count = 5');
    let error: unknown;
    try {
      full.exec('insert into items values (1, zeroblob(100000))');
    } catch (thrown) {
      error = thrown;
    }
    full.close();
    const place = { shown: '/shop/items', connection: 'shop', file: path };
    expect(databaseFailure(error, place)).toMatchObject({ code: 'DISK_FULL', message: expect.stringContaining(path) });
  });
});

describe('locks', () => {
  const holdLock = (path: string) => {
    const other = new Database(path);
    other.exec('begin immediate');
    return { release: () => other.exec('rollback'), close: () => other.close() };
  };

  test('a write waits for another writer, and no longer than `lock_timeout`', async () => {
    const { path, connect, read } = await open();
    const lock = holdLock(path);
    const started = performance.now();
    const error = await failureOf(
      connect({ lock_timeout: '300ms' }).write('items', streamOfRows(columns, rowsFrom(1, 1)), writeOptions()),
    );
    expect(error).toMatchObject({
      code: 'DATABASE_BUSY',
      retry: true,
      message: expect.stringContaining('lock_timeout'),
    });
    expect(performance.now() - started).toBeGreaterThan(290);
    const waiting = connect().write('items', streamOfRows(columns, rowsFrom(1, 1)), writeOptions());
    setTimeout(() => lock.release(), 50);
    await waiting;
    lock.close();
    expect(await read()).toEqual(rowsFrom(1, 1));
  });

  test('an abort ends the wait', async () => {
    const { path, connect } = await open();
    const lock = holdLock(path);
    const stop = new AbortController();
    setTimeout(() => stop.abort(failure('INTERRUPTED')), 50);
    const work = connect({ lock_timeout: '1h' }).write(
      'items',
      streamOfRows(columns, rowsFrom(1, 1)),
      writeOptions({ signal: stop.signal }),
    );
    expect(await failureOf(work)).toMatchObject({ code: 'INTERRUPTED' });
    lock.close();
  });

  test.each([true, false])(
    'a read that is left or aborted half-way leaves no lock (write-ahead log: %s)',
    async (wal) => {
      const { connection, write, sql, read } = await open({ wal });
      await write(rowsFrom(1, 30_000));
      for await (const _ of ((await connection.read('items', { signal: never })) as RowStream).batches) break;
      await sql('delete from items where id = 1');
      const stop = new AbortController();
      const stream = (await connection.read('items', { signal: stop.signal })) as RowStream;
      const work = (async () => {
        for await (const _ of stream.batches) stop.abort(failure('INTERRUPTED'));
      })();
      expect(await failureOf(work)).toMatchObject({ code: 'INTERRUPTED' });
      await sql('delete from items where id = 2');
      expect(await read()).toHaveLength(29_998);
    },
  );

  test('a write that is aborted leaves no lock and no rows', async () => {
    const { connection, sql, read } = await open();
    await sql('create table items (id integer primary key, name text)');
    const stop = new AbortController();
    const endless: RowStream = {
      kind: 'rows',
      columns,
      batches: (async function* () {
        for (let i = 1; ; i++) {
          yield { rows: [{ id: i, name: 'x' }] };
          if (i === 100) stop.abort(failure('INTERRUPTED'));
        }
      })(),
    };
    const work = connection.write('items', endless, writeOptions({ signal: stop.signal }));
    expect(await failureOf(work)).toMatchObject({ code: 'INTERRUPTED' });
    await sql(`insert into items values (1, 'a')`);
    expect(await read()).toEqual([{ id: 1, name: 'a' }]);
  });

  test.each([true, false])('a table is copied into another one of the same file (write-ahead log: %s)', async (wal) => {
    const { connection, connect, write, read } = await open({ wal });
    const rows = rowsFrom(1, 30_000).map((row) => ({ ...row, name: `${row.name}`.padEnd(200, '.') }));
    await write(rows);
    const source = (await connection.read('items', { signal: never })) as RowStream;
    await connect().write('copy', source, writeOptions());
    expect(await read('copy')).toEqual(rows);
  });

  test('others have their turn between batches', async () => {
    const { connection, write } = await open();
    await write(rowsFrom(1, 50_000));
    let turns = 0;
    const count = () => {
      turns++;
      timer = setImmediate(count);
    };
    let timer = setImmediate(count);
    await rowsOf((await connection.read('items', { signal: never })) as RowStream);
    clearImmediate(timer);
    expect(turns).toBeGreaterThan(4);
  });
});

describe('two writes of one stage into one file', () => {
  /** Resolves once both are here. */
  const together = () => {
    let here = 0;
    let open: () => void;
    const all = new Promise<void>((resolve) => {
      open = resolve;
    });
    return () => {
      if (++here === 2) open();
      return all;
    };
  };

  test('are committed together', async () => {
    const { connect, read, path } = await open();
    const beforeCommit = together();
    const seen: unknown[] = [];
    const { signal } = new AbortController();
    await Promise.all(
      ['one', 'two'].map((table) =>
        connect().write(
          table,
          streamOfRows(columns, rowsFrom(1, 3), rowsFrom(4, 3)),
          writeOptions({
            signal,
            beforeCommit: async () => {
              await beforeCommit();
              seen.push(
                existsSync(path) && (await queryRows(connect(), 'select count(*) as n from sqlite_schema'))[0]!.n,
              );
            },
          }),
        ),
      ),
    );
    expect(seen).toEqual([0, 0]);
    expect(await read('one')).toEqual(rowsFrom(1, 6));
    expect(await read('two')).toEqual(rowsFrom(1, 6));
  });

  test('fail together', async () => {
    const { connect, connection } = await open();
    const beforeCommit = together();
    const { signal } = new AbortController();
    const broken = streamOfRows(columns, rowsFrom(1, 3), [{ id: 1, name: 'again' }]);
    const results = await Promise.allSettled([
      connect().write('one', streamOfRows(columns, rowsFrom(1, 3)), writeOptions({ signal, beforeCommit })),
      connect().write('two', broken, writeOptions({ signal, beforeCommit })).finally(beforeCommit),
    ]);
    expect(results.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    for (const result of results) expect(result).toMatchObject({ reason: { code: 'ROW_REFUSED' } });
    expect(await collect(connection.list('', { signal: never, recursive: true }))).toEqual([]);
  });

  test('one of them with `commit: batch`: a clear error, and no wait without end', async () => {
    const { connect } = await open();
    const { signal } = new AbortController();
    let wake: () => void;
    const other = new Promise<void>((resolve) => {
      wake = resolve;
    });
    const first = connect().write(
      'one',
      streamOfRows(columns, rowsFrom(1, 3)),
      writeOptions({ signal, beforeCommit: () => other }),
    );
    const second = connect({ lock_timeout: '200ms' }).write(
      'two',
      streamOfRows(columns, rowsFrom(1, 3)),
      writeOptions({ signal, commit: 'batch' }),
    );
    expect(await failureOf(second)).toMatchObject({
      code: 'DATABASE_BUSY',
      message: expect.stringContaining('locked'),
    });
    wake!();
    await first;
  });
});

describe('a query', () => {
  test.each<[string, Value[]]>([
    ['select 1; select 2', []],
    ['select 1; -- and\n drop table items', []],
    ['select 1) as x; drop table items; select (1', []],
    ['select ?', []],
    ['select ? + ?2', [1]],
    ['select $1', [1, 2]],
    ['select :name', [1]],
    ['select 1', [1]],
    ['drop table items', []],
    ['insert into items values (1) returning id', []],
    ['pragma query_only = off', []],
    ['attach database "x.db" as x', []],
    ['select nothing', []],
    ['', []],
    ['select 1\0', []],
  ])('%j with %j is refused', async (text, parameters) => {
    const { connection, sql } = await open();
    await sql('create table items (id int)');
    expect(await failureOf(queryRows(connection, text, parameters))).toMatchObject({ code: 'SQL_REFUSED' });
    expect(await sql('select name from sqlite_schema')).toEqual([{ name: 'items' }]);
  });

  test('takes parameters of each kind, and keeps its order', async () => {
    const { connection, write } = await open();
    await write(rowsFrom(1, 100));
    const text = `select $2 as b, '$1 ?' as "? $1", [id] as i, ?1 as a, ?3 as c, ?4 as d, ?5 as e /* ? */, ?6 as f -- ?
      from items order by id desc limit 2;;`;
    const values = [`it's ü\0`, 9007199254740993n, -1.5, true, null, Buffer.from([0, 255])];
    const row = { a: values[0], b: values[1], c: -1.5, d: 1, e: null, f: values[5], '? $1': '$1 ?' };
    expect(await queryRows(connection, text, values)).toEqual([
      { ...row, i: 100 },
      { ...row, i: 99 },
    ]);
    const all = await queryRows(connection, 'select id from items order by name desc');
    expect(all).toEqual(
      rowsFrom(1, 100)
        .map(({ id, name }) => [id, name])
        .sort((a, b) => (a[1]! < b[1]! ? 1 : -1))
        .map(([id]) => ({ id })),
    );
  });

  test('two columns of one name', async () => {
    const { connection } = await open();
    expect(await failureOf(queryRows(connection, 'select 1 as a, 2 as a'))).toMatchObject({ code: 'COLUMN_TWICE' });
  });
});

describe('a table', () => {
  test('whose rules would drop rows without a word does not', async () => {
    const { sql, write, read } = await open();
    await sql(`create table items (id integer primary key on conflict replace, name text unique on conflict ignore)`);
    await sql(`insert into items values (1, 'a')`);
    for (const row of [
      { id: 1, name: 'b' },
      { id: 2, name: 'a' },
    ]) {
      expect(await failureOf(write([row]))).toMatchObject({
        code: 'ROW_REFUSED',
        message: expect.stringContaining('record 1'),
      });
    }
    expect(await read()).toEqual([{ id: 1, name: 'a' }]);
  });

  test('whose trigger ends the transaction: nothing is written, also with `on_reject`', async () => {
    const { sql, write, read } = await open();
    await sql(`create table items (id integer primary key, name text);
      create trigger no_b before insert on items when new.name = 'b' begin select raise(rollback, 'no b here'); end`);
    const rejected: number[] = [];
    const onReject = async ({ position }: { position: number }) => void rejected.push(position);
    for (const more of [{}, { onReject }]) {
      const error = await failureOf(
        write(
          [
            { id: 1, name: 'a' },
            { id: 2, name: 'b' },
            { id: 3, name: 'c' },
          ],
          more,
        ),
      );
      expect(error.message).toContain('no b here');
      expect(await read()).toEqual([]);
    }
    expect(rejected).toEqual([]);
  });

  test('that others refer to is replaced, if what they refer to is there again', async () => {
    const { sql, write, read } = await open();
    await sql(`create table items (id integer primary key, name text); create table parts (item int references items);
      insert into items values (1, 'a'), (2, 'b'); insert into parts values (2)`);
    await write([{ id: 2, name: 'new' }], { mode: 'replace' });
    expect(await read()).toEqual([{ id: 2, name: 'new' }]);
    const error = await failureOf(write([{ id: 3, name: 'c' }], { mode: 'replace' }));
    expect(error).toMatchObject({ code: 'ROW_REFUSED', message: expect.stringContaining('FOREIGN KEY') });
    expect(await read()).toEqual([{ id: 2, name: 'new' }]);
  });

  test('whose key is the number of the row gets none that nobody gave', async () => {
    const { sql, write, read } = await open();
    await sql('create table items (id integer primary key, name text)');
    expect(await failureOf(write([{ id: null, name: 'a' }]))).toMatchObject({ code: 'VALUE_INVALID' });
    expect(await read()).toEqual([]);
  });

  test('that is a view, or has a computed column', async () => {
    const { sql, write, connection } = await open();
    await sql(
      `create table base (id int, name text, twice int as (id * 2)); create view items as select id, name from base`,
    );
    expect(await failureOf(write(rowsFrom(1, 1)))).toMatchObject({ code: 'OPTION_UNSUPPORTED' });
    await write(rowsFrom(1, 1), {}, 'base');
    expect(await readRows(connection, 'BASE')).toEqual([{ id: 1, name: 'row 1', twice: 2 }]);
    const computed: Column[] = [{ name: 'twice', type: 'integer' }];
    expect(await failureOf(write([{ twice: 1 }], {}, 'base', computed))).toMatchObject({ code: 'OPTION_UNSUPPORTED' });
  });

  test('that is STRICT, or WITHOUT ROWID', async () => {
    const { sql, write, connection } = await open();
    await sql(`create table items (id integer primary key, name text) strict;
      create table keyed (name text primary key, id int) without rowid`);
    await write(rowsFrom(1, 2));
    await write(rowsFrom(1, 2), {}, 'keyed');
    expect(await readRows(connection, 'keyed')).toEqual(rowsFrom(1, 2).map(({ id, name }) => ({ name, id })));
    expect(await connection.describe('keyed', { signal: never })).toMatchObject({ kind: 'table' });
    expect(await connection.describe('items', { signal: never })).toMatchObject({ rowEstimate: 2 });
  });

  test('that nothing is known of: no columns, no rows', async () => {
    const { connection, write, read } = await open();
    await write(rowsFrom(1, 1));
    for (const more of [{}, { commit: 'batch' as const }]) {
      const nothing: RowStream = {
        kind: 'rows',
        batches: (async function* () {
          yield { rows: [] };
        })(),
      };
      expect(await connection.write('items', nothing, writeOptions(more))).toMatchObject({ rows: 0 });
    }
    expect(await read()).toEqual(rowsFrom(1, 1));
  });

  test('whose columns differ in case', async () => {
    const { sql, write, read } = await open();
    await sql('create table items (ID integer primary key, Name text)');
    await write(rowsFrom(1, 1), { schema: 'evolve' });
    expect(await read('Items')).toEqual([{ ID: 1, Name: 'row 1' }]);
  });

  test('is in no other schema than main', async () => {
    const { connection } = await open();
    for (const path of ['other/items', 'temp/items']) {
      expect(await failureOf(readRows(connection, path))).toMatchObject({
        code: 'NOT_FOUND',
        message: expect.stringContaining('main'),
      });
    }
  });
});
