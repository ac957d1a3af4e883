// What the operators do with every kind of value. Compiled code calls these where its own short way does not apply.
import { Decimal } from './decimal.ts';
import { isNumber, mismatch, unfit } from './messages.ts';
import { Problem, quoted, type Site } from './problem.ts';
import { Duration, readDuration, readTimestamp, Timestamp } from './time.ts';

type Numeric = number | bigint | Decimal;
type Arithmetic = '+' | '-' | '*' | '/' | '%';

const [smallest, largest] = [-(2n ** 63n), 2n ** 63n - 1n];

/** Refuses what CEL's int cannot hold. */
export function int64(value: bigint): bigint {
  if (value > largest || value < smallest) throw new Problem(`${value} is outside the range of integers (64 bits)`);
  return value;
}

export function add(left: unknown, right: unknown, site: Site): unknown {
  if (isNumber(left) && isNumber(right)) return compute('+', left, right);
  if (typeof left === 'string' && typeof right === 'string') return left + right;
  if (Array.isArray(left) && Array.isArray(right)) return [...left, ...right];
  if (left instanceof Uint8Array && right instanceof Uint8Array) return Buffer.concat([left, right]);
  if (left instanceof Duration && right instanceof Duration) return new Duration(left.nanoseconds + right.nanoseconds);
  if (right instanceof Duration) return timestampOf(left, 0, site).plus(right);
  if (left instanceof Duration) return timestampOf(right, 1, site).plus(left);
  throw mismatch(left, right, site);
}

export function subtract(left: unknown, right: unknown, site: Site): unknown {
  if (isNumber(left) && isNumber(right)) return compute('-', left, right);
  if (left instanceof Duration && right instanceof Duration) return new Duration(left.nanoseconds - right.nanoseconds);
  if (right instanceof Duration) return timestampOf(left, 0, site).minus(right);
  if (left instanceof Timestamp) return left.since(timestampOf(right, 1, site));
  if (right instanceof Timestamp) return timestampOf(left, 0, site).since(right);
  throw mismatch(left, right, site);
}

export function multiply(left: unknown, right: unknown, site: Site): unknown {
  if (isNumber(left) && isNumber(right)) return compute('*', left, right);
  throw mismatch(left, right, site);
}

export function divide(left: unknown, right: unknown, site: Site): unknown {
  if (isNumber(left) && isNumber(right)) return compute('/', left, right);
  throw mismatch(left, right, site);
}

export function remainder(left: unknown, right: unknown, site: Site): unknown {
  if (isNumber(left) && isNumber(right)) return compute('%', left, right);
  throw mismatch(left, right, site);
}

export function negate(value: unknown, site: Site): unknown {
  if (typeof value === 'number') return -value;
  if (typeof value === 'bigint') return int64(-value);
  if (value instanceof Decimal) return value.negated();
  if (value instanceof Duration) return new Duration(-value.nanoseconds);
  throw unfit(site, 0, value, 'a number');
}

function compute(operator: Arithmetic, left: Numeric, right: Numeric): Numeric {
  if (left instanceof Decimal || right instanceof Decimal)
    return computeDecimals(operator, Decimal.from(left), Decimal.from(right));
  if (typeof left === 'bigint' && typeof right === 'bigint') return computeIntegers(operator, left, right);
  return computeMixed(operator, left, right);
}

function computeDecimals(operator: Arithmetic, left: Decimal, right: Decimal): Decimal {
  if (operator === '+') return left.plus(right);
  if (operator === '-') return left.minus(right);
  if (operator === '*') return left.times(right);
  return operator === '/' ? left.over(right) : left.remainder(right);
}

function computeIntegers(operator: Arithmetic, left: bigint, right: bigint): bigint {
  if (operator === '+') return int64(left + right);
  if (operator === '-') return int64(left - right);
  if (operator === '*') return int64(left * right);
  if (right === 0n) throw new Problem(operator === '/' ? 'division by zero' : 'remainder of a division by zero');
  return operator === '/' ? int64(left / right) : left % right;
}

