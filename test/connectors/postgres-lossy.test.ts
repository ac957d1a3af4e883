// What would lose something in a column of a Postgres: refused with its record or line, or let through where the write says so.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Column, RowStream, Value } from '../../engine/contracts/data.ts';
import { csv } from '../../pipes/formats/csv.ts';
import { readRows, streamOfRows } from '../conformance/database.ts';
import { writeOptions } from '../conformance/files.ts';
import { chunksOf, contextFor, failureOf } from '../conformance/streams.ts';
import { startPostgres, type TestPostgres } from '../servers/postgres.ts';
import { openDatabase } from '../servers/postgres-database.ts';

let server: TestPostgres;
beforeAll(async () => {
  server = await startPostgres();
});
afterAll(() => server.stop());

/** The texts that fit the type, and those that do not. */
const cases: [native: string, fit: string[], lose: string[]][] = [
  [
    'numeric(6,2)',
    ['1', '-1.20', '1.2300', '.5', '1.2e1', '123456e-2', '0.00', 'NaN', '1_000.25'],
    ['1.234', '-0.001', '1.2345e1', '1.005'],
  ],
  ['numeric(6,0)', ['7', '7.0', '1e3'], ['7.5', '5e-1']],
  [
    'double precision',
    ['0.1', '1e300', '123456789012345', '0.30000000000000004', '1.50000000000000000000'],
    ['0.12345678901234567890', '12345678901234567891', '9007199254740993'],
  ],
  ['real', ['0.1', '1.5', '16777216', '3.4028235e+38'], ['16777217', '0.123456789']],
  [
    'date',
    ['2026-01-31', '2026-01-31T00:00:00', 'infinity', 'Jan 8, 1999'],
    ['2026-01-31 10:00', '2026-01-31T00:00:01Z'],
  ],
  [
    'timestamp',
    ['2026-01-31 10:00', '2026-01-31T10:00:00.123456', '2026-01-31', '2026-01-31 10:00 PM'],
    ['2026-01-31T10:00:00Z', '2026-01-31 10:00:00+02', '2026-01-31 10:00:00.1234567', '2026-01-31 10:00 CET'],
  ],
  ['timestamp(3)', ['2026-01-31T10:00:00.123', '2026-01-31T10:00:00.123000'], ['2026-01-31T10:00:00.1234']],
  ['timestamptz', ['2026-01-31T10:00:00Z', '2026-01-31T10:00:00.123456+02'], ['2026-01-31T10:00:00.1234567Z']],
  ['time', ['10:00', '23:59:59.123456'], ['10:00+02', '2026-01-31 10:00', '10:00:00.1234567']],
  ['varchar(3)', ['abc', 'ab ', 'é🎉a'], ['abc ']],
];

const text: Column[] = [
  { name: 'id', type: 'integer' },
  { name: 'v', type: 'text' },
];

const asCsv = (values: string[]) => {
  const body = values.map((value, i) => `${i + 1},"${value}"\n`).join('');
  return csv.decode(chunksOf(Buffer.from(`id,v\n${body}`), [11]), {} as never, contextFor('a.csv'));
};
const asRows = (values: Value[]): RowStream =>
  streamOfRows(
    text,
    values.map((v, i) => ({ id: i + 1, v })),
  );

describe.each(cases)('%s', (native, fit, lose) => {
  test('takes what fits, and refuses the rest, by rows and by bytes', async () => {
    const { connection, sql } = await openDatabase(server);
    await sql(`create table target (id int, v ${native})`);
    const count = async () => (await sql('select count(*)::int as n from target'))[0]!.n;
    await connection.write('target', asRows(fit), writeOptions());
    await connection.write('target', await asCsv(fit), writeOptions());
    expect(await count()).toBe(2 * fit.length);
    for (const value of lose) {
      const byRows = await failureOf(connection.write('target', asRows([fit[0]!, value]), writeOptions()));
      const said = expect.stringMatching(/\/shop\/target: .* in column "v" .*record 2; say `lossy: allow`/);
      expect(byRows, value).toMatchObject({ code: 'VALUE_LOSSY', message: said, data: { position: 2 } });
      const byBytes = await failureOf(connection.write('target', await asCsv([fit[0]!, value]), writeOptions()));
      expect(byBytes, value).toMatchObject({ code: 'VALUE_LOSSY', message: expect.stringMatching(/"v".*line 2/) });
      expect(await count(), value).toBe(2 * fit.length);
      await connection.write('target', asRows([value]), writeOptions({ lossy: 'allow' }));
      await connection.write('target', await asCsv([value]), writeOptions({ lossy: 'allow' }));
      expect(await count(), value).toBe(2 * fit.length + 2);
      await sql('delete from target where ctid in (select ctid from target order by ctid desc limit 2)');
    }
  });
});

