// Params: what a run is given, against what the pipe declares.
import type { Param } from '../schemas/generated/types.ts';
import type { Value } from './contracts/data.ts';
import { type Failure, failure } from './errors.ts';
import { Problem } from './expressions/problem.ts';
import { type Matcher, matcherOf } from './expressions/regex.ts';
import { paramFormats } from './params/formats.ts';
import { didYouMeanOrKnown } from './suggest.ts';

export type { Param } from '../schemas/generated/types.ts';

export interface GivenParams {
  /** From a program, taken as they are. */
  values?: Readonly<Record<string, unknown>>;
  /** From a command line, read by the declared type. */
  texts?: Readonly<Record<string, string>>;
  /** From a program, for those that are declared. */
  offered?: Readonly<Record<string, unknown>>;
}

export interface ResolvedParams {
  /** Every declared param, in the order of the declaration; null for one that is neither given, nor has a default, nor is required. */
  values: Record<string, Value>;
  /** PARAM_MISSING, PARAM_INVALID and PARAM_UNKNOWN, every one there is. */
  failures: Failure[];
}

/** `evaluate` gives the value of a default with `${…}` in it. */
export function resolveParams(
  declared: Readonly<Record<string, Param>>,
  given: GivenParams,
  evaluate: (value: unknown) => unknown,
): ResolvedParams {
  const values: Record<string, Value> = {};
  const failures: Failure[] = [];
  const { texts = {}, offered = {} } = given;
  const taken = Object.entries(offered).filter(([name]) => Object.hasOwn(declared, name));
  const fromProgram: Readonly<Record<string, unknown>> = { ...Object.fromEntries(taken), ...given.values };

  for (const name of new Set([...Object.keys(texts), ...Object.keys(fromProgram)])) {
    if (Object.hasOwn(declared, name)) continue;
    const hint =
      Object.keys(declared).length === 0
        ? '; the pipe declares none'
        : didYouMeanOrKnown(name, Object.keys(declared), 'the pipe has');
    failures.push(failure('PARAM_UNKNOWN', { name, hint }));
  }
  for (const [name, param] of Object.entries(declared)) {
    const take = (value: unknown, prefix = '') => {
      const reason = paramProblem(param, value);
      if (reason === undefined) values[name] = value as Value;
      else failures.push(failure('PARAM_INVALID', { name, reason: prefix + reason }));
    };
    const read = (text: string, prefix = '') => {
      const parsed = readParam(param, text);
      if ('reason' in parsed) failures.push(failure('PARAM_INVALID', { name, reason: prefix + parsed.reason }));
      else take(parsed.value, prefix);
    };
    if (Object.hasOwn(texts, name)) read(texts[name]!);
    else if (Object.hasOwn(fromProgram, name) && fromProgram[name] !== undefined) take(fromProgram[name]);
    else if (param.default !== undefined) {
      const value = evaluate(param.default);
      const prefix = 'has a default that ';
      if (typeof value === 'string' && value !== param.default && (param.type ?? 'string') !== 'string')
        read(value, prefix);
      else take(value, prefix);
    } else if (param.required === false) values[name] = null;
    else failures.push(failure('PARAM_MISSING', { name }));
  }
  return { values, failures };
}

