// A user's SQL: that it is one statement, and how many values its placeholders take.
import type { Value } from '../../engine/contracts/data.ts';
import { failure } from '../../engine/errors.ts';
import { jsonText } from '../shared/json-text.ts';
import type { Bound } from './driver.ts';

/** Strings, names in any of their three quotes, comments, placeholders, what ends a statement; words, so that none begins inside one. */
const piece =
  /'(?:[^']|'')*'|"(?:[^"]|"")*"|`(?:[^`]|``)*`|\[[^\]]*\]|--[^\n]*|\/\*[\s\S]*?(?:\*\/|$)|[A-Za-z_\u0080-\uffff][\w$\u0080-\uffff]*|[$?](\d+)|\?|([:@$#][A-Za-z_\u0080-\uffff][\w$\u0080-\uffff]*)|;/g;

/** The SQL with `$1` written as `?1`, without a `;` at its end. Refuses a second statement and values that are not used. */
export function prepared(sql: string, parameters: readonly Value[], where: string): string {
  const refused = (reason: string) => failure('SQL_REFUSED', { where, reason });
  if (sql.includes('\0')) throw refused('it has a NUL in it');
  let used = 0;
  let end: number | undefined;
  let out = '';
  let from = 0;
  for (const { 0: text, 1: position, 2: named, index } of sql.matchAll(piece)) {
    const isComment = text.startsWith('--') || text.startsWith('/*');
    if (end !== undefined && !isComment && text !== ';') throw refused('it has more than one statement');
    if (text === ';') end ??= index;
    if (named !== undefined) throw refused(`its placeholder ${named} has a name; write ? or $1, $2, …`);
    if (text === '?') used++;
    if (position === undefined) continue;
    used = Math.max(used, Number(position));
    out += `${sql.slice(from, index)}?${position}`;
    from = index + text.length;
  }
  if (used !== parameters.length) {
    throw refused(`it has placeholders (?, or $1, …) for ${used} values, and \`parameters\` has ${parameters.length}`);
  }
  // What stands in for a placeholder is as long as it was.
  out += sql.slice(from);
  if (end === undefined) return out;
  if (sql.slice(end).replace(piece, '').trim() !== '') throw refused('it has more than one statement');
  return out.slice(0, end);
}

/** A parameter as the driver takes it. */
export function parameter(value: Value, where: string): Bound {
  const lossy = () =>
    failure('VALUE_LOSSY', { where: `${where}, \`parameters\``, value: shownValue(value), target: 'SQLite' });
  switch (typeof value) {
    case 'boolean':
      return value ? 1n : 0n;
    case 'number':
      if (Number.isNaN(value)) throw lossy();
      return Number.isSafeInteger(value) && !Object.is(value, -0) ? BigInt(value) : value;
    case 'bigint':
      if (BigInt.asIntN(64, value) !== value) throw lossy();
      return value;
    case 'string':
      if (!value.isWellFormed()) throw lossy();
      return value;
    default:
      return value === null || value instanceof Uint8Array ? value : jsonText(value);
  }
}

/** Short enough for an error. */
export function shownValue(value: unknown): string {
  if (value instanceof Uint8Array) return `binary of ${value.length} bytes`;
  const text = typeof value === 'bigint' || typeof value === 'number' ? String(value) : (JSON.stringify(value) ?? '');
  return text.length > 60 ? `${text.slice(0, 60)}…` : text;
}
