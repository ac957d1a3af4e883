// Params: texts read by their type, values checked, defaults, and every mistake told.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type GivenParams, type Param, readParam, resolveParams } from '../../engine/params.ts';

const resolve = (
  declared: Record<string, Param>,
  given: GivenParams = {},
  evaluate: (value: unknown) => unknown = (value) => value,
) => {
  const { values, failures } = resolveParams(declared, given, evaluate);
  return failures.length > 0 ? failures.map(({ code, message }) => `${code} ${message}`) : values;
};

describe('a text is read by its type', () => {
  test.each<[Param, string, unknown]>([
    [{}, ' x ', ' x '],
    [{ type: 'string' }, '7', '7'],
    [{ type: 'integer' }, '-7', -7],
    [{ type: 'integer' }, '+7', 7],
    [{ type: 'integer' }, '9007199254740993', 9007199254740993n],
    [{ type: 'number' }, '1.5e3', 1500],
    [{ type: 'number' }, '.5', 0.5],
    [{ type: 'boolean' }, 'true', true],
    [{ type: 'boolean' }, 'false', false],
    [{ type: 'array' }, 'a, b', ['a', 'b']],
    [{ type: 'array', items: 'integer' }, '1,2', [1, 2]],
    [{ type: 'array' }, '["a,b", 2]', ['a,b', 2]],
    [{ type: 'array' }, '', []],
    [{ type: 'object' }, '{"a": 1}', { a: 1 }],
    [{ type: 'integer', enum: [1, 2] }, '2', 2],
    [{ format: 'date' }, '2024-02-29', '2024-02-29'],
    [{ format: 'date-time' }, '2026-01-31T06:30:00+01:00', '2026-01-31T06:30:00+01:00'],
    [{ format: 'path' }, '/shop/a.csv', '/shop/a.csv'],
    [{ pattern: '[A-Z]{2}' }, 'DE', 'DE'],
  ])('%j %j', (param, text, expected) => {
    expect(resolve({ x: param }, { texts: { x: text } })).toEqual({ x: expected });
  });

  test.each<[Param, string, string]>([
    [{ type: 'integer' }, 'ten', 'must be a whole number, and is "ten"'],
    [{ type: 'integer' }, '1.5', 'must be a whole number, and is "1.5"'],
    [{ type: 'integer' }, '', 'must be a whole number, and is ""'],
    [{ type: 'number' }, '0x10', 'must be a number, and is "0x10"'],
    [{ type: 'number' }, 'NaN', 'must be a number, and is "NaN"'],
    [{ type: 'number' }, '1e999', 'must be a number, and is "1e999"'],
    [{ type: 'boolean' }, 'yes', 'must be true or false, and is "yes"'],
    [{ type: 'array', items: 'integer' }, '1,x', 'has an item that must be a whole number, and is "x"'],
    [{ type: 'array', items: 'integer' }, '[1,"x"]', 'must be a list of whole numbers, and its item 2 is "x"'],
    [{ type: 'array' }, '[1,', 'must be a list, and is "[1,", which is not JSON'],
    [{ type: 'object' }, '[1]', 'must be a map, and is "[1]"'],
    [{ type: 'integer', minimum: 1 }, '0', 'must be at least 1, and is 0'],
    [{ type: 'integer', maximum: 5 }, '9007199254740993', 'must be at most 5, and is 9007199254740993'],
    [{ enum: ['eu', 'us'] }, 'uk', 'must be one of "eu", "us", and is "uk"'],
    [{ format: 'date' }, '2023-02-29', 'must be a date, such as 2026-01-31, and is "2023-02-29"'],
    [{ format: 'date' }, '31.01.2026', 'must be a date, such as 2026-01-31, and is "31.01.2026"'],
    [{ format: 'time' }, '25:00', 'must be a time, such as 06:30 or 06:30:15, and is "25:00"'],
    [
      { format: 'date-time' },
      '2026-01-31',
      'must be a date and time, such as 2026-01-31T06:30:00Z, and is "2026-01-31"',
    ],
    [{ format: 'duration' }, '5', 'must be a length of time, such as 30s or 1h30m, and is "5"'],
    [{ format: 'email' }, 'me@host', 'must be an e-mail address, and is "me@host"'],
    [{ format: 'uri' }, 'example.com', 'must be a URI, such as https://example.com/, and is "example.com"'],
    [{ format: 'uuid' }, '123', 'must be a UUID, and is "123"'],
    [{ format: 'path' }, 's3://x/y', 'must be a path, and is "s3://x/y"'],
    [{ pattern: '[A-Z]{2}' }, 'DEU', 'must match [A-Z]{2}, and is "DEU"'],
    [{ pattern: '(a+)+b' }, 'a'.repeat(40), `must match (a+)+b, and is "${'a'.repeat(40)}"`],
    [{ min_length: 2 }, 'a', 'must have at least 2 characters, and has 1'],
    [{ type: 'array', max_length: 1 }, 'a,b', 'must have at most 1 items, and has 2'],
    [{ type: 'integer', secret: true }, 'hunter2', 'must be a whole number, and is something else'],
  ])('%j refuses %j', (param, text, reason) => {
    expect(resolve({ x: param }, { texts: { x: text } })).toEqual([`PARAM_INVALID parameter "x" ${reason}`]);
  });
});

