// The order of values of every type, against plain arithmetic; and rows in temporary files, which must come back as they were.
import Big from 'big.js';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ColumnType, Row, Value } from '../../../engine/contracts/data.ts';
import { createBlockCodec } from '../../../pipes/order/blocks.ts';
import { compareDecimals, decimalKey, plainDecimal } from '../../../pipes/order/decimals.ts';
import { compareAny, comparers, type Key, keyOf, type OrderedType } from '../../../pipes/order/keys.ts';
import { timeKey, timestampKey } from '../../../pipes/order/times.ts';
import { valuesByType } from '../../conformance/values.ts';

function compare(type: OrderedType, one: Value, other: Value): number {
  const by = (comparers[type] ?? compareAny) as (one: Key, other: Key) => number;
  return Math.sign(by(keyOf[type](one as string)!, keyOf[type](other as string)!));
}

const digits = (most: number) => fc.string({ unit: fc.constantFrom(...'0123456789'), minLength: 1, maxLength: most });
const decimal = fc
  .tuple(fc.constantFrom('', '-'), digits(24), fc.option(digits(24), { nil: undefined }))
  .map(([sign, whole, fraction]) => `${sign}${whole}${fraction === undefined ? '' : `.${fraction}`}`);
/** The same number in another form, or one that differs in its last digit. */
const near = fc.tuple(decimal, fc.constantFrom('', '0', '000', '1')).map(([text, more]) => {
  return text.includes('.') ? [text, text + more] : [text, `${text}.0${more}`];
});

describe('decimals', () => {
  it('are in the order of numbers, however long they are', () => {
    fc.assert(
      fc.property(fc.oneof(fc.tuple(decimal, decimal), near), ([one, other]) => {
        const found = Math.sign(compareDecimals(decimalKey(one!)!, decimalKey(other!)!));
        expect(found).toBe(new Big(one!).cmp(new Big(other!)));
      }),
      { numRuns: 1000 },
    );
  });

  it('have one plain text for each number', () => {
    fc.assert(
      fc.property(decimal, fc.integer({ min: -20, max: 20 }), (text, power) => {
        expect(plainDecimal(`${text}e${power}`)).toBe(
          new Big(`${text}e${power}`).eq(0) ? '0' : new Big(`${text}e${power}`).toFixed(),
        );
      }),
    );
  });

  it('put NaN after infinity, and take nothing that is no number', () => {
    const order = ['-Infinity', '-1e999', '-1', '0', '1e999', 'Infinity', 'NaN'];
    for (let i = 0; i < order.length; i++)
      for (let j = 0; j < order.length; j++) {
        expect(compareDecimals(decimalKey(order[i]!)!, decimalKey(order[j]!)!)).toBe(Math.sign(i - j));
      }
    for (const text of ['', ' ', '0x10', '1,5', 'abc', '1.2.3', '1'.repeat(20).concat('x')])
      expect(decimalKey(text)).toBeUndefined();
  });
});

describe('times', () => {
  const stamp = fc
    .record({
      ms: fc.integer({ min: Date.UTC(1, 0, 1), max: Date.UTC(9998, 0, 1) }),
      nanoseconds: fc.integer({ min: 0, max: 999_999 }),
      offset: fc.integer({ min: -14 * 60, max: 14 * 60 }),
      zeros: fc.integer({ min: 0, max: 3 }),
      between: fc.constantFrom('T', ' '),
    })
    .map(({ ms, nanoseconds, offset, zeros, between }) => {
      const local = new Date(ms + offset * 60_000).toISOString();
      const size = Math.abs(offset);
      const pad = (value: number) => String(value).padStart(2, '0');
      const zone = offset === 0 ? 'Z' : `${offset < 0 ? '-' : '+'}${pad(Math.floor(size / 60))}:${pad(size % 60)}`;
      const fraction = `${local.slice(20, 23)}${String(nanoseconds).padStart(6, '0')}${'0'.repeat(zeros)}`;
      return {
        text: `${local.slice(0, 10)}${between}${local.slice(11, 19)}.${fraction}${zone}`,
        total: BigInt(ms) * 1_000_000n + BigInt(nanoseconds),
        offset,
      };
    })
    .filter(({ text }) => /^\d{4}-/.test(text));

  it('with zones are in the order of their instants', () => {
    fc.assert(
      fc.property(stamp, stamp, (one, other) => {
        const found = compare('timestamptz', one.text, other.text);
        expect(found).toBe(one.total < other.total ? -1 : one.total > other.total ? 1 : 0);
      }),
      { numRuns: 500 },
    );
  });

  it.each([
    ['2026-01-31T10:00:00+02:00', '2026-01-31T08:00:00Z'],
    ['2026-01-31 10:00:00.500', '2026-01-31T10:00:00.5'],
    ['2026-01-31', '2026-01-31T00:00'],
    ['2026-01-31T00:30:00+0100', '2026-01-30T23:30:00Z'],
  ])('%s and %s are the same', (one, other) => {
    expect(timestampKey(one)).toBe(timestampKey(other));
    expect(timestampKey(one)).toBeDefined();
  });

  it('know years that are long, before Christ, or no years at all', () => {
    const order = [
      '-infinity',
      '-004712-01-01',
      '-000043-03-15',
      '0000-12-31',
      '0001-01-01',
      '9999-12-31T23:59:59.999',
    ];
    const all = [...order, '+010000-01-01', '+294276-12-31', 'infinity'].map(timestampKey);
    expect(all.every((key) => key !== undefined)).toBe(true);
    expect([...all].sort()).toEqual(all);
  });

  it('of the day stand in the order of the clock, with zones, and below zero', () => {
    const order = [
      '-838:59:59',
      '-01:00:00.5',
      '-01:00:00.25',
      '-01:00',
      '00:00:00.5',
      '10:00+02:00',
      '09:00Z',
      '838:59:59',
    ];
    const all = order.map(timeKey);
    expect(all.every((key) => key !== undefined)).toBe(true);
    expect([...all].sort()).toEqual(all);
  });

  it.each([
    '',
    'abc',
    '2026',
    '2026-1-1',
    '2026-01-31X',
    '2026-01-31T',
    '2026-01-31Tab:cd',
    '31.01.2026',
    '2026-01-31T10:00:00+5',
  ])('%o is none', (text) => expect(timestampKey(text)).toBeUndefined());
});

