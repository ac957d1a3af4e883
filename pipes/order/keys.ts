// What a value is compared by: keys that stand in the order of their values, made once for each row.
import type { Column, ColumnType, Value } from '../../engine/contracts/data.ts';
import { compareDecimals, decimalKey, type LongDecimal } from './decimals.ts';
import { timeKey, timestampKey } from './times.ts';

/** Two keys of one column are compared as the column's kind says; null is for the caller. */
export type Key = null | number | bigint | string | LongDecimal;

/** The types that have an order. Values of two of them have none. */
export type OrderedType = Exclude<ColumnType, 'interval' | 'json' | 'array'>;

/** The key of a value that is not null, or undefined where the value is not of the type. */
export type KeyOf = (value: Exclude<Value, null>) => Key | undefined;

/**
 * Numbers compare as numbers, decimals by all their digits, text by code point, times by when they are, binary byte by
 * byte, false before true. NaN comes after all numbers.
 */
export const keyOf: Record<OrderedType, KeyOf> = {
  boolean: (value) => (typeof value === 'boolean' ? Number(value) : undefined),
  integer: (value) => (typeof value === 'number' || typeof value === 'bigint' ? value : undefined),
  double: (value) => (typeof value === 'number' || typeof value === 'bigint' ? value : undefined),
  decimal: ofDecimal,
  text: (value) => (typeof value === 'string' ? byCodePoint(value) : undefined),
  uuid: (value) => (typeof value === 'string' ? value.toLowerCase() : undefined),
  binary: (value) =>
    value instanceof Uint8Array
      ? Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('latin1')
      : undefined,
  date: (value) => (typeof value === 'string' ? timestampKey(value) : undefined),
  timestamp: (value) => (typeof value === 'string' ? timestampKey(value) : undefined),
  timestamptz: (value) => (typeof value === 'string' ? timestampKey(value) : undefined),
  time: (value) => (typeof value === 'string' ? timeKey(value) : undefined),
};

/** The type that a column's values have, or undefined where only they tell. */
export function knownType(column: Column | undefined): ColumnType | undefined {
  return column === undefined || column.untyped === true ? undefined : column.type;
}

/** The type that one value says. A number is a double as far as the order goes: whole ones are compared as well. */
export function typeOfValue(value: Exclude<Value, null>): ColumnType {
  switch (typeof value) {
    case 'number':
    case 'bigint':
      return 'double';
    case 'string':
      return 'text';
    case 'boolean':
      return 'boolean';
  }
  if (value instanceof Uint8Array) return 'binary';
  return Array.isArray(value) ? 'array' : 'json';
}

export function isOrdered(type: ColumnType): type is OrderedType {
  return type !== 'interval' && type !== 'json' && type !== 'array';
}

/** Below zero, zero or above, for two keys of a column of the type. */
export type CompareKeys = (one: never, other: never) => number;

/** Absent where `<` tells the order: it compares a number and a bigint exactly, and these have no NaN. */
export const comparers: Partial<Record<OrderedType, CompareKeys>> = {
  double: compareNumbers,
  decimal: compareDecimals as CompareKeys,
};

/** For keys of a column whose type only the values tell. */
export function compareAny(one: Exclude<Key, null>, other: Exclude<Key, null>): number {
  return compareNumbers(one as number, other as number);
}

function compareNumbers(one: number | bigint, other: number | bigint): number {
  if (one < other) return -1;
  if (one > other) return 1;
  return Number(Number.isNaN(one)) - Number(Number.isNaN(other));
}

function ofDecimal(value: Exclude<Value, null>): Key | undefined {
  if (typeof value === 'string') return decimalKey(value);
  if (typeof value === 'number') return value;
  return typeof value === 'bigint' ? decimalKey(String(value)) : undefined;
}

/** JavaScript compares UTF-16 units: surrogates stand before U+E000 to U+FFFF there, and belong after them. */
function byCodePoint(text: string): string {
  if (!/[\ud800-\uffff]/.test(text)) return text;
  let moved = '';
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at);
    moved += String.fromCharCode(unit < 0xd800 ? unit : unit >= 0xe000 ? unit - 0x800 : unit + 0x2000);
  }
  return moved;
}
