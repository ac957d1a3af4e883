// What every database must do. A connector's test calls `describeDatabase` and adds only what is its own.
import { describe, expect, onTestFinished, test } from 'vitest';
import type { AnyConnection, AnyConnector, Capability, WriteOptions } from '../../engine/contracts/connector.ts';
import type { Column, Row, RowStream, Value } from '../../engine/contracts/data.ts';
import { failure } from '../../engine/errors.ts';
import { never, writeOptions } from './files.ts';
import { collect, failureOf, rowsOf } from './streams.ts';

export interface OpenDatabase {
  connection: AnyConnection;
  /** Runs SQL without the connector. */
  sql(text: string): Promise<Record<string, unknown>[]>;
  /** Sessions of the connector that the server has, idle ones too. */
  sessions?(): Promise<number>;
  close(): Promise<void>;
}

export interface DatabaseSuite {
  connector: AnyConnector;
  /** An empty database; a table named without a schema is in `schema`. */
  open(): Promise<OpenDatabase>;
  schema: string;
  /** The first placeholder of a statement. */
  placeholder: string;
}

const allCapabilities: Capability[] = [
  'list',
  'read',
  'write',
  'query',
  'request',
  'send',
  'describe',
  'remove',
  'removeFiles',
  'makeFolder',
  'checkpoint',
];

const oddNames = [
  'with space',
  'Upper',
  'ünï-日本',
  `quotes'"\`x`,
  'dollar$1',
  'percent%s',
  '__proto__',
  'select',
  'a.b',
  'back\\slash',
];

const oddTexts = [
  '',
  ' ',
  '\\N',
  '\\.',
  'NULL',
  'tab\there',
  'line\nfeed',
  'carriage\r\nreturn',
  'quote"\'',
  'back\\slash\\',
  '🎉 ünï 日本',
  'x'.repeat(100_000),
  ',;|{}',
];

export function streamOfRows(columns: readonly Column[] | undefined, ...batches: Row[][]): RowStream {
  return {
    kind: 'rows',
    ...(columns === undefined ? {} : { columns }),
    batches: (async function* () {
      for (const rows of batches) yield { rows };
    })(),
  };
}

export async function readRows(connection: AnyConnection, path: string, more: object = {}): Promise<Row[]> {
  return rowsOf((await connection.read!(path, { signal: never, ...more })) as RowStream);
}

export async function queryRows(connection: AnyConnection, text: string, parameters: Value[] = []): Promise<Row[]> {
  return rowsOf(await connection.query!(text, parameters, { signal: never, readOnly: true }));
}

const idAndName: Column[] = [
  { name: 'id', type: 'integer', key: true, nullable: false },
  { name: 'name', type: 'text' },
];

const byId = (rows: Row[]) => rows.toSorted((a, b) => Number(a.id) - Number(b.id));

