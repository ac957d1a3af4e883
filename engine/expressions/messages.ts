// What expressions say when values do not fit: which value, what it is, what to write instead.
import { Decimal } from './decimal.ts';
import { Problem, quoted, type Site } from './problem.ts';
import { Duration, Timestamp } from './time.ts';

/** `text ("12")`, `a number (5)`, `null`. */
export function describe(value: unknown): string {
  if (value === undefined) return 'missing';
  if (value === null) return 'null';
  if (typeof value === 'string') return `text (${quoted(value)})`;
  if (typeof value === 'number' || typeof value === 'bigint') return `a number (${value})`;
  if (typeof value === 'boolean') return String(value);
  if (value instanceof Decimal) return `a decimal (${value})`;
  if (value instanceof Timestamp) return `a timestamp (${value})`;
  if (value instanceof Duration) return `a duration (${value})`;
  if (value instanceof Uint8Array) return 'bytes';
  return Array.isArray(value) ? 'a list' : 'a map';
}

export function isNumber(value: unknown): value is number | bigint | Decimal {
  return typeof value === 'number' || typeof value === 'bigint' || value instanceof Decimal;
}

/** Whether `double(text)` would work, blank text aside. */
function looksNumeric(text: string): boolean {
  return text !== '' && text === text.trim() && !Number.isNaN(Number(text));
}

/** The operand as text in a message; `it` where the source is not known or long. */
export function operandOf(site: Site, index: number): string {
  const text = site.operands[index] ?? 'it';
  return text.length > 60 ? `${text.slice(0, 59)}…` : text;
}

/** Without a value, what is known before it is read: `record.qty is text ("12"); write double(record.qty) or give the column a type`. */
export function adviseCast(operand: string, value: string | undefined, cast: string): string {
  if (/^[rR]?["']/.test(operand)) return `${operand} is text; write ${cast}(${operand})`;
  const column = /^record(\.|\[)/.test(operand) ? ' or give the column a type' : '';
  const shown = value === undefined ? '' : ` (${quoted(value)})`;
  return `${operand} is text${shown}; write ${cast}(${operand})${column}`;
}

/** Why an operator cannot take its two operands. */
export function mismatch(left: unknown, right: unknown, site: Site): Problem {
  return new Problem(() => mismatchReason(left, right, site));
}

function mismatchReason(left: unknown, right: unknown, site: Site): string {
  const values = [left, right];
  const absent = values.findIndex((value) => value === null || value === undefined);
  if (absent >= 0) return absentReason(values[absent], site, absent);
  const text = values.findIndex((value) => typeof value === 'string');
  if (text >= 0) {
    const other = values[1 - text];
    const [mine, theirs] = [operandOf(site, text), operandOf(site, 1 - text)];
    const content = values[text] as string;
    const literal = /^["']/.test(mine);
    if (isNumber(other) && looksNumeric(content) && !(literal && site.name === '+'))
      return adviseCast(mine, content, other instanceof Decimal ? 'decimal' : 'double');
    if (typeof other === 'boolean' && /^(true|false|t|f|1|0)$/i.test(content)) return adviseCast(mine, content, 'bool');
    if (site.name === '+')
      return `${theirs} is ${describe(other)} and ${mine} is text; write string(${theirs}) to join them`;
  }
  return `${operandOf(site, 0)} is ${describe(left)} and ${operandOf(site, 1)} is ${describe(right)}; "${site.name}" does not take the two together`;
}

/** `record.?a is null; write default(record.?a, …) or test for null first`. */
function absentReason(value: unknown, site: Site, index: number): string {
  const operand = operandOf(site, index);
  return `${operand} is ${value === null ? 'null' : 'missing'}; write default(${operand}, …) or test it with ${operand} != null`;
}

/** Why a function cannot take one of its operands. `wanted`: `text`, `a number`. */
export function unfit(site: Site, index: number, value: unknown, wanted: string): Problem {
  return new Problem(() => {
    if (value === null || value === undefined) return absentReason(value, site, index);
    if (wanted === 'a number' && typeof value === 'string' && looksNumeric(value))
      return adviseCast(operandOf(site, index), value, 'double');
    const advice = wanted === 'text' && isNumber(value) ? `; write string(${operandOf(site, index)})` : '';
    return `${site.name} takes ${wanted}, and ${operandOf(site, index)} is ${describe(value)}${advice}`;
  });
}
