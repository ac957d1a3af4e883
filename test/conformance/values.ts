// Values of every column type that are easily changed on the way, for the conformance suites.
import fc from 'fast-check';
import type { ColumnType, Value } from '../../engine/contracts/data.ts';

export const textValues = [
  'plain',
  '',
  ' ',
  '  two before and after  ',
  'comma, semicolon; tab\tpipe|',
  '"quoted"',
  '"',
  '""',
  "it's",
  'line\nbreak',
  'carriage\r\nreturn',
  '\r',
  '\n',
  'back\\slash',
  '\\',
  '\\N',
  'NULL',
  'null',
  'true',
  '007',
  '1.50',
  '-',
  '#comment',
  '=1+1',
  '{"a":1}',
  '[1,2]',
  '\u0000\u0001\u001f\u007f',
  '\u2028\u2029\u0085\u00a0',
  'Grüße €',
  '東京都',
  '𝄞 and 👩‍👩‍👧',
  '\ufeff',
  '\ufffd',
  'é and e\u0301',
  'x'.repeat(3000),
];

const plain = fc.constantFrom(...'abcXYZ0189éß€東𝄞-_/');

/** Text without spaces at its ends or anything that a format may need for itself. */
export const plainText = fc
  .array(plain, { minLength: 1, maxLength: 12 })
  .map((characters) => `a${characters.join('')}z`);

/** Text out of what formats need for themselves. */
export const trickyText = fc.oneof(
  fc.string({ unit: fc.constantFrom(...',;\t|"\'\\\r\n #{}[]:aN0.-é€𝄞\u0000\ufeff\u2028'), maxLength: 12 }),
  fc.string({ unit: 'binary', maxLength: 8 }),
  fc.constantFrom(...textValues),
);

const integers: Value[] = [
  0,
  1,
  -1,
  Number.MAX_SAFE_INTEGER,
  Number.MIN_SAFE_INTEGER,
  9007199254740992n,
  9007199254740993n,
  -9007199254740993n,
  9223372036854775807n,
  -9223372036854775808n,
];

/** Of each type values that come back as they are where a format claims the type. */
export const valuesByType: Record<ColumnType, Value[]> = {
  boolean: [true, false],
  integer: integers,
  double: [0, 0.1, -1.5, 0.1 + 0.2, 1e21, 1e-7, 5e-324, Number.MAX_VALUE, 123456.789, 2 ** 53 + 2, -(2 ** 60), 1 / 3],
  decimal: ['0', '1.50', '-12345678901234567890.123456789', '0.000000000000000001', '100', '9007199254740993'],
  text: ['plain', 'with space', 'Grüße €', '東京都', '𝄞', '007', 'NULL', 'true', '1e5', 'a,b;c', "it's", '"q"', ''],
  binary: [
    new Uint8Array([1, 2, 3]),
    new Uint8Array([0, 255, 10, 13, 34, 44]),
    Uint8Array.from({ length: 256 }, (_, i) => i),
  ],
  date: ['2024-02-29', '0001-01-01', '9999-12-31'],
  time: ['00:00:00', '23:59:59.123456', '12:30:00.000000001'],
  timestamp: ['2024-02-29T12:00:00', '2024-02-29T12:00:00.123456789', '1969-12-31T23:59:59.999999'],
  timestamptz: ['2024-02-29T12:00:00Z', '2024-02-29T12:00:00.123456+05:30', '2024-02-29T12:00:00-03:00'],
  interval: ['P1DT12H', 'PT0.5S', 'P1Y2M3D'],
  uuid: ['6f1c8f44-58cc-4e9a-9c0e-0d7a4d1b2c3d', '00000000-0000-0000-0000-000000000000'],
  json: [{ a: 1, b: [null, true, 'x', {}] }, [], { '': { nested: { deep: [1.5, '"'] } } }, { long: 'é\n'.repeat(20) }],
  array: [[1, 2, 3], [], ['a', null, 'b,"c"'], [[1], [2, [3]]]],
};

/** JSON.stringify drops the sign of a zero; what is compared with it must have none. */
export function hasNegativeZero(value: unknown): boolean {
  if (Object.is(value, -0)) return true;
  return typeof value === 'object' && value !== null && Object.values(value).some(hasNegativeZero);
}
