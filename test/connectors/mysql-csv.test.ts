// CSV that passes as bytes: that the result is the same as by rows, and that mistakes are told.
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { RowStream } from '../../engine/contracts/data.ts';
import { csv } from '../../pipes/formats/csv.ts';
import { readRows } from '../conformance/database.ts';
import { writeOptions } from '../conformance/files.ts';
import { chunksOf, contextFor, failureOf } from '../conformance/streams.ts';
import { trickyText } from '../conformance/values.ts';
import { haveMysql, startMysql, type TestMysql } from '../servers/mysql.ts';
import { openDatabase } from '../servers/mysql-database.ts';

const fileOf = (text: string, sizes: number[] = [7], delimiter = ';') =>
  csv.decode(chunksOf(Buffer.from(text), sizes), { delimiter } as never, contextFor('a.csv'));

const byRows = ({ encoded: _, ...rows }: RowStream): RowStream => rows;

describe.runIf(haveMysql())('on a server', () => {
  let server: TestMysql;
  beforeAll(async () => {
    server = await startMysql();
  });
  afterAll(() => server?.stop());

  const odd = [
    'id;name;more',
    '1;"a;b";x',
    '2;;""',
    '3;NULL;\\N',
    '4;"NULL";"\\N"',
    '5;"two\nlines";"quo""te"',
    '6;a\rb;tab\there',
    '7;back\\slash;end\\',
    '8; blanks ;"\r\n"',
    '9;🎉ünï日本;\0',
    '10;,;|',
  ];

  test.each(['\n', '\r\n'])('a file with lines that end in %j', async (newline) => {
    const { connection, sql } = await openDatabase(server);
    const columns = '(id int not null primary key, name varchar(50), more text)';
    await sql(`create table rows_ ${columns}; create table bytes ${columns}`);
    for (const end of ['', newline, newline.repeat(3)]) {
      const text = odd.join(newline) + end;
      const seen: string[] = [];
      const stream = await fileOf(text);
      const spy: RowStream = {
        ...stream,
        encoded(accepts) {
          const found = stream.encoded?.(accepts);
          if (found !== undefined) seen.push(found.encoding.name);
          return found;
        },
      };
      const report = await connection.write('bytes', spy, writeOptions({ mode: 'replace' }));
      await connection.write('rows_', byRows(await fileOf(text)), writeOptions({ mode: 'replace' }));
      expect([seen, report.rows]).toEqual([['csv'], 10]);
      const rows = await readRows(connection, 'bytes');
      expect(rows).toEqual(await readRows(connection, 'rows_'));
      expect(rows.slice(1, 4)).toEqual([
        { id: 2, name: null, more: '' },
        { id: 3, name: 'NULL', more: '\\N' },
        { id: 4, name: 'NULL', more: '\\N' },
      ]);
    }
  });

  test('any texts, cut into chunks anywhere', async () => {
    const { connection, sql } = await openDatabase(server);
    await sql('create table rows_ (a longtext, b longtext); create table bytes (a longtext, b longtext)');
    const cell = fc.oneof(trickyText, fc.constant(null)).filter((text) => text === null || text.isWellFormed());
    const write = (text: string | null) => (text === null ? '' : `"${text.replaceAll('"', '""')}"`);
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(cell, cell), { maxLength: 12 }),
        fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 4 }),
        async (cells, sizes) => {
          const text = ['a;b', ...cells.map((pair) => pair.map(write).join(';'))].join('\n');
          await connection.write('bytes', await fileOf(text, sizes), writeOptions({ mode: 'replace' }));
          const rows = await readRows(connection, 'bytes');
          expect(rows).toEqual(cells.map(([a, b]) => ({ a, b })));
        },
      ),
      { numRuns: 25 },
    );
  });

  test.each([
    ['more fields', '7;a\n8;b;c\n', /record 2.*more than 2/],
    ['fewer fields', '7;a\n8\n', /record 2.*1 fields/],
    ['an empty line', '7;a\n\n8;b\n', /record 2.*empty line/],
    ['a quote inside', '7;a\n8;b"c\n', /record 2.*quote inside/],
    ['a quote that is not closed', '7;a\n8;"b\n', /record 2.*does not close/],
    ['more after a quote', '7;a\n8;"b"c\n', /record 2.*closing quote/],
    ['another type', '7;a\nx;b\n', /record 2.*"id": "x"/],
    ['a fraction', '7;a\n1.5;b\n', /record 2.*"id": "1.5"/],
    ['a value that is too long', '7;a\n8;bcdefghijkl\n', /record 2.*name/],
    ['a key that is there', '7;a\n8;b\n7;c\n', /record 3.*'7'/],
    ['no value', '7;a\n;b\n', /record 2.*"id" cannot be NULL/],
  ])('%s: told with the record, and nothing is written', async (_, lines, message) => {
    const { connection, sql } = await openDatabase(server);
    await sql('create table items (id int not null primary key, name varchar(10))');
    const work = connection.write('items', await fileOf(`id;name\n${lines}`), writeOptions());
    const error = await failureOf(work);
    expect(error).toMatchObject({ code: 'ROW_REFUSED', message: expect.stringMatching(message) });
    expect(await readRows(connection, 'items')).toEqual([]);
  });

  test('where the server would change a value without a word, rows go', async () => {
    const { connection, sql } = await openDatabase(server);
    await sql(`create table items (e enum('a','b'))`);
    const stream = await fileOf('e\na\n');
    let offered = false;
    const spy: RowStream = {
      ...stream,
      encoded(accepts) {
        offered = accepts.length > 0;
        return undefined;
      },
    };
    await connection.write('items', spy, writeOptions());
    expect(offered).toBe(false);
    expect(await readRows(connection, 'items')).toEqual([{ e: 'a' }]);
  });
});
