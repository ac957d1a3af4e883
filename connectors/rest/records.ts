// The records of an answer as rows, their declared columns with the declared types.
import type { Column, ColumnType, Row, Value } from '../../engine/contracts/data.ts';
import { failure } from '../../engine/errors.ts';
import type { Manifest, ManifestColumn, ManifestResource } from '../../schemas/generated/types.ts';
import { shownUrl } from '../shared/http/address.ts';
import { jsonText } from '../shared/json-text.ts';
import type { JsonAnswer } from './service.ts';
import { pointed } from './templates.ts';
import { timeFrom } from './times.ts';

/** The list that an answer holds. Where there is no pointer, the answer is the list, or the only record. */
export function recordsIn(answer: JsonAnswer, resource: ManifestResource, manifest: Manifest): readonly Value[] {
  const pointer = resource.records ?? manifest.records ?? '';
  // A range without a cell in it has no list at all.
  const found = pointed(answer.body, pointer) ?? (resource.arrays === true && isFields(answer.body) ? [] : undefined);
  const records = Array.isArray(found) ? found : pointer === '' && isFields(found) ? [found] : undefined;
  if (records === undefined) {
    const reason = `answered without a list of records at ${pointer === '' ? 'the top' : pointer}`;
    throw failure('ANSWER_UNEXPECTED', { method: resource.method ?? 'GET', url: shownUrl(answer.url), reason });
  }
  return resource.arrays === true ? fromArrays(records) : records;
}

/** Lists of values, the first of which names the columns. What a shorter list lacks is null. */
function fromArrays([head, ...lists]: readonly Value[]): Value[] {
  const names = Array.isArray(head) ? head.map(String) : [];
  return lists.map((list) =>
    Object.fromEntries(names.map((name, i) => [name, (Array.isArray(list) ? list[i] : undefined) ?? null])),
  );
}

export interface RowMaker {
  /** The columns that the manifest declares. */
  readonly declared: readonly Column[];
  /** Throws VALUE_INVALID for a value that is not of its declared type. `position`: from 1, for errors. */
  row(record: Value, position: number): Row;
}

export function rowMaker(resource: ManifestResource, shown: string): RowMaker {
  const key = new Set([resource.key ?? []].flat());
  const lift = resource.lift ?? [];
  const fields = Object.entries(resource.columns ?? {}).map(([name, given]) => {
    const column: ManifestColumn = typeof given === 'string' ? { type: given } : given;
    return { name, column, convert: converter(column) };
  });
  const declared = fields.map(({ name, column }): Column => {
    const type = column.type as ColumnType;
    return { name, type, nullable: !key.has(name), ...(key.has(name) ? { key: true } : {}) };
  });
  const required = [...key];
  const names = new Set(fields.map(({ name }) => name));
  const own = fields.every(({ column }) => column.pointer === undefined) && lift.length === 0;

  /** Whether its fields begin with the declared columns, in their order: then it needs no copy. */
  const isOrdered = (record: Row): boolean => {
    let at = 0;
    for (const name in record) {
      if (at === fields.length) return true;
      if (name !== fields[at]!.name) return false;
      at++;
    }
    return at === fields.length;
  };
  const lacking = (name: string, position: number) =>
    failure('VALUE_INVALID', {
      where: `${shown}, column "${name}"`,
      value: 'nothing',
      expected: 'a key, and each record must have one',
      record: ` (record ${position})`,
    });

  return {
    declared,
    row(record, position) {
      if (!isFields(record)) {
        throw failure('VALUE_INVALID', {
          where: shown,
          value: shortened(record),
          expected: 'a record',
          record: ` (record ${position})`,
        });
      }
      const inPlace = own && isOrdered(record);
      const row: Row = inPlace ? record : {};
      for (const { name, column, convert } of fields) {
        const value = column.pointer === undefined ? record[name] : pointed(record, column.pointer);
        if (!inPlace) row[name] = value === undefined ? null : value;
        if (value === undefined || value === null || convert === undefined) continue;
        const converted = convert(value);
        if (converted === value) continue;
        if (converted === undefined) {
          throw failure('VALUE_INVALID', {
            where: `${shown}, column "${name}"`,
            value: shortened(value),
            expected: `of type ${column.type}`,
            record: ` (record ${position})`,
          });
        }
        row[name] = converted;
      }
      if (!inPlace)
        for (const name in record) {
          const value = record[name]!;
          if (lift.length > 0 && lift.includes(name) && isFields(value)) {
            for (const inner of Object.keys(value)) if (!Object.hasOwn(row, inner)) row[inner] = value[inner]!;
          } else if (!names.has(name) && (lift.length === 0 || !Object.hasOwn(row, name))) row[name] = value;
        }
      for (const name of required) {
        if (row[name] === undefined || row[name] === null) throw lacking(name, position);
      }
      return row;
    },
  };
}

type Convert = (value: Value) => Value | undefined;

/** Undefined where every value stays as it is. */
function converter({ type, format = 'iso' }: ManifestColumn): Convert | undefined {
  switch (type) {
    case 'json':
    case 'array':
      return undefined;
    case 'boolean':
      return (value) =>
        typeof value === 'boolean' ? value : value === 'true' ? true : value === 'false' ? false : undefined;
    case 'integer':
      return integer;
    case 'double':
      return (value) => (typeof value === 'number' ? value : isDecimal(value) ? Number(value) : undefined);
    case 'decimal':
      return (value) =>
        isDecimal(value)
          ? value
          : typeof value === 'number' && isDecimal(String(value))
            ? String(value)
            : typeof value === 'bigint'
              ? String(value)
              : undefined;
    case 'date':
      return (value) => timeFrom(value, format)?.slice(0, 10);
    case 'timestamp':
    case 'timestamptz':
      return (value) => timeFrom(value, format);
    default:
      return (value) =>
        typeof value === 'string' ? value : typeof value === 'object' ? jsonText(value) : String(value);
  }
}

function integer(value: Value): Value | undefined {
  if (typeof value === 'bigint') return value;
  if (typeof value === 'number') return Number.isSafeInteger(value) ? value : undefined;
  if (typeof value !== 'string' || !/^-?\d+$/.test(value)) return undefined;
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : BigInt(value);
}

function isDecimal(value: Value): value is string {
  return typeof value === 'string' && /^-?\d+(\.\d+)?$/.test(value);
}

function isFields(value: Value | undefined): value is Row {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Uint8Array);
}

function shortened(value: Value): string {
  const text = typeof value === 'string' ? JSON.stringify(value) : jsonText(value);
  return text.length > 60 ? `${text.slice(0, 60)}…` : text;
}
