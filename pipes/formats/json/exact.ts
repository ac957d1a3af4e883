// A careful JSON parser: no number is rounded, and a mistake has its place. For what JSON.parse cannot be trusted with.
import type { Value } from '../../../engine/contracts/data.ts';
import { exactNumber } from './numbers.ts';

/** What is wrong with a text, and where. `atEnd`: it would need to go on. */
export interface Mistake {
  offset: number;
  reason: string;
  atEnd: boolean;
}

const deepest = 2_000;

/**
 * Reads what RFC 8259 allows, as JSON.parse does: of equal keys in an object the last wins. Numbers are as `exactNumber`
 * says. One level of nesting more than 2,000 is a mistake.
 */
export function parseExact(text: string): { value: Value } | { mistake: Mistake } {
  let at = 0;
  let depth = 0;
  try {
    const value = parseValue();
    skipSpace();
    if (at < text.length) throw unexpected('the end');
    return { value };
  } catch (thrown) {
    if (isMistake(thrown)) return { mistake: thrown };
    throw thrown;
  }

  function parseValue(): Value {
    skipSpace();
    const code = text.charCodeAt(at);
    switch (code) {
      case 0x7b:
        return parseObject();
      case 0x5b:
        return parseArray();
      case 0x22:
        return parseString();
      case 0x74:
        return parseWord('true', true);
      case 0x66:
        return parseWord('false', false);
      case 0x6e:
        return parseWord('null', null);
      default:
        return parseNumber();
    }
  }

  function parseObject(): Value {
    const object: { [key: string]: Value } = {};
    open();
    if (text.charCodeAt(at) === 0x7d) return close(object);
    for (;;) {
      if (text.charCodeAt(at) !== 0x22) throw unexpected('a key in double quotes');
      const key = parseString();
      skipSpace();
      if (text.charCodeAt(at) !== 0x3a) throw unexpected('":"');
      at++;
      const value = parseValue();
      // Assigning this key would set the prototype.
      if (key === '__proto__') {
        Object.defineProperty(object, key, { value, writable: true, enumerable: true, configurable: true });
      } else object[key] = value;
      skipSpace();
      const code = text.charCodeAt(at);
      if (code === 0x7d) return close(object);
      if (code !== 0x2c) throw unexpected('"," or "}"');
      at++;
      skipSpace();
    }
  }

  function parseArray(): Value {
    const array: Value[] = [];
    open();
    if (text.charCodeAt(at) === 0x5d) return close(array);
    for (;;) {
      array.push(parseValue());
      skipSpace();
      const code = text.charCodeAt(at);
      if (code === 0x5d) return close(array);
      if (code !== 0x2c) throw unexpected('"," or "]"');
      at++;
    }
  }

  function open(): void {
    if (++depth > deepest) throw mistake(at, `it is nested deeper than ${deepest} levels`);
    at++;
    skipSpace();
  }

  function close<T>(value: T): T {
    depth--;
    at++;
    return value;
  }

  function parseString(): string {
    const start = at++;
    let escaped = false;
    for (;;) {
      const code = text.charCodeAt(at);
      if (code === 0x22) break;
      if (code === 0x5c) {
        escaped = true;
        checkEscape();
      } else if (code < 0x20) throw mistake(at, `${shown(at)} stands in a string; write it as \\u${hex(code)}`);
      else if (at >= text.length) throw { ...mistake(start, 'a string has no end'), atEnd: true };
      at++;
    }
    at++;
    return escaped ? JSON.parse(text.slice(start, at)) : text.slice(start + 1, at - 1);
  }

  function checkEscape(): void {
    const start = at++;
    if (text[at] === 'u' && /^[0-9a-fA-F]{4}$/.test(text.slice(at + 1, at + 5))) at += 4;
    else if (at >= text.length || (text[at] === 'u' && /^[0-9a-fA-F]{0,3}$/.test(text.slice(at + 1)))) {
      throw { ...mistake(start, 'an escape in a string has no end'), atEnd: true };
    } else if (!'"\\/bfnrt'.includes(text[at]!)) throw mistake(start, `\\${text[at]} is no escape of JSON`);
  }

  function parseWord<T>(word: string, value: T): T {
    if (!text.startsWith(word, at)) {
      const rest = text.slice(at);
      if (word.startsWith(rest)) throw { ...mistake(at, `${rest} is cut off`), atEnd: true };
      throw unexpected('a value');
    }
    at += word.length;
    return value;
  }

  function parseNumber(): Value {
    const small = parseSmallInteger();
    if (small !== undefined) return small;
    number.lastIndex = at;
    const [found] = number.exec(text) ?? [];
    if (found === undefined) {
      if (text.charCodeAt(at) === 0x2d && at + 1 === text.length) at++;
      throw unexpected('a value');
    }
    at += found.length;
    if (/[\d.eE+-]/.test(text[at] ?? '')) {
      // 1. and 1e+ may go on; 01 and 1.e5 cannot become numbers.
      const unfinished = /^(?:\.|[eE][+-]?)$/.test(text.slice(at));
      throw { ...mistake(at, `${text.slice(at - found.length, at + 8)} is not a number of JSON`), atEnd: unfinished };
    }
    return exactNumber(found);
  }

  /** The most frequent kind: up to 15 digits, without a sign or a leading zero. */
  function parseSmallInteger(): number | undefined {
    let end = at;
    let value = 0;
    let code = text.charCodeAt(end);
    if (code === 0x30) return undefined;
    while (code >= 0x30 && code <= 0x39) {
      value = value * 10 + code - 0x30;
      code = text.charCodeAt(++end);
    }
    if (end === at || end - at > 15 || code === 0x2e || code === 0x65 || code === 0x45) return undefined;
    at = end;
    return value;
  }

  function skipSpace(): void {
    for (;;) {
      const code = text.charCodeAt(at);
      if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) return;
      at++;
    }
  }

  function unexpected(wanted: string): Mistake {
    if (at >= text.length) return { offset: at, reason: `expected ${wanted} and found the end`, atEnd: true };
    return mistake(at, `expected ${wanted} and found ${shown(at)}`);
  }

  function mistake(offset: number, reason: string): Mistake {
    return { offset, reason, atEnd: false };
  }

  function shown(offset: number): string {
    const word = /^[\w$]+/.exec(text.slice(offset, offset + 20))?.[0];
    const character = word ?? String.fromCodePoint(text.codePointAt(offset)!);
    return /^[\x00-\x1f]/.test(character)
      ? `the control character U+${hex(character.charCodeAt(0))}`
      : `\`${character}\``;
  }
}

const number = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;

function hex(code: number): string {
  return code.toString(16).toUpperCase().padStart(4, '0');
}

function isMistake(thrown: unknown): thrown is Mistake {
  return typeof thrown === 'object' && thrown !== null && 'atEnd' in thrown;
}
