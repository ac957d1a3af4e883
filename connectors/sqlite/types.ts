// The declared types of SQLite and ours: one table for both ways. A declared type says what values should be; any can be there.
// https://www.sqlite.org/datatype3.html
import type { Column, ColumnType } from '../../engine/contracts/data.ts';

/** What SQLite turns a value into as it takes it. */
export type Affinity = 'INTEGER' | 'TEXT' | 'BLOB' | 'REAL' | 'NUMERIC';

interface KnownType {
  type: ColumnType;
  /** Of what types its values are is seen only as they come. */
  untyped?: true;
  /** What the values look like, where the type of ours does not say it. */
  values?: string;
}

const integers = 'a number, or a bigint beyond 2^53';
const inexact = 'all digits as text; SQLite keeps 15 of them for sure, so more are refused when written';

/** Declared types by their name, without what is in parentheses. */
export const knownTypes: Readonly<Record<string, KnownType>> = {
  BOOLEAN: { type: 'boolean', values: '0 and 1' },
  BOOL: { type: 'boolean', values: '0 and 1' },
  INTEGER: { type: 'integer', values: integers },
  INT: { type: 'integer', values: integers },
  TINYINT: { type: 'integer', values: integers },
  SMALLINT: { type: 'integer', values: integers },
  MEDIUMINT: { type: 'integer', values: integers },
  BIGINT: { type: 'integer', values: integers },
  'UNSIGNED BIG INT': { type: 'integer', values: integers },
  INT2: { type: 'integer', values: integers },
  INT8: { type: 'integer', values: integers },
  REAL: { type: 'double', values: 'with infinity; NaN and -0 are refused when written' },
  DOUBLE: { type: 'double', values: 'as REAL' },
  'DOUBLE PRECISION': { type: 'double', values: 'as REAL' },
  FLOAT: { type: 'double', values: 'as REAL' },
  DECIMAL: { type: 'decimal', values: inexact },
  NUMERIC: { type: 'decimal', values: inexact },
  'DECIMAL TEXT': { type: 'decimal', values: 'all digits as text' },
  TEXT: { type: 'text' },
  CLOB: { type: 'text' },
  CHARACTER: { type: 'text' },
  CHAR: { type: 'text' },
  VARCHAR: { type: 'text' },
  'VARYING CHARACTER': { type: 'text' },
  'CHARACTER VARYING': { type: 'text' },
  NCHAR: { type: 'text' },
  'NATIVE CHARACTER': { type: 'text' },
  NVARCHAR: { type: 'text' },
  BLOB: { type: 'binary' },
  BINARY: { type: 'binary' },
  VARBINARY: { type: 'binary' },
  DATE: { type: 'date', values: '`2026-01-31`' },
  TIME: { type: 'time', values: '`23:59:59.123456`' },
  DATETIME: {
    type: 'timestamp',
    values: '`2026-01-31T23:59:59.123456`, also with a blank for the `T`; a number is refused',
  },
  TIMESTAMP: { type: 'timestamp', values: 'as DATETIME' },
  TIMESTAMPTZ: { type: 'timestamptz', values: '`2026-01-31T23:59:59.123456Z`, `…+02:00`' },
  'TIMESTAMP WITH TIME ZONE': { type: 'timestamptz', values: 'as TIMESTAMPTZ' },
  INTERVAL: { type: 'interval', values: '`P1Y2M3DT4H5M6.789S`' },
  UUID: { type: 'uuid' },
  'UUID TEXT': { type: 'uuid' },
  JSON: { type: 'json', values: 'parsed; a number that would lose digits is refused' },
  JSONB: { type: 'json', values: 'parsed from text; the binary form is refused' },
  'JSON TEXT': { type: 'json', values: 'parsed; a number that would lose digits is refused' },
  ANY: { type: 'text', untyped: true, values: 'each as it comes: integer, double, text or binary' },
};

/** What a new column is declared as, by our type. With TEXT in it where SQLite would else take text for a number. */
export const newTypes: Readonly<Record<ColumnType, string>> = {
  boolean: 'BOOLEAN',
  integer: 'INTEGER',
  double: 'REAL',
  decimal: 'DECIMAL TEXT',
  text: 'TEXT',
  binary: 'BLOB',
  date: 'DATE',
  time: 'TIME',
  timestamp: 'TIMESTAMP',
  timestamptz: 'TIMESTAMPTZ',
  interval: 'INTERVAL',
  uuid: 'UUID TEXT',
  json: 'JSON TEXT',
  array: 'JSON TEXT',
};

