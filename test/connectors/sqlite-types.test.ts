// Every declared type of SQLite: what its values become, that they come back the same, and what is refused.
import { describe, expect, onTestFinished, test } from 'vitest';
import { knownTypes, newTypes } from '../../connectors/sqlite/types.ts';
import type { Column, ColumnType, Row, RowStream, Value } from '../../engine/contracts/data.ts';
import { queryRows, readRows, streamOfRows } from '../conformance/database.ts';
import { never, writeOptions } from '../conformance/files.ts';
import { failureOf } from '../conformance/streams.ts';
import { createDatabase } from '../servers/sqlite.ts';

async function open(options: { encoding?: string } = {}) {
  const database = await createDatabase(options);
  onTestFinished(() => database.close());
  const { connection } = database;
  return {
    ...database,
    write: (path: string, columns: Column[], rows: Row[], more = {}) =>
      connection.write(path, streamOfRows(columns, rows), writeOptions(more)),
    columns: async (path: string) => (await connection.describe(path, { signal: never })).columns!,
  };
}

/** A declared type, a value in SQL, and the value. */
const cases: [declared: string, sql: string, value: Value][] = [
  ['BOOLEAN', '1', true],
  ['BOOL', '0', false],
  ['INTEGER', '9007199254740993', 9007199254740993n],
  ['INTEGER', '-9223372036854775808', -9223372036854775808n],
  ['INT', '-9007199254740991', -9007199254740991],
  ['TINYINT', '300', 300],
  ['SMALLINT', '1', 1],
  ['MEDIUMINT', '1', 1],
  ['BIGINT', '9223372036854775807', 9223372036854775807n],
  ['UNSIGNED BIG INT', '1', 1],
  ['INT2', '1', 1],
  ['INT8', '1', 1],
  ['REAL', '0.1', 0.1],
  ['REAL', '5e-324', 5e-324],
  ['REAL', '1e999', Number.POSITIVE_INFINITY],
  ['DOUBLE', '-1e999', Number.NEGATIVE_INFINITY],
  ['DOUBLE PRECISION', '3', 3],
  ['FLOAT', '1e300', 1e300],
  ['DECIMAL', '12.30', '12.3'],
  ['DECIMAL', '1e-10', '0.0000000001'],
  ['DECIMAL(10,2)', '9223372036854775807', '9223372036854775807'],
  ['NUMERIC', '-1.5e21', '-1500000000000000000000'],
  ['DECIMAL TEXT', `'12.30'`, '12.30'],
  ['DECIMAL TEXT(40,2)', `'12345678901234567890123456789.50'`, '12345678901234567890123456789.50'],
  ['TEXT', `'é'`, 'é'],
  ['TEXT', `'a' || char(0) || 'b'`, 'a\0b'],
  ['TEXT', `char(0)`, '\0'],
  ['TEXT', `'𝄞' || char(0)`, '𝄞\0'],
  ['TEXT', `'007'`, '007'],
  ['CLOB', `''`, ''],
  ['CHARACTER(20)', `'a'`, 'a'],
  ['CHAR(1)', `'abc'`, 'abc'],
  ['VARCHAR(255)', `'a'`, 'a'],
  ['VARYING CHARACTER(255)', `'a'`, 'a'],
  ['CHARACTER VARYING(255)', `'a'`, 'a'],
  ['NCHAR(55)', `'a'`, 'a'],
  ['NATIVE CHARACTER(70)', `'a'`, 'a'],
  ['NVARCHAR(100)', `'a'`, 'a'],
  ['BLOB', `x'00ff41'`, Buffer.from([0, 255, 65])],
  ['BLOB', `x''`, Buffer.alloc(0)],
  ['BLOB', `x'616263'`, Buffer.from('abc')],
  ['BINARY(16)', `x'00ff'`, Buffer.from([0, 255])],
  ['VARBINARY(16)', `x'74'`, Buffer.from('t')],
  ['DATE', `'2026-01-31'`, '2026-01-31'],
  ['DATE', `'-000043-03-15'`, '-000043-03-15'],
  ['DATE', `'infinity'`, 'infinity'],
  ['TIME', `'23:59:59.123456'`, '23:59:59.123456'],
  ['TIME', `'12:30'`, '12:30:00'],
  ['DATETIME', `'2026-01-31 12:00:00.123456789'`, '2026-01-31T12:00:00.123456789'],
  ['DATETIME', `'2026-01-31'`, '2026-01-31T00:00:00'],
  ['TIMESTAMP', `'2026-01-31T12:00'`, '2026-01-31T12:00:00'],
  ['TIMESTAMPTZ', `'2026-01-31 12:00:00.5+02'`, '2026-01-31T12:00:00.5+02:00'],
  ['TIMESTAMP WITH TIME ZONE', `'2026-01-31T12:00:00Z'`, '2026-01-31T12:00:00Z'],
  ['INTERVAL', `'P1Y2M-3DT4H5M6.789S'`, 'P1Y2M-3DT4H5M6.789S'],
  ['UUID', `'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'`, 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'],
  ['UUID TEXT', `'00000000000000000000000000000001'`, '00000000000000000000000000000001'],
  ['JSON', `'{"a": [1, null, "é"], "big": 12345678901234567890}'`, { a: [1, null, 'é'], big: 12345678901234567890n }],
  ['JSON', `'5'`, 5],
  ['JSONB', `'[1.5]'`, [1.5]],
  ['JSON TEXT', `'12345678901234567890'`, 12345678901234567890n],
  ['JSON TEXT', `'"text"'`, 'text'],
  ['ANY', `7`, 7],
  ['ANY', `'a'`, 'a'],
  ['ANY', `1.5`, 1.5],
  ['ANY', `x'00'`, Buffer.from([0])],
];

const nameOf = (declared: string) => declared.replace(/ ?\(.*\)/, '');

test('the cases have every type of the table', () => {
  const tried = new Set(cases.map(([declared]) => nameOf(declared)));
  expect(Object.keys(knownTypes).filter((name) => !tried.has(name))).toEqual([]);
});

test.each(cases)('%s %s', async (declared, sql, value) => {
  const { connection, sql: run, columns } = await open();
  await run(
    `create table source (v ${declared}, n ${declared.toLowerCase()}); insert into source values (${sql}, null)`,
  );
  const known = knownTypes[nameOf(declared)]!;
  const described = await columns('source');
  expect(described[0]).toMatchObject({ name: 'v', type: known.type, native: declared.replace(', ', ',') });
  expect(described[0]!.untyped).toBe(known.untyped);
  expect(described[1]).toEqual({ ...described[0], name: 'n' });
  expect(await readRows(connection, 'source')).toEqual([{ v: value, n: null }]);

  await connection.write('target', (await connection.read('source', { signal: never })) as RowStream, writeOptions());
  expect(await readRows(connection, 'target')).toEqual([{ v: value, n: null }]);
  if (known.untyped) return;
  expect(await columns('target')).toEqual(described);
});

test.each(Object.entries(newTypes) as [ColumnType, string][])(
  'a new column of the type %s is %s',
  async (type, native) => {
    const { write, columns } = await open();
    await write('target', [{ name: 'v', type }], []);
    const [column] = await columns('target');
    expect(column).toMatchObject({ type: type === 'array' ? 'json' : type, native });
  },
);

test('declared types that are not in the table go by what SQLite makes of them', async () => {
  const { sql, columns } = await open();
  await sql('create table items (a POINTLESS, b "LONG STRINGTEXT", c DOUBLED, d MYBLOB, e, f FOO)');
  expect((await columns('items')).map(({ type, untyped }) => [type, untyped ?? false])).toEqual([
    ['integer', false],
    ['text', false],
    ['double', false],
    ['binary', false],
    ['text', true],
    ['text', true],
  ]);
});

test('a column without a type gives each value as it comes', async () => {
  const { sql, connection } = await open();
  await sql(
    `create table items (v); insert into items values (1), (1.5), ('1'), (x'01'), (null), (9007199254740993), ('ü' || char(0))`,
  );
  expect((await readRows(connection, 'items')).map(({ v }) => v)).toEqual([
    1,
    1.5,
    '1',
    Buffer.from([1]),
    null,
    9007199254740993n,
    'ü\0',
  ]);
});

test.each([
  ['INTEGER', `'abc'`, '"abc"'],
  ['INTEGER', '1.5', '1.5'],
  ['INTEGER', `x'01'`, 'binary'],
  ['BOOLEAN', '2', '2'],
  ['REAL', `'x'`, '"x"'],
  ['DECIMAL', `'1.5.0'`, '"1.5.0"'],
  ['DECIMAL TEXT', `'1e5'`, '"1e5"'],
  ['TEXT', `x'41'`, 'binary'],
  ['BLOB', `'text'`, '"text"'],
  ['BLOB', '1', '1'],
  ['DATE', '20260131', '20260131'],
  ['DATE', `'31.1.2026'`, '"31.1.2026"'],
  ['DATETIME', '1738324800', '1738324800'],
  ['DATETIME', `'2026-01-31T12:00:00Z'`, '"2026-01-31T12:00:00Z"'],
  ['TIMESTAMPTZ', `'2026-01-31T12:00:00'`, '"2026-01-31T12:00:00"'],
  ['UUID', `'x'`, '"x"'],
  ['JSON', `'{'`, '"{"'],
  ['JSONB', `x'00'`, 'binary'],
])('a %s that holds %s is refused with table, column and record', async (declared, sql, shown) => {
  const { connection, sql: run } = await open();
  await run(`create table items (id int, v ${declared}); insert into items values (1, null), (2, ${sql})`);
  const error = await failureOf(readRows(connection, 'items'));
  expect(error).toMatchObject({ code: 'VALUE_INVALID' });
  for (const part of ['/shop/items', 'column "v"', 'record 2', shown, declared]) expect(error.message).toContain(part);
  expect(await queryRows(connection, 'select cast(v as blob) as v from items where id = 1')).toEqual([{ v: null }]);
});

describe('text that is no text', () => {
  test('bytes that are no UTF-8 are refused, and can be read as bytes', async () => {
    const { connection, sql } = await open();
    await sql(`create table items (v text, w); insert into items values (cast(x'61ff62' as text), 1)`);
    for (const columns of [['v'], ['v', 'w']]) {
      const error = await failureOf(readRows(connection, 'items', { columns }));
      expect(error).toMatchObject({ code: 'VALUE_INVALID', message: expect.stringContaining('UTF-8') });
    }
    expect(await queryRows(connection, 'select cast(v as blob) as v from items')).toEqual([
      { v: Buffer.from('a\xffb', 'latin1') },
    ]);
    const error = await failureOf(queryRows(connection, 'select v || 1 as v from items'));
    expect(error).toMatchObject({ code: 'VALUE_INVALID' });
  });

  test.each(['UTF-16le', 'UTF-16be'])('a file in %s', async (encoding) => {
    const { connection, sql, write, columns } = await open({ encoding });
    const texts = ['plain', 'ü€𝄞', 'a\0b', '', 'x'.repeat(3000), 'tü'];
    const column: Column[] = [{ name: 'grüße', type: 'text' }];
    await write(
      'items',
      column,
      texts.map((text) => ({ grüße: text })),
    );
    expect((await columns('items'))[0]!.name).toBe('grüße');
    expect((await readRows(connection, 'items')).map((row) => row.grüße)).toEqual(texts);
    await sql(`create table odd (v text, b blob); insert into odd values (cast(x'00d8' as text), x'00d8')`);
    expect(await readRows(connection, 'odd', { columns: ['b'] })).toEqual([{ b: Buffer.from([0, 0xd8]) }]);
    if (encoding === 'UTF-16le') {
      expect(await failureOf(readRows(connection, 'odd', { columns: ['v'] }))).toMatchObject({ code: 'VALUE_INVALID' });
    }
  });
});

/** What SQLite would change without a word. */
test.each<[declared: string, type: ColumnType, value: Value]>([
  ['REAL', 'double', Number.NaN],
  ['REAL', 'double', -0],
  ['INTEGER', 'integer', 9223372036854775808n],
  ['INTEGER', 'text', '1.0'],
  ['INTEGER', 'text', 'x'],
  ['REAL', 'integer', 9007199254740993n],
  ['DECIMAL(30,2)', 'decimal', '12345678901234567890.12'],
  ['DECIMAL', 'decimal', '0.1000000000000000055511151231257827'],
  ['DECIMAL', 'decimal', 'NaN'],
  ['DECIMAL TEXT(5,2)', 'decimal', '1.234'],
  ['DECIMAL TEXT(5,2)', 'decimal', '12345.6'],
  ['UUID', 'uuid', '12345678901234567890123456789012'],
  ['JSON', 'json', 12345678901234567890n],
  ['FOO', 'text', '007'],
  ['TEXT', 'text', '\udc00'],
  ['TEXT', 'json', '\udc00'],
  ['BLOB', 'text', 'abc'],
  ['BOOLEAN', 'integer', 2],
  ['DATE', 'text', '20260131'],
  ['TIMESTAMP', 'text', 'yesterday'],
  ['JSON TEXT', 'text', '{'],
])('a column declared as %s does not take the %s %s', async (declared, type, value) => {
  const { connection, sql, write } = await open();
  await sql(`create table target (v ${declared})`);
  const error = await failureOf(write('target', [{ name: 'v', type }], [{ v: null }, { v: value }]));
  expect(['VALUE_LOSSY', 'VALUE_INVALID']).toContain(error.code);
  expect(error.message).toMatch(/\/shop\/target.*"v"/);
  expect(await readRows(connection, 'target')).toEqual([]);
});

test.each<[declared: string, type: ColumnType, value: Value, back: Value]>([
  ['INTEGER', 'text', ' +007 ', 7],
  ['INTEGER', 'double', 5, 5],
  ['REAL', 'text', '1e5', 100000],
  ['REAL', 'double', Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY],
  ['DECIMAL(10,2)', 'decimal', '12.30', '12.3'],
  ['DECIMAL(10,2)', 'decimal', '-0012.00', '-12'],
  ['NUMERIC', 'decimal', '9223372036854775807', '9223372036854775807'],
  ['BOOLEAN', 'text', 'Yes', true],
  ['TEXT', 'integer', 5, '5'],
  ['TEXT', 'double', -0, '-0'],
  ['TEXT', 'boolean', false, 'false'],
  ['TEXT', 'json', { a: 1 }, '{"a":1}'],
  ['ANY', 'integer', 5, 5],
  ['', 'double', -0, -0],
  ['', 'text', '007', '007'],
  ['TIMESTAMP', 'text', '2026-01-31 12:00', '2026-01-31T12:00:00'],
  ['JSON', 'json', '12', '12'],
  ['JSON', 'json', -1.5, -1.5],
  ['DECIMAL TEXT', 'decimal', `-${'9'.repeat(500)}.${'1'.repeat(500)}`, `-${'9'.repeat(500)}.${'1'.repeat(500)}`],
])('a column declared as %s takes the %s %s', async (declared, type, value, back) => {
  const { connection, sql, write } = await open();
  await sql(`create table target (v ${declared})`);
  await write('target', [{ name: 'v', type }], [{ v: value }]);
  expect(await readRows(connection, 'target')).toEqual([{ v: back }]);
});

test.each<[Partial<Column>, string]>([
  [{ type: 'timestamptz' }, 'TIMESTAMP'],
  [{ type: 'timestamp' }, 'TIMESTAMPTZ'],
  [{ type: 'timestamp' }, 'DATE'],
  [{ type: 'decimal' }, 'DOUBLE'],
  [{ type: 'decimal' }, 'DECIMAL TEXT(10,2)'],
  [{ type: 'binary' }, 'TEXT'],
])('%j into %s is refused before anything is written', async (from, declared) => {
  const { sql, write } = await open();
  await sql(`create table target (v ${declared})`);
  const error = await failureOf(write('target', [{ name: 'v', ...from } as Column], [{ v: null }]));
  expect(error).toMatchObject({ code: 'VALUE_LOSSY', message: expect.stringContaining('"v"') });
});

test.each<[declared: string, type: ColumnType, value: Value, back: Value]>([
  ['REAL', 'double', Number.NaN, null],
  ['REAL', 'double', -0, 0],
  ['REAL', 'decimal', '0.10000000000000001', 0.1],
  ['REAL', 'integer', 9007199254740993n, 9007199254740992],
  ['DECIMAL(30,2)', 'decimal', '0.10000000000000001', '0.1'],
  ['TIMESTAMP', 'timestamptz', '2026-01-31T23:30:00.123456-02:00', '2026-02-01T01:30:00.123456'],
  ['DATE', 'timestamp', '2026-01-31T12:00:00', '2026-01-31'],
  ['TIME', 'timestamptz', '2026-01-31T12:00:00.5Z', '12:00:00.5'],
  ['TEXT', 'text', 'a\ud800', 'a\ufffd'],
])(
  'with `lossy: allow`, a column declared as %s takes the %s %s as far as it can',
  async (declared, type, value, back) => {
    const { connection, sql, write } = await open();
    await sql(`create table target (v ${declared})`);
    await write('target', [{ name: 'v', type }], [{ v: value }], { lossy: 'allow' });
    expect(await readRows(connection, 'target')).toEqual([{ v: back }]);
  },
);

test('`lossy: allow` makes no number of what is none', async () => {
  const { connection, sql, write } = await open();
  await sql('create table target (v integer, w real)');
  const columns: Column[] = [
    { name: 'v', type: 'text' },
    { name: 'w', type: 'text' },
  ];
  for (const row of [
    { v: 'x', w: '1' },
    { v: '1.5', w: '1' },
    { v: '1', w: 'x' },
  ]) {
    expect(await failureOf(write('target', columns, [row], { lossy: 'allow' }))).toMatchObject({ fault: 'input' });
  }
  expect(await readRows(connection, 'target')).toEqual([]);
});