// At least one of the two is a double.
function computeMixed(operator: Arithmetic, left: number | bigint, right: number | bigint): number | bigint {
  const [a, b] = [Number(left), Number(right)];
  if (operator === '/') return a / b;
  if (operator === '%') return remainderOfDoubles(left, right);
  const result = operator === '+' ? a + b : operator === '-' ? a - b : a * b;
  if (typeof left === typeof right || !(isWhole(left) && isWhole(right))) return result;
  // An integer beside a whole double stays exact beyond 2^53, as for the keys of a column that grows past it.
  if (Number.isSafeInteger(a) && Number.isSafeInteger(b) && Number.isSafeInteger(result)) return result;
  const exact = {
    '+': BigInt(left) + BigInt(right),
    '-': BigInt(left) - BigInt(right),
    '*': BigInt(left) * BigInt(right),
  }[operator];
  return exact > largest || exact < smallest ? result : exact;
}

function isWhole(value: number | bigint): boolean {
  return typeof value === 'bigint' || Number.isSafeInteger(value);
}

function remainderOfDoubles(left: number | bigint, right: number | bigint): number | bigint {
  for (const value of [left, right]) {
    if (typeof value === 'number' && !Number.isInteger(value))
      throw new Problem(`"%" takes whole numbers, and ${value} is none`);
  }
  if (Number(right) === 0) throw new Problem('remainder of a division by zero');
  // Adding 0 makes 0 of -0.
  if (typeof left === typeof right) return (Number(left) % Number(right)) + 0;
  return Number(BigInt(left) % BigInt(right));
}

// Text beside a duration or a timestamp can only mean a time.
function timestampOf(value: unknown, index: number, site: Site): Timestamp {
  if (value instanceof Timestamp) return value;
  if (typeof value !== 'string') throw unfit(site, index, value, 'a timestamp');
  const timestamp = readTimestamp(value);
  if (timestamp === undefined)
    throw new Problem(`${quoted(value)} is not a timestamp; write it as in "2024-05-31T12:00:00Z"`);
  return timestamp;
}

function durationOf(value: string): Duration {
  const duration = readDuration(value);
  if (duration === undefined) throw new Problem(`${quoted(value)} is not a duration; write it as in "1h30m"`);
  return duration;
}

export function less(left: unknown, right: unknown, site: Site): boolean {
  return order(left, right, site) < 0;
}

export function lessOrEqual(left: unknown, right: unknown, site: Site): boolean {
  return order(left, right, site) <= 0;
}

export function greater(left: unknown, right: unknown, site: Site): boolean {
  return order(left, right, site) > 0;
}

export function greaterOrEqual(left: unknown, right: unknown, site: Site): boolean {
  return order(left, right, site) >= 0;
}

/** Negative, zero, positive, or NaN beside NaN. */
export function order(left: unknown, right: unknown, site: Site): number {
  if (isNumber(left) && isNumber(right)) return orderNumbers(left, right);
  if (typeof left === 'string' && typeof right === 'string') return left < right ? -1 : left > right ? 1 : 0;
  if (typeof left === 'boolean' && typeof right === 'boolean') return Number(left) - Number(right);
  if (left instanceof Timestamp && (right instanceof Timestamp || typeof right === 'string'))
    return left.compare(timestampOf(right, 1, site));
  if (right instanceof Timestamp && typeof left === 'string') return timestampOf(left, 0, site).compare(right);
  if (left instanceof Duration && (right instanceof Duration || typeof right === 'string'))
    return orderDurations(left, right);
  if (right instanceof Duration && typeof left === 'string') return -orderDurations(right, left);
  throw mismatch(left, right, site);
}

