// The server's text of a value, decoded: dates to ISO, arrays, bytes, JSON without loss, escapes of COPY.
import type { Column, Value } from '../../engine/contracts/data.ts';
import { failure } from '../../engine/errors.ts';
import { parseJson } from '../shared/json-value.ts';
import { columnOf } from './types.ts';

export type Decoder = (text: string) => Value;

/** What turns the text of a column's value into ours; undefined where the text is the value. */
export function decoderOf(column: Column): Decoder | undefined {
  const { type, native = '', name } = column;
  switch (type) {
    case 'boolean':
      return (text) => text === 't';
    case 'integer':
      return column.length === 8 ? bigInteger : Number;
    case 'double':
      return Number;
    case 'binary':
      return (text) => Buffer.from(text.slice(2), 'hex');
    case 'date':
      return isoDate;
    case 'timestamp':
      return isoTimestamp;
    case 'timestamptz':
      return isoInstant;
    case 'json':
      return (text) => {
        const value = parseJson(text, name);
        // In a column that is never NULL there is nothing to confuse it with.
        if (value === null && column.nullable !== false) throw jsonNull(name);
        return value;
      };
    case 'array':
      return arrayDecoder(columnOf(name, native.slice(0, -2)));
    default:
      return undefined;
  }
}

function jsonNull(column: string) {
  const hint = `; read it with a query: as text (\`${column}::text\`), or as NULL (\`nullif(${column}::text, 'null')\`)`;
  const data = { where: `column "${column}"`, value: 'the JSON value null', target: 'a row, where it would be NULL,' };
  return failure('VALUE_LOSSY', { ...data, hint });
}

function bigInteger(text: string): number | bigint {
  if (text.length < 16) return Number(text);
  const big = BigInt(text);
  return big >= Number.MIN_SAFE_INTEGER && big <= Number.MAX_SAFE_INTEGER ? Number(big) : big;
}

/** `0044-03-15 BC` is the year -43; years beyond 9999 have a sign and six digits (ISO 8601, extended). */
function isoDate(text: string): string {
  if (text.length === 10) return text;
  if (text.endsWith('infinity')) return text;
  const [, year, rest, bc] = /^(\d+)(-[^ ]*)( BC)?$/.exec(text)!;
  return expandedYear(Number(year), bc !== undefined) + rest;
}

function isoTimestamp(text: string): string {
  if (text.charCodeAt(10) === 32 && !text.endsWith('C')) return `${text.slice(0, 10)}T${text.slice(11)}`;
  if (text.endsWith('infinity')) return text;
  const [, year, rest, time, bc] = /^(\d+)(-[^ ]*) ([^ ]*)( BC)?$/.exec(text)!;
  const plain = year!.length === 4 && bc === undefined;
  return `${plain ? year : expandedYear(Number(year), bc !== undefined)}${rest}T${time}`;
}

/** The session's zone is UTC, so every instant ends in `+00`. */
function isoInstant(text: string): string {
  if (text.endsWith('infinity')) return text;
  return isoTimestamp(text.replace('+00', 'Z'));
}

function expandedYear(year: number, bc: boolean): string {
  if (bc) return year === 1 ? '0000' : `-${String(year - 1).padStart(6, '0')}`;
  return `+${String(year).padStart(6, '0')}`;
}

/** The other way, for a date or a timestamp of ours whose year has a sign or is 0. */
export function serverDate(text: string): string {
  // A sign or a zero.
  if (text.charCodeAt(0) > 48) return text;
  const found = /^([+-]\d{6,}|0000)(-.*)$/.exec(text);
  if (found === null) return text;
  const year = Number(found[1]);
  if (year > 0) return `${year}${found[2]}`;
  return `${String(1 - year).padStart(4, '0')}${found[2]} BC`;
}

/** `{1,NULL,"a \"b\""}`, at any depth. Bounds other than 1 cannot be told in a list and are refused. */
function arrayDecoder(element: Column): Decoder {
  const decode = decoderOf(element) ?? ((text) => text);
  // The only built-in type whose elements are not separated by commas.
  const separator = element.native === 'box' ? ';' : ',';
  return (text) => {
    if (text.startsWith('[')) {
      const target = 'a list, which begins at 1';
      throw failure('VALUE_LOSSY', {
        where: `column "${element.name}"`,
        value: `an array with bounds ${text.split('=')[0]}`,
        target,
      });
    }
    let at = 0;
    const list = (): Value[] => {
      const items: Value[] = [];
      at++;
      if (text[at] === '}') {
        at++;
        return items;
      }
      for (;;) {
        items.push(item());
        if (text[at++] === '}') return items;
      }
    };
    const item = (): Value => {
      if (text[at] === '{') return list();
      if (text[at] === '"') {
        let out = '';
        for (at++; text[at] !== '"'; at++) {
          if (text[at] === '\\') at++;
          out += text[at];
        }
        at++;
        return decode(out);
      }
      const start = at;
      while (text[at] !== separator && text[at] !== '}') at++;
      const plain = text.slice(start, at);
      return plain === 'NULL' ? null : decode(plain);
    };
    return list();
  };
}
