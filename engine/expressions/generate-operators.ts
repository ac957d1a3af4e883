// The code of operators: a short way for plain numbers and text, and a call for everything else.
import type { Generator, Operand } from './generate.ts';
import { describe, operandOf } from './messages.ts';
import * as operators from './operators.ts';
import { type ASTNode, literalOf } from './parse.ts';
import { Problem, type Site } from './problem.ts';

type Binary = ASTNode & { args: [ASTNode, ASTNode] };

export function notBoolean(value: unknown, site: Site): never {
  throw new Problem(() => `${operandOf(site, 0)} is ${describe(value)}, and must be true or false here`);
}

const arithmetic: Record<string, (left: unknown, right: unknown, site: Site) => unknown> = {
  '+': operators.add,
  '-': operators.subtract,
  '*': operators.multiply,
  '/': operators.divide,
  '%': operators.remainder,
};

const comparisons: Record<string, (left: unknown, right: unknown, site: Site) => boolean> = {
  '<': operators.less,
  '<=': operators.lessOrEqual,
  '>': operators.greater,
  '>=': operators.greaterOrEqual,
};

export function generateBinary(generator: Generator, node: ASTNode): Operand {
  const { args } = node as Binary;
  if (node.op === 'in') return generateMembership(generator, args);
  const [left, right] = [generator.value(args[0]), generator.value(args[1])];
  const site = generator.site(node.op, args);
  if (node.op === '==' || node.op === '!=') return generateEquality(generator, node.op, left, right, site);
  if (Object.hasOwn(comparisons, node.op)) return generateComparison(generator, node.op, left, right, site);
  return generateArithmetic(generator, node.op, left, right, site);
}

export function generateNegation(generator: Generator, node: ASTNode & { op: '-_' }): Operand {
  // So that the smallest integer can be written.
  if (node.args.op === 'value') {
    const literal = literalOf(node.args);
    if (typeof literal === 'number' || typeof literal === 'bigint') return generator.literal(-literal);
  }
  const { code, type } = generator.value(node.args);
  const slow = `${generator.constant(operators.negate)}(${code}, ${generator.site('-', [node.args])})`;
  return generator.assign(
    type === 'double' ? `-${code}` : `typeof ${code} === 'number' ? -${code} : ${slow}`,
    type === 'double' ? 'double' : 'any',
  );
}

/** The operand as a JS number in code, where it is one for certain: a literal, or the result of `double`. */
function numberCode(generator: Generator, { code, type, constant }: Operand): string | undefined {
  if (typeof constant === 'bigint')
    return Number.isSafeInteger(Number(constant)) ? generator.constant(Number(constant)) : undefined;
  return type === 'double' ? code : undefined;
}

// What must hold for the short way; none where it always does.
function numberTests(operands: readonly Operand[], numbers: readonly (string | undefined)[]): string[] {
  return operands.filter((_, i) => numbers[i] === undefined).map(({ code }) => `typeof ${code} === 'number'`);
}

function generateArithmetic(
  generator: Generator,
  operator: string,
  left: Operand,
  right: Operand,
  site: string,
): Operand {
  const slow = `${generator.constant(arithmetic[operator])}(${left.code}, ${right.code}, ${site})`;
  const plain = [left, right].every(({ type }) => type === 'double');
  const literal = [left, right].some(({ constant }) => typeof constant === 'bigint');
  const integers = [left, right].every(({ type }) => type === 'integer' || type === 'text');
  if (operator === '%' || integers)
    return generator.assign(slow, left.type === 'text' && right.type === 'text' ? 'text' : 'any');
  const numbers = [left, right].map((operand) => numberCode(generator, operand));
  const short = `${numbers[0] ?? left.code} ${operator} ${numbers[1] ?? right.code}`;
  if (plain) return generator.assign(short, 'double');
  const tests = numberTests([left, right], numbers);
  const result = generator.assign(tests.length === 0 ? short : `${tests.join(' && ')} ? ${short} : ${slow}`);
  // A whole number beside an integer stays exact beyond 2^53, which the long way sees to.
  if (literal && operator !== '/')
    generator.line(
      `if (${result.code} > 9007199254740991 || ${result.code} < -9007199254740991) ${result.code} = ${slow};`,
    );
  return result;
}

