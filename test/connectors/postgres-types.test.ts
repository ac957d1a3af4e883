// Every type of Postgres: what its values become, and that they come back the same, by rows and by bytes.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { knownTypes } from '../../connectors/postgres/types.ts';
import type { Column, RowStream, Value } from '../../engine/contracts/data.ts';
import { readRows, streamOfRows } from '../conformance/database.ts';
import { never, writeOptions } from '../conformance/files.ts';
import { failureOf } from '../conformance/streams.ts';
import { startPostgres, type TestPostgres } from '../servers/postgres.ts';
import { openDatabase } from '../servers/postgres-database.ts';

let server: TestPostgres;
beforeAll(async () => {
  server = await startPostgres();
});
afterAll(() => server.stop());

const million = '9'.repeat(1000);

/** A type, the server's text of a value, and the value. */
const cases: [native: string, text: string, value: Value][] = [
  ['boolean', 't', true],
  ['boolean', 'f', false],
  ['smallint', '-32768', -32768],
  ['integer', '2147483647', 2147483647],
  ['bigint', '9007199254740991', 9007199254740991],
  ['bigint', '9007199254740993', 9007199254740993n],
  ['bigint', '-9223372036854775808', -9223372036854775808n],
  ['oid', '4294967295', 4294967295],
  ['real', '0.1', 0.1],
  ['real', '3.4028235e+38', 3.4028235e38],
  ['double precision', '0.1', 0.1],
  ['double precision', '5e-324', 5e-324],
  ['double precision', '-0', -0],
  ['double precision', 'NaN', Number.NaN],
  ['double precision', '-Infinity', Number.NEGATIVE_INFINITY],
  ['numeric', `${million}.${million}`, `${million}.${million}`],
  ['numeric', 'NaN', 'NaN'],
  ['numeric(10,2)', '12.30', '12.30'],
  ['numeric(1000,500)', `1.${'0'.repeat(500)}`, `1.${'0'.repeat(500)}`],
  ['money', '$1,234.50', '$1,234.50'],
  ['text', 'é', 'é'],
  ['character varying(5)', 'abc', 'abc'],
  ['character(5)', 'ab', 'ab   '],
  ['"char"', 'x', 'x'],
  ['name', 'pg', 'pg'],
  ['bytea', '\\x00ff41', Buffer.from([0, 255, 65])],
  ['bytea', '\\x', Buffer.alloc(0)],
  ['date', '2026-01-31', '2026-01-31'],
  ['date', '0044-03-15 BC', '-000043-03-15'],
  ['date', '0001-01-01 BC', '0000-01-01'],
  ['date', '10000-01-01', '+010000-01-01'],
  ['date', 'infinity', 'infinity'],
  ['time without time zone', '23:59:59.123456', '23:59:59.123456'],
  ['time(0) without time zone', '24:00:00', '24:00:00'],
  ['time with time zone', '23:59:59.5+02', '23:59:59.5+02'],
  ['timestamp without time zone', '2026-01-31 12:00:00.123456', '2026-01-31T12:00:00.123456'],
  ['timestamp without time zone', '4713-01-01 00:00:00 BC', '-004712-01-01T00:00:00'],
  ['timestamp without time zone', '294276-12-31 23:59:59.999999', '+294276-12-31T23:59:59.999999'],
  ['timestamp without time zone', '-infinity', '-infinity'],
  ['timestamp(3) without time zone', '2026-01-31 12:00:00.123', '2026-01-31T12:00:00.123'],
  ['timestamp with time zone', '2026-01-31 12:00:00.5+02', '2026-01-31T10:00:00.5Z'],
  ['timestamp with time zone', '0044-03-15 00:00:00+00 BC', '-000043-03-15T00:00:00Z'],
  ['timestamp with time zone', 'infinity', 'infinity'],
  ['interval', '1 year 2 mons -3 days 04:05:06.789', 'P1Y2M-3DT4H5M6.789S'],
  ['uuid', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'],
  [
    'json',
    '{"a": [1, null, "\\u00e9"], "big": 12345678901234567890}',
    { a: [1, null, 'é'], big: 12345678901234567890n },
  ],
  ['jsonb', '[1.10, "t\\tn\\n", 1e3, {}]', [1.1, 't\tn\n', 1000, {}]],
  ['jsonb', '"text"', 'text'],
  ['jsonpath', '$."a"', '$."a"'],
  ['xml', '<a>1</a>', '<a>1</a>'],
  ['inet', '10.0.0.1/8', '10.0.0.1/8'],
  ['cidr', '10.0.0.0/8', '10.0.0.0/8'],
  ['macaddr', '08:00:2b:01:02:03', '08:00:2b:01:02:03'],
  ['macaddr8', '08:00:2b:01:02:03:04:05', '08:00:2b:01:02:03:04:05'],
  ['bit(4)', '0101', '0101'],
  ['bit varying', '', ''],
  ['point', '(1,2.5)', '(1,2.5)'],
  ['line', '{1,2,3}', '{1,2,3}'],
  ['lseg', '[(1,2),(3,4)]', '[(1,2),(3,4)]'],
  ['box', '(3,4),(1,2)', '(3,4),(1,2)'],
  ['path', '((1,2),(3,4))', '((1,2),(3,4))'],
  ['polygon', '((1,2),(3,4))', '((1,2),(3,4))'],
  ['circle', '<(1,2),3>', '<(1,2),3>'],
  ['int4range', '[1,5)', '[1,5)'],
  ['int8range', 'empty', 'empty'],
  ['numrange', '(1.5,)', '(1.5,)'],
  ['daterange', '[2026-01-01,2026-02-01)', '[2026-01-01,2026-02-01)'],
  ['tsrange', '["2026-01-01 00:00:00",)', '["2026-01-01 00:00:00",)'],
  ['tstzrange', '["2026-01-01 00:00:00+00",)', '["2026-01-01 00:00:00+00",)'],
  ['int4multirange', '{[1,3),[5,7)}', '{[1,3),[5,7)}'],
  ['int8multirange', '{}', '{}'],
  ['nummultirange', '{[1.5,2)}', '{[1.5,2)}'],
  ['datemultirange', '{[2026-01-01,2026-02-01)}', '{[2026-01-01,2026-02-01)}'],
  ['tsmultirange', '{}', '{}'],
  ['tstzmultirange', '{}', '{}'],
  ['tsvector', "'a':1 'b':2", "'a':1 'b':2"],
  ['tsquery', "'a' & 'b'", "'a' & 'b'"],
  ['pg_lsn', '16/B374D848', '16/B374D848'],
  ['integer[]', '{1,NULL,3}', [1, null, 3]],
  [
    'integer[]',
    '{{1,2},{3,4}}',
    [
      [1, 2],
      [3, 4],
    ],
  ],
  ['text[]', '{"",NULL,"NULL","a,b","q\\"\\\\","{}",é}', ['', null, 'NULL', 'a,b', 'q"\\', '{}', 'é']],
  ['text[]', '{}', []],
  ['boolean[]', '{t,f}', [true, false]],
  ['numeric(5,2)[]', '{1.50}', ['1.50']],
  ['bytea[]', '{"\\\\x00ff"}', [Buffer.from([0, 255])]],
  ['timestamp with time zone[]', '{"2026-01-31 12:00:00+00"}', ['2026-01-31T12:00:00Z']],
  ['jsonb[]', '{"{\\"a\\": 1}"}', [{ a: 1 }]],
  ['box[]', '{(3,4),(1,2);(1,1),(0,0)}', ['(3,4),(1,2)', '(1,1),(0,0)']],
];

test('the cases have every type of the table', () => {
  const tried = new Set(cases.map(([native]) => native.replace(/\([\d,]+\)/, '')));
  expect(Object.keys(knownTypes).filter((native) => !tried.has(native))).toEqual([]);
});

const typeOf = (name: string) =>
  Object.entries(knownTypes).find(([native]) => native === name.replace(/\([\d,]+\)/, ''))?.[1].type;

describe.each(cases)('%s %j', (native, text, value) => {
  test('is read, and written into a new table of the same type', async () => {
    const { connection, sql } = await openDatabase(server);
    await sql(`create table source (v ${native}, n ${native})`);
    await sql(`insert into source values ('${text.replaceAll("'", "''")}', null)`);
    const expected = [{ v: value, n: null }];
    expect(await readRows(connection, 'source')).toEqual(expected);

    const { columns } = await connection.describe('source', { signal: never });
    expect(columns![0]).toMatchObject({ name: 'v', native, type: native.endsWith('[]') ? 'array' : typeOf(native) });
    const read = async () => (await connection.read('source', { signal: never })) as RowStream;
    const { encoded: _, ...rows } = await read();
    await connection.write('by_rows', rows, writeOptions());
    const stream = await read();
    await connection.write('by_bytes', stream, writeOptions());
    for (const table of ['by_rows', 'by_bytes']) {
      expect((await connection.describe(table, { signal: never })).columns).toEqual(columns);
      expect(await readRows(connection, table)).toEqual(expected);

      if (native !== 'point' && !/^(json|xml|line|lseg|box|path|polygon|point)/.test(native)) {
        const same = `select s.v::text = t.v::text and t.n is null as same from source s, ${table} t`;
        expect(await sql(same)).toEqual([{ same: true }]);
      }
    }
  });
});

test('an enum, a domain and a composite', async () => {
  const { connection, sql } = await openDatabase(server);
  await sql(`create type mood as enum ('sad', 'so so'); create domain cents as numeric(10,2) check (value > 0);
    create domain small_cents as cents; create type pair as (a int, b text);
    create table source (m mood, c small_cents, p pair, ms mood[]);
    insert into source values ('so so', 1.50, (1, 'x,y'), '{sad,"so so"}')`);
  const row = { m: 'so so', c: '1.50', p: '(1,"x,y")', ms: ['sad', 'so so'] };
  expect(await readRows(connection, 'source')).toEqual([row]);
  const { columns } = await connection.describe('source', { signal: never });
  expect(columns!.map(({ type, native }) => [type, native])).toEqual([
    ['text', 'mood'],
    ['decimal', 'numeric(10,2)'],
    ['text', 'pair'],
    ['array', 'mood[]'],
  ]);
  await sql('create table target (like source)');
  await connection.write('target', (await connection.read('source', { signal: never })) as RowStream, writeOptions());
  expect(await readRows(connection, 'target')).toEqual([row]);
});

test('the JSON value null: kept where the column is never NULL, else refused unless it goes as bytes', async () => {
  const { connection, sql } = await openDatabase(server);
  await sql(`create table sure (id int primary key, doc jsonb not null); insert into sure values (1, 'null'), (2, '1');
    create table unsure (doc json, docs jsonb[]); insert into unsure values (' null ', null), (null, null);
    create table lists (docs jsonb[]); insert into lists values ('{"null"}')`);
  const read = async (path: string) => (await connection.read(path, { signal: never })) as RowStream;
  const { encoded: _, ...rows } = await read('sure');
  await connection.write('copied', rows, writeOptions());
  expect(await sql('select doc::text as doc from copied order by id')).toEqual([{ doc: 'null' }, { doc: '1' }]);
  for (const table of ['unsure', 'lists']) {
    const error = await failureOf(readRows(connection, table));
    expect(error).toMatchObject({ code: 'VALUE_LOSSY', message: expect.stringMatching(/"docs?".*JSON value null/) });
  }
  await connection.write('passed', await read('unsure'), writeOptions());
  expect(await sql(`select doc::text as doc from passed`)).toEqual([{ doc: ' null ' }, { doc: null }]);
});

test('what cannot be told without loss is refused', async () => {
  const { connection, sql } = await openDatabase(server);
  await sql(`create table source (id int, bounds int[], doc jsonb);
    insert into source values (1, '[0:1]={1,2}', null), (2, null, '0.12345678901234567890')`);
  for (const [column, id] of [
    ['bounds', 1],
    ['doc', 2],
  ]) {
    const work = readRows(connection, 'source', { columns: [column], where: 'id = $1', parameters: [id] });
    expect(await failureOf(work)).toMatchObject({
      code: 'VALUE_LOSSY',
      message: expect.stringContaining(String(column)),
    });
  }
});

test.each<[Partial<Column>, string]>([
  [{ type: 'timestamptz' }, 'timestamp'],
  [{ type: 'timestamp' }, 'timestamptz'],
  [{ type: 'timestamp' }, 'date'],
  [{ type: 'timestamp' }, 'timestamp(3)'],
  [{ type: 'decimal' }, 'numeric(10,2)'],
  [{ type: 'decimal', precision: 10, scale: 3 }, 'numeric(10,2)'],
  [{ type: 'decimal' }, 'double precision'],
  [{ type: 'integer' }, 'double precision'],
  [{ type: 'integer', length: 4 }, 'real'],
  [{ type: 'double' }, 'real'],
])('%j into %s is refused before anything is written', async (from, native) => {
  const { connection, sql } = await openDatabase(server);
  await sql(`create table target (v ${native})`);
  const column = { name: 'v', ...from } as Column;
  const error = await failureOf(connection.write('target', streamOfRows([column], [{ v: null }]), writeOptions()));
  expect(error).toMatchObject({ code: 'VALUE_LOSSY', message: expect.stringContaining('"v"') });
});

test.each<[Partial<Column>, string, string]>([
  [{ type: 'integer' }, 'integer', 'bigint'],
  [{ type: 'double' }, 'real', 'double precision'],
  [{ type: 'decimal', precision: 10, scale: 4 }, 'numeric(8,2)', 'numeric(10,4)'],
  [{ type: 'decimal' }, 'numeric(8,2)', 'numeric'],
  [{ type: 'text', length: 20 }, 'varchar(5)', 'character varying(20)'],
  [{ type: 'text' }, 'varchar(5)', 'text'],
])('%j widens %s to %s', async (from, native, wider) => {
  const { connection, sql } = await openDatabase(server);
  await sql(`create table target (v ${native})`);
  const column = { name: 'v', ...from } as Column;
  await connection.write('target', streamOfRows([column], [{ v: null }]), writeOptions({ schema: 'evolve' }));
  expect((await connection.describe('target', { signal: never })).columns![0]!.native).toBe(wider);
});
