// Regular expressions of RE2's syntax as a tree: what `matches` can be told. https://github.com/google/re2/wiki/Syntax
import { Problem, quoted } from './problem.ts';

/** Whether one code point fits. */
export type CharacterTest = (point: number) => boolean;

export type Assertion = 'text-start' | 'text-end' | 'line-start' | 'line-end' | 'word' | 'not-word';

export type RegexNode =
  | { kind: 'empty' }
  | { kind: 'character'; test: CharacterTest }
  | { kind: 'assertion'; assertion: Assertion }
  | { kind: 'sequence' | 'choice'; parts: RegexNode[] }
  | { kind: 'repeat'; part: RegexNode; least: number; most: number };

interface Flags {
  insensitive: boolean;
  multiline: boolean;
  dotAll: boolean;
}

const longestPattern = 5_000;
const deepest = 100;
const mostRepeats = 1_000;

export function isWordPoint(point: number): boolean {
  return (point >= 97 && point <= 122) || (point >= 65 && point <= 90) || (point >= 48 && point <= 57) || point === 95;
}

const isDigit: CharacterTest = (point) => point >= 48 && point <= 57;
const isSpace: CharacterTest = (point) => point === 32 || point === 9 || point === 10 || point === 12 || point === 13;
const classLetters: Record<string, CharacterTest> = { d: isDigit, w: isWordPoint, s: isSpace };
const controls: Record<string, number> = { n: 10, r: 13, t: 9, f: 12, v: 11, a: 7 };
const posix: Record<string, RegExp> = {
  alnum: /[A-Za-z0-9]/,
  alpha: /[A-Za-z]/,
  ascii: /\p{ASCII}/u,
  blank: /[ \t]/,
  cntrl: /[\0-\x1f\x7f]/,
  digit: /[0-9]/,
  graph: /[!-~]/,
  lower: /[a-z]/,
  print: /[ -~]/,
  punct: /[!-/:-@[-`{-~]/,
  space: /[\t\n\v\f\r ]/,
  upper: /[A-Z]/,
  word: /\w/,
  xdigit: /[0-9A-Fa-f]/,
};

/** Throws a Problem that says what is wrong with the pattern. */
export function parseRegex(pattern: string): RegexNode {
  if (pattern.length > longestPattern) throw new Problem(`the pattern is longer than ${longestPattern} characters`);
  const reader = new RegexReader(pattern);
  const node = reader.choice({ insensitive: false, multiline: false, dotAll: false }, 0);
  if (!reader.ended()) throw reader.wrong('a ")" closes nothing');
  return node;
}

class RegexReader {
  readonly #pattern: string;
  #at = 0;

  constructor(pattern: string) {
    this.#pattern = pattern;
  }

  ended(): boolean {
    return this.#at >= this.#pattern.length;
  }

  wrong(reason: string): Problem {
    return new Problem(`the pattern ${quoted(this.#pattern)} cannot be read at position ${this.#at + 1}: ${reason}`);
  }

  #looksAt(text: string): boolean {
    return this.#pattern.startsWith(text, this.#at);
  }

  #take(text: string): boolean {
    if (!this.#looksAt(text)) return false;
    this.#at += text.length;
    return true;
  }

  #takeMatch(pattern: RegExp): RegExpExecArray | undefined {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#pattern);
    if (found === null) return undefined;
    this.#at += found[0].length;
    return found;
  }

  #point(): number {
    const point = this.#pattern.codePointAt(this.#at);
    if (point === undefined) throw this.wrong('it ends too early');
    this.#at += point > 0xffff ? 2 : 1;
    return point;
  }

  choice(given: Flags, depth: number): RegexNode {
    if (depth > deepest) throw this.wrong('it is nested too deeply');
    const flags = { ...given };
    const parts = [this.#sequence(flags, depth)];
    while (this.#take('|')) parts.push(this.#sequence(flags, depth));
    return parts.length === 1 ? parts[0]! : { kind: 'choice', parts };
  }

  #sequence(flags: Flags, depth: number): RegexNode {
    const parts: RegexNode[] = [];
    while (!this.ended() && !this.#looksAt('|') && !this.#looksAt(')')) {
      const literal = this.#takeMatch(/\\Q(.*?)(?:\\E|$)/sy);
      if (literal !== undefined) {
        for (const letter of literal[1]!) parts.push(character(exactly(letter.codePointAt(0)!), flags));
        const last = parts.pop();
        if (last !== undefined) parts.push(this.#repeated(last));
        continue;
      }
      const atom = this.#atom(flags, depth);
      parts.push(this.#repeated(atom));
    }
    if (parts.length === 0) return { kind: 'empty' };
    return parts.length === 1 ? parts[0]! : { kind: 'sequence', parts };
  }

  #repeated(atom: RegexNode): RegexNode {
    const mark = this.#takeMatch(/(?:([*+?])|\{(\d{1,5})(?:(,)(\d{1,5})?)?\})\??/y);
    if (mark === undefined) return atom;
    const [, sign, low, comma, high] = mark;
    let [least, most] = [0, Number.POSITIVE_INFINITY];
    if (sign === '+') least = 1;
    else if (sign === '?') most = 1;
    else if (low !== undefined) {
      least = Number(low);
      most = comma === undefined ? least : high === undefined ? most : Number(high);
      if (least > mostRepeats || (most !== Number.POSITIVE_INFINITY && most > mostRepeats))
        throw this.wrong(`more than ${mostRepeats} repeats`);
      if (most < least) throw this.wrong('the larger count stands first');
    }
    if (/[*+?]/y.test(this.#pattern.charAt(this.#at))) throw this.wrong('two repeats in a row');
    return { kind: 'repeat', part: atom, least, most };
  }

  #atom(flags: Flags, depth: number): RegexNode {
    if (this.#take('(')) return this.#group(flags, depth);
    if (this.#take('[')) return character(this.#class(), flags);
    if (this.#take('.')) return { kind: 'character', test: flags.dotAll ? () => true : (point) => point !== 10 };
    if (this.#take('^')) return { kind: 'assertion', assertion: flags.multiline ? 'line-start' : 'text-start' };
    if (this.#take('$')) return { kind: 'assertion', assertion: flags.multiline ? 'line-end' : 'text-end' };
    if (this.#take('\\A')) return { kind: 'assertion', assertion: 'text-start' };
    if (this.#take('\\z')) return { kind: 'assertion', assertion: 'text-end' };
    if (this.#take('\\b')) return { kind: 'assertion', assertion: 'word' };
    if (this.#take('\\B')) return { kind: 'assertion', assertion: 'not-word' };
    if (this.#take('\\')) {
      const escaped = this.#escape();
      return character(typeof escaped === 'number' ? exactly(escaped) : escaped, flags);
    }
    if (this.#takeMatch(/[*+?]/y) !== undefined) throw this.wrong('a repeat has nothing before it');
    return character(exactly(this.#point()), flags);
  }

  #group(flags: Flags, depth: number): RegexNode {
    let inner = flags;
    if (this.#takeMatch(/\?(?:=|!|<=|<!)/y) !== undefined) throw this.wrong('looking ahead or behind is not supported');
    if (this.#take('?')) {
      const named = this.#takeMatch(/P?<\w+>/y);
      const marks = named === undefined ? this.#takeMatch(/([imsU]*)(?:-([imsU]+))?([:)])/y) : undefined;
      if (named === undefined && marks === undefined) throw this.wrong('a group of this kind is not known');
      if (marks !== undefined) {
        const changed = changedFlags(flags, marks[1]!, marks[2] ?? '');
        if (marks[3] === ')') {
          Object.assign(flags, changed);
          return { kind: 'empty' };
        }
        inner = changed;
      }
    }
    const node = this.choice(inner, depth + 1);
    if (!this.#take(')')) throw this.wrong('a "(" is not closed');
    return node;
  }

  #class(): CharacterTest {
    const negated = this.#take('^');
    const tests: CharacterTest[] = [];
    for (let first = true; first || !this.#looksAt(']'); first = false) {
      if (this.ended()) throw this.wrong('a "[" is not closed');
      const named = this.#takeMatch(/\[:(\^?)(\w+):\]/y);
      if (named !== undefined) {
        const set = posix[named[2]!];
        if (set === undefined) throw this.wrong(`there is no class [:${named[2]}:]`);
        tests.push(negatedIf(named[1] === '^', (point) => set.test(String.fromCodePoint(point))));
        continue;
      }
      const low = this.#classPoint();
      if (typeof low !== 'number') tests.push(low);
      else if (this.#looksAt('-') && !this.#looksAt('-]')) {
        this.#take('-');
        const high = this.#classPoint();
        if (typeof high !== 'number' || high < low) throw this.wrong('a range in "[…]" is upside down');
        tests.push((point) => point >= low && point <= high);
      } else tests.push(exactly(low));
    }
    this.#take(']');
    return negatedIf(negated, (point) => tests.some((test) => test(point)));
  }

  #classPoint(): number | CharacterTest {
    return this.#take('\\') ? this.#escape() : this.#point();
  }

  #escape(): number | CharacterTest {
    if (this.ended()) throw this.wrong('it ends with a "\\"');
    const hex = this.#takeMatch(/x([0-9A-Fa-f]{2})|x\{([0-9A-Fa-f]{1,6})\}|u([0-9A-Fa-f]{4})/y);
    if (hex !== undefined) return Number.parseInt(hex[1] ?? hex[2] ?? hex[3]!, 16);
    const property = this.#takeMatch(/([pP])(?:\{(\^?)(\w+)\}|([A-Z]))/y);
    if (property !== undefined) return this.#property(property);
    const letter = String.fromCodePoint(this.#point());
    const set = classLetters[letter.toLowerCase()];
    if (set !== undefined) return negatedIf(letter !== letter.toLowerCase(), set);
    if (Object.hasOwn(controls, letter)) return controls[letter]!;
    if (letter === '0') return 0;
    if (/[1-9]/.test(letter)) throw this.wrong('back-references are not supported');
    if (/[A-Za-z]/.test(letter)) throw this.wrong(`"\\${letter}" has no meaning`);
    return letter.codePointAt(0)!;
  }

  #property([, mark, caret, long, short]: RegExpExecArray): CharacterTest {
    const name = long ?? short!;
    for (const spelling of [name, `Script=${name}`]) {
      try {
        const set = new RegExp(`\\p{${spelling}}`, 'u');
        return negatedIf((mark === 'P') !== (caret === '^'), (point) => set.test(String.fromCodePoint(point)));
      } catch {
        // Not of this spelling.
      }
    }
    throw this.wrong(`there is no class \\p{${name}}`);
  }
}

function changedFlags(flags: Flags, on: string, off: string): Flags {
  const pick = (letter: string, now: boolean) => (now || on.includes(letter)) && !off.includes(letter);
  return {
    insensitive: pick('i', flags.insensitive),
    multiline: pick('m', flags.multiline),
    dotAll: pick('s', flags.dotAll),
  };
}

function character(test: CharacterTest, { insensitive }: Flags): RegexNode {
  if (!insensitive) return { kind: 'character', test };
  const folded: CharacterTest = (point) => {
    const letter = String.fromCodePoint(point);
    return test(point) || test(letter.toLowerCase().codePointAt(0)!) || test(letter.toUpperCase().codePointAt(0)!);
  };
  return { kind: 'character', test: folded };
}

function exactly(wanted: number): CharacterTest {
  return (point) => point === wanted;
}

function negatedIf(negated: boolean, test: CharacterTest): CharacterTest {
  return negated ? (point) => !test(point) : test;
}
