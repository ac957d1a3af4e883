// Finds what is wrong with an expression that can be read: names, functions, and operands that can never fit.
import type { Column } from '../contracts/data.ts';
import { didYouMean, didYouMeanOrKnown, either } from '../suggest.ts';
import { functions, functionUnknown, macros, scopeFunctions } from './functions.ts';
import { type Columns, type Kind, kindOf } from './kinds.ts';
import { adviseCast } from './messages.ts';
import {
  type ASTNode,
  bindingOf,
  type CallUse,
  childrenOf,
  fieldName,
  literalOf,
  type NameUse,
  namespacedName,
  type ParsedExpression,
  type Place,
} from './parse.ts';
import { Problem } from './problem.ts';
import { matcherOf } from './regex.ts';

export interface ExpressionProblem extends Place {
  code: 'UNKNOWN_NAME' | 'NAME_OUT_OF_SCOPE' | 'UNKNOWN_FUNCTION' | 'UNKNOWN_COLUMN' | 'EXPRESSION_INVALID';
  /** A sentence without a capital and a full stop, with what to do. */
  reason: string;
}

export interface CheckOptions {
  /** The names that are in scope, `secret` and `file` among them where these functions are allowed. */
  names: readonly string[];
  /** The columns of `record`, where they are known. */
  columns?: readonly Column[] | undefined;
}

const allNames = ['params', 'env', 'run', 'tasks', 'state', 'trigger', 'item', 'index', 'error', 'record'];

/** All problems, in the order of the text. */
export function checkExpression(parsed: ParsedExpression, { names, columns }: CheckOptions): ExpressionProblem[] {
  const byName = columns === undefined ? undefined : new Map(columns.map((column) => [column.name, column]));
  const problems = [
    ...parsed.names.flatMap((use) => checkName(use, parsed, names, byName)),
    ...(byName === undefined ? [] : checkColumns(parsed, byName)),
    ...parsed.calls.flatMap((use) => checkCall(use, names)),
  ];
  // Operands are looked at where the functions themselves are right.
  if (!problems.some(({ code }) => code === 'UNKNOWN_FUNCTION'))
    checkNode(parsed.ast, parsed, byName, new Set(), problems);
  return problems.sort((a, b) => a.start - b.start || a.end - b.end);
}

/** The kind of value that the expression gives, where that can be told. */
export function resultKind(parsed: ParsedExpression, columns?: readonly Column[]): Kind | undefined {
  return kindOf(
    parsed.ast,
    columns === undefined ? undefined : new Map(columns.map((column) => [column.name, column])),
  );
}

function checkName(
  use: NameUse,
  parsed: ParsedExpression,
  names: readonly string[],
  columns: Columns | undefined,
): ExpressionProblem[] {
  const { name, start, end } = use;
  if (isScopeFunction(name))
    return [{ code: 'UNKNOWN_NAME', start, end, reason: `${name} is a function; write ${name}("…")` }];
  if (names.includes(name)) return [];
  const usable = names.filter((each) => !isScopeFunction(each));
  if (allNames.includes(name)) {
    const known = usable.length === 0 ? 'no names are known here' : `names that can: ${either(usable, 'and')}`;
    return [{ code: 'NAME_OUT_OF_SCOPE', start, end, reason: `"${name}" cannot be used here; ${known}` }];
  }
  return [
    { code: 'UNKNOWN_NAME', start, end, reason: `there is no name "${name}"${nameHint(use, parsed, usable, columns)}` },
  ];
}

function isScopeFunction(name: string): boolean {
  return (scopeFunctions as readonly string[]).includes(name);
}

function nameHint(
  { name, start }: NameUse,
  { source, offset }: ParsedExpression,
  names: readonly string[],
  columns: Columns | undefined,
): string {
  // `record.first-name` is read as a subtraction.
  const dashed = /(\w+)\.(\w+(?:-\w+)*-)$/.exec(source.slice(0, start - offset));
  if (dashed !== null)
    return `; a field with a "-" in its name stands in brackets: ${dashed[1]}["${dashed[2]}${name}"]`;
  if (columns?.has(name) && names.includes('record')) return `; write record.${name}`;
  const near = didYouMean(name, names);
  if (near !== '') return near;
  if (names.includes('record')) return `; a field is written record.${name}, text stands in quotes`;
  return names.length === 0 ? '; text stands in quotes' : `; names here: ${names.join(', ')}; text stands in quotes`;
}

