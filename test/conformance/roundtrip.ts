// Tables of random columns and values, and what each of the places must make of them: the same, or a refusal. Never another value.
import fc from 'fast-check';
import type { Column, ColumnType, Row, Value } from '../../engine/contracts/data.ts';

export type PlaceName = 'postgres' | 'mysql' | 'sqlite' | 'csv';

export interface RandomTable {
  columns: Column[];
  rows: Row[];
}

const pad = (value: number, length: number) => String(value).padStart(length, '0');

/** A fraction of up to so many digits, without zeros at its end. */
const fraction = (most: number) =>
  fc.oneof(
    fc.constant(''),
    fc.string({ unit: fc.constantFrom(...'0123456789'), minLength: 1, maxLength: most }).map((digits) => {
      const plain = digits.replace(/0+$/, '');
      return plain === '' ? '' : `.${plain}`;
    }),
  );

const dayOf = (years: fc.Arbitrary<number>) =>
  fc.tuple(years, fc.integer({ min: 1, max: 12 }), fc.integer({ min: 1, max: 28 })).map(([year, month, day]) => {
    const shown = year >= 0 && year <= 9999 ? pad(year, 4) : `${year < 0 ? '-' : '+'}${pad(Math.abs(year), 6)}`;
    return `${shown}-${pad(month, 2)}-${pad(day, 2)}`;
  });

const clock = (digits: number) =>
  fc
    .tuple(fc.nat(23), fc.nat(59), fc.nat(59), fraction(digits))
    .map(([hour, minute, second, rest]) => `${pad(hour, 2)}:${pad(minute, 2)}:${pad(second, 2)}${rest}`);

const usualDay = dayOf(fc.integer({ min: 1971, max: 2037 }));
const oddDay = fc.oneof(
  dayOf(fc.integer({ min: -4700, max: 12_000 })),
  fc.constantFrom('infinity', '-infinity', '0000-01-01'),
);
const digits = (least: number, most: number) =>
  fc.string({ unit: fc.constantFrom(...'0123456789'), minLength: least, maxLength: most });

/** Without zeros in front, and no zero with a sign. */
const decimalOf = (whole: number, fractionDigits: number) =>
  fc.tuple(fc.boolean(), digits(1, whole), digits(0, fractionDigits)).map(([negative, before, after]) => {
    const plain = `${before.replace(/^0+(?=\d)/, '')}${after === '' ? '' : `.${after}`}`;
    return negative && /[1-9]/.test(plain) ? `-${plain}` : plain;
  });

const usualJson: fc.Arbitrary<Value> = fc.letrec<{ value: Value }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 3 },
    fc.constantFrom<Value>(null, true, false, '', 'é"\\\n\t𝄞', 0, -1.5, 1e21, 0.1),
    fc.integer(),
    fc.string({ unit: 'grapheme', maxLength: 10 }),
    fc.array(tie('value'), { maxLength: 4 }),
    fc.dictionary(fc.string({ unit: fc.constantFrom(...'ab é"'), maxLength: 4 }), tie('value'), { maxKeys: 4 }),
  ),
})).value;

