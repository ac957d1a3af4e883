// How batches cross the border of the sandbox: one JSON text each way, with what JSON cannot say beside it.
import type { Row, Value } from '../../engine/contracts/data.ts';

/**
 * `[[names, lists of values], …]`, neighbours with the same names together; then what JSON has no form for, each as
 * `[row, column, …path below it, kind, text]`. Where it belongs, the values hold null.
 */
export type Border = [[string[], Value[][]][], Special[]];

/** `i` a bigint, `b` bytes as Latin-1, `n` a number: NaN, an infinity, the negative zero. */
type Special = (string | number)[];

export function encodeRows(rows: readonly Row[]): string {
  const groups: Border[0] = [];
  const specials: Special[] = [];
  let names: string[] = [];
  let lists: Value[][] | undefined;
  for (let at = 0; at < rows.length; at++) {
    const row = rows[at]!;
    const keys = Object.keys(row);
    if (lists === undefined || !sameNames(keys, names)) {
      names = keys;
      lists = [];
      groups.push([names, lists]);
    }
    const values = new Array<Value>(names.length);
    for (let i = 0; i < names.length; i++) {
      const value = row[names[i]!]!;
      values[i] =
        typeof value === 'string' || typeof value === 'boolean' || value === null || isPlainNumber(value)
          ? value
          : plain(value, [at, i], specials);
    }
    lists.push(values);
  }
  return JSON.stringify([groups, specials]);
}

function isPlainNumber(value: Value): boolean {
  return typeof value === 'number' && value - value === 0 && (value !== 0 || 1 / value > 0);
}

function sameNames(a: readonly string[], b: readonly string[]): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

/** The value as JSON has it; what it has no form for goes to `specials`. */
function plain(value: Value, path: Special, specials: Special[]): Value {
  if (typeof value === 'bigint') return put([...path, 'i', String(value)], specials);
  if (typeof value === 'number') return isPlainNumber(value) ? value : put([...path, 'n', numberText(value)], specials);
  if (typeof value !== 'object' || value === null) return value;
  if (value instanceof Uint8Array) {
    const bytes = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
    return put([...path, 'b', bytes.toString('latin1')], specials);
  }
  if (Array.isArray(value)) return value.map((each, i) => plain(each, [...path, i], specials));
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, plain(each, [...path, key], specials)]));
}

function numberText(value: number): string {
  return Object.is(value, -0) ? '-0' : String(value);
}

function put(special: Special, specials: Special[]): null {
  specials.push(special);
  return null;
}

/** The rows in a text of the sandbox; undefined for one that is not of our making. */
export function decodeRows(text: string): Row[] | undefined {
  const border: unknown = JSON.parse(text);
  if (!isBorder(border)) return undefined;
  const [groups, specials] = border;
  const rows: Row[] = [];
  const values: Value[][] = [];
  const names: string[][] = [];
  for (const [keys, lists] of groups) {
    for (const list of lists) {
      if (!Array.isArray(list) || list.length !== keys.length) return undefined;
      values.push(list);
      names.push(keys);
    }
  }
  for (const special of specials) if (!restore(special, values)) return undefined;
  let make: ((list: Value[]) => Row) | undefined;
  for (let at = 0; at < values.length; at++) {
    if (make === undefined || names[at] !== names[at - 1]) make = maker(names[at]!);
    rows.push(make(values[at]!));
  }
  return rows;
}

function isBorder(value: unknown): value is Border {
  if (!Array.isArray(value) || !Array.isArray(value[0]) || !Array.isArray(value[1])) return false;
  return value[0].every(
    (group) =>
      Array.isArray(group) &&
      Array.isArray(group[0]) &&
      Array.isArray(group[1]) &&
      group[0].every((name: unknown) => typeof name === 'string' && name !== '__proto__'),
  );
}

/** A function that makes objects of one shape: several times as fast as adding key after key. */
function maker(names: readonly string[]): (list: Value[]) => Row {
  const fields = names.map((name, i) => `${JSON.stringify(name)}: list[${i}]`);
  return new Function('list', `return { ${fields.join(', ')} };`) as (list: Value[]) => Row;
}

/** Puts a special value in its place; false where there is none. */
function restore(special: unknown, values: Value[][]): boolean {
  if (!Array.isArray(special) || special.length < 4) return false;
  const kind: unknown = special.at(-2);
  const text: unknown = special.at(-1);
  if (typeof text !== 'string') return false;
  const path = special.slice(0, -3) as (string | number)[];
  const last = special.at(-3) as string | number;
  let at: unknown = values;
  for (const key of path) {
    if (typeof at !== 'object' || at === null || !Object.hasOwn(at, key)) return false;
    at = (at as Record<string | number, unknown>)[key];
  }
  if (typeof at !== 'object' || at === null || !Object.hasOwn(at, last)) return false;
  if (kind === 'i' && !/^-?\d+$/.test(text)) return false;
  (at as Record<string | number, Value>)[last] =
    kind === 'i' ? BigInt(text) : kind === 'b' ? new Uint8Array(Buffer.from(text, 'latin1')) : Number(text);
  return true;
}
