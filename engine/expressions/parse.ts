// Reads an expression: its tree, and the names, fields and functions in it with their places.
import { type ASTNode, Environment, ParseError } from '@marcbachmann/cel-js';
import { failure } from '../errors.ts';
import { macros, namespaces } from './functions.ts';
import { typeNames } from './functions-list.ts';
import { explainSyntax } from './syntax.ts';

export type { ASTNode };

/** A part of a text, in UTF-16 units; `end` is exclusive. */
export interface Place {
  start: number;
  end: number;
}

/** A name of the scope where it is used. */
export interface NameUse extends Place {
  name: string;
  /** Used otherwise than to read one field that is known by its name: `size(record)`, `record[item]`. */
  whole: boolean;
}

/** `record.a`, `record["a"]`, `params.?since`: a field read from a name of the scope. The place is the field's own. */
interface FieldUse extends Place {
  root: string;
  name: string;
  /** What is read below it: of `tasks.load.result.rows`, `['result', 'rows']`. */
  below: string[];
  /** May be missing: `record.?a`, `has(record.a)`. */
  optional: boolean;
}

/** A function where it is called; its place is its name. */
export interface CallUse extends Place {
  name: string;
  /** The operands that stand between the brackets. */
  operands: number;
  /** Has something before its point: `record.a.upper()`. */
  method: boolean;
}

export interface ParsedExpression {
  /** The expression as written. */
  source: string;
  /** Where the source begins in the text that it was taken from. All places count from the begin of that text. */
  offset: number;
  /** cel-js's tree. Its own places count from the begin of the source. */
  ast: ASTNode;
  names: NameUse[];
  fields: FieldUse[];
  calls: CallUse[];
}

const longest = 100_000;
const deepest = 500;

const environment = new Environment({
  unlistedVariablesAreDyn: true,
  homogeneousAggregateLiterals: false,
  enableOptionalTypes: true,
  limits: { maxListElements: 20_000, maxMapEntries: 20_000, maxDepth: 200 },
});

/** Throws EXPRESSION_SYNTAX, whose data has `start`, `end` and `reason`. `offset`: where the source begins in a larger text. */
export function parseExpression(source: string, offset = 0): ParsedExpression {
  if (source.length > longest)
    throw syntaxFailure(source, { start: 0, end: longest, reason: `it is longer than ${longest} characters` }, offset);
  let ast: ASTNode;
  try {
    ast = environment.parse(source).ast;
  } catch (error) {
    if (error instanceof ParseError || error instanceof RangeError)
      throw syntaxFailure(source, explainSyntax(source, error), offset);
    throw error;
  }
  const parsed: ParsedExpression = { source, offset, ast, names: [], fields: [], calls: [] };
  collect(parsed, ast);
  return parsed;
}

export function syntaxFailure(source: string, { start, end, reason }: Place & { reason: string }, offset: number) {
  return failure('EXPRESSION_SYNTAX', {
    expression: shownSource(source),
    reason,
    start: start + offset,
    end: end + offset,
  });
}

/** On one line, and not endless. */
export function shownSource(source: string): string {
  const line = source.trim().replace(/\s+/g, ' ');
  return line.length > 200 ? `${line.slice(0, 199)}…` : line;
}

/** The fields of `record` that are read, or `all` where they cannot be told. */
export function referencedColumns(parsed: ParsedExpression): Set<string> | 'all' {
  if (parsed.names.some(({ name, whole }) => name === 'record' && whole)) return 'all';
  return new Set(parsed.fields.filter(({ root }) => root === 'record').map(({ name }) => name));
}

/** `math.round` for a call on a namespace, else undefined. */
export function namespacedName(node: ASTNode, bound: ReadonlySet<string>): string | undefined {
  if (node.op !== 'rcall') return undefined;
  const [name, receiver] = node.args;
  return receiver.op === 'id' && namespaces.has(receiver.args) && !bound.has(receiver.args)
    ? `${receiver.args}.${name}`
    : undefined;
}

/** The field that an access reads when it is known by name: `a.b`, `a["b"]`. */
export function fieldName(node: ASTNode): string | undefined {
  if (node.op === '.' || node.op === '.?') return node.args[1];
  if (node.op !== '[]' && node.op !== '[?]') return undefined;
  const key = node.args[1];
  return key.op === 'value' && typeof key.args === 'string' ? key.args : undefined;
}

/** A literal as a value: an unsigned integer counts as an integer. */
export function literalOf({ args }: ASTNode & { op: 'value' }): unknown {
  return typeof args === 'object' && args !== null && !(args instanceof Uint8Array) ? args.valueOf() : args;
}

/** The operands of a chain such as `a && b && c`, in order: however long it is, it is one level. */
export function chainOf(node: ASTNode & { op: '&&' | '||' }): ASTNode[] {
  const operands: ASTNode[] = [];
  let rest: ASTNode = node;
  while (rest.op === node.op) {
    operands.push((rest.args as [ASTNode, ASTNode])[1]);
    rest = (rest.args as [ASTNode, ASTNode])[0];
  }
  operands.push(rest);
  return operands.reverse();
}

