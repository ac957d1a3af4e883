// Rows to JSON texts. What JSON cannot say is refused; nothing is changed on the way.
import type { Column, Row, Value } from '../../../engine/contracts/data.ts';
import { failure } from '../../../engine/errors.ts';

/** The text of one row; `position` counts from 1 and is for errors. */
export type WriteRow = (row: Row, position: number) => string;

/**
 * Makes a writer of rows. A bigint is written as its digits, a double above 2^53 with a point, binary as base64 text, -0 with its sign; text of a decimal
 * column as a number with just these digits. NaN and the infinities are refused with VALUE_LOSSY.
 */
export function rowWriter(columns: readonly Column[] | undefined, path: string): WriteRow {
  const decimals = new Set((columns ?? []).filter(({ type }) => type === 'decimal').map(({ name }) => name));
  const starts = new Map<string, string>();
  if (decimals.size === 0) {
    return (row, position) => (isPlain(row) ? JSON.stringify(row) : memberByMember(row, position));
  }
  return memberByMember;

  function memberByMember(row: Row, position: number): string {
    let text = '{';
    for (const name in row) {
      const value = row[name]!;
      if (text.length > 1) text += ',';
      text += starts.get(name) ?? startOf(name);
      if (typeof value === 'string') text += decimals.has(name) && numberOfJson.test(value) ? value : stringText(value);
      else text += valueText(value, () => `${path}, record ${position}, column "${name}"`);
    }
    return `${text}}`;
  }

  function startOf(name: string): string {
    const start = `${JSON.stringify(name)}:`;
    if (starts.size < 1000) starts.set(name, start);
    return start;
  }
}

const largest = Number.MAX_SAFE_INTEGER;

const numberOfJson = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/;

/** Whether JSON.stringify writes all of it as it is. */
function isPlain(object: { [key: string]: Value } | Value[]): boolean {
  for (const key in object) {
    const value = (object as Row)[key];
    switch (typeof value) {
      case 'string':
      case 'boolean':
        break;
      case 'number':
        // NaN, the infinities, doubles above 2^53 and -0.
        if (!(value <= largest && value >= -largest) || (value === 0 && 1 / value < 0)) return false;
        break;
      case 'object':
        if (value === null) break;
        if (value instanceof Uint8Array || !isPlain(value)) return false;
        break;
      default:
        return false;
    }
  }
  return true;
}

function valueText(value: Value, where: () => string): string {
  switch (typeof value) {
    case 'string':
      return stringText(value);
    case 'boolean':
    case 'bigint':
      return String(value);
    case 'number':
      if (Number.isFinite(value)) return numberText(value);
      throw failure('VALUE_LOSSY', { where: where(), value, target: 'JSON, which has no such number,' });
    case 'object':
      if (value === null) return 'null';
      if (value instanceof Uint8Array) return `"${base64(value)}"`;
      if (Array.isArray(value)) return `[${value.map((item) => valueText(item, where)).join(',')}]`;
      return `{${Object.keys(value)
        .map((key) => `${JSON.stringify(key)}:${valueText(value[key]!, where)}`)
        .join(',')}}`;
    default:
      throw failure('BUG', { reason: `${where()} is ${typeof value}, which is no value of a row` });
  }
}

function stringText(value: string): string {
  return /["\\\u0000-\u001f\ud800-\udfff]/.test(value) ? JSON.stringify(value) : `"${value}"`;
}

function numberText(value: number): string {
  if (Object.is(value, -0)) return '-0';
  const text = String(value);
  // Without a point it would read back as an integer, which is a bigint when it is so large.
  return Math.abs(value) > largest && !text.includes('e') ? `${text}.0` : text;
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64');
}

/** A JSON text without white space, laid out as JSON.stringify does with `indent` spaces, from the level `depth` on. */
export function indented(text: string, indent: number, depth: number): string {
  if (indent === 0) return text;
  let out = '';
  let level = depth;
  let opened = false;
  const newline = () => `\n${' '.repeat(level * indent)}`;
  for (const [token] of text.matchAll(/"(?:[^"\\]|\\.)*"|[[\]{},:]|[^"[\]{},:]+/g)) {
    const closes = token === '}' || token === ']';
    if (closes) level--;
    if (closes !== opened) out += newline();
    out += token;
    opened = token === '{' || token === '[';
    if (opened) level++;
    else if (token === ',') out += newline();
    else if (token === ':') out += ' ';
  }
  return out;
}
