// distinct and group: against plain maps and exact arithmetic, in memory and through temporary files.
import Big from 'big.js';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Column, Row, Value } from '../../../engine/contracts/data.ts';
import { collect, columnsOf, failureOf, rowsOf, run } from './context.ts';

async function made(op: string, params: object, rows: readonly Row[], columns?: readonly Column[]): Promise<Row[]> {
  const { output } = await run(op, params, rowsOf(rows, columns, 7));
  return collect(output);
}

const failed = (op: string, params: object, rows: readonly Row[], columns?: readonly Column[]) =>
  failureOf(made(op, params, rows, columns));

/** Smaller than any few rows. */
const tiny = 1500;
const columns = columnsOf({ city: 'text', total: 'decimal', count: 'integer', at: 'integer' });
const row = fc.record({
  city: fc.option(fc.constantFrom('Bonn', 'bonn', 'Köln', '', 'a city with a name that is longer', '1'), { nil: null }),
  total: fc.option(fc.constantFrom('1', '1.0', '1.00', '-0.5', '0', '-0.0', '123456789012345678901.10'), { nil: null }),
  count: fc.option(fc.constantFrom<Value>(1, 2, -3, 9007199254740993n, 9007199254740991, 0), { nil: null }),
});
const rowsMade = fc.array(row, { maxLength: 120 }).map((rows) => rows.map((each, at): Row => ({ ...each, at })));

/** Equal for values that are the same. */
const same = (value: Value) =>
  value === null
    ? 'null'
    : typeof value === 'string' && /^-?[\d.]+$/.test(value)
      ? `n${new Big(value).toFixed().replace(/^-0$/, '0')}`
      : String(value);
const sameText = (value: Value) => (value === null ? 'null' : `t${value}`);
const keyOf = (each: Row, names: readonly string[]) =>
  JSON.stringify(names.map((name) => (name === 'total' ? same(each[name]!) : sameText(each[name]!))));

describe('distinct', () => {
  const by = fc.uniqueArray(fc.constantFrom('city', 'total', 'count'), { minLength: 1 });

  it.each(['first', 'last'] as const)('keeps the %s of each, in the order of the input', async (keep) => {
    await fc.assert(
      fc.asyncProperty(rowsMade, by, async (rows, names) => {
        const kept = new Map<string, Row>();
        for (const each of rows) {
          const key = keyOf(each, names);
          if (keep === 'last' || !kept.has(key)) kept.set(key, each);
        }
        const expected = [...kept.values()].sort((one, other) => (one.at as number) - (other.at as number));
        for (const memory of ['64MiB', tiny, 1]) {
          expect(await made('distinct', { columns: names, keep, memory }, rows, columns)).toEqual(expected);
        }
      }),
      { numRuns: 25 },
    );
  });

  it('compares whole records where no columns are named, also of unlike ones', async () => {
    const rows: Row[] = [
      { a: 1, b: { x: 1, y: 2 } },
      { b: { y: 2, x: 1 }, a: 1n },
      { a: 1 },
      { a: '1' },
      { a: [1] },
      { a: ['1'] },
      { a: null },
      { a: true },
    ];
    const expected = rows.filter((_, at) => at !== 1);
    expect(await made('distinct', {}, rows)).toEqual(expected);
    expect(await made('distinct', { memory: 1 }, rows)).toEqual(expected);
    expect(await made('distinct', {}, [{ a: 1 }, { a: 1 }], columnsOf({ a: 'integer' }))).toEqual([{ a: 1 }]);
  });

  it('takes times of different zones for the same', async () => {
    const rows = [
      { t: '2026-01-31T10:00:00+02:00' },
      { t: '2026-01-31T08:00:00.000Z' },
      { t: '2026-01-31T08:00:00.001Z' },
    ];
    expect(await made('distinct', {}, rows, columnsOf({ t: 'timestamptz' }))).toEqual([rows[0], rows[2]]);
  });

  it('lets new records pass before the end of the input', async () => {
    const input = rowsOf(Array.from({ length: 100 }, (_, i) => ({ v: i % 3 })));
    const { output } = await run('distinct', {}, input);
    for await (const { rows } of (output as typeof input).batches) {
      expect(rows).toEqual([{ v: 0 }, { v: 1 }]);
      break;
    }
    expect(input).toMatchObject({ pulled: 1, closed: true });
  });

  it('refuses a column that is not there', async () => {
    expect(await failed('distinct', { columns: ['citi'] }, [], columns)).toMatch(
      /^COLUMN_UNKNOWN .* did you mean "city"\?$/,
    );
    expect(await failed('distinct', { columns: ['a'] }, [{ a: 1 }, { b: 1 }])).toMatch(
      /^COLUMN_UNKNOWN .* on record 2/,
    );
  });
});