describe('values of a program', () => {
  test.each<[Param, unknown]>([
    [{}, 'x'],
    [{ type: 'integer' }, 7],
    [{ type: 'integer' }, 7n],
    [{ type: 'number' }, 1.5],
    [{ type: 'object' }, { a: [1] }],
    [{ type: 'integer', enum: [1] }, 1n],
    [{ required: false }, null],
  ])('%o takes %o', (param, value) => {
    expect(resolve({ x: param }, { values: { x: value } })).toEqual({ x: value });
  });

  test.each<[Param, unknown, string]>([
    [{ type: 'integer' }, '7', 'must be a whole number, and is "7"'],
    [{ type: 'integer' }, 1.5, 'must be a whole number, and is 1.5'],
    [{ type: 'number' }, Number.NaN, 'must be a number, and is NaN'],
    [{}, null, 'must be text, and is null'],
    [{}, 7, 'must be text, and is 7'],
    [{ type: 'object' }, new Date(0), 'must be a map, and is a Date'],
    [{ type: 'object' }, [1], 'must be a map, and is a list'],
    [{ enum: [1] }, '1', 'must be one of 1, and is "1"'],
  ])('%o refuses %o', (param, value, reason) => {
    expect(resolve({ x: param }, { values: { x: value } })).toEqual([`PARAM_INVALID parameter "x" ${reason}`]);
  });
});

describe('all together', () => {
  test('missing, unknown and wrong ones are told at once', () => {
    expect(resolve({ since: {}, limit: { type: 'integer' } }, { texts: { sinse: '1', limit: 'x' } })).toEqual([
      'PARAM_UNKNOWN there is no parameter "sinse"; did you mean "since"?',
      'PARAM_MISSING parameter "since" has no value; give it with -p since=…',
      'PARAM_INVALID parameter "limit" must be a whole number, and is "x"',
    ]);
  });

  test('a pipe without params says so', () => {
    expect(resolve({}, { texts: { x: '1' } })).toEqual([
      'PARAM_UNKNOWN there is no parameter "x"; the pipe declares none',
    ]);
  });

  test('names of Object.prototype are names like others', () => {
    expect(resolve({ a: {} }, { texts: { toString: '1', a: 'x' } })).toEqual([
      'PARAM_UNKNOWN there is no parameter "toString"; the pipe has: a',
    ]);
    expect(resolve({ toString: { default: 'x' } })).toEqual({ toString: 'x' });
  });

  test('defaults are evaluated and checked; a text wins over a value', () => {
    const evaluate = (value: unknown) => (value === '${env.N}' ? '7' : value === '${env.BAD}' ? 'x' : value);
    expect(resolve({ n: { type: 'integer', default: '${env.N}' }, m: { default: 'a' } }, {}, evaluate)).toEqual({
      n: 7,
      m: 'a',
    });
    expect(resolve({ n: { type: 'integer', default: '${env.BAD}' } }, {}, evaluate)).toEqual([
      'PARAM_INVALID parameter "n" has a default that must be a whole number, and is "x"',
    ]);
    expect(resolve({ m: { default: 'a' } }, { texts: { m: 'b' }, values: { m: 'c' } })).toEqual({ m: 'b' });
  });

  test('one that is not required is null', () => {
    expect(resolve({ x: { required: false } })).toEqual({ x: null });
  });
});

test('whatever the text, a value of the type or a reason comes out', () => {
  const type = fc.constantFrom('string', 'integer', 'number', 'boolean', 'array', 'object' as const);
  fc.assert(
    fc.property(
      type,
      fc.oneof(fc.string(), fc.json(), fc.double().map(String), fc.bigInt().map(String)),
      (each, text) => {
        const result = readParam({ type: each }, text);
        if ('reason' in result) expect(result.reason).toMatch(/^must be|^has an item/);
        else expect(resolve({ x: { type: each } }, { values: { x: result.value } })).toEqual({ x: result.value });
      },
    ),
  );
});
