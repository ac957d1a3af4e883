// Compiled expressions against cel-js's own evaluator: the same values, and failures where it fails.
import { Environment } from '@marcbachmann/cel-js';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Value } from '../../engine/contracts/data.ts';
import { Failure } from '../../engine/errors.ts';
import { compile, parseExpression } from '../../engine/expressions.ts';

// ---- cel-js with what our language adds to CEL: mixed numbers, and text beside a number as an error ---------

const refuse = (): never => {
  throw new Error('text beside a number or a boolean');
};
const whole = (value: number) => (Number.isInteger(value) ? value : refuse());
const notZero = <T extends number | bigint>(value: T): T => (Number(value) === 0 ? refuse() : value);
const integer = (value: number | bigint) => BigInt(typeof value === 'number' ? whole(value) : value);

// The double, or what integers give where the double is one that it does not hold.
const exact = (ofDoubles: (a: number, b: number) => number, ofIntegers: (a: bigint, b: bigint) => bigint) => {
  return (a: number | bigint, b: number | bigint) => {
    const double = ofDoubles(Number(a), Number(b));
    const isWhole = [a, b].every((each) => typeof each === 'bigint' || Number.isSafeInteger(each));
    if (!isWhole || [a, b, double].every((each) => Number.isSafeInteger(Number(each)))) return double;
    const integer = ofIntegers(BigInt(a), BigInt(b));
    return integer === BigInt.asIntN(64, integer) ? integer : double;
  };
};

const oracle = new Environment({
  unlistedVariablesAreDyn: true,
  homogeneousAggregateLiterals: false,
  enableOptionalTypes: true,
});
for (const [left, right] of [
  ['int', 'double'],
  ['double', 'int'],
] as const) {
  oracle.registerOperator(
    `${left} + ${right}: dyn`,
    exact(
      (a, b) => a + b,
      (a, b) => a + b,
    ),
  );
  oracle.registerOperator(
    `${left} - ${right}: dyn`,
    exact(
      (a, b) => a - b,
      (a, b) => a - b,
    ),
  );
  oracle.registerOperator(
    `${left} * ${right}: dyn`,
    exact(
      (a, b) => a * b,
      (a, b) => a * b,
    ),
  );
  oracle.registerOperator(`${left} / ${right}: double`, (a, b) => Number(a) / Number(b));
  oracle.registerOperator(`${left} % ${right}: double`, (a, b) => Number(integer(a) % notZero(integer(b))));
}
oracle.registerOperator('double % double', (a, b) => (whole(a) % notZero(whole(b))) + 0);
oracle.registerOperator('int == double', (a, b) => Number(a) === b);
for (const type of ['int', 'double', 'bool']) oracle.registerOperator(`string == ${type}`, refuse);

// ---- Expressions and records --------------------------------------------------------------------------------

const record = fc.record({
  n: fc.integer({ min: -50, max: 50 }),
  f: fc.constantFrom(0, 0.5, -2.25, 3, 1e6),
  big: fc.constantFrom(9007199254740993n, -9007199254740995n),
  t: fc.constantFrom('', 'abc', 'Äbc', 'a,b', '12', '-2.5', ' 7', '1e3', '0x1F', 'inf', 'true', 'a1b'),
  u: fc.constantFrom('12', 'abc', '-7'),
  yes: fc.boolean(),
  nothing: fc.constant(null),
  list: fc.array(fc.oneof(fc.integer({ min: -5, max: 5 }), fc.constantFrom(0.5, 2)), { maxLength: 4 }),
  texts: fc.array(fc.constantFrom('abc', '12', 'x'), { maxLength: 3 }),
  map: fc.record({ a: fc.integer({ min: 0, max: 3 }), b: fc.constantFrom('x', '12') }),
});

const infix = (operators: string[], side: fc.Arbitrary<string>, other = side) =>
  fc
    .tuple(side, fc.constantFrom(...operators), other)
    .map(([left, operator, right]) => `(${left} ${operator} ${right})`);
const around = (pattern: string, ...parts: fc.Arbitrary<string>[]) =>
  fc.tuple(...parts).map((texts) => texts.reduce((text, part, i) => text.replaceAll(`$${i + 1}`, () => part), pattern));

