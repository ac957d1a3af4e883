// Casts by type.
import type { ColumnType, Value } from '../../engine/contracts/data.ts';
import { invalidValue, parser, valueText } from '../formats/values.ts';
import { type Cast, type CastOptions, shown } from './cast.ts';
import { toDecimal, toDouble, toInteger } from './numbers.ts';
import { toTime } from './times.ts';

export function castTo(type: ColumnType, options: CastOptions): Cast {
  switch (type) {
    case 'integer':
      return toInteger(options);
    case 'double':
      return toDouble(options);
    case 'decimal':
      return toDecimal(options);
    case 'date':
    case 'time':
    case 'timestamp':
    case 'timestamptz':
      return toTime(type, options);
    case 'text':
      return (value) => valueText(value);
    case 'boolean':
      return toBoolean;
    case 'json':
      return ofText('json', () => true);
    case 'array':
      return ofText('array', Array.isArray);
    case 'binary':
      return ofText('binary', (value) => value instanceof Uint8Array);
    case 'interval':
    case 'uuid':
      return ofText(type, () => false);
  }
}

const booleanText = parser('boolean');

const toBoolean: Cast = (value) => {
  if (typeof value === 'boolean') return value;
  if (typeof value === 'string') return booleanText(value);
  if (value === 1 || value === 1n) return true;
  if (value === 0 || value === 0n) return false;
  throw invalidValue(shown(value), 'true or false');
};

/** Text is parsed; anything else must be of the type already. */
function ofText(type: ColumnType, isAlready: (value: Value) => boolean): Cast {
  const parse = parser(type);
  return (value) => {
    if (typeof value === 'string') return parse(value);
    if (isAlready(value)) return value;
    throw invalidValue(shown(value), `of type ${type}`);
  };
}