/** The nodes directly below, in the order of the source. */
export function childrenOf(node: ASTNode): ASTNode[] {
  switch (node.op) {
    case 'value':
    case 'id':
      return [];
    case '.':
    case '.?':
      return [node.args[0]];
    case 'call':
      return node.args[1];
    case 'rcall':
      return [node.args[1], ...node.args[2]];
    case 'list':
      return node.args;
    case 'map':
      return node.args.flat();
    case '!_':
    case '-_':
      return [node.args];
    case '&&':
    case '||':
      return chainOf(node);
    default:
      return node.args;
  }
}

/** The variable that a macro binds, the operands it is bound in, and those it is not. */
export function bindingOf(
  node: ASTNode,
  bound: ReadonlySet<string>,
): { variable: string; inside: ASTNode[]; outside: ASTNode[] } | undefined {
  if (node.op !== 'rcall') return undefined;
  const namespaced = namespacedName(node, bound);
  const [name, receiver, operands] = node.args;
  const macro = macros.get(namespaced ?? name);
  const variable = operands[0];
  if (macro?.binds !== true || variable?.op !== 'id' || operands.length < macro.least || operands.length > macro.most)
    return undefined;
  if (namespaced !== undefined) return { variable: variable.args, outside: [operands[1]!], inside: operands.slice(2) };
  return { variable: variable.args, outside: [receiver], inside: operands.slice(1) };
}

function collect(parsed: ParsedExpression, root: ASTNode): void {
  const { source, offset } = parsed;
  const placed = (start: number, end: number): Place => ({ start: start + offset, end: end + offset });

  // `below`: the fields that are read from the node; `optional`: the first of them may be missing.
  function visit(node: ASTNode, bound: ReadonlySet<string>, depth: number, below: string[], optional: boolean): void {
    if (depth > deepest) throw tooDeep(node);
    const field = fieldName(node);
    if (node.op === 'id') name(node, bound);
    else if (field !== undefined) access(node, field, bound, depth, below, optional);
    else if (node.op === 'call' || node.op === 'rcall') call(node, bound, depth);
    else for (const child of childrenOf(node)) visit(child, bound, depth + 1, [], false);
  }

  function tooDeep({ start, end }: ASTNode) {
    return syntaxFailure(source, { start, end, reason: 'it is nested too deeply' }, offset);
  }

  function name(node: ASTNode & { op: 'id' }, bound: ReadonlySet<string>): void {
    if (bound.has(node.args) || (typeNames as readonly string[]).includes(node.args)) return;
    parsed.names.push({ name: node.args, ...placed(node.start, node.end), whole: true });
  }

  function access(
    node: ASTNode,
    field: string,
    bound: ReadonlySet<string>,
    depth: number,
    below: string[],
    optional: boolean,
  ): void {
    const receiver = (node.args as [ASTNode, unknown])[0];
    if (receiver.op !== 'id' || bound.has(receiver.args)) {
      visit(receiver, bound, depth + 1, [field, ...below], false);
      return;
    }
    const missable = optional || node.op === '.?' || node.op === '[?]';
    parsed.names.push({ name: receiver.args, ...placed(receiver.start, receiver.end), whole: false });
    parsed.fields.push({ root: receiver.args, name: field, below, optional: missable, ...fieldPlace(node) });
  }

  // The name after the point, or the key with its quotes.
  function fieldPlace(node: ASTNode): Place {
    if (node.op === '[]' || node.op === '[?]') return placed(node.args[1].start, node.args[1].end);
    return placed(node.end - (node.args as [ASTNode, string])[1].length, node.end);
  }

  function call(node: ASTNode & { op: 'call' | 'rcall' }, bound: ReadonlySet<string>, depth: number): void {
    const namespaced = namespacedName(node, bound);
    parsed.calls.push(callUse(node, namespaced));
    const operands = node.op === 'call' ? node.args[1] : node.args[2];
    const binding = bindingOf(node, bound);
    if (binding !== undefined) {
      const inner = new Set([...bound, binding.variable]);
      for (const child of binding.outside) visit(child, bound, depth + 1, [], false);
      for (const child of binding.inside) visit(child, inner, depth + 1, [], false);
      return;
    }
    const has = node.op === 'call' && node.args[0] === 'has';
    const values = node.op === 'rcall' && namespaced === undefined ? [node.args[1], ...operands] : operands;
    for (const child of values) visit(child, bound, depth + 1, [], has);
  }

  function callUse(node: ASTNode & { op: 'call' | 'rcall' }, namespaced: string | undefined): CallUse {
    const method = node.op === 'rcall' && namespaced === undefined;
    const operands = (node.op === 'call' ? node.args[1] : node.args[2]).length;
    const start = source.indexOf(node.args[0], node.op === 'call' ? node.start : node.args[1].end);
    const end = start + node.args[0].length;
    return { name: namespaced ?? node.args[0], operands, method, ...placed(method ? start : node.start, end) };
  }

  visit(root, new Set(), 0, [], false);
}
