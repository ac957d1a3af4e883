// What failing expressions say, word by word, and what it costs.
import { describe, expect, test } from 'vitest';
import { Failure } from '../../engine/errors.ts';
import { atRecord, compile, parseExpression } from '../../engine/expressions.ts';
import { evaluate, failureOf, names } from './expression-scope.ts';

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
