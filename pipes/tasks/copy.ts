// copy: files from one place to another as they are.
import { byteSize } from '../../engine/byte-size.ts';
import type { FileItem } from '../../engine/contracts/data.ts';
import type { Target, Task, TaskContext } from '../../engine/contracts/task.ts';
import { Failure, failure } from '../../engine/errors.ts';
import { matcher, splitPattern } from '../../engine/paths.ts';
import type { CopyTask } from '../../schemas/generated/types.ts';
import { isSkipped } from '../copy/compare.ts';
import { createMover, nameOf } from '../copy/move.ts';
import { extraOf, filesAt, filesBelow, refuseOverlap, removeAll } from '../copy/places.ts';
import { isPattern, plainPath, readTarget } from '../files.ts';
import { operation, refuseOptions } from '../options.ts';

export const copy: Task<CopyTask> = {
  op: 'copy',
  accepts: ['nothing'],
  yields: 'nothing',

  async run(_, params, context) {
    const { signal } = context;
    const { concurrency = 4, dry_run = false, verify = 'size' } = params;
    const mirrors = params.delete === 'extra';
    const from = await context.resolve(params.from, params.connection);
    const to = await context.resolve(params.to, params.connection);
    if (isPattern(to)) {
      throw failure('PATH_INVALID', { path: to.shown, reason: 'has a pattern where it must name the target' });
    }
    operation(to, 'write');
    if (to.stores !== 'files') throw noFiles(to);
    const path = plainPath(to);
    const intoFolder = path === '' || path.endsWith('/');
    if (mirrors) {
      refuseOptions(params, ['since', 'until'], '`delete: extra`', ', which needs to know all that the source has');
      if (!intoFolder)
        throw failure('PATH_INVALID', {
          path: to.shown,
          reason: 'is one file, and `delete: extra` is for a folder; end it with /',
        });
      refuseOverlap(from, to);
    }
    const source = await filesFrom(from, params, context);
    const existing = params.skip === undefined && !mirrors ? new Map() : await filesAt(to, intoFolder, signal);
    const within = from.connection === to.connection && to.connection.copy !== undefined ? source.insideOf : undefined;
    const mover = createMover(
      {
        to,
        path,
        intoFolder,
        concurrency,
        partBytes: byteSize(params.part_size ?? '16MiB'),
        verify,
        ...(within === undefined ? {} : { within }),
      },
      context,
    );
    const names = new Set<string>();
    const would: string[] = [];
    let skipped = 0;
    let paths: string[] = [];
    try {
      for await (const file of intoFolder ? source.files : onlyOne(source.files, to)) {
        const name = intoFolder ? nameOf(file) : '';
        if (mirrors) names.add(name);
        if (await isSkipped(file, existing.get(name), params, { signal })) skipped++;
        else if (dry_run) would.push(file.path);
        else await mover.add(file);
      }
      paths = await mover.done();
    } catch (error) {
      await mover.stop(error);
      throw error;
    }
    const extra = mirrors ? extraOf(existing, names, source.fits) : [];
    if (dry_run) {
      for (const each of would) context.log.info(`would copy ${each} to ${to.shown}`);
      for (const each of extra) context.log.info(`would delete ${each.path} at ${to.shown}`);
      context.result({ copy: would, delete: extra.map((each) => each.path), skipped, paths });
      return undefined;
    }
    await removeAll(to, extra, concurrency, context);
    context.result({ paths, skipped, deleted: extra.map((each) => each.path) });
    return undefined;
  },
};

interface Source {
  files: AsyncIterable<FileItem>;
  /** Where one of them is in the connection. */
  insideOf(file: FileItem): string;
  /** Whether a name below the source would be one of them. */
  fits(name: string): boolean;
}

async function filesFrom(from: Target, { since, until }: CopyTask, context: TaskContext): Promise<Source> {
  const match = { signal: context.signal, ...(since && { since }), ...(until && { until }) };
  try {
    const stream = await readTarget(from, match);
    if (stream.kind === 'rows') throw noFiles(from);
    const { files } = stream;
    if (!isPattern(from)) return { files, insideOf: () => plainPath(from), fits: () => true };
    const { base, rest } = splitPattern(from.path);
    return { files, insideOf: (file) => inFolder(base, file), fits: matcher(rest) };
  } catch (error) {
    if (!(error instanceof Failure) || error.code !== 'FILE_IS_FOLDER' || isPattern(from)) throw error;
    const base = plainPath(from).replace(/(?<=.)\/+$/, '');
    return { files: filesBelow(from, base, match), insideOf: (file) => inFolder(base, file), fits: () => true };
  }
}

function inFolder(base: string, { relativePath = '' }: FileItem): string {
  return base === '' || base.endsWith('/') ? base + relativePath : `${base}/${relativePath}`;
}

/** Nothing is copied before it is known that there is no second one. */
async function* onlyOne(files: AsyncIterable<FileItem>, to: Target): AsyncGenerator<FileItem> {
  let first: FileItem | undefined;
  for await (const file of files) {
    if (first !== undefined) {
      const reason = 'is one file and there are several to write; end it with / to make it a folder';
      throw failure('PATH_INVALID', { path: to.shown, reason });
    }
    first = file;
    if (file.once) break;
  }
  if (first !== undefined) yield first;
}

function noFiles({ shown }: Target) {
  const hint = '; use a read and a write task';
  return failure('OPTION_UNSUPPORTED', { what: '`copy`', where: `${shown}, which has no files`, hint });
}
