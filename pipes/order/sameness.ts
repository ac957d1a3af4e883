// When rows are the same in some columns: a text for each row, equal for those that are.
import type { Column, ColumnType, Row, Value } from '../../engine/contracts/data.ts';
import type { TaskContext } from '../../engine/contracts/task.ts';
import { failure } from '../../engine/errors.ts';
import { columnUnknown, requireColumns } from '../columns.ts';
import { plainDecimal } from './decimals.ts';
import { isOrdered, keyOf, knownType } from './keys.ts';

/** The text of a row; its position in the input is for errors. */
export type TextOf = (row: Row, position: number) => string;

/**
 * Numbers are the same by value, decimals whatever their zeros, times by when they are, JSON whatever the order of its
 * keys, null and null. Values of different types are not. Fails with COLUMN_UNKNOWN.
 */
export function sameIn(columns: readonly string[], known: readonly Column[] | undefined, context: TaskContext): TextOf {
  requireColumns(columns, known, context);
  const parts = columns.map((column) => ({
    column,
    textOf: valueText(knownType(known?.find(({ name }) => name === column))),
  }));
  return (row, position) => {
    let text = '';
    for (const { column, textOf } of parts) {
      const value = row[column];
      if (value === undefined) {
        const { code, data } = columnUnknown(context, column, Object.keys(row));
        throw failure(code, { ...data, record: ` on record ${position}`, position });
      }
      text += textOf(value);
    }
    return text;
  };
}

/** The whole row, where its columns are not known before: names and values, in any order. */
export const sameRow: TextOf = (row) => anyText(row);

/** The text of a value of a column, such that no text is the beginning of another. */
function valueText(type: ColumnType | undefined): (value: Value) => string {
  if (type === undefined || type === 'text' || !isOrdered(type)) return anyText;
  const key = keyOf[type];
  const isDecimal = type === 'decimal';
  return (value) => {
    if (value === null || (isDecimal && typeof value !== 'string')) return anyText(value);
    const found = key(value);
    if (found === undefined || found === null) return anyText(value);
    if (typeof found === 'object') return `n${found.text};`;
    return isDecimal ? numberText(found as number) : anyText(found);
  };
}

function anyText(value: Value): string {
  switch (typeof value) {
    case 'string':
      return `t${value.length}:${value}`;
    case 'number':
      return numberText(value);
    case 'bigint':
      return `n${value};`;
    case 'boolean':
      return value ? 'T' : 'F';
  }
  if (value === null) return '-';
  if (value instanceof Uint8Array) return `b${value.length}:${Buffer.from(value).toString('latin1')}`;
  if (Array.isArray(value)) return `[${value.map(anyText).join('')}]`;
  const names = Object.keys(value).sort();
  return `{${names.map((name) => anyText(name) + anyText(value[name]!)).join('')}}`;
}

/** The same for a number, a bigint and a decimal of the same value. */
function numberText(value: number): string {
  if (Number.isInteger(value)) return `n${Math.abs(value) < 1e21 ? value + 0 : BigInt(value)};`;
  return `n${Number.isFinite(value) ? plainDecimal(String(value)) : value};`;
}