function checkColumns(parsed: ParsedExpression, columns: Columns): ExpressionProblem[] {
  return parsed.fields.flatMap(({ root, name, optional, start, end }) => {
    if (root !== 'record' || optional || columns.has(name)) return [];
    return [
      {
        code: 'UNKNOWN_COLUMN' as const,
        start,
        end,
        reason: `record has no field "${name}"${didYouMeanOrKnown(name, columns.keys(), 'fields')}`,
      },
    ];
  });
}

function checkCall({ name, operands, method, start, end }: CallUse, names: readonly string[]): ExpressionProblem[] {
  const unknown = (reason: string): ExpressionProblem[] => [{ code: 'UNKNOWN_FUNCTION', start, end, reason }];
  const macro = macros.get(name);
  if (isScopeFunction(name) && !method && !names.includes(name)) {
    return [
      { code: 'NAME_OUT_OF_SCOPE', start, end, reason: `${name}("…") can only be used in fields that are secret` },
    ];
  }
  if (macro !== undefined) {
    if (macro.receiver && !method) return unknown(`${name} is called on a value, as in ${exampleOf(name)}`);
    if (!macro.receiver && method) return unknown(`${name} is written ${exampleOf(name)}`);
    return countProblem(name, operands, macro.least, macro.most, { start, end });
  }
  const entry = functions.get(name);
  if (entry === undefined) return unknown(functionUnknown(name));
  if (entry.style === 'function' && method) return unknown(`${name} is written ${name}(…)`);
  const receiver = method ? 1 : 0;
  return countProblem(name, operands, entry.least - receiver, entry.most - receiver, { start, end });
}

function exampleOf(name: string): string {
  if (name === 'has') return 'has(record.a)';
  if (name === 'orValue' || name === 'or') return `record.?a.${name}(…)`;
  if (name === 'hasValue' || name === 'value') return `record.?a.${name}()`;
  return macros.get(name)!.binds ? `list.${name}(x, …)` : `${name}(…)`;
}

function countProblem(name: string, found: number, least: number, most: number, place: Place): ExpressionProblem[] {
  if (found >= least && found <= most) return [];
  const wanted = least === most ? String(least) : most >= 100 ? `at least ${least}` : `${least} to ${most}`;
  return [
    {
      code: 'EXPRESSION_INVALID',
      ...place,
      reason: `${name} takes ${wanted} ${wanted === '1' ? 'operand' : 'operands'} in its brackets, not ${found}`,
    },
  ];
}

function checkNode(
  node: ASTNode,
  parsed: ParsedExpression,
  columns: Columns | undefined,
  bound: ReadonlySet<string>,
  problems: ExpressionProblem[],
): void {
  const text = (part: ASTNode) => parsed.source.slice(part.start, part.end);
  const wrong = (part: ASTNode, reason: string) =>
    problems.push({
      code: 'EXPRESSION_INVALID',
      start: part.start + parsed.offset,
      end: part.end + parsed.offset,
      reason,
    });
  const kind = (part: ASTNode) => kindOf(part, columns, bound);
  const children = childrenOf(node);

  if (node.op === '-_' && node.args.op === 'value' && node.args.args === 2n ** 63n) return;
  if (node.op === 'value') checkLiteral(node, text(node), wrong);
  if (node.op === 'call' || node.op === 'rcall')
    checkOperands(node, namespacedName(node, bound) ?? node.args[0], kind, text, wrong);
  if (node.op === '&&' || node.op === '||' || node.op === '!_' || node.op === '?:') {
    for (const part of node.op === '?:' ? [node.args[0]] : children) {
      if (kind(part) === 'number' || kind(part) === 'text' || kind(part) === 'null')
        wrong(part, `${text(part)} is ${named(kind(part)!)}, and must be true or false here`);
    }
  }
  if (isBinary(node)) {
    const reason = binaryReason(node, kind, text);
    if (reason !== undefined) wrong(node, reason);
  }
  const binding = bindingOf(node, bound);
  const inner = binding === undefined ? bound : new Set([...bound, binding.variable]);
  for (const child of binding?.outside ?? (namespacedName(node, bound) === undefined ? children : children.slice(1)))
    checkNode(child, parsed, columns, bound, problems);
  for (const child of binding?.inside ?? []) checkNode(child, parsed, columns, inner, problems);
}

