// The values of one column as bytes and back, without loss: text in one piece, numbers as doubles, the rest as V8 writes it.
import { deserialize, serialize } from 'node:v8';
import type { Value } from '../../engine/contracts/data.ts';

/** A column that is ready to be written. */
export interface EncodedColumn {
  /** Bytes that `write` takes. */
  size: number;
  write(buffer: Buffer, at: number): void;
}

const latin1 = 0;
const utf16 = 1;
const doubles = 2;
const anything = 3;
/** In the place of a length. */
const isNull = 0xffff_ffff;

// kind, number of bytes that a length takes, number of bytes of the rest
const headBytes = 6;

export function encodeColumn(values: readonly Value[]): EncodedColumn {
  let longest = 0;
  let texts = true;
  let numbers = true;
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!;
    if (typeof value === 'string') {
      numbers = false;
      if (value.length > longest) longest = value.length;
    } else if (typeof value === 'number') texts = false;
    else {
      numbers = false;
      if (value !== null) texts = false;
    }
    if (!texts && !numbers) return asAnything(values);
  }
  return texts ? asText(values as (string | null)[], longest) : asDoubles(values as number[]);
}

function asText(values: readonly (string | null)[], longest: number): EncodedColumn {
  // `join` makes nothing of null.
  const text = values.join('');
  const wide = /[^\0-\xff]/.test(text);
  const lengthBytes = longest < 0xff ? 1 : 4;
  const bytes = wide ? text.length * 2 : text.length;
  return {
    size: headBytes + values.length * lengthBytes + bytes,
    write(buffer, start) {
      let at = writeHead(buffer, start, wide ? utf16 : latin1, lengthBytes, bytes);
      if (lengthBytes === 1) for (const value of values) buffer[at++] = value === null ? 0xff : value.length;
      else for (const value of values) at = buffer.writeUInt32LE(value === null ? isNull : value.length, at);
      buffer.write(text, at, bytes, wide ? 'utf16le' : 'latin1');
    },
  };
}

function asDoubles(values: readonly number[]): EncodedColumn {
  const bytes = values.length * 8;
  return {
    size: headBytes + bytes,
    write(buffer, start) {
      let at = writeHead(buffer, start, doubles, 0, bytes);
      for (const value of values) at = buffer.writeDoubleLE(value, at);
    },
  };
}

function asAnything(values: readonly Value[]): EncodedColumn {
  const written = serialize(values);
  return {
    size: headBytes + written.length,
    write: (buffer, start) => void written.copy(buffer, writeHead(buffer, start, anything, 0, written.length)),
  };
}

function writeHead(buffer: Buffer, at: number, kind: number, lengthBytes: number, bytes: number): number {
  buffer[at] = kind;
  buffer[at + 1] = lengthBytes;
  return buffer.writeUInt32LE(bytes, at + 2);
}

/** The column that begins at `start`, and where the next one does. */
export function decodeColumn(buffer: Buffer, start: number, count: number): { values: Value[]; end: number } {
  const kind = buffer[start];
  const lengthBytes = buffer[start + 1]!;
  const bytes = buffer.readUInt32LE(start + 2);
  const lengthsAt = start + headBytes;
  const at = lengthsAt + count * lengthBytes;
  const end = at + bytes;
  if (kind === anything) return { values: deserialize(buffer.subarray(at, end)) as Value[], end };
  const values = new Array<Value>(count);
  if (kind === doubles) {
    for (let i = 0; i < count; i++) values[i] = buffer.readDoubleLE(at + i * 8);
    return { values, end };
  }
  const text = buffer.toString(kind === utf16 ? 'utf16le' : 'latin1', at, end);
  let from = 0;
  for (let i = 0; i < count; i++) {
    let length = lengthBytes === 1 ? buffer[lengthsAt + i]! : buffer.readUInt32LE(lengthsAt + i * 4);
    if (lengthBytes === 1 && length === 0xff) length = isNull;
    if (length === isNull) values[i] = null;
    else {
      values[i] = text.substring(from, from + length);
      from += length;
    }
  }
  return { values, end };
}
