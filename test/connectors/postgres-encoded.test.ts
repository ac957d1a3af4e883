// Rows that pass as bytes: which way is taken, and that the result is the same as by rows.
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Encoding, RowStream } from '../../engine/contracts/data.ts';
import { csv } from '../../pipes/formats/csv.ts';
import { queryRows, readRows } from '../conformance/database.ts';
import { never, writeOptions } from '../conformance/files.ts';
import { chunksOf, collect, contextFor, failureOf } from '../conformance/streams.ts';
import { startPostgres, type TestPostgres } from '../servers/postgres.ts';
import { openDatabase } from '../servers/postgres-database.ts';

let server: TestPostgres;
beforeAll(async () => {
  server = await startPostgres();
});
afterAll(() => server.stop());

const filled = `create table source (id int primary key, name text, price numeric(10,2), paid boolean);
  insert into source select i, case when i % 3 = 0 then null when i % 3 = 1 then '' else 'a "quoted", text' end,
    i / 7.0, i % 2 = 0 from generate_series(1, 5000) i`;

/** The stream, and the name of the encoding that was taken in place of its rows. */
function spied(stream: RowStream) {
  const seen: { taken?: string; accepts?: string[] } = {};
  const { encoded } = stream;
  const spy: RowStream = {
    ...stream,
    encoded(accepts) {
      const found = encoded?.call(stream, accepts);
      seen.accepts = accepts.map(({ name }) => name);
      if (found !== undefined) seen.taken = found.encoding.name;
      return found;
    },
  };
  return { spy, seen };
}

test.each([
  ['a new table', undefined, 'pgcopy-binary'],
  ['the same types', 'create table target (like source)', 'pgcopy-binary'],
  ['other types', 'create table target (id bigint, name text, price numeric, paid boolean)', 'csv'],
])('from Postgres to Postgres, %s', async (_, create, way) => {
  const { connection, sql } = await openDatabase(server);
  await sql(filled);
  if (create !== undefined) await sql(create);
  for (const mode of ['append', 'replace', 'upsert'] as const) {
    if (mode === 'upsert') await sql('create unique index if not exists by_id on target (id)');
    const { spy, seen } = spied((await connection.read('source', { signal: never })) as RowStream);
    const report = await connection.write('target', spy, writeOptions({ mode, key: ['id'] }));
    expect({ ...seen, rows: report.rows }).toMatchObject({ taken: way, rows: 5000 });
    const all = 'select id, name, price, paid from';
    expect(await queryRows(connection, `${all} target order by id`)).toEqual(
      await queryRows(connection, `${all} source order by id`),
    );
  }
});

test('enums go as text, because their binary form belongs to one database', async () => {
  const { connection, sql } = await openDatabase(server);
  await sql(`create type mood as enum ('sad'); create table source (m mood); insert into source values ('sad'), (null);
    create table target (like source)`);
  const { spy, seen } = spied((await connection.read('source', { signal: never })) as RowStream);
  await connection.write('target', spy, writeOptions());
  expect(seen.taken).toBe('pgcopy-text');
  expect(await readRows(connection, 'target')).toEqual([{ m: 'sad' }, { m: null }]);
});

test('a CSV file goes as it is, and its mistakes are told with their line', async () => {
  const { connection, sql } = await openDatabase(server);
  await sql('create table target (name text, id int)');
  const file = (text: string) =>
    csv.decode(chunksOf(Buffer.from(text), [7]), { delimiter: ';' } as never, contextFor('a.csv'));
  const { spy, seen } = spied(await file('id;name\n1;"a;b"\n2;\n3;""\n4;"\\."\n5;\\.\n6;end\n'));
  const report = await connection.write('target', spy, writeOptions());
  expect({ ...seen, rows: report.rows }).toMatchObject({ taken: 'csv', rows: 6 });
  const names = ['a;b', null, '', '\\.', '\\.', 'end'];
  expect(await readRows(connection, 'target')).toEqual(names.map((name, i) => ({ name, id: i + 1 })));

  const error = await failureOf(connection.write('target', await file('id;name\n7;a\nx;b\n'), writeOptions()));
  expect(error).toMatchObject({
    code: 'ROW_REFUSED',
    message: expect.stringMatching(/target, line 2, column "id".*"x"/),
  });
  const ragged = await failureOf(connection.write('target', await file('id;name\n7;a\n8\n'), writeOptions()));
  expect(ragged).toMatchObject({ code: 'ROW_REFUSED', message: expect.stringContaining('line 2') });
  expect(await readRows(connection, 'target')).toHaveLength(6);
});

test('Postgres offers CSV where its text is the same as ours', async () => {
  const { connection, sql } = await openDatabase(server);
  await sql(`${filled}; create table times (at timestamptz)`);
  const offer = async (path: string, accepts: Encoding[], more = {}) =>
    ((await connection.read(path, { signal: never, ...more })) as RowStream).encoded!(accepts);
  const dialect = { delimiter: ';', null: '' };
  const found = (await offer('source', [{ name: 'csv', options: dialect }], { where: 'id <= $1', parameters: [3] }))!;
  expect(found.encoding).toMatchObject({ name: 'csv', options: { delimiter: ';', header: false } });
  const text = Buffer.concat(await collect(found.chunks)).toString();
  expect(text).toBe('1;"";0.14;false\n2;"a ""quoted"", text";0.29;true\n3;;0.43;false\n');
  expect(await offer('times', [{ name: 'csv' }])).toBeUndefined();
  expect(await offer('source', [{ name: 'pgcopy-binary', options: { types: 'integer' } }])).toBeUndefined();
  expect(await offer('source', [{ name: 'parquet' }])).toBeUndefined();
});
