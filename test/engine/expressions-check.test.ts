// What is found in an expression before it runs: mistakes of writing, names, functions, operands; with their places.
import { describe, expect, test } from 'vitest';
import type { Column } from '../../engine/contracts/data.ts';
import { Failure } from '../../engine/errors.ts';
import { checkExpression, parseExpression, resultKind } from '../../engine/expressions.ts';

/** The source with the place between « and ». */
function marked(source: string, { start, end }: { start: number; end: number }): string {
  return `${source.slice(0, start)}«${source.slice(start, end)}»${source.slice(end)}`;
}

const sourceOf = (text: string) => text.replace(/[«»]/g, '');

describe('mistakes of writing', () => {
  test.each([
    ['«»', 'it is empty'],
    ['«  »', 'it is empty'],
    ['record.a «=» 5', 'write "==" to compare'],
    ['record.a «===» 5', 'write "==" for "==="'],
    ['record.a «!==» 5', 'write "!=" for "!=="'],
    ['record.a «=>» 5', 'write ">=" for "=>"'],
    ['record.a «<>» 5', 'write "!=" for "<>"'],
    ['record.a «and» record.b', 'write "&&" for "and"'],
    ['record.a == 1 «OR» record.b == 2', 'write "||" for "OR"'],
    ['«not» record.a', 'write "!" for "not"'],
    ['record.a «not» in [1]', 'write !(x in list) for "x not in list"'],
    ['record.a «&» record.b', 'write "&&" for and'],
    ['record.a «|» record.b', 'write "||" for or'],
    ['record.a «??» 5', 'write default(a, b) for "a ?? b"'],
    ['record«?.»a', 'write "a.?b" for "a?.b"'],
    ['record.a «is» null', 'write "==" for "is"'],
    ['record.a «like» "x%"', 'write x.contains("…"), x.startsWith("…") or x.matches("…") for "like"'],
    ['«if» (a) b', '"if" is reserved; a choice is written condition ? yes : no'],
    ['record.a > 5 ? 1«»', 'the ":" of a choice is missing, as in condition ? yes : no'],
    ['1 «+»', 'it ends too early: something is missing after "+"'],
    ['record.a «>=» ', 'it ends too early: something is missing after ">="'],
    ['«(»record.a', 'this "(" has no ")"'],
    ['upper«(»record.a', 'this "(" has no ")"'],
    ['record«[»"a"', 'this "[" has no "]"'],
    ['record.a«)»', 'there is no "(" that this ")" closes'],
    ['record.«»', 'the name of a field is missing after "."'],
    ['record.«2020»', 'a field of this name stands in brackets: ["2020"]'],
    ['record.first «name»', 'an operator is missing before "name"'],
    ['record.«straße» == 1', 'names with letters beyond a to z stand in brackets, as in record["straße"]'],
    ['«.»5 + 1', 'write a 0 before the point'],
    ['record.a == «"»x', 'the text that starts here has no closing "'],
    ["«'»abc", "the text that starts here has no closing '"],
    ['«“»abc”', 'write straight quotes, "'],
    ['"a«\\d»"', '"\\d" is no escape; write "\\\\d", or r"…" for text without escapes'],
    ['«${»record.a}', 'names stand bare inside an expression, without "${"'],
    ['[1 «2»]', 'an operator, "," or "]" is missing before "2"'],
    ['record.list.map(«1», 2)', 'a name for the element is missing first, as in list.map(x, x + 1)'],
    ['«#» comment', '"#" starts no comment here; write //'],
    ['a«;» b', 'an expression is one value, without ";"'],
  ])('%s', (text, reason) => {
    const source = sourceOf(text);
    try {
      parseExpression(source);
      expect.unreachable();
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      expect(error.code).toBe('EXPRESSION_SYNTAX');
      expect(error.data.reason).toBe(reason);
      expect(marked(source, error.data as { start: number; end: number })).toBe(text);
      expect(error.message).toBe(`the expression ${source.trim()} cannot be read: ${reason}`);
    }
  });

  test('places count from where the expression stands in a larger text', () => {
    expect(() => parseExpression('a = 1', 100)).toThrow(
      expect.objectContaining({ data: expect.objectContaining({ start: 102, end: 103 }) }),
    );
  });
});