function orderNumbers(left: Numeric, right: Numeric): number {
  if (left instanceof Decimal) return left.compare(right);
  if (right instanceof Decimal) return -right.compare(left);
  // Of a number and a bigint, neither is less when they are equal; NaN is neither less nor equal.
  return left < right ? -1 : left > right ? 1 : left >= right ? 0 : Number.NaN;
}

function orderDurations(left: Duration, right: Duration | string): number {
  const other = typeof right === 'string' ? durationOf(right) : right;
  return left.nanoseconds < other.nanoseconds ? -1 : left.nanoseconds > other.nanoseconds ? 1 : 0;
}

/** As CEL's `==`, with one strictness: text beside a number or a boolean is an error, not false. */
export function equal(left: unknown, right: unknown, site: Site): boolean {
  if (left === null || left === undefined) return right === null || right === undefined;
  if (right === null || right === undefined) return false;
  if (typeof left === 'string' && neverText(right)) throw mismatch(left, right, site);
  if (typeof right === 'string' && neverText(left)) throw mismatch(left, right, site);
  if (typeof left === 'string' && (right instanceof Timestamp || right instanceof Duration))
    return order(left, right, site) === 0;
  if (typeof right === 'string' && (left instanceof Timestamp || left instanceof Duration))
    return order(left, right, site) === 0;
  return same(left, right);
}

function neverText(value: unknown): boolean {
  return typeof value === 'boolean' || isNumber(value);
}

/** Equality of two values of any kinds, at any depth; of different kinds: false. */
export function same(left: unknown, right: unknown): boolean {
  if (left === right) return true;
  if (isNumber(left) && isNumber(right)) return orderNumbers(left, right) === 0;
  if (typeof left !== 'object' || typeof right !== 'object' || left === null || right === null)
    return (left ?? null) === (right ?? null);
  if (left instanceof Timestamp) return right instanceof Timestamp && left.compare(right) === 0;
  if (left instanceof Duration) return right instanceof Duration && left.nanoseconds === right.nanoseconds;
  if (left instanceof Uint8Array) return right instanceof Uint8Array && Buffer.compare(left, right) === 0;
  if (Array.isArray(left))
    return Array.isArray(right) && left.length === right.length && left.every((each, i) => same(each, right[i]));
  return !Array.isArray(right) && isMap(right) && sameMaps(left as Fields, right as Fields);
}

type Fields = Record<string, unknown>;

function isMap(value: object): boolean {
  return !(
    value instanceof Uint8Array ||
    value instanceof Timestamp ||
    value instanceof Duration ||
    value instanceof Decimal
  );
}

function sameMaps(left: Fields, right: Fields): boolean {
  if (left instanceof Decimal) return false;
  const names = Object.keys(left);
  return (
    names.length === Object.keys(right).length &&
    names.every((name) => Object.hasOwn(right, name) && same(left[name], right[name]))
  );
}

/** `in`: an element of a list, a key of a map. Text beside nothing but numbers, and the reverse, is an error. */
export function contained(value: unknown, container: unknown, site: Site): boolean {
  if (Array.isArray(container)) {
    if (container.some((each) => same(value, each))) return true;
    const isOther = typeof value === 'string' ? neverText : (each: unknown) => typeof each === 'string';
    const comparable = (typeof value !== 'string' && !neverText(value)) || container.length === 0;
    if (comparable || !container.every(isOther)) return false;
    throw mismatch(value, container[0], {
      ...site,
      operands: [site.operands[0]!, `an element of ${site.operands[1]}`],
    });
  }
  if (typeof container === 'object' && container !== null && isMap(container)) {
    return (
      (typeof value === 'string' || neverText(value)) &&
      Object.hasOwn(container, String(value)) &&
      (container as Fields)[String(value)] !== undefined
    );
  }
  if (typeof container === 'string')
    throw new Problem(
      `"in" looks into lists and maps; for text write ${site.operands[1]}.contains(${site.operands[0]})`,
    );
  throw unfit(site, 1, container, 'a list or a map');
}
