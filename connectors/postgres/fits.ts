// Texts of which the server would drop something without a word: digits beyond a scale, a zone, a time of day, blanks.
import type { Column } from '../../engine/contracts/data.ts';
import { type Failure, failure } from '../../engine/errors.ts';
import { letIt } from '../shared/sql.ts';

/** Whether a text loses nothing in the column. A text that the server refuses is its own to refuse. */
export type Fits = (text: string) => boolean;

/** Undefined for a column in which nothing is ever lost. */
export function fitsOf(to: Column): Fits | undefined {
  const { type, scale, length, native = '' } = to;
  switch (type) {
    case 'decimal':
      return scale === undefined ? undefined : (text) => fitsScale(text, scale);
    case 'double':
      return native === 'real' ? isReal : isDouble;
    case 'date':
      return (text) => text.length <= 10 || !/\d:\d/.test(text) || /[T ]00:00(:00(\.0+)?)?$/.test(text);
    case 'timestamp':
      return (text) => (text.length <= 19 || !zone.test(text)) && fitsFraction(text, scale ?? 6);
    case 'timestamptz':
      return (text) => fitsFraction(text, scale ?? 6);
    case 'time':
      return (text) => (text.length <= 5 || !/\d-\d|[zZ+]|\d:[\d:.]+ ?-/.test(text)) && fitsFraction(text, scale ?? 6);
    case 'text':
      // Too long is refused, except for blanks at the end.
      return native.startsWith('character varying') && length !== undefined
        ? (text) => text.length <= length || !text.endsWith(' ') || [...text].length <= length
        : undefined;
    default:
      return undefined;
  }
}

/** The failure for a text that does not fit, in a record of a stream or a line of a file. */
export function lossIn(to: Column, text: string, where: string, at: { record: number } | { line: number }): Failure {
  const shown = text.length <= 60 ? text : `${text.slice(0, 60)}…`;
  const [record, position] = 'line' in at ? [`, line ${at.line}`, at.line] : [`, record ${at.record}`, at.record];
  const data = { where, value: `${shown} in column "${to.name}"`, target: to.native ?? to.type, column: to.name };
  return failure('VALUE_LOSSY', { ...data, record, position, hint: letIt });
}

/** After a time of day: `Z`, `+02`, `-0330`, `+05:30`, or a name. */
const zone = /\d:\d[\d:.]* ?([zZ]|[+-]\d{1,2}(:?\d{2})?|[A-Za-z]+\/[A-Za-z_]+|(?![AaPp][Mm]$)[A-Za-z]{3,4})$/;

function fitsScale(text: string, scale: number): boolean {
  const point = text.indexOf('.');
  if (text.length - point - 1 <= scale && point >= 0) return !/[eE]/.test(text) || fitsDigits(text, scale);
  if (point < 0 && scale >= 0 && !/[eE]/.test(text)) return true;
  return fitsDigits(text, scale);
}

function fitsDigits(text: string, scale: number): boolean {
  const parts = decimalParts(text);
  return parts === undefined || parts.digits === '' || parts.exponent >= -scale;
}

/** Digits without zeros around them, and the power of ten of the last one; undefined for what is no decimal number. */
function decimalParts(text: string): { digits: string; exponent: number; negative: boolean } | undefined {
  const found = /^\s*([+-]?)(\d*)\.?(\d*)(?:[eE]([+-]?\d+))?\s*$/.exec(text.replaceAll('_', ''));
  if (found === null) return undefined;
  const [, sign, whole = '', fraction = '', exponent = '0'] = found;
  const all = (whole + fraction).replace(/^0+/, '');
  const digits = all.replace(/0+$/, '');
  return { digits, exponent: Number(exponent) - fraction.length + all.length - digits.length, negative: sign === '-' };
}

function fitsFraction(text: string, digits: number): boolean {
  const point = text.indexOf('.');
  if (point < 0) return true;
  const fraction = /^\d+/.exec(text.slice(point + 1))?.[0] ?? '';
  return fraction.length <= digits || /^0*$/.test(fraction.slice(digits));
}

/** Fifteen digits come back from a double as they were, six from a real. */
function isDouble(text: string): boolean {
  return text.length <= 15 || isSame(text, String(Number(text)));
}

function isReal(text: string): boolean {
  if (text.length <= 6) return true;
  const value = Math.fround(Number(text));
  for (let precision = 6; precision <= 9; precision++) {
    const shown = value.toPrecision(precision);
    if (Math.fround(Number(shown)) === value) return isSame(text, shown);
  }
  return true;
}

function isSame(text: string, other: string): boolean {
  const [one, two] = [decimalParts(text), decimalParts(other)];
  if (one === undefined || two === undefined) return true;
  return one.digits === two.digits && (one.digits === '' || one.exponent === two.exponent);
}
