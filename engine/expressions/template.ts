// Text with `${…}` in it: where the expressions are, and how values become text.
import type { Value } from '../contracts/data.ts';
import { toJson } from './json.ts';
import { type ParsedExpression, parseExpression, syntaxFailure } from './parse.ts';
import { Problem } from './problem.ts';

export interface Template {
  text: string;
  /** Literal text, `$${` already undone, and expressions, whose places count from the begin of `text`. */
  parts: (string | ParsedExpression)[];
}

/** An expression between `${` and `}`, not read yet. `offset` is where its source begins. */
export interface TemplateSource {
  source: string;
  offset: number;
}

/** Throws EXPRESSION_SYNTAX for the first mistake. */
export function parseTemplate(text: string): Template {
  const parts = splitTemplate(text).map((part) =>
    typeof part === 'string' ? part : parseExpression(part.source, part.offset),
  );
  return { text, parts };
}

/** The parts with their expressions unread, so that the mistakes of all can be told. Throws for a `${` that is not closed. */
export function splitTemplate(text: string): (string | TemplateSource)[] {
  const parts: (string | TemplateSource)[] = [];
  let literal = '';
  let at = 0;
  for (let mark = text.indexOf('${'); mark >= 0; mark = text.indexOf('${', at)) {
    if (mark > at && text[mark - 1] === '$') {
      literal += `${text.slice(at, mark - 1)}\${`;
      at = mark + 2;
      continue;
    }
    literal += text.slice(at, mark);
    if (literal !== '') parts.push(literal);
    literal = '';
    const end = endOf(text, mark);
    parts.push({ source: text.slice(mark + 2, end), offset: mark + 2 });
    at = end + 1;
  }
  literal += text.slice(at);
  if (literal !== '') parts.push(literal);
  return parts;
}

/** The text that stands for itself in a template. */
export function escapeTemplate(text: string): string {
  return text.replaceAll('${', () => '$${');
}

// Where the "}" stands that closes the "${" at `mark`. Steps over what CEL's text, maps and comments hold.
function endOf(text: string, mark: number): number {
  let depth = 0;
  for (let at = mark + 2; at < text.length; at++) {
    const letter = text[at];
    if (letter === '"' || letter === "'") {
      at = endOfText(text, at);
    } else if (letter === '{') {
      depth++;
    } else if (letter === '}') {
      if (depth === 0) return at;
      depth--;
    } else if (letter === '/' && text[at + 1] === '/') {
      const line = text.indexOf('\n', at);
      if (line < 0)
        throw syntaxFailure(
          text.slice(mark),
          { start: 0, end: 2, reason: 'this "${" has no "}": what stands behind // is a comment' },
          mark,
        );
      at = line;
    }
  }
  throw syntaxFailure(
    text.slice(mark),
    { start: 0, end: 2, reason: 'this "${" has no "}"; write "$${" for the signs themselves' },
    mark,
  );
}

// The last sign of the text that begins at `start`.
function endOfText(text: string, start: number): number {
  const quote = text[start]!;
  const closing = text.startsWith(quote.repeat(3), start) ? quote.repeat(3) : quote;
  for (let at = start + closing.length; at < text.length; at++) {
    if (text[at] === '\\') at++;
    else if (text.startsWith(closing, at)) return at + closing.length - 1;
    else if (closing.length === 1 && text[at] === '\n') break;
  }
  throw syntaxFailure(
    text.slice(start),
    { start: 0, end: 1, reason: `the text that starts here has no closing ${closing}` },
    start,
  );
}

/** A value as part of a text. `operand` is the expression, for the Problem that null and bytes give. */
export function textOf(value: Value, operand: string): string {
  if (typeof value === 'string') return value;
  if (value === null)
    throw new Problem(`${operand} is null and cannot be part of a text; write default(${operand}, "")`);
  if (value instanceof Uint8Array)
    throw new Problem(`${operand} is bytes and cannot be part of a text; write base64.encode(${operand})`);
  return typeof value === 'object' ? toJson(value) : String(value);
}
