// Says in words what is wrong with an expression that cel-js cannot read.
import type { ParseError } from '@marcbachmann/cel-js';

interface SyntaxProblem {
  start: number;
  end: number;
  reason: string;
}

/** The reason, and the place inside the source. A RangeError is the parser's stack. */
export function explainSyntax(source: string, error: ParseError | RangeError): SyntaxProblem {
  if (source.trim() === '') return { start: 0, end: source.length, reason: 'it is empty' };
  if (!('range' in error)) return { start: 0, end: source.length, reason: 'it is nested too deeply' };
  const start = Math.min(error.range?.start ?? 0, source.length);
  const end = Math.max(Math.min(error.range?.end ?? start, source.length), start);
  const token = source.slice(start, end);
  switch (error.code) {
    case 'unexpected_character':
      return /: '/.test(error.summary) ? explainToken(source, start, end) : explainCharacter(source, start);
    case 'unexpected_token':
      return explainToken(source, start, end);
    case 'expected_token':
      return explainExpected(source, start, end, /^Expected (\w+)/.exec(error.summary)?.[1] ?? '');
    case 'reserved_identifier':
      return {
        start,
        end,
        reason:
          token === 'if' ? '"if" is reserved; a choice is written condition ? yes : no' : `"${token}" is reserved`,
      };
    case 'unterminated_string':
    case 'unterminated_triple_quoted_string':
      return { start, end: start + 1, reason: `the text that starts here has no closing ${source[start]}` };
    case 'newline_in_string':
      return {
        start,
        end,
        reason: 'text in single quotes cannot go over the end of a line; write \\n, or use three quotes',
      };
    case 'invalid_escape_sequence':
      return { start, end, reason: `"${token}" is no escape; write "\\${token}", or r"…" for text without escapes` };
    case 'invalid_macro_argument':
      return { start, end, reason: 'a name for the element is missing first, as in list.map(x, x + 1)' };
    case 'limit_exceeded':
      return {
        start,
        end: Math.min(start + 1, source.length),
        reason: /maxDepth/.test(error.summary) ? 'it is nested too deeply' : 'it is too large',
      };
    default:
      return { start, end, reason: lowered(error.summary) };
  }
}

const characterReasons: Record<string, string> = {
  '=': 'write "==" to compare',
  '&': 'write "&&" for and',
  '|': 'write "||" for or',
  '`': 'text stands in "…" or \'…\'',
  '“': 'write straight quotes, "',
  '”': 'write straight quotes, "',
  '„': 'write straight quotes, "',
  '‘': "write straight quotes, '",
  '’': "write straight quotes, '",
  ';': 'an expression is one value, without ";"',
  '#': '"#" starts no comment here; write //',
};

function explainCharacter(source: string, start: number): SyntaxProblem {
  const letter = String.fromCodePoint(source.codePointAt(start) ?? 32);
  if (letter === '=' && source.slice(start - 2, start) === '==')
    return { start: start - 2, end: start + 1, reason: 'write "==" for "==="' };
  if (letter === '=' && source[start - 2] === '!')
    return { start: start - 2, end: start + 1, reason: 'write "!=" for "!=="' };
  if (letter === '=' && source[start + 1] === '>') return { start, end: start + 2, reason: 'write ">=" for "=>"' };
  if (letter === '$' && source[start + 1] === '{')
    return { start, end: start + 2, reason: 'names stand bare inside an expression, without "${"' };
  const known = characterReasons[letter];
  if (known !== undefined) return { start, end: start + 1, reason: known };
  if (/[\p{L}\p{M}]/u.test(letter)) {
    const before = /\w*$/.exec(source.slice(0, start))![0];
    const after = /^[\w\p{L}\p{M}]*/u.exec(source.slice(start))![0];
    return {
      start: start - before.length,
      end: start + after.length,
      reason: `names with letters beyond a to z stand in brackets, as in record["${before}${after}"]`,
    };
  }
  return { start, end: start + letter.length, reason: `"${letter}" has no meaning here` };
}

const wordOperators: Record<string, string> = {
  and: '&&',
  or: '||',
  not: '!',
  is: '==',
  mod: '%',
  eq: '==',
  ne: '!=',
  lt: '<',
  gt: '>',
  le: '<=',
  ge: '>=',
};
const wordAdvice: Record<string, string> = {
  like: 'write x.contains("…"), x.startsWith("…") or x.matches("…") for "like"',
  between: 'write x >= a && x <= b for "between"',
  isnull: 'write x == null',
};

function explainWord(token: string, start: number, end: number): SyntaxProblem | undefined {
  const word = token.toLowerCase();
  if (Object.hasOwn(wordOperators, word))
    return { start, end, reason: `write "${wordOperators[word]}" for "${token}"` };
  return Object.hasOwn(wordAdvice, word) ? { start, end, reason: wordAdvice[word]! } : undefined;
}

