// The files that a path with a pattern stands for, found by listing no more than the pattern needs.
import type { CallOptions, Entry } from './contracts/connector.ts';
import type { FileItem, FileStream } from './contracts/data.ts';
import type { Target } from './contracts/task.ts';
import { Failure, failure } from './errors.ts';
import { hasPattern, matcher, splitPattern, withoutEscapes } from './paths.ts';

export interface MatchOptions extends CallOptions {
  /** `name` is the order of whole paths. `modified` (oldest first) and `size` hold an entry per file; the others hold a folder at most. */
  order?: 'name' | 'modified' | 'size' | 'none';
  /** Only files changed at this time or later, and before that one: ISO dates or times, a bare date in UTC. */
  since?: string;
  until?: string;
  /** Whether it is an error that no file fits the pattern. Files that are only too old or too new are no error. */
  missing?: 'fail' | 'empty';
}

/**
 * The target's path has a pattern (`hasPattern`). Nothing is listed before the first file is pulled. Files know their
 * path below the plain part of the pattern. Fails with NOT_FOUND, or CAPABILITY_MISSING where the connection has no `list`.
 */
export function matchFiles(target: Target, o: MatchOptions): FileStream {
  if (target.connection.list === undefined) {
    const hint = `, so that ${target.shown} cannot be looked for; name one file`;
    throw failure('CAPABILITY_MISSING', { connector: target.connector, capability: 'list files', hint });
  }
  return { kind: 'files', files: found(target, o) };
}

async function* found(target: Target, o: MatchOptions): AsyncGenerator<FileItem> {
  const { connection, path, shown } = target;
  const { base, rest } = splitPattern(path);
  const shownBase = shown.endsWith(rest) ? shown.slice(0, shown.length - rest.length) : `${base}/`;
  const inTime = timeTest(o);
  let matches = 0;
  const inOrder = async function* (): AsyncGenerator<Entry> {
    for await (const entry of matching(target, base, rest.split('/'), o)) {
      matches++;
      if (inTime(entry, shown)) yield entry;
    }
  };
  for await (const entry of sorted(inOrder(), o.order ?? 'name')) {
    const relativePath = below(base, entry);
    yield {
      name: entry.name,
      path: shownBase + relativePath,
      contentType: entry.contentType ?? 'application/octet-stream',
      ...(entry.size === undefined ? {} : { size: entry.size }),
      ...(entry.modified === undefined ? {} : { modified: entry.modified }),
      ...(entry.version === undefined ? {} : { version: entry.version }),
      ...(entry.md5 === undefined ? {} : { md5: entry.md5 }),
      relativePath,
      open: entry.open ?? ((range) => opened(connection, entry.path, range, o)),
    };
  }
  if (matches === 0 && o.missing !== 'empty') {
    throw failure('NOT_FOUND', { path: shown, hint: '; no file fits this pattern' });
  }
}

/** Folder by folder down to the first `**`, everything below from there on. */
async function* matching(target: Target, folder: string, parts: string[], o: MatchOptions): AsyncGenerator<Entry> {
  const list = target.connection.list!;
  const options = { signal: o.signal, sorted: o.order === undefined || o.order === 'name' };
  const [first, ...rest] = parts as [string, ...string[]];
  if (first === '**') {
    const fits = matcher(parts.join('/'));
    const entries = list.call(target.connection, folder, { ...options, recursive: true });
    for await (const entry of present(entries, o)) {
      if (entry.kind === 'file' && fits(below(folder, entry))) yield entry;
    }
  } else if (rest.length > 0 && !hasPattern(first)) {
    yield* matching(target, folder === '' ? withoutEscapes(first) : `${folder}/${withoutEscapes(first)}`, rest, {
      ...o,
      // That one of the folders found has no such folder in it is no match, and no error.
      missing: 'empty',
    });
  } else {
    const fits = matcher(first);
    for await (const entry of present(list.call(target.connection, folder, options), o)) {
      if (!fits(below(folder, entry))) continue;
      if (rest.length === 0) {
        if (entry.kind === 'file') yield entry;
      } else if (entry.kind === 'folder') {
        yield* matching(target, entry.path, rest, o);
      }
    }
  }
}

/** The entries; none where the folder is not there and that is no error. */
async function* present(entries: AsyncIterable<Entry>, { missing }: MatchOptions): AsyncGenerator<Entry> {
  try {
    yield* entries;
  } catch (error) {
    if (missing !== 'empty' || !(error instanceof Failure) || error.code !== 'NOT_FOUND') throw error;
  }
}

function below(folder: string, { path }: Entry): string {
  return folder === '' ? path : path.slice(folder.endsWith('/') ? folder.length : folder.length + 1);
}

/** Whether something was changed at `since` or later and before `until`; OPTION_UNSUPPORTED where it tells no time. */
export function timeTest({
  since,
  until,
}: Pick<MatchOptions, 'since' | 'until'>): (entry: Pick<Entry, 'modified'>, shown: string) => boolean {
  const from = timeOf('since', since) ?? Number.NEGATIVE_INFINITY;
  const to = timeOf('until', until) ?? Number.POSITIVE_INFINITY;
  if (since === undefined && until === undefined) return () => true;
  return ({ modified }, shown) => {
    if (modified === undefined)
      throw failure('OPTION_UNSUPPORTED', { what: '`since` or `until`', where: `${shown}, which tells no times` });
    const at = Date.parse(modified);
    return at >= from && at < to;
  };
}

function timeOf(where: string, value: string | undefined): number | undefined {
  if (value === undefined) return undefined;
  const time = Date.parse(value);
  if (Number.isNaN(time)) throw failure('VALUE_INVALID', { where, value: `"${value}"`, expected: 'a date or a time' });
  return time;
}

async function* sorted(
  entries: AsyncIterable<Entry>,
  order: NonNullable<MatchOptions['order']>,
): AsyncGenerator<Entry> {
  if (order === 'name' || order === 'none') return yield* entries;
  const all: Entry[] = [];
  for await (const entry of entries) all.push(entry);
  const key = (entry: Entry) => (order === 'size' ? (entry.size ?? 0) : Date.parse(entry.modified ?? ''));
  all.sort((a, b) => key(a) - key(b) || (a.path < b.path ? -1 : 1));
  yield* all;
}

async function* opened(
  connection: Target['connection'],
  path: string,
  range: Parameters<FileItem['open']>[0],
  { signal }: CallOptions,
): AsyncGenerator<Uint8Array> {
  const stream = await connection.read!(path, { signal });
  if (stream.kind === 'files') for await (const file of stream.files) yield* file.open(range);
}
