// The expression language: CEL, bare or inside `${…}`, compiled to functions of a scope.
import type { Column, Value } from './contracts/data.ts';
import { Failure, failure } from './errors.ts';
import { checkExpression } from './expressions/check.ts';
import { Generator } from './expressions/generate.ts';
import { type ParsedExpression, shownSource } from './expressions/parse.ts';
import { Problem } from './expressions/problem.ts';
import { finish } from './expressions/result.ts';
import { parseTemplate, type Template, textOf } from './expressions/template.ts';

export { checkExpression, resultKind } from './expressions/check.ts';
export { type ParsedExpression, parseExpression, referencedColumns } from './expressions/parse.ts';
export { escapeTemplate, parseTemplate, splitTemplate, type Template } from './expressions/template.ts';

/** The values of the names. A name that is absent has no value, and using it fails. */
export interface ExpressionScope {
  params?: Value;
  env?: Value;
  run?: Value;
  tasks?: Value;
  state?: Value;
  trigger?: Value;
  item?: Value;
  index?: Value;
  error?: Value;
  record?: Value;
  /** In manifests of services. */
  config?: Value;
  filters?: Value;
  parent?: Value;
  records?: Value;
  response?: Value;
  /** The functions `secret("name")` and `file("path")`. */
  secret?: (name: string) => Value;
  file?: (path: string) => Value;
}

/** Throws EXPRESSION_FAILED, with `where`, `expression` and `reason`. */
export type Evaluate = (scope: ExpressionScope) => Value;

export interface CompileOptions {
  /** What the expression belongs to, for errors: `task 2 (filter)`. */
  where: string;
  /** The names in scope, `secret` and `file` among them where these functions are allowed. */
  names: readonly string[];
  /** The columns of `record`. Those of type decimal compute exactly. */
  columns?: readonly Column[] | undefined;
}

/** Throws EXPRESSION_SYNTAX for the first problem that `checkExpression` finds; unknown columns only fail when they are read. */
export function compile(parsed: ParsedExpression, options: CompileOptions): Evaluate {
  return compileWith(parsed, options, finish, false);
}

/** A whole `${…}` keeps the value's type; text around it makes text of it. */
export function compileTemplate(template: Template, options: CompileOptions): Evaluate {
  const [first, ...others] = template.parts;
  if (others.length === 0 && typeof first !== 'string') return first === undefined ? () => '' : compile(first, options);
  const parts = template.parts.map((part) => {
    if (typeof part === 'string') return part;
    const shown = shownSource(part.source);
    return compileWith(part, options, (value) => textOf(finish(value), shown), true);
  });
  if (parts.every((part) => typeof part === 'string')) {
    const text = parts.join('');
    return () => text;
  }
  return (scope) => {
    let text = '';
    for (const part of parts) text += typeof part === 'string' ? part : part(scope);
    return text;
  };
}

/** A value with templates in it at any depth (not in the keys of maps). Undefined where there are none: it is its own result. */
export function compileValue(value: Value, options: CompileOptions): Evaluate | undefined {
  if (typeof value === 'string')
    return value.includes('${') ? compileTemplate(parseTemplate(value), options) : undefined;
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return undefined;
  if (Array.isArray(value)) {
    const elements = value.map((each) => compileValue(each, options));
    if (elements.every((each) => each === undefined)) return undefined;
    return (scope) => elements.map((evaluate, i) => (evaluate === undefined ? value[i]! : evaluate(scope)));
  }
  const entries = Object.entries(value).map(([name, each]) => [name, each, compileValue(each, options)] as const);
  if (entries.every(([, , evaluate]) => evaluate === undefined)) return undefined;
  return (scope) =>
    Object.fromEntries(
      entries.map(([name, each, evaluate]) => [name, evaluate === undefined ? each : evaluate(scope)]),
    );
}

/** An EXPRESSION_FAILED that also says at which record, counted from 1; any other error as it is. */
export function atRecord(error: unknown, position: number): unknown {
  if (!(error instanceof Failure) || error.code !== 'EXPRESSION_FAILED') return error;
  return withoutStack(() =>
    failure(error.code, { ...error.data, position, record: ` on record ${position}` }, { cause: error.cause }),
  );
}

function compileWith(
  parsed: ParsedExpression,
  options: CompileOptions,
  leave: (value: unknown) => unknown,
  always: boolean,
): Evaluate {
  const problem = checkExpression(parsed, { names: options.names })[0];
  const expression = shownSource(parsed.source);
  if (problem !== undefined) {
    const { start, end, reason } = problem;
    throw failure('EXPRESSION_SYNTAX', { where: options.where, expression, start, end, reason });
  }
  const fail = (error: unknown): never => {
    if (error instanceof Failure) throw error;
    const reason = reasonOf(error);
    if (reason === undefined) throw failure('BUG', { reason: `${expression}: ${String(error)}` }, { cause: error });
    throw withoutStack(() => failure('EXPRESSION_FAILED', { where: options.where, expression, reason }));
  };
  const { code, constants } = new Generator(parsed, options.columns).generate(leave, always, fail);
  return new Function('k', code)(constants) as Evaluate;
}

function reasonOf(error: unknown): string | undefined {
  if (error instanceof Problem) return error.reason;
  // Texts and lists that JS cannot hold.
  return error instanceof RangeError ? 'the result is too large' : undefined;
}

// A run may skip millions of records that fail; where in our code is of no use to anyone.
function withoutStack(make: () => Failure): Failure {
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = 0;
  try {
    return make();
  } finally {
    Error.stackTraceLimit = limit;
  }
}
