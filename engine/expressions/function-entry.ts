// How a function of the expression language is described.
import { unfit } from './messages.ts';
import type { Site } from './problem.ts';

/** What is known of a value before anything runs. `number` is a JS number or a bigint. */
export type StaticType = 'any' | 'double' | 'integer' | 'boolean' | 'text' | 'optional';

export interface FunctionEntry {
  /** `double`, `math.round`, `upper`. */
  name: string;
  /** A method is called on its first operand; `upper(x)` does the same as `x.upper()`. */
  style: 'function' | 'method';
  /** Operands, a method's receiver among them. */
  least: number;
  most: number;
  returns?: StaticType;
  /** Gives another value each time, so it is never computed ahead. */
  varies?: true;
  run(site: Site, ...operands: never[]): unknown;
}

/** Any operands may come in; `run` checks them. */
type Run = (site: Site, ...operands: never[]) => unknown;

export function called(
  name: string,
  least: number,
  most: number,
  run: Run,
  returns: StaticType = 'any',
): FunctionEntry {
  return { name, style: 'function', least, most, run, returns };
}

export function method(
  name: string,
  least: number,
  most: number,
  run: Run,
  returns: StaticType = 'any',
): FunctionEntry {
  return { name, style: 'method', least, most, run, returns };
}

// ---- What an operand must be; each throws a Problem that names the operand -----------------------------------

export function textAt(site: Site, index: number, value: unknown): string {
  if (typeof value === 'string') return value;
  throw unfit(site, index, value, 'text');
}

export function listAt(site: Site, index: number, value: unknown): unknown[] {
  if (Array.isArray(value)) return value;
  throw unfit(site, index, value, 'a list');
}

/** A whole number, of either kind, that JS holds exactly. */
export function wholeAt(site: Site, index: number, value: unknown): number {
  const number = typeof value === 'bigint' ? Number(value) : value;
  if (typeof number === 'number' && Number.isSafeInteger(number)) return number;
  throw unfit(site, index, value, 'a whole number');
}
