// What every database must do when it is read in order, from where an earlier read stood, or in parts at a time.
import { describe, expect, onTestFinished, test } from 'vitest';
import type { ReadOptions, WriteOptions } from '../../engine/contracts/connector.ts';
import type { Batch, Column, Row, RowStream, Value } from '../../engine/contracts/data.ts';
import { type DatabaseSuite, streamOfRows } from './database.ts';
import { never, writeOptions } from './files.ts';
import { collect, failureOf } from './streams.ts';

/** What a column can be besides `int`, and values of it as the database takes them from text; in any order. */
export const cursorValues = {
  bigint: ['-9223372036854775808', '-1', '0', '9007199254740992', '9007199254740993', '9223372036854775807'],
  decimal: ['-1.5000000000', '0.0000000001', '0.0000000002', '1234567890123456789.1234567891', '7.0000000000'],
  double: ['-1.5', '0.1', '0.30000000000000004', '1e300', '5e-324'],
  timestamp: ['1969-12-31T23:59:59.999999', '2026-01-31T12:00:00.000001', '2026-01-31T12:00:00.000002', '2026-02-01'],
  timestamptz: ['2026-01-31T12:00:00.000001Z', '2026-01-31T12:00:00.000002Z', '2026-02-01T00:00:00Z'],
  date: ['1999-12-31', '2000-01-01', '2026-02-28'],
  uuid: [
    '00000000-0000-0000-0000-000000000000',
    '6f1c8f44-58cc-4e9a-9c0e-0d7a4d1b2c3d',
    'ff1c8f44-58cc-4e9a-9c0e-000000000000',
  ],
  text: [
    '',
    'B',
    'a',
    'z',
    'ähnlich',
    "it's",
    'back\\slash',
    'tab\tline\n',
    '"q"',
    '%_',
    '東京',
    '🎉',
    '10',
    '9',
    '\\N',
    '-',
  ],
} as const;

export type CursorType = keyof typeof cursorValues;

export interface ReadingSuite extends DatabaseSuite {
  /** The SQL type for each; undefined where the database has none. */
  types: Record<CursorType, string | undefined>;
  /** A type whose values have no order to go on in; undefined where every type has one. */
  unordered: string | undefined;
}

type More = Omit<Partial<ReadOptions>, 'signal'>;

const idAndName: Column[] = [
  { name: 'id', type: 'integer', key: true, nullable: false },
  { name: 'name', type: 'text' },
];

/** Enough for several batches everywhere. */
const many = 50_000;
const manyRows = () =>
  Array.from({ length: many }, (_, i) => ({ id: (i * 7919) % many, name: `${i}`.padEnd(100, 'x') }));

/** As a checkpoint holds it. */
const inPosition = (value: Value) => (typeof value === 'bigint' ? String(value) : value);
const numbersOf = (rows: readonly Row[], column = 'id') => rows.map((row) => Number(row[column]));
const upTo = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, i) => from + i);

