// JSON inside a cell: every kind of value to text, and text to values that lose nothing.
import type { Value } from '../../../engine/contracts/data.ts';
import { failure } from '../../../engine/errors.ts';
import { parseExact } from '../json/exact.ts';
import { doubtfulNumbers } from '../json/numbers.ts';
import { numberText } from './numbers.ts';

/**
 * One line of JSON. An int64 keeps its digits, binary is base64 text. NaN and the infinities fail with VALUE_LOSSY,
 * whose `where` the caller puts in.
 */
export function jsonText(value: Value): string {
  if (typeof value === 'bigint') return String(value);
  if (typeof value === 'number') {
    if (Number.isFinite(value)) return numberText(value);
    throw failure('VALUE_LOSSY', { where: 'value', value, target: 'JSON, which has no such number,' });
  }
  if (value === null || typeof value !== 'object') return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map(jsonText).join(',')}]`;
  if (value instanceof Uint8Array) return JSON.stringify(Buffer.from(value).toString('base64'));
  return `{${Object.entries(value)
    .map(([key, member]) => `${JSON.stringify(key)}:${jsonText(member)}`)
    .join(',')}}`;
}

/** The value of a JSON text, all its digits kept; without one, the reason. */
export function parsedJson(text: string): { value: Value } | { reason: string } {
  if (doubtfulNumbers(text)(0) === text.length) {
    try {
      return { value: JSON.parse(text) };
    } catch {}
  }
  const parsed = parseExact(text);
  return 'value' in parsed ? parsed : { reason: parsed.mistake.reason };
}