function explainToken(source: string, start: number, end: number): SyntaxProblem {
  const token = source.slice(start, end);
  const previous = /\S(?=\s*$)/.exec(source.slice(0, start))?.[0] ?? '';
  if (start >= source.trimEnd().length) return tooEarly(source);
  if (/^not\s+in\b/i.test(source.slice(start))) return { start, end, reason: 'write !(x in list) for "x not in list"' };
  const word = explainWord(token, start, end) ?? explainWordBefore(source, start);
  if (word !== undefined) return word;
  if (token === '>' && previous === '<') return { start: start - 1, end, reason: 'write "!=" for "<>"' };
  if (token === '?' && previous === '?') return { start: start - 1, end, reason: 'write default(a, b) for "a ?? b"' };
  if (token === '.' && previous === '?') return { start: start - 1, end, reason: 'write "a.?b" for "a?.b"' };
  if (token === '.' && /\d/.test(source[end] ?? '')) return { start, end, reason: 'write a 0 before the point' };
  if (token === '=' && '<>!'.includes(previous)) return { start, end, reason: `write "${previous}="` };
  if (')]}'.includes(token) && '([{,'.includes(previous) === false && unclosed(source.slice(0, start)) === undefined) {
    return {
      start,
      end,
      reason: `there is no "${{ ')': '(', ']': '[', '}': '{' }[token]}" that this "${token}" closes`,
    };
  }
  if (/^[\w"']/.test(token) && token !== 'in')
    return { start, end, reason: `an operator is missing before ${shown(token)}` };
  return { start, end, reason: `something is missing before ${shown(token)}` };
}

// `not x`, `x not in y`: what is unexpected stands after the word.
function explainWordBefore(source: string, start: number): SyntaxProblem | undefined {
  const word = /(?<![\w.])(not|NOT|select|SELECT|case|CASE)\s+$/.exec(source.slice(0, start));
  if (word === null) return undefined;
  const at = start - word[0].length;
  const place = { start: at, end: at + word[1]!.length };
  return word[1]!.toLowerCase() === 'not'
    ? {
        ...place,
        reason: source.startsWith('in', start)
          ? 'write !(x in list) for "x not in list"'
          : `write "!" for "${word[1]}"`,
      }
    : { ...place, reason: `"${word[1]}" is SQL; a choice is written condition ? yes : no` };
}

function explainExpected(source: string, start: number, end: number, expected: string): SyntaxProblem {
  const token = source.slice(start, end);
  const word = explainWord(token, start, end) ?? explainWordBefore(source, start);
  if (word !== undefined) return word;
  if (expected === 'IDENTIFIER') {
    if (start >= source.trimEnd().length) return { start, end, reason: 'the name of a field is missing after "."' };
    if (/^\w/.test(token)) return { start, end, reason: `a field of this name stands in brackets: ["${token}"]` };
    return {
      start,
      end,
      reason:
        'the name of a field is missing after "."; names with other signs stand in brackets, as in record["first name"]',
    };
  }
  if (expected === 'COLON') {
    return {
      start,
      end,
      reason: /\?/.test(source.slice(0, start))
        ? 'the ":" of a choice is missing, as in condition ? yes : no'
        : 'a ":" is missing, as in {"key": value}',
    };
  }
  const closing = { RPAREN: ')', RBRACKET: ']', RBRACE: '}' }[expected];
  const opened = unclosed(source.slice(0, start));
  if (closing !== undefined && opened !== undefined && start >= source.trimEnd().length) {
    return { start: opened, end: opened + 1, reason: `this "${source[opened]}" has no "${closing}"` };
  }
  if (closing !== undefined && /^[)\]}]$/.test(token))
    return { start, end, reason: `"${closing}" is missing before "${token}"` };
  if (/^[\w"']/.test(token))
    return { start, end, reason: `an operator, "," or "${closing ?? ')'}" is missing before ${shown(token)}` };
  return { start, end, reason: `"${closing ?? expected}" is missing before ${shown(token)}` };
}

function tooEarly(source: string): SyntaxProblem {
  const end = source.trimEnd().length;
  const last = /[^\s\w]+$|\w+$/.exec(source.slice(0, end))?.[0] ?? '';
  return { start: end - last.length, end, reason: `it ends too early: something is missing after "${last}"` };
}

// Where the innermost bracket that is still open stands; text is stepped over.
function unclosed(source: string): number | undefined {
  const open: number[] = [];
  for (const { 0: part, index } of source.matchAll(/"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|[()[\]{}]/g)) {
    if ('([{'.includes(part)) open.push(index);
    else if (')]}'.includes(part)) open.pop();
  }
  return open.at(-1);
}

function shown(token: string): string {
  return /^["']/.test(token) ? token : `"${token}"`;
}

function lowered(sentence: string): string {
  return sentence.charAt(0).toLowerCase() + sentence.slice(1);
}
