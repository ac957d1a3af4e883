// The order of decimal numbers as text: exact, however many digits they have.

/** A number whose digits a double cannot all hold. */
export interface LongDecimal {
  /** The nearest double. Rounding keeps the order, so that two that differ decide. */
  readonly nearest: number;
  /** Without signs and zeros that mean nothing: equal for equal numbers. */
  readonly text: string;
}

/** Small decimals are the numbers themselves: up to 15 digits come back from a double as they were. */
export type DecimalKey = number | LongDecimal;

/** Undefined for text that is no number. Takes an exponent, NaN and the infinities, too. */
export function decimalKey(text: string): DecimalKey | undefined {
  const nearest = +text;
  // An exponent may be out of a double's range.
  if (text.length <= 15 && Number.isFinite(nearest) && !text.includes('e') && !text.includes('E')) {
    return text.trim() === '' || isOtherBase(text) ? undefined : nearest;
  }
  if (/^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,4})?$/.test(text)) return { nearest, text: plainDecimal(text) };
  const lower = text.toLowerCase();
  if (lower === 'nan') return Number.NaN;
  if (/^[+-]?inf(inity)?$/.test(lower)) return lower.startsWith('-') ? -Infinity : Infinity;
  return undefined;
}

/** Below zero, zero or above. NaN is equal to itself and after everything else, as in PostgreSQL. */
export function compareDecimals(one: DecimalKey, other: DecimalKey): number {
  const a = typeof one === 'number' ? one : one.nearest;
  const b = typeof other === 'number' ? other : other.nearest;
  if (a < b) return -1;
  if (a > b) return 1;
  if (a !== b) return Number(Number.isNaN(a)) - Number(Number.isNaN(b));
  if (typeof one === 'number' && typeof other === 'number') return 0;
  if (typeof one === 'number' && !Number.isFinite(one)) return one > 0 ? 1 : -1;
  if (typeof other === 'number' && !Number.isFinite(other)) return other > 0 ? -1 : 1;
  return comparePlain(
    typeof one === 'number' ? plainDecimal(String(one)) : one.text,
    typeof other === 'number' ? plainDecimal(String(other)) : other.text,
  );
}

/** A finite number without an exponent, a plus, or zeros at its ends: `-12.5`, `0`, `0.001`. The same for equal numbers. */
export function plainDecimal(text: string): string {
  const negative = text.startsWith('-');
  const [mantissa = '', power = '0'] = (negative || text.startsWith('+') ? text.slice(1) : text).split(/[eE]/);
  let [whole = '', fraction = ''] = mantissa.split('.');
  const shift = Number(power);
  if (shift > 0) {
    fraction = fraction.padEnd(shift, '0');
    whole += fraction.slice(0, shift);
    fraction = fraction.slice(shift);
  } else if (shift < 0) {
    whole = whole.padStart(1 - shift, '0');
    fraction = whole.slice(shift) + fraction;
    whole = whole.slice(0, shift);
  }
  whole = whole.replace(/^0+(?=\d)/, '') || '0';
  fraction = fraction.replace(/0+$/, '');
  if (whole === '0' && fraction === '') return '0';
  return `${negative ? '-' : ''}${whole}${fraction === '' ? '' : `.${fraction}`}`;
}

function comparePlain(one: string, other: string): number {
  if (one === other) return 0;
  const negative = one.startsWith('-');
  if (negative !== other.startsWith('-')) return negative ? -1 : 1;
  return negative ? -compareSizes(one.slice(1), other.slice(1)) : compareSizes(one, other);
}

function compareSizes(one: string, other: string): number {
  const [a, b] = [wholeLength(one), wholeLength(other)];
  // Of the same length before the point, digits compare as text; without more digits is less.
  return a === b ? (one < other ? -1 : 1) : a - b;
}

function wholeLength(text: string): number {
  const point = text.indexOf('.');
  return point === -1 ? text.length : point;
}

/** JavaScript reads 0x10, 0b1 and 0o7 as numbers; nothing else does. */
function isOtherBase(text: string): boolean {
  return /^\s*0[xbo]/i.test(text);
}
