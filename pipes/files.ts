// The files that a path of the language stands for, whatever the storage.
import type { ReadOptions } from '../engine/contracts/connector.ts';
import type { FileItem, FileStream, Stream } from '../engine/contracts/data.ts';
import type { Target } from '../engine/contracts/task.ts';
import { Failure } from '../engine/errors.ts';
import { type MatchOptions, matchFiles, timeTest } from '../engine/globs.ts';
import { hasPattern, withoutEscapes } from '../engine/paths.ts';
import { operation } from './options.ts';

/** Whether the target's path stands for many files. In a URL and in the path of a table, `?` and `*` are plain. */
export function isPattern({ path, stores, connection }: Target): boolean {
  if (stores === 'rows' || /^https?:\/\//i.test(path)) return false;
  // What cannot be listed is asked for by URL, where a question mark begins the query.
  return hasPattern(connection.list === undefined ? path.replace(/\?.*$/s, '') : path);
}

/** What the path of a target without a pattern is inside its connection. */
export function plainPath(target: Target): string {
  return target.stores === 'files' ? withoutEscapes(target.path) : target.path;
}

/** Reads one thing or, by a pattern, many files. With `missing: empty`, nothing there is an empty stream of files. */
export async function readTarget(
  target: Target,
  match: MatchOptions,
  options: Omit<ReadOptions, 'signal'> = {},
): Promise<Stream> {
  if (isPattern(target)) return matchFiles(target, match);
  const read = operation(target, 'read');
  try {
    const stream = await read(plainPath(target), { ...options, signal: match.signal });
    if (stream.kind === 'rows' || (match.since === undefined && match.until === undefined)) return stream;
    return { ...stream, files: changedBetween(stream.files, match) };
  } catch (error) {
    if (match.missing !== 'empty' || !(error instanceof Failure) || error.code !== 'NOT_FOUND') throw error;
    return { kind: 'files', files: none() };
  }
}

async function* changedBetween(files: AsyncIterable<FileItem>, match: MatchOptions): AsyncGenerator<FileItem> {
  const fits = timeTest(match);
  for await (const file of files) if (fits(file, file.path)) yield file;
}

async function* none(): AsyncGenerator<never> {}

/** A stream of one file. */
export function onlyFile(file: FileItem, rest: Omit<FileStream, 'kind' | 'files'> = {}): FileStream {
  return { ...rest, kind: 'files', files: one(file) };
}

async function* one(file: FileItem): AsyncGenerator<FileItem> {
  yield file;
}
