// Changes to a YAML file with `connections:` in it: what is not changed stays as it was written, comments too.
import type { Document, Scalar, YAMLMap } from 'yaml';
import type { ConnectionDefinition } from './connections.ts';
import { replaceFile } from './credentials/replace.ts';
import { failure } from './errors.ts';

type Yaml = typeof import('yaml');

/** The connections of a file while they are changed. */
export interface ConnectionEditor {
  /** As the file has them, by alias; by EID where a connection has no alias. */
  readonly connections: Readonly<Record<string, ConnectionDefinition>>;
  /** Adds a connection at the end, or puts it in the place of the one with that alias. */
  put(alias: string, definition: ConnectionDefinition): void;
  /** Sets a field, or takes it out where the value is undefined. */
  set(alias: string, field: string, value: unknown): void;
  rename(alias: string, next: string): void;
  remove(alias: string): void;
}

export interface EditOptions {
  signal: AbortSignal;
  /** Others may read the file. It is private unless told. */
  shared?: boolean;
  /** What a new file begins with. */
  head?: string;
}

/**
 * Edits a file, made when it is not there. One edit at a time across processes, each all or nothing: an edit that throws
 * leaves the file alone. `edit` may be called again when another process was faster.
 */
export async function editConnections<T>(
  path: string,
  edit: (editor: ConnectionEditor) => T,
  { signal, shared = false, head = '' }: EditOptions,
): Promise<T> {
  const yaml = await import('yaml');
  return replaceFile(
    path,
    signal,
    (before) => {
      const text = before?.toString('utf8') ?? head;
      const document = read(yaml, text, path);
      const untouched = write(document, text);
      const result = edit(createEditor(yaml, document, path));
      const changed = write(document, text);
      if (changed === untouched) return { result };
      return { bytes: Buffer.from(merged(yaml, text, untouched, changed)), result };
    },
    { shared },
  );
}

function read(yaml: Yaml, text: string, path: string): Document {
  const document = yaml.parseDocument(text, { version: '1.2', schema: 'core', uniqueKeys: true });
  const [error] = document.errors;
  if (error !== undefined) {
    const line = error.linePos?.[0].line;
    throw failure('CONNECTIONS_UNREADABLE', {
      path,
      ...(line === undefined ? {} : { line }),
      reason: firstLine(error.message),
    });
  }
  if (document.contents === null) {
    const { commentBefore } = document;
    document.contents = document.createNode({}) as never;
    document.commentBefore = commentBefore;
  }
  if (!yaml.isMap(document.contents)) throw failure('CONNECTIONS_UNREADABLE', { path, reason: 'it is no map' });
  return document;
}

// The parser repeats the source below its message.
function firstLine(message: string): string {
  return message.replace(/ at line \d+[\s\S]*$/, '');
}

function createEditor(yaml: Yaml, document: Document, path: string): ConnectionEditor {
  const byHand = (alias: string) =>
    failure('CONNECTIONS_UNREADABLE', { path, reason: `"${alias}" is written with YAML aliases; change it by hand` });

  const map = (): YAMLMap => {
    const found = document.get('connections');
    if (yaml.isMap(found)) return found;
    if (found !== undefined && found !== null)
      throw failure('CONNECTIONS_UNREADABLE', { path, reason: '`connections` is no map' });
    const made = document.createNode({}) as YAMLMap;
    made.flow = false;
    document.set('connections', made);
    return made;
  };
  const pairOf = (alias: string): { key: Scalar; value: YAMLMap } => {
    const pair = map().items.find(({ key }) => (yaml.isScalar(key) ? key.value : key) === alias);
    if (!yaml.isMap(pair?.value) || hasMerge(yaml, pair.value)) throw byHand(alias);
    return pair as { key: Scalar; value: YAMLMap };
  };
  return {
    get connections() {
      const value = document.toJS({ maxAliasCount: 1000 }) as { connections?: Record<string, ConnectionDefinition> };
      return value.connections ?? {};
    },
    put(alias, definition) {
      map().set(alias, document.createNode(definition));
    },
    set(alias, field, value) {
      const { value: connection } = pairOf(alias);
      if (value === undefined) connection.delete(field);
      else {
        const before = connection.get(field, true);
        // In its place it keeps its quotes and the comment beside it.
        if (yaml.isScalar(before) && !isCollection(value)) before.value = value;
        else connection.set(field, document.createNode(value));
      }
    },
    rename(alias, next) {
      const pair = pairOf(alias);
      pair.key.value = next;
    },
    remove(alias) {
      map().delete(alias);
    },
  };
}

function isCollection(value: unknown): boolean {
  return typeof value === 'object' && value !== null;
}

function hasMerge(yaml: Yaml, map: YAMLMap): boolean {
  return map.items.some(({ key }) => yaml.isScalar(key) && key.value === '<<');
}

function write(document: Document, text: string): string {
  const indent = /^( +)\S/m.exec(text)?.[1]?.length ?? 2;
  try {
    return document.toString({
      lineWidth: 0,
      indent: Math.min(Math.max(indent, 1), 8),
      indentSeq: !/^( *)[^\s#-][^\n]*:[^\S\n]*\n\1- /m.test(text),
      flowCollectionPadding: !/\{\S/.test(text),
    });
  } catch {
    // An anchor was removed that something else stands for.
    throw failure('CONNECTIONS_UNREADABLE', {
      path: 'the file',
      reason: 'what would be left refers to what was removed; change it by hand',
    });
  }
}

/**
 * The changed lines only, in the text as the user wrote it: the writer has its own idea of blanks. `untouched` and
 * `changed` are what it made of the document before and after.
 */
function merged(yaml: Yaml, text: string, untouched: string, changed: string): string {
  const newline = text.includes('\r\n') ? '\r\n' : '\n';
  const own = text.replaceAll('\r\n', '\n').split('\n');
  const before = untouched.split('\n');
  const after = changed.split('\n');
  const places = placesOf(before, own);
  if (places !== undefined) {
    const most = Math.min(before.length, after.length);
    let start = 0;
    while (start < most && before[start] === after[start]) start++;
    let end = 0;
    while (end < most - start && before[before.length - 1 - end] === after[after.length - 1 - end]) end++;
    const from = places[start]!;
    const to = Math.max(from, places[before.length - end]!);
    const result = [...own.slice(0, from), ...after.slice(start, after.length - end), ...own.slice(to)].join('\n');
    if (same(yaml, result, changed)) return result.replaceAll('\n', newline);
  }
  return changed.replaceAll('\n', newline);
}

/**
 * Where each of the writer's lines (and the end) begins among the user's: they differ in blanks and empty lines only.
 * Undefined where they differ in more.
 */
function placesOf(lines: readonly string[], own: readonly string[]): number[] | undefined {
  const bare = (line: string | undefined) => line?.replaceAll(/\s/g, '');
  const places: number[] = [];
  let at = 0;
  for (const line of lines) {
    const wanted = bare(line)!;
    if (wanted !== '') while (bare(own[at]) === '') at++;
    places.push(at);
    if (bare(own[at]) === wanted) at++;
    else if (wanted !== '') return undefined;
  }
  places.push(own.length);
  return places;
}

function same(yaml: Yaml, one: string, other: string): boolean {
  const value = (text: string) => JSON.stringify(yaml.parse(text, { version: '1.2', schema: 'core' }));
  try {
    return value(one) === value(other);
  } catch {
    return false;
  }
}
