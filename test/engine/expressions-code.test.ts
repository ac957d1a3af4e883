// What expressions are compiled to: the columns they read, and code that holds none of their text.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Generator } from '../../engine/expressions/generate.ts';
import { parseExpression, referencedColumns } from '../../engine/expressions.ts';
import { columns, evaluate, failureOf } from './expression-scope.ts';

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
