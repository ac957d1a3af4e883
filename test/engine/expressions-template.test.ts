// Text with `${…}` in it: where the expressions end, what becomes of the values, and what cannot be text.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Column, Value } from '../../engine/contracts/data.ts';
import { Failure } from '../../engine/errors.ts';
import {
  compileTemplate,
  compileValue,
  type ExpressionScope,
  escapeTemplate,
  parseTemplate,
  splitTemplate,
} from '../../engine/expressions.ts';

const columns: Column[] = [{ name: 'total', type: 'decimal' }];
const options = { where: 'task 1 (write): path', names: ['record', 'params', 'run'], columns };
const scope: ExpressionScope = {
  record: {
    n: 5,
    f: 0.5,
    big: 9007199254740993n,
    s: 'x}y',
    nothing: null,
    total: '1.10',
    list: [1, 'a', 9007199254740993n],
    bytes: new Uint8Array([1]),
    yes: true,
  },
  params: { since: '2024-05-01' },
  run: { started: '2024-06-01T06:00:00.5Z' },
};

const evaluate = (text: string): Value => compileTemplate(parseTemplate(text), options)(scope);

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
    ['', ''],
    ['plain $ { } $x', 'plain $ { } $x'],
    ['calls-${params.since}.csv', 'calls-2024-05-01.csv'],
    ['${record.n}', 5],
    ['${ record.n }', 5],
    [' ${record.n}', ' 5'],
    ['${record.n}${record.n}', '55'],
    ['${record.nothing}', null],
    ['${record.list}', [1, 'a', 9007199254740993n]],
    ['${record.total}', '1.10'],
    ['${record.total * 2} ${record.f} ${record.big} ${record.yes}', '2.20 0.5 9007199254740993 true'],
    ['x${record.list}', 'x[1,"a",9007199254740993]'],
    ['x${{"a": record.f}}', 'x{"a":0.5}'],
    ['x${1e21} ${0.1 + 0.2} ${-0.0}', 'x1e+21 0.30000000000000004 0'],
    ['x${run.started - duration("24h")}', 'x2024-05-31T06:00:00.5Z'],
    ['x${timestamp(run.started)}', 'x2024-06-01T06:00:00.5Z'],
    // The end of an expression is not the first "}".
    ['a${"}"}b', 'a}b'],
    ["a${'}'}b", 'a}b'],
    ['a${"\\"}"}b', 'a"}b'],
    ['a${r"}"}b', 'a}b'],
    ['a${"""}"}"""}b', 'a}"}b'],
    ['a${{"k}": 1}["k}"]}b', 'a1b'],
    ['a${{"a": {"b": 2}}.a.b}b', 'a2b'],
    ['a${record.s}b', 'ax}yb'],
    ['a${1 // }\n + 2}b', 'a3b'],
    // The signs themselves.
    ['$${record.n}', '${record.n}'],
    ['a$${b}${record.n}', 'a${b}5'],
    ['$$${record.n}', '$${record.n}'],
    ['${"$"}${record.n}', '$5'],
    ['100 $', '100 $'],
  ])('%s', (text, expected) => {
    expect(evaluate(text)).toStrictEqual(expected);
  });
});

describe('mistakes', () => {
  test.each([
    ['a ${record.n', 2, 4, 'this "${" has no "}"; write "$${" for the signs themselves'],
    ['a ${"x}', 4, 5, 'the text that starts here has no closing "'],
    ['a ${1 // x}', 2, 4, 'this "${" has no "}": what stands behind // is a comment'],
    ['a ${}', 4, 4, 'it is empty'],
    ['a ${1} ${record.n = 5}', 18, 19, 'write "==" to compare'],
    ['${${record.n}}', 2, 4, 'names stand bare inside an expression, without "${"'],
  ])('%s', (text, start, end, reason) => {
    const { code, data } = failureOf(() => parseTemplate(text));
    expect([code, data.start, data.end, data.reason]).toEqual(['EXPRESSION_SYNTAX', start, end, reason]);
  });

  test('every expression can be read by itself, so that all mistakes are told', () => {
    expect(splitTemplate('a ${1 +} b ${x = 1}$${')).toEqual([
      'a ',
      { source: '1 +', offset: 4 },
      ' b ',
      { source: 'x = 1', offset: 13 },
      '${',
    ]);
  });

  test.each([
    ['a${record.nothing}', 'record.nothing is null and cannot be part of a text; write default(record.nothing, "")'],
    ['a${record.?gone}', 'record.?gone is null and cannot be part of a text; write default(record.?gone, "")'],
    ['a${record.bytes}', 'record.bytes is bytes and cannot be part of a text; write base64.encode(record.bytes)'],
    ['a${[record.bytes]}', 'bytes have no form in JSON; write base64.encode(…)'],
  ])('%s', (text, reason) => {
    const error = failureOf(() => evaluate(text));
    expect(error.code).toBe('EXPRESSION_FAILED');
    expect(error.message).toMatch(/^task 1 \(write\): path: \S+ failed: /);
    expect(error.data.reason).toBe(reason);
  });
});

describe('properties', () => {
  const text = fc.string({
    unit: fc.constantFrom('$', '{', '}', '"', "'", '\\', 'a', 'é', '\n', '/', ' '),
    maxLength: 30,
  });

  test('escaped text stands for itself', () => {
    const check = fc.property(text, (each) => {
      expect(evaluate(escapeTemplate(each))).toBe(each);
    });
    fc.assert(check, { numRuns: 2000, examples: [['${'], ['$${'], ['$$'], ['${${x}']] });
  });

  test('a literal between "${" and "}" ends where it ends', () => {
    const literal = text.map((each) => JSON.stringify(each));
    const before = text.filter((each) => !each.includes('${') && !each.endsWith('$'));
    fc.assert(
      fc.property(before, literal, before, (left, middle, right) => {
        expect(evaluate(`${left}\${${middle}}${right}`)).toBe(left + JSON.parse(middle) + right);
      }),
      { numRuns: 2000 },
    );
  });

  test('any text is split or refused, in time linear to its length', () => {
    fc.assert(
      fc.property(text, (each) => {
        try {
          const parts = splitTemplate(each).map((part) => (typeof part === 'string' ? part : `\${${part.source}}`));
          expect(parts.join('').length).toBeLessThanOrEqual(each.length);
        } catch (error) {
          expect(error).toHaveProperty('code', 'EXPRESSION_SYNTAX');
        }
      }),
      { numRuns: 2000 },
    );
    expect(splitTemplate('${1}'.repeat(100_000))).toHaveLength(100_000);
    expect(splitTemplate('$${'.repeat(100_000))).toHaveLength(1);
  });
});

describe('values at any depth', () => {
  test('are rebuilt around their templates', () => {
    const value = { a: ['${record.n}', 1, { b: 'n=${record.n}' }], c: true, d: null };
    const evaluateValue = compileValue(value, options)!;
    expect(evaluateValue(scope)).toEqual({ a: [5, 1, { b: 'n=5' }], c: true, d: null });
    expect(value.a[0]).toBe('${record.n}');
  });

  test('without templates are left alone', () => {
    expect(compileValue({ a: [1, 'x', { b: null }] }, options)).toBe(undefined);
    expect(compileValue('plain', options)).toBe(undefined);
    expect(compileValue('$${x}', options)!(scope)).toBe('${x}');
  });
});
