// The functions on text and bytes.
import { createHash, randomUUID } from 'node:crypto';
import { Decimal } from './decimal.ts';
import { called, type FunctionEntry, listAt, method, textAt, wholeAt } from './function-entry.ts';
import { fromJson, toJson } from './json.ts';
import { describe, operandOf, unfit } from './messages.ts';
import { Problem, quoted, type Site } from './problem.ts';
import { matcherOf } from './regex.ts';
import { Duration, Timestamp } from './time.ts';

/** Padding to more than this is a mistake, and would fill the memory. */
const longestPadding = 1_000_000;

const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function bytesAt(site: Site, index: number, value: unknown): Uint8Array {
  if (value instanceof Uint8Array) return value;
  throw unfit(site, index, value, 'bytes');
}

// Text is taken for its UTF-8.
function bytesOf(site: Site, index: number, value: unknown): Uint8Array {
  if (typeof value === 'string') return Buffer.from(value, 'utf8');
  if (value instanceof Uint8Array) return value;
  throw unfit(site, index, value, 'text or bytes');
}

function utf8Text(site: Site, value: unknown): string {
  try {
    return strictUtf8.decode(bytesAt(site, 0, value));
  } catch (error) {
    if (error instanceof Problem) throw error;
    throw new Problem(() => `${operandOf(site, 0)} is not UTF-8`);
  }
}

function toText(site: Site, value: unknown): string {
  if (typeof value === 'string') return value;
  if (typeof value === 'number')
    return value === Number.POSITIVE_INFINITY ? '+Inf' : value === Number.NEGATIVE_INFINITY ? '-Inf' : String(value);
  if (typeof value === 'boolean' || typeof value === 'bigint') return String(value);
  if (value instanceof Decimal || value instanceof Timestamp || value instanceof Duration) return value.toString();
  if (value instanceof Uint8Array) return utf8Text(site, value);
  if (typeof value === 'object' && value !== null)
    throw new Problem(() => `${operandOf(site, 0)} is ${describe(value)}; write toJson(${operandOf(site, 0)})`);
  throw unfit(site, 0, value, 'one value');
}

// ---- Positions count characters (code points). Text without surrogates, nearly all, is its own index ---------

const surrogates = /[\ud800-\udfff]/;

/** Characters of a text. */
export function sizeOfText(text: string): number {
  let size = text.length;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code >= 0xd800 && code <= 0xdbff && (text.charCodeAt(at + 1) & 0xfc00) === 0xdc00) {
      size--;
      at++;
    }
  }
  return size;
}

function sliceText(text: string, start: number, end: number): string {
  return surrogates.test(text) ? [...text].slice(start, end).join('') : text.slice(start, end);
}

function substring(site: Site, text: unknown, start: unknown, end?: unknown): string {
  const whole = textAt(site, 0, text);
  const size = sizeOfText(whole);
  const [from, to] = [wholeAt(site, 1, start), end === undefined ? size : wholeAt(site, 2, end)];
  if (from < 0 || to < from || to > size) {
    throw new Problem(
      () =>
        `${operandOf(site, 0)} has ${size} characters, and no part from ${from} to ${to}; truncate(n) takes at most n`,
    );
  }
  return sliceText(whole, from, to);
}

// From units of UTF-16 to characters, and back.
function charactersTo(text: string, unit: number): bigint {
  return BigInt(unit < 0 ? -1 : sizeOfText(text.slice(0, unit)));
}

function find(last: boolean) {
  return (site: Site, text: unknown, part: unknown, from?: unknown): bigint => {
    const [whole, wanted] = [textAt(site, 0, text), textAt(site, 1, part)];
    if (from === undefined) return charactersTo(whole, last ? whole.lastIndexOf(wanted) : whole.indexOf(wanted));
    const start = wholeAt(site, 2, from);
    if (start < 0 || start > sizeOfText(whole))
      throw new Problem(() => `${operandOf(site, 0)} has ${sizeOfText(whole)} characters, and no position ${start}`);
    const unit = sliceText(whole, 0, start).length;
    return charactersTo(whole, last ? whole.lastIndexOf(wanted, unit) : whole.indexOf(wanted, unit));
  };
}

