// Values of text and text of values, type by type.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { ColumnType, Value } from '../../engine/contracts/data.ts';
import { Failure } from '../../engine/errors.ts';
import { parser, valueText } from '../../pipes/formats/values.ts';

const good: [ColumnType, string, Value][] = [
  ['text', ' a ', ' a '],
  ['boolean', 'true', true],
  ['boolean', 'T', true],
  ['boolean', ' Yes ', true],
  ['boolean', '0', false],
  ['boolean', 'off', false],
  ['integer', '007', 7],
  ['integer', '-0', 0],
  ['integer', ' +12 ', 12],
  ['integer', '9007199254740991', 9007199254740991],
  ['integer', '9007199254740992', 9007199254740992n],
  ['integer', '-9223372036854775808', -9223372036854775808n],
  ['integer', '00000000000000000001', 1],
  ['double', '1e3', 1000],
  ['double', ' -.5 ', -0.5],
  ['double', 'Infinity', Number.POSITIVE_INFINITY],
  ['double', '-inf', Number.NEGATIVE_INFINITY],
  ['double', 'nan', Number.NaN],
  ['decimal', '0012.3400', '0012.3400'],
  ['decimal', '+12345678901234567890.123456789', '12345678901234567890.123456789'],
  ['date', '2024-02-29', '2024-02-29'],
  ['time', '23:59:59.123456789', '23:59:59.123456789'],
  ['time', '08:30+02', '08:30+02:00'],
  ['timestamp', '2024-01-02 03:04:05.6', '2024-01-02T03:04:05.6'],
  ['timestamptz', '2024-01-02 03:04:05.678901+0530', '2024-01-02T03:04:05.678901+05:30'],
  ['timestamptz', '2024-01-02T03:04Z', '2024-01-02T03:04Z'],
  ['timestamptz', '2024-01-02 03:04:05-03', '2024-01-02T03:04:05-03:00'],
  ['interval', 'P1Y2M3DT4H5M6.7S', 'P1Y2M3DT4H5M6.7S'],
  ['interval', '1 year 2 mons -3 days 04:05:06.7', '1 year 2 mons -3 days 04:05:06.7'],
  ['interval', '04:05:06', '04:05:06'],
  ['uuid', '6F1C1C9E-2F3A-4A38-9A4C-0D8F5A0F3B11', '6F1C1C9E-2F3A-4A38-9A4C-0D8F5A0F3B11'],
  ['binary', '\\x00Ff', new Uint8Array([0, 255])],
  ['binary', 'AP8=', new Uint8Array([0, 255])],
  ['json', '{"a":[1,9007199254740993]}', { a: [1, 9007199254740993n] }],
  ['json', ' null ', null],
  ['array', '[1,"a"]', [1, 'a']],
];

const bad: [ColumnType, string][] = [
  ['boolean', '2'],
  ['boolean', 'truex'],
  ['integer', '12abc'],
  ['integer', '1.0'],
  ['integer', '1e3'],
  ['integer', '-'],
  ['integer', '1 2'],
  ['integer', '12345678901234567890x'],
  ['double', '0x10'],
  ['double', '1,5'],
  ['double', ' '],
  ['double', '1e999'],
  ['decimal', '1e3'],
  ['decimal', '.'],
  ['date', '2023-02-29'],
  ['date', '1900-02-29'],
  ['date', '2024-13-01'],
  ['date', '2024-1-1'],
  ['date', '20240101'],
  ['time', '24:00'],
  ['time', '12:60'],
  ['time', '12:00:00.'],
  ['time', '12:00+25'],
  ['timestamp', '2024-01-01'],
  ['timestamp', '2024-01-01T10:00:00Z'],
  ['timestamptz', '2024-01-01T10:00:00'],
  ['timestamptz', '2024-01-01T10:00:00+1'],
  ['interval', 'P'],
  ['interval', 'PT'],
  ['interval', 'P1DT'],
  ['interval', 'soon'],
  ['interval', `${'1 day '.repeat(2)}x`],
  ['uuid', '6f1c1c9e2f3a4a389a4c0d8f5a0f3b11'],
  ['binary', '\\x0'],
  ['binary', 'AP8'],
  ['binary', 'A?=='],
  ['json', '{a:1}'],
  ['array', '{"a":1}'],
  ['array', '[1'],
];

describe('parser', () => {
  test.each(good)('%s takes %j', (type, text, value) => {
    expect(parser(type)(text)).toEqual(value);
  });

  test.each(bad)('%s refuses %j', (type, text) => {
    expect(() => parser(type)(text)).toThrow(Failure);
    expect(() => parser(type)(text)).toThrow(`value: ${JSON.stringify(text)} is not `);
  });

  test('a long text is cut in the message', () => {
    expect(() => parser('date')('x'.repeat(1000))).toThrow(`"${'x'.repeat(57)}…" is not a date such as 2026-12-31`);
  });

  test('minus zero as an integer is zero', () => {
    expect(Object.is(parser('integer')('-0'), 0)).toBe(true);
    expect(Object.is(parser('integer')('-00000000000000000'), 0)).toBe(true);
  });
});

describe('valueText', () => {
  test.each(good)('of %s: what was read from %j reads back the same', (type, _, value) => {
    if (value !== null) expect(parser(type)(valueText(value, type))).toEqual(value);
  });

  test('of a number is what String gives, and keeps the sign of zero', () => {
    const amount = fc
      .tuple(fc.integer({ min: -2_000_000_000, max: 2_000_000_000 }), fc.nat({ max: 6 }))
      .map(([whole, scale]) => whole / 10 ** scale);
    const product = fc.tuple(amount, amount).map(([a, b]) => a * b);
    fc.assert(
      fc.property(fc.oneof(amount, product, fc.double(), fc.integer(), fc.maxSafeInteger()), (number) => {
        expect(valueText(number)).toBe(Object.is(number, -0) ? '-0' : String(number));
      }),
      { numRuns: 20_000 },
    );
    for (const number of [0.0001, 0.00005, 9999.9999, 10_000, 99_999_999.9999, 1e8, 1e21, 1e-7, -0.5, 123_456.7]) {
      expect(valueText(number)).toBe(String(number));
    }
  });

  test('of NaN inside JSON is refused', () => {
    expect(() => valueText({ a: Number.NaN })).toThrow('NaN does not fit JSON, which has no such number,');
  });
});
