// A place in a JSON text that comes in parts: skipping and reading small things there, and failures that name it.
import { failure } from '../../../engine/errors.ts';
import { parseExact } from './exact.ts';
import { type Scan, scanOn, stringEnd } from './scan.ts';

/** A step asks for more text by yielding, once it has used all it had. */
export type Step<T> = Generator<void, T, void>;

export interface Cursor {
  /** The part of the text that is here, and the place in it. */
  text: string;
  at: number;
  ended: boolean;
  /** From 1. */
  line: number;
  /** Where the line starts, relative to `text`: below 0 when in an earlier part. */
  lineStart: number;
  /** The next part of the text; to be called when the one before is used up. */
  feed(part: string): void;
  /** To the next character that is not white space; gives its code, or -1 at the end. */
  significant(): Step<number>;
  /** Reads the string that starts here. */
  string(): Step<string>;
  /** Passes over the value that starts here. */
  skip(): Step<void>;
  malformed(reason: string): Error;
  unexpected(wanted: string): Error;
  cutOff(): Error;
  /** The character here, for messages. */
  shown(): string;
}

export function createCursor(path: string): Cursor {
  const cursor: Cursor = {
    text: '',
    at: 0,
    ended: false,
    line: 1,
    lineStart: 0,

    feed(part) {
      cursor.lineStart -= cursor.text.length;
      cursor.text = part;
      cursor.at = 0;
    },

    *significant() {
      for (;;) {
        while (cursor.at < cursor.text.length) {
          const code = cursor.text.charCodeAt(cursor.at);
          if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) return code;
          cursor.at++;
          if (code === 0x0a) {
            cursor.line++;
            cursor.lineStart = cursor.at;
          }
        }
        if (cursor.ended) return -1;
        yield;
      }
    },

    *string() {
      const state = { inString: true, escaped: false };
      const parts = ['"'];
      cursor.at++;
      for (;;) {
        const end = stringEnd(state, cursor.text, cursor.at);
        parts.push(cursor.text.slice(cursor.at, end));
        cursor.at = end;
        if (!state.inString) break;
        if (cursor.ended) throw cursor.cutOff();
        yield;
      }
      const result = parseExact(parts.join(''));
      if ('mistake' in result) throw cursor.malformed(result.mistake.reason);
      return result.value as string;
    },

    *skip() {
      const code = yield* cursor.significant();
      const scan: Scan = { depth: 0, floor: 1, inString: false, escaped: false };
      if (code === 0x22) cursor.at++;
      else if (code !== 0x7b && code !== 0x5b) return yield* skipWord();
      scan.inString = code === 0x22;
      for (;;) {
        if (code === 0x22) {
          cursor.at = stringEnd(scan, cursor.text, cursor.at);
          if (!scan.inString) return;
        } else {
          const { close, newlines, lastNewline } = scanOn(scan, cursor.text, cursor.at);
          cursor.line += newlines;
          if (lastNewline !== -1) cursor.lineStart = lastNewline + 1;
          cursor.at = close === -1 ? cursor.text.length : close + 1;
          if (close !== -1) return;
        }
        if (cursor.ended) throw cursor.cutOff();
        yield;
      }
    },

    malformed(reason) {
      const column = cursor.at - cursor.lineStart + 1;
      return failure('INPUT_MALFORMED', { path, line: cursor.line, column, reason: `column ${column}: ${reason}` });
    },

    unexpected(wanted) {
      if (cursor.at >= cursor.text.length) return cursor.cutOff();
      return cursor.malformed(`expected ${wanted} and found ${cursor.shown()}`);
    },

    cutOff() {
      return failure('INPUT_TRUNCATED', { path, reason: `the JSON stops in the middle, at line ${cursor.line}` });
    },

    shown() {
      return `\`${String.fromCodePoint(cursor.text.codePointAt(cursor.at)!)}\``;
    },
  };
  return cursor;

  /** A number, `true`, `false` or `null`. */
  function* skipWord(): Step<void> {
    const from = cursor.at;
    const column = from - cursor.lineStart + 1;
    let word = '';
    for (;;) {
      const rest = /^[\w.+-]*/.exec(cursor.text.slice(cursor.at))![0];
      word += rest.slice(0, 1000);
      cursor.at += rest.length;
      if (cursor.at < cursor.text.length || cursor.ended) break;
      yield;
    }
    if (word === '') throw cursor.unexpected('a value');
    if (!('mistake' in parseExact(word))) return;
    if (cursor.at >= cursor.text.length) throw cursor.cutOff();
    throw failure('INPUT_MALFORMED', {
      path,
      line: cursor.line,
      column,
      reason: `column ${column}: \`${word}\` is no value of JSON`,
    });
  }
}
