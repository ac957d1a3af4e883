// Column types from the first rows of a file.
import type { Column, ColumnType, Row } from '../../../engine/contracts.ts';
import { invalidValue, type Parse, parser } from '../values.ts';

/**
 * For each column the first of these types that all its values in the sample are of, text when there is none or no
 * value. A number with leading zeros or a plus sign is text: as a number it would not be written the same again.
 */
export function inferTypes(columns: readonly Column[], rows: readonly Row[]): ColumnType[] {
  return columns.map(({ name }) => {
    let candidates: readonly ColumnType[] = inferable;
    let any = false;
    for (const row of rows) {
      const text = row[name];
      if (typeof text !== 'string') continue;
      any = true;
      candidates = candidates.filter((type) => fits(type, text));
      if (candidates.length === 0) break;
    }
    return any ? (candidates[0] ?? 'text') : 'text';
  });
}

/** As `parser`, for a column whose type was inferred: takes only what `inferTypes` would, and says what to do else. */
export function inferredParser(type: ColumnType, name: string): Parse {
  const parse = parser(type);
  return (text) => {
    if (isCanonical(type, text)) {
      try {
        return parse(text);
      } catch {}
    }
    const wider = (['decimal', 'double'] as const).find((other) => widens(type, other) && fits(other, text)) ?? 'text';
    throw invalidValue(text, `${type} as in the first rows; say \`columns: { ${JSON.stringify(name)}: ${wider} }\``);
  };
}

const inferable = [
  'boolean',
  'integer',
  'decimal',
  'double',
  'date',
  'time',
  'timestamp',
  'timestamptz',
  'uuid',
] as const;

const patterns: Partial<Record<ColumnType, RegExp>> = {
  boolean: /^(?:true|false)$/i,
  integer: /^(?:0|-?[1-9]\d{0,17})$/,
  decimal: /^-?(?:0|[1-9]\d*)(?:\.\d+)?$/,
  double: /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/,
};

function widens(type: ColumnType, other: ColumnType): boolean {
  return type === 'integer' || (type === 'decimal' && other === 'double');
}

function fits(type: ColumnType, text: string): boolean {
  if (!isCanonical(type, text)) return false;
  try {
    parser(type)(text);
    return true;
  } catch {
    return false;
  }
}

function isCanonical(type: ColumnType, text: string): boolean {
  const pattern = patterns[type];
  return pattern === undefined ? text === text.trim() : pattern.test(text);
}
