// filter, set and limit: which rows pass, and what is added to them.
import { describe, expect, it } from 'vitest';
import type { Row } from '../../../engine/contracts/data.ts';
import { collect, columnsOf, failureOf, rowsOf, run } from './context.ts';

const numbers = (count: number): Row[] => Array.from({ length: count }, (_, at) => ({ n: at + 1 }));
const columns = columnsOf({ n: 'integer' });

describe('filter', () => {
  it('lets the rows through for which the expression is true', async () => {
    const { output, figures } = await run('filter', { where: 'record.n > params.least' }, rowsOf(numbers(5), columns));
    expect(output).toMatchObject({ columns });
    expect(await collect(output)).toEqual([{ n: 3 }, { n: 4 }, { n: 5 }]);
    expect(figures.rows).toBe(3);
  });

  it('refuses what is neither true nor false, and says what it was and where', async () => {
    const rows = [{ ok: true }, { ok: false }, { ok: 'yes' }];
    const { output } = await run('filter', { where: 'record.ok' }, rowsOf(rows));
    expect(await failureOf(collect(output))).toBe(
      'CONDITION_NOT_BOOLEAN task 1 (filter): record.ok must give true or false, and gave "yes" on record 3',
    );
    const { output: nulls } = await run('filter', { where: 'record.?ok' }, rowsOf([{ ok: null }]));
    expect(await failureOf(collect(nulls))).toContain('and gave null on record 1');
  });

  it('names the record on which an expression fails', async () => {
    const { output } = await run('filter', { where: 'record.a > 1' }, rowsOf([{ a: 2 }, { b: 1 }]));
    expect(await failureOf(collect(output))).toMatch(/^EXPRESSION_FAILED task 1 \(filter\) where: .* on record 2/);
  });

  it('refuses an expression that cannot be read before any row', async () => {
    const input = rowsOf(numbers(3), columns);
    expect(await failureOf(run('filter', { where: 'record.n >' }, input))).toMatch(/^EXPRESSION_SYNTAX/);
    expect(input.pulled).toBe(0);
  });
});

describe('set', () => {
  it('adds columns and changes them; each value sees those before it', async () => {
    const values = { double: '${record.n * 2}', n: '${record.double + 1}', source: 'twilio', text: 'n is ${record.n}' };
    const { output } = await run('set', { values }, rowsOf(numbers(2), columns));
    expect(output).toMatchObject({
      columns: [
        { name: 'n', type: 'integer' },
        { name: 'double', type: 'integer' },
        { name: 'source', type: 'text' },
        { name: 'text', type: 'text' },
      ],
    });
    expect(await collect(output)).toEqual([
      { n: 3, double: 2, source: 'twilio', text: 'n is 3' },
      { n: 5, double: 4, source: 'twilio', text: 'n is 5' },
    ]);
  });

  it('takes constants of every kind, and templates inside of them', async () => {
    const values = {
      no: null,
      yes: true,
      whole: 3,
      half: 1.5,
      list: [1, '${record.n}'],
      map: { a: { b: '${record.n}' } },
    };
    const { output } = await run('set', { values }, rowsOf(numbers(1), columns));
    expect(output).toMatchObject({
      columns: [
        { name: 'n' },
        { name: 'no', untyped: true },
        { name: 'yes', type: 'boolean' },
        { name: 'whole', type: 'integer' },
        { name: 'half', type: 'double' },
        { name: 'list' },
        { name: 'map' },
      ],
    });
    expect(await collect(output)).toEqual([
      { n: 1, no: null, yes: true, whole: 3, half: 1.5, list: [1, 1], map: { a: { b: 1 } } },
    ]);
  });

  it('says that a type is not known where only the values can tell', async () => {
    const { output } = await run('set', { values: { a: '${record.?x}' } }, rowsOf(numbers(1), columns));
    expect(output).toMatchObject({ columns: [{ name: 'n' }, { name: 'a', type: 'text', untyped: true }] });
  });

  it('changes the row that it was given, which belongs to it', async () => {
    const given = numbers(3);
    const batches = (async function* () {
      yield { rows: given };
    })();
    const { output } = await run('set', { values: { m: 0 } }, { kind: 'rows', batches });
    const rows = await collect(output);
    for (const [at, row] of rows.entries()) expect(row).toBe(given[at]);
  });

  it('treats every name as a name and never as code', async () => {
    const names = ['a"];throw 1;//', '\\', '\n', '\u2028', 'constructor', 'row'];
    const values = Object.fromEntries(names.map((name, at) => [name, at]));
    const { output } = await run('set', { values }, rowsOf([{}]));
    expect(await collect(output)).toEqual([values]);
    const proto = run('set', { values: JSON.parse('{"__proto__": 1}') }, rowsOf([{}]));
    expect(await failureOf(proto)).toMatch(/^OPTION_UNSUPPORTED/);
  });

  it('names the column and the record on which it fails', async () => {
    const { output } = await run(
      'set',
      { values: { x: '${1 / (record.n - 2)}', y: '${record.z}' } },
      rowsOf([{ n: 1, z: 1 }, { n: 3 }]),
    );
    expect(await failureOf(collect(output))).toMatch(
      /^EXPRESSION_FAILED task 1 \(set\) values\.y: record\.z failed on record 2/,
    );
  });
});

describe('limit', () => {
  it('lets so many rows through, and stops reading', async () => {
    for (const rows of [1, 3, 4, 100]) {
      const input = rowsOf(numbers(10), columns);
      const { output } = await run('limit', { rows }, input);
      expect(await collect(output)).toEqual(numbers(Math.min(rows, 10)));
      expect(input.pulled).toBe(Math.min(Math.ceil(rows / 2), 5));
      expect(input.closed).toBe(true);
    }
  });

  it('lets nothing through for no rows, and closes its input', async () => {
    const input = rowsOf(numbers(10), columns);
    const { output } = await run('limit', { rows: 0 }, input);
    expect(await collect(output)).toEqual([]);
    expect(input.pulled).toBeLessThanOrEqual(1);
    expect(input.closed).toBe(true);
  });
});
