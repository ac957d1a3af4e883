// What compiled expressions give.
import { describe, expect, test } from 'vitest';
import type { Value } from '../../engine/contracts/data.ts';
import { compile, parseExpression } from '../../engine/expressions.ts';
import { evaluate, names, scope } from './expression-scope.ts';

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
    ['timestamp(1.5)', '1970-01-01T00:00:01.5Z'],
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
