// What is at the target of a copy, and which of it the source has not.
import type { Entry } from '../../engine/contracts/connector.ts';
import type { Buffers, FileItem, Range } from '../../engine/contracts/data.ts';
import type { Target, TaskContext } from '../../engine/contracts/task.ts';
import { Failure, failure } from '../../engine/errors.ts';
import { type MatchOptions, timeTest } from '../../engine/globs.ts';
import { splitPattern } from '../../engine/paths.ts';
import { isPattern, plainPath } from '../files.ts';
import { operation } from '../options.ts';
import { createRemoval } from '../removal.ts';
import type { Existing } from './compare.ts';
import { createWeights } from './weights.ts';

export interface Place extends Existing {
  /** In the connection. */
  path: string;
}

/** The files at the target by their names below it; by an empty name where the target is one file. */
export async function filesAt(target: Target, intoFolder: boolean, signal: AbortSignal): Promise<Map<string, Place>> {
  const found = new Map<string, Place>();
  const path = plainPath(target);
  const open = (inside: string) => () => bytesAt(target, inside, signal);
  try {
    if (!intoFolder) {
      const { kind, ...rest } = await operation(target, 'describe')(path, { signal });
      if (kind === 'file') found.set('', { ...rest, path, open: open(path) });
      return found;
    }
    for await (const entry of operation(target, 'list')(path, { signal, recursive: true })) {
      if (entry.kind === 'file') found.set(below(path, entry), { ...entry, open: open(entry.path) });
    }
  } catch (error) {
    if (!(error instanceof Failure) || error.code !== 'NOT_FOUND') throw error;
  }
  return found;
}

function below(folder: string, { path }: Entry): string {
  const plain = folder.replace(/^\/+/, '');
  const inner = path.replace(/^\/+/, '');
  if (plain === '') return inner;
  return inner.slice(plain.endsWith('/') ? plain.length : plain.length + 1);
}

async function* bytesAt(
  target: Target,
  path: string,
  signal: AbortSignal,
  range?: Range,
  buffers?: Buffers,
): AsyncGenerator<Uint8Array> {
  const stream = await operation(target, 'read')(path, { signal });
  if (stream.kind === 'files') for await (const file of stream.files) yield* file.open(range, buffers);
}

/** Every file below a folder, hidden ones too. */
export async function* filesBelow(from: Target, folder: string, match: MatchOptions): AsyncGenerator<FileItem> {
  const { signal } = match;
  const fits = timeTest(match);
  const shown = from.shown.replace(/\/+$/, '');
  let any = false;
  for await (const entry of operation(from, 'list')(folder, { signal, recursive: true, sorted: true })) {
    if (entry.kind !== 'file') continue;
    any = true;
    if (!fits(entry, from.shown)) continue;
    const { kind: _, contentType = 'application/octet-stream', open, ...rest } = entry;
    const relativePath = below(folder, entry);
    yield {
      ...rest,
      contentType,
      path: `${shown}/${relativePath}`,
      relativePath,
      open: open ?? ((range, buffers) => bytesAt(from, entry.path, signal, range, buffers)),
    };
  }
  if (!any) throw failure('NOT_FOUND', { path: from.shown, hint: '; there is no file in this folder' });
}

/** One file at the target, as it is now. */
export async function fileAt(target: Target, path: string, signal: AbortSignal): Promise<Existing> {
  const { size, modified, md5 } = await operation(target, 'describe')(path, { signal });
  return {
    ...(size === undefined ? {} : { size }),
    ...(modified === undefined ? {} : { modified }),
    ...(md5 === undefined ? {} : { md5 }),
    open: () => bytesAt(target, path, signal),
  };
}

/** A mirror must not eat its source. */
export function refuseOverlap(from: Target, to: Target): void {
  if (from.connection !== to.connection) return;
  const source = `${(isPattern(from) ? splitPattern(from.path).base : plainPath(from)).replace(/\/+$/, '')}/`;
  const target = `${plainPath(to).replace(/\/+$/, '')}/`;
  if (!source.startsWith(target) && !target.startsWith(source)) return;
  const reason = `and ${from.shown} are inside each other, so that \`delete: extra\` would delete what is to be copied`;
  throw failure('PATH_INVALID', { path: to.shown, reason });
}

/** What is at the target and not among the names of the source, though it fits what is copied. */
export function extraOf(
  existing: ReadonlyMap<string, Place>,
  names: ReadonlySet<string>,
  fits: (name: string) => boolean,
): Place[] {
  return [...existing].filter(([name]) => !names.has(name) && fits(name)).map(([, place]) => place);
}

export async function removeAll(
  target: Target,
  places: readonly Place[],
  concurrency: number,
  context: TaskContext,
): Promise<void> {
  if (target.connection.removeFiles !== undefined) {
    const removal = createRemoval(target, context, () => {});
    for (const { path } of places) await removal.add(path);
    return removal.done();
  }
  const remove = operation(target, 'remove');
  const weights = createWeights(concurrency);
  await Promise.all(
    places.map(async ({ path }) => {
      const leave = await weights.take(1);
      try {
        context.signal.throwIfAborted();
        await remove(path, { signal: context.signal });
      } finally {
        leave();
      }
    }),
  );
}