describe('other values', () => {
  it('text is in the order of its code points', () => {
    const points = (text: string) => [...text].map((character) => character.codePointAt(0)!);
    const text = fc.string({
      unit: fc.constantFrom('a', 'Z', 'é', '\uffff', '\ue000', '𝄞', '😀', '\ud7ff'),
      maxLength: 5,
    });
    fc.assert(
      fc.property(text, text, (one, other) => {
        const [a, b] = [points(one), points(other)];
        let expected = Math.sign(a.length - b.length);
        for (let i = Math.min(a.length, b.length) - 1; i >= 0; i--)
          if (a[i] !== b[i]) expected = a[i]! < b[i]! ? -1 : 1;
        expect(compare('text', one, other)).toBe(expected);
      }),
    );
  });

  it.each<[OrderedType, Value[]]>([
    ['integer', [-9223372036854775808n, -1, 0, 9007199254740991, 9007199254740992n, 9007199254740993n]],
    ['double', [-Infinity, -1.5, 0, 5e-324, 1n, 1.5, Infinity, Number.NaN]],
    ['boolean', [false, true]],
    [
      'binary',
      [new Uint8Array(), new Uint8Array([0]), new Uint8Array([0, 1]), new Uint8Array([127]), new Uint8Array([255])],
    ],
    ['uuid', ['6BA7B810-9dad-11d1-80b4-00c04fd430c8', '6ba7b811-9dad-11d1-80b4-00c04fd430c8']],
  ])('%s', (type, order) => {
    for (let i = 0; i < order.length; i++)
      for (let j = 0; j < order.length; j++) expect(compare(type, order[i]!, order[j]!)).toBe(Math.sign(i - j));
    expect(compare(type, order[0]!, structuredClone(order[0]!))).toBe(0);
  });
});

describe('rows in blocks of bytes', () => {
  const roundtrip = (rows: Row[]) => {
    const codec = createBlockCodec();
    const positions = rows.map((_, i) => 2 ** 33 + i);
    const back = codec.decode(codec.encode(rows, positions));
    expect(back.positions).toEqual(positions);
    expect(back.rows).toEqual(rows);
    expect(back.rows.map((row) => Object.keys(row))).toEqual(rows.map((row) => Object.keys(row)));
    return back.rows;
  };
  const value = fc.oneof(
    {
      arbitrary: fc.constantFrom<Value>(
        ...(Object.keys(valuesByType) as ColumnType[]).flatMap((type) => valuesByType[type]),
      ),
      weight: 3,
    },
    fc.string({ unit: 'binary', maxLength: 300 }),
    fc.double(),
    fc.bigInt(),
    fc.constantFrom<Value>(null, -0, '\ud800', '\udc00x', [null, { a: [1n, new Uint8Array([1])] }], {}),
  );

  it('come back as they were, whatever their values', () => {
    fc.assert(
      fc.property(
        fc.array(fc.record({ a: value, 'b"\\': value, '': value }), { minLength: 1, maxLength: 30 }),
        (rows) => {
          const back = roundtrip(rows as Row[]);
          for (const [i, row] of rows.entries()) expect(Object.is(row.a, -0)).toBe(Object.is(back[i]!.a, -0));
        },
      ),
    );
  });

  it('columns of one type have ways of their own', () => {
    const text = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.constant(null),
      fc.string({ minLength: 254, maxLength: 256 }),
    );
    fc.assert(
      fc.property(
        fc.array(fc.record({ text, number: fc.double() }), { minLength: 1, maxLength: 20 }),
        (rows) => void roundtrip(rows),
      ),
    );
  });

  it('need not have the same columns', () => {
    roundtrip([{ a: 1, b: 2 }, { b: 2, a: 1 }, { a: 1 }, {}, { a: 1, b: 2, c: 3 }]);
    roundtrip([{ ['__proto__']: 1 }, { ['__proto__']: 2 }]);
    const codec = createBlockCodec();
    for (let i = 0; i < 100; i++) {
      const rows = [{ [`c${i}`]: 'x' }];
      expect(codec.decode(codec.encode(rows, [i])).rows).toEqual(rows);
    }
  });
});
