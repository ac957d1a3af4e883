// The `${…}` of a manifest, compiled once.
import type { Value } from '../../engine/contracts/data.ts';
import { failure } from '../../engine/errors.ts';
import { compile, compileValue, type ExpressionScope, parseExpression } from '../../engine/expressions.ts';

/** The names that a part of a manifest may use; `schemas/manifest` says which. */
export type Names = 'config' | 'filters' | 'parent' | 'record' | 'records' | 'response';

export type Fill<T extends Value = Value> = (scope: ExpressionScope) => T;

/** A value with `${…}` at any depth. */
export function filler<T extends Value = Value>(value: T, names: readonly Names[], where: string): Fill<T> {
  const evaluate = compileValue(value, { where, names });
  return evaluate === undefined ? () => value : (evaluate as Fill<T>);
}

/**
 * A path. What is put in is percent-encoded, except for `/`, so that a value can name several folders; `.` and `..` are
 * refused, so that it stays below the base URL.
 */
export function pathFiller(path: string, names: readonly Names[], where: string): Fill<string> {
  const fill = filler<string>(path, names, where);
  return (scope) => {
    const encoded: ExpressionScope = {};
    for (const name of names) if (scope[name] !== undefined) encoded[name] = encodedFields(scope[name], where);
    return fill(encoded);
  };
}

function encodedFields(value: Value, where: string): Value {
  if (typeof value !== 'object' || value === null || Array.isArray(value) || value instanceof Uint8Array) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, field]) => [name, typeof field === 'string' ? encodedPath(field, where) : field]),
  );
}

function encodedPath(text: string, where: string): string {
  if (text.split('/').some((part) => part === '.' || part === '..')) {
    throw failure('PATH_INVALID', { path: text, reason: `cannot be a part of the path of ${where}` });
  }
  return encodeURIComponent(text).replaceAll('%2F', '/');
}

/** A bare expression that gives true or false. */
export function condition(source: string, names: readonly Names[], where: string): Fill<boolean> {
  const evaluate = compile(parseExpression(source, 0), { where, names });
  return (scope) => evaluate(scope) === true;
}

/** What a JSON pointer (RFC 6901) finds; undefined where there is nothing. */
export function pointed(value: Value | undefined, pointer: string): Value | undefined {
  let found: Value | undefined = value;
  if (pointer === '') return found;
  for (const part of pointer.slice(1).split('/')) {
    if (typeof found !== 'object' || found === null || found instanceof Uint8Array) return undefined;
    const name = part.replaceAll('~1', '/').replaceAll('~0', '~');
    found = Object.hasOwn(found, name) ? (found as Record<string, Value>)[name] : undefined;
  }
  return found;
}
