// Decimals against integers, times against Date, doubles against Number: what expressions compute with.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Decimal } from '../../engine/expressions/decimal.ts';
import { readDouble } from '../../engine/expressions/functions-number.ts';
import { Duration, readDuration, readTimestamp, Timestamp } from '../../engine/expressions/time.ts';
import { formatTimestamp, offsetIn, readPattern } from '../../engine/expressions/time-format.ts';

describe('decimals', () => {
  // digits × 10^-scale, and its text.
  const parts = fc.tuple(fc.bigInt({ min: -(10n ** 30n), max: 10n ** 30n }), fc.integer({ min: 0, max: 12 }));
  const textOf = ([digits, scale]: [bigint, number]) => {
    const text = String(digits < 0n ? -digits : digits).padStart(scale + 1, '0');
    const point = text.length - scale;
    return `${digits < 0n ? '-' : ''}${text.slice(0, point)}${scale === 0 ? '' : `.${text.slice(point)}`}`;
  };
  const plain = (text: string) => (/^-0(\.0*)?$/.test(text) ? text.slice(1) : text);
  const scaled = ([digits, scale]: [bigint, number], to: number) => digits * 10n ** BigInt(to - scale);

  test('sums, differences, products and order are those of integers', () => {
    fc.assert(
      fc.property(parts, parts, (a, b) => {
        const [left, right] = [Decimal.from(textOf(a)), Decimal.from(textOf(b))];
        const scale = Math.max(a[1], b[1]);
        const [x, y] = [scaled(a, scale), scaled(b, scale)];
        expect(plain(String(left.plus(right)))).toBe(textOf([x + y, scale]));
        expect(plain(String(left.minus(right)))).toBe(textOf([x - y, scale]));
        expect(plain(String(left.times(right)))).toBe(textOf([a[0] * b[0], a[1] + b[1]]));
        expect(Math.sign(left.compare(right))).toBe(x < y ? -1 : x > y ? 1 : 0);
      }),
    );
  });

  test('comparing with a double or an integer is exact', () => {
    fc.assert(
      fc.property(parts, (a) => {
        const decimal = Decimal.from(textOf(a));
        const double = Number(textOf(a));
        expect(decimal.compare(double)).toBe(decimal.compare(Decimal.from(double)));
        const whole = a[0] / 10n ** BigInt(a[1]);
        expect(Math.sign(decimal.compare(whole))).toBe(Math.sign(decimal.compare(Decimal.from(String(whole)))));
      }),
    );
    expect(Decimal.from('1').compare(Number.POSITIVE_INFINITY)).toBeLessThan(0);
    expect(Decimal.from('1').compare(Number.NEGATIVE_INFINITY)).toBeGreaterThan(0);
    expect(Decimal.from('1').compare(Number.NaN)).toBeNaN();
  });

  test.each(['', ' ', 'abc', '1,5', '0x10', 'NaN', 'Infinity', '1e99999', '--1'])('%j is none', (text) => {
    expect(() => Decimal.from(text).plus(Decimal.from(1))).toThrow();
    expect(() => Decimal.from(text).compare(0)).toThrow();
  });

  test('are kept as they were written until they are computed with', () => {
    expect(String(Decimal.from('001.500'))).toBe('001.500');
    expect(String(Decimal.from('1.5e2').checked())).toBe('150');
  });
});

describe('doubles', () => {
  const odd = [
    '-0',
    '.5',
    '5.',
    '.',
    '-',
    '-.',
    '-.5',
    '',
    '1.2.3',
    '1-2',
    '+5',
    '1e5',
    '9007199254740993',
    '000000000000001.5',
    '999999999999999.9',
  ];

  test('are those of Number', () => {
    const digits = fc.string({ unit: fc.constantFrom(...'0123456789.-'), maxLength: 18 });
    const doubles = fc.double({ noNaN: true, noDefaultInfinity: true }).map(String);
    const cents = fc.integer({ min: -1e9, max: 1e9 }).map((value) => (value / 100).toFixed(2));
    fc.assert(
      fc.property(fc.oneof(digits, doubles, cents, fc.constantFrom(...odd)), (text) => {
        expect(readDouble(text)).toBe(text === '' ? Number.NaN : Number(text));
      }),
      { numRuns: 5000, examples: odd.map((text) => [text]) },
    );
  });

  test('have infinities, and no blanks around', () => {
    expect(readDouble('inf')).toBe(Number.POSITIVE_INFINITY);
    expect(readDouble('-Infinity')).toBe(Number.NEGATIVE_INFINITY);
    for (const text of [' 1', '1 ', ' ', '\u00a01', '1\n', 'one']) expect(readDouble(text)).toBeNaN();
  });
});

