// JSON text to values without loss: an integer of any size is exact, and a number that would lose digits is refused.
import type { Value } from '../../engine/contracts/data.ts';
import { failure } from '../../engine/errors.ts';

/**
 * A number long enough to lose something, with an exponent, or a negative zero. Numbers stand at the beginning or after
 * one of `[`, `:`, `,` and a blank; what looks like one inside a string costs only time.
 */
const doubtful = /(?:^|[[:,\s])(?:-0(?:[\s,\]}]|\.0|$)|-?[\d.]*(?:\d{16}|[\d.]{17}|\d[eE]))/;

/** What most texts have nothing of, and takes a fifth of the time. */
const suspect = /\d[eE][-+\d]|(?:^|[[:,\s])-0/;

function isDoubtful(text: string): boolean {
  return (suspect.test(text) || hasLongRun(text)) && doubtful.test(text);
}

/** Whether 16 digits or points stand together: they cover one of every 16 places, so that only those are looked at. */
function hasLongRun(text: string): boolean {
  for (let at = 15; at < text.length; at += 16) {
    if (!isDigit(text.charCodeAt(at))) continue;
    let from = at;
    let to = at + 1;
    while (from > 0 && isDigit(text.charCodeAt(from - 1))) from--;
    while (isDigit(text.charCodeAt(to))) to++;
    if (to - from >= 16) return true;
  }
  return false;
}

function isDigit(code: number): boolean {
  return (code >= 48 && code <= 57) || code === 46;
}

/** `column` names the value in errors. */
export function parseJson(text: string, column: string): Value {
  const value = JSON.parse(text) as Value;
  return isDoubtful(text) ? exact(text, column) : value;
}

/** Each piece of text that JSON.parse has accepted: a string, a number, or what stands between. */
const token = /"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null|[[\]{}:,]/g;

function exact(text: string, column: string): Value {
  const tokens = text.match(token)!;
  let at = 0;
  const value = (): Value => {
    const piece = tokens[at++]!;
    if (piece === '[') {
      const items: Value[] = [];
      if (tokens[at] === ']') at++;
      else
        do items.push(value());
        while (tokens[at++] === ',');
      return items;
    }
    if (piece === '{') {
      const entries: [string, Value][] = [];
      if (tokens[at] === '}') at++;
      else
        do {
          const key = JSON.parse(tokens[at]!) as string;
          at += 2;
          entries.push([key, value()]);
        } while (tokens[at++] === ',');
      return Object.fromEntries(entries);
    }
    return /^[-\d]/.test(piece) ? number(piece, column) : JSON.parse(piece);
  };
  return value();
}

function number(text: string, column: string): Value {
  const value = Number(text);
  if (/^-?\d+$/.test(text) && !Number.isSafeInteger(value)) return BigInt(text);
  if (sameDigits(text, String(value))) return value;
  const target = 'a number; select it as text (`column::text`)';
  throw failure('VALUE_LOSSY', { where: `column "${column}"`, value: `the JSON number ${text}`, target });
}

/** Whether two decimal texts are the same number: their significant digits and their exponents. */
function sameDigits(a: string, b: string): boolean {
  return canonical(a) === canonical(b);
}

function canonical(text: string): string {
  const found = /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(text);
  if (found === null) return text;
  const [, sign, whole = '', fraction = '', exponent = '0'] = found;
  const digits = (whole + fraction).replace(/^0+/, '');
  const plain = digits.replace(/0+$/, '');
  if (plain === '') return '0';
  return `${sign}${plain}e${Number(exponent) - fraction.length + digits.length - plain.length}`;
}
