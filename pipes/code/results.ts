// What code of a project gives back: checked row by row, so that nothing but values of ours goes on.
import type { Column, ColumnType, Row, Value } from '../../engine/contracts/data.ts';
import { type Failure, failure } from '../../engine/errors.ts';
import { didYouMeanOrKnown } from '../../engine/suggest.ts';

/** Where a result comes from, for errors. */
export interface Origin {
  /** `task 2 (code)`. */
  where: string;
  /** `./clean.js#tidy`, `the script`. */
  code: string;
}

/** Checks a row, and fills in what it lacks of the told columns. `record`: which one it was, for errors. */
export type CheckRow = (row: unknown, record: string) => Row;

const deepest = 200;

export function rowChecker(origin: Origin, columns: readonly Column[] | undefined): CheckRow {
  const refuse = (found: string, record: string, expected: string): Failure =>
    failure('CODE_RESULT', { ...origin, found, record, expected });
  const types = columns && new Map(columns.map(({ name, type }) => [name, type]));
  return (row, record) => {
    if (!isPlain(row))
      throw refuse(nameOf(row), record, 'a record is a plain object with a value for each of its columns');
    for (const key in row) {
      const value = row[key];
      if (typeof value !== 'string' && typeof value !== 'boolean' && value !== null && typeof value !== 'number') {
        const problem = problemOf(value, 0);
        if (problem !== undefined) throw refuse(`${problem} in "${key}"`, record, advice(value));
      }
      if (key === '__proto__') throw refuse('a column "__proto__"', record, 'give it another name');
      if (types === undefined) continue;
      const type = types.get(key);
      if (type === undefined) {
        const hint = didYouMeanOrKnown(key, types.keys(), 'it has');
        throw refuse(`a column "${key}"`, record, `\`columns\` does not have it${hint}`);
      }
      if (value !== null && !fits(value as Value, type))
        throw refuse(`${nameOf(value)} in "${key}"`, record, `\`columns\` says ${type}, which is ${forms[type]}`);
    }
    if (columns !== undefined) for (const { name } of columns) if (!(name in row)) row[name] = null;
    return row as Row;
  };
}

/** The rows that a function for one row gave: one, several, or none for null. */
export function appendResult(result: unknown, rows: Row[], check: CheckRow, record: string, origin: Origin): void {
  if (result === null) return;
  if (Array.isArray(result)) for (const row of result) rows.push(check(row, record));
  else if (result === undefined) throw nothing(origin, record, 'a record, a list of records, or null to drop it');
  else if (isThenable(result))
    throw failure('CODE_RESULT', {
      ...origin,
      found: 'a promise',
      record,
      expected: 'one for each record would be slow: say `per: batch`, and await what you need for all of them',
    });
  else rows.push(check(result, record));
}

/** The rows that a function for a batch gave. */
export function batchResult(result: unknown, check: CheckRow, records: string, origin: Origin): Row[] {
  if (result === undefined) throw nothing(origin, records, 'a list of records, which may be empty');
  if (!Array.isArray(result))
    throw failure('CODE_RESULT', {
      ...origin,
      found: nameOf(result),
      record: records,
      expected: 'it must give a list of records',
    });
  return result.map((row, i) => check(row, ` as item ${i + 1}${records}`));
}

function nothing(origin: Origin, record: string, expected: string): Failure {
  return failure('CODE_RESULT', { ...origin, found: 'nothing', record, expected: `it must give ${expected}` });
}

function isThenable(value: unknown): value is Promise<unknown> {
  return typeof (value as { then?: unknown } | null)?.then === 'function';
}

function isPlain(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  // An object of another realm has an Object.prototype of its own.
  return prototype === Object.prototype || prototype === null || Object.getPrototypeOf(prototype) === null;
}

/** What keeps something from being a value, in words. */
function problemOf(value: unknown, depth: number): string | undefined {
  switch (typeof value) {
    case 'string':
    case 'number':
    case 'boolean':
    case 'bigint':
      return undefined;
    case 'object':
      break;
    default:
      return nameOf(value);
  }
  if (value === null || value instanceof Uint8Array) return undefined;
  if (depth > deepest) return 'values nested deeper than 200, or one that holds itself,';
  if (!Array.isArray(value) && !isPlain(value)) return nameOf(value);
  for (const each of Array.isArray(value) ? value : Object.values(value)) {
    const problem = problemOf(each, depth + 1);
    if (problem !== undefined) return problem;
  }
  return undefined;
}

export function nameOf(value: unknown): string {
  if (value === undefined) return 'undefined';
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'a list';
  if (isThenable(value)) return 'a promise';
  if (typeof value !== 'object')
    return typeof value === 'function' ? 'a function' : `the ${typeof value} ${String(value)}`;
  const { name = '' } = (value.constructor ?? {}) as { name?: string };
  return name === '' || name === 'Object' ? 'an object' : `${/^[AEIOU]/.test(name) ? 'an' : 'a'} ${name}`;
}

function advice(value: unknown): string {
  if (value instanceof Date) return 'a time is text; use toISOString()';
  if (value === undefined) return 'where there is no value, say null';
  if (value instanceof Map || value instanceof Set) return 'make a plain object or a list of it';
  return 'values are null, booleans, numbers, bigints, text, bytes (Uint8Array), lists and plain objects';
}

const text = 'text';
const forms: Record<ColumnType, string> = {
  boolean: 'true or false',
  integer: 'a whole number or a bigint',
  double: 'a number',
  decimal: 'text of its digits, a whole number or a bigint',
  text,
  binary: 'a Uint8Array',
  date: text,
  time: text,
  timestamp: text,
  timestamptz: text,
  interval: text,
  uuid: text,
  json: 'any value',
  array: 'a list',
};

function fits(value: Value, type: ColumnType): boolean {
  switch (type) {
    case 'boolean':
      return typeof value === 'boolean';
    case 'integer':
      return typeof value === 'bigint' || Number.isSafeInteger(value);
    case 'double':
      return typeof value === 'number';
    case 'decimal':
      return typeof value === 'bigint' || Number.isSafeInteger(value) || isDecimal(value);
    case 'binary':
      return value instanceof Uint8Array;
    case 'array':
      return Array.isArray(value);
    case 'json':
      return true;
    default:
      return typeof value === 'string';
  }
}

function isDecimal(value: Value): boolean {
  return typeof value === 'string' && /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(value);
}
