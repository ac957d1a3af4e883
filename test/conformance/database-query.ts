// What every database must do with a statement that may write: it is done once its rows are taken, or not at all.
import { describe, expect, onTestFinished, test } from 'vitest';
import type { QueryOptions } from '../../engine/contracts/connector.ts';
import type { RowStream, Value } from '../../engine/contracts/data.ts';
import { failure } from '../../engine/errors.ts';
import { type DatabaseSuite, queryRows, readRows } from './database.ts';
import { never } from './files.ts';
import { failureOf, rowsOf } from './streams.ts';

export interface QuerySuite extends DatabaseSuite {
  /** Whether INSERT and DELETE can give rows. */
  returning: boolean;
  /** Whether a table that was made is gone again when the transaction is undone. */
  undoesTables: boolean;
}

export function describeQuery(name: string, suite: QuerySuite): void {
  const placeholder = (number: number) => (suite.placeholder === '?' ? '?' : `$${number}`);
  const open = async () => {
    const database = await suite.open();
    onTestFinished(async () => {
      await database.connection.close();
      await database.close();
    });
    const { connection, sql } = database;
    await sql('create table items (id int primary key, name varchar(20))');
    await sql(`insert into items values (1, 'a'), (2, 'b'), (3, 'c')`);
    const ask = async (text: string, parameters: Value[] = [], more: Partial<QueryOptions> = {}) => {
      const changed: number[] = [];
      const o = { signal: never, onChanged: (rows: number) => changed.push(rows), ...more };
      const stream = await connection.query!(text, parameters, o);
      return { stream, changed };
    };
    return {
      ...database,
      ask,
      async run(text: string, parameters: Value[] = [], more: Partial<QueryOptions> = {}) {
        const { stream, changed } = await ask(text, parameters, more);
        return { rows: await rowsOf(stream), changed };
      },
      ids: async () => (await readRows(connection, 'items')).map(({ id }) => Number(id)).sort(),
    };
  };

  describe(`${name}: a statement that may write`, () => {
    test('changes rows, and says how many', async () => {
      const { run, ids } = await open();
      const more = `delete from items where id > ${placeholder(1)} and name <> ${placeholder(2)}`;
      expect(await run(more, [1, 'c'])).toEqual({ rows: [], changed: [1] });
      expect(await ids()).toEqual([1, 3]);
      expect(await run(`update items set name = ${placeholder(1)}`, [null])).toEqual({ rows: [], changed: [2] });
      expect(await run('update items set id = id where id = 99')).toEqual({ rows: [], changed: [0] });
    });

    test('makes and drops tables', async () => {
      const { run, connection } = await open();
      expect((await run('create table made (id int);')).rows).toEqual([]);
      expect(await readRows(connection, 'made')).toEqual([]);
      await run('drop table made');
      expect(await failureOf(connection.read!('made', { signal: never }))).toMatchObject({ code: 'NOT_FOUND' });
    });

    test('gives the rows of a SELECT, which changes none', async () => {
      const { run, ask } = await open();
      const text = `select id, name from items where id >= ${placeholder(1)} order by id`;
      expect((await ask(text, [2])).stream.columns).toMatchObject([{ name: 'id', type: 'integer' }, { name: 'name' }]);
      const expected = [
        { id: 2, name: 'b' },
        { id: 3, name: 'c' },
      ];
      expect(await run(text, [2])).toEqual({ rows: expected, changed: [0] });
    });

    test('a value is never SQL', async () => {
      const { run, connection } = await open();
      const odd = `'; drop -- \\`;
      expect((await run(`update items set name = ${placeholder(1)} where id = 1`, [odd])).changed).toEqual([1]);
      expect(await queryRows(connection, 'select name from items where id = 1')).toEqual([{ name: odd }]);
      for (const parameters of [[], [1, 2]]) {
        const error = await failureOf(run(`delete from items where id = ${placeholder(1)}`, parameters));
        expect(error).toMatchObject({ code: 'SQL_REFUSED' });
      }
    });

    test.runIf(suite.returning)('gives the rows that it has changed, with all that is in them', async () => {
      const { run, ask, sql, ids } = await open();
      await sql(`insert into items values (4, '日本 🎉'), (5, ''), (6, null)`);
      const text = `delete from items where id > ${placeholder(1)} returning *, id * 2 as twice, coalesce(name, '-') as shown`;
      expect((await ask(text, [3])).stream.columns?.map((column) => column.name)).toEqual([
        'id',
        'name',
        'twice',
        'shown',
      ]);
      expect(await ids()).toHaveLength(6);
      const { rows, changed } = await run(text, [3]);
      expect(rows).toEqual([
        { id: 4, name: '日本 🎉', twice: 8, shown: '日本 🎉' },
        { id: 5, name: '', twice: 10, shown: '' },
        { id: 6, name: null, twice: 12, shown: '-' },
      ]);
      expect(changed).toEqual([3]);
      expect(await ids()).toEqual([1, 2, 3]);
    });

    test('does nothing before its rows are pulled', async () => {
      const { ask, ids } = await open();
      const { stream } = await ask('delete from items');
      expect(await ids()).toEqual([1, 2, 3]);
      await rowsOf(stream);
      expect(await ids()).toEqual([]);
    });

    test('is not seen before the others are ready, and undone when they fail', async () => {
      const { run, ids, sql } = await open();
      const seen: unknown[] = [];
      await run('delete from items where id = 1', [], {
        beforeCommit: async () => void seen.push(...(await sql('select id from items order by id'))),
      });
      expect(seen).toHaveLength(3);
      const beforeCommit = () => Promise.reject(failure('MAIL_REFUSED'));
      expect(await failureOf(run('delete from items', [], { beforeCommit }))).toMatchObject({ code: 'MAIL_REFUSED' });
      expect(await ids()).toEqual([2, 3]);
    });

    test('several in one transaction, and no rows of them', async () => {
      const { run, ids, connection } = await open();
      const before = ['create table more (id int)', `insert into more select id from items where name <> 'a'`];
      const last = 'delete from items where id in (select id from more)';
      const { rows, changed } = await run(last, [], { before });
      expect([rows, changed.slice(1)]).toEqual([[], [2, 2]]);
      expect(await ids()).toEqual([1]);
      const failing = { before: ['delete from items', 'select 1'] };
      expect(await failureOf(run('delete from absent', [], failing))).toMatchObject({ code: 'NOT_FOUND' });
      expect(await ids()).toEqual([1]);
      expect(await run('select id from items', [], { before: [] })).toMatchObject({ rows: [] });
      if (!suite.undoesTables) return;
      const making = { before: ['create table undone (id int)'] };
      expect(await failureOf(run('delete from absent', [], making))).toMatchObject({ code: 'NOT_FOUND' });
      expect(await failureOf(connection.read!('undone', { signal: never }))).toMatchObject({ code: 'NOT_FOUND' });
    });

    test.each([
      ['two statements', 'delete from items; delete from items', 'SQL_REFUSED'],
      ['an end of the transaction', 'commit', 'SQL_REFUSED'],
      ['a table that is not there', 'delete from absent', 'NOT_FOUND'],
      ['a column that is not there', 'delete from items where nome = 1', 'SQL_REFUSED'],
      ['no SQL', 'remove everything', 'SQL_REFUSED'],
      ['a row that does not fit', `insert into items values (9, 'x'), (1, 'again')`, 'ROW_REFUSED'],
    ])('%s: refused, and nothing done', async (_, text, code) => {
      const { run, ids } = await open();
      expect(await failureOf(run(text))).toMatchObject({ code });
      expect(await ids()).toEqual([1, 2, 3]);
    });

    test.each(['delete from items', `/* why */ insert into items values (9, 'x')`, 'drop table items'])(
      'a read that begins with a change names the op for it: %s',
      async (text) => {
        const { connection, ids } = await open();
        const error = await failureOf(connection.query!(text, [], { signal: never, readOnly: true }));
        expect(error).toMatchObject({ code: 'SQL_REFUSED', message: expect.stringContaining('use `op: query`') });
        expect(error.message).toContain('/shop');
        expect(await ids()).toEqual([1, 2, 3]);
      },
    );

    test('leaves no session behind when it is stopped', async () => {
      const { ask, sessions, connection, ids } = await open();
      const stop = new AbortController();
      const { stream } = await ask('delete from items', [], {
        signal: stop.signal,
        beforeCommit: async () => stop.abort(failure('INTERRUPTED')),
      });
      expect(await failureOf(rowsOf(stream as RowStream))).toMatchObject({ code: 'INTERRUPTED' });
      expect(await ids()).toEqual([1, 2, 3]);
      await connection.close();
      expect(await (sessions?.() ?? 0)).toBe(0);
    });
  });
}
