// Finds the records in the text of a JSON document as it comes, part by part, and holds no more than what is not complete.
import { failure } from '../../../engine/errors.ts';
import { didYouMeanOrKnown } from '../../../engine/suggest.ts';
import { createCursor, type Step } from './cursor.ts';
import { parseExact } from './exact.ts';
import { type Scan, scanOn } from './scan.ts';

/** Elements of an array, with the commas between them. */
export interface Run {
  text: string;
  /** Where in `text` the commas between elements are. */
  commas: readonly number[];
  /** Where `text` starts in the file, both from 1. */
  line: number;
  column: number;
}

export interface Splitter {
  /** Takes the next part of the text and gives the elements that it completes. Throws failures that name the place. */
  push(text: string): Run[];
  /** Says that there is no more text. */
  end(): Run[];
  /** How many `\n` there were so far. */
  lines(): number;
}

/** In characters. */
export const longestRecord = 64 * 1024 * 1024;

/**
 * A splitter for the elements of the array that `pointer` (RFC 6901) leads to, or for the one object there. A `-` in it
 * stands for every element of an array. What is not on the way is passed over and only its brackets and quotes are
 * looked at; where a key on the way is there twice, the first counts.
 */
export function elementSplitter(pointer: string, shape: 'array' | 'object' | undefined, path: string): Splitter {
  const tokens = pointerTokens(pointer);
  const cursor = createCursor(path);
  let runs: Run[] = [];
  let failed: { error: unknown } | undefined;

  const walk = document();
  // Up to where it wants the first part.
  walk.next();

  // A mistake after the runs of the same part comes after any mistake in them.
  function advance(): Run[] {
    if (failed !== undefined) throw failed.error;
    try {
      walk.next();
    } catch (error) {
      failed = { error };
      if (runs.length === 0) throw error;
    }
    const found = runs;
    runs = [];
    return found;
  }

  return {
    push(text) {
      cursor.feed(text);
      return advance();
    },
    end() {
      cursor.ended = true;
      return advance();
    },
    lines: () => cursor.line - 1,
  };

  function* document(): Step<void> {
    if ((yield* cursor.significant()) === -1) {
      throw failure('INPUT_EMPTY', { path, hint: 'a JSON file holds at least `[]`' });
    }
    yield* find(0);
    if ((yield* cursor.significant()) === -1) return;
    const hint = 'for one record on each line say `format: ndjson`';
    throw cursor.malformed(`${cursor.shown()} stands after the end of the JSON document; ${hint}`);
  }

  /** From the start of a value, to which the first `depth` tokens have led, to after its end. */
  function* find(depth: number): Step<void> {
    const token = tokens[depth];
    const code = yield* cursor.significant();
    if (token === undefined) yield* target(code);
    else if (code === 0x7b) yield* findInObject(depth, token);
    else if (code === 0x5b) yield* findInArray(depth, token);
    else if (code === -1) throw cursor.cutOff();
    else throw notFound(depth, 'which is neither an object nor an array');
  }

  function* findInObject(depth: number, token: string): Step<void> {
    const keys: string[] = [];
    let found = false;
    cursor.at++;
    if ((yield* cursor.significant()) === 0x7d) throw notFound(depth, 'which has no keys at all');
    for (;;) {
      if ((yield* cursor.significant()) !== 0x22) throw cursor.unexpected('a key in double quotes');
      const key = yield* cursor.string();
      if ((yield* cursor.significant()) !== 0x3a) throw cursor.unexpected('":"');
      cursor.at++;
      if (key === token && !found) {
        found = true;
        yield* find(depth + 1);
      } else {
        if (keys.length < 100) keys.push(key);
        yield* cursor.skip();
      }
      const code = yield* cursor.significant();
      if (code === 0x7d) break;
      if (code !== 0x2c) throw cursor.unexpected('"," or "}"');
      cursor.at++;
    }
    if (!found) throw notFound(depth, `which has no key "${token}"${didYouMeanOrKnown(token, keys, 'its keys are')}`);
    cursor.at++;
  }

  function* findInArray(depth: number, token: string): Step<void> {
    if (!/^(?:-|0|[1-9]\d*)$/.test(token)) {
      throw notFound(
        depth,
        `which is an array; say the number of an element, or \`-\` for each, instead of "${token}"`,
      );
    }
    const wanted = token === '-' ? undefined : Number(token);
    let count = 0;
    cursor.at++;
    if ((yield* cursor.significant()) !== 0x5d) {
      for (;;) {
        yield* wanted === undefined || wanted === count ? find(depth + 1) : cursor.skip();
        count++;
        const code = yield* cursor.significant();
        if (code === 0x5d) break;
        if (code !== 0x2c) throw cursor.unexpected('"," or "]"');
        cursor.at++;
      }
    }
    if (wanted !== undefined && wanted >= count)
      throw notFound(depth, `which has ${count} element${count === 1 ? '' : 's'}`);
    cursor.at++;
  }

  function* target(code: number): Step<void> {
    if (code === -1) throw cursor.cutOff();
    const isArray = code === 0x5b;
    const what = shown(tokens.length);
    if (!isArray && code !== 0x7b) {
      const reason = cursor.malformed(`${what} is neither an array nor an object, so it holds no records`);
      yield* cursor.skip();
      throw reason;
    }
    if (shape !== undefined && isArray !== (shape === 'array')) {
      const found = isArray ? 'an array' : 'an object';
      throw cursor.malformed(`${what} is ${found}, and the format says \`shape: ${shape}\``);
    }
    if (isArray) cursor.at++;
    yield* collect(isArray ? 0 : 1);
  }

  /** Collects elements up to the end of the array (`floor` 0), or one whole object (1); a run for each part of the text. */
  function* collect(floor: 0 | 1): Step<void> {
    const scan: Scan = { depth: 0, floor, inString: false, escaped: false };
    /** The start of an element that is not complete, and where it is. */
    let before: string[] = [];
    let beforeLength = 0;
    let line = cursor.line;
    let column = cursor.at - cursor.lineStart + 1;
    let some = false;

    const place = (lines: number, lastNewline: number, at: number) => {
      const lineStart = lastNewline === -1 ? cursor.lineStart : lastNewline + 1;
      return { line: cursor.line + lines, column: at - lineStart + 1 };
    };

    for (;;) {
      const { text, at: start } = cursor;
      const scanned = scanOn(scan, text, start);
      const { close, commas } = scanned;
      const stop = close === -1 ? (commas.pop() ?? -1) : close + floor;
      let rest = start;
      if (stop !== -1) {
        const elements = before.join('') + text.slice(start, stop);
        const shift = beforeLength - start;
        // The array may be empty, but nothing may be missing after a comma.
        if (close === -1 || some || commas.length > 0 || elements.trim() !== '') {
          runs.push({ text: elements, commas: shift === 0 ? commas : commas.map((at) => at + shift), line, column });
        }
        rest = stop + 1;
        some = true;
        before = [];
        beforeLength = 0;
        ({ line, column } = place(scanned.newlinesAtComma, scanned.lastNewlineAtComma, rest));
      }
      cursor.line += scanned.newlines;
      if (scanned.lastNewline !== -1) cursor.lineStart = scanned.lastNewline + 1;
      cursor.at = close === -1 ? text.length : close + 1;
      if (close !== -1) {
        if (floor === 1 || text[close] === ']') return;
        cursor.at = close;
        throw cursor.unexpected('"," or "]"');
      }
      before.push(text.slice(rest));
      beforeLength += text.length - rest;
      if (beforeLength > longestRecord)
        throw incomplete(cursor.malformed(`a record has over ${longestRecord} characters`));
      if (cursor.ended) throw incomplete(cursor.cutOff());
      yield;
    }

    /** Why an element has no end: a mistake in it, or else `reason`. */
    function incomplete(reason: Error): Error {
      const element = before.join('');
      const result = parseExact(element);
      if (!('mistake' in result) || result.mistake.atEnd) return reason;
      return mistakeIn({ text: element, line, column }, result.mistake.offset, result.mistake.reason, path);
    }
  }

  function notFound(depth: number, why: string): Error {
    return cursor.malformed(`there is nothing at \`${pointer}\`: it leads to ${shown(depth)}, ${why}`);
  }

  function shown(depth: number): string {
    const steps = tokens.slice(0, depth).map((token) => `/${token.replaceAll('~', '~0').replaceAll('/', '~1')}`);
    return depth === 0 ? 'the whole document' : `\`${steps.join('')}\``;
  }
}

/** A failure that names line and column of a mistake in a run. */
export function mistakeIn(run: Omit<Run, 'commas'>, offset: number, reason: string, path: string): Error {
  const before = run.text.slice(0, offset);
  const lastNewline = before.lastIndexOf('\n');
  const line = run.line + before.split('\n').length - 1;
  const column = lastNewline === -1 ? run.column + offset : offset - lastNewline;
  return failure('INPUT_MALFORMED', { path, line, column, reason: `column ${column}: ${reason}` });
}

/** The keys of a JSON pointer, unescaped. */
export function pointerTokens(pointer: string): string[] {
  const steps = pointer === '' ? [] : pointer.slice(1).split('/');
  return steps.map((token) => token.replaceAll('~1', '/').replaceAll('~0', '~'));
}