/** A text of a command line as the value that the declared type makes of it. */
export function readParam(param: Param, text: string): { value: Value } | { reason: string } {
  const type = param.type ?? 'string';
  const trimmed = text.trim();
  const wrong = { reason: `must be ${typeNames[type]}, and is ${shown(param, text)}` };
  switch (type) {
    case 'string':
      return { value: text };
    case 'boolean':
      return trimmed === 'true' || trimmed === 'false'
        ? { value: trimmed === 'true' }
        : { reason: `must be true or false, and is ${shown(param, text)}` };
    case 'integer':
      return /^[-+]?\d{1,400}$/.test(trimmed) ? { value: wholeNumber(trimmed) } : wrong;
    case 'number': {
      const value = Number(trimmed);
      return /^[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$/i.test(trimmed) && Number.isFinite(value) ? { value } : wrong;
    }
    case 'array':
      return trimmed.startsWith('[') ? readJson(trimmed, wrong, Array.isArray) : readList(param, trimmed);
    case 'object':
      return readJson(trimmed, wrong, (value) => typeof value === 'object' && value !== null && !Array.isArray(value));
  }
}

/** Why a value does not fit a declaration, as the end of `parameter "x" …`; undefined when it does. */
export function paramProblem(param: Param, value: unknown): string | undefined {
  const type = param.type ?? 'string';
  if (value === null && param.required === false) return undefined;
  if (!isOfType(type, value)) return `must be ${typeNames[type]}, and is ${shown(param, value)}`;
  if (param.enum !== undefined && !param.enum.some((allowed) => sameValue(allowed, value))) {
    return `must be one of ${param.enum.map((allowed) => JSON.stringify(allowed)).join(', ')}, and is ${shown(param, value)}`;
  }
  if (typeof value === 'number' || typeof value === 'bigint') return numberProblem(param, value);
  if (typeof value === 'string') return textProblem(param, value);
  if (Array.isArray(value)) {
    const { items } = param;
    const wrong = items === undefined ? -1 : value.findIndex((item) => !isOfType(items, item));
    if (wrong >= 0)
      return `must be a list of ${pluralNames[items!]}, and its item ${wrong + 1} is ${shown(param, value[wrong])}`;
    return lengthProblem(param, value.length, 'items');
  }
  return undefined;
}

const typeNames = {
  string: 'text',
  integer: 'a whole number',
  number: 'a number',
  boolean: 'true or false',
  array: 'a list',
  object: 'a map',
};

const pluralNames = {
  string: 'texts',
  integer: 'whole numbers',
  number: 'numbers',
  boolean: 'true or false',
  object: 'maps',
};

function isOfType(type: NonNullable<Param['type']>, value: unknown): boolean {
  switch (type) {
    case 'string':
    case 'boolean':
      return typeof value === type;
    case 'integer':
      return typeof value === 'bigint' || Number.isSafeInteger(value);
    case 'number':
      return typeof value === 'bigint' || Number.isFinite(value);
    case 'array':
      return Array.isArray(value);
    case 'object':
      return (
        typeof value === 'object' && value !== null && [Object.prototype, null].includes(Object.getPrototypeOf(value))
      );
  }
}

function numberProblem(param: Param, value: number | bigint): string | undefined {
  if (param.minimum !== undefined && value < param.minimum)
    return `must be at least ${param.minimum}, and is ${shown(param, value)}`;
  if (param.maximum !== undefined && value > param.maximum)
    return `must be at most ${param.maximum}, and is ${shown(param, value)}`;
  return undefined;
}

function textProblem(param: Param, value: string): string | undefined {
  const format = param.format === undefined ? undefined : paramFormats[param.format];
  if (format !== undefined && !format.test(value)) return `must be ${format.name}, and is ${shown(param, value)}`;
  if (param.pattern !== undefined) {
    const matches = wholePattern(param.pattern);
    if (typeof matches !== 'function') return `cannot be checked: ${matches.reason}`;
    if (!matches(value)) return `must match ${param.pattern}, and is ${shown(param, value)}`;
  }
  return lengthProblem(param, [...value].length, 'characters');
}

/** A test of whole texts against a param's pattern, or why it cannot be read. */
export function wholePattern(pattern: string): Matcher | { reason: string } {
  try {
    // First by itself, so that a mistake is told with its own place.
    matcherOf(pattern);
    return matcherOf(`^(?:${pattern})$`);
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    return { reason: error.reason };
  }
}

function lengthProblem(param: Param, length: number, what: string): string | undefined {
  const { min_length: least, max_length: most } = param;
  if (least !== undefined && length < least) return `must have at least ${least} ${what}, and has ${length}`;
  if (most !== undefined && length > most) return `must have at most ${most} ${what}, and has ${length}`;
  return undefined;
}

function wholeNumber(text: string): number | bigint {
  const value = BigInt(text.replace(/^\+/, ''));
  return Number.isSafeInteger(Number(value)) ? Number(value) : value;
}

function readJson(
  text: string,
  wrong: { reason: string },
  test: (value: unknown) => boolean,
): { value: Value } | { reason: string } {
  try {
    const value: unknown = JSON.parse(text);
    return test(value) ? { value: value as Value } : wrong;
  } catch {
    return { reason: `${wrong.reason}, which is not JSON` };
  }
}

/** `a, b,c`: items of the declared type, or texts. */
function readList(param: Param, text: string): { value: Value } | { reason: string } {
  if (text === '') return { value: [] };
  const value: Value[] = [];
  for (const part of text.split(',')) {
    const item = readParam(
      { type: param.items ?? 'string', ...(param.secret === true && { secret: true }) },
      part.trim(),
    );
    if ('reason' in item) return { reason: `has an item that ${item.reason}` };
    value.push(item.value);
  }
  return { value };
}

function sameValue(a: unknown, b: unknown): boolean {
  if (typeof a === 'object' || typeof b === 'object') return JSON.stringify(a) === JSON.stringify(b);
  // biome-ignore lint/suspicious/noDoubleEquals: 1 and 1n are the same value, which only == sees.
  return a === b || (typeof a !== 'string' && typeof b !== 'string' && typeof a !== typeof b && a == b);
}

function shown(param: Param, value: unknown): string {
  if (param.secret === true) return 'something else';
  if (value === undefined || value === null) return 'null';
  if (typeof value === 'string') return JSON.stringify(value.length > 60 ? `${value.slice(0, 57)}…` : value);
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object')
    return value.constructor === Object ? 'a map' : `a ${value.constructor?.name ?? 'map'}`;
  return String(value);
}
