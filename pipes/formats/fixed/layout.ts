// Where the columns of a fixed-width line stand, and one cell to a value and back.
import type { ColumnType, Value } from '../../../engine/contracts/data.ts';
import { failure } from '../../../engine/errors.ts';
import type { FixedOptions } from '../../../schemas/generated/types.ts';
import { parser, valueText } from '../values.ts';

export interface Cell {
  name: string;
  type: ColumnType;
  /** From 0, in characters; `end` is after the last. */
  start: number;
  end: number;
  right: boolean;
  pad: string;
  /** Zeros before a number are no part of it. */
  zeros: boolean;
  /** The value of the cell's characters. Throws VALUE_INVALID without a place. */
  read(characters: string): Value;
  /** The characters of a value. `where` names its place for a failure. */
  write(value: Value, where: () => string): string;
}

const numeric = new Set<ColumnType>(['integer', 'double', 'decimal']);

/** The cells of a layout, in the order of the options. */
export function cellsOf(columns: FixedOptions['columns']): Cell[] {
  const cells: Cell[] = [];
  for (const { name, width, start, type = 'text', align, pad = ' ' } of columns) {
    if (pad.length !== 1) {
      throw failure('OPTION_UNSUPPORTED', { what: `the padding "${pad}"`, where: 'the format fixed' });
    }
    if (name === '__proto__')
      throw failure('OPTION_UNSUPPORTED', { what: `a column "${name}"`, where: 'the format fixed' });
    if (cells.some((other) => other.name === name)) {
      throw failure('OPTION_UNSUPPORTED', { what: `the column "${name}" twice`, where: 'the format fixed' });
    }
    const from = start === undefined ? (cells.at(-1)?.end ?? 0) : start - 1;
    const right = (align ?? (numeric.has(type) ? 'right' : 'left')) === 'right';
    const place = {
      name,
      type,
      start: from,
      end: from + width,
      right,
      pad,
      zeros: right && pad === '0' && numeric.has(type),
    };
    const parse = parser(type);
    cells.push({
      ...place,
      read(characters) {
        const text = unpadded(characters, place);
        return text === undefined ? null : parse(text);
      },
      write(value, where) {
        return padded(value, place, where);
      },
    });
  }
  return cells;
}

type Place = Omit<Cell, 'read' | 'write'>;

/** Without the padding; undefined where there is nothing else, which is NULL. */
function unpadded(characters: string, { right, pad, zeros }: Place): string | undefined {
  let start = 0;
  let end = characters.length;
  const code = pad.charCodeAt(0);
  if (right) while (start < end && characters.charCodeAt(start) === code) start++;
  else while (end > start && characters.charCodeAt(end - 1) === code) end--;
  const text = characters.slice(start, end);
  if (text === '') return zeros && characters !== '' ? '0' : undefined;
  if (pad !== ' ' && /^ *$/.test(characters)) return undefined;
  if (!zeros) return text;
  // 00.50 is 0.50, and -007 has its zeros after the sign.
  return /^\d/.test(text) ? text : text.replace(/^([+-]?)0*(?=\d)/, '$1').replace(/^([+-]?)\./, '$10.');
}

function padded(value: Value, { type, start, end, right, pad, zeros }: Place, where: () => string): string {
  const width = end - start;
  if (value === null) return (zeros ? ' ' : pad).repeat(width);
  const text = valueText(value, type);
  // Only then are characters and places in the text not the same.
  const special = /[\r\n\ud800-\udfff]/.test(text);
  const length = special ? Array.from(text).length : text.length;
  if (length > width) throw refused(text, `(${length} characters)`, `${width} characters`, where);
  if (special && /[\r\n]/.test(text)) throw refused(text, 'with a line break in it', 'a line', where);
  if (text === '' || (text.startsWith(' ') && /^ *$/.test(text))) {
    throw refused(text, '(which would read back as NULL)', 'a fixed column', where);
  }
  if (zeros) {
    if (!/^-?(?:0|[1-9]\d*)(?:\.\d+)?$/.test(text))
      throw refused(text, 'in its form', 'a number padded with zeros', where);
    const sign = text.startsWith('-') ? '-' : '';
    return sign + text.slice(sign.length).padStart(width - sign.length, '0');
  }
  if (right ? text.startsWith(pad) : text.endsWith(pad)) {
    throw refused(text, `(whose ${right ? 'first' : 'last'} character is the padding)`, 'a fixed column', where);
  }
  const units = width + text.length - length;
  return right ? text.padStart(units, pad) : text.padEnd(units, pad);
}

function refused(text: string, what: string, target: string, where: () => string): Error {
  const shown = JSON.stringify(text.length > 60 ? `${text.slice(0, 57)}…` : text);
  return failure('VALUE_LOSSY', { where: where(), value: `${shown} ${what}`, target });
}
