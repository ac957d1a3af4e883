// A parsed YAML document as a plain value, with everything refused that a definition must not hold.
import type { Alias, Document, Node, Pair, Scalar, YAMLMap, YAMLSeq } from 'yaml';
import type { DiagnosticCode } from '../diagnostics.ts';
import type { Lines } from './text.ts';

type Yaml = typeof import('yaml');

/** Told of a mistake, with offsets into the text. */
export type Report = (code: DiagnosticCode, message: string, start: number, end: number, about?: 'connection') => void;

/** A node of the document, whichever way it was read: where it begins and ends, and what a scalar means. */
export interface TreeNode {
  range?: readonly [number, number, ...number[]] | null;
  value?: unknown;
  /** How a scalar is written, in the parser's words: `PLAIN`, `QUOTE_DOUBLE`, … */
  type?: string;
}

export interface DocumentTree {
  value: unknown;
  /** The node that a pointer's parts lead to, and its key's; the last ones that exist where the pointer goes further. */
  find(parts: readonly string[]): { node: TreeNode | undefined; key: TreeNode | undefined; complete: boolean };
}

const deepest = 100;
const mostCopied = 100_000;

interface Converted {
  value: unknown;
  /** Values in it, aliases counted as what they stand for. */
  size: number;
  /** Levels in it. */
  height: number;
}

export function convertDocument(yaml: Yaml, document: Document, lines: Lines, report: Report): DocumentTree {
  const anchors = new Map<string, { node: Node; done?: Converted }>();
  const targets = new Map<Node, Node>();
  let copied = 0;
  const refused = new Set<DiagnosticCode>();
  const once = (...args: Parameters<Report>) => {
    if (!refused.has(args[0])) report(...args);
    refused.add(args[0]);
  };

  function convert(node: Node | null | undefined, depth: number, connections = false): Converted {
    if (node === null || node === undefined) return leaf(null);
    if (depth > deepest) {
      once('NESTED_TOO_DEEP', `values are nested more than ${deepest} levels deep`, ...rangeOf(node));
      return leaf(null);
    }
    if (yaml.isAlias(node)) return convertAlias(node, depth);
    const anchor = node.anchor === undefined ? undefined : { node, done: undefined as Converted | undefined };
    if (anchor !== undefined) anchors.set(node.anchor!, anchor);
    const converted = yaml.isMap(node)
      ? convertMap(node, depth, connections)
      : yaml.isSeq(node)
        ? convertList(node, depth)
        : leaf(yaml.isScalar(node) ? scalarValue(node) : null);
    if (anchor !== undefined) anchor.done = converted;
    return converted;
  }

  function convertAlias(alias: Alias, depth: number): Converted {
    const anchor = anchors.get(alias.source);
    const [start, end] = rangeOf(alias);
    if (anchor === undefined) {
      report(
        'ALIAS_UNKNOWN',
        `the alias *${alias.source} stands for nothing; put &${alias.source} before a value above it`,
        start,
        end,
      );
      return leaf(null);
    }
    targets.set(alias, anchor.node);
    if (anchor.done === undefined) {
      report('ALIAS_LIMIT', `the alias *${alias.source} stands inside the value it stands for`, start, end);
      return leaf(null);
    }
    copied += anchor.done.size;
    if (copied > mostCopied || depth + anchor.done.height > deepest) {
      once(
        'ALIAS_LIMIT',
        `aliases make this file more than ${mostCopied} values larger or ${deepest} levels deep; write less of it with aliases`,
        start,
        end,
      );
      return leaf(null);
    }
    return { ...anchor.done, value: copyOf(anchor.done.value) };
  }

  function convertList(list: YAMLSeq, depth: number): Converted {
    const converted = list.items.map((item) => convert(item as Node, depth + 1));
    return { value: converted.map(({ value }) => value), ...measure(converted) };
  }

  function convertMap(map: YAMLMap, depth: number, connections: boolean): Converted {
    const value: Record<string, unknown> = {};
    const own = new Map<string, Node>();
    const parts: Converted[] = [];
    for (const pair of map.items as Pair<Node, Node | null>[]) {
      const [start, end] = pair.key === null ? rangeOf(map) : rangeOf(pair.key);
      if (isMerge(yaml, pair)) {
        const merged = convertMerge(pair, depth);
        parts.push(merged);
        for (const [key, each] of Object.entries(merged.value as object))
          if (!Object.hasOwn(value, key)) value[key] = each;
        continue;
      }
      const key = keyOf(pair.key, start, end);
      const converted = convert(pair.value, depth + 1, depth === 0 && key === 'connections');
      parts.push(converted);
      if (key === undefined) continue;
      const before = own.get(key);
      if (before !== undefined) {
        const { line } = lines.place(...rangeOf(before));
        report(
          'DUPLICATE_KEY',
          `the ${connections ? 'alias' : 'key'} ${JSON.stringify(clip(key))} stands twice in this map, first in line ${line}`,
          start,
          end,
          connections ? 'connection' : undefined,
        );
        continue;
      }
      own.set(key, pair.key);
      value[key] = converted.value;
    }
    return { value, ...measure(parts) };
  }

  function convertMerge(pair: Pair<Node, Node | null>, depth: number): Converted {
    const converted = convert(pair.value, depth);
    const maps = Array.isArray(converted.value) ? converted.value : [converted.value];
    if (!maps.every(isPlainMap)) {
      report(
        'MERGE_INVALID',
        '<< takes a map, an alias of one, or a list of them; write "<<" in quotes for a key of that name',
        ...rangeOf(pair.value ?? pair.key),
      );
      return { ...converted, value: {} };
    }
    return { ...converted, value: Object.assign({}, ...maps.toReversed()) };
  }

  function keyOf(key: Node | null, start: number, end: number): string | undefined {
    const target = yaml.isAlias(key) ? anchors.get(key.source)?.node : key;
    const value = yaml.isScalar(target) ? target.value : undefined;
    if (value === '__proto__') {
      report('KEY_INVALID', 'the key "__proto__" is not allowed', start, end);
      return undefined;
    }
    if (typeof value === 'string') return value;
    const source = yaml.isScalar(target) ? (target.source ?? '') : undefined;
    if (source === undefined) report('KEY_INVALID', 'a key must be text, and this one is a list or a map', start, end);
    else if (source === '') report('KEY_INVALID', 'there is no key before this ":"', start, end);
    else
      report(
        'KEY_INVALID',
        `a key must be text, and ${source} is a ${value === null ? 'null' : typeof value}; write "${source}"`,
        start,
        end,
      );
    return undefined;
  }

  function scalarValue(scalar: Scalar): unknown {
    const { value, source = '' } = scalar;
    if (typeof value !== 'number') return value ?? null;
    const problem = numberProblem(value, source);
    if (problem !== undefined) report('NUMBER_UNSAFE', `${clip(source)} ${problem}`, ...rangeOf(scalar));
    return value;
  }

  const { value } = convert(document.contents, 0);

  function find(parts: readonly string[]) {
    let node = resolve(document.contents);
    let key: Node | undefined;
    for (const part of parts) {
      const next = child(node, part);
      if (next === undefined) return { node, key, complete: false };
      ({ node, key } = next);
    }
    return { node, key, complete: true };
  }

  const resolve = (node: Node | null | undefined): Node | undefined => {
    let at = node ?? undefined;
    while (at !== undefined && yaml.isAlias(at)) at = targets.get(at);
    return at;
  };

  const indexes = new WeakMap<YAMLMap, Map<unknown, Pair<Node, Node | null>>>();

  /** The pairs of a map by key, the first of several with one key. */
  function pairsOf(map: YAMLMap): Map<unknown, Pair<Node, Node | null>> {
    let index = indexes.get(map);
    if (index === undefined) {
      index = new Map();
      for (const pair of map.items as Pair<Node, Node | null>[]) {
        const key = resolve(pair.key);
        if (!isMerge(yaml, pair) && yaml.isScalar(key) && !index.has(key.value)) index.set(key.value, pair);
      }
      indexes.set(map, index);
    }
    return index;
  }

  function child(node: Node | undefined, part: string): { key: Node | undefined; node: Node | undefined } | undefined {
    if (yaml.isSeq(node)) {
      const item = /^\d+$/.test(part) ? (node.items[Number(part)] as Node | undefined) : undefined;
      return item === undefined ? undefined : { key: undefined, node: resolve(item) };
    }
    if (!yaml.isMap(node)) return undefined;
    const pairs = node.items as Pair<Node, Node | null>[];
    const pair = pairsOf(node).get(part);
    if (pair !== undefined) return { key: pair.key, node: resolve(pair.value) };
    for (const pair of pairs) {
      if (!isMerge(yaml, pair)) continue;
      const merged = resolve(pair.value);
      for (const map of yaml.isSeq(merged) ? merged.items : [merged]) {
        const found = child(resolve(map as Node | undefined), part);
        if (found !== undefined) return found;
      }
    }
    return undefined;
  }

  return { value, find };
}

