// The functions that make numbers and booleans, and `math`.
import { Decimal } from './decimal.ts';
import { called, type FunctionEntry, listAt, wholeAt } from './function-entry.ts';
import { describe, isNumber, operandOf, unfit } from './messages.ts';
import { add, int64, less } from './operators.ts';
import { Problem, quoted, type Site } from './problem.ts';
import { Timestamp } from './time.ts';

type Numeric = number | bigint | Decimal;

const powersOfTen = Float64Array.from({ length: 16 }, (_, exponent) => 10 ** exponent);

/**
 * The double that is nearest to the digits of `text`, or NaN. Up to 15 digits and a point are read by hand, which is
 * exact (both the digits and the power of ten are doubles, and one division rounds once) and three times as fast.
 */
export function readDouble(text: string): number {
  const length = text.length;
  if (length > 16) return readLongDouble(text);
  const start = text.charCodeAt(0) === 45 ? 1 : 0;
  let [digits, at, code] = [0, start, 0];
  for (; at < length; at++) {
    code = text.charCodeAt(at) - 48;
    if (code < 0 || code > 9) break;
    digits = digits * 10 + code;
  }
  if (at === length) {
    if (length === 16 || length === start) return readLongDouble(text);
    return start === 1 ? -digits : digits;
  }
  // A point is 2 below "0".
  if (code !== -2 || length - start === 1) return readLongDouble(text);
  const decimals = length - 1 - at;
  for (at++; at < length; at++) {
    code = text.charCodeAt(at) - 48;
    if (code < 0 || code > 9) return readLongDouble(text);
    digits = digits * 10 + code;
  }
  digits /= powersOfTen[decimals]!;
  return start === 1 ? -digits : digits;
}

function readLongDouble(text: string): number {
  const number = Number(text);
  const first = text.charCodeAt(0);
  const last = text.charCodeAt(text.length - 1);
  // Number() takes blanks around and blank text for 0.
  if (!Number.isNaN(number) && first > 32 && first < 128 && last > 32 && last < 128) return number;
  const infinite = /^([+-]?)inf(inity)?$/i.exec(text);
  return infinite === null ? Number.NaN : infinite[1] === '-' ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
}

/** `double(x)`. */
export function toDouble(site: Site, value: unknown): number {
  if (typeof value === 'string') {
    const number = readDouble(value);
    if (!Number.isNaN(number) || value.toLowerCase() === 'nan') return number;
    throw notNumber(site, value, 'a number');
  }
  if (typeof value === 'number') return value;
  if (typeof value === 'bigint') return Number(value);
  if (value instanceof Decimal) return value.toNumber();
  throw unfit(site, 0, value, 'a number or text');
}

/** `int(x)`, towards zero. */
function toInteger(site: Site, value: unknown): bigint {
  if (typeof value === 'string') {
    if (!/^[+-]?\d{1,40}$/.test(value)) throw notNumber(site, value, 'a whole number');
    return int64(BigInt(value));
  }
  if (typeof value === 'bigint') return value;
  if (typeof value === 'number') {
    if (!Number.isFinite(value)) throw new Problem(`int takes finite numbers, and ${operandOf(site, 0)} is ${value}`);
    return int64(BigInt(Math.trunc(value)));
  }
  if (value instanceof Decimal) return int64(value.toInteger());
  if (value instanceof Timestamp) return BigInt(value.seconds);
  throw unfit(site, 0, value, 'a number or text');
}

function notNumber(site: Site, text: string, wanted: string): Problem {
  return new Problem(() => {
    const operand = operandOf(site, 0);
    if (text.trim() === '')
      return `${operand} is empty, not ${wanted}; write ${operand} == "" ? null : ${site.name}(${operand})`;
    let advice = '';
    if (text !== text.trim() && !Number.isNaN(readDouble(text.trim())))
      advice = `; write ${site.name}(${operand}.trim())`;
    else if (wanted === 'a whole number' && !Number.isNaN(readDouble(text))) advice = `; write int(double(${operand}))`;
    return `${operand} is ${quoted(text)}, not ${wanted}${advice}`;
  });
}

function toBoolean(site: Site, value: unknown): boolean {
  if (typeof value === 'boolean') return value;
  if (typeof value !== 'string') throw unfit(site, 0, value, 'true, false or text');
  if (/^(?:1|t|true|TRUE|True)$/.test(value)) return true;
  if (/^(?:0|f|false|FALSE|False)$/.test(value)) return false;
  throw new Problem(() => `${operandOf(site, 0)} is ${quoted(value)}, not "true" or "false"`);
}

function toDecimal(site: Site, value: unknown): Decimal {
  if (typeof value === 'string' || isNumber(value)) return Decimal.from(value).checked();
  throw unfit(site, 0, value, 'a number or text');
}

function numberAt(site: Site, index: number, value: unknown): Numeric {
  if (isNumber(value)) return value;
  throw unfit(site, index, value, 'a number');
}

function doubleAt(site: Site, index: number, value: unknown): number {
  const number = numberAt(site, index, value);
  return number instanceof Decimal ? number.toNumber() : Number(number);
}

