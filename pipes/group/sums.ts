// Sums of any number of values: exact for integers and decimals, and for doubles with the rounding errors given back.
import type { Value } from '../../engine/contracts/data.ts';
import { Decimal } from '../../engine/expressions/decimal.ts';
import { plainDecimal } from '../order/decimals.ts';

/** `big` and `small` together, divided by ten to the power of `scale`, and the doubles. */
export interface Sum {
  count: number;
  big: bigint;
  /** What has come since it last got large; exact below 2^53. */
  small: number;
  /** Most digits after the point that a value had. */
  scale: number;
  doubles: number;
  /** What the additions of doubles have lost. */
  lost: number;
  hasDoubles: boolean;
}

export function newSum(): Sum {
  return { count: 0, big: 0n, small: 0, scale: 0, doubles: 0, lost: 0, hasDoubles: false };
}

const exactBelow = 2 ** 52;
const shortDigits = 15;

/** A whole number; any number where `asDouble` says so. */
export function addNumber(sum: Sum, value: number | bigint, asDouble: boolean): void {
  sum.count++;
  if (!asDouble && typeof value === 'number' && Math.abs(value) < 1e15 && sum.scale === 0 && Number.isInteger(value)) {
    addSmall(sum, value);
  } else if (asDouble || (typeof value === 'number' && !Number.isInteger(value))) addDouble(sum, Number(value));
  else sum.big += BigInt(value) * 10n ** BigInt(sum.scale);
}

/** The digits of a decimal. Gives false for text that is none, NaN and the infinities. */
export function addDecimal(sum: Sum, text: string): boolean {
  const short = text.length <= shortDigits && addShort(sum, text);
  if (!short) {
    if (!/^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,4})?$/.test(text)) return false;
    const plain = plainDecimal(text);
    const point = plain.indexOf('.');
    const scale = point === -1 ? 0 : plain.length - point - 1;
    // The zeros that end the text are no part of the plain number, but of its scale.
    const written = /\.(\d*)$/.exec(text)?.[1]?.length ?? 0;
    rescale(sum, Math.max(scale, written));
    sum.big += BigInt(plain.replace('.', '')) * 10n ** BigInt(sum.scale - scale);
  }
  sum.count++;
  return true;
}

/** Digits with a sign and a point, without an exponent and anything else. */
function addShort(sum: Sum, text: string): boolean {
  const first = text.charCodeAt(0);
  const start = first === 45 || first === 43 ? 1 : 0;
  let number = 0;
  let scale = 0;
  let digits = 0;
  let pointed = false;
  for (let at = start; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === 46 && !pointed) pointed = true;
    else if (code >= 48 && code <= 57) {
      number = number * 10 + code - 48;
      digits++;
      if (pointed) scale++;
    } else return false;
  }
  if (digits === 0) return false;
  if (scale > sum.scale) rescale(sum, scale);
  const scaled = scale === sum.scale ? number : number * 10 ** (sum.scale - scale);
  const signed = first === 45 ? -scaled : scaled;
  if (scaled < exactBelow) addSmall(sum, signed);
  else sum.big += BigInt(first === 45 ? -number : number) * 10n ** BigInt(sum.scale - scale);
  return true;
}

function addSmall(sum: Sum, value: number): void {
  sum.small += value;
  if (sum.small < exactBelow && sum.small > -exactBelow) return;
  sum.big += BigInt(sum.small);
  sum.small = 0;
}

function rescale(sum: Sum, scale: number): void {
  if (scale <= sum.scale) return;
  sum.big = (sum.big + BigInt(sum.small)) * 10n ** BigInt(scale - sum.scale);
  sum.small = 0;
  sum.scale = scale;
}

/** Neumaier's way, https://doi.org/10.1002/zamm.19740540106: what one addition loses is kept apart. */
function addDouble(sum: Sum, value: number): void {
  sum.hasDoubles = true;
  const total = sum.doubles + value;
  const lost = Math.abs(sum.doubles) >= Math.abs(value) ? sum.doubles - total + value : value - total + sum.doubles;
  if (Number.isFinite(lost)) sum.lost += lost;
  sum.doubles = total;
}

/** Made of what a temporary file keeps. */
export function savedSum({ count, big, small, scale, doubles, lost, hasDoubles }: Sum): Value {
  return [count, big + BigInt(small), scale, doubles, lost, hasDoubles];
}

/** Adds a sum that was saved. */
export function addSaved(sum: Sum, saved: Value): void {
  const [count, big, scale, doubles, lost, hasDoubles] = saved as [number, bigint, number, number, number, boolean];
  rescale(sum, scale);
  sum.count += count;
  sum.big += big * 10n ** BigInt(sum.scale - scale);
  if (!hasDoubles) return;
  addDouble(sum, doubles);
  sum.lost += lost;
}

/** Digits with as many after the point as the value that had most. */
export function decimalSum({ big, small, scale }: Sum): string {
  const total = big + BigInt(small);
  const digits = String(total < 0n ? -total : total).padStart(scale + 1, '0');
  const whole = digits.slice(0, digits.length - scale);
  return `${total < 0n ? '-' : ''}${whole}${scale === 0 ? '' : `.${digits.slice(-scale)}`}`;
}

/** A number where one can hold it, or else a bigint. */
export function integerSum({ big, small }: Sum): number | bigint {
  const total = big + BigInt(small);
  const number = Number(total);
  return Number.isSafeInteger(number) ? number : total;
}

export function doubleSum(sum: Sum): number {
  const own = Number.isFinite(sum.doubles) ? sum.doubles + sum.lost : sum.doubles;
  return sum.big === 0n && sum.small === 0 ? own : own + Number(decimalSum(sum));
}

/** As `/` computes in expressions: to 20 digits after the point, the last one rounded half away from zero. */
export function decimalAverage(sum: Sum): string {
  return Decimal.from(decimalSum(sum)).over(Decimal.from(sum.count)).toString();
}

export function doubleAverage(sum: Sum): number {
  return sum.hasDoubles ? doubleSum(sum) / sum.count : Number(decimalAverage(sum));
}