type Wrong = (part: ASTNode, reason: string) => void;
type KindOf = (part: ASTNode) => Kind | undefined;
type TextOf = (part: ASTNode) => string;

function checkLiteral(node: ASTNode & { op: 'value' }, text: string, wrong: Wrong): void {
  if (typeof node.args === 'bigint' && node.args >= 2n ** 63n)
    wrong(node, `${text} is outside the range of integers (64 bits); write ${text}.0 or decimal("${text}")`);
  if (node.args instanceof Uint8Array && /[^\0-\x7f]/.test(text))
    wrong(node, 'bytes are written in ASCII; write bytes("…") for the UTF-8 of a text');
}

function checkOperands(
  node: ASTNode & { op: 'call' | 'rcall' },
  name: string,
  kind: KindOf,
  text: TextOf,
  wrong: Wrong,
): void {
  const operands = node.op === 'call' ? node.args[1] : node.args[2];
  if (name === 'has' && operands.length === 1 && fieldName(operands[0]!) === undefined)
    wrong(operands[0]!, 'has takes a field, as in has(record.a)');
  if (node.op === 'rcall' && (name === 'orValue' || name === 'or' || name === 'hasValue' || name === 'value')) {
    const receiver = node.args[1];
    const certain = kind(receiver) !== undefined || fieldName(receiver) !== undefined;
    const optional = kind(receiver) === 'optional';
    if (certain && !optional)
      wrong(
        receiver,
        `${text(receiver)} is not optional; write ${text(receiver).replace(/\.(\w+)$/, '.?$1')}.${name}(…)`,
      );
  }
  // What does not depend on a record is tried now.
  const all = node.op === 'rcall' && !name.includes('.') ? [node.args[1], ...operands] : operands;
  const entry = macros.has(name) ? undefined : functions.get(name);
  try {
    const pattern = name === 'matches' ? all[1] : undefined;
    if (pattern?.op === 'value' && typeof pattern.args === 'string') matcherOf(pattern.args);
    if (
      entry !== undefined &&
      entry.varies !== true &&
      all.length <= entry.most &&
      all.length >= entry.least &&
      all.every((each) => each.op === 'value')
    ) {
      (entry.run as (site: unknown, ...values: unknown[]) => unknown)(
        { name, operands: all.map(text) },
        ...all.map((each) => literalOf(each as ASTNode & { op: 'value' })),
      );
    }
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    wrong(node, error.reason);
  }
}

type Binary = ASTNode & { args: [ASTNode, ASTNode] };

function isBinary(node: ASTNode): node is ASTNode & Binary {
  return ['==', '!=', '<', '<=', '>', '>=', '+', '-', '*', '/', '%'].includes(node.op);
}

function binaryReason(node: Binary, kind: KindOf, text: TextOf): string | undefined {
  const [left, right] = node.args;
  const kinds = [kind(left), kind(right)];
  const together = kinds.toSorted().join();
  if (!['number,text', 'boolean,text', 'boolean,number'].includes(together)) return undefined;
  if ((node.op === '==' || node.op === '!=') && together === 'boolean,number') return undefined;
  const [mine, other] = kinds[0] === 'text' ? [left, right] : [right, left];
  if (together === 'number,text' && mine.op !== 'value') return adviseCast(text(mine), undefined, 'double');
  if (together === 'boolean,text' && mine.op !== 'value' && node.op.endsWith('='))
    return adviseCast(text(mine), undefined, 'bool');
  if (node.op === '+' && together === 'number,text')
    return `${text(mine)} is text and ${text(other)} is a number; write string(${text(other)}) to join them`;
  return `${text(left)} is ${named(kinds[0]!)} and ${text(right)} is ${named(kinds[1]!)}; "${node.op}" does not take the two together`;
}

function named(kind: Kind): string {
  if (kind === 'text' || kind === 'null') return kind;
  return kind === 'boolean' ? 'true or false' : `a ${kind}`;
}
