// A definition's text as a value whose every part knows its place in the file.
import { readdir, readFile, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { Diagnostic, DiagnosticCode } from './diagnostics.ts';
import { failure, systemFailure } from './errors.ts';
import { convertDocument, type DocumentTree, type Report, type TreeNode } from './load/document.ts';
import { scalarOffsets } from './load/scalar.ts';
import { readSimple } from './load/simple.ts';
import { parseText } from './load/syntax.ts';
import { createLines, type Lines, type Place } from './load/text.ts';
import { pointerParts } from './pointer.ts';
import { didYouMean } from './suggest.ts';

export type { Place } from './load/text.ts';

const mostBytes = 5 * 1024 * 1024;

/** A loaded file. Pointers are JSON pointers into `value`; one that leads nowhere means the nearest thing above it. */
export interface Source {
  /** As it is shown in diagnostics. */
  readonly file: string;
  readonly text: string;
  /** Plain data: maps, lists, text, numbers, booleans and null, with aliases and merges resolved. */
  readonly value: unknown;
  /** Where the value is, or its key; of several lines, the first. */
  locate(pointer: string, part?: 'key' | 'value'): Place;
  /** Where a part of a text value is, by offsets into the value; quotes, escapes and folded lines are taken into account. */
  within(pointer: string, start: number, end?: number): Place;
  /** A line for display, from 1, with hidden values as `•`. */
  line(number: number): string | undefined;
  /** Hides a value (a secret) from `line`. */
  hide(pointer: string): void;
}

export interface Loaded {
  /** Undefined when the file cannot be read as one document; the diagnostics say why. */
  source: Source | undefined;
  diagnostics: Diagnostic[];
  /** A line of the file for display, also of one that is not a document. */
  line(number: number): string | undefined;
}

export interface LoadOptions {
  /** The key that a document which is a list stands for: a bare task list means `{ tasks: […] }`. */
  list?: string;
  /** How many tokens of YAML it may have at most, where it may be longer than a pipe. */
  mostTokens?: number;
}

/** Loads a file. Throws FILE_NOT_FOUND, FILE_IS_FOLDER and what else keeps it from being read; its content makes diagnostics. */
export async function loadFile(path: string, options: LoadOptions = {}): Promise<Loaded> {
  try {
    const info = await stat(path);
    if (info.isDirectory()) throw failure('FILE_IS_FOLDER', { path });
    if (info.isFile() && info.size > mostBytes) return tooLarge(path);
    return await loadBytes(await readFile(path), path, options);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR')
      throw failure('FILE_NOT_FOUND', { path, hint: await nearFiles(path) }, { cause: error });
    throw systemFailure(error as NodeJS.ErrnoException, path) ?? error;
  }
}

/** Loads a file's bytes. `file` is its name for diagnostics; `-` is shown as `<stdin>`. */
export async function loadBytes(bytes: Uint8Array, file: string, options: LoadOptions = {}): Promise<Loaded> {
  if (bytes.length > mostBytes) return tooLarge(file);
  try {
    return await loadText(new TextDecoder('utf-8', { fatal: true }).decode(bytes), file, options);
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    return notUtf8(bytes, file);
  }
}

/** Loads a text. Never throws. */
export async function loadText(text: string, file: string, options: LoadOptions = {}): Promise<Loaded> {
  if (Buffer.byteLength(text) > mostBytes) return tooLarge(file);
  const plain = text.startsWith('\ufeff') ? text.slice(1) : text;
  const lines = createLines(plain);
  const shown = shownName(file);
  const diagnostics: Diagnostic[] = [];
  const report: Report = (code, message, start, end, about) => {
    const place = lines.place(start, end);
    diagnostics.push({ code, severity: 'error', message, file: shown, ...place, ...(about && { about }) });
  };
  const loaded = (source: Source | undefined): Loaded => ({ source, diagnostics, line: lines.line });

  const tree =
    plain.trim() === '' ? undefined : (readSimple(plain) ?? (await readYaml(plain, lines, report, options.mostTokens)));
  if (tree === undefined) {
    if (diagnostics.length === 0) report('FILE_EMPTY', 'the file is empty', 0, 0);
    return loaded(undefined);
  }
  if (tree.value === null && diagnostics.length === 0) report('FILE_EMPTY', 'the file is empty', 0, 0);
  if (diagnostics.length > 0) return loaded(undefined);
  const list = Array.isArray(tree.value) ? options.list : undefined;
  const value = list === undefined ? tree.value : { [list]: tree.value };
  return loaded(createSource({ file: shown, text: plain, value, tree, list, lines }));
}

async function readYaml(
  text: string,
  lines: Lines,
  report: Report,
  mostTokens?: number,
): Promise<DocumentTree | undefined> {
  const yaml = await import('yaml');
  const document = parseText(yaml, text, report, mostTokens);
  return document === undefined ? undefined : convertDocument(yaml, document, lines, report);
}

/** A definition that a program made, as if it were a JSON file. */
export async function loadValue(value: unknown, file: string, options: LoadOptions = {}): Promise<Loaded> {
  return loadText(JSON.stringify(value, undefined, 2) ?? '', file, options);
}

interface SourceParts {
  file: string;
  text: string;
  value: unknown;
  tree: DocumentTree;
  list: string | undefined;
  lines: Lines;
}

function createSource({ file, text, value, tree, list, lines }: SourceParts): Source {
  const find = (pointer: string) => {
    const parts = pointerParts(pointer);
    return tree.find(list !== undefined && parts[0] === list ? parts.slice(1) : parts);
  };
  const range = (node: TreeNode | undefined): [number, number] => [node?.range?.[0] ?? 0, node?.range?.[1] ?? 0];
  const offsets = new Map<TreeNode, number[]>();

  return {
    file,
    text,
    value,
    locate(pointer, part = 'value') {
      const { node, key, complete } = find(pointer);
      const at = (part === 'key' || !complete ? key : undefined) ?? node ?? key;
      return lines.place(...range(at));
    },
    within(pointer, start, end = start + 1) {
      const { node, complete } = find(pointer);
      if (!complete || typeof node?.value !== 'string') return this.locate(pointer);
      const [from, to] = range(node);
      let map = offsets.get(node);
      if (map === undefined) {
        map = scalarOffsets({ raw: text.slice(from, to), value: node.value, style: styleOf(node.type) });
        offsets.set(node, map);
      }
      const at = (offset: number) => from + map[Math.max(0, Math.min(offset, map.length - 1))]!;
      return lines.place(at(start), Math.max(at(end), at(start) + 1));
    },
    line: lines.line,
    hide(pointer) {
      const { node, complete } = find(pointer);
      if (complete && node !== undefined) lines.hide(...range(node));
    },
  };
}

function styleOf(type: string | undefined): 'plain' | 'single' | 'double' | 'block' {
  if (type === 'QUOTE_SINGLE') return 'single';
  if (type === 'QUOTE_DOUBLE') return 'double';
  return type === 'BLOCK_LITERAL' || type === 'BLOCK_FOLDED' ? 'block' : 'plain';
}

function shownName(file: string): string {
  return file === '-' ? '<stdin>' : file;
}

function refused(file: string, code: DiagnosticCode, message: string, place: Place): Loaded {
  return {
    source: undefined,
    diagnostics: [{ code, severity: 'error', message, file: shownName(file), ...place }],
    line: () => undefined,
  };
}

function tooLarge(file: string): Loaded {
  return refused(file, 'FILE_TOO_LARGE', 'is larger than 5 MB; keep data in files of its own', {
    line: 1,
    col: 1,
    endCol: 2,
  });
}

function notUtf8(bytes: Uint8Array, file: string): Loaded {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (/^(?:\xff\xfe|\xfe\xff)/.test(buffer.toString('latin1', 0, 2))) {
    return refused(file, 'FILE_ENCODING', 'is UTF-16; save it as UTF-8', { line: 1, col: 1, endCol: 2 });
  }
  const rows = buffer.toString('latin1').split('\n');
  const line = Math.max(
    0,
    rows.findIndex((row) => Buffer.from(row, 'latin1').toString().includes('\ufffd')),
  );
  const col = Buffer.from(rows[line]!, 'latin1').toString().indexOf('\ufffd') + 1;
  return refused(file, 'FILE_ENCODING', 'has bytes here that are not UTF-8; save it as UTF-8', {
    line: line + 1,
    col,
    endCol: col + 1,
  });
}

async function nearFiles(path: string): Promise<string> {
  const folder = dirname(path);
  try {
    const names = (await readdir(folder)).filter((name) => !name.startsWith('.'));
    return didYouMean(basename(path), names).replace(
      /"([^"]+)"/g,
      (_, name: string) => `"${folder === '.' ? name : join(folder, name)}"`,
    );
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return `; there is no folder ${folder}`;
    return '';
  }
}
