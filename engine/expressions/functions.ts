// Every function of the expression language by its name, and what to say of a name that is none.
import { didYouMean } from '../suggest.ts';
import type { FunctionEntry } from './function-entry.ts';
import { listFunctions } from './functions-list.ts';
import { numberFunctions } from './functions-number.ts';
import { textFunctions } from './functions-text.ts';
import { timeFunctions } from './functions-time.ts';

export const functions: ReadonlyMap<string, FunctionEntry> = new Map(
  [...numberFunctions, ...textFunctions, ...listFunctions, ...timeFunctions].map((entry) => [entry.name, entry]),
);

/** Written before a point, these are no values: `math.round(x)`, `cel.bind(x, 1, x)`. */
export const namespaces: ReadonlySet<string> = new Set(['math', 'base64', 'url', 'cel', 'optional']);

/** Functions that the scope brings along, where the field may use them. */
export const scopeFunctions = ['secret', 'file'] as const;

/** Compiled on their own, because they do not take their operands as values. Counts are operands, without a receiver. */
export const macros: ReadonlyMap<string, { least: number; most: number; receiver: boolean; binds: boolean }> = new Map([
  ['has', { least: 1, most: 1, receiver: false, binds: false }],
  ['default', { least: 2, most: 2, receiver: false, binds: false }],
  ['coalesce', { least: 1, most: 100, receiver: false, binds: false }],
  ['secret', { least: 1, most: 1, receiver: false, binds: false }],
  ['file', { least: 1, most: 1, receiver: false, binds: false }],
  ['cel.bind', { least: 3, most: 3, receiver: false, binds: true }],
  ['optional.of', { least: 1, most: 1, receiver: false, binds: false }],
  ['optional.none', { least: 0, most: 0, receiver: false, binds: false }],
  ['all', { least: 2, most: 2, receiver: true, binds: true }],
  ['exists', { least: 2, most: 2, receiver: true, binds: true }],
  ['exists_one', { least: 2, most: 2, receiver: true, binds: true }],
  ['map', { least: 2, most: 3, receiver: true, binds: true }],
  ['filter', { least: 2, most: 2, receiver: true, binds: true }],
  ['orValue', { least: 1, most: 1, receiver: true, binds: false }],
  ['or', { least: 1, most: 1, receiver: true, binds: false }],
  ['hasValue', { least: 0, most: 0, receiver: true, binds: false }],
  ['value', { least: 0, most: 0, receiver: true, binds: false }],
]);

// What people write who know another language.
const otherNames: Record<string, string> = {
  abs: 'math.abs(x)',
  round: 'math.round(x)',
  floor: 'math.floor(x)',
  ceil: 'math.ceil(x)',
  trunc: 'math.trunc(x)',
  sqrt: 'math.sqrt(x)',
  min: 'math.least(a, b)',
  max: 'math.greatest(a, b)',
  'math.min': 'math.least(a, b)',
  'math.max': 'math.greatest(a, b)',
  least: 'math.least(a, b)',
  greatest: 'math.greatest(a, b)',
  len: 'size(x)',
  length: 'size(x)',
  count: 'size(x)',
  number: 'double(x)',
  float: 'double(x)',
  integer: 'int(x)',
  str: 'string(x)',
  text: 'string(x)',
  toString: 'string(x)',
  boolean: 'bool(x)',
  toUpperCase: 'x.upper()',
  uppercase: 'x.upper()',
  toLowerCase: 'x.lower()',
  lowercase: 'x.lower()',
  strip: 'x.trim()',
  includes: 'x.contains(y)',
  substr: 'x.substring(from, to)',
  lpad: 'x.padStart(n)',
  rpad: 'x.padEnd(n)',
  concat: 'a + b',
  ifnull: 'default(x, y)',
  nvl: 'default(x, y)',
  if: 'condition ? a : b',
  iif: 'condition ? a : b',
  today: 'date(now())',
  year: 'getFullYear(x)',
  month: 'getMonth(x) + 1',
  day: 'getDate(x)',
  strftime: 'format(x, "%Y-%m-%d")',
  parseJson: 'json(x)',
  stringify: 'toJson(x)',
  md5: 'sha256(x)',
  hash: 'sha256(x)',
};

/** `there is no function "uper"; did you mean "upper"?` */
export function functionUnknown(name: string): string {
  const other = Object.hasOwn(otherNames, name) ? otherNames[name] : undefined;
  const hint = other === undefined ? didYouMean(name, [...functions.keys(), ...macros.keys()]) : `; write ${other}`;
  return `there is no function "${name}"${hint}`;
}