export function describeReading(name: string, suite: ReadingSuite): void {
  const { placeholder, types } = suite;
  const open = async () => {
    const database = await suite.open();
    onTestFinished(async () => {
      await database.connection.close();
      await database.close();
    });
    const { connection } = database;
    const stream = async (path: string, more: More = {}) =>
      (await connection.read!(path, { signal: never, ...more })) as RowStream;
    const batches = async (path: string, more: More = {}): Promise<Batch[]> =>
      collect((await stream(path, more)).batches);
    return {
      ...database,
      stream,
      batches,
      rows: async (path: string, more: More = {}): Promise<Row[]> =>
        (await batches(path, more)).flatMap(({ rows }) => [...rows]),
      write: (path: string, rows: Row[], columns = idAndName, more: Partial<WriteOptions> = {}) =>
        connection.write!(path, streamOfRows(columns, rows), writeOptions(more)),
    };
  };
  type Opened = Awaited<ReturnType<typeof open>>;
  const withMany = async () => {
    const database = await open();
    await database.write('items', manyRows());
    return database;
  };
  /** A table with these columns in SQL, filled from text. */
  const withTable = async (
    columns: Record<string, string>,
    rows: Record<string, string | number | null>[],
    more = '',
  ) => {
    const database = await open();
    const list = Object.entries(columns).map(([column, type]) => `${column} ${type}`);
    await database.sql(`create table items (${list.join(', ')}${more})`);
    await database.write(
      'items',
      rows,
      Object.keys(columns).map((column) => ({ name: column, type: 'text' })),
    );
    return database;
  };
  const lastOf = (batches: readonly Batch[]) => batches.at(-1)?.checkpoint as Row | undefined;
  /** Each batch has one, and it is the same after a way through JSON. */
  const checkpointsOf = (batches: readonly Batch[]): Value[] =>
    batches.map(({ checkpoint }) => {
      expect(checkpoint).toBeDefined();
      expect(JSON.parse(JSON.stringify(checkpoint))).toEqual(checkpoint);
      return checkpoint!;
    });

  describe(`${name}, read with checkpoints`, () => {
    test('in the order of the primary key, and on from each of them', async () => {
      const { stream, rows, batches } = await withMany();
      const all = await batches('items', { checkpoints: true });
      expect((await stream('items', { checkpoints: true })).checkpoints).toBe(true);
      expect(numbersOf(all.flatMap((batch) => [...batch.rows]))).toEqual(upTo(0, many - 1));
      expect(all.length).toBeGreaterThan(1);
      let count = 0;
      for (const [i, checkpoint] of checkpointsOf(all).entries()) {
        count += all[i]!.rows.length;
        if (i % 5 > 0 && i < all.length - 1) continue;
        const rest = await rows('items', { checkpoints: true, after: checkpoint });
        expect(numbersOf(rest)).toEqual(upTo(count, many - 1));
      }
    });

    test('a read that finds nothing more ends with the checkpoint it began with', async () => {
      const { batches, sql, write } = await open();
      await write('items', [{ id: 1, name: 'a' }]);
      const [checkpoint] = checkpointsOf(await batches('items', { checkpoints: true }));
      expect(await batches('items', { checkpoints: true, after: checkpoint! })).toEqual([{ rows: [], checkpoint }]);
      await sql('delete from items');
      expect(await batches('items', { checkpoints: true })).toEqual([]);
    });

    test('without the columns of the key in the rows, and with a condition', async () => {
      const { rows, batches } = await withMany();
      const options: More = {
        checkpoints: true,
        columns: ['name'],
        where: `id < ${placeholder} or 1 = 0`,
        parameters: [20_000],
      };
      const all = await batches('items', options);
      const first = all[0]!;
      expect(Object.keys(first.rows[0]!)).toEqual(['name']);
      expect(all.flatMap((batch) => [...batch.rows])).toHaveLength(20_000);
      const rest = await rows('items', { ...options, after: first.checkpoint! });
      expect(rest).toHaveLength(20_000 - first.rows.length);
    });

    test('a key of several columns, one of them text as the database orders it', async () => {
      const texts = types.text === undefined ? [] : cursorValues.text;
      const given = texts.flatMap((text) => [2, 1, 10].map((n) => ({ kind: text, n })));
      const database = await withTable({ kind: types.text!, n: 'int not null' }, given, ', primary key (kind, n)');
      const ordered = await database.rows('items', { checkpoints: true });
      expect(ordered).toHaveLength(given.length);
      for (let i = 0; i < ordered.length; i++) {
        const after = { kind: ordered[i]!.kind!, n: ordered[i]!.n! };
        expect(await database.rows('items', { checkpoints: true, after })).toEqual(ordered.slice(i + 1));
      }
    });

    test('by a unique index whose columns are never NULL, and by no other', async () => {
      const { sql, rows, stream } = await withTable({ id: 'int not null', other: 'int' }, [
        { id: 2, other: null },
        { id: 1, other: 1 },
      ]);
      await sql('create unique index by_other on items (other)');
      const refused = await failureOf(stream('items', { checkpoints: true }));
      expect(refused).toMatchObject({ code: 'NOT_RESUMABLE', message: expect.stringMatching(/items.*key/s) });
      await sql('create unique index by_id on items (id)');
      expect(numbersOf(await rows('items', { checkpoints: true }))).toEqual([1, 2]);
    });

    test('a view has no key', async () => {
      const { sql, stream, write } = await open();
      await write('items', [{ id: 1, name: 'a' }]);
      await sql('create view shown as select * from items');
      const refused = await failureOf(stream('shown', { checkpoints: true }));
      expect(refused).toMatchObject({ code: 'NOT_RESUMABLE', message: expect.stringMatching(/shown.*view/s) });
    });

    test('a checkpoint of something else is refused', async () => {
      const { stream, write } = await open();
      await write('items', [{ id: 1, name: 'a' }]);
      for (const after of [{ number: 1 }, 5, null, [1], { id: { a: 1 } }, {}]) {
        const refused = await failureOf(stream('items', { checkpoints: true, after: after as Value }));
        expect(refused).toMatchObject({ code: 'VALUE_INVALID', message: expect.stringContaining('items') });
      }
    });
  });

  describe(`${name}, read by a cursor`, () => {
    test('what is new since the last time', async () => {
      const { batches, write } = await withMany();
      const cursor = { columns: ['id'] };
      const first = await batches('items', { cursor });
      expect(numbersOf(first.flatMap((batch) => [...batch.rows]))).toEqual(upTo(0, many - 1));
      expect(checkpointsOf(first).at(-1)).toEqual({ id: many - 1 });
      const after = lastOf(first)!;
      expect(await batches('items', { cursor: { ...cursor, after } })).toEqual([{ rows: [], checkpoint: after }]);
      await write('items', [
        { id: -5, name: 'too late' },
        { id: many + 1, name: 'b' },
        { id: many, name: 'a' },
      ]);
      const second = await batches('items', { cursor: { ...cursor, after } });
      expect(second.flatMap(({ rows }) => rows.map((row) => row.name))).toEqual(['a', 'b']);
      expect(lastOf(second)).toEqual({ id: many + 1 });
    });

    test('the same rows once more, up to a checkpoint', async () => {
      const { rows, batches } = await withMany();
      const cursor = { columns: ['id'], after: { id: 9 }, until: { id: 30_000 } };
      expect(numbersOf(await rows('items', { cursor }))).toEqual(upTo(10, 30_000));
      expect(lastOf(await batches('items', { cursor }))).toEqual({ id: 30_000 });
      expect(numbersOf(await rows('items', { cursor: { columns: ['id'], until: { id: 3 } } }))).toEqual(upTo(0, 3));
      expect(await batches('items', { cursor: { columns: ['id'], after: { id: 9 }, until: { id: 9 } } })).toEqual([
        { rows: [], checkpoint: { id: 9 } },
      ]);
    });

    test.each(Object.keys(cursorValues) as CursorType[])('a column of the type %s', async (type) => {
      if (types[type] === undefined) return;
      const given = cursorValues[type].map((value) => ({ v: value }));
      const { rows, batches, connection } = await withTable({ v: `${types[type]} not null` }, given);
      const ordered = await rows('items', { cursor: { columns: ['v'] } });
      const query = await connection.query!('select v from items order by v', [], { signal: never, readOnly: true });
      expect(ordered).toEqual((await collect(query.batches)).flatMap((batch) => [...batch.rows]));
      expect(ordered).toHaveLength(given.length);
      for (const [i, { v }] of ordered.entries()) {
        const position = { v: inPosition(v!) };
        const later = await batches('items', { cursor: { columns: ['v'], after: position } });
        expect(later.flatMap((batch) => [...batch.rows])).toEqual(ordered.slice(i + 1));
        expect(lastOf(later)).toEqual({ v: inPosition(ordered.at(-1)!.v!) });
        checkpointsOf(later);
        expect(await rows('items', { cursor: { columns: ['v'], until: position } })).toEqual(ordered.slice(0, i + 1));
      }
    });

    const changed = (database: Opened) => (more: object) =>
      database.rows('items', { cursor: { columns: ['at', 'id'], ...more } });
    const timed = async () => {
      const type = types.timestamp ?? types.text!;
      const at = (second: number) => `2026-01-31T12:00:0${second}.000001`;
      const rows = [3, 1, 2, 1, 2, 2].map((second, i) => ({ at: at(second), id: i + 1 }));
      const database = await withTable({ at: `${type} not null`, id: 'int not null' }, rows);
      return { database, at, ids: async (more: object) => numbersOf(await changed(database)(more)) };
    };

    test('several columns, of which the first has ties', async () => {
      const { database, at, ids } = await timed();
      expect(await ids({})).toEqual([2, 4, 3, 5, 6, 1]);
      expect(lastOf(await database.batches('items', { cursor: { columns: ['at', 'id'] } }))).toEqual({
        at: at(3),
        id: 1,
      });
      expect(await ids({ after: { at: at(2), id: 3 } })).toEqual([5, 6, 1]);
      expect(await ids({ after: { at: at(1), id: 3 }, until: { at: at(2), id: 5 } })).toEqual([4, 3, 5]);
      // A position that names the first columns only is after all rows that have them.
      expect(await ids({ after: { at: at(1) } })).toEqual([3, 5, 6, 1]);
      expect(await ids({ until: { at: at(2) } })).toEqual([2, 4, 3, 5, 6]);
      expect(
        await database.rows('items', { columns: ['id'], cursor: { columns: ['at', 'id'], after: { at: at(2) } } }),
      ).toEqual([{ id: 1 }]);
    });

    test('lookback begins earlier, and the checkpoint does not go back', async () => {
      const { rows, batches } = await withMany();
      const cursor = { columns: ['id'], after: { id: many - 3 }, lookback: 20_000 };
      const all = await batches('items', { cursor });
      expect(numbersOf(await rows('items', { cursor }))).toEqual(upTo(many - 3 - 20_000, many - 1));
      const seen = checkpointsOf(all).map((checkpoint) => Number((checkpoint as Row).id));
      expect(seen.every((id, i) => id >= Math.max(many - 3, seen[i - 1] ?? 0))).toBe(true);
      expect(seen.at(-1)).toBe(many - 1);
      const nothingNew = await batches('items', { cursor: { ...cursor, after: { id: many - 1 } } });
      expect(lastOf(nothingNew)).toEqual({ id: many - 1 });
      expect(numbersOf(await rows('items', { cursor: { ...cursor, until: { id: many - 2 } } }))).toEqual(
        upTo(many - 3 - 20_000, many - 2),
      );
    });

    test.runIf(types.timestamp !== undefined)('lookback in milliseconds', async () => {
      const { at, ids } = await timed();
      expect(await ids({ after: { at: at(3), id: 1 }, lookback: 1000 })).toEqual([3, 5, 6, 1]);
      expect(await ids({ after: { at: at(3), id: 1 }, lookback: 999 })).toEqual([1]);
      expect(await ids({ after: { at: at(2), id: 5 }, lookback: 60_000 })).toEqual([2, 4, 3, 5, 6, 1]);
    });

    test('lookback needs a column that can be counted back', async () => {
      const { stream } = await withTable({ v: `${types.text} not null` }, [{ v: 'a' }]);
      const refused = await failureOf(stream('items', { cursor: { columns: ['v'], after: { v: 'a' }, lookback: 5 } }));
      expect(refused).toMatchObject({
        code: 'CURSOR_UNSUITED',
        data: { column: 'v' },
        message: expect.stringContaining('lookback'),
      });
    });

    test('a column that may be NULL, or has no order, or is not there', async () => {
      const columns = {
        id: 'int not null',
        maybe: 'int',
        ...(suite.unordered && { odd: `${suite.unordered} not null` }),
      };
      const { stream } = await withTable(columns, []);
      const refused = await failureOf(stream('items', { cursor: { columns: ['id', 'maybe'] } }));
      expect(refused).toMatchObject({
        code: 'CURSOR_UNSUITED',
        data: { column: 'maybe' },
        message: expect.stringContaining('NULL'),
      });
      expect(await failureOf(stream('items', { cursor: { columns: ['idd'] } }))).toMatchObject({
        code: 'COLUMN_UNKNOWN',
        data: { column: 'idd' },
      });
      if (suite.unordered === undefined) return;
      expect(await failureOf(stream('items', { cursor: { columns: ['odd'] } }))).toMatchObject({
        code: 'CURSOR_UNSUITED',
        data: { column: 'odd' },
      });
    });

    test('a view, unless one of its rows has NULL there', async () => {
      const { rows, sql } = await withTable({ id: 'int not null', maybe: 'int' }, [
        { id: 2, maybe: 20 },
        { id: 1, maybe: 10 },
        { id: 3, maybe: null },
      ]);
      await sql('create view whole as select * from items');
      await sql('create view known as select * from items where maybe is not null');
      const cursor = { columns: ['maybe'], after: { maybe: 5 } };
      expect(numbersOf(await rows('known', { cursor }))).toEqual([1, 2]);
      expect(await failureOf(rows('whole', { cursor }))).toMatchObject({
        code: 'CURSOR_UNSUITED',
        data: { column: 'maybe' },
      });
    });

    test('a place to begin that the column cannot hold', async () => {
      const { stream } = await withTable({ at: `${types.timestamp ?? types.bigint} not null` }, []);
      for (const after of [{ at: 'last week' }, { id: 5 }, 'x'] as Value[]) {
        const refused = await failureOf(stream('items', { cursor: { columns: ['at'], after } }));
        expect(refused).toMatchObject({ code: 'VALUE_INVALID', message: expect.stringContaining('items') });
      }
    });

    test('with a condition, which stays a condition of its own', async () => {
      const { rows } = await withMany();
      const options = {
        where: `id = 3 or id = ${placeholder}`,
        parameters: [40_000],
        cursor: { columns: ['id'], after: { id: 5 } },
      };
      expect(numbersOf(await rows('items', options))).toEqual([40_000]);
    });
  });

  describe(`${name}, read in parts`, () => {
    const sorted = (rows: readonly Row[]) => numbersOf(rows).sort((a, b) => a - b);

    test.each<[string, More['partition']]>([
      ['5 parts', { into: 5 }],
      ['one part', { into: 1 }],
      ['parts by a column', { by: 'id', into: 7 }],
      ['parts by a text', { by: 'name', into: 3 }],
      ['as many parts as it likes', { into: 'auto' }],
    ])('%s: each row once', async (_, partition) => {
      const { rows } = await withMany();
      expect(sorted(await rows('items', { partition: partition! }))).toEqual(upTo(0, many - 1));
      const some = await rows('items', {
        partition: partition!,
        columns: ['name'],
        where: `id >= ${placeholder}`,
        parameters: [45_000],
      });
      expect(some).toHaveLength(5000);
      expect(Object.keys(some[0]!)).toEqual(['name']);
    });

    test('rows without a value, values far apart, fewer rows than parts, no rows', async () => {
      const numbers = ['-9223372036854775808', null, '9223372036854775807', '5', null, '0'];
      const given = numbers.map((n, i) => ({ id: i, n }));
      const { rows, sql } = await withTable({ id: 'int not null', n: types.bigint! }, given);
      expect(sorted(await rows('items', { partition: { by: 'n', into: 12 } }))).toEqual(upTo(0, 5));
      await sql('delete from items where n is not null');
      expect(sorted(await rows('items', { partition: { by: 'n', into: 3 } }))).toEqual([1, 4]);
      await sql('delete from items');
      for (const partition of [{ by: 'n', into: 3 }, { into: 3 }])
        expect(await rows('items', { partition })).toEqual([]);
    });

    test.each(['timestamp', 'timestamptz', 'date', 'decimal'] as const)('by a column of the type %s', async (type) => {
      if (types[type] === undefined) return;
      const given = [...cursorValues[type].entries()].map(([id, v]) => ({ id, v }));
      const { rows } = await withTable({ id: 'int not null', v: types[type]! }, [
        ...given,
        { id: given.length, v: null },
      ]);
      expect(sorted(await rows('items', { partition: { by: 'v', into: 4 } }))).toEqual(upTo(0, given.length));
    });

    test('all parts are of one snapshot', async () => {
      const { stream, sql } = await withMany();
      for (const partition of [{ by: 'id', into: 6 }, { into: 6 }]) {
        const { batches } = await stream('items', { partition });
        const seen: Row[] = [];
        for await (const { rows } of batches) {
          if (seen.length === 0) await sql('update items set id = id + 1000000, name = null where id < 1000000');
          seen.push(...rows);
        }
        expect(new Set(numbersOf(seen)).size).toBe(many);
        expect(seen.every(({ id, name: text }) => Number(id) < many && text !== null)).toBe(true);
        await sql(`update items set id = id - 1000000, name = 'x'`);
      }
    });

    test('can be left half-way, and the connection goes on', async () => {
      const { stream, rows } = await withMany();
      for (let i = 0; i < 3; i++) {
        for await (const _ of (await stream('items', { partition: { into: 4 } })).batches) break;
      }
      expect(await rows('items', { partition: { into: 4 } })).toHaveLength(many);
    });

    test('what has no order to go on in', async () => {
      const { stream } = await withMany();
      for (const more of [{ cursor: { columns: ['id'] } }, { checkpoints: true }]) {
        const refused = await failureOf(stream('items', { partition: { into: 2 }, ...more }));
        expect(refused).toMatchObject({ code: 'OPTION_UNSUPPORTED', message: expect.stringContaining('partition') });
      }
      expect(await failureOf(stream('items', { partition: { by: 'idd', into: 2 } }))).toMatchObject({
        code: 'COLUMN_UNKNOWN',
        data: { column: 'idd' },
      });
    });
  });
}
