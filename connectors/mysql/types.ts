// The types of MySQL and MariaDB and ours: one table for both ways.
import type { Column, ColumnType } from '../../engine/contracts/data.ts';
import type { Field } from './packets.ts';

interface KnownType {
  type: ColumnType;
  /** Bytes of an integer, characters of a text. */
  length?: number;
  /** What the values look like, where the type of ours does not say it. */
  values?: string;
}

/** Every built-in type that a column can have. */
export const knownTypes: Readonly<Record<string, KnownType>> = {
  'tinyint(1)': { type: 'boolean', values: 'another number than 0 and 1 is refused' },
  tinyint: { type: 'integer', length: 2 },
  'tinyint unsigned': { type: 'integer', length: 2 },
  smallint: { type: 'integer', length: 2 },
  'smallint unsigned': { type: 'integer', length: 4 },
  mediumint: { type: 'integer', length: 4 },
  'mediumint unsigned': { type: 'integer', length: 4 },
  int: { type: 'integer', length: 4 },
  'int unsigned': { type: 'integer', length: 8 },
  bigint: { type: 'integer', length: 8, values: 'a number, or a bigint beyond 2^53' },
  'bigint unsigned': { type: 'integer', length: 8, values: 'a number, or a bigint beyond 2^53' },
  float: { type: 'double', values: 'the nearest number of single precision' },
  'float unsigned': { type: 'double' },
  double: { type: 'double' },
  'double unsigned': { type: 'double' },
  decimal: { type: 'decimal', values: 'all digits as text' },
  'decimal unsigned': { type: 'decimal', values: 'all digits as text' },
  bit: { type: 'text', values: '`0101`' },
  year: { type: 'integer', length: 2 },
  date: { type: 'date', values: '`2026-01-31`, `0000-00-00`' },
  time: { type: 'time', values: '`23:59:59.123456`; also `-838:59:59`' },
  datetime: { type: 'timestamp', values: '`2026-01-31T23:59:59.123456`, `0000-00-00T00:00:00`' },
  timestamp: { type: 'timestamptz', values: '`2026-01-31T23:59:59.123456Z`, `0000-00-00T00:00:00Z`' },
  char: { type: 'text', values: 'without the blanks at its end' },
  varchar: { type: 'text' },
  tinytext: { type: 'text', length: 255 },
  text: { type: 'text', length: 65_535 },
  mediumtext: { type: 'text', length: 16_777_215 },
  longtext: { type: 'text' },
  enum: { type: 'text' },
  set: { type: 'text', values: '`a,b`' },
  binary: { type: 'binary' },
  varbinary: { type: 'binary' },
  tinyblob: { type: 'binary', length: 255 },
  blob: { type: 'binary', length: 65_535 },
  mediumblob: { type: 'binary', length: 16_777_215 },
  longblob: { type: 'binary' },
  json: { type: 'json', values: 'parsed; a number that would lose digits is refused' },
  uuid: { type: 'uuid' },
  inet4: { type: 'text' },
  inet6: { type: 'text' },
  geometry: { type: 'binary', values: 'WKB; with an SRID, EWKB' },
  point: { type: 'binary', values: 'as `geometry`' },
  linestring: { type: 'binary', values: 'as `geometry`' },
  polygon: { type: 'binary', values: 'as `geometry`' },
  multipoint: { type: 'binary', values: 'as `geometry`' },
  multilinestring: { type: 'binary', values: 'as `geometry`' },
  multipolygon: { type: 'binary', values: 'as `geometry`' },
  geometrycollection: { type: 'binary', values: 'as `geometry`' },
};

/** What a new column gets, by our type, where the stream does not come from a type of MySQL. */
export const newTypes: Readonly<Record<ColumnType, string>> = {
  boolean: 'tinyint(1)',
  integer: 'bigint',
  double: 'double',
  decimal: 'decimal(65,30)',
  text: 'longtext',
  binary: 'longblob',
  date: 'date',
  time: 'time(6)',
  timestamp: 'datetime(6)',
  timestamptz: 'timestamp(6)',
  interval: 'varchar(64)',
  uuid: 'char(36)',
  json: 'json',
  array: 'json',
};

