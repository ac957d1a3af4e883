// replace and unnest: text changed inside of values, and lists turned into rows.
import { describe, expect, it } from 'vitest';
import { collect, columnsOf, failureOf, rowsOf, run } from './context.ts';

describe('replace', () => {
  const rows = [
    { phone: '+49 (30) 123', note: 'N/A', n: 1 },
    { phone: 'n/a', note: 'a.b $& N/A', n: 2 },
  ];
  const columns = columnsOf({ phone: 'text', note: 'text', n: 'integer' });
  const replaced = async (params: object, known = columns) =>
    (await collect((await run('replace', params, rowsOf(rows, known))).output)).map(({ phone, note }) => [phone, note]);

  it('finds text anywhere, in every text value or in the named columns', async () => {
    for (const known of [columns, undefined]) {
      expect(await replaced({ find: 'N/A', with: '-' }, known as typeof columns)).toEqual([
        ['+49 (30) 123', '-'],
        ['n/a', 'a.b $& -'],
      ]);
    }
    expect(await replaced({ columns: ['note'], find: '.', with: '$&' })).toEqual([
      ['+49 (30) 123', 'N/A'],
      ['n/a', 'a$&b $& N/A'],
    ]);
  });

  it('finds it as the whole value only', async () => {
    expect(await replaced({ find: 'N/A', with: null, match: 'whole' })).toEqual([
      ['+49 (30) 123', null],
      ['n/a', 'a.b $& N/A'],
    ]);
    expect(await replaced({ find: 'N/A', with: '', match: 'whole', ignore_case: true })).toEqual([
      ['+49 (30) 123', ''],
      ['', 'a.b $& N/A'],
    ]);
  });

  it('takes regular expressions with groups', async () => {
    expect(await replaced({ columns: ['phone'], find: '[^0-9+]', with: '', match: 'regex' })).toEqual([
      ['+4930123', 'N/A'],
      ['', 'a.b $& N/A'],
    ]);
    expect(await replaced({ find: '(n)/(a)', with: '$2/$1', match: 'regex', ignore_case: true })).toEqual([
      ['+49 (30) 123', 'A/N'],
      ['a/n', 'a.b $& A/N'],
    ]);
  });

  it('takes capital and small letters for the same when told to', async () => {
    expect(await replaced({ find: 'N/a', with: '$1', ignore_case: true })).toEqual([
      ['+49 (30) 123', '$1'],
      ['$1', 'a.b $& $1'],
    ]);
  });

  it('makes text of a column that was text of another type', async () => {
    const input = rowsOf([{ day: '2026-01-31' }], columnsOf({ day: 'date' }));
    const { output } = await run('replace', { columns: ['day'], find: '-', with: '.' }, input);
    expect(output).toMatchObject({ columns: [{ name: 'day', type: 'text' }] });
    expect(await collect(output)).toEqual([{ day: '2026.01.31' }]);
  });

  it('refuses what it cannot do', async () => {
    const input = () => rowsOf(rows, columns);
    expect(await failureOf(run('replace', { columns: ['phon'], find: 'a', with: '' }, input()))).toContain(
      'did you mean "phone"?',
    );
    expect(await failureOf(run('replace', { columns: ['n'], find: 'a', with: '' }, input()))).toBe(
      'OPTION_UNSUPPORTED the column "n" of type integer is not supported by task 1 (replace); cast it to text first',
    );
    expect(await failureOf(run('replace', { find: 'a', with: null }, input()))).toBe(
      'OPTION_UNSUPPORTED `with: null` is not supported by `match: text`; say `match: whole`',
    );
    expect(await failureOf(run('replace', { find: '(', with: '', match: 'regex' }, input()))).toMatch(
      /^EXPRESSION_SYNTAX the expression \( of task 1 \(replace\) cannot be read/,
    );
  });
});

describe('unnest', () => {
  const orders = [
    {
      id: 1,
      lines: [
        { sku: 'a', qty: 2 },
        { sku: 'b', qty: 1 },
      ],
      city: 'Bonn',
    },
    { id: 2, lines: [], city: 'Köln' },
    { id: 3, lines: null, city: 'Trier' },
    { id: 4, lines: [7, null], city: 'Mainz' },
  ];

  it('makes a row of each item, with the fields of the item in the place of the list', async () => {
    const { output, figures } = await run('unnest', { column: 'lines', prefix: 'line_' }, rowsOf(orders));
    const rows = await collect(output);
    expect(rows.map((row) => JSON.stringify(row))).toEqual([
      '{"id":1,"line_sku":"a","line_qty":2,"city":"Bonn"}',
      '{"id":1,"line_sku":"b","line_qty":1,"city":"Bonn"}',
      '{"id":4,"lines":7,"city":"Mainz"}',
      '{"id":4,"lines":null,"city":"Mainz"}',
    ]);
    expect(figures.rows).toBe(4);
  });

  it('puts the whole item into one column, and counts', async () => {
    const params = { column: 'lines', as: 'line', position_column: 'no' };
    const { output } = await run(
      'unnest',
      params,
      rowsOf(orders, columnsOf({ id: 'integer', lines: 'json', city: 'text' })),
    );
    expect(output).toMatchObject({
      columns: [{ name: 'id' }, { name: 'line', untyped: true }, { name: 'city' }, { name: 'no', type: 'integer' }],
    });
    expect((await collect(output)).map(({ line, no }) => [line, no])).toEqual([
      [{ sku: 'a', qty: 2 }, 1],
      [{ sku: 'b', qty: 1 }, 2],
      [7, 1],
      [null, 2],
    ]);
  });

  it('keeps rows without items when told to', async () => {
    const { output } = await run('unnest', { column: 'lines', as: 'line', empty: 'keep' }, rowsOf(orders));
    expect((await collect(output)).map(({ id, line }) => [id, line])).toContainEqual([2, null]);
    const flat = await run(
      'unnest',
      { column: 'lines', empty: 'keep', position_column: 'no' },
      rowsOf(orders.slice(1, 2)),
    );
    expect(await collect(flat.output)).toEqual([{ id: 2, city: 'Köln', no: null }]);
  });

  it('takes an object for a list of one', async () => {
    const { output } = await run('unnest', { column: 'a' }, rowsOf([{ a: { x: 1, y: 2 } }]));
    expect(await collect(output)).toEqual([{ x: 1, y: 2 }]);
  });

  it('lets two lists be unnested one after the other, and rows be changed apart', async () => {
    const first = await run('unnest', { column: 'a', as: 'a' }, rowsOf([{ a: [1, 2], b: [3, 4] }]));
    const second = await run('unnest', { column: 'b', as: 'b' }, first.output);
    expect(await collect(second.output)).toEqual([
      { a: 1, b: 3 },
      { a: 1, b: 4 },
      { a: 2, b: 3 },
      { a: 2, b: 4 },
    ]);
  });

  it('refuses what is no list, a name that is taken, and a column that is not there', async () => {
    const failed = async (params: object, row: object) =>
      failureOf(collect((await run('unnest', params, rowsOf([{ id: 1, a: [] }, row as never]))).output));
    expect(await failed({ column: 'a' }, { a: '[1]' })).toBe(
      'VALUE_INVALID task 1 (unnest) column "a": [1] is not a list; a cast task makes one of JSON text, with the type array on record 2',
    );
    expect(await failed({ column: 'a' }, { id: 1, a: [{ id: 2 }] })).toBe(
      'COLUMN_TWICE task 1 (unnest): the column "id" would be there twice on record 2; set `prefix`, or rename a column first',
    );
    expect(await failed({ column: 'a', position_column: 'id' }, { id: 1, a: [1] })).toMatch(/^COLUMN_TWICE/);
    expect(await failed({ column: 'a' }, { id: 1 })).toMatch(/^COLUMN_UNKNOWN .* "a" on record 2/);
    expect(await failed({ column: 'a' }, { a: [JSON.parse('{"__proto__": 1}')] })).toMatch(/^OPTION_UNSUPPORTED/);
    const known = run('unnest', { column: 'linse' }, rowsOf([], columnsOf({ lines: 'json' })));
    expect(await failureOf(known)).toContain('did you mean "lines"?');
  });
});
