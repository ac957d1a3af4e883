// Postgres to CSV: the server's own bytes, which mean what the rows written one by one would mean.
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Row, RowStream } from '../../engine/contracts/data.ts';
import { csv } from '../../pipes/formats/csv.ts';
import { never } from '../conformance/files.ts';
import { chunksOf, collect, contextFor, rowsOf } from '../conformance/streams.ts';
import { startPostgres, type TestPostgres } from '../servers/postgres.ts';
import { openDatabase } from '../servers/postgres-database.ts';

let server: TestPostgres;
beforeAll(async () => {
  server = await startPostgres();
});
afterAll(() => server.stop());

type Options = Parameters<typeof csv.encode>[1];

/** The file by the server's bytes, if they are offered, and by rows. */
async function bothWays(read: () => Promise<RowStream>, more: Partial<Options> = {}) {
  const options = { name: 'csv', ...more } as Options;
  const stream = await read();
  const seen: string[] = [];
  const spy: RowStream = {
    ...stream,
    encoded(accepts) {
      const found = stream.encoded!(accepts);
      if (found !== undefined) seen.push(found.encoding.name);
      return found;
    },
  };
  const bytes = Buffer.concat(await collect(csv.encode(spy, options, contextFor('a.csv'))));
  const { encoded: _, ...rows } = await read();
  const byRows = Buffer.concat(await collect(csv.encode(rows, options, contextFor('a.csv'))));
  const back = async (file: Buffer): Promise<Row[]> =>
    rowsOf(await csv.decode(chunksOf(file), options, contextFor('a.csv')));
  return { taken: seen.length > 0, text: bytes.toString(), read: await back(bytes), expected: await back(byRows) };
}

const values: Record<string, string[]> = {
  boolean: ['true', 'false'],
  bigint: ['9223372036854775807', '-1'],
  numeric: ['0.10', '-12345678901234567890.5', 'NaN'],
  text: ['', ' ', '\\N', '\\.', 'a,b', '"', 'line\nfeed', '\r', 'NA', 'é🎉'],
  'char(5)': ['ab'],
  bytea: ['\\x00ff2c0a'],
  uuid: ['6f1c8f44-58cc-4e9a-9c0e-0d7a4d1b2c3d'],
  date: [
    '2026-01-31',
    '0001-01-01',
    '9999-12-31',
    'infinity',
    '10000-01-01',
    '0001-12-31 BC',
    '0044-03-15 BC',
    '5874897-12-31',
  ],
  time: ['12:00:00', '23:59:59.000001'],
  timestamp: [
    '2026-01-31 12:00:00',
    '2026-01-31 12:00:00.1',
    '-infinity',
    '10000-01-01 00:00:00.5',
    '0044-03-15 12:00:00 BC',
  ],
  timestamptz: ['2026-01-31 12:00:00.123456+00', 'infinity', '0001-12-31 23:00:00+00 BC', '294276-12-31 23:59:59+00'],
  interval: ['1 year 2 days 03:04:05.6'],
  inet: ['10.0.0.1/8'],
};

test.each(Object.entries(values))('%s', async (type, texts) => {
  const { connection, sql } = await openDatabase(server);
  const rows = [...texts.map((text) => `('${text.replaceAll("'", "''")}')`), '(null)'];
  await sql(`create table items (v ${type}, id serial); insert into items (v) values ${rows.join(', ')}`);
  const read = async () => (await connection.read('items', { signal: never })) as RowStream;
  for (const options of [{}, { delimiter: ';', null_text: 'NA' }, { delimiter: '\t' }]) {
    const both = await bothWays(read, options as Partial<Options>);
    expect(both.taken).toBe(true);
    expect(both.read).toEqual(both.expected);
    expect(both.read).toHaveLength(rows.length);
  }
});

test.each(['double precision', 'jsonb', 'int[]'])(
  '%s has another text on the server, so rows are written',
  async (type) => {
    const { connection, sql } = await openDatabase(server);
    await sql(`create table items (v ${type})`);
    const both = await bothWays(async () => (await connection.read('items', { signal: never })) as RowStream);
    expect(both).toMatchObject({ taken: false, text: 'v\n' });
  },
);

test.each([
  { quote_all: true },
  { newline: 'crlf' },
  { delimiter: '||' },
  { quote: '' },
  { header: false },
  { trim: true },
  { encoding: 'utf-16le' },
  { columns: ['v'] },
])('with %j rows are written', async (options) => {
  const { connection, sql } = await openDatabase(server);
  await sql(`create table items (v text); insert into items values ('a')`);
  const both = await bothWays(
    async () => (await connection.read('items', { signal: never })) as RowStream,
    options as Partial<Options>,
  );
  expect(both.taken).toBe(false);
  expect(both.read).toEqual(both.expected);
});

test.each([
  ['only usual dates', ''],
  ['one date beyond, far behind', `update items set d = '12345-06-07' where id = 59999`],
])('a larger table is looked at while it is read: %s', async (_, change) => {
  const { connection, sql } = await openDatabase(server);
  await sql(
    `create table items as select i as id, date '2000-01-01' + i % 1000 as d, repeat('x', 100) as t from generate_series(1, 60000) i`,
  );
  if (change !== '') await sql(change);
  const both = await bothWays(
    async () => (await connection.read('items', { signal: never, columns: ['id', 'd', 't'] })) as RowStream,
  );
  const sorted = (rows: Row[]) => rows.toSorted((a, b) => Number(a.id) - Number(b.id));
  expect(both.taken).toBe(true);
  expect(sorted(both.read)).toEqual(sorted(both.expected));
  expect(both.read.filter(({ d }) => d === '+012345-06-07')).toHaveLength(change === '' ? 0 : 1);
});

test('a query and a condition; no column at all; how many rows it was', async () => {
  const { connection, sql } = await openDatabase(server);
  await sql(`create table items (id int, d date); insert into items values (1, '2026-01-31'), (2, '0044-03-15 BC')`);
  const query = async () =>
    connection.query('select d, id from items where id > $1;', [1], { signal: never, readOnly: true });
  expect(await bothWays(query)).toMatchObject({ taken: true, text: 'd,id\n-000043-03-15,2\n' });
  const part = async () =>
    (await connection.read('items', { signal: never, where: 'id = $1 -- the first', parameters: [1] })) as RowStream;
  expect(await bothWays(part)).toMatchObject({ taken: true, text: 'id,d\n1,2026-01-31\n' });
  const offer = (await query()).encoded!([{ name: 'csv', options: { values: 'iso' } }])!;
  await collect(offer.chunks);
  expect(offer.rows!()).toBe(1);
});