const columns: Column[] = [
  { name: 'qty', type: 'text' },
  { name: 'n', type: 'integer' },
  { name: 'total', type: 'decimal' },
  { name: 'ok', type: 'boolean' },
  { name: 'day', type: 'date' },
  { name: 'guess', type: 'text', untyped: true },
];

function problemsOf(source: string, names: string[], known?: Column[]): string[] {
  const found = checkExpression(parseExpression(source), { names, columns: known });
  return found.map((problem) => `${problem.code} ${marked(source, problem)} ${problem.reason}`);
}

describe('names', () => {
  test.each<[string, string[], string[]]>([
    ['«recrd».a', ['record', 'params'], ['UNKNOWN_NAME … there is no name "recrd"; did you mean "record"?']],
    [
      '«status» == "x"',
      ['record'],
      ['UNKNOWN_NAME … there is no name "status"; a field is written record.status, text stands in quotes'],
    ],
    [
      '«abc»',
      ['params', 'env'],
      ['UNKNOWN_NAME … there is no name "abc"; names here: params, env; text stands in quotes'],
    ],
    [
      '«record».a',
      ['params', 'env', 'run'],
      ['NAME_OUT_OF_SCOPE … "record" cannot be used here; names that can: params, env and run'],
    ],
    [
      'record.first-«name» > 1',
      ['record'],
      [
        'UNKNOWN_NAME … there is no name "name"; a field with a "-" in its name stands in brackets: record["first-name"]',
      ],
    ],
    ['«secret»("a")', ['params'], ['NAME_OUT_OF_SCOPE … secret("…") can only be used in fields that are secret']],
    ['secret("a") + file("b")', ['secret', 'file'], []],
    ['«secret» == "a"', ['secret'], ['UNKNOWN_NAME … secret is a function; write secret("…")']],
    ['record.list.map(x, x + record.n)', ['record'], []],
    [
      'record.list.map(x, «y»)',
      ['params', 'record'],
      ['UNKNOWN_NAME … there is no name "y"; a field is written record.y, text stands in quotes'],
    ],
    [
      'cel.bind(x, params.a, x) + «x»',
      ['params'],
      ['UNKNOWN_NAME … there is no name "x"; names here: params; text stands in quotes'],
    ],
    ['type(record.a) == int', ['record'], []],
  ])('%s', (text, names, expected) => {
    const source = sourceOf(text);
    expect(problemsOf(source, names)).toEqual(expected.map((each) => each.replace('…', () => text)));
  });

  test('all mistakes at once, in order', () => {
    expect(problemsOf('recrd.a + uper(x) + params.y', ['record']).map((each) => each.split(' ')[0])).toEqual([
      'UNKNOWN_NAME',
      'UNKNOWN_FUNCTION',
      'UNKNOWN_NAME',
      'NAME_OUT_OF_SCOPE',
    ]);
  });
});

