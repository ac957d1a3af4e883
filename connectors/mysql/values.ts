// The server's form of a value, decoded: dates to ISO, bits, geometry, JSON without loss; and back where it is not text.
import type { Column, Value } from '../../engine/contracts/data.ts';
import { failure } from '../../engine/errors.ts';
import { parseJson } from '../shared/json-value.ts';
import { isSpatial } from './types.ts';

export interface Decoder {
  /** Of the value's text; `ascii`: which has nothing else in it. */
  text?(text: string): Value;
  ascii?: boolean;
  /** Of its bytes, which belong to the block. */
  bytes?(bytes: Buffer, start: number, end: number): Value;
}

/** What turns a column's value into ours; undefined where the text, or the integer, is the value. */
export function decoderOf({ type, native = '', name }: Column): Decoder | undefined {
  switch (type) {
    case 'boolean':
      return { ascii: true, text: (text) => truth(text, name) };
    case 'double':
      return native.startsWith('float') ? { ascii: true, text: single } : { ascii: true, text: Number };
    case 'timestamp':
      return { ascii: true, text: (text) => `${text.slice(0, 10)}T${text.slice(11)}` };
    case 'timestamptz':
      return { ascii: true, text: (text) => `${text.slice(0, 10)}T${text.slice(11)}Z` };
    case 'json':
      return { text: (text) => parseJson(text, name) };
    case 'binary':
      if (isSpatial(native)) return { bytes: wkbOf };
      return { bytes: (bytes, start, end) => Buffer.from(bytes.subarray(start, end)) };
    case 'text':
      return native.startsWith('bit(') ? bits(Number(native.slice(4, -1))) : undefined;
    default:
      return undefined;
  }
}

function truth(text: string, column: string): boolean {
  if (text === '0' || text === '1') return text === '1';
  throw failure('VALUE_LOSSY', {
    where: `column "${column}"`,
    value: `the number ${text} of a tinyint(1)`,
    target: 'true or false; make the column a tinyint, or read it by a query as `col + 0`,',
  });
}

/** The text is of the double that has the same value; what is wanted is the shortest that means the same. */
function single(text: string): number {
  const value = Number(text);
  for (let digits = 6; digits < 9; digits++) {
    const shorter = Number(value.toPrecision(digits));
    if (Math.fround(shorter) === value) return shorter;
  }
  return value;
}

function bits(length: number): Decoder {
  return {
    bytes(bytes, start, end) {
      let value = 0n;
      for (let i = start; i < end; i++) value = (value << 8n) | BigInt(bytes[i]!);
      return value.toString(2).padStart(length, '0');
    },
  };
}

const withSrid = 0x2000_0000;

/** The server has an SRID and then the WKB. An SRID goes between, as EWKB has it. */
function wkbOf(bytes: Buffer, start: number, end: number): Buffer {
  const srid = bytes.readUInt32LE(start);
  if (srid === 0) return Buffer.from(bytes.subarray(start + 4, end));
  const out = Buffer.alloc(end - start);
  out[0] = bytes[start + 4]!;
  out.writeUInt32LE((bytes.readUInt32LE(start + 5) | withSrid) >>> 0, 1);
  out.writeUInt32LE(srid, 5);
  bytes.copy(out, 9, start + 9, end);
  return out;
}

/** WKB or EWKB, little-endian, in the server's form. */
export function geometryBytes(wkb: Uint8Array): Buffer | undefined {
  const bytes = Buffer.from(wkb.buffer, wkb.byteOffset, wkb.length);
  if (bytes.length < 9 || bytes[0] !== 1) return undefined;
  const kind = bytes.readUInt32LE(1);
  if ((kind & withSrid) === 0) return Buffer.concat([Buffer.alloc(4), bytes]);
  const out = Buffer.alloc(bytes.length);
  out.writeUInt32LE(bytes.readUInt32LE(5), 0);
  out[4] = 1;
  out.writeUInt32LE((kind & ~withSrid) >>> 0, 5);
  bytes.copy(out, 9, 9);
  return out;
}

/** An instant of ours as the server reads it in a session whose zone is UTC. Undefined where it is none. */
export function utcText(text: string): string | undefined {
  const found = /^(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d(?::\d\d)?)(\.\d+)?(?:Z|([+-])(\d\d):?(\d\d)?)?$/.exec(text);
  if (found === null) return undefined;
  const [, date, time, fraction = '', sign, hours, minutes = '0'] = found;
  if (sign === undefined) return `${date} ${time}${fraction}`;
  const shift = (Number(hours) * 60 + Number(minutes)) * (sign === '-' ? -60_000 : 60_000);
  const at = new Date(Date.parse(`${date}T${time}Z`) - shift);
  if (Number.isNaN(at.getTime()) || at.getUTCFullYear() > 9999) return undefined;
  return at.toISOString().slice(0, 19).replace('T', ' ') + fraction;
}

/** Of an instant or a day with its time, the time. */
export function clock(text: string): string {
  return /^\d{4}-\d\d-\d\d[T ]/.test(text) ? text.slice(11) : text;
}

/** Whether the fraction of a second has no more digits than so many, but for zeros. */
export function hasDigits(text: string, digits: number): boolean {
  const point = text.indexOf('.');
  return point < 0 || text.length - point - 1 <= digits || /^0*$/.test(text.slice(point + 1 + digits));
}
