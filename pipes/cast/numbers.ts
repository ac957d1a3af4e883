// Values as integers, doubles and decimals, without loss or, where that is allowed, rounded half away from zero.
import type { Value } from '../../engine/contracts/data.ts';
import { invalidValue, parser } from '../formats/values.ts';
import { type Cast, type CastOptions, lossy, shown } from './cast.ts';

const integerText = parser('integer');
const doubleText = parser('double');
const decimalText = parser('decimal');

export function toInteger(options: CastOptions): Cast {
  const pointed = withPoint(options);
  const fitsZero = fitDecimal({ ...options, scale: 0, precision: undefined }, 'an integer');
  const ofText = (text: string): Value =>
    text.includes('.') ? smallest(BigInt(fitsZero(decimalText(text) as string))) : integerText(text);
  return (value) => {
    if (typeof value === 'string') return ofText(pointed(value));
    if (typeof value === 'bigint') return smallest(value);
    if (typeof value === 'boolean') return value ? 1 : 0;
    if (typeof value !== 'number' || !Number.isFinite(value)) throw invalidValue(shown(value), 'an integer');
    if (Number.isSafeInteger(value)) return value;
    return smallest(Number.isInteger(value) ? BigInt(value) : BigInt(fitsZero(digitsOf(value))));
  };
}

export function toDouble(options: CastOptions): Cast {
  const pointed = withPoint(options);
  const ofText = (text: string): number => {
    const number = doubleText(text) as number;
    // Up to 15 digits come back from a double as they were.
    if (options.lossy || text.length <= 15 || !Number.isFinite(number) || isSameNumber(text, number)) return number;
    throw lossy(text, 'a double');
  };
  return (value) => {
    if (typeof value === 'number') return value;
    if (typeof value === 'string') return ofText(pointed(value));
    if (typeof value === 'boolean') return value ? 1 : 0;
    if (typeof value !== 'bigint') throw invalidValue(shown(value), 'a number');
    const number = Number(value);
    if (options.lossy || BigInt(number) === value) return number;
    throw lossy(String(value), 'a double');
  };
}

export function toDecimal(options: CastOptions): Cast {
  const pointed = withPoint(options);
  const fitted = fitDecimal(options, decimalName(options));
  return (value) => {
    if (typeof value === 'string') return fitted(decimalText(pointed(value)) as string);
    if (typeof value === 'bigint') return fitted(String(value));
    if (typeof value === 'number' && Number.isFinite(value)) return fitted(digitsOf(value));
    if (typeof value === 'boolean') return fitted(value ? '1' : '0');
    throw invalidValue(shown(value), 'a decimal number');
  };
}

/** An int64 is a number where a number can hold it. */
function smallest(value: bigint): Value {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}

function withPoint({ separator }: CastOptions): (text: string) => string {
  if (separator !== ',') return (text) => text;
  return (text) => {
    if (text.includes('.')) throw invalidValue(text, 'a number with a decimal comma and no points');
    return text.replace(',', '.');
  };
}

function decimalName({ precision, scale }: CastOptions): string {
  if (precision === undefined)
    return scale === undefined ? 'a decimal' : `a decimal with ${scale} digits after the point`;
  return scale === undefined
    ? `a decimal of ${precision} digits`
    : `a decimal of ${precision} digits, ${scale} of them after the point`;
}

/** A decimal's text with exactly `scale` digits after the point, and at most `precision` digits in all. */
function fitDecimal({ precision, scale, lossy: mayLose }: CastOptions, target: string): (text: string) => string {
  if (precision === undefined && scale === undefined) return (text) => text;
  return (text) => {
    const sign = text.startsWith('-') ? '-' : '';
    const [whole = '', fraction = ''] = text.replace(/^[+-]/, '').split('.');
    let digits = whole.replace(/^0+/, '');
    let after = scale === undefined ? fraction : fraction.slice(0, scale).padEnd(scale, '0');
    const cut = scale === undefined ? '' : fraction.slice(scale);
    if (/[1-9]/.test(cut)) {
      if (!mayLose) throw lossy(text, target);
      if (cut[0]! >= '5') {
        const up = String(BigInt(`0${digits}${after}`) + 1n).padStart(after.length, '0');
        digits = up.slice(0, up.length - after.length);
        after = up.slice(up.length - after.length);
      }
    }
    const used = digits.length + (scale === undefined ? after.replace(/0+$/, '').length : scale);
    if (precision !== undefined && used > precision) throw invalidValue(text, target);
    const magnitude = (digits === '' ? '0' : digits) + (after === '' ? '' : `.${after}`);
    return /[1-9]/.test(magnitude) ? sign + magnitude : magnitude;
  };
}

/** A finite number's digits without an exponent. */
function digitsOf(number: number): string {
  const text = String(number);
  if (!text.includes('e')) return text;
  const { sign, digits, exponent } = scientific(text);
  if (exponent >= 0) return sign + digits + '0'.repeat(exponent);
  const padded = digits.padStart(1 - exponent, '0');
  return `${sign}${padded.slice(0, exponent)}.${padded.slice(exponent)}`;
}

function isSameNumber(text: string, number: number): boolean {
  const [a, b] = [scientific(text.trim()), scientific(String(number))];
  return a.digits === b.digits && (a.digits === '0' || (a.exponent === b.exponent && a.sign === b.sign));
}

/** Digits without zeros at either end, and the power of ten that they are multiplied with. */
function scientific(text: string): { sign: string; digits: string; exponent: number } {
  const [, sign = '', whole = '', fraction = '', power = '0'] =
    /^([+-]?)(\d*)\.?(\d*)(?:[eE]([+-]?\d+))?$/.exec(text) ?? [];
  const all = (whole + fraction).replace(/^0+/, '');
  const digits = all.replace(/0+$/, '');
  const exponent = Number(power) - fraction.length + (all.length - digits.length);
  return { sign: sign === '-' ? '-' : '', digits: digits === '' ? '0' : digits, exponent };
}
