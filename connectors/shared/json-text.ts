// Values as JSON text for the body of a request.
import type { Value } from '../../engine/contracts/data.ts';
import { failure } from '../../engine/errors.ts';

/** As JSON.stringify, but an int64 keeps its digits, bytes are base64 text, and a number that JSON has not is refused. */
export function jsonText(value: Value): string {
  if (typeof value === 'bigint') return String(value);
  if (typeof value === 'number' && !Number.isFinite(value)) {
    throw failure('VALUE_LOSSY', { where: 'the body', value, target: 'JSON, which has no such number,' });
  }
  if (value === null || typeof value !== 'object') return JSON.stringify(value);
  if (value instanceof Uint8Array) return JSON.stringify(Buffer.from(value).toString('base64'));
  if (Array.isArray(value)) return `[${value.map(jsonText).join(',')}]`;
  const fields = Object.entries(value).filter(([, field]) => field !== undefined);
  return `{${fields.map(([name, field]) => `${JSON.stringify(name)}:${jsonText(field)}`).join(',')}}`;
}