const usual: Record<ColumnType, fc.Arbitrary<Value>> = {
  boolean: fc.boolean(),
  integer: fc.oneof(
    fc.integer(),
    fc.maxSafeInteger(),
    fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map(plainInteger),
    fc.constantFrom(-(2n ** 63n), 2n ** 63n - 1n, 2n ** 53n + 1n, Number.MAX_SAFE_INTEGER, 0),
  ),
  double: fc.oneof(
    fc.double({ noNaN: true, noDefaultInfinity: true }).filter((value) => !Object.is(value, -0)),
    fc.constantFrom(0.1, 5e-324, 1.7976931348623157e308, 2 ** 53 + 2, -1e21, 1e-7),
  ),
  decimal: decimalOf(30, 20),
  text: fc.oneof(
    fc.string({ unit: 'grapheme', maxLength: 30 }),
    fc.string({ unit: fc.constantFrom(...`,;\t|"'\`\\\r\n #{}[]:aN.-é€𝄞\ufeff\u2028 `), maxLength: 12 }),
    fc.constantFrom(
      '',
      ' ',
      '\\.',
      '\\N',
      'NULL',
      'null',
      '007',
      '1.50',
      '1e5',
      ' x ',
      '\\',
      '"',
      '""',
      "'",
      '\n',
      '\r\n',
      '\\x41',
      'é'.repeat(5000),
    ),
  ),
  binary: fc.oneof(
    fc.uint8Array({ maxLength: 40 }),
    fc.constantFrom(
      new Uint8Array(),
      Uint8Array.from({ length: 256 }, (_, i) => i),
    ),
  ),
  date: usualDay,
  time: clock(6),
  timestamp: fc.tuple(usualDay, clock(6)).map(([day, time]) => `${day}T${time}`),
  timestamptz: fc
    .tuple(usualDay, clock(6), fc.constantFrom('Z', '+02:00', '-11:30', '+00:00'))
    .map(([day, time, zone]) => `${day}T${time}${zone}`),
  interval: fc
    .tuple(
      fc.integer({ min: 1, max: 300 }),
      fc.integer({ min: 1, max: 11 }),
      fc.integer({ min: 1, max: 40 }),
      fc.integer({ min: 1, max: 30 }),
      fraction(6),
    )
    .map(
      ([years, months, days, hours, rest]) =>
        `P${years}Y${months}M${days}DT${hours}H${rest === '' ? '' : `0${rest}S`.replace('0.', '0.')}`,
    ),
  uuid: fc.oneof(fc.uuid({ version: [1, 2, 3, 4, 5, 6, 7] }), fc.constant('00000000-0000-0000-0000-000000000000')),
  json: usualJson.filter((value) => value !== null),
  array: fc.array(usualJson, { maxLength: 5 }),
};

/** What some of the places cannot hold, or hold only with care. */
const odd: Partial<Record<ColumnType, fc.Arbitrary<Value>>> = {
  integer: fc.constantFrom(2n ** 63n, -(2n ** 63n) - 1n, 2n ** 64n),
  double: fc.constantFrom(Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, -0),
  decimal: fc.oneof(decimalOf(500, 500), fc.constantFrom('NaN', 'Infinity', '-Infinity')),
  text: fc.constantFrom('a\0b', '\0', '\ud83c', 'x\udf89', '\udf89\ud83c', '𝄞\0'),
  date: oddDay,
  time: fc.oneof(clock(9), fc.constantFrom('24:00:00')),
  timestamp: fc.oneof(
    fc.tuple(oddDay, clock(6)).map(([day, time]) => (/inf/.test(day) ? day : `${day}T${time}`)),
    fc.tuple(usualDay, clock(9)).map(([day, time]) => `${day}T${time}`),
  ),
  timestamptz: fc.oneof(
    fc.tuple(oddDay, clock(6)).map(([day, time]) => (/inf/.test(day) ? day : `${day}T${time}Z`)),
    fc.tuple(usualDay, clock(9)).map(([day, time]) => `${day}T${time}Z`),
  ),
  // MariaDB takes none of a version above 7 whose variant is not the usual one.
  uuid: fc
    .tuple(fc.uuid({ version: 4 }), fc.constantFrom(...'89abcdef'), fc.constantFrom(...'01234567cdef'))
    .map(
      ([text, version, variant]) => `${text.slice(0, 14)}${version}${text.slice(15, 19)}${variant}${text.slice(20)}`,
    ),
  json: fc.constantFrom<Value>('a\0b', ['\ud800'], 12345678901234567890n, { a: 9007199254740993n }, 1e300, 5e-324),
};

const types = Object.keys(usual) as ColumnType[];

function plainInteger(value: bigint): number | bigint {
  return value >= Number.MIN_SAFE_INTEGER && value <= Number.MAX_SAFE_INTEGER ? Number(value) : value;
}

/** `oddity`: about how many of a hundred values are odd ones. */
export function randomTable(oddity: number): fc.Arbitrary<RandomTable> {
  const column = fc.constantFrom(...types).chain((type) => fc.record({ type: fc.constant(type) }));
  return fc.array(column, { minLength: 1, maxLength: 7 }).chain((list) => {
    const columns: Column[] = list.map(({ type }, i) => ({ name: `${'äc "d'[i % 5]}${i}`, type }));
    const row = fc
      .tuple(
        ...columns.map(({ type }) => {
          const weights = [
            { arbitrary: usual[type], weight: 90 - oddity },
            { arbitrary: fc.constant<Value>(null), weight: 10 },
          ];
          const extra = odd[type];
          return fc.oneof(...weights, ...(extra && oddity > 0 ? [{ arbitrary: extra, weight: oddity }] : []));
        }),
      )
      .map((values): Row => Object.fromEntries(columns.map(({ name }, i) => [name, values[i]!])));
    return fc.array(row, { minLength: 1, maxLength: 12 }).map((rows) => ({ columns, rows }));
  });
}

