// The redactor: puts `[secret]` in place of every secret it knows, in whatever leaves the process.
import type { Secret } from './contracts/credentials.ts';
import { redactDeep } from './redaction/deep.ts';
import { decodedAt, escapes, matchAt, none, open, reached } from './redaction/match.ts';
import { type Pattern, patternsOf } from './redaction/patterns.ts';
import { isSecret, mark } from './secret.ts';

export interface Redactor {
  /** From now on these values are redacted. Values of fewer than 4 characters are not: they are in everything. */
  add(...values: readonly (string | Secret)[]): void;
  /**
   * `text` with `[secret]` for each value, as it is or escaped for URLs, JSON or HTML, in base64 (also inside a longer
   * one) or hexadecimal, whole, or cut off after half of it or before a `…`, or any line of 8 characters of it.
   */
  redact(text: string): string;
  /** A copy, for output, with every text, key, error and byte array in it redacted. The same value when nothing is known. */
  redactValue<T>(value: T): T;
  /** For text in pieces: a secret may be split over them. Keeps back only what may be the beginning of one. */
  textFilter(): Filter<string>;
  /** For bytes in pieces, of any encoding that has ASCII in it; what is no secret passes unchanged. */
  byteFilter(): Filter<Uint8Array>;
}

export interface Filter<T> {
  push(chunk: T): T;
  /** What was kept back. */
  end(): T;
}

export function createRedactor(): Redactor {
  const patterns = new Map<string, Pattern>();
  let index: Index | undefined;

  const clean = (text: string, last: boolean): [done: string, kept: string] => {
    if (patterns.size === 0) return [text, ''];
    index ??= indexOf(patterns.values());
    return replace(text, index, last);
  };
  const redact = (text: string) => clean(text, true)[0];

  const textFilter = (): Filter<string> => {
    let kept = '';
    return {
      push(chunk) {
        const [done, rest] = clean(kept + chunk, false);
        kept = rest;
        return done;
      },
      end() {
        const done = redact(kept);
        kept = '';
        return done;
      },
    };
  };

  return {
    add(...values) {
      for (const value of values) {
        for (const pattern of patternsOf(isSecret(value) ? value.reveal() : String(value))) {
          if (patterns.has(pattern.units)) continue;
          patterns.set(pattern.units, pattern);
          index = undefined;
        }
      }
    },
    redact,
    redactValue: (value) => (patterns.size === 0 ? value : redactDeep(value, redact)),
    textFilter,
    byteFilter() {
      const filter = textFilter();
      return {
        push: (chunk) => Buffer.from(filter.push(latin1(chunk)), 'latin1'),
        end: () => Buffer.from(filter.end(), 'latin1'),
      };
    },
  };
}

function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
}

// ---- Finding ------------------------------------------------------------------------------------------------

/** All patterns by their first unit. */
interface Index {
  byFirst: Map<number, Bucket>;
  /** Which units below 128 need a look. */
  candidate: Uint8Array;
  /** The patterns that begin with a unit that ASCII does not have. */
  wide: Pattern[];
}

interface Bucket {
  all: Pattern[];
  bySecond: Map<number, Pattern[]>;
}

/** Where a text was cut off, and says so, so much of a value is taken for its beginning. */
const leastCut = 4;
/** Behind what is left of an escape; also as the bytes of its UTF-8 form. */
const cut = /[^\s…]{0,5}?(?:…|\xe2\x80\xa6)/y;

function isCut(text: string, at: number): boolean {
  cut.lastIndex = at;
  return cut.test(text);
}

/** What a search may do over again, in units per unit of the text, before it settles for less exact ends. */
const patience = 64;

function indexOf(patterns: Iterable<Pattern>): Index {
  const byFirst = new Map<number, Bucket>();
  const candidate = new Uint8Array(128);
  const wide: Pattern[] = [];
  // The escapes; and where a mark of an earlier redaction may begin, to leave it alone.
  for (const character of '%&\\+[') candidate[character.charCodeAt(0)] = 1;
  for (const pattern of patterns) {
    const first = pattern.units.charCodeAt(0);
    const second = pattern.units.charCodeAt(1);
    const bucket: Bucket = byFirst.get(first) ?? { all: [], bySecond: new Map() };
    byFirst.set(first, bucket);
    bucket.all.push(pattern);
    const same = bucket.bySecond.get(second);
    if (same === undefined) bucket.bySecond.set(second, [pattern]);
    else same.push(pattern);
    if (first < 128) candidate[first] = 1;
    else wide.push(pattern);
  }
  return { byFirst, candidate, wide };
}

/** The text with all matches replaced, overlapping ones as one; and, unless it is the last, what a next piece may decide. */
function replace(text: string, { byFirst, candidate, wide }: Index, last: boolean): [done: string, kept: string] {
  const doneUntil = new Map<Pattern, number>();
  let done = '';
  let copied = 0;
  let start = -1;
  let end = 0;
  let hold = text.length;
  let work = 0;

  const look = (at: number, list: readonly Pattern[] | undefined) => {
    if (list === undefined) return;
    for (const pattern of list) {
      if (at < (doneUntil.get(pattern) ?? 0)) continue;
      let found = matchAt(text, at, pattern.units, pattern.base64);
      // A match at the very end may go on in the next piece.
      if (!last && (found === open || (found === text.length && pattern.after > 0))) hold = Math.min(hold, at);
      if (found === none || found === open) {
        work += reached.units;
        if (reached.units < pattern.enough && !(reached.units >= leastCut && isCut(text, reached.end))) continue;
        found = reached.end;
        if (work > patience * text.length) doneUntil.set(pattern, found);
      } else doneUntil.set(pattern, found);
      const from = at - (pattern.before > 0 && isBase64(text.charCodeAt(at - 1)) ? 1 : 0);
      const to = found + (pattern.after > 0 && isBase64(text.charCodeAt(found)) ? 1 : 0);
      if (from >= end) flush();
      start = start < 0 ? from : Math.min(start, from);
      end = Math.max(end, to);
    }
  };
  const flush = () => {
    if (start < 0) return;
    done += text.slice(copied, Math.max(copied, start)) + mark;
    copied = end;
    start = -1;
  };

  for (let at = 0; at < text.length && at < hold; at += 1) {
    const code = text.charCodeAt(at);
    if (code < 128 ? candidate[code] === 0 : wide.length === 0) continue;
    if (code === 0x5b && text.startsWith(mark, at)) {
      at += mark.length - 1;
      continue;
    }
    const bucket = byFirst.get(code);
    if (bucket !== undefined) {
      const next = text.charCodeAt(at + 1);
      look(at, Number.isNaN(next) || escapes.has(next) || escapes.has(code) ? bucket.all : bucket.bySecond.get(next));
    }
    if (code === 0x25 || code === 0x26 || code === 0x5c || code === 0x2b) {
      if (!last && text.length - at < 12) hold = Math.min(hold, at);
      for (const decoded of decodedAt(text, at)) {
        look(at, code === 0x25 && decoded > 127 ? wide : byFirst.get(decoded)?.all);
      }
    }
  }
  if (start >= 0 && end > hold) hold = Math.min(hold, start);
  else flush();
  if (copied === 0 && hold === text.length) return [text, ''];
  return [done + text.slice(copied, hold), text.slice(Math.max(hold, copied))];
}

function isBase64(code: number): boolean {
  return (
    (code >= 0x30 && code <= 0x39) ||
    (code >= 0x41 && code <= 0x5a) ||
    (code >= 0x61 && code <= 0x7a) ||
    code === 0x2b ||
    code === 0x2d ||
    code === 0x2f ||
    code === 0x5f
  );
}