function rounding(inDouble: (value: number) => number, inDecimal: (value: Decimal) => Decimal) {
  return (site: Site, value: unknown): Numeric => {
    const number = numberAt(site, 0, value);
    if (typeof number === 'number') return inDouble(number);
    return number instanceof Decimal ? inDecimal(number) : number;
  };
}

/** `math.round(x, digits)`: half away from zero, by the digits that the number is written with (1.005 gives 1.01). */
function round(site: Site, value: unknown, digits: unknown = 0): Numeric {
  const number = numberAt(site, 0, value);
  const places = wholeAt(site, 1, digits);
  if (Math.abs(places) > 100) throw new Problem('math.round takes -100 to 100 digits');
  if (typeof number === 'number') {
    if (!Number.isFinite(number)) return number;
    // Adding 0 makes 0 of -0.
    if (places === 0) return Math.sign(number) * Math.round(Math.abs(number)) + 0;
    return Decimal.from(number).rounded(places, 'half').toNumber();
  }
  if (typeof number === 'bigint')
    return places >= 0 ? number : Decimal.from(number).rounded(places, 'half').toInteger();
  return number.rounded(places, 'half');
}

function absolute(site: Site, value: unknown): unknown {
  const number = numberAt(site, 0, value);
  if (number instanceof Decimal) return number.sign() < 0 ? number.negated() : number;
  return typeof number === 'number' ? Math.abs(number) : number < 0n ? int64(-number) : number;
}

function sign(site: Site, value: unknown): Numeric {
  const number = numberAt(site, 0, value);
  if (number instanceof Decimal) return BigInt(number.sign());
  return typeof number === 'number' ? Math.sign(number) : number < 0n ? -1n : number > 0n ? 1n : 0n;
}

// Of several operands, or of the elements of one list.
function extreme(better: (candidate: unknown, best: unknown, site: Site) => boolean) {
  return (site: Site, ...operands: unknown[]): unknown => {
    const list = operands.length === 1 ? listAt(site, 0, operands[0]) : operands;
    if (list.length === 0) throw new Problem(`${site.name} takes at least one number, and the list is empty`);
    list.forEach((each, index) => {
      numberAt(operands.length === 1 ? { ...site, operands: list.map((_, i) => `element ${i}`) } : site, index, each);
    });
    return list.reduce((best, each) => (better(each, best, site) ? each : best));
  };
}

function sum(site: Site, list: unknown): unknown {
  let total: unknown = 0n;
  for (const each of listAt(site, 0, list)) {
    if (!isNumber(each)) throw new Problem(`sum takes a list of numbers, and an element is ${describe(each)}`);
    total = add(total, each, site);
  }
  return total;
}

const floor = rounding(Math.floor, (value) => (value.sign() < 0 ? value.rounded(0, 'away') : value.rounded(0, 'zero')));
const ceil = rounding(Math.ceil, (value) => (value.sign() < 0 ? value.rounded(0, 'zero') : value.rounded(0, 'away')));
const truncate = rounding(Math.trunc, (value) => value.rounded(0, 'zero'));
const isNaNumber = (site: Site, value: unknown) => Number.isNaN(numberAt(site, 0, value));
const isInfinite = (site: Site, value: unknown) => Math.abs(doubleAt(site, 0, value)) === Number.POSITIVE_INFINITY;

export const numberFunctions: FunctionEntry[] = [
  called('double', 1, 1, toDouble, 'double'),
  called('int', 1, 1, toInteger, 'integer'),
  called(
    'uint',
    1,
    1,
    (site: Site, value: unknown) => {
      const integer = toInteger(site, value);
      if (integer < 0n) throw new Problem(`uint takes no negative numbers, and ${operandOf(site, 0)} is ${integer}`);
      return integer;
    },
    'integer',
  ),
  called('decimal', 1, 1, toDecimal),
  called('bool', 1, 1, toBoolean, 'boolean'),
  called('math.abs', 1, 1, absolute),
  called('math.ceil', 1, 1, ceil),
  called('math.floor', 1, 1, floor),
  called('math.round', 1, 2, round),
  called('math.trunc', 1, 1, truncate),
  called('math.sign', 1, 1, sign),
  called('math.sqrt', 1, 1, (site: Site, value: unknown) => Math.sqrt(doubleAt(site, 0, value)), 'double'),
  called(
    'math.greatest',
    1,
    100,
    extreme((each, best, site) => less(best, each, site)),
  ),
  called(
    'math.least',
    1,
    100,
    extreme((each, best, site) => less(each, best, site)),
  ),
  called('math.isNaN', 1, 1, isNaNumber, 'boolean'),
  called('math.isInf', 1, 1, isInfinite, 'boolean'),
  called(
    'math.isFinite',
    1,
    1,
    (site: Site, value: unknown) => !isNaNumber(site, value) && !isInfinite(site, value),
    'boolean',
  ),
  { name: 'sum', style: 'method', least: 1, most: 1, run: sum },
];