function charAt(site: Site, text: unknown, position: unknown): string {
  const whole = textAt(site, 0, text);
  const at = wholeAt(site, 1, position);
  if (at < 0 || at > sizeOfText(whole))
    throw new Problem(() => `${operandOf(site, 0)} has ${sizeOfText(whole)} characters, and no position ${at}`);
  return sliceText(whole, at, at + 1);
}

function split(site: Site, text: unknown, separator: unknown, most?: unknown): string[] {
  const parts = textAt(site, 0, text).split(textAt(site, 1, separator));
  const limit = most === undefined ? -1 : wholeAt(site, 2, most);
  if (limit < 0 || parts.length <= limit) return parts;
  return limit === 0 ? [] : [...parts.slice(0, limit - 1), parts.slice(limit - 1).join(textAt(site, 1, separator))];
}

function join(site: Site, list: unknown, separator: unknown = ''): string {
  const texts = listAt(site, 0, list).map((each) => {
    if (typeof each === 'string') return each;
    throw new Problem(
      () => `join takes a list of text, and an element is ${describe(each)}; write .map(x, string(x)).join(…)`,
    );
  });
  return texts.join(textAt(site, 1, separator));
}

function replace(site: Site, text: unknown, old: unknown, by: unknown, most?: unknown): string {
  const [whole, wanted, replacement] = [textAt(site, 0, text), textAt(site, 1, old), textAt(site, 2, by)];
  if (most === undefined || wholeAt(site, 3, most) < 0) return whole.replaceAll(wanted, () => replacement);
  const parts = whole.split(wanted);
  const count = Math.min(wholeAt(site, 3, most), parts.length - 1);
  const replaced = parts.slice(0, count + 1).join(replacement);
  return [replaced, ...parts.slice(count + 1)].join(wanted);
}

function pad(atStart: boolean) {
  return (site: Site, text: unknown, size: unknown, filler: unknown = ' '): string => {
    const [whole, wanted, fill] = [textAt(site, 0, text), wholeAt(site, 1, size), textAt(site, 2, filler)];
    if (wanted > longestPadding) throw new Problem(`${site.name} pads to at most ${longestPadding} characters`);
    const units = wanted + whole.length - sizeOfText(whole);
    return atStart ? whole.padStart(units, fill) : whole.padEnd(units, fill);
  };
}

/** CEL's `format`: %s any value, %d whole numbers, %f and %.2f fixed digits, %x and %X hexadecimal, %% a percent sign. */
export function formatText(site: Site, pattern: unknown, values: unknown): string {
  const list = listAt(site, 1, values);
  let next = 0;
  const text = textAt(site, 0, pattern).replace(
    /%(?:\.(\d{1,2}))?(.?)/gsu,
    (mark, digits: string | undefined, letter: string) => {
      if (mark === '%%') return '%';
      if (!'sdfxX'.includes(letter) || letter === '')
        throw new Problem(`format knows %s, %d, %f, %x and %%, not ${quoted(mark)}`);
      if (next >= list.length) throw new Problem(`format has more marks than the ${list.length} values`);
      const value = list[next++];
      const inner = { name: 'format', operands: [`value ${next}`] };
      if (letter === 's')
        return typeof value === 'object' &&
          (value === null || Array.isArray(value) || Object.getPrototypeOf(value) === Object.prototype)
          ? toJson(value)
          : toText(inner, value);
      if (letter === 'f') return fixed(inner, value, Number(digits ?? 6));
      const whole = typeof value === 'bigint' ? value : BigInt(wholeAt(inner, 0, value));
      if (letter === 'd') return String(whole);
      return letter === 'x' ? whole.toString(16) : whole.toString(16).toUpperCase();
    },
  );
  if (next < list.length) throw new Problem(`format has ${list.length} values and only ${next} marks for them`);
  return text;
}

function fixed(site: Site, value: unknown, digits: number): string {
  if (typeof value !== 'number' && typeof value !== 'bigint' && !(value instanceof Decimal))
    throw unfit(site, 0, value, 'a number');
  if (typeof value === 'number' && !Number.isFinite(value)) return toText(site, value);
  return Decimal.from(value).rounded(digits, 'half').toString();
}