describe('functions and operands', () => {
  test.each([
    ['«uper»(record.a)', 'UNKNOWN_FUNCTION … there is no function "uper"; did you mean "upper"?'],
    ['record.a.«toUpperCase»()', 'UNKNOWN_FUNCTION … there is no function "toUpperCase"; write x.upper()'],
    ['«round»(record.a)', 'UNKNOWN_FUNCTION … there is no function "round"; write math.round(x)'],
    ['«math.rond»(record.a)', 'UNKNOWN_FUNCTION … there is no function "math.rond"; did you mean "math.round"?'],
    ['record.a.«double»()', 'UNKNOWN_FUNCTION … double is written double(…)'],
    ['«map»(record.a, 1, 2)', 'UNKNOWN_FUNCTION … map is called on a value, as in list.map(x, …)'],
    ['record.a.«default»(1)', 'UNKNOWN_FUNCTION … default is written default(…)'],
    ['«double»(record.a, 1)', 'EXPRESSION_INVALID … double takes 1 operand in its brackets, not 2'],
    ['record.a.«replace»("b")', 'EXPRESSION_INVALID … replace takes 2 to 3 operands in its brackets, not 1'],
    ['has(«record»)', 'EXPRESSION_INVALID … has takes a field, as in has(record.a)'],
    ['«record.a».orValue(1)', 'EXPRESSION_INVALID … record.a is not optional; write record.?a.orValue(…)'],
    [
      '«record.a.matches("(")»',
      'EXPRESSION_INVALID … the pattern "(" cannot be read at position 2: a "(" is not closed',
    ],
    ['«duration("5 minutes")»', 'EXPRESSION_INVALID … "5 minutes" is not a duration like "24h", "1h30m" or "7d"'],
    [
      'record.a > «timestamp("31.12.2024")»',
      'EXPRESSION_INVALID … "31.12.2024" is not a date or time like "2024-05-31" or "2024-05-31T12:00:00Z"; for another form write timestamp("31.12.2024", "%d.%m.%Y")',
    ],
    [
      '«9223372036854775808»',
      'EXPRESSION_INVALID … 9223372036854775808 is outside the range of integers (64 bits); write 9223372036854775808.0 or decimal("9223372036854775808")',
    ],
    ['«b"ü"»', 'EXPRESSION_INVALID … bytes are written in ASCII; write bytes("…") for the UTF-8 of a text'],
    ['«"a" > 5»', 'EXPRESSION_INVALID … "a" is text and 5 is a number; ">" does not take the two together'],
    ['«"a" + 5»', 'EXPRESSION_INVALID … "a" is text and 5 is a number; write string(5) to join them'],
    ['«size(record.a)» && true', 'EXPRESSION_INVALID … size(record.a) is a number, and must be true or false here'],
    ['«record.qty > 5»', 'EXPRESSION_INVALID … record.qty is text; write double(record.qty) or give the column a type'],
    [
      '«record.qty == 5»',
      'EXPRESSION_INVALID … record.qty is text; write double(record.qty) or give the column a type',
    ],
    [
      '«record.qty == true»',
      'EXPRESSION_INVALID … record.qty is text; write bool(record.qty) or give the column a type',
    ],
    [
      '«record.n == "5"»',
      'EXPRESSION_INVALID … record.n is a number and "5" is text; "==" does not take the two together',
    ],
    ['record.«toal» > 5', 'UNKNOWN_COLUMN … record has no field "toal"; did you mean "total"?'],
  ])('%s', (text, expected) => {
    const known = /qty|toal|record\.n/.test(text) ? columns : undefined;
    expect(problemsOf(sourceOf(text), ['record'], known)).toEqual([expected.replace('…', () => text)]);
  });

  test.each([
    'record.total > 5 && record.n == 5.0 && record.ok == true',
    'record.qty == "5" && record.day >= "2024-01-01"',
    'record.guess > 5',
    'record.?gone == null || has(record.gone)',
    'double(record.qty) > 5',
    'record.day + duration("24h")',
    '-9223372036854775808 < record.n',
  ])('nothing to say of %s', (source) => {
    expect(problemsOf(source, ['record'], columns)).toEqual([]);
  });
});

test('the kind of a result is told where it can be', () => {
  const kind = (source: string) => resultKind(parseExpression(source), columns);
  expect(kind('record.n > 5')).toBe('boolean');
  expect(kind('record.n + 5')).toBe('number');
  expect(kind('record.qty')).toBe('text');
  expect(kind('record.ok ? "a" : "b"')).toBe('text');
  expect(kind('record.?n')).toBe('optional');
  expect(kind('record.guess')).toBe(undefined);
  expect(kind('params.x')).toBe(undefined);
});

test('names, fields and functions are found with their places', () => {
  const source = 'has(record.a) && record["b c"].d == params.?since && math.round(tasks.load.rows) > record.x.size()';
  const { names, fields, calls } = parseExpression(source, 7);
  const text = ({ start, end }: { start: number; end: number }) => source.slice(start - 7, end - 7);
  expect(names.map((each) => [each.name, text(each), each.whole])).toEqual([
    ['record', 'record', false],
    ['record', 'record', false],
    ['params', 'params', false],
    ['tasks', 'tasks', false],
    ['record', 'record', false],
  ]);
  expect(fields.map((each) => [each.root, each.name, each.below, each.optional, text(each)])).toEqual([
    ['record', 'a', [], true, 'a'],
    ['record', 'b c', ['d'], false, '"b c"'],
    ['params', 'since', [], true, 'since'],
    ['tasks', 'load', ['rows'], false, 'load'],
    ['record', 'x', [], false, 'x'],
  ]);
  expect(calls.map((each) => [each.name, each.operands, each.method, text(each)])).toEqual([
    ['has', 1, false, 'has'],
    ['math.round', 1, false, 'math.round'],
    ['size', 0, true, 'size'],
  ]);
});
