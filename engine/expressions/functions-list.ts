// The functions on lists and maps, and on values of any kind.
import { isFields } from './access.ts';
import { Decimal } from './decimal.ts';
import { called, type FunctionEntry, listAt, method, wholeAt } from './function-entry.ts';
import { sizeOfText } from './functions-text.ts';
import { operandOf, unfit } from './messages.ts';
import { order, same } from './operators.ts';
import { Problem, type Site } from './problem.ts';
import { Duration, Timestamp } from './time.ts';

/** Characters of a text, bytes, elements of a list, entries of a map. */
function size(site: Site, value: unknown): bigint {
  if (typeof value === 'string') return BigInt(sizeOfText(value));
  if (Array.isArray(value) || value instanceof Uint8Array) return BigInt(value.length);
  if (isFields(value)) return BigInt(Object.keys(value).length);
  throw unfit(site, 0, value, 'text, bytes, a list or a map');
}

/** The names that `type(x)` gives. They stand for themselves in expressions: `type(record.a) == string`. */
export const typeNames = [
  'null_type',
  'bool',
  'int',
  'double',
  'decimal',
  'string',
  'bytes',
  'list',
  'map',
  'timestamp',
  'duration',
] as const;

function typeOf(value: unknown): (typeof typeNames)[number] {
  if (value === null || value === undefined) return 'null_type';
  if (typeof value === 'boolean') return 'bool';
  if (typeof value === 'bigint') return 'int';
  if (typeof value === 'number') return 'double';
  if (typeof value === 'string') return 'string';
  if (value instanceof Decimal) return 'decimal';
  if (value instanceof Timestamp) return 'timestamp';
  if (value instanceof Duration) return 'duration';
  if (value instanceof Uint8Array) return 'bytes';
  return Array.isArray(value) ? 'list' : 'map';
}

function sort(site: Site, list: unknown): unknown[] {
  const elements = { name: 'sort', operands: ['an element', 'another'] };
  return [...listAt(site, 0, list)].sort((a, b) => order(a, b, elements));
}

// Plain values by a set, the others by looking at those kept so far.
function distinct(site: Site, list: unknown): unknown[] {
  const [seen, kept, others]: [Set<unknown>, unknown[], unknown[]] = [new Set(), [], []];
  for (const each of listAt(site, 0, list)) {
    const key = typeof each === 'bigint' ? Number(each) : each;
    if (typeof key === 'object' && key !== null ? others.some((other) => same(each, other)) : seen.has(key)) continue;
    if (typeof key === 'object' && key !== null) others.push(each);
    else seen.add(key);
    kept.push(each);
  }
  return kept;
}

function reverse(site: Site, value: unknown): unknown {
  if (typeof value === 'string') return [...value].reverse().join('');
  if (Array.isArray(value)) return [...value].reverse();
  throw unfit(site, 0, value, 'text or a list');
}

function slice(site: Site, list: unknown, start: unknown, end: unknown): unknown[] {
  const elements = listAt(site, 0, list);
  const [from, to] = [wholeAt(site, 1, start), wholeAt(site, 2, end)];
  if (from < 0 || to < from || to > elements.length)
    throw new Problem(() => `${operandOf(site, 0)} has ${elements.length} elements, and no part from ${from} to ${to}`);
  return elements.slice(from, to);
}

function flatten(site: Site, list: unknown, depth: unknown = 1): unknown[] {
  const levels = wholeAt(site, 1, depth);
  if (levels < 0 || levels > 100) throw new Problem('flatten takes 0 to 100 levels');
  return listAt(site, 0, list).flat(levels);
}

export const listFunctions: FunctionEntry[] = [
  method('size', 1, 1, size, 'integer'),
  called('type', 1, 1, (_: Site, value: unknown) => typeOf(value), 'text'),
  called('dyn', 1, 1, (_: Site, value: unknown) => value),
  method('sort', 1, 1, sort),
  method('distinct', 1, 1, distinct),
  method('reverse', 1, 1, reverse),
  method('slice', 3, 3, slice),
  method('flatten', 1, 2, flatten),
  method('first', 1, 1, (site: Site, list: unknown) => listAt(site, 0, list)[0], 'optional'),
  method('last', 1, 1, (site: Site, list: unknown) => listAt(site, 0, list).at(-1), 'optional'),
];
