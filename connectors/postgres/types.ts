// The types of Postgres and ours: one table for both ways.
import type { Column, ColumnType } from '../../engine/contracts/data.ts';

interface KnownType {
  type: ColumnType;
  /** Bytes of an integer. */
  length?: number;
  /** What the values look like, where the type of ours does not say it. */
  values?: string;
}

/** Every built-in type that a column can have, by the name that `format_type` gives. */
export const knownTypes: Readonly<Record<string, KnownType>> = {
  boolean: { type: 'boolean' },
  smallint: { type: 'integer', length: 2 },
  integer: { type: 'integer', length: 4 },
  bigint: { type: 'integer', length: 8, values: 'a number, or a bigint beyond 2^53' },
  oid: { type: 'integer', length: 8 },
  real: { type: 'double', values: 'with NaN and infinity' },
  'double precision': { type: 'double', values: 'with NaN and infinity' },
  numeric: { type: 'decimal', values: 'all digits as text; `NaN`, `Infinity`' },
  money: { type: 'text', values: 'as the server shows it' },
  text: { type: 'text' },
  'character varying': { type: 'text' },
  character: { type: 'text', values: 'padded with blanks' },
  '"char"': { type: 'text' },
  name: { type: 'text' },
  bytea: { type: 'binary' },
  date: { type: 'date', values: '`2026-01-31`, `-000043-03-15` (44 BC), `infinity`' },
  'time without time zone': { type: 'time', values: '`23:59:59.123456`' },
  'time with time zone': { type: 'text', values: '`23:59:59+02`' },
  'timestamp without time zone': { type: 'timestamp', values: '`2026-01-31T23:59:59.123456`, `infinity`' },
  'timestamp with time zone': { type: 'timestamptz', values: '`2026-01-31T23:59:59.123456Z`, `infinity`' },
  interval: { type: 'interval', values: '`P1Y2M3DT4H5M6.789S`' },
  uuid: { type: 'uuid' },
  json: { type: 'json', values: 'parsed; a number that would lose digits is refused' },
  jsonb: { type: 'json', values: 'parsed; a number that would lose digits is refused' },
  jsonpath: { type: 'text' },
  xml: { type: 'text' },
  inet: { type: 'text' },
  cidr: { type: 'text' },
  macaddr: { type: 'text' },
  macaddr8: { type: 'text' },
  bit: { type: 'text', values: '`0101`' },
  'bit varying': { type: 'text', values: '`0101`' },
  point: { type: 'text' },
  line: { type: 'text' },
  lseg: { type: 'text' },
  box: { type: 'text' },
  path: { type: 'text' },
  polygon: { type: 'text' },
  circle: { type: 'text' },
  int4range: { type: 'text', values: '`[1,5)`' },
  int8range: { type: 'text' },
  numrange: { type: 'text' },
  daterange: { type: 'text' },
  tsrange: { type: 'text' },
  tstzrange: { type: 'text' },
  int4multirange: { type: 'text' },
  int8multirange: { type: 'text' },
  nummultirange: { type: 'text' },
  datemultirange: { type: 'text' },
  tsmultirange: { type: 'text' },
  tstzmultirange: { type: 'text' },
  tsvector: { type: 'text' },
  tsquery: { type: 'text' },
  pg_lsn: { type: 'text' },
};

/** What a new column gets, by our type, where the stream does not come from a type of Postgres. */
export const newTypes: Readonly<Record<ColumnType, string>> = {
  boolean: 'boolean',
  integer: 'bigint',
  double: 'double precision',
  decimal: 'numeric',
  text: 'text',
  binary: 'bytea',
  date: 'date',
  time: 'time without time zone',
  timestamp: 'timestamp without time zone',
  timestamptz: 'timestamp with time zone',
  interval: 'interval',
  uuid: 'uuid',
  json: 'jsonb',
  array: 'jsonb',
};

/** `numeric(10,2)[]` → `numeric`, [10, 2], true. `timestamp(3) without time zone` has its digits in the middle. */
export function nativeParts(native: string): { name: string; modifiers: number[]; array: boolean } {
  const array = native.endsWith('[]');
  const plain = array ? native.slice(0, -2) : native;
  const found = /\(([\d,-]+)\)/.exec(plain);
  const name = found === null ? plain : plain.replace(found[0], '');
  return { name, modifiers: found === null ? [] : found[1]!.split(',').map(Number), array };
}

/** Whether every server knows the type, so that its binary form is the same everywhere. */
export function isBuiltIn(native: string | undefined): boolean {
  return native !== undefined && Object.hasOwn(knownTypes, nativeParts(native).name);
}

/** A column as the server describes it. A type that is none of the table's (an enum, a composite) is text. */
export function columnOf(name: string, native: string, more: Partial<Column> = {}): Column {
  const { name: base, modifiers, array } = nativeParts(native);
  const known = Object.hasOwn(knownTypes, base) ? knownTypes[base]! : { type: 'text' as const };
  const column: Column = { name, type: array ? 'array' : known.type, native, ...more };
  if (array) return column;
  const [first, second] = modifiers;
  if (known.length !== undefined) column.length = known.length;
  if (known.type === 'decimal' && first !== undefined) {
    column.precision = first;
    column.scale = second ?? 0;
  } else if (['time', 'timestamp', 'timestamptz'].includes(known.type)) {
    column.scale = first ?? 6;
  } else if (['character', 'character varying'].includes(base) && first !== undefined) {
    column.length = first;
  }
  return column;
}

/** The type of a new column for what the stream brings. */
export function nativeFor(column: Column): string {
  if (column.native !== undefined && isBuiltIn(column.native) && columnOf('', column.native).type === column.type) {
    return column.native;
  }
  const { type, precision, scale, length } = column;
  if (type === 'decimal' && precision !== undefined && precision <= 1000) return `numeric(${precision},${scale ?? 0})`;
  if (type === 'integer' && (length === 2 || length === 4)) return length === 2 ? 'smallint' : 'integer';
  return newTypes[type];
}

/** Why values of the one may lose something in the other; undefined where they cannot, or where the server would refuse them. */
export function lossy(from: Column, to: Column): string | undefined {
  if (from.untyped || from.type === 'text' || (from.native !== undefined && from.native === to.native))
    return undefined;
  const into = `${to.native ?? to.type}`;
  const pair = `${from.type}>${to.type}`;
  if (losing.has(pair)) return `${from.native ?? from.type} into ${into}`;
  if (from.type === 'integer' && to.type === 'double' && (from.length ?? 8) > (to.native === 'real' ? 2 : 4)) {
    return `${from.native ?? 'integer'} into ${into}`;
  }
  if (from.type === 'double' && to.native === 'real' && from.native !== 'real') return `double into ${into}`;
  if (from.type === 'decimal' && to.type === 'decimal' && to.scale !== undefined && (from.scale ?? 1e9) > to.scale) {
    return `${from.native ?? `decimal with ${from.scale ?? 'any number of'} digits after the point`} into ${into}`;
  }
  const isTime = ['time', 'timestamp', 'timestamptz'].includes(from.type);
  if (isTime && from.type === to.type && to.scale !== undefined && (from.scale ?? 6) > to.scale) {
    return `${from.native ?? from.type} into ${into}`;
  }
  return undefined;
}

/** Pairs where the server takes the text and drops or adds something silently. */
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
