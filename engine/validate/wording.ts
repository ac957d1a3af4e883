// Values, types and places in the words of a diagnostic.
import { either } from '../suggest.ts';

const typeNames: Record<string, string> = {
  string: 'text',
  integer: 'a whole number',
  number: 'a number',
  boolean: 'true or false',
  array: 'a list',
  object: 'a map',
  null: 'empty',
};

/** `a whole number`, `text or a list`. */
export function typeName(type: unknown): string {
  const types = [type].flat().map(String);
  return either(types.map((each) => typeNames[each] ?? each));
}

/** `text "ten"`, `the number 5`, `a list`, `empty`. */
export function describeValue(value: unknown): string {
  switch (typeof value) {
    case 'string':
      return `text ${shortText(value)}`;
    case 'number':
      return `the number ${value}`;
    case 'boolean':
      return String(value);
    default:
      if (value === null || value === undefined) return 'empty';
      return Array.isArray(value) ? 'a list' : 'a map';
  }
}

/** A value as it would be written, short. */
export function showValue(value: unknown): string {
  return typeof value === 'object' && value !== null
    ? describeValue(value)
    : value === null
      ? 'empty'
      : typeof value === 'string'
        ? shortText(value)
        : String(value);
}

export function shortText(text: string): string {
  const most = 60;
  return JSON.stringify(text.length > most ? `${text.slice(0, most - 3)}…` : text);
}

/** What to write instead, where a value of one type looks like one of another. */
export function typeAdvice(type: unknown, value: unknown): string {
  const types = [type].flat();
  if (typeof value === 'string') {
    const trimmed = value.trim();
    if (types.includes('boolean') && /^(true|yes|on)$/i.test(trimmed)) return '; write true';
    if (types.includes('boolean') && /^(false|no|off)$/i.test(trimmed)) return '; write false';
    const wanted = types.includes('number') ? /^-?\d+(\.\d+)?$/ : types.includes('integer') ? /^-?\d+$/ : undefined;
    if (wanted?.test(trimmed)) return `; write ${trimmed} without quotes`;
    if (types.includes('array')) return `; write [${shortText(value)}]`;
  }
  if (types.includes('string') && (typeof value === 'number' || typeof value === 'boolean'))
    return `; write "${value}"`;
  if (value === null) return '; give it a value or leave the key out';
  return '';
}

/** The parts of a pointer as a user would say them: `columns.total.scale`, `by[2].order` (counted from 1). */
export function sayPath(parts: readonly string[], root: unknown): string {
  let said = '';
  let at = root;
  for (const part of parts) {
    if (Array.isArray(at)) said += `[${Number(part) + 1}]`;
    else said += (said === '' ? '' : '.') + (/^[\w$-]{1,60}$/.test(part) ? part : shortText(part));
    at = typeof at === 'object' && at !== null ? (at as Record<string, unknown>)[part] : undefined;
  }
  return said;
}

/** Parts of a document that have a name or a number of their own: `param "since"`, `trigger 2`; `length` keys lead there. */
export function nameInDocument([key, name]: readonly string[]): { length: number; label: string } | undefined {
  if (key === undefined || name === undefined) return undefined;
  const one = { params: 'param', connections: 'connection', triggers: 'trigger', tasks: 'task', tests: 'test' }[key];
  if (one === undefined) return undefined;
  const numbered = /^\d+$/.test(name) && key !== 'params' && key !== 'connections';
  return { length: 2, label: `${one} ${numbered ? Number(name) + 1 : shortText(name)}` };
}
