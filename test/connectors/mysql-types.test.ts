// Every type of MySQL and MariaDB: what its values become, and that they come back the same.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { knownTypes } from '../../connectors/mysql/types.ts';
import type { Column, RowStream, Value } from '../../engine/contracts/data.ts';
import { queryRows, readRows, streamOfRows } from '../conformance/database.ts';
import { never, writeOptions } from '../conformance/files.ts';
import { failureOf } from '../conformance/streams.ts';
import { haveMysql, startMysql, type TestMysql } from '../servers/mysql.ts';
import { openDatabase } from '../servers/mysql-database.ts';

const digits = '1'.repeat(35);
const wkb = (hex: string) => Buffer.from(hex, 'hex');
const point = '0101000000000000000000f03f0000000000000040';

/** A type, an SQL expression for a value, and the value. */
const cases: [native: string, sql: string, value: Value][] = [
  ['tinyint(1)', '1', true],
  ['tinyint(1)', '0', false],
  ['tinyint', '-128', -128],
  ['tinyint unsigned', '255', 255],
  ['smallint', '-32768', -32768],
  ['smallint unsigned', '65535', 65535],
  ['mediumint', '-8388608', -8388608],
  ['mediumint unsigned', '16777215', 16777215],
  ['int', '-2147483648', -2147483648],
  ['int unsigned', '4294967295', 4294967295],
  ['bigint', '9007199254740991', 9007199254740991],
  ['bigint', '-9223372036854775808', -9223372036854775808n],
  ['bigint unsigned', '18446744073709551615', 18446744073709551615n],
  ['float', '0.1', 0.1],
  ['float', '16777216', 16777216],
  ['float', '3.4028235e38', 3.4028235e38],
  ['float unsigned', '1.5', 1.5],
  ['double', '0.1e0 + 0.2e0', 0.1 + 0.2],
  ['double', '1.7976931348623157e308', Number.MAX_VALUE],
  ['double', '-2.5e-300', -2.5e-300],
  ['double unsigned', '5e-324', 5e-324],
  ['decimal(65,30)', `${digits}.${'9'.repeat(30)}`, `${digits}.${'9'.repeat(30)}`],
  ['decimal(10,2)', '-12.30', '-12.30'],
  ['decimal(20,0) unsigned', '18446744073709551615', '18446744073709551615'],
  ['bit(1)', "b'1'", '1'],
  ['bit(12)', "b'000101011100'", '000101011100'],
  ['bit(64)', `b'1${'0'.repeat(63)}'`, `1${'0'.repeat(63)}`],
  ['year', '2155', 2155],
  ['year', '0000', 0],
  ['date', "'2026-01-31'", '2026-01-31'],
  ['date', "'0000-00-00'", '0000-00-00'],
  ['date', "'2026-00-00'", '2026-00-00'],
  ['date', "'9999-12-31'", '9999-12-31'],
  ['time', "'23:59:59'", '23:59:59'],
  ['time', "'-838:59:59'", '-838:59:59'],
  ['time(6)', "'100:00:00.000001'", '100:00:00.000001'],
  ['datetime', "'2026-01-31 12:00:00'", '2026-01-31T12:00:00'],
  ['datetime(6)', "'1000-01-01 00:00:00.000001'", '1000-01-01T00:00:00.000001'],
  ['datetime(3)', "'0000-00-00 00:00:00'", '0000-00-00T00:00:00.000'],
  ['timestamp(6)', "'2026-01-31 12:00:00.123456'", '2026-01-31T12:00:00.123456Z'],
  ['timestamp', "'1970-01-01 00:00:01'", '1970-01-01T00:00:01Z'],
  ['char(5)', "'ab'", 'ab'],
  ['varchar(5)', "'ab  '", 'ab  '],
  ['varchar(40)', "'\\0\\\\N\\t\\n\\r🎉'", '\0\\N\t\n\r🎉'],
  ['tinytext', "''", ''],
  ['text', "'é'", 'é'],
  ['mediumtext', "'🎉'", '🎉'],
  ['longtext', "repeat('aé', 100000)", 'aé'.repeat(100_000)],
  ["enum('a','b,c','it''s','')", "'it''s'", "it's"],
  ["enum('a','b,c','it''s','')", "''", ''],
  ["set('a','b','c')", "'a,c'", 'a,c'],
  ["set('a','b','c')", "''", ''],
  ['binary(4)', "x'00ff0a09'", wkb('00ff0a09')],
  ['varbinary(10)', "x'5c4e'", wkb('5c4e')],
  ['varbinary(10)', "''", wkb('')],
  ['tinyblob', "x'ff'", wkb('ff')],
  ['blob', "x'e35c09'", wkb('e35c09')],
  ['mediumblob', "x'00'", wkb('00')],
  ['longblob', "repeat(x'fe00', 70000)", Buffer.alloc(140_000, Buffer.from([254, 0]))],
  [
    'json',
    `'{"a": [1, null, "é\\\\n"], "big": 12345678901234567890}'`,
    { a: [1, null, 'é\n'], big: 12345678901234567890n },
  ],
  ['json', `'"text"'`, 'text'],
  ['uuid', "'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'", 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'],
  ['inet4', "'10.0.0.1'", '10.0.0.1'],
  ['inet6', "'::1'", '::1'],
  ['geometry', 'point(1, 2)', wkb(point)],
  ['point', 'point(1, 2)', wkb(point)],
  ['point', "st_geomfromtext('point(1 2)', 4326)", wkb(`0101000020e6100000${point.slice(10)}`)],
  [
    'linestring',
    "st_geomfromtext('linestring(0 0, 1 1)')",
    wkb(`010200000002000000${'00'.repeat(16)}000000000000f03f000000000000f03f`),
  ],
  [
    'polygon',
    "st_geomfromtext('polygon((0 0, 1 1, 0 1, 0 0))')",
    wkb(
      `01030000000100000004000000${'00'.repeat(16)}000000000000f03f000000000000f03f${'00'.repeat(8)}000000000000f03f${'00'.repeat(16)}`,
    ),
  ],
  ['multipoint', "st_geomfromtext('multipoint(1 2)')", wkb(`010400000001000000${point}`)],
  [
    'multilinestring',
    "st_geomfromtext('multilinestring((0 0, 0 0))')",
    wkb(`010500000001000000010200000002000000${'00'.repeat(32)}`),
  ],
  [
    'multipolygon',
    "st_geomfromtext('multipolygon(((0 0, 0 0, 0 0, 0 0)))')",
    wkb(`01060000000100000001030000000100000004000000${'00'.repeat(64)}`),
  ],
  ['geometrycollection', "st_geomfromtext('geometrycollection(point(1 2))')", wkb(`010700000001000000${point}`)],
];

const nameOf = (native: string) => (native === 'tinyint(1)' ? native : native.replace(/\(.*\)/s, ''));

test('the cases have every type of the table', () => {
  const tried = new Set(cases.map(([native]) => nameOf(native)));
  const names = Object.keys(knownTypes).filter((name) => !tried.has(name) && name !== 'decimal unsigned');
  expect(names).toEqual([]);
});

describe.runIf(haveMysql())('on a server', () => {
  let server: TestMysql;
  let isMariadb = true;
  beforeAll(async () => {
    server = await startMysql();
    const [row] = await server.sql('select version() as version');
    isMariadb = /mariadb/i.test(String(row!.version));
  });
  afterAll(() => server?.stop());

  test.each(cases)('%s: %s is read, and written into a new table of the same type', async (native, sql, value) => {
    if (!isMariadb && /^(uuid|inet)/.test(native)) return;
    const { connection, sql: run } = await openDatabase(server);
    await run(
      `set sql_mode = ''; create table source (v ${native} null, n ${native} null); insert into source values (${sql}, null)`,
    );
    const expected = [{ v: value, n: null }];
    expect(await readRows(connection, 'source')).toEqual(expected);
    const { columns } = await connection.describe('source', { signal: never });
    expect(columns![0]).toMatchObject({ name: 'v', native, type: knownTypes[nameOf(native)]!.type });
    await connection.write('target', (await connection.read('source', { signal: never })) as RowStream, writeOptions());
    expect((await connection.describe('target', { signal: never })).columns).toEqual(columns);
    expect(await readRows(connection, 'target')).toEqual(expected);
    const same = `select count(*) as same from source s join target t on hex(s.v) = hex(t.v) and t.n is null`;
    if (native !== 'json') expect(await run(same)).toEqual([{ same: 1 }]);
    if (!native.startsWith('float')) {
      expect(await queryRows(connection, 'select v, n from source')).toEqual(expected);
    }
  });

  test('UUIDs of every version that the server keeps, and the others are refused with their record', async () => {
    if (!isMariadb) return;
    const { connection, sql } = await openDatabase(server);
    await sql('create table items (v uuid)');
    const columns: Column[] = [{ name: 'v', type: 'uuid' }];
    const kept = [
      '00000000-0000-0000-0000-000000000000',
      'ffffffff-ffff-ffff-ffff-ffffffffffff',
      '017f22e2-79b0-7cc3-98c4-dc0c0c07398f',
      ...[...'0123456789abcdef'].map((version) => `a0eebc99-9c0b-${version}ef8-bb6d-6bb9bd380a11`),
      ...[...'01234567'].map((version) => `a0eebc99-9c0b-${version}ef8-0b6d-6bb9bd380a11`),
    ].map((v) => ({ v }));
    await connection.write('items', streamOfRows(columns, kept), writeOptions());
    const byText = (rows: { v?: Value }[]) => rows.map(({ v }) => String(v)).sort();
    expect(byText(await readRows(connection, 'items'))).toEqual(byText(kept));
    const refused = [kept[0]!, { v: 'a0eebc99-9c0b-8ef8-0b6d-6bb9bd380a11' }];
    const error = await failureOf(connection.write('items', streamOfRows(columns, refused), writeOptions()));
    expect(error).toMatchObject({
      code: 'ROW_REFUSED',
      message: expect.stringMatching(/\/shop\/items, record 2: .*a0eebc99-9c0b-8ef8/),
    });
  });

  test('a query tells the types of what it gives', async () => {
    const { connection } = await openDatabase(server);
    const stream = await connection.query(
      `select 1 as i, 18446744073709551615 as u, 1.50 as d, 1e0 as f, 'é' as t, x'00' as b, date '2026-01-31' as day,
         timestamp '2026-01-31 12:00:00.5' as at, time '25:00:00' as span, null as nothing, cast(1 as decimal(20,5)) as many`,
      [],
      { signal: never, readOnly: true },
    );
    expect(stream.columns!.map(({ name, type }) => [name, type])).toEqual([
      ['i', 'integer'],
      ['u', 'integer'],
      ['d', 'decimal'],
      ['f', 'double'],
      ['t', 'text'],
      ['b', 'binary'],
      ['day', 'date'],
      ['at', 'timestamp'],
      ['span', 'time'],
      ['nothing', 'text'],
      ['many', 'decimal'],
    ]);
    const rows = [];
    for await (const batch of stream.batches) rows.push(...batch.rows);
    expect(rows).toEqual([
      {
        i: 1,
        u: 18446744073709551615n,
        d: '1.50',
        f: 1,
        t: 'é',
        b: wkb('00'),
        day: '2026-01-31',
        at: expect.stringMatching(/^2026-01-31T12:00:00\.50*$/),
        span: '25:00:00',
        nothing: null,
        many: '1.00000',
      },
    ]);
    const float = queryRows(connection, 'select cast(1 as float) as f');
    expect(await failureOf(float)).toMatchObject({ code: 'VALUE_LOSSY', message: expect.stringContaining('f + 0e0') });
  });

  test('latin1 columns, both ways, and what they cannot hold', async () => {
    const { connection, sql } = await openDatabase(server);
    await sql(`create table items (v varchar(20) character set latin1); insert into items values ('Grüße')`);
    expect(await readRows(connection, 'items')).toEqual([{ v: 'Grüße' }]);
    const column: Column = { name: 'v', type: 'text' };
    await connection.write('items', streamOfRows([column], [{ v: 'é' }]), writeOptions());
    const work = connection.write('items', streamOfRows([column], [{ v: 'ok' }, { v: '東' }]), writeOptions());
    expect(await failureOf(work)).toMatchObject({
      code: 'ROW_REFUSED',
      message: expect.stringMatching(/record 2.*'v'|record 2.*`v`/),
    });
    expect(await readRows(connection, 'items')).toEqual([{ v: 'Grüße' }, { v: 'é' }]);
  });

  test('a text of 10 MB', async () => {
    const { connection } = await openDatabase(server);
    const v = 'aé\\\n🎉\t0'.repeat(1_000_000);
    const column: Column = { name: 'v', type: 'text' };
    await connection.write('items', streamOfRows([column], [{ v }, { v: 'next' }]), writeOptions());
    const rows = await readRows(connection, 'items');
    expect(rows.map((row) => row.v === v || row.v)).toEqual([true, 'next']);
  });

  test.each<[string, Partial<Column>, Value]>([
    ['int', { type: 'text' }, '12.5'],
    ['int', { type: 'text' }, ' 12'],
    ['int', { type: 'json', untyped: true }, 1.5],
    ['smallint', { type: 'integer' }, 40_000],
    ['bigint', { type: 'integer' }, 18446744073709551615n],
    ['decimal(10,2)', { type: 'text' }, '1.239'],
    ['double', { type: 'double' }, Number.NaN],
    ['double', { type: 'double' }, Number.POSITIVE_INFINITY],
    ['varchar(3)', { type: 'text' }, 'abcd'],
    ['varchar(3)', { type: 'text' }, 'abc '],
    ['char(5)', { type: 'text' }, 'ab '],
    ['binary(4)', { type: 'binary' }, Buffer.from('ab')],
    ['varbinary(2)', { type: 'binary' }, Buffer.from('abc')],
    ["enum('sad','so')", { type: 'text' }, 'SAD'],
    ["set('a','b')", { type: 'text' }, 'b,a'],
    ['bit(3)', { type: 'text' }, '01'],
    ['year', { type: 'integer' }, 70],
    ['date', { type: 'date' }, '-000043-03-15'],
    ['date', { type: 'date' }, '+010000-01-01'],
    ['date', { type: 'date' }, 'infinity'],
    ['date', { type: 'text' }, '2026-02-30'],
    ['datetime(3)', { type: 'timestamp', scale: 3 }, '2026-01-01T12:00:00.123456'],
    ['timestamp', { type: 'timestamptz', scale: 0 }, '2040-01-01T00:00:00Z'],
    ['timestamp', { type: 'timestamptz', scale: 0 }, 'infinity'],
    ['time', { type: 'time', scale: 0 }, '12:00:00.5'],
    ['json', { type: 'text' }, '{broken'],
    ['tinyint(1)', { type: 'integer', length: 2 }, 2],
    ['point', { type: 'binary' }, Buffer.from('nonsense')],
    ['tinytext', { type: 'text' }, 'é'.repeat(128)],
    ['int not null', { type: 'integer' }, null],
    ['int not null auto_increment primary key', { type: 'integer' }, null],
  ])('%s does not take %j %s', async (native, from, value) => {
    if (native === 'timestamp' && value === '2040-01-01T00:00:00Z') {
      const [{ version }] = (await server.sql('select version() as version')) as [{ version: string }];
      if (/^1[1-9]\.[5-9]|^1[2-9]/.test(version)) return;
    }
    const { connection, sql } = await openDatabase(server);
    await sql(`create table items (v ${native})`);
    const column = { name: 'v', ...from } as Column;
    const error = await failureOf(connection.write('items', streamOfRows([column], [{ v: value }]), writeOptions()));
    expect(['ROW_REFUSED', 'VALUE_LOSSY']).toContain(error.code);
    expect(error.message).toMatch(/\/shop\/items.*(["'`.]v["'`]|the table)/s);
    expect(await readRows(connection, 'items')).toEqual([]);
  });

  test('zero is a value for a column that counts by itself', async () => {
    const { connection, sql } = await openDatabase(server);
    await sql('create table items (v int auto_increment primary key)');
    await connection.write(
      'items',
      streamOfRows([{ name: 'v', type: 'integer' }], [{ v: 0 }, { v: 5 }]),
      writeOptions(),
    );
    expect(await readRows(connection, 'items')).toEqual([{ v: 0 }, { v: 5 }]);
  });

  test('an instant of any zone becomes the same instant', async () => {
    const { connection } = await openDatabase(server);
    const values = ['2026-01-31T12:00:00.5+02:00', '2026-01-31T00:30:00.123456-05:30', '2026-01-31T12:00:00Z'];
    const rows = values.map((v) => ({ v }));
    await connection.write('items', streamOfRows([{ name: 'v', type: 'timestamptz' }], rows), writeOptions());
    expect((await readRows(connection, 'items')).map(({ v }) => v)).toEqual([
      '2026-01-31T10:00:00.500000Z',
      '2026-01-31T06:00:00.123456Z',
      '2026-01-31T12:00:00.000000Z',
    ]);
  });

  test('a number that is no truth value is refused in a tinyint(1)', async () => {
    const { connection, sql } = await openDatabase(server);
    await sql('create table items (v tinyint(1)); insert into items values (2)');
    const error = await failureOf(readRows(connection, 'items'));
    expect(error).toMatchObject({ code: 'VALUE_LOSSY', message: expect.stringContaining('"v"') });
    expect(await queryRows(connection, 'select v + 0 as v from items')).toEqual([{ v: 2 }]);
  });

  test.each<[Partial<Column>, string]>([
    [{ type: 'timestamptz' }, 'datetime(6)'],
    [{ type: 'timestamp' }, 'timestamp(6) null'],
    [{ type: 'timestamp' }, 'date'],
    [{ type: 'timestamp', scale: 6 }, 'datetime(3)'],
    [{ type: 'decimal', precision: 10, scale: 3 }, 'decimal(10,2)'],
    [{ type: 'decimal' }, 'double'],
    [{ type: 'decimal', precision: 1000, scale: 500 }, 'decimal(65,30)'],
    [{ type: 'integer' }, 'double'],
    [{ type: 'double' }, 'float'],
    [{ type: 'double' }, 'int'],
  ])('%j into %s is refused before anything is written', async (from, native) => {
    const { connection, sql } = await openDatabase(server);
    await sql(`create table items (v ${native})`);
    const column = { name: 'v', ...from } as Column;
    const error = await failureOf(connection.write('items', streamOfRows([column], [{ v: null }]), writeOptions()));
    expect(error).toMatchObject({ code: 'VALUE_LOSSY', message: expect.stringContaining('"v"') });
  });

  test.each<[Partial<Column>, string, string]>([
    [{ type: 'integer' }, 'int', 'bigint'],
    [{ type: 'double' }, 'float', 'double'],
    [{ type: 'decimal', precision: 10, scale: 4 }, 'decimal(8,2)', 'decimal(10,4)'],
    [{ type: 'text', length: 20 }, 'varchar(5)', 'varchar(20)'],
    [{ type: 'text' }, 'varchar(5)', 'longtext'],
  ])('%j widens %s to %s', async (from, native, wider) => {
    const { connection, sql } = await openDatabase(server);
    await sql(`create table items (v ${native})`);
    const column = { name: 'v', ...from } as Column;
    await connection.write('items', streamOfRows([column], [{ v: null }]), writeOptions({ schema: 'evolve' }));
    expect((await connection.describe('items', { signal: never })).columns![0]!.native).toBe(wider);
  });
});