function generateComparison(
  generator: Generator,
  operator: string,
  left: Operand,
  right: Operand,
  site: string,
): Operand {
  const slow = `${generator.constant(comparisons[operator])}(${left.code}, ${right.code}, ${site})`;
  const texts = [left, right].filter(({ type }) => type !== 'text').map(({ code }) => `typeof ${code} === 'string'`);
  const short = `${left.code} ${operator} ${right.code}`;
  if (texts.length < 2)
    return generator.assign(texts.length === 0 ? short : `${texts[0]} ? ${short} : ${slow}`, 'boolean');
  const numbers = [left, right].map(
    (operand) => numberCode(generator, operand) ?? (operand.type === 'integer' ? operand.code : undefined),
  );
  const tests = numberTests([left, right], numbers);
  const shortNumbers = `${numbers[0] ?? left.code} ${operator} ${numbers[1] ?? right.code}`;
  if (tests.length === 0) return generator.assign(shortNumbers, 'boolean');
  if (tests.length === 1) return generator.assign(`${tests[0]} ? ${shortNumbers} : ${slow}`, 'boolean');
  return generator.assign(`(${tests.join(' && ')}) || (${texts.join(' && ')}) ? ${short} : ${slow}`, 'boolean');
}

function generateEquality(
  generator: Generator,
  operator: '==' | '!=',
  left: Operand,
  right: Operand,
  site: string,
): Operand {
  const strict = operator === '==' ? '===' : '!==';
  const not = operator === '==' ? '' : '!';
  if (left.constant === null || right.constant === null) {
    return generator.assign(`${left.constant === null ? right.code : left.code} ${operator} null`, 'boolean');
  }
  const slow = `${not}${generator.constant(operators.equal)}(${left.code}, ${right.code}, ${site})`;
  const isNumeric = ({ type }: Operand) => type === 'integer' || type === 'double';
  if (isNumeric(left) && isNumeric(right)) return generator.assign(`${left.code} ${operator} ${right.code}`, 'boolean');
  const [known, other] = left.constant !== undefined ? [left, right] : [right, left];
  if (known.constant !== undefined && typeof known.constant !== 'object') {
    const number = numberCode(generator, known);
    if (number === undefined && typeof known.constant === 'bigint') return generator.assign(slow, 'boolean');
    const type = number === undefined ? typeof known.constant : 'number';
    const literal = number ?? known.code;
    return generator.assign(
      `typeof ${other.code} === '${type}' ? ${other.code} ${strict} ${literal} : ${slow}`,
      'boolean',
    );
  }
  const plain = `typeof ${left.code} === typeof ${right.code} && typeof ${left.code} !== 'object'`;
  return generator.assign(`${plain} ? ${left.code} ${strict} ${right.code} : ${slow}`, 'boolean');
}

// A list of literals is made once; one of nothing but text is a set.
function generateMembership(generator: Generator, [element, container]: [ASTNode, ASTNode]): Operand {
  const value = generator.value(element);
  const site = generator.site('in', [element, container]);
  const contained = generator.constant(operators.contained);
  if (container.op !== 'list' || container.args.length === 0 || !container.args.every(({ op }) => op === 'value')) {
    return generator.assign(`${contained}(${value.code}, ${generator.value(container).code}, ${site})`, 'boolean');
  }
  const literals = container.args.map((each) => literalOf(each as ASTNode & { op: 'value' }));
  const slow = `${contained}(${value.code}, ${generator.constant(literals)}, ${site})`;
  if (!literals.every((literal) => typeof literal === 'string')) return generator.assign(slow, 'boolean');
  return generator.assign(
    `typeof ${value.code} === 'string' ? ${generator.constant(new Set(literals))}.has(${value.code}) : ${slow}`,
    'boolean',
  );
}
