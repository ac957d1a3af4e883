// Compiled expressions: values, exact words of the common mistakes, and what the written code may hold.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Column, Value } from '../../engine/contracts.ts';
import { Failure } from '../../engine/errors.ts';
import { Generator } from '../../engine/expressions/generate.ts';
import {
  atRecord,
  compile,
  type ExpressionScope,
  parseExpression,
  referencedColumns,
} from '../../engine/expressions.ts';

const names = ['record', 'params', 'env', 'run', 'tasks', 'item', 'secret'];
const columns: Column[] = [
  { name: 'total', type: 'decimal' },
  { name: 'fee', type: 'decimal' },
];

const scope: ExpressionScope = {
  record: {
    n: 5,
    f: 0.5,
    seconds: 90,
    big: 9007199254740993n,
    qty: '12',
    word: 'abc',
    blank: '',
    on: 'true',
    nothing: null,
    total: '100.10',
    fee: null,
    bytes: new Uint8Array([1, 2]),
    list: [1, 2],
    mixed: [1, 'x', null],
    address: { city: 'Oslo', 'post code': '0150' },
    moment: '2024-05-31T23:30:00.123456+02:00',
    __proto__: null,
  } as unknown as Value,
  params: { since: '2024-05-01', most: 3, digits: '7' },
  env: { HOME: '/home/x' },
  run: { started: '2024-06-01T06:00:00Z' },
  tasks: { load: { rows: 3 } },
  item: 'each',
};

function evaluate(source: string, others: ExpressionScope = {}): Value {
  return compile(parseExpression(source), { where: 'task 2 (set)', names, columns })({ ...scope, ...others });
}