describe('times', () => {
  const date = fc.date({
    min: new Date('0001-01-03T00:00:00Z'),
    max: new Date('9999-12-29T00:00:00Z'),
    noInvalidDate: true,
  });

  test('are those of Date', () => {
    fc.assert(
      fc.property(date, date, (one, other) => {
        const [a, b] = [readTimestamp(one.toISOString())!, readTimestamp(other.toISOString())!];
        expect(a.seconds * 1000 + a.nanoseconds / 1e6).toBe(one.getTime());
        expect(String(a)).toBe(one.toISOString());
        expect(Math.sign(a.compare(b))).toBe(Math.sign(one.getTime() - other.getTime()));
        expect(a.since(b).nanoseconds).toBe(BigInt(one.getTime() - other.getTime()) * 1_000_000n);
        expect(String(b.plus(a.since(b)))).toBe(one.toISOString());
        const { year, month, day, hour, minute, second } = a.civil();
        expect([year, month, day, hour, minute, second]).toEqual([
          one.getUTCFullYear(),
          one.getUTCMonth() + 1,
          one.getUTCDate(),
          one.getUTCHours(),
          one.getUTCMinutes(),
          one.getUTCSeconds(),
        ]);
      }),
    );
  });

  test.each([
    ['2024-05-31T12:00:00+02:00', '2024-05-31T12:00:00+02:00', '2024-05-31T10:00:00Z'],
    ['2024-05-31 12:00:00.100000-0530', '2024-05-31T12:00:00.100000-05:30', '2024-05-31T17:30:00.1Z'],
    ['2024-05-31T12:00:00.123456789Z', '2024-05-31T12:00:00.123456789Z', '2024-05-31T12:00:00.123456789Z'],
    ['2024-05-31 12:00:00+02', '2024-05-31T12:00:00+02:00', '2024-05-31T10:00:00Z'],
    ['2024-05-31', '2024-05-31T00:00:00', '2024-05-31T00:00:00Z'],
    ['2024-05-31T12:00', '2024-05-31T12:00:00', '2024-05-31T12:00:00Z'],
  ])('%s keeps its digits and its offset', (text, shown, same) => {
    expect(String(readTimestamp(text))).toBe(shown);
    expect(readTimestamp(text)!.compare(readTimestamp(same)!)).toBe(0);
  });

  test.each([
    '',
    '2024',
    '2024-13-01',
    '2023-02-29',
    '2024-05-31T24:00:00Z',
    '2024-05-31T12:60:00Z',
    '2024-05-31Z',
    '0000-01-01',
    '2024-05-31T12:00:00+99:00',
    'x2024-05-31',
  ])('%j is none', (text) => expect(readTimestamp(text)).toBe(undefined));

  test('outside the years 1 to 9999 there is nothing', () => {
    expect(() => readTimestamp('9999-12-31T23:59:59Z')!.plus(new Duration(1_000_000_000n))).toThrow();
    expect(() => new Timestamp(Number.NaN, 0, 0, 0)).toThrow();
  });

  test.each([
    ['24h', 86_400_000_000_000n],
    ['1h30m', 5_400_000_000_000n],
    ['-1.5s', -1_500_000_000n],
    ['7d', 604_800_000_000_000n],
    ['1ms2us3ns', 1_002_003n],
    ['.5h', 1_800_000_000_000n],
    ['1.s', 1_000_000_000n],
    ['1m1ms', 60_001_000_000n],
  ])('the duration %s', (text, nanoseconds) => {
    expect(readDuration(text)?.nanoseconds).toBe(nanoseconds);
  });

  test.each(['', 'h', '5', '5 h', '1h-5m', '1y', '1.2.3s', '- 5s', `${'1'.repeat(200)}s`])(
    '%j is no duration',
    (text) => {
      expect(readDuration(text)).toBe(undefined);
    },
  );

  test('a duration shows its seconds', () => {
    expect(String(readDuration('-1.5s'))).toBe('-1.5s');
    expect(String(readDuration('1h'))).toBe('3600s');
    expect(String(readDuration('1ns'))).toBe('0.000000001s');
  });

  test('zones follow their clocks', () => {
    const at = (text: string) => readTimestamp(text)!;
    expect(offsetIn('Europe/Berlin', at('2024-03-31T00:59:59Z'))).toBe(60);
    expect(offsetIn('Europe/Berlin', at('2024-03-31T01:00:00Z'))).toBe(120);
    expect(offsetIn('America/New_York', at('2024-07-01T00:00:00Z'))).toBe(-240);
    expect(offsetIn('Asia/Kathmandu', at('2024-07-01T00:00:00Z'))).toBe(345);
    expect(offsetIn('+05:30', at('2024-07-01T00:00:00Z'))).toBe(330);
    expect(offsetIn('UTC', at('2024-07-01T00:00:00Z'))).toBe(0);
    expect(() => offsetIn('Nowhere', at('2024-07-01T00:00:00Z'))).toThrow();
  });

  test('patterns write what they read', () => {
    const pattern = '%Y-%m-%dT%H:%M:%S.%f%z';
    fc.assert(
      fc.property(date, fc.integer({ min: -14 * 60, max: 14 * 60 }), (each, offset) => {
        const timestamp = new Timestamp(Math.floor(each.getTime() / 1000), each.getUTCMilliseconds() * 1e6, offset, 3);
        const text = formatTimestamp(timestamp, pattern);
        expect(String(readPattern(text, pattern))).toBe(String(timestamp));
      }),
    );
  });

  test.each([
    ['31.12.2024', '%d.%m.%Y', '2024-12-31T00:00:00'],
    ['5/7/99', '%m/%d/%y', '1999-05-07T00:00:00'],
    ['Jan 5 2024 11:05 PM', '%b %d %Y %I:%M %p', '2024-01-05T23:05:00'],
    ['12:30 AM 1 March 2024', '%I:%M %p %d %B %Y', '2024-03-01T00:30:00'],
    ['1717200000', '%s', '2024-06-01T00:00:00Z'],
    ['[2024-05-31 07:00:00 +0200]', '[%F %T %z]', '2024-05-31T07:00:00+02:00'],
  ])('%s by %s', (text, pattern, expected) => {
    expect(String(readPattern(text, pattern))).toBe(expected);
  });

  test.each([
    ['31.02.2024', '%d.%m.%Y', /is not a time of the form/],
    ['x', '%d', /is not a time of the form/],
    ['Foo 1', '%b %d', /is not a time of the form/],
    ['1', '%Q', /which cannot be read/],
    ['1 1', '%d %d', /names a part twice/],
  ])('%s is not read by %s', (text, pattern, reason) => {
    try {
      readPattern(text, pattern);
      expect.unreachable();
    } catch (error) {
      expect((error as { reason: string }).reason).toMatch(reason);
    }
  });
});
