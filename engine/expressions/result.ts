// The values that leave an expression: those of a row, nothing of the language's own.
import type { Value } from '../contracts/data.ts';
import { Decimal } from './decimal.ts';
import { Duration, Timestamp } from './time.ts';

/** Integers as numbers where they are safe, decimals and times as text, nothing as null. Copies only what it changes. */
export function finish(value: unknown): Value {
  if (typeof value === 'bigint') return Number.isSafeInteger(Number(value)) ? Number(value) : value;
  if (typeof value !== 'object' || value === null) return (value ?? null) as Value;
  if (value instanceof Decimal || value instanceof Timestamp || value instanceof Duration) return value.toString();
  if (value instanceof Uint8Array) return value;
  return Array.isArray(value) ? finishList(value) : finishMap(value as Record<string, unknown>);
}

function finishList(list: unknown[]): Value {
  let changed: Value[] | undefined;
  for (let i = 0; i < list.length; i++) {
    const value = finish(list[i]);
    if (value !== list[i]) changed ??= list.slice() as Value[];
    if (changed !== undefined) changed[i] = value;
  }
  return changed ?? (list as Value[]);
}

function finishMap(fields: Record<string, unknown>): Value {
  let changed: Record<string, Value> | undefined;
  for (const name of Object.keys(fields)) {
    const value = finish(fields[name]);
    if (value === fields[name]) continue;
    changed ??= { ...fields } as Record<string, Value>;
    Object.defineProperty(changed, name, { value, enumerable: true, writable: true, configurable: true });
  }
  return changed ?? (fields as Record<string, Value>);
}
