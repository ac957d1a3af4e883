// Exact decimal numbers: digits with a scale, computed with big.js.
import Big from 'big.js';
import { Problem, quoted } from './problem.ts';

/** Digits after the point that a quotient is computed to. */
const quotientScale = 20;
/** Numbers of more digits than this are refused: nothing real has them, and they would be slow. */
const longest = 10_000;

const Exact = Big();
Exact.DP = quotientScale;
Exact.RM = 1;

/** Half away from zero, away from zero, towards zero: big.js's numbers for them. */
const roundings = { half: 1, away: 3, zero: 0 } as const;

/** Compares and computes without loss. The text of a result keeps the scale: 1.10 + 2.20 is 3.30, as in SQL. */
export class Decimal {
  /** As it was read; undefined for what was computed. */
  readonly #text: string | undefined;
  #big: Big | undefined;
  #scale: number | undefined;

  private constructor(text: string | undefined, big?: Big, scale?: number) {
    this.#text = text;
    this.#big = big;
    this.#scale = scale;
  }

  /** Digits are read when they are first computed with; a double counts by its shortest digits. */
  static from(value: string | number | bigint | Decimal): Decimal {
    return value instanceof Decimal ? value : new Decimal(String(value));
  }

  static #made(big: Big, scale: number): Decimal {
    if (Math.abs(big.e) > longest) throw new Problem('the result is outside the range of decimals');
    return new Decimal(undefined, big, Math.max(scale, big.c.length - 1 - big.e, 0));
  }

  get #value(): Big {
    this.#big ??= read(this.#text!);
    return this.#big;
  }

  get #digits(): number {
    this.#scale ??= scaleOf(this.#text!);
    return this.#scale;
  }

  plus(other: Decimal): Decimal {
    return Decimal.#made(this.#value.plus(other.#value), Math.max(this.#digits, other.#digits));
  }

  minus(other: Decimal): Decimal {
    return Decimal.#made(this.#value.minus(other.#value), Math.max(this.#digits, other.#digits));
  }

  times(other: Decimal): Decimal {
    return Decimal.#made(this.#value.times(other.#value), this.#digits + other.#digits);
  }

  /** To 20 digits after the point, the last one rounded half away from zero. */
  over(other: Decimal): Decimal {
    if (other.#value.eq(0)) throw new Problem('division by zero');
    return Decimal.#made(this.#value.div(other.#value), Math.max(this.#digits, other.#digits));
  }

  remainder(other: Decimal): Decimal {
    if (other.#value.eq(0)) throw new Problem('division by zero');
    return Decimal.#made(this.#value.mod(other.#value), Math.max(this.#digits, other.#digits));
  }

  negated(): Decimal {
    return Decimal.#made(this.#value.neg(), this.#digits);
  }

  rounded(digits: number, rounding: keyof typeof roundings): Decimal {
    return new Decimal(undefined, this.#value.round(digits, roundings[rounding]), Math.max(digits, 0));
  }

  /** -1, 0 or 1. */
  sign(): number {
    return this.#value.cmp(0);
  }

  /** Negative, zero, positive, or NaN beside NaN. */
  compare(other: Decimal | number | bigint): number {
    const mine = this.toNumber();
    const theirs = other instanceof Decimal ? other.toNumber() : Number(other);
    if (typeof other === 'number' && Number.isNaN(other)) return Number.NaN;
    // Rounding to a double keeps the order, so two finite doubles that differ decide.
    if (Number.isFinite(mine) && Number.isFinite(theirs) && mine !== theirs) return mine - theirs;
    const value = this.#value;
    return typeof other === 'number' && !Number.isFinite(other) ? -other : value.cmp(Decimal.from(other).#value);
  }

  /** The nearest double. */
  toNumber(): number {
    if (this.#text === undefined) return Number(this.#value.toString());
    // Number() knows blank text and hexadecimal, too.
    return /^$|[^\d.eE+-]/.test(this.#text) ? Number.NaN : Number(this.#text);
  }

  /** Towards zero. */
  toInteger(): bigint {
    return BigInt(this.#value.round(0, roundings.zero).toFixed());
  }

  /** Digits; without an exponent unless it was read with one. */
  toString(): string {
    return this.#text ?? this.#value.toFixed(this.#digits);
  }

  /** Refuses what is no number, now and not when it is first computed with. Writes an exponent out. */
  checked(): Decimal {
    return /^-?\d+(\.\d+)?$/.test(this.#text ?? '') ? this : Decimal.#made(this.#value, Math.max(this.#digits, 0));
  }
}

// Checked before big.js sees it, whose errors take a stack.
function read(text: string): Big {
  if (text.length > longest || !/^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,4})?$/.test(text))
    throw new Problem(`${quoted(text)} is not a decimal number`);
  return new Exact(text.startsWith('+') ? text.slice(1) : text);
}

// Digits after the point: of 1.50e1, one.
function scaleOf(text: string): number {
  const [mantissa = '', exponent = '0'] = text.toLowerCase().split('e');
  const point = mantissa.indexOf('.');
  return Math.max((point < 0 ? 0 : mantissa.length - point - 1) - Number(exponent), 0);
}