export function describeDatabase(name: string, suite: DatabaseSuite): void {
  const { connector, schema, placeholder } = suite;
  const open = async () => {
    const database = await suite.open();
    onTestFinished(async () => {
      await database.connection.close();
      await database.close();
    });
    const { connection } = database;
    return {
      ...database,
      write: (path: string, stream: RowStream, more: Partial<WriteOptions> = {}) =>
        connection.write!(path, stream, writeOptions(more)),
      read: (path: string, more: object = {}) => readRows(connection, path, more),
    };
  };
  const withRows = async (...rows: Row[]) => {
    const database = await open();
    await database.write('items', streamOfRows(idAndName, rows));
    return database;
  };
  const ab = [
    { id: 1, name: 'a' },
    { id: 2, name: 'b' },
  ];

  describe(`${name} as a database`, () => {
    test('has what it declares, and nothing else', async () => {
      const { connection } = await open();
      const present = allCapabilities.filter((capability) => typeof connection[capability] === 'function');
      expect(present.sort()).toEqual([...connector.capabilities].sort());
      expect(connector.stores).toBe('rows');
    });

    test('can be reached', async () => {
      const { connection } = await open();
      expect(await connection.verify({ signal: never })).toEqual({ ok: true });
    });

    describe('list and describe', () => {
      test('tables and views, and nothing of the system', async () => {
        const { connection, sql } = await withRows(...ab);
        await sql('create view shown as select name from items');
        const all = await collect(connection.list!('', { signal: never, recursive: true }));
        expect(all.map(({ kind, path }) => [kind, path])).toEqual([
          ['table', `${schema}/items`],
          ['view', `${schema}/shown`],
        ]);
        expect(await collect(connection.list!('', { signal: never }))).toEqual([
          { kind: 'folder', name: schema, path: schema },
        ]);
        expect(await collect(connection.list!(schema, { signal: never }))).toEqual(all);
      });

      test('columns and keys', async () => {
        const { connection } = await withRows(...ab);
        for (const path of ['items', `${schema}/items`]) {
          const { kind, columns } = await connection.describe!(path, { signal: never });
          expect(kind).toBe('table');
          expect(columns).toMatchObject([
            { name: 'id', type: 'integer', key: true, nullable: false },
            { name: 'name', type: 'text', nullable: true },
          ]);
        }
      });

      test('what is not there', async () => {
        const { connection } = await open();
        expect(await failureOf(connection.describe!('nothing', { signal: never }))).toMatchObject({
          code: 'NOT_FOUND',
        });
        expect(await failureOf(collect(connection.list!('no_schema', { signal: never })))).toMatchObject({
          code: 'NOT_FOUND',
        });
        const error = await failureOf(connection.read!('nothing', { signal: never }));
        expect(error).toMatchObject({ code: 'NOT_FOUND', message: expect.stringContaining('nothing') });
      });
    });

    describe('read', () => {
      test.each([0, 1, 20_000])('%i rows', async (count) => {
        const rows = Array.from({ length: count }, (_, i) => ({ id: i, name: i % 3 === 0 ? null : `row ${i}` }));
        const { read } = await withRows(...rows);
        expect(byId(await read('items'))).toEqual(rows);
      });

      test('some columns, in the order asked for', async () => {
        const { read } = await withRows(...ab);
        const rows = await read('items', { columns: ['name', 'id'] });
        expect(rows.map((row) => Object.entries(row))).toEqual(
          ab.map(({ id, name: text }) => [
            ['name', text],
            ['id', id],
          ]),
        );
        const error = await failureOf(read('items', { columns: ['nome'] }));
        expect(error).toMatchObject({
          code: 'COLUMN_UNKNOWN',
          data: { column: 'nome' },
          message: expect.stringMatching(/^\/\w+\/.*items/),
        });
      });

      test('where, with parameters that are never SQL', async () => {
        const { read } = await withRows(...ab, { id: 3, name: `it's '; drop table items; --` });
        const where = `name = ${placeholder}`;
        expect(await read('items', { where, parameters: ['b'] })).toEqual([ab[1]]);
        const odd = `it's '; drop table items; --`;
        expect(await read('items', { where, parameters: [odd] })).toEqual([{ id: 3, name: odd }]);
        expect(await read('items', { where: `id > ${placeholder} -- more`, parameters: [2] })).toHaveLength(1);
        expect(await failureOf(read('items', { where: 'id >' }))).toMatchObject({ code: 'SQL_REFUSED' });
        expect(await failureOf(read('items', { where: 'nome = 1' }))).toMatchObject({ code: 'SQL_REFUSED' });
      });

      test('a query, with parameters', async () => {
        const { connection } = await withRows(...ab);
        const text = `select id * 2 as twice, '${placeholder}' as kept from items where id = ${placeholder};`;
        expect(await queryRows(connection, text, [2])).toEqual([{ twice: 4, kept: placeholder }]);
      });

      test('a query that writes changes nothing', async () => {
        const { connection, read } = await withRows(...ab);
        for (const text of ['delete from items', `insert into items values (9, 'x')`]) {
          const error = await failureOf(queryRows(connection, text));
          expect(error).toMatchObject({ code: 'SQL_REFUSED', message: expect.stringMatching(/^\/.*use `op: query`/s) });
        }
        expect(await read('items')).toHaveLength(2);
      });

      test('is asked for nothing before it is pulled, and can be left half-way', async () => {
        const rows = Array.from({ length: 50_000 }, (_, i) => ({ id: i, name: 'x'.repeat(100) }));
        const { connection, read } = await withRows(...rows);
        const stream = (await connection.read!('items', { signal: never })) as RowStream;
        for await (const batch of stream.batches) {
          expect(batch.rows.length).toBeLessThan(50_000);
          break;
        }
        expect(await read('items', { columns: ['id'] })).toHaveLength(50_000);
      });

      test('is one snapshot', async () => {
        const rows = Array.from({ length: 50_000 }, (_, i) => ({ id: i, name: 'x'.repeat(100) }));
        const { connection, sql } = await withRows(...rows);
        const stream = (await connection.read!('items', { signal: never })) as RowStream;
        let count = 0;
        for await (const batch of stream.batches) {
          if (count === 0) await sql('delete from items');
          count += batch.rows.length;
        }
        expect(count).toBe(50_000);
      });
    });

    describe('write', () => {
      test.each(oddTexts.map((text) => [text.slice(0, 20), text]))('the text %j', async (_, text) => {
        const { read } = await withRows({ id: 1, name: text }, { id: 2, name: null });
        expect(byId(await read('items'))).toEqual([
          { id: 1, name: text },
          { id: 2, name: null },
        ]);
      });

      test.each(oddNames)('a table and a column named %j', async (odd) => {
        const { write, read } = await open();
        const row = Object.fromEntries([
          ['id', 1],
          [odd, 'value'],
        ]);
        await write(
          odd,
          streamOfRows(
            [
              { name: 'id', type: 'integer' },
              { name: odd, type: 'text' },
            ],
            [row],
          ),
        );
        const rows = await read(odd);
        expect(rows.map((each) => Object.entries(each))).toEqual([Object.entries(row)]);
      });

      test('half a surrogate pair is refused with its record', async () => {
        const { write, read } = await withRows(...ab);
        const error = await failureOf(
          write(
            'items',
            streamOfRows(idAndName, [
              { id: 3, name: 'c' },
              { id: 4, name: '\ud83c' },
            ]),
          ),
        );
        expect(error).toMatchObject({ code: 'VALUE_LOSSY', message: expect.stringContaining('record 2') });
        expect(await read('items')).toHaveLength(2);
      });

      test('append adds, and says what was written', async () => {
        const { write, read } = await withRows(...ab);
        const report = await write('items', streamOfRows(idAndName, [{ id: 3, name: 'c' }], [{ id: 4, name: 'd' }]));
        expect(report).toMatchObject({ rows: 2, paths: [expect.stringMatching(/items$/)] });
        expect((await read('items')).length).toBe(4);
      });

      test('create makes the table once', async () => {
        const { write, read } = await open();
        await write('items', streamOfRows(idAndName, ab), { mode: 'create' });
        const again = write('items', streamOfRows(idAndName, ab), { mode: 'create' });
        expect(await failureOf(again)).toMatchObject({ code: 'TARGET_EXISTS' });
        expect(byId(await read('items'))).toEqual(ab);
      });

      test('replace keeps the table and what depends on it', async () => {
        const { write, read, sql } = await withRows(...ab);
        await sql('create view shown as select name from items');
        await sql('create index by_name on items (name)');
        await write('items', streamOfRows(idAndName, [{ id: 7, name: 'new' }]), { mode: 'replace' });
        expect(await read('items')).toEqual([{ id: 7, name: 'new' }]);
        expect(await read('shown')).toEqual([{ name: 'new' }]);
      });

      test('replace with nothing empties the table', async () => {
        const { write, read } = await withRows(...ab);
        await write('items', streamOfRows(undefined), { mode: 'replace' });
        expect(await read('items')).toEqual([]);
      });

      test('upsert adds and changes by key; of the same key the last one counts', async () => {
        const { write, read } = await withRows(...ab);
        const rows = [
          { id: 2, name: 'changed' },
          { id: 3, name: 'first' },
          { id: 3, name: 'last' },
        ];
        await write('items', streamOfRows(idAndName, rows), { mode: 'upsert', key: ['id'] });
        expect(byId(await read('items'))).toEqual([
          { id: 1, name: 'a' },
          { id: 2, name: 'changed' },
          { id: 3, name: 'last' },
        ]);
      });

      test('upsert makes a table with its key, and needs one', async () => {
        const { write, read, connection } = await open();
        const plain: Column[] = [
          { name: 'id', type: 'integer' },
          { name: 'name', type: 'text' },
        ];
        const noKey = write('items', streamOfRows(plain, ab), { mode: 'upsert' });
        expect(await failureOf(noKey)).toMatchObject({ code: 'KEY_MISSING' });
        for (let i = 0; i < 2; i++) await write('items', streamOfRows(plain, ab), { mode: 'upsert', key: ['id'] });
        expect(byId(await read('items'))).toEqual(ab);
        const { columns } = await connection.describe!('items', { signal: never });
        expect(columns!.map(({ key }) => key === true)).toEqual([true, false]);
        const wrong = write('items', streamOfRows(plain, ab), { mode: 'upsert', key: ['name'] });
        expect(await failureOf(wrong)).toMatchObject({
          code: 'SQL_REFUSED',
          message: expect.stringContaining('unique index'),
        });
      });

      test('create_table: never', async () => {
        const { write, connection } = await open();
        const work = write('items', streamOfRows(idAndName, ab), { createTable: 'never' });
        expect(await failureOf(work)).toMatchObject({ code: 'NOT_FOUND' });
        expect(await collect(connection.list!('', { signal: never, recursive: true }))).toEqual([]);
      });

      test('a column that the table has not: refused, or added', async () => {
        const { write, read } = await withRows(...ab);
        const more: Column[] = [...idAndName, { name: 'size', type: 'double' }];
        const row = { id: 3, name: 'c', size: 1.5 };
        const error = await failureOf(write('items', streamOfRows(more, [row])));
        expect(error).toMatchObject({ code: 'COLUMN_UNKNOWN', data: { column: 'size' } });
        await write('items', streamOfRows(more, [row]), { schema: 'evolve' });
        expect(byId(await read('items')).at(-1)).toEqual(row);
      });

      test.each(['run', 'batch'] as const)(
        'a column of the table that must have a value and gets none (%s)',
        async (commit) => {
          const { write, read, sql } = await open();
          await sql('create table items (id int, name varchar(20), owner varchar(20) not null)');
          const error = await failureOf(write('items', streamOfRows(idAndName, ab), { commit }));
          expect(error).toMatchObject({
            code: 'ROW_REFUSED',
            message: expect.stringMatching(/\/items, record 1: .*owner/),
          });
          expect(await read('items')).toEqual([]);
        },
      );

      test('rows whose columns nobody knows before', async () => {
        const { write, read } = await open();
        const rows = [
          { id: 1, ratio: 1, tags: ['x', null], gone: null },
          { id: 2, ratio: 0.5, tags: { a: 1 }, gone: null },
        ];
        await write('items', streamOfRows(undefined, rows));
        expect(byId(await read('items'))).toEqual(rows);
        const late = write('items', streamOfRows(undefined, [{ id: 3 }], [{ id: 4, ratio: 2 }]));
        expect(await failureOf(late)).toMatchObject({
          code: 'COLUMN_APPEARED',
          data: { column: 'ratio', position: 2 },
        });
        expect(await read('items')).toHaveLength(2);
      });

      test.each(['append', 'replace', 'upsert'] as const)(
        '%s: a key that is there twice, and nothing is changed',
        async (mode) => {
          const { write, read, sql } = await withRows(...ab);
          await sql('create unique index once on items (name)');
          const rows = [
            { id: 3, name: 'c' },
            { id: 4, name: 'c' },
          ];
          const error = await failureOf(write('items', streamOfRows(idAndName, rows), { mode, key: ['id'] }));
          expect(error).toMatchObject({ code: 'ROW_REFUSED', message: expect.stringMatching(/items.*once/s) });
          expect(byId(await read('items'))).toEqual(ab);
        },
      );

      test.each(['append', 'replace', 'upsert', 'create'] as const)(
        '%s: a source that fails half-way leaves no trace',
        async (mode) => {
          const { write, read, connection } = await open();
          if (mode !== 'create') await write('items', streamOfRows(idAndName, ab));
          const source: RowStream = {
            kind: 'rows',
            columns: idAndName,
            batches: (async function* () {
              yield { rows: Array.from({ length: 5000 }, (_, i) => ({ id: i + 10, name: 'x'.repeat(50) })) };
              throw failure('INPUT_MALFORMED', { path: 'x', line: 3, reason: 'broken' });
            })(),
          };
          expect(await failureOf(write('items', source, { mode, key: ['id'] }))).toMatchObject({
            code: 'INPUT_MALFORMED',
          });
          if (mode === 'create')
            expect(await collect(connection.list!('', { signal: never, recursive: true }))).toEqual([]);
          else expect(byId(await read('items'))).toEqual(ab);
        },
      );

      test.each(['append', 'replace', 'upsert'] as const)(
        '%s: nothing is seen before the commit, and a refused commit undoes it',
        async (mode) => {
          const { write, read } = await withRows(...ab);
          const seen: Row[][] = [];
          const beforeCommit = async () => {
            seen.push(byId(await read('items')));
            throw failure('PIPE_FAILED', { message: 'another writer failed' });
          };
          const work = write('items', streamOfRows(idAndName, [{ id: 3, name: 'c' }]), {
            mode,
            key: ['id'],
            beforeCommit,
          });
          expect(await failureOf(work)).toMatchObject({ code: 'PIPE_FAILED' });
          expect(seen).toEqual([ab]);
          expect(byId(await read('items'))).toEqual(ab);
        },
      );
    });

    test.runIf(connector.name !== 'sqlite')('an abort ends a read and a write, and leaves no session', async () => {
      const rows = Array.from({ length: 50_000 }, (_, i) => ({ id: i, name: 'x'.repeat(100) }));
      const { connection, write, read, sessions } = await withRows(...rows);
      const reading = new AbortController();
      const stream = (await connection.read!('items', { signal: reading.signal })) as RowStream;
      const work = (async () => {
        for await (const _ of stream.batches) reading.abort(failure('INTERRUPTED'));
      })();
      expect(await failureOf(work)).toMatchObject({ code: 'INTERRUPTED' });

      const writing = new AbortController();
      const endless: RowStream = {
        kind: 'rows',
        columns: idAndName,
        batches: (async function* () {
          for (let i = 100_000; ; i++) {
            yield { rows: [{ id: i, name: 'y' }] };
            if (i === 101_000) writing.abort(failure('INTERRUPTED'));
            if (i > 101_000) await new Promise((resolve) => setImmediate(resolve));
          }
        })(),
      };
      expect(await failureOf(write('items', endless, { signal: writing.signal }))).toMatchObject({
        code: 'INTERRUPTED',
      });
      expect(await read('items', { columns: ['id'] })).toHaveLength(50_000);
      await connection.close();
      expect(await sessions!()).toBe(0);
    });
  });
}