const { number, text, truth } = fc.letrec<{ number: string; text: string; truth: string; list: string; any: string }>(
  (tie) => ({
    number: fc.oneof(
      { depthSize: 'small', withCrossShrink: true },
      fc.constantFrom('0', '1', '7', '-3', '2.5', '0.0', '-1e2', 'record.n', 'record.f', 'record.map.a'),
      fc.constantFrom('record.t', 'record.nothing', 'record.missing', 'record.big', 'record["n"]', 'record.list[0]'),
      infix(['+', '-', '*', '/', '%'], tie('number')),
      around('(-$1)', tie('number')),
      around('double($1)', tie('number')),
      around('double(dyn($1))', tie('text')),
      around('int(($1 + 0))', tie('number')),
      fc.constant('int(record.u)'),
      around('size($1)', tie('text')),
      around('size($1)', tie('list')),
      around('$1.indexOf($2)', tie('text'), tie('text')),
      around('($1 ? dyn($2) : dyn($3))', tie('truth'), tie('number'), tie('any')),
      around('cel.bind(x, $1, (x + x))', tie('number')),
      around('record.?n.orValue($1)', tie('number')),
      around('dyn(record.?missing.orValue($1))', tie('number')),
    ),
    text: fc.oneof(
      { depthSize: 'small', withCrossShrink: true },
      fc.constantFrom('""', '"abc"', "'12'", '"b"', 'record.t', 'record.u', 'record.map.b', 'record.map["b"]'),
      fc.constantFrom('record.n', 'record.nothing', 'record.missing', 'record.map.c'),
      infix(['+'], tie('text')),
      around('string($1)', tie('number')),
      around('string($1)', tie('truth')),
      around('$1.trim()', tie('text')),
      around('dyn($1).substring(1)', tie('text')),
      around('dyn($1).substring(0, 2)', tie('text')),
      around('$1.split(",").join("-")', tie('text')),
      around('($1 ? dyn($2) : dyn($3))', tie('truth'), tie('text'), tie('any')),
    ),
    truth: fc.oneof(
      { depthSize: 'small', withCrossShrink: true },
      fc.constantFrom(
        'true',
        'false',
        'record.yes',
        'record.missing',
        'record.n',
        'has(record.n)',
        'has(record.missing)',
      ),
      infix(['<', '<=', '>', '>=', '==', '!='], tie('number')),
      infix(['<', '<=', '>', '>=', '==', '!='], tie('text')),
      infix(['==', '!='], around('dyn($1)', tie('any'))),
      infix(['&&', '||'], tie('truth')),
      around('(!$1)', tie('truth')),
      around('($1 ? $2 : $3)', tie('truth'), tie('truth'), tie('truth')),
      around('$1.contains($2)', tie('text'), tie('text')),
      around('$1.startsWith($2)', tie('text'), tie('text')),
      around('$1.endsWith($2)', tie('text'), tie('text')),
      around('$1.matches("^[a-c]+.?$")', tie('text')),
      around('bool(dyn($1))', tie('text')),
      around('(($1 + 0) in [1, 2.5, 7])', tie('number')),
      around('(record.n in $1)', tie('list')),
      around('(record.u in ["12", "abc"])', tie('text')),
      around('("a" in record.map)'),
      around('(dyn($1) == null)', tie('any')),
      around('$1.exists(x, x > $2)', tie('list'), tie('number')),
      around('$1.all(x, x != $2)', tie('list'), tie('number')),
      around('$1.exists_one(x, x == $2)', tie('list'), tie('number')),
      around('($1 == $2)', tie('list'), tie('list')),
    ),
    list: fc.oneof(
      { depthSize: 'small', withCrossShrink: true },
      fc.constantFrom('record.list', '[1.0, 2.0, 3.0]', '[0.5]', 'record.missing'),
      around('$1.map(x, (x * double($2)))', tie('list'), tie('number')),
      around('$1.map(x, (x > 0), (x - double($2)))', tie('list'), tie('number')),
      around('$1.filter(x, (x >= $2))', tie('list'), tie('number')),
      infix(['+'], tie('list')),
    ),
    any: fc.oneof({ depthSize: 'small' }, tie('number'), tie('text'), tie('truth')),
  }),
);

// ---- The two runs -------------------------------------------------------------------------------------------

type Outcome = { value: unknown } | { failed: string };

function outcome(run: () => unknown): Outcome {
  try {
    return { value: plain(run()) };
  } catch (error) {
    if (error instanceof Failure && error.code !== 'EXPRESSION_FAILED' && error.code !== 'EXPRESSION_SYNTAX')
      throw error;
    return { failed: error instanceof Failure ? String(error.data.reason) : (error as Error).message };
  }
}

// What a row can hold of cel-js's value.
function plain(value: unknown): unknown {
  if (typeof value === 'bigint') return Number.isSafeInteger(Number(value)) ? Number(value) : value;
  if (Array.isArray(value)) return value.map(plain);
  return value;
}

function ours(expression: string, row: Record<string, Value>): Outcome {
  return outcome(() => compile(parseExpression(expression), { where: 'test', names: ['record'] })({ record: row }));
}

const seen = { values: 0, failures: 0 };

for (const [kind, expression] of Object.entries({ number, text, truth })) {
  test(`a compiled ${kind} is cel-js's, and fails where cel-js fails`, () => {
    const check = fc.property(expression, record, (source, row) => {
      const [mine, theirs] = [
        ours(source, row as Record<string, Value>),
        outcome(() => oracle.evaluate(source, { record: row })),
      ];
      if ('failed' in theirs) {
        seen.failures++;
        expect(mine, `${source}: cel-js says ${theirs.failed}`).toHaveProperty('failed');
      } else {
        seen.values++;
        expect(mine, source).toEqual(theirs);
      }
    });
    fc.assert(check, { numRuns: 1500 });
  });
}

test('the properties above have seen enough of both', () => {
  expect(seen.values).toBeGreaterThan(1000);
  expect(seen.failures).toBeGreaterThan(1000);
});