function fromBase64(site: Site, text: unknown): Uint8Array {
  const digits = textAt(site, 0, text);
  if (!/^[A-Za-z0-9+/]*={0,2}$/.test(digits) || digits.replace(/=+$/, '').length % 4 === 1)
    throw new Problem(() => `${operandOf(site, 0)} is ${quoted(digits)}, not base64`);
  return Buffer.from(digits, 'base64');
}

function fromPercent(site: Site, text: unknown): string {
  try {
    return decodeURIComponent(textAt(site, 0, text));
  } catch (error) {
    if (error instanceof Problem) throw error;
    throw new Problem(() => `${operandOf(site, 0)} is not percent-encoded text`);
  }
}

function byteAt(site: Site, bytes: unknown, position: unknown): bigint {
  const [all, at] = [bytesAt(site, 0, bytes), wholeAt(site, 1, position)];
  if (at < 0 || at >= all.length)
    throw new Problem(() => `${operandOf(site, 0)} has ${all.length} bytes, and no position ${at}`);
  return BigInt(all[at]!);
}

const onText = (name: string, run: (text: string) => unknown) =>
  method(name, 1, 1, (site: Site, text: unknown) => run(textAt(site, 0, text)), 'text');
const asks = (name: string, run: (text: string, part: string) => boolean) =>
  method(
    name,
    2,
    2,
    (site: Site, text: unknown, part: unknown) => run(textAt(site, 0, text), textAt(site, 1, part)),
    'boolean',
  );

export const textFunctions: FunctionEntry[] = [
  called('string', 1, 1, toText, 'text'),
  asks('contains', (text, part) => text.includes(part)),
  asks('startsWith', (text, part) => text.startsWith(part)),
  asks('endsWith', (text, part) => text.endsWith(part)),
  asks('matches', (text, pattern) => matcherOf(pattern)(text)),
  onText('lower', (text) => text.toLowerCase()),
  onText('upper', (text) => text.toUpperCase()),
  onText('lowerAscii', (text) => text.replace(/[A-Z]+/g, (part) => part.toLowerCase())),
  onText('upperAscii', (text) => text.replace(/[a-z]+/g, (part) => part.toUpperCase())),
  onText('trim', (text) => text.trim()),
  method(
    'truncate',
    2,
    2,
    (site: Site, text: unknown, size: unknown) =>
      sliceText(textAt(site, 0, text), 0, Math.max(wholeAt(site, 1, size), 0)),
    'text',
  ),
  method('substring', 2, 3, substring, 'text'),
  method('charAt', 2, 2, charAt, 'text'),
  method('indexOf', 2, 3, find(false), 'integer'),
  method('lastIndexOf', 2, 3, find(true), 'integer'),
  method('split', 2, 3, split),
  method('join', 1, 2, join, 'text'),
  method('replace', 3, 4, replace, 'text'),
  method('padStart', 2, 3, pad(true), 'text'),
  method('padEnd', 2, 3, pad(false), 'text'),
  called('bytes', 1, 1, (site: Site, value: unknown) => bytesOf(site, 0, value)),
  method('hex', 1, 1, (site: Site, bytes: unknown) => Buffer.from(bytesAt(site, 0, bytes)).toString('hex'), 'text'),
  method('at', 2, 2, byteAt, 'integer'),
  called(
    'base64.encode',
    1,
    1,
    (site: Site, value: unknown) => Buffer.from(bytesOf(site, 0, value)).toString('base64'),
    'text',
  ),
  called('base64.decode', 1, 1, fromBase64),
  called(
    'url.encode',
    1,
    1,
    (site: Site, text: unknown) => encodeURIComponent(textAt(site, 0, text).toWellFormed()),
    'text',
  ),
  called('url.decode', 1, 1, fromPercent, 'text'),
  called(
    'sha256',
    1,
    1,
    (site: Site, value: unknown) =>
      createHash('sha256')
        .update(bytesOf(site, 0, value))
        .digest('hex'),
    'text',
  ),
  called('json', 1, 1, (site: Site, value: unknown) =>
    fromJson(typeof value === 'string' ? value : utf8Text(site, value), site),
  ),
  called('toJson', 1, 1, (_: Site, value: unknown) => toJson(value), 'text'),
  { name: 'uuid', style: 'function', least: 0, most: 0, returns: 'text', varies: true, run: () => randomUUID() },
];
