// select and rename: which columns a row has, and what they are called.
import { describe, expect, it } from 'vitest';
import type { Row } from '../../../engine/contracts/data.ts';
import { collect, columnsOf, failureOf, rowsOf, run } from './context.ts';

const orders = [
  { id: 1, name: 'Ada', total: '10.50', note: null },
  { id: 2, name: 'Grace', total: '3', note: 'rush' },
  { id: 3, name: 'Edsger', total: '7', note: null },
];
const columns = columnsOf({ id: 'integer', name: 'text', total: 'decimal', note: 'text' });

describe('select', () => {
  it('keeps the named columns in that order, with their types', async () => {
    const { output } = await run('select', { columns: ['total', 'id'] }, rowsOf(orders, columns));
    expect(output).toMatchObject({ columns: columnsOf({ total: 'decimal', id: 'integer' }) });
    const rows = await collect(output);
    expect(rows.map((row) => JSON.stringify(row))).toEqual([
      '{"total":"10.50","id":1}',
      '{"total":"3","id":2}',
      '{"total":"7","id":3}',
    ]);
  });

  it('drops the named columns', async () => {
    for (const known of [columns, undefined]) {
      const { output } = await run('select', { except: ['note', 'total'] }, rowsOf(orders, known));
      expect(await collect(output)).toEqual(orders.map(({ id, name }) => ({ id, name })));
    }
  });

  it('keeps all but some of the named ones', async () => {
    const { output } = await run('select', { columns: ['id', 'name'], except: ['id'] }, rowsOf(orders, columns));
    expect(await collect(output)).toEqual([{ name: 'Ada' }, { name: 'Grace' }, { name: 'Edsger' }]);
  });

  it('refuses a column that is not there, with near names', async () => {
    const misspelt = run('select', { columns: ['id', 'totl'] }, rowsOf(orders, columns));
    expect(await failureOf(misspelt)).toBe(
      'COLUMN_UNKNOWN task 1 (select): there is no column "totl"; did you mean "total"?',
    );
    const dropped = run('select', { except: ['nothing'] }, rowsOf(orders, columns));
    expect(await failureOf(dropped)).toBe(
      'COLUMN_UNKNOWN task 1 (select): there is no column "nothing"; the columns are: id, name, total, note',
    );
  });

  it('says which record lacks a column, where columns are known from records only', async () => {
    const rows: Row[] = [{ a: 1, b: 2 }, { a: 1, b: 2 }, { a: 3 }];
    const { output } = await run('select', { columns: ['b'] }, rowsOf(rows));
    expect(await failureOf(collect(output))).toBe(
      'COLUMN_UNKNOWN task 1 (select): there is no column "b" on record 3; the columns are: a',
    );
  });

  it('gives null for what is missing when told to', async () => {
    const params = { columns: ['a', 'b'], missing: 'null' };
    const known = await run('select', params, rowsOf([{ a: 1 }], columnsOf({ a: 'integer' })));
    expect(known.output).toMatchObject({ columns: [{ name: 'a' }, { name: 'b', nullable: true, untyped: true }] });
    expect(await collect(known.output)).toEqual([{ a: 1, b: null }]);
    const unknown = await run('select', params, rowsOf([{ a: 1 }, { a: 2, b: 3 }]));
    expect(await collect(unknown.output)).toEqual([
      { a: 1, b: null },
      { a: 2, b: 3 },
    ]);
  });

  it('treats every name as a name and never as code', async () => {
    const names = ['a"];throw 1;//', "'", '\\', '\n', '\u2028', 'constructor', '${x}', '`'];
    const row = Object.fromEntries(names.map((name, at) => [name, at]));
    const known = await run(
      'select',
      { columns: names },
      rowsOf(
        [row],
        names.map((name) => ({ name, type: 'integer' })),
      ),
    );
    expect(await collect(known.output)).toEqual([row]);
    const unknown = await run('select', { columns: names }, rowsOf([row]));
    expect(await collect(unknown.output)).toEqual([row]);
  });

  it('refuses the one name that is no column anywhere', async () => {
    const known = [{ name: '__proto__', type: 'integer' } as const];
    expect(await failureOf(run('select', { columns: ['__proto__'] }, rowsOf([], known)))).toMatch(
      /^OPTION_UNSUPPORTED/,
    );
  });

  it('warns of a column to drop that no record had', async () => {
    const { output, logs } = await run('select', { except: ['naem'] }, rowsOf(orders));
    await collect(output);
    expect(logs).toEqual(['warn: task 1 (select): no record has a column "naem"; did you mean "name"?']);
  });
});

describe('rename', () => {
  it('gives columns another name and leaves their place, type and the others as they are', async () => {
    const input = rowsOf(orders, columns);
    const { output } = await run('rename', { columns: { name: 'customer', total: 'amount' } }, input);
    expect(output).toMatchObject({
      columns: columnsOf({ id: 'integer', customer: 'text', amount: 'decimal', note: 'text' }),
    });
    const [first] = await collect(output);
    expect(JSON.stringify(first)).toBe('{"id":1,"customer":"Ada","amount":"10.50","note":null}');
  });

  it('swaps two names', async () => {
    for (const known of [columnsOf({ a: 'integer', b: 'integer' }), undefined]) {
      const { output } = await run('rename', { columns: { a: 'b', b: 'a' } }, rowsOf([{ a: 1, b: 2 }], known));
      expect(await collect(output)).toEqual([{ b: 1, a: 2 }]);
    }
  });

  it('refuses an unknown column and a name that is taken', async () => {
    const unknown = run('rename', { columns: { nmae: 'customer' } }, rowsOf(orders, columns));
    expect(await failureOf(unknown)).toBe(
      'COLUMN_UNKNOWN task 1 (rename): there is no column "nmae"; did you mean "name"?',
    );
    const taken = run('rename', { columns: { name: 'note' } }, rowsOf(orders, columns));
    expect(await failureOf(taken)).toBe(
      'COLUMN_TWICE task 1 (rename): the column "note" would be there twice; choose another name, or drop one of the two with a select task',
    );
    const { output } = await run('rename', { columns: { a: 'b' } }, rowsOf([{ a: 1 }, { a: 1, b: 2 }]));
    expect(await failureOf(collect(output))).toMatch(/^COLUMN_TWICE .* twice on record 2;/);
  });

  it('takes records with and without the column, and warns when none had it', async () => {
    const some = await run('rename', { columns: { a: 'x' } }, rowsOf([{ a: 1 }, { b: 2 }]));
    expect(await collect(some.output)).toEqual([{ x: 1 }, { b: 2 }]);
    expect(some.logs).toEqual([]);
    const none = await run('rename', { columns: { z: 'x' } }, rowsOf([{ a: 1 }]));
    await collect(none.output);
    expect(none.logs).toEqual(['warn: task 1 (rename): no record has a column "z"; the first record has: a']);
  });
});