describe('group', () => {
  const values = {
    rows: { function: 'count' },
    totals: { function: 'count', column: 'total' },
    sum: { function: 'sum', column: 'total' },
    counts: { function: 'sum', column: 'count' },
    avg: { function: 'avg', column: 'total' },
    min: { function: 'min', column: 'total' },
    max: { function: 'max', column: 'count' },
    first: { function: 'first', column: 'total' },
    last: { function: 'last', column: 'city' },
    different: { function: 'count_distinct', column: 'total' },
    cities: { function: 'count_distinct', column: 'city' },
    list: { function: 'list', column: 'at' },
  };

  function expected(rows: readonly Row[], by: readonly string[]): Row[] {
    const groups = new Map<string, Row[]>();
    for (const each of rows) {
      const key = keyOf(each, by);
      groups.set(key, [...(groups.get(key) ?? []), each]);
    }
    if (by.length === 0 && rows.length === 0) groups.set('', []);
    return [...groups.values()].map((members) => {
      const present = (name: string) => members.map((each) => each[name]!).filter((value) => value !== null);
      const totals = present('total') as string[];
      const scale = Math.max(0, ...totals.map((text) => text.split('.')[1]?.length ?? 0));
      const sum = totals.reduce((total, text) => total.plus(text), new Big(0));
      const counts = present('count').map((value) => BigInt(value as number));
      const total = counts.reduce((one, other) => one + other, 0n);
      const Exact = Big();
      Exact.DP = 20;
      const average = totals.length === 0 ? new Exact(0) : new Exact(sum).div(totals.length);
      const most = counts.reduce((one, other) => (other > one ? other : one), counts[0] ?? 0n);
      const small = (value: bigint) => (Number.isSafeInteger(Number(value)) ? Number(value) : value);
      return {
        ...Object.fromEntries(by.map((name) => [name, members[0]![name]!])),
        rows: members.length,
        totals: totals.length,
        sum: totals.length === 0 ? null : new Big(sum.toFixed(scale)).toFixed(scale).replace(/^-(?=0\.?0*$)/, ''),
        counts: counts.length === 0 ? null : small(total),
        avg:
          totals.length === 0
            ? null
            : average.toFixed(Math.max(scale, average.c.length - 1 - average.e, 0)).replace(/^-(?=0\.?0*$)/, ''),
        min: totals.reduce<string | null>((one, other) => (one === null || new Big(other).lt(one) ? other : one), null),
        max: counts.length === 0 ? null : small(most),
        first: members[0]?.total ?? null,
        last: members.at(-1)?.city ?? null,
        different: new Set(totals.map(same)).size,
        cities: new Set(present('city')).size,
        list: members.map(({ at }) => at!),
      };
    });
  }

  it('gives what plain arithmetic gives, in the order of appearance, however little memory there is', async () => {
    const by = fc.uniqueArray(fc.constantFrom('city', 'total', 'count'), { maxLength: 2 });
    await fc.assert(
      fc.asyncProperty(rowsMade, by, async (rows, names) => {
        const known = columnsOf({ city: 'text', total: 'decimal', count: 'integer', at: 'integer' });
        const wanted = Object.fromEntries(
          Object.entries(values).filter(([name]) => !(names as string[]).includes(name)),
        );
        const all = expected(rows, names);
        for (const memory of ['64MiB', tiny, 1]) {
          expect(await made('group', { by: names, values: wanted, memory }, rows, known)).toEqual(all);
        }
      }),
      { numRuns: 25 },
    );
  });

  it('says its columns', async () => {
    const known: Column[] = [
      { name: 'city', type: 'text', key: true },
      { name: 'total', type: 'decimal', precision: 10, scale: 2 },
      { name: 'd', type: 'double' },
    ];
    const wanted = {
      n: { function: 'count' },
      sum: { function: 'sum', column: 'total' },
      avg: { function: 'avg', column: 'total' },
      mean: { function: 'avg', column: 'd' },
      min: { function: 'min', column: 'city' },
      list: { function: 'list', column: 'd' },
    };
    const { output } = await run(
      'group',
      { by: ['city'], values: wanted },
      { ...rowsOf([], known), checkpoints: true },
    );
    expect(output).not.toHaveProperty('checkpoints');
    expect((output as { columns?: unknown }).columns).toEqual([
      { name: 'city', type: 'text' },
      { name: 'n', type: 'integer', nullable: false },
      { name: 'sum', type: 'decimal', nullable: true, scale: 2 },
      { name: 'avg', type: 'decimal', nullable: true },
      { name: 'mean', type: 'double', nullable: true },
      { name: 'min', type: 'text', nullable: true },
      { name: 'list', type: 'array', nullable: false },
    ]);
  });

  it('adds doubles with what additions lose given back, and numbers without a type exactly while they are whole', async () => {
    const sum = { sum: { function: 'sum', column: 'v' }, avg: { function: 'avg', column: 'v' } };
    const doubles = [1e16, 1, -1e16, 0.1, 0.2].map((v) => ({ v }));
    expect(await made('group', { values: sum }, doubles, columnsOf({ v: 'double' }))).toEqual([
      { sum: 1.3, avg: 1.3 / 5 },
    ]);
    expect(await made('group', { values: sum, memory: 1 }, doubles, columnsOf({ v: 'double' }))).toEqual([
      { sum: 1.3, avg: 1.3 / 5 },
    ]);
    expect(await made('group', { values: sum }, [{ v: 9007199254740991 }, { v: 2 }])).toEqual([
      { sum: 9007199254740993n, avg: 4503599627370496 },
    ]);
    expect(await made('group', { values: sum }, [{ v: 1 }, { v: 0.5 }])).toEqual([{ sum: 1.5, avg: 0.75 }]);
    expect(await made('group', { values: sum }, [{ v: Infinity }, { v: 1 }], columnsOf({ v: 'double' }))).toEqual([
      { sum: Infinity, avg: Infinity },
    ]);
  });

  it('sums short and long decimals of any scale', async () => {
    const decimal = fc
      .tuple(fc.constantFrom('', '-'), fc.bigInt({ min: 0n, max: 10n ** 22n }), fc.integer({ min: 0, max: 12 }))
      .map(([sign, value, scale]) => {
        const text = String(value).padStart(scale + 1, '0');
        return sign + (scale === 0 ? text : `${text.slice(0, -scale)}.${text.slice(-scale)}`);
      });
    await fc.assert(
      fc.asyncProperty(fc.array(decimal, { minLength: 1, maxLength: 60 }), async (texts) => {
        const rows = texts.map((v) => ({ v }));
        const [found] = await made(
          'group',
          { values: { v: { function: 'sum', column: 'v' } } },
          rows,
          columnsOf({ v: 'decimal' }),
        );
        expect(new Big(found!.v as string).eq(texts.reduce((sum, text) => sum.plus(text), new Big(0)))).toBe(true);
      }),
    );
  });

  it('refuses what has no sum, names twice, lists that are too long', async () => {
    const sum = { s: { function: 'sum', column: 'city' } };
    expect(await failed('group', { values: sum }, [], columns)).toBe(
      'OPTION_UNSUPPORTED `sum` of the column "city" of type text is not supported by task 1 (group); cast it to a number first',
    );
    expect(await failed('group', { values: sum }, [{ city: 1 }, { city: '2' }])).toBe(
      'VALUE_INVALID task 1 (group) column "city": "2" is not a number; cast the column first on record 2',
    );
    expect(await failed('group', { by: ['city'], values: { city: { function: 'count' } } }, [], columns)).toMatch(
      /^COLUMN_TWICE/,
    );
    expect(await failed('group', { values: { v: { function: 'min', column: 'v' } } }, [{ v: 1 }, { v: 'x' }])).toMatch(
      /^TYPES_MIXED .* on record 2/,
    );
    expect(await failed('group', { values: { v: { function: 'max', column: 'conut' } } }, [], columns)).toMatch(
      /did you mean "count"\?$/,
    );
    const list = { values: { v: { function: 'list', column: 'v', max_values: 3 } } };
    const rows = [1, 2, 3, 4].map((v) => ({ v }));
    expect(await made('group', list, rows.slice(1))).toEqual([{ v: [2, 3, 4] }]);
    for (const memory of ['64MiB', 1]) {
      expect(await failed('group', { ...list, memory }, rows)).toBe(
        'LIST_TOO_LONG task 1 (group): the list "v" of a group has more than 3 values; allow more with `max_values`, or count them, or take fewer',
      );
    }
  });

  it('of no rows is one row without `by`, and none with it', async () => {
    const wanted = { n: { function: 'count' }, s: { function: 'sum', column: 'total' } };
    expect(await made('group', { values: wanted }, [], columns)).toEqual([{ n: 0, s: null }]);
    expect(await made('group', { by: ['city'], values: wanted }, [], columns)).toEqual([]);
  });
});
