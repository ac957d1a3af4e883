// Text to a YAML document, within bounds, and the parser's errors in our words.
import type { Document, Node, YAMLParseError } from 'yaml';
import type { Report } from './document.ts';

type Yaml = typeof import('yaml');

// A definition of 20,000 tasks has fewer; what has more takes seconds to parse.
const standardTokens = 400_000;

/** The one document of the text, or undefined when it is refused; every mistake is reported. */
export function parseText(yaml: Yaml, text: string, report: Report, mostTokens = standardTokens): Document | undefined {
  const composer = new yaml.Composer({ uniqueKeys: false, resolveKnownTags: false, version: '1.2', schema: 'core' });
  const lexer = new yaml.Lexer();
  const parser = new yaml.Parser();
  let document: Document | undefined;
  let tokens = 0;
  let second: [number, number] | undefined;
  const take = (documents: Iterable<Document>): boolean => {
    for (const each of documents) {
      if (document === undefined) document = each;
      else second ??= [each.range![0], each.range![0] + 3];
    }
    return second === undefined;
  };
  try {
    let more = true;
    for (const token of lexer.lex(text)) {
      if (++tokens > mostTokens) {
        report('FILE_TOO_LARGE', 'has more values than a definition can have; keep data in files of its own', 0, 1);
        return undefined;
      }
      for (const part of parser.next(token)) more = take(composer.next(part)) && more;
      if (!more) break;
    }
    if (more) {
      for (const part of parser.end()) take(composer.next(part));
      take(composer.end(true, text.length));
    }
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    report('NESTED_TOO_DEEP', 'values are nested too deep to be read', 0, 1);
    return undefined;
  }
  if (document === undefined) return undefined;
  let refused = reportErrors(yaml, text, document, report);
  for (const warning of document.warnings) {
    if (warning.code !== 'TAG_RESOLVE_FAILED') continue;
    const tag = text.slice(...warning.pos);
    report(
      'TAG_UNKNOWN',
      `the tag ${tag || '!'} has no meaning here; only YAML's own core tags have, such as !!str`,
      ...warning.pos,
    );
    refused = true;
  }
  if (second !== undefined) {
    const start = text.lastIndexOf('\n---', second[0] + 3) + 1;
    report('SEVERAL_DOCUMENTS', 'a second document starts here; a file holds one definition', start, start + 3);
    refused = true;
  }
  return refused ? undefined : document;
}

// Errors that do not put the parser out of step, so that each is a mistake of its own.
const independent = new Set(['TAB_AS_INDENT', 'BAD_SCALAR_START', 'BAD_DQ_ESCAPE']);