const spatial = /^(geometry|point|linestring|polygon|multi(point|linestring|polygon)|geom(etry)?collection)$/;
const listed = /^(enum|set)\(('(?:[^']|'')*'(?:,'(?:[^']|'')*')*)\)$/s;
const plain = /^([a-z]+[46]?)(?:\(([\d,]+)\))?( unsigned)?$/;

/** `decimal(10,2) unsigned` → `decimal unsigned`, [10, 2]; undefined for what no server of today has. */
export function nativeParts(native: string): { name: string; modifiers: number[] } | undefined {
  if (native === 'tinyint(1)') return { name: native, modifiers: [] };
  const list = listed.exec(native);
  if (list !== null) return { name: list[1]!, modifiers: [] };
  const found = plain.exec(native);
  if (found === null) return undefined;
  const name = found[1]! + (found[3] ?? '');
  if (!Object.hasOwn(knownTypes, name)) return undefined;
  return { name, modifiers: found[2] === undefined ? [] : found[2].split(',').map(Number) };
}

/** The values of an enum or a set; undefined for other types. */
export function listedValues(native: string): string[] | undefined {
  const list = listed.exec(native);
  if (list === null) return undefined;
  return list[2]!.match(/'(?:[^']|'')*'/g)!.map((text) => text.slice(1, -1).replaceAll("''", "'"));
}

export function isSpatial(native = ''): boolean {
  return spatial.test(native);
}

