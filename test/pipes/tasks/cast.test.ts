// cast: every type from every kind of value, without loss unless it is allowed.
import Big from 'big.js';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Value } from '../../../engine/contracts/data.ts';
import { castTo } from '../../../pipes/cast/index.ts';
import { collect, columnsOf, failureOf, rowsOf, run } from './context.ts';

type Wanted = string | Record<string, unknown>;

/** What one value becomes, or the message of its failure. */
async function cast(value: Value, wanted: Wanted, params: object = {}): Promise<Value> {
  const { output } = await run('cast', { columns: { v: wanted }, ...params }, rowsOf([{ v: value }]));
  const [row] = await collect(output);
  return row!.v!;
}

const failed = (value: Value, wanted: Wanted, params: object = {}) => failureOf(cast(value, wanted, params));
const lossy = { lossy: 'allow' };

describe('cast', () => {
  it.each<[Value, Wanted, Value]>([
    ['42', 'integer', 42],
    [' -007 ', 'integer', -7],
    ['12.00', 'integer', 12],
    ['9007199254740993', 'integer', 9007199254740993n],
    ['99999999999999999999.0', 'integer', 99999999999999999999n],
    [3n, 'integer', 3],
    [1e20, 'integer', 100000000000000000000n],
    [true, 'integer', 1],
    ['1.234,00', { type: 'integer', decimal_separator: '.' }, 'VALUE_INVALID'],
    ['1234,0', { type: 'integer', decimal_separator: ',' }, 1234],
    ['0.1', 'double', 0.1],
    ['-1.5e3', 'double', -1500],
    ['0.30000000000000004', 'double', 0.30000000000000004],
    ['12345678901234560000', 'double', 12345678901234560000],
    ['3,25', { type: 'double', decimal_separator: ',' }, 3.25],
    ['NaN', 'double', Number.NaN],
    [7n, 'double', 7],
    [false, 'double', 0],
    ['+10.50', 'decimal', '10.50'],
    ['-3,5', { type: 'decimal', decimal_separator: ',' }, '-3.5'],
    [0.1, 'decimal', '0.1'],
    [1e21, 'decimal', '1000000000000000000000'],
    [-1.5e-7, 'decimal', '-0.00000015'],
    [12345678901234567890n, 'decimal', '12345678901234567890'],
    ['1.5', { type: 'decimal', scale: 2 }, '1.50'],
    ['001.500', { type: 'decimal', scale: 2 }, '1.50'],
    ['-0.00', { type: 'decimal', scale: 1 }, '0.0'],
    ['7', { type: 'decimal', precision: 3, scale: 2 }, '7.00'],
    ['yes', 'boolean', true],
    [0, 'boolean', false],
    [1n, 'boolean', true],
    [1.5, 'text', '1.5'],
    [12n, 'text', '12'],
    [[1, { a: null }], 'text', '[1,{"a":null}]'],
    [new Uint8Array([255, 0]), 'text', '\\xff00'],
    ['2026-01-31', 'date', '2026-01-31'],
    ['2026-01-31T00:00:00', 'date', '2026-01-31'],
    ['31.01.2026', { type: 'date', format: 'dd.MM.yyyy' }, '2026-01-31'],
    [20260131, { type: 'date', format: 'yyyyMMdd' }, '2026-01-31'],
    ['2026-01-31', 'timestamp', '2026-01-31T00:00:00'],
    ['2026-01-31 10:20:30.123456', 'timestamp', '2026-01-31T10:20:30.123456'],
    ['31/01/26', { type: 'date', format: 'dd/MM/yyyy' }, 'VALUE_INVALID'],
    ['2026-01-31 at 10h20', { type: 'timestamp', format: "yyyy-MM-dd 'at' HH'h'mm" }, '2026-01-31T10:20:00'],
    ['10:20:30.5', 'time', '10:20:30.5'],
    ['102030123', { type: 'time', format: 'HHmmssSSS' }, '10:20:30.123'],
    ['2026-01-31 10:20:30+02', 'timestamptz', '2026-01-31T10:20:30+02:00'],
    ['{"a":[1]}', 'json', { a: [1] }],
    [{ a: 1 }, 'json', { a: 1 }],
    ['[1,2]', 'array', [1, 2]],
    [[1], 'array', [1]],
    ['\\xff00', 'binary', new Uint8Array([255, 0])],
    ['P1DT12H', 'interval', 'P1DT12H'],
    ['6ba7b810-9dad-11d1-80b4-00c04fd430c8', 'uuid', '6ba7b810-9dad-11d1-80b4-00c04fd430c8'],
    [null, 'integer', null],
  ])('makes %o as %o into %o', async (value, wanted, expected) => {
    if (expected === 'VALUE_INVALID') expect(await failed(value, wanted)).toMatch(/^VALUE_INVALID/);
    else expect(await cast(value, wanted)).toEqual(expected);
  });

  it.each<[Value, Wanted, Value]>([
    ['12.5', 'integer', 13],
    ['-12.5', 'integer', -13],
    [12.4, 'integer', 12],
    ['0.1000000000000000055511151231257827', 'double', 0.1],
    [9007199254740993n, 'double', 9007199254740992],
    ['1.005', { type: 'decimal', scale: 2 }, '1.01'],
    ['-9.999', { type: 'decimal', scale: 2 }, '-10.00'],
    ['0.994', { type: 'decimal', scale: 2 }, '0.99'],
    ['2026-01-31T10:20:30', 'date', '2026-01-31'],
    ['2026-01-31T10:20:30', 'time', '10:20:30'],
    ['2026-01-31T10:20:30Z', 'timestamp', '2026-01-31T10:20:30'],
    ['2026-01-31T00:00:00+02:00', 'date', '2026-01-31'],
    ['31.01.2026 10:20', { type: 'date', format: 'dd.MM.yyyy HH:mm' }, '2026-01-31'],
  ])('makes %o as %o into %o only when loss is allowed', async (value, wanted, expected) => {
    expect(await failed(value, wanted)).toMatch(/^VALUE_LOSSY .* say `lossy: allow` to let it$/);
    expect(await cast(value, wanted, lossy)).toEqual(expected);
  });

  it.each<[Value, Wanted]>([
    ['', 'integer'],
    ['x', 'integer'],
    ['1e3', 'integer'],
    [Number.NaN, 'integer'],
    [{}, 'double'],
    ['0x10', 'double'],
    ['1.2.3', 'decimal'],
    ['1.5', { type: 'decimal', decimal_separator: ',' }],
    [Number.POSITIVE_INFINITY, 'decimal'],
    ['12345', { type: 'decimal', precision: 4 }],
    ['123.4', { type: 'decimal', precision: 4, scale: 2 }],
    [2, 'boolean'],
    ['2026-02-30', 'date'],
    ['2026-01-31', 'time'],
    ['2026-01-31T10:00:00', 'timestamptz'],
    ['30.02.2026', { type: 'date', format: 'dd.MM.yyyy' }],
    ['31.01.2026', { type: 'timestamp', format: 'HH:mm' }],
    [5, 'date'],
    ['{', 'json'],
    ['{}', 'array'],
    [{}, 'array'],
    [1, 'uuid'],
  ])('refuses %o as %o, whatever may be lost', async (value, wanted) => {
    expect(await failed(value, wanted, lossy)).toMatch(/^VALUE_INVALID/);
    expect(await cast(value, wanted, { invalid: 'null' })).toBe(null);
  });

  it('names column, value and record', async () => {
    const rows = [
      { a: '1', b: '2' },
      { a: '3', b: 'four' },
    ];
    const { output } = await run('cast', { columns: { a: 'integer', b: 'integer' } }, rowsOf(rows));
    expect(await failureOf(collect(output))).toBe(
      'VALUE_INVALID task 1 (cast) column "b": "four" is not an integer on record 2',
    );
    const { output: lost } = await run(
      'cast',
      { columns: { a: { type: 'decimal', scale: 1 } } },
      rowsOf([{ a: '1.25' }]),
    );
    expect(await failureOf(collect(lost))).toBe(
      'VALUE_LOSSY task 1 (cast) column "a": "1.25" does not fit a decimal with 1 digits after the point without loss on record 1; say `lossy: allow` to let it',
    );
  });

  it('says the types of the columns after it', async () => {
    const columns = { total: { type: 'decimal', precision: 12, scale: 2 }, day: 'date' };
    const { output } = await run(
      'cast',
      { columns },
      rowsOf([], columnsOf({ id: 'text', total: 'text', day: 'text' })),
    );
    expect(output).toMatchObject({
      columns: [
        { name: 'id', type: 'text' },
        { name: 'total', type: 'decimal', precision: 12, scale: 2 },
        { name: 'day', type: 'date' },
      ],
    });
  });

  it('refuses an unknown column and options of another type', async () => {
    const input = () => rowsOf([], columnsOf({ total: 'text' }));
    expect(await failureOf(run('cast', { columns: { totl: 'integer' } }, input()))).toMatch(/did you mean "total"\?$/);
    expect(await failureOf(run('cast', { columns: { total: { type: 'integer', scale: 2 } } }, input()))).toBe(
      'OPTION_UNSUPPORTED `scale` is not supported by the type integer (task 1 (cast) column "total"); it is for decimal',
    );
    const pattern = run('cast', { columns: { total: { type: 'date', format: 'd.M.yy' } } }, input());
    expect(await failureOf(pattern)).toMatch(/^OPTION_UNSUPPORTED "d" in the format "d\.M\.yy"/);
  });

  it('leaves records without the column alone', async () => {
    const { output } = await run('cast', { columns: { a: 'integer' } }, rowsOf([{ b: 1 }, { a: '2' }]));
    expect(await collect(output)).toEqual([{ b: 1 }, { a: 2 }]);
  });

  it('gives back every number that is written as text', () => {
    const to = (type: 'integer' | 'double' | 'decimal', options = {}) => castTo(type, { lossy: false, ...options });
    fc.assert(
      fc.property(fc.bigInt(), fc.double({ noDefaultInfinity: true, noNaN: true }), (whole, number) => {
        expect(BigInt(to('integer')(String(whole)) as bigint)).toBe(whole);
        expect(to('decimal', { scale: 0 })(String(whole))).toBe(String(whole));
        expect(to('double')(String(number))).toBe(number + 0);
        expect(Number(to('decimal')(number))).toBe(number + 0);
      }),
      { numRuns: 2000 },
    );
  });

  it('rounds as exact arithmetic does', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -(10n ** 30n), max: 10n ** 30n }), fc.nat(8), fc.nat(8), (units, digits, scale) => {
        const text = `${units < 0n ? '-' : ''}${String(units < 0n ? -units : units).padStart(digits + 1, '0')}`;
        const value = digits === 0 ? text : `${text.slice(0, -digits)}.${text.slice(-digits)}`;
        const rounded = castTo('decimal', { lossy: true, scale })(value);
        expect(rounded).toBe(new Big(value).toFixed(scale, Big.roundHalfUp).replace(/^-(0(\.0*)?)$/, '$1'));
      }),
      { numRuns: 2000 },
    );
  });
});
