// Numbers of JSON texts without loss: which ones a double cannot hold, and what stands for those.

/**
 * The value of a JSON number: a number where that loses nothing, a bigint for a larger integer, and the digits as text
 * for a fraction with more of them than a double holds. A number is kept when the double nearest to it prints the same
 * digits, in its shortest form or with 17 of them (as many programs print doubles).
 */
export function exactNumber(text: string): number | bigint | string {
  const value = Number(text);
  if (text.length <= 15 && !/e/i.test(text)) return value;
  if (/^-?\d+$/.test(text)) return Number.isSafeInteger(value) ? value : BigInt(text);
  const digits = plainDigits(text);
  const kept = plainDigits(String(value)) === digits || plainDigits(value.toPrecision(17)) === digits;
  return kept ? value : text;
}

/** Sign, digits without outer zeros, and the power of ten of the last digit; the same for equal numbers. */
function plainDigits(text: string): string {
  const [, sign, whole, fraction = '', exponent = '0'] = /^(-?)(\d+)(?:\.(\d+))?(?:e([+-]?\d+))?$/i.exec(text) ?? [];
  if (whole === undefined) return text;
  const digits = (whole + fraction).replace(/^0+/, '');
  const short = digits.replace(/0+$/, '');
  if (short === '') return '0';
  return `${sign}${short}e${BigInt(exponent) - BigInt(fraction.length) + BigInt(digits.length - short.length)}`;
}

/**
 * Finds the numbers that JSON.parse may change. The function gives where the next one begins, from a place on, or the
 * length of the text; its places must not decrease. It looks for long runs of digits and for exponents of three digits,
 * and may point into a string.
 */
export function doubtfulNumbers(text: string): (from: number) => number {
  // Most texts have no such exponent, and this is the fastest way to know.
  const exponents = /\d[eE][+-]?\d{3}/.test(text) ? text.matchAll(numberWithLargeExponent) : undefined;
  let exponent = exponents === undefined ? text.length : -1;
  let run = -1;
  return (from) => {
    if (run < from) run = nextLongRun(text, from);
    while (exponent < from) exponent = exponents?.next().value?.index ?? text.length;
    return Math.min(run, exponent);
  };
}

const numberWithLargeExponent = /(?<=^|[\s:,[-])\d+(?:\.\d+)?[eE][+-]?\d{3}/g;

/** Doubles hold 15 digits without loss; with the point that makes 16 characters. */
const shortestRun = 16;

function nextLongRun(text: string, from: number): number {
  // A run of that length has a character at every multiple of it.
  for (let probe = from + shortestRun - 1; probe < text.length; probe += shortestRun) {
    if (!isDigitOrPoint(text.charCodeAt(probe))) continue;
    let start = probe;
    while (start > from && isDigitOrPoint(text.charCodeAt(start - 1))) start--;
    let end = probe + 1;
    while (end < text.length && isDigitOrPoint(text.charCodeAt(end))) end++;
    if (end - start >= shortestRun && mayStandAlone(text, start, end)) return start;
    probe = end - 1;
  }
  return text.length;
}

/** Whether the characters around are such as stand around a number outside of a string. */
function mayStandAlone(text: string, start: number, end: number): boolean {
  return (
    /^[\s:,[-]?$/.test(text.slice(Math.max(0, start - 1), start)) && /^[\s,\]}eE]?$/.test(text.slice(end, end + 1))
  );
}

function isDigitOrPoint(code: number): boolean {
  return (code >= 48 && code <= 57) || code === 46;
}
