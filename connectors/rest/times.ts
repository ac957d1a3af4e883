// Points in time as services write them: to our ISO text, to what a filter wants, and in order.
import type { Value } from '../../engine/contracts/data.ts';

/** ISO text with all digits that came; undefined for what is no time. */
export function timeFrom(value: Value, format: 'iso' | 'rfc2822' | 'epoch' | 'epoch_ms'): string | undefined {
  if (format === 'iso') return typeof value === 'string' && isoTime.test(value) ? value : undefined;
  if (format === 'rfc2822') {
    const at = typeof value === 'string' ? Date.parse(value) : Number.NaN;
    return Number.isNaN(at) ? undefined : isoSeconds(at / 1000);
  }
  const found = /^(-?\d+)(?:\.(\d+))?$/.exec(typeof value === 'string' ? value : plainNumber(value));
  if (found === null) return undefined;
  const [, whole = '', fraction = ''] = found;
  if (format === 'epoch') return isoSeconds(Number(whole), fraction);
  const ms = Number(whole);
  const seconds = Math.floor(ms / 1000);
  return isoSeconds(seconds, String(ms - seconds * 1000).padStart(3, '0') + fraction);
}

const isoTime = /^\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d(:?\d\d)?)?)?$/;

function plainNumber(value: Value): string {
  return typeof value === 'number' || typeof value === 'bigint' ? String(value) : '';
}

function isoSeconds(seconds: number, fraction = ''): string | undefined {
  const date = new Date(seconds * 1000);
  if (Number.isNaN(date.getTime())) return undefined;
  const digits = fraction.replace(/0+$/, '');
  return `${date.toISOString().slice(0, 19)}${digits === '' ? '' : `.${digits}`}Z`;
}

/** What a filter sends for a time; the time itself where it cannot be read as one. */
export function timeTo(value: Value, format: 'iso' | 'date' | 'epoch' | 'epoch_ms'): Value {
  if (typeof value !== 'string' || format === 'iso') return value;
  if (format === 'date') return value.slice(0, 10);
  const ms = Date.parse(value);
  if (Number.isNaN(ms)) return value;
  return format === 'epoch' ? Math.floor(ms / 1000) : ms;
}

/** Less than, equal or greater than 0, as `a` comes before, with or after `b`. Numbers by size, times by instant, else as text. */
export function compareMarks(a: Value, b: Value): number {
  if (isNumber(a) && isNumber(b)) return a < b ? -1 : a > b ? 1 : 0;
  const [one, other] = [String(a), String(b)];
  const [first, second] = [instantOf(one), instantOf(other)];
  if (first !== undefined && second !== undefined) {
    return first.ms - second.ms || (first.rest < second.rest ? -1 : first.rest > second.rest ? 1 : 0);
  }
  return one < other ? -1 : one > other ? 1 : 0;
}

function isNumber(value: Value): value is number | bigint {
  return typeof value === 'number' || typeof value === 'bigint';
}

/** Milliseconds, and the digits of the fraction beyond them. */
function instantOf(text: string): { ms: number; rest: string } | undefined {
  if (!isoTime.test(text)) return undefined;
  const zoned = /([T ].*)(Z|[+-]\d\d(:?\d\d)?)$/.test(text) || text.length === 10;
  const ms = Date.parse((zoned ? text : `${text}Z`).replace(' ', 'T'));
  if (Number.isNaN(ms)) return undefined;
  return { ms, rest: (/\.\d{3}(\d*)/.exec(text)?.[1] ?? '').replace(/0+$/, '') };
}
