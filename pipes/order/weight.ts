// How much memory a row takes, about: enough to keep what is held within what was allowed.
import type { Row, Value } from '../../engine/contracts/data.ts';

const perObject = 32;
const perField = 8;
const perText = 24;

/** In bytes. Text counts a byte for a character; most text has no others. */
export function weightOf(row: Row): number {
  let weight = perObject;
  for (const name in row) {
    const value = row[name]!;
    weight += perField;
    if (typeof value === 'string') weight += perText + value.length;
    else if (typeof value === 'number') weight += perField;
    else if (typeof value === 'bigint' || (typeof value === 'object' && value !== null)) weight += weightOfValue(value);
  }
  return weight;
}

export function weightOfText(text: string): number {
  return perText + text.length;
}

function weightOfValue(value: Value): number {
  if (typeof value === 'string') return perText + value.length;
  if (typeof value === 'bigint') return perText + 16;
  if (typeof value !== 'object' || value === null) return perField;
  if (value instanceof Uint8Array) return 3 * perObject + value.byteLength;
  if (!Array.isArray(value)) return weightOf(value);
  let weight = perObject;
  for (const item of value) weight += perField + weightOfValue(item);
  return weight;
}
