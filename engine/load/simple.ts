// Large files of plain YAML, read in one pass: many times faster than the parser for all of YAML, which takes what this does not.
import type { DocumentTree, TreeNode } from './document.ts';

interface SimpleNode extends TreeNode {
  entries?: Map<string, { key: SimpleNode; node: SimpleNode }>;
  items?: SimpleNode[];
  value: unknown;
}

/** Thrown for whatever is not plain; the parser for all of YAML decides what it is. */
const other = Symbol('other');

const deepest = 50;
const longestKey = 200;
const keyShape = /[A-Za-z_][A-Za-z0-9_./-]*(?=:(?:[ \n]|$))/y;
const plainInBlock = /[A-Za-z0-9_./$(+-][^\n]*/y;
const plainInFlow = /[A-Za-z0-9_./(+-][^\n,[\]{}]*/y;
const quoted = /"[^"\\\n]*"|'[^'\n]*'(?!')/y;
const blanks = / */y;
const number =
  /^(?:[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|0o[0-7]+|0x[0-9a-fA-F]+|[-+]?\.(?:inf|Inf|INF)|\.nan|\.NaN|\.NAN)$/;
const word = /^(?:null|Null|NULL|true|True|TRUE|false|False|FALSE)$/;

/**
 * Block maps and lists, flow ones on one line, and scalars on one line; no anchors, tags, escapes, tabs, empty values or
 * several documents. Undefined for everything else, mistakes too. What it gives is what the other parser would.
 */
export function readSimple(text: string): DocumentTree | undefined {
  if (/[^\n\x20-\x7e\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd]|^(?:---|%)/.test(text)) return undefined;
  try {
    const root = readDocument(text);
    return { value: root.value, find: (parts) => find(root, parts) };
  } catch (error) {
    if (error === other) return undefined;
    throw error;
  }
}

function find(root: SimpleNode, parts: readonly string[]): ReturnType<DocumentTree['find']> {
  let node = root;
  let key: SimpleNode | undefined;
  for (const part of parts) {
    const item = /^\d+$/.test(part) ? node.items?.[Number(part)] : undefined;
    const next = node.entries?.get(part) ?? (item === undefined ? undefined : { key: undefined, node: item });
    if (next === undefined) return { node, key, complete: false };
    ({ node, key } = next);
  }
  return { node, key, complete: true };
}

function readDocument(text: string): SimpleNode {
  let at = 0;
  /** The indentation of the line that `at` is in, at its first letter; -1 at the end. */
  let indent = 0;

  const give = (): never => {
    throw other;
  };
  const match = (shape: RegExp): string | undefined => {
    shape.lastIndex = at;
    return shape.exec(text)?.[0];
  };
  const skipBlanks = () => {
    at += match(blanks)!.length;
  };
  /** To the first letter of the next line that has one and is no comment. `at` is at the start of a line. */
  const toNextLine = () => {
    for (;;) {
      const start = at;
      skipBlanks();
      const letter = text[at];
      if (letter === undefined) {
        indent = -1;
        return;
      }
      if (letter === '\n') at += 1;
      else if (letter === '#') toLineEnd();
      else {
        indent = at - start;
        return;
      }
    }
  };
  const toLineEnd = () => {
    const end = text.indexOf('\n', at);
    at = end < 0 ? text.length : end + 1;
  };
  /** Nothing but a comment may follow. */
  const endLine = () => {
    const start = at;
    skipBlanks();
    const letter = text[at];
    if (letter !== undefined && letter !== '\n' && (letter !== '#' || at === start)) give();
    toLineEnd();
    toNextLine();
  };

  const scalar = (value: unknown, start: number, type: SimpleNode['type']): SimpleNode => ({
    range: [start, at],
    value,
    type,
  });

  const readQuoted = (): SimpleNode | undefined => {
    const found = match(quoted);
    if (found === undefined) return undefined;
    const start = at;
    at += found.length;
    return scalar(found.slice(1, -1), start, found[0] === '"' ? 'QUOTE_DOUBLE' : 'QUOTE_SINGLE');
  };

  const readPlain = (shape: RegExp): SimpleNode => {
    const found = match(shape);
    if (found === undefined) return give();
    const comment = found.indexOf(' #');
    const source = (comment < 0 ? found : found.slice(0, comment)).trimEnd();
    if (source.endsWith(':') || source.includes(': ') || /^[-+](?![\w.])/.test(source)) give();
    const start = at;
    at += source.length;
    return scalar(plainValue(source, give), start, 'PLAIN');
  };

  const readFlow = (depth: number): SimpleNode => {
    if (depth > deepest) give();
    const start = at;
    const close = text[at] === '{' ? '}' : ']';
    at += 1;
    const entries = new Map<string, { key: SimpleNode; node: SimpleNode }>();
    const items: SimpleNode[] = [];
    skipBlanks();
    while (text[at] !== close) {
      if (close === ']') items.push(readFlowValue(depth));
      else addEntry(entries, readKey(true), () => readFlowValue(depth), give);
      skipBlanks();
      if (text[at] === ',') {
        at += 1;
        skipBlanks();
        if (text[at] === close) give();
      } else if (text[at] !== close) give();
    }
    at += 1;
    const range: SimpleNode['range'] = [start, at];
    return close === '}'
      ? { range, entries, value: plainMap(entries) }
      : { range, items, value: items.map(({ value }) => value) };
  };

  const readFlowValue = (depth: number): SimpleNode =>
    text[at] === '{' || text[at] === '[' ? readFlow(depth + 1) : (readQuoted() ?? readPlain(plainInFlow));

  /** A key with its `:` and, inside of a line, the blank after it. */
  const readKey = (flow: boolean): SimpleNode => {
    const found = match(keyShape);
    if (found === undefined || found.length > longestKey || word.test(found)) return give();
    const start = at;
    at += found.length;
    const key = scalar(found, start, 'PLAIN');
    at += 1;
    if (flow && text[at] !== ' ') give();
    skipBlanks();
    return key;
  };

  const atDash = () => text[at] === '-' && (text[at + 1] === ' ' || text[at + 1] === '\n');

  const readBlock = (depth: number): SimpleNode => {
    if (depth > deepest) give();
    return atDash() ? readList(depth) : readMap(depth);
  };

  const readMap = (depth: number): SimpleNode => {
    const [own, start] = [indent, at];
    const entries = new Map<string, { key: SimpleNode; node: SimpleNode }>();
    while (indent === own) addEntry(entries, readKey(false), () => readValue(own, depth, true), give);
    if (indent > own) give();
    return { range: [start, at], entries, value: plainMap(entries) };
  };

  const readList = (depth: number): SimpleNode => {
    const [own, start] = [indent, at];
    const items: SimpleNode[] = [];
    while (indent === own && atDash()) {
      at += 1;
      skipBlanks();
      // What follows the dash is indented by where it stands.
      const inner = at - (text.lastIndexOf('\n', at) + 1);
      if (match(keyShape) !== undefined) {
        indent = inner;
        items.push(readMap(depth + 1));
      } else items.push(readValue(own, depth, false));
    }
    if (indent > own) give();
    return { range: [start, at], items, value: items.map(({ value }) => value) };
  };

  /** After a key or a dash: what is on the line, or the block below. Ends at the next line. */
  const readValue = (own: number, depth: number, ofMap: boolean): SimpleNode => {
    const letter = text[at];
    if (letter === undefined || letter === '\n' || letter === '#') {
      endLine();
      // A list may stand as far left as the key it belongs to.
      const listHere = ofMap && indent === own && atDash();
      return indent > own || listHere ? readBlock(depth + 1) : give();
    }
    const node = letter === '{' || letter === '[' ? readFlow(depth + 1) : (readQuoted() ?? readPlain(plainInBlock));
    endLine();
    // A scalar that goes on in the next line.
    if (indent > own) give();
    return node;
  };

  toNextLine();
  if (indent < 0) give();
  const root = readBlock(0);
  if (indent >= 0) give();
  return root;
}

function addEntry(
  entries: Map<string, { key: SimpleNode; node: SimpleNode }>,
  key: SimpleNode,
  read: () => SimpleNode,
  give: () => never,
): void {
  const name = key.value as string;
  if (entries.has(name) || name === '__proto__') give();
  entries.set(name, { key, node: read() });
}

function plainMap(entries: ReadonlyMap<string, { node: SimpleNode }>): Record<string, unknown> {
  const value: Record<string, unknown> = {};
  for (const [key, { node }] of entries) value[key] = node.value;
  return value;
}

/** By YAML 1.2's core schema. */
function plainValue(source: string, give: () => never): unknown {
  if (word.test(source)) return /^n/i.test(source) ? null : /^t/i.test(source);
  if (!/^[-+.0-9]/.test(source)) return source;
  if (/^(?:0|[1-9][0-9]{0,14})$/.test(source)) return Number(source);
  return number.test(source) ? give() : source;
}