function isMerge(yaml: Yaml, pair: Pair<Node, Node | null>): boolean {
  return yaml.isScalar(pair.key) && pair.key.value === '<<' && pair.key.type === 'PLAIN';
}

function leaf(value: unknown): Converted {
  return { value, size: 1, height: 1 };
}

function measure(parts: readonly Converted[]): { size: number; height: number } {
  let size = 1;
  let height = 0;
  for (const part of parts) {
    size += part.size;
    height = Math.max(height, part.height);
  }
  return { size, height: height + 1 };
}

function copyOf(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(copyOf);
  if (!isPlainMap(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, copyOf(each)]));
}

function isPlainMap(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function rangeOf(node: Node): [number, number] {
  return [node.range?.[0] ?? 0, node.range?.[1] ?? 0];
}

function clip(text: string): string {
  return text.length > 40 ? `${text.slice(0, 30)}…` : text;
}

function numberProblem(value: number, source: string): string | undefined {
  if (!Number.isFinite(value)) return 'is not a number that a definition can hold';
  if (Number.isInteger(value) && !Number.isSafeInteger(value))
    return 'has more digits than a number keeps; write it in quotes';
  const digits = /^[-+]?([\d.]+)/.exec(source)?.[1]?.replace('.', '').replace(/^0+/, '').replace(/0+$/, '') ?? '';
  return digits.length > 17 ? 'has more digits than a number keeps; write it in quotes' : undefined;
}
