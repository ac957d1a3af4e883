// Rows in blocks of bytes for temporary files: column by column, and back to the same rows.
import { deserialize, serialize } from 'node:v8';
import type { Row, Value } from '../../engine/contracts/data.ts';
import { decodeColumn, encodeColumn } from './columns-codec.ts';

export interface Block {
  rows: Row[];
  positions: number[];
}

export interface BlockCodec {
  encode(rows: readonly Row[], positions: readonly number[]): Buffer;
  /** The buffer is the block's from here on. */
  decode(buffer: Buffer): Block;
}

/** Rows with these keys in this order, taken apart and put together by functions written for them. */
interface Shape {
  /** Fills a list for each key, or gives false at a row of another shape. */
  apart(rows: readonly Row[], columns: Value[][]): boolean;
  together(columns: readonly Value[][], count: number): Row[];
  names: readonly string[];
}

/** More would be rows of a different make each time; those are written one by one. */
const mostShapes = 64;
const noShape = 0xffff_ffff;
const headBytes = 8;

/** Blocks name the shape of their rows by its number: what one codec wrote only it can read. */
export function createBlockCodec(): BlockCodec {
  const shapes: Shape[] = [];
  const numbers = new Map<string, number>();

  const numberOf = (row: Row): number => {
    const names = Object.keys(row);
    const text = JSON.stringify(names);
    const known = numbers.get(text);
    if (known !== undefined) return known;
    // Written in code, `__proto__` would be no key.
    if (shapes.length === mostShapes || names.includes('__proto__')) return noShape;
    numbers.set(text, shapes.length);
    return shapes.push(compileShape(names)) - 1;
  };

  return {
    encode(rows, positions) {
      let shape = numberOf(rows[0]!);
      const columns: Value[][] = shape === noShape ? [] : shapes[shape]!.names.map(() => new Array(rows.length));
      if (shape !== noShape && !shapes[shape]!.apart(rows, columns)) shape = noShape;
      const parts = shape === noShape ? [] : columns.map(encodeColumn);
      const whole = shape === noShape ? serialize(rows) : undefined;
      const places = encodeColumn(positions as number[]);
      const size = parts.reduce((sum, part) => sum + part.size, headBytes + places.size + (whole?.length ?? 0));
      const buffer = Buffer.allocUnsafeSlow(size);
      buffer.writeUInt32LE(rows.length, 0);
      buffer.writeUInt32LE(shape, 4);
      places.write(buffer, headBytes);
      let at = headBytes + places.size;
      for (const part of parts) {
        part.write(buffer, at);
        at += part.size;
      }
      whole?.copy(buffer, at);
      return buffer;
    },

    decode(buffer) {
      const count = buffer.readUInt32LE(0);
      const shape = buffer.readUInt32LE(4);
      const { values: positions, end } = decodeColumn(buffer, headBytes, count);
      if (shape === noShape) {
        return { rows: deserialize(buffer.subarray(end)) as Row[], positions: positions as number[] };
      }
      let at = end;
      const { names, together } = shapes[shape]!;
      const columns = names.map(() => {
        const column = decodeColumn(buffer, at, count);
        at = column.end;
        return column.values;
      });
      return { rows: together(columns, count), positions: positions as number[] };
    },
  };
}

function compileShape(names: readonly string[]): Shape {
  // A JSON string is a JavaScript string literal, so that no name can be anything but a key.
  const keys = names.map((name) => JSON.stringify(name));
  const lists = names.map((_, i) => `c${i}`).join(', ');
  const apart = new Function(
    'names',
    `return function apart(rows, [${lists}]) {
      for (let i = 0; i < rows.length; i++) {
        const row = rows[i];
        let n = 0;
        for (const name in row) if (names[n++] !== name) return false;
        if (n !== ${names.length}) return false;
        ${keys.map((key, i) => `c${i}[i] = row[${key}];`).join('\n')}
      }
      return true;
    }`,
  )(names) as Shape['apart'];
  const together = new Function(
    `return function together([${lists}], count) {
      const rows = new Array(count);
      for (let i = 0; i < count; i++) rows[i] = { ${keys.map((key, i) => `${key}: c${i}[i]`).join(', ')} };
      return rows;
    }`,
  )() as Shape['together'];
  return { apart, together, names };
}