function reportErrors(yaml: Yaml, text: string, document: Document, report: Report): boolean {
  const weight = (error: YAMLParseError) => (error.code === 'MULTILINE_IMPLICIT_KEY' ? 0 : 1);
  // Inside of JSON a tab is a blank like any other.
  const json = /^\s*[[{]/.test(text);
  const errors = document.errors
    .filter((error) => !(error.code === 'TAB_AS_INDENT' && json))
    .sort((a, b) => a.pos[0] - b.pos[0] || weight(a) - weight(b));
  const first = errors[0];
  if (first === undefined) return false;
  const shown = independent.has(first.code)
    ? errors.filter((error) => error.code === first.code).slice(0, 20)
    : [first];
  for (const error of shown) {
    const lineStart = text.lastIndexOf('\n', error.pos[0] - 1) + 1;
    const tab = /^ *\t/.exec(text.slice(lineStart, lineStart + 200));
    if (error.code === 'RESOURCE_EXHAUSTION')
      report('NESTED_TOO_DEEP', 'values are nested too deep to be read', ...error.pos);
    else if (error.code === 'TAB_AS_INDENT' || (tab !== null && !json)) {
      const end = tab === null ? error.pos[1] : lineStart + tab[0].length;
      report('TAB_INDENT', 'a tab cannot indent YAML; use spaces', end - 1, end);
    } else {
      const { message, start, end } = explain(yaml, text, document, error);
      report('SYNTAX', message, start, end);
    }
  }
  return true;
}

function explain(
  yaml: Yaml,
  text: string,
  document: Document,
  error: YAMLParseError,
): { message: string; start: number; end: number } {
  const [start, end] = error.pos;
  const at = (message: string, from = start, to = end) => ({ message, start: from, end: to });
  const before = text.slice(text.lastIndexOf('\n', start - 1) + 1, start);
  switch (error.code) {
    case 'BLOCK_AS_IMPLICIT_KEY':
      if (!/:(?:\s|$)/.test(lineFrom(text, start))) return at('this line is not indented like the ones it belongs to');
      return at('this text has ": " in it, which makes a key of what is before; put the whole of it in quotes');
    case 'MULTILINE_IMPLICIT_KEY':
      if (/^[\s-]*$/.test(before)) return at('there is no ":" after this key');
      return at(
        'the line below is indented deeper than this key allows; indent keys of one map alike, or put a long text in quotes',
      );
    case 'BAD_SCALAR_START':
      return at(`text cannot start with ${text[start]}; put it in quotes`, start, start + 1);
    case 'BAD_DQ_ESCAPE':
      return at(
        `${text.slice(start, start + 2)} is no escape of a text in double quotes; write \\\\ for a backslash, or use single quotes`,
      );
    case 'MISSING_CHAR': {
      const quote = /closing ['"]quote/.test(error.message) ? openQuote(yaml, document.contents, start) : undefined;
      if (quote !== undefined) return at('this quote is not closed', quote, quote + 1);
      if (error.message.startsWith('Sequence item'))
        return at('this line belongs to no list item and to no key; look at its indentation');
      return at(lowerFirst(error.message));
    }
    case 'BAD_INDENT': {
      const bracket = /must be sufficiently indented and end with a ([\]}])/.exec(error.message)?.[1];
      const opening = bracket === undefined ? undefined : openBracket(yaml, document.contents, start);
      if (opening !== undefined)
        return at(
          `this ${text[opening]} is not closed by a ${bracket}, or what is in it is not indented`,
          opening,
          opening + 1,
        );
      return at('this line is not indented like the ones it belongs to');
    }
    case 'BLOCK_IN_FLOW':
      return at('a comma is missing before this, or what is in [ ] or { } is not closed');
    case 'KEY_OVER_1024_CHARS':
      return at('this key is longer than 1024 characters', start, start + 1);
    case 'UNEXPECTED_TOKEN':
      return at(
        /document end|node end|value/.test(error.message)
          ? 'nothing can stand here; is a line break, a comma or a quote missing before it?'
          : lowerFirst(error.message),
      );
    default:
      return at(lowerFirst(error.message));
  }
}

function lineFrom(text: string, start: number): string {
  const end = text.indexOf('\n', start);
  return text.slice(start, end < 0 ? undefined : end);
}

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}

/** Where the quoted text starts that runs on to `end`. */
function openQuote(yaml: Yaml, root: Node | null, end: number): number | undefined {
  let found: number | undefined;
  const walk = (node: unknown): void => {
    if (yaml.isScalar(node) && (node.type === 'QUOTE_DOUBLE' || node.type === 'QUOTE_SINGLE')) {
      if (node.range && node.range[0] <= end && node.range[1] >= end - 1) found = node.range[0];
    }
    forEachChild(yaml, node, walk);
  };
  walk(root);
  return found;
}

/** Where the innermost `[` or `{` starts that runs on to `end`. */
function openBracket(yaml: Yaml, root: Node | null, end: number): number | undefined {
  let found: number | undefined;
  const walk = (node: unknown): void => {
    if (yaml.isCollection(node) && node.flow && node.range && node.range[0] < end && node.range[1] >= end - 1)
      found = node.range[0];
    forEachChild(yaml, node, walk);
  };
  walk(root);
  return found;
}

function forEachChild(yaml: Yaml, node: unknown, visit: (node: unknown) => void): void {
  if (!yaml.isCollection(node)) return;
  for (const item of node.items) {
    if (yaml.isPair(item)) {
      visit(item.key);
      visit(item.value);
    } else visit(item);
  }
}
