// Values that outlive the batch that they came with.
import type { Value } from '../../engine/contracts/data.ts';

// V8 copies shorter pieces of a text, and longer ones keep the whole text that they were cut from alive.
const shortest = 13;

/** The same value, without the rest of the file's text that it may be a piece of. */
export function kept<T extends Value>(value: T): T {
  if (typeof value === 'string') return (value.length < shortest ? value : ` ${value}`.slice(1)) as T;
  if (typeof value !== 'object' || value === null) return value;
  if (value instanceof Uint8Array) return new Uint8Array(value) as Value as T;
  if (Array.isArray(value)) return value.map(kept) as Value as T;
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, kept(member)])) as Value as T;
}
