// How fields, elements and names are reached, and what is said when they are not there.
import { didYouMean, didYouMeanOrKnown } from '../suggest.ts';
import { Decimal } from './decimal.ts';
import { describe, operandOf } from './messages.ts';
import { Problem, quoted, type Site } from './problem.ts';
import { Duration, Timestamp } from './time.ts';

type Fields = Record<string, unknown>;

export function isFields(value: unknown): value is Fields {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  return !(
    value instanceof Uint8Array ||
    value instanceof Decimal ||
    value instanceof Timestamp ||
    value instanceof Duration
  );
}

/** An own field only: `record.constructor` is missing like any other name. */
export function own(fields: Fields, name: string): unknown {
  return Object.hasOwn(fields, name) ? fields[name] : undefined;
}

/** `site.operands`: the receiver, then the name. */
export function field(receiver: unknown, name: string, site: Site): unknown {
  if (isFields(receiver)) {
    const value = own(receiver, name);
    return value === undefined ? missing(receiver, name, site) : value;
  }
  throw new Problem(() => noFields(receiver, name, operandOf(site, 0)));
}

function noFields(receiver: unknown, name: string, operand: string): string {
  if (receiver === null || receiver === undefined) {
    return `${operand} is ${describe(receiver)} and has no field ${quoted(name)}; write ${operand}.?${name} to get null`;
  }
  const missed = `${operand} is ${describe(receiver)}, which has no fields`;
  if (name === 'length' || name === 'size') return `${missed}; write size(${operand})`;
  return Array.isArray(receiver) ? `${missed}; write ${operand}[0].${name} or ${operand}.map(x, x.${name})` : missed;
}

/** Undefined for what is not there. */
export function optionalField(receiver: unknown, name: string): unknown {
  return isFields(receiver) ? own(receiver, name) : undefined;
}

/** A name that a map does not have. */
export function missing(fields: Fields, name: string, site: Site): never {
  throw new Problem(() => {
    const owner = operandOf(site, 0);
    if (owner === 'env') return `the environment variable ${name} is not set`;
    if (owner === 'params')
      return `there is no parameter ${quoted(name)}${didYouMeanOrKnown(name, Object.keys(fields), 'parameters')}`;
    return fieldMissing(fields, name, site);
  });
}

// A near name, or what to write where only some have the field.
function fieldMissing(fields: Fields, name: string, site: Site): string {
  const owner = operandOf(site, 0);
  const missed = `${owner} has no field ${quoted(name)}`;
  const near = didYouMean(name, Object.keys(fields));
  if (near !== '') return missed + near;
  return `${missed}${didYouMeanOrKnown(name, Object.keys(fields), 'its fields')}; write ${owner}${/^[A-Za-z_]\w*$/.test(name) ? `.?${name}` : `[?${quoted(name)}]`} where it may be missing`;
}

export function nameMissing(name: string): never {
  throw new Problem(`"${name}" has no value here`);
}

/** `list[0]`, `map["key"]`. A double that is a whole number counts as one. */
export function element(receiver: unknown, key: unknown, site: Site): unknown {
  const value = optionalElement(receiver, key);
  if (value !== undefined) return value;
  throw new Problem(() => elementReason(receiver, key, site));
}

function elementReason(receiver: unknown, key: unknown, site: Site): string {
  const operand = operandOf(site, 0);
  if (Array.isArray(receiver)) {
    if (typeof key !== 'number' && typeof key !== 'bigint')
      return `${operand} is a list, and ${describe(key)} is no position in it`;
    return `${operand} has ${receiver.length} ${receiver.length === 1 ? 'element' : 'elements'}, and no [${key}]`;
  }
  if (isFields(receiver)) {
    const name = keyOf(key);
    return name === undefined
      ? `${operand} is a map, and ${describe(key)} is no key of it`
      : fieldMissing(receiver, name, site);
  }
  if (receiver === null || receiver === undefined) return `${operand} is ${describe(receiver)} and has no elements`;
  return `${operand} is ${describe(receiver)}, which has no elements${typeof receiver === 'string' ? `; write ${operand}.charAt(…)` : ''}`;
}

/** Undefined for what is not there. */
export function optionalElement(receiver: unknown, key: unknown): unknown {
  if (Array.isArray(receiver)) {
    const index = typeof key === 'bigint' ? Number(key) : key;
    return typeof index === 'number' && Number.isInteger(index) ? receiver[index] : undefined;
  }
  const name = keyOf(key);
  return name !== undefined && isFields(receiver) ? own(receiver, name) : undefined;
}

/** A map's key as the text that it is kept under; undefined for what cannot be one. */
function keyOf(key: unknown): string | undefined {
  if (typeof key === 'string') return key;
  return typeof key === 'number' || typeof key === 'bigint' || typeof key === 'boolean' ? String(key) : undefined;
}

/** An entry of a map literal. */
export function setEntry(fields: Fields, key: unknown, value: unknown): void {
  const name = keyOf(key);
  if (name === undefined) throw new Problem(`${describe(key)} cannot be a key of a map`);
  // Assigning to "__proto__" would set the prototype.
  if (name === '__proto__')
    Object.defineProperty(fields, name, { value: value ?? null, enumerable: true, writable: true, configurable: true });
  else fields[name] = value ?? null;
}

/** What a macro goes over: the elements of a list, the keys of a map. */
export function itemsOf(value: unknown, site: Site): readonly unknown[] {
  if (Array.isArray(value)) return value;
  if (isFields(value)) return Object.keys(value);
  throw new Problem(() => `${operandOf(site, 0)} is ${describe(value)}; ${site.name}() goes over a list or a map`);
}