function failureOf(run: () => unknown): Failure {
  try {
    run();
  } catch (error) {
    if (error instanceof Failure) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

describe('values', () => {
  test.each<[string, Value]>([
    // Numbers of the three kinds.
    ['7 / 2', 3],
    ['-7 / 2', -3],
    ['-7 % 3', -1],
    ['record.seconds / 60', 1.5],
    ['int(record.seconds) / 60', 1],
    ['record.n % 2', 1],
    ['record.n % 2.0', 1],
    ['7.0 % 4', 3],
    ['record.big + 1', 9007199254740994n],
    ['record.big - record.n', 9007199254740988],
    ['9007199254740991.0 + 2', 9007199254740993n],
    ['2 - 9007199254740993', -9007199254740991],
    ['record.big > 9007199254740992', true],
    ['record.big == 9007199254740993', true],
    ['record.big == 9007199254740992.0', false],
    ['1 == 1.0', true],
    ['-9223372036854775808', -9223372036854775808n],
    ['0x1F + 5u', 36],
    ['1e3', 1000],
    ['-record.n', -5],
    ['record.list[record.n - 4]', 2],
    ['size(record.list) == record.n - 3', true],
    ['size(record.word) > 2', true],
    ['double("1e400") > 1.0', true],
    ['double("-0")', -0],
    ['double(".5") + double("5.")', 5.5],
    ['double("123456789012345678")', 123456789012345680],
    ['double("0.1234567890123456789")', 0.12345678901234568],
    // Decimals.
    ['record.total', '100.10'],
    ['record.total + 1', '101.10'],
    ['record.total * 2', '200.20'],
    ['record.total * record.total', '10020.0100'],
    ['record.total / 3', '33.36666666666666666667'],
    ['record.total - record.f', '99.60'],
    ['record.total % 100', '0.10'],
    ['record.total + record.big', '9007199254741093.10'],
    ['-record.total', '-100.10'],
    ['record.total > 100', true],
    ['record.total == 100.1', true],
    ['100.1 == record.total', true],
    ['record.total <= 100.09', false],
    ['decimal("9007199254740993") == 9007199254740992.0', false],
    ['decimal("9007199254740993") > 9007199254740992.0', true],
    ['record.total in [100.1]', true],
    ['record.?fee', null],
    ['record.fee == null', true],
    ['default(record.fee, record.total)', '100.10'],
    ['record.n > 3 ? record.total : 0', '100.10'],
    ['[record.total]', ['100.10']],
    ['double(record.total)', 100.1],
    ['int(record.total)', 100],
    ['string(record.total)', '100.10'],
    ['math.round(record.total, 1)', '100.1'],
    ['math.floor(-record.total)', '-101'],
    ['math.greatest(record.total, 5)', '100.10'],
    ['decimal("1e3")', '1000'],
    ['decimal(" 1".trim()) - 1', '0'],
    // Null, missing, optional.
    ['record.?a', null],
    ['record.?a == null', true],
    ['null == record.?a', true],
    ['record.?nothing == null', true],
    ['record.nothing == null', true],
    ['record.n == null', false],
    ['record.nothing == 5', false],
    ['record.word != null', true],
    ['record.?a.orValue("x")', 'x'],
    ['record.?a.?b', null],
    ['record.?a.b', null],
    ['record.?address.city', 'Oslo'],
    ['record.?address.?zip.orValue("none")', 'none'],
    ['record[?"word"]', 'abc'],
    ['record.list[?7]', null],
    ['record.list[?1]', 2],
    ['[record.?a, record.?n]', [null, 5]],
    ['{"a": record.?a}', { a: null }],
    ['has(record.address.city) && !has(record.address.zip)', true],
    ['has(record.nothing)', true],
    ['record.?n.hasValue()', true],
    ['cel.bind(x, record.?a, x == null)', true],
    ['(record.n > 9 ? record.?n : record.?a) == null', true],
    // Logic goes on where one side decides.
    ['record.gone == 1 || record.n == 5', true],
    ['record.n == 5 || record.gone == 1', true],
    ['record.gone == 1 && record.n == 6', false],
    ['true || record.n', true],
    ['[1, "x"].exists(e, e == 1)', true],
    ['record.mixed.exists(e, e == "x")', true],
    ['record.mixed.all(e, e != "y" || e == 1)', true],
    // Comparisons of other kinds.
    ['record.word < "abd"', true],
    ['false < true', true],
    ['[1, 2.0] == record.list', true],
    ['{"city": "Oslo", "post code": "0150"} == record.address', true],
    ['record.bytes == b"\\x01\\x02"', true],
    ['record.word == record.list', false],
    ['record.list == null', false],
    ['record.word in ["abc", "x"]', true],
    ['record.n in record.list', false],
    ['record.nothing in [null]', true],
    // Times.
    ['date(run.started - duration("24h"))', '2024-05-31'],
    ['date(record.moment)', '2024-05-31'],
    ['date(record.moment, "UTC")', '2024-05-31'],
    ['record.moment', '2024-05-31T23:30:00.123456+02:00'],
    ['timestamp(record.moment)', '2024-05-31T23:30:00.123456+02:00'],
    ['timestamp("2024-05-31 12:00")', '2024-05-31T12:00:00'],
    ['record.moment - duration("1ns")', '2024-05-31T23:30:00.123455999+02:00'],
    ['timestamp("2024-05-31T21:30:00.123456Z") == record.moment', true],
    ['run.started > timestamp(record.moment)', true],
    ['timestamp(1.5)', '1970-01-01T00:00:01.500Z'],
    ['timestamp("1969-12-31T23:59:59Z") + duration("1s")', '1970-01-01T00:00:00Z'],
    ['timestamp("2024-03-01") - duration("1d")', '2024-02-29T00:00:00'],
    ['duration("24h") == duration("1d")', true],
    ['duration("-90s")', '-90s'],
    ['timestamp(run.started) - timestamp(record.moment) < duration("9h")', true],
    ['[timestamp(run.started)]', ['2024-06-01T06:00:00Z']],
    ['int(timestamp(run.started))', 1717221600],
    // Names.
    ['env.HOME + item', '/home/xeach'],
    ['tasks.load.rows', 3],
    ['params.since', '2024-05-01'],
    ['record["address"]["post code"]', '0150'],
    ['type(record.n) == double && type(1) == int', true],
    ['record.list.map(record, record * 2)', [2, 4]],
    ['secret("key")', 'of key'],
    // Integers of JSON that a double does not hold.
    [
      'json("{\\"id\\": 12345678901234567890, \\"a\\": [1.25, -9007199254740993]}")',
      { id: 12345678901234567890n, a: [1.25, -9007199254740993n] },
    ],
    ['toJson({"id": record.big, "t": duration("1s")})', '{"id":9007199254740993,"t":"1s"}'],
  ])('%s', (source, expected) => {
    expect(evaluate(source, { secret: (name) => `of ${name}` })).toStrictEqual(expected);
  });

  test('a value of the record is handed on as it is', () => {
    expect(evaluate('record.list')).toBe((scope.record as { list: Value }).list);
    expect(evaluate('record.bytes')).toBe((scope.record as { bytes: Value }).bytes);
  });

  test('a list of the record is copied only where something in it changes', () => {
    const list = (scope.record as { list: Value }).list;
    expect(evaluate('cel.bind(x, record.list, x)')).toBe(list);
    expect(evaluate('record.list + [1]')).toStrictEqual([1, 2, 1]);
    expect(list).toStrictEqual([1, 2]);
  });

  test('one evaluator for many records', () => {
    const over = compile(parseExpression('double(record.a) > 25.0 && record.s == "x"'), { where: 't', names });
    expect(over({ record: { a: '25.01', s: 'x' } })).toBe(true);
    expect(over({ record: { a: 26, s: 'x' } })).toBe(true);
    expect(over({ record: { s: 'y', a: '99' } })).toBe(false);
    expect(over({ record: { a: '25', s: 'x', b: 1 } })).toBe(false);
  });
});

describe('what fails says what to do', () => {
  const cast = 'record.qty is text ("12"); write double(record.qty) or give the column a type';
  test.each([
    ['record.qty > 5', cast],
    ['5 < record.qty', cast],
    ['record.qty == 5', cast],
    ['record.qty != 5.0', cast],
    ['record.qty * 2', cast],
    ['record.qty + 1', cast],
    ['record.qty == record.n', cast],
    ['record.qty in [1, 2]', cast],
    ['record.?qty > 5', 'record.?qty is text ("12"); write double(record.?qty) or give the column a type'],
    ['params.digits > 5', 'params.digits is text ("7"); write double(params.digits)'],
    ['record.total == record.qty', 'record.qty is text ("12"); write decimal(record.qty) or give the column a type'],
    ['record.on == true', 'record.on is text ("true"); write bool(record.on) or give the column a type'],
    ['record.word > 5', 'record.word is text ("abc") and 5 is a number (5); ">" does not take the two together'],
    ['"No. " + record.n', 'record.n is a number (5) and "No. " is text; write string(record.n) to join them'],
    [
      'record.word + record.list',
      'record.list is a list and record.word is text; write string(record.list) to join them',
    ],
    [
      'record.nothing + 1',
      'record.nothing is null; write default(record.nothing, …) or test it with record.nothing != null',
    ],
    [
      'record.?gone > 1',
      'record.?gone is missing; write default(record.?gone, …) or test it with record.?gone != null',
    ],
    ['record.wrod', 'record has no field "wrod"; did you mean "word"?'],
    ['record.adress.city', 'record has no field "adress"; did you mean "address"?'],
    [
      'record.address.zip',
      'record.address has no field "zip"; its fields: city, post code; write record.address.?zip where it may be missing',
    ],
    [
      'record.address["a b"]',
      'record.address has no field "a b"; its fields: city, post code; write record.address[?"a b"] where it may be missing',
    ],
    ['record.nothing.x', 'record.nothing is null and has no field "x"; write record.nothing.?x to get null'],
    ['record.word.length', 'record.word is text ("abc"), which has no fields; write size(record.word)'],
    ['params.sinse', 'there is no parameter "sinse"; did you mean "since"?'],
    ['env.TOKEN', 'the environment variable TOKEN is not set'],
    ['record.constructor', /^record has no field "constructor"/],
    ['record.address.toString', /^record\.address has no field "toString"/],
    ['record["__proto__"]', /^record has no field "__proto__"/],
    ['record.list[2]', 'record.list has 2 elements, and no [2]'],
    ['record.list[-1]', 'record.list has 2 elements, and no [-1]'],
    [
      'record.list.sku',
      'record.list is a list, which has no fields; write record.list[0].sku or record.list.map(x, x.sku)',
    ],
    ['record.list[record.word]', 'record.list is a list, and text ("abc") is no position in it'],
    ['record.word[0]', 'record.word is text ("abc"), which has no elements; write record.word.charAt(…)'],
    ['double(record.word)', 'record.word is "abc", not a number'],
    [
      'double(record.blank)',
      'record.blank is empty, not a number; write record.blank == "" ? null : double(record.blank)',
    ],
    [
      'double(" 12" + record.blank)',
      '" 12" + record.blank is " 12", not a number; write double(" 12" + record.blank.trim())',
    ],
    ['int(string(record.f))', 'string(record.f) is "0.5", not a whole number; write int(double(string(record.f)))'],
    [
      'double(record.nothing)',
      'record.nothing is null; write default(record.nothing, …) or test it with record.nothing != null',
    ],
    ['bool(record.word)', 'record.word is "abc", not "true" or "false"'],
    ['upper(record.n)', 'upper takes text, and record.n is a number (5); write string(record.n)'],
    ['record.n ? 1 : 2', 'record.n is a number (5), and must be true or false here'],
    ['record.n && true', 'record.n is a number (5), and must be true or false here'],
    ['!record.word', 'record.word is text ("abc"), and must be true or false here'],
    ['record.list.filter(x, x)', 'x is a number (1), and must be true or false here'],
    ['record.word.map(x, x)', 'record.word is text ("abc"); map() goes over a list or a map'],
    ['1 / (record.n > 1 ? 0 : 1)', 'division by zero'],
    ['record.total / 0', 'division by zero'],
    ['record.f % 2', '"%" takes whole numbers, and 0.5 is none'],
    ['9223372036854775807 + 1', '9223372036854775808 is outside the range of integers (64 bits)'],
    ['record.word in record.qty', '"in" looks into lists and maps; for text write record.qty.contains(record.word)'],
    ['record.word - duration("1h")', '"abc" is not a timestamp; write it as in "2024-05-31T12:00:00Z"'],
    ['date(record.word)', /^record\.word is "abc", not a date or time like/],
    [
      'format(run.started, "%Q" + record.blank)',
      'the pattern "%Q" has "%Q", which means nothing; "%%" is a percent sign',
    ],
    ['date(run.started, "Mars/" + record.word)', /^there is no time zone "Mars\/abc"/],
    ['json(record.word)', 'record.word is "abc", not JSON'],
    ['string(record.list)', 'record.list is a list; write toJson(record.list)'],
    ['record.?gone.value()', 'record.?gone is missing; write record.?gone.orValue(…)'],
    ['decimal(record.word)', '"abc" is not a decimal number'],
    [
      'record.word.substring(0, 9)',
      'record.word has 3 characters, and no part from 0 to 9; truncate(n) takes at most n',
    ],
    ['record.word.padStart(99999999)', 'padStart pads to at most 1000000 characters'],
    ['record.mixed.all(e, e > 0)', 'e is text ("x") and 0 is a number (0); ">" does not take the two together'],
  ])('%s', (source, reason) => {
    const { code, data } = failureOf(() => evaluate(source));
    expect(code).toBe('EXPRESSION_FAILED');
    if (reason instanceof RegExp) expect(data.reason).toMatch(reason);
    else expect(data.reason).toBe(reason);
  });

  test('the whole message, and with the record', () => {
    const error = failureOf(() => evaluate('record.qty > 5'));
    expect(error.message).toBe(`task 2 (set): record.qty > 5 failed: ${cast}`);
    const placed = atRecord(error, 3) as Failure;
    expect(placed.message).toBe(`task 2 (set): record.qty > 5 failed on record 3: ${cast}`);
    expect(placed.data.position).toBe(3);
    const other = new Error('x');
    expect(atRecord(other, 3)).toBe(other);
  });

  test('a failure of a function of the scope comes through', () => {
    const secret = () => {
      throw new Failure('CREDENTIAL_MISSING', { connection: 'c', fields: 'key' });
    };
    expect(failureOf(() => evaluate('secret("key")', { secret })).code).toBe('CREDENTIAL_MISSING');
  });

  test('a name without a value', () => {
    expect(failureOf(() => compile(parseExpression('record.a'), { where: 't', names })({})).data.reason).toBe(
      '"record" has no value here',
    );
    expect(failureOf(() => compile(parseExpression('secret("a")'), { where: 't', names })({})).data.reason).toBe(
      '"secret" has no value here',
    );
  });

  test('what can never work is refused before a value is there', () => {
    const { code, data } = failureOf(() => compile(parseExpression('recrd.a > 5'), { where: 't', names }));
    expect([code, data.start, data.end]).toEqual(['EXPRESSION_SYNTAX', 0, 5]);
    expect(data.reason).toBe('there is no name "recrd"; did you mean "record"?');
  });

  test('failing is cheap: no stack is taken', () => {
    expect(failureOf(() => evaluate('record.qty > 5')).stack).not.toContain('\n    at ');
    expect(new Error('x').stack).toContain('\n    at ');
  });
});

describe('the columns that an expression reads', () => {
  test.each([
    ['record.a > 1 && record["b c"] == record.?d', ['a', 'b c', 'd']],
    ['params.a + 1', []],
    ['has(record.a) && record.b.c.d', ['a', 'b']],
    ['record.list.map(record, record.x)', ['list']],
    ['record.list.exists(x, x == record.y)', ['list', 'y']],
  ])('%s', (source, expected) => {
    expect(referencedColumns(parseExpression(source))).toEqual(new Set(expected));
  });

  test.each(['size(record)', 'record[params.column]', 'toJson(record)', '"a" in record', 'record.all(k, k != "")'])(
    'all: %s',
    (source) => expect(referencedColumns(parseExpression(source))).toBe('all'),
  );
});

describe('the code that is written', () => {
  const allowed =
    /^(?:[ktld]\d+|dt\d+|s|e|k|const|let|return|function|try|catch|if|else|for|throw|break|typeof|undefined|null|true|false|push|length|has|secret|file|use|strict|number|string|boolean|object|9007199254740991|0|1|2)$/;

  function expectNoForeignText(source: string): void {
    const { code } = new Generator(parseExpression(source), columns).generate(
      (value) => value,
      false,
      () => {
        throw new Error();
      },
    );
    const words = code.match(/[\p{L}\p{N}_$]+/gu)!.filter((word) => !/^k\[?\d+\]?$/.test(word) && !/^\d+$/.test(word));
    expect(words.filter((word) => !allowed.test(word))).toEqual([]);
    expect([...new Set(code.match(/["'`\\].*?["'`\\]/g))].sort()).toEqual(
      expect.not.arrayContaining([
        expect.not.stringMatching(/^(?:"use strict"|'number'|'string'|'boolean'|'object')$/),
      ]),
    );
  }

  test('holds nothing of the expression', () => {
    const text = fc.string({ unit: 'grapheme', maxLength: 20 }).map((each) => JSON.stringify(each));
    const name = fc.constantFrom('constructor', '__proto__x', 'eval', 'process', 'k0', 't1', 's', 'valueOf', 'a');
    const parts = fc.tuple(text, name, text, fc.double({ noNaN: true, noDefaultInfinity: true, min: 0 }));
    fc.assert(
      fc.property(parts, ([a, b, c, n]) => {
        let source = `record.${b}.contains(${a}) && record[${c}] in [${a}, "x"] ? {${c}: record.?${b}} : record.${b}.map(${b}, ${b} + ${a})`;
        source += ` == [secret(${a}), default(record.${b}, ${n}), item.matches("a"), cel.bind(${b}, ${n}, ${b} * 2 % -${b})]`;
        try {
          parseExpression(source);
        } catch {
          return; // Escapes of JSON that CEL does not have.
        }
        expectNoForeignText(source);
      }),
    );
  });

  test('what prototypes bring is never reached', () => {
    expect(evaluate('{"__proto__": 1, "constructor": 2}')).toEqual(JSON.parse('{"__proto__": 1, "constructor": 2}'));
    expect(evaluate('record.?constructor')).toBe(null);
    expect(evaluate('record.address.?hasOwnProperty')).toBe(null);
    expect(evaluate('"toString" in record.address')).toBe(false);
    expect(evaluate('has(record.valueOf)')).toBe(false);
  });
});

test('long and deep expressions are compiled or refused, never a crash', () => {
  const long = Array.from({ length: 5000 }, (_, i) => `record.n == ${i + 1}`).join(' || ');
  expect(evaluate(long)).toBe(true);
  expect(evaluate(Array.from({ length: 400 }, () => '1').join(' + '))).toBe(400);
  for (const deep of [
    '!'.repeat(100_000),
    '('.repeat(100_000),
    '['.repeat(5000),
    `1${' + 1'.repeat(20_000)}`,
    'a.'.repeat(9000),
  ]) {
    expect(failureOf(() => evaluate(deep)).code).toBe('EXPRESSION_SYNTAX');
  }
  expect(evaluate(`record.n in [${Array.from({ length: 15_000 }, (_, i) => i).join(', ')}]`)).toBe(true);
});