test('CSV without quotes, in chunks of every size, with other columns around', async () => {
  const { connection, sql } = await openDatabase(server);
  await sql('create table target (a text, v numeric(6,2), b text, w numeric(4,1))');
  const good = 'a,v,b,w\nx.123,1.25,9.999,1.5\n"q\n"",1.234",-7.5,,\n,,3.14159,0\n';
  const load = async (body: string, size: number) =>
    connection.write(
      'target',
      await csv.decode(chunksOf(Buffer.from(body), [size]), {} as never, contextFor('a.csv')),
      writeOptions(),
    );
  for (const size of [1, 2, 3, 5, 7, 1000]) {
    await load(good, size);
    for (const last of ['x,1.255,y,1\n', 'x,1,y,1.55', '"a,b",1,"1.5\n",-1.55\r\n']) {
      expect(await failureOf(load(good + last, size)), `${size} ${last}`).toMatchObject({
        code: 'VALUE_LOSSY',
        data: { column: last.startsWith('x,1.255') ? 'v' : 'w' },
      });
    }
  }
  expect(await sql('select count(*)::int as n, sum(v)::text as v, sum(w)::text as w from target')).toEqual([
    { n: 18, v: '-37.50', w: '9.0' },
  ]);
});

test('numbers of a source without types', async () => {
  const { connection, sql } = await openDatabase(server);
  await sql('create table target (v numeric(6,2))');
  await connection.write('target', streamOfRows(undefined, [{ v: 1.25 }, { v: 3 }]), writeOptions());
  const work = connection.write('target', streamOfRows(undefined, [{ v: 1.25 }, { v: 1.255 }]), writeOptions());
  expect(await failureOf(work)).toMatchObject({ code: 'VALUE_LOSSY', data: { position: 2 } });
  const doubles = streamOfRows([{ name: 'v', type: 'double' }], [{ v: 0.5 }, { v: 0.125 }]);
  expect(await failureOf(connection.write('target', doubles, writeOptions()))).toMatchObject({
    code: 'VALUE_LOSSY',
    data: { position: 2 },
  });
});

test('types that differ are let through where the write says so', async () => {
  const { connection, sql } = await openDatabase(server);
  await sql('create table target (v numeric(6,2))');
  const stream = () => streamOfRows([{ name: 'v', type: 'decimal' }], [{ v: '1.234' }]);
  const error = await failureOf(connection.write('target', stream(), writeOptions()));
  expect(error).toMatchObject({ code: 'VALUE_LOSSY', message: expect.stringContaining('say `lossy: allow`') });
  await connection.write('target', stream(), writeOptions({ lossy: 'allow' }));
  expect(await readRows(connection, 'target')).toEqual([{ v: '1.23' }]);
});

test('rows that would lose something are rejected', async () => {
  const { connection, sql } = await openDatabase(server);
  await sql('create table target (id int, v numeric(6,2))');
  const rejected: unknown[] = [];
  const onReject = async (one: unknown) => void rejected.push(one);
  await connection.write('target', asRows(['1', '1.234', '2', '1.239']), writeOptions({ onReject }));
  await connection.write('target', await asCsv(['3', '3.456']), writeOptions({ onReject }));
  expect(rejected).toMatchObject([
    { position: 2, row: { id: 2, v: '1.234' }, reason: expect.stringContaining('"v"') },
    { position: 4 },
    { position: 2 },
  ]);
  expect(await sql('select v::text as v from target order by v')).toEqual([
    { v: '1.00' },
    { v: '2.00' },
    { v: '3.00' },
  ]);
});
