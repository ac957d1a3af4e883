// Column types from the first rows of a file.
import type { Column, ColumnType, Row } from '../../../engine/contracts/data.ts';
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
  // A canonical decimal is one already.
  const parse = parser(type === 'decimal' ? 'text' : type);
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
  switch (type) {
    case 'boolean':
      return text.length > 3 && !hasOuterSpace(text);
    case 'integer':
      // 18 digits fit an int64 whatever they are.
      return isPlainNumber(text, false) && text.length <= 18 && text !== '-0';
    case 'decimal':
      return isPlainNumber(text, true);
    case 'double':
      return isPlainNumber(text.replace(/[eE][+-]?\d+$/, ''), true);
    default:
      return !hasOuterSpace(text);
  }
}

function hasOuterSpace(text: string): boolean {
  return text.charCodeAt(0) <= 0x20 || text.charCodeAt(text.length - 1) <= 0x20;
}

/** Digits, maybe after a minus, the first of several not 0; maybe a point with digits on both sides. */
function isPlainNumber(text: string, withPoint: boolean): boolean {
  const start = text.charCodeAt(0) === 0x2d ? 1 : 0;
  const end = digitsEnd(text, start);
  if (end === start || (text.charCodeAt(start) === 0x30 && end > start + 1)) return false;
  if (end === text.length) return true;
  if (!withPoint || text.charCodeAt(end) !== 0x2e || end + 1 === text.length) return false;
  return digitsEnd(text, end + 1) === text.length;
}

/** Where the digits from `start` on end. */
function digitsEnd(text: string, start: number): number {
  let at = start;
  while (at < text.length && text.charCodeAt(at) >= 0x30 && text.charCodeAt(at) <= 0x39) at++;
  return at;
}