/** `decimal ( 10, 2 )` → `DECIMAL`, [10, 2]. */
function declaredParts(declared: string): { name: string; modifiers: number[] } {
  const [, before = '', inside, after = ''] = /^([^(]*)(?:\(([^)]*)\)(.*))?$/s.exec(declared) ?? [];
  const name = `${before} ${after}`.trim().replace(/\s+/g, ' ').toUpperCase();
  const numbers = (inside ?? '').split(',').map((part) => Number(part.trim() || Number.NaN));
  return { name, modifiers: numbers.every(Number.isInteger) ? numbers : [] };
}

/** By SQLite's rules, in their order. */
export function affinityOf(declared: string): Affinity {
  const name = declared.toUpperCase();
  if (name.includes('INT')) return 'INTEGER';
  if (/CHAR|CLOB|TEXT/.test(name)) return 'TEXT';
  if (name.trim() === '' || name.includes('BLOB')) return 'BLOB';
  if (/REAL|FLOA|DOUB/.test(name)) return 'REAL';
  // `ANY` means what it says in a STRICT table only; its values are looked at one by one either way.
  return 'NUMERIC';
}

/** What a declared type that is not in the table stands for. */
function typeByAffinity(declared: string): KnownType {
  switch (affinityOf(declared)) {
    case 'INTEGER':
      return { type: 'integer' };
    case 'TEXT':
      return { type: 'text' };
    case 'REAL':
      return { type: 'double' };
    case 'BLOB':
      return declared.trim() === '' ? knownTypes.ANY! : { type: 'binary' };
    default:
      return knownTypes.ANY!;
  }
}

/** A column as it is declared; `''` where it has no type, as what a query computes. */
export function columnOf(name: string, declared: string, more: Partial<Column> = {}): Column {
  const { name: base, modifiers } = declaredParts(declared);
  const { type, untyped } = Object.hasOwn(knownTypes, base) ? knownTypes[base]! : typeByAffinity(declared);
  const [first, second] = modifiers;
  const native = declared === '' ? {} : { native: nativeName(declared) };
  const column: Column = { name, type, ...native, ...(untyped ? { untyped: true } : {}), ...more };
  if (type === 'integer') column.length = 8;
  // Numbers that SQLite makes of decimals may have more digits than it says.
  if (type === 'decimal' && first !== undefined && affinityOf(declared) === 'TEXT') {
    column.precision = first;
    column.scale = second ?? 0;
  }
  return column;
}

function nativeName(declared: string): string {
  const { name, modifiers } = declaredParts(declared);
  return modifiers.length === 0 ? name : `${name}(${modifiers.join(',')})`;
}

/** The declared type of a new column for what the stream brings. */
export function nativeFor(column: Column): string {
  const { native, type, precision, scale } = column;
  if (native !== undefined && native === nativeName(native) && Object.hasOwn(knownTypes, declaredParts(native).name)) {
    const same = columnOf('', native);
    if (same.type === type && !same.untyped) return native;
  }
  if (type === 'decimal' && precision !== undefined) return `${newTypes.decimal}(${precision},${scale ?? 0})`;
  return newTypes[type];
}

/** Why values of the one may lose something in the other; undefined where they cannot, or where each is looked at. */
export function lossy(from: Column, to: Column): string | undefined {
  if (from.untyped || to.untyped || from.type === 'text' || from.native === to.native) return undefined;
  if (losing.has(`${from.type}>${to.type}`)) return `${from.native ?? from.type} into ${to.native ?? to.type}`;
  const digits = from.scale ?? 1e9;
  if (from.type === 'decimal' && to.type === 'decimal' && to.scale !== undefined && digits > to.scale) {
    const shown = from.native ?? `decimal with ${from.scale ?? 'any number of'} digits after the point`;
    return `${shown} into ${to.native}`;
  }
  return undefined;
}

/** Pairs where a value would change its meaning without SQLite minding. */
const losing = new Set([
  'timestamptz>timestamp',
  'timestamptz>date',
  'timestamptz>time',
  'timestamp>timestamptz',
  'timestamp>date',
  'timestamp>time',
  'date>timestamptz',
  'decimal>double',
  'binary>text',
]);