/** Whether the place has no reason to refuse the value. */
export function mustTake(place: PlaceName, type: ColumnType, value: Value): boolean {
  if (value === null) return true;
  if (isOdd(type, value)) return false;
  // 65 digits, 30 of them after the point; its JSON and its texts for intervals have limits of their own.
  return place !== 'mysql' || !['decimal', 'json', 'array', 'interval'].includes(type);
}

function isOdd(type: ColumnType, value: NonNullable<Value>): boolean {
  switch (type) {
    case 'integer':
      return BigInt.asIntN(64, BigInt(value as number)) !== BigInt(value as number);
    case 'double':
      return !Number.isFinite(value as number) || Object.is(value, -0);
    case 'decimal':
      return !/^-?\d{1,30}(\.\d{1,20})?$/.test(value as string);
    case 'text':
      return !(value as string).isWellFormed() || (value as string).includes('\0');
    case 'time':
      return /\.\d{7}|^24/.test(value as string);
    case 'date':
    case 'timestamp':
    case 'timestamptz':
      return !/^(19[7-9]|20[0-3])/.test(value as string) || /\.\d{7}/.test(value as string);
    case 'uuid':
      return !/[0-7]/.test((value as string)[14]!);
    case 'json':
    case 'array':
      return /\\u0000|\\ud|e[+-]?\d/.test(
        JSON.stringify(value, (_, part) => (typeof part === 'bigint' ? `${part}e1` : part)),
      );
    default:
      return false;
  }
}

/** What the value is after a way through the place, in one spelling for all that mean the same. */
export function spelled(type: ColumnType, value: Value): unknown {
  if (value === null || value === undefined) return null;
  switch (type) {
    case 'integer':
      return String(value);
    case 'double':
      return Object.is(value, -0) ? '-0' : String(value);
    case 'decimal':
      return decimalSpelled(String(value));
    case 'binary':
      return value instanceof Uint8Array ? Buffer.from(value).toString('hex') : { wrong: value };
    case 'time':
    case 'timestamp':
      return String(value)
        .replace(/(\.\d*?)0+$/, '$1')
        .replace(/\.$/, '');
    case 'timestamptz':
      return instant(String(value));
    case 'json':
    case 'array':
      return jsonSpelled(value);
    default:
      return value;
  }
}

function decimalSpelled(text: string): string {
  const found = /^(-?)0*(\d*)(?:\.(\d*?)0*)?$/.exec(text);
  if (found === null) return text;
  const [, sign, whole, rest = ''] = found;
  return whole === '' && rest === '' ? '0' : `${sign}${whole}.${rest}`;
}

/** The instant in UTC, with all its digits. */
function instant(text: string): string {
  const found = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(\.\d+)?(Z|[+-]\d\d:\d\d)$/.exec(text);
  if (found === null) return text;
  const [, whole, rest = '', zone] = found;
  const at = new Date(`${whole}${zone}`).toISOString().slice(0, 19);
  return `${at}${rest.replace(/0+$/, '').replace(/\.$/, '')}Z`;
}

function jsonSpelled(value: Value): unknown {
  if (typeof value === 'bigint') return `number ${value}`;
  // JSON is text: a number is the digits that it is written with, 1e300 a one and 300 zeros.
  if (typeof value === 'number') return `number ${digitsOf(String(value))}`;
  if (Array.isArray(value)) return value.map(jsonSpelled);
  if (value !== null && typeof value === 'object' && !(value instanceof Uint8Array)) {
    return Object.fromEntries(
      Object.entries(value)
        .map(([key, part]): [string, unknown] => [key, jsonSpelled(part)])
        .sort(([a], [b]) => (a < b ? -1 : 1)),
    );
  }
  return value;
}

/** A whole number without its exponent; any other as it is written. */
function digitsOf(text: string): string {
  const [, sign, whole = '', fraction = '', exponent] = /^(-?)(\d+)(?:\.(\d+))?e\+(\d+)$/.exec(text) ?? [];
  if (exponent === undefined || fraction.length > Number(exponent)) return text;
  return `${sign}${whole}${fraction}${'0'.repeat(Number(exponent) - fraction.length)}`;
}