/** As the catalogue has it, without what is only for show: `int(10) unsigned zerofill` → `int unsigned`. */
export function nativeName(columnType: string): string {
  const text = columnType.replace(/ zerofill| \/\*.*\*\//g, '').replace(/^geomcollection/, 'geometrycollection');
  if (text === 'tinyint(1)') return text;
  return text.replace(/^((?:tiny|small|medium|big)?int|year)\(\d+\)/, '$1');
}

/** A column as the server describes it. A type that is none of the table's is text. */
export function columnOf(name: string, native: string | undefined, more: Partial<Column> = {}): Column {
  const parts = native === undefined ? undefined : nativeParts(native);
  const known: KnownType = parts === undefined ? { type: 'text' } : knownTypes[parts.name]!;
  const column: Column = { name, type: known.type, ...(native === undefined ? {} : { native }), ...more };
  const [first, second] = parts?.modifiers ?? [];
  if (known.length !== undefined) column.length = known.length;
  if (known.type === 'decimal') {
    column.precision = first ?? 10;
    column.scale = second ?? 0;
  } else if (['time', 'timestamp', 'timestamptz'].includes(known.type)) {
    column.scale = first ?? 0;
  } else if (['char', 'varchar', 'binary', 'varbinary'].includes(parts?.name ?? '')) {
    column.length = first ?? 1;
  }
  return column;
}

/** A column of a query, whose type the server tells in the words of its protocol. */
export function columnOfField({ name, type, length, flags, decimals, charset, extended }: Field): Column {
  const unsigned = flags & 32 ? ' unsigned' : '';
  const seconds = decimals > 0 && decimals <= 6 ? `(${decimals})` : '';
  const numbers: Readonly<Record<number, string>> = { 2: 'smallint', 3: 'int', 9: 'mediumint', 8: 'bigint' };
  if (numbers[type] !== undefined) return columnOf(name, numbers[type] + unsigned);
  switch (type) {
    case 1:
      return columnOf(name, length === 1 && unsigned === '' ? 'tinyint(1)' : `tinyint${unsigned}`);
    case 0:
    case 246: {
      const digits = length - (decimals > 0 ? 1 : 0) - (unsigned === '' ? 1 : 0);
      return columnOf(name, `decimal(${Math.min(digits, 65)},${decimals})${unsigned}`);
    }
    case 4:
      return columnOf(name, `float${unsigned}`);
    case 5:
      return columnOf(name, `double${unsigned}`);
    case 7:
      return columnOf(name, `timestamp${seconds}`);
    case 10:
    case 14:
      return columnOf(name, 'date');
    case 11:
      return columnOf(name, `time${seconds}`);
    case 12:
      return columnOf(name, `datetime${seconds}`);
    case 13:
      return columnOf(name, 'year');
    case 16:
      return columnOf(name, `bit(${length})`);
    case 245:
      return columnOf(name, 'json');
    case 255:
      return columnOf(name, 'geometry');
    default:
      if (extended === 'json' || extended === 'uuid' || /^inet[46]$/.test(extended ?? ''))
        return columnOf(name, extended);
      // NULL itself has no length.
      return charset === 63 && type >= 249 && length > 0 ? { name, type: 'binary' } : { name, type: 'text' };
  }
}

/** The type of a new column for what the stream brings. `key`: it is part of a key, so its values must be short. */
export function nativeFor(
  column: Column,
  { key = false, mariadb = false }: { key?: boolean; mariadb?: boolean } = {},
): string {
  const { type, precision, scale, length, native } = column;
  const exactText = (own: string) =>
    key ? `${own} character set utf8mb4 collate ${mariadb ? 'utf8mb4_nopad_bin' : 'utf8mb4_0900_bin'}` : own;
  if (native !== undefined && isOwn(column)) {
    const parts = nativeParts(native)!;
    const fits = mariadb || !['uuid', 'inet4', 'inet6'].includes(parts.name);
    if (fits && !(key && /text|blob/.test(parts.name))) return parts.name === 'varchar' ? exactText(native) : native;
  }
  switch (type) {
    case 'decimal':
      if (precision === undefined || scale === undefined || precision > 65 || scale > 30 || scale < 0) break;
      return `decimal(${precision},${scale})`;
    case 'integer':
      if (length === 2 || length === 4) return length === 2 ? 'smallint' : 'int';
      break;
    case 'text':
      if (key) return exactText(`varchar(${Math.min(length ?? 255, 255)})`);
      if (length !== undefined && length <= 4000) return `varchar(${Math.max(length, 1)})`;
      break;
    case 'binary':
      if (key) return 'varbinary(255)';
      break;
    case 'time':
      return `time(${Math.min(scale ?? 6, 6)})`;
    case 'timestamp':
      return `datetime(${Math.min(scale ?? 6, 6)})`;
    case 'timestamptz':
      return `timestamp(${Math.min(scale ?? 6, 6)})`;
    case 'uuid':
      if (mariadb) return 'uuid';
  }
  return newTypes[type];
}

/** Whether the name of its type is one of ours, and not the same word of another system with another meaning. */
function isOwn(column: Column): boolean {
  const { type, length, precision, scale } = columnOf('', column.native);
  return (
    nativeParts(column.native!) !== undefined &&
    type === column.type &&
    length === column.length &&
    precision === column.precision &&
    scale === column.scale
  );
}

/** Why values of the one may lose something in the other; undefined where they cannot, or where each is looked at. */
export function lossy(from: Column, to: Column): string | undefined {
  if (from.untyped || from.type === 'text' || (from.native !== undefined && from.native === to.native))
    return undefined;
  const into = `${to.native ?? to.type}`;
  const source = from.native ?? from.type;
  if (losing.has(`${from.type}>${to.type}`)) return `${source} into ${into}`;
  const single = to.native?.startsWith('float') === true;
  if (from.type === 'integer' && to.type === 'double' && (from.length ?? 8) > (single ? 2 : 4)) {
    return `${from.native ?? 'integer'} into ${into}`;
  }
  if (from.type === 'double' && single && !/^(real|float)/.test(from.native ?? '')) return `double into ${into}`;
  if (from.type === 'decimal' && to.type === 'decimal' && from.scale !== undefined) {
    const whole = (from.precision ?? from.scale) - from.scale;
    if (from.scale > to.scale! || whole > 65) return `${source} into ${into}`;
  }
  const isTime = ['time', 'timestamp', 'timestamptz'].includes(from.type);
  if (isTime && from.type === to.type && from.scale !== undefined && from.scale > to.scale!) {
    return `${source} into ${into}`;
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
  'decimal>integer',
  'double>integer',
  'double>decimal',
  'binary>text',
]);
