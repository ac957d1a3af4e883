// unarchive: gives the files inside the archives that come in.

import { byteSize } from '../../engine/byte-size.ts';
import { decompress } from '../../engine/compression.ts';
import type { FileItem } from '../../engine/contracts/data.ts';
import type { Task, TaskContext } from '../../engine/contracts/task.ts';
import { failure } from '../../engine/errors.ts';
import { matcher } from '../../engine/paths.ts';
import type { UnarchiveTask } from '../../schemas/generated/types.ts';
import { withHead } from '../archives/bytes.ts';
import { type ArchiveKind, headBytes, kindByBytes, kindByName } from '../archives/kinds.ts';
import { type Limits, safeName, type Watch, watchLimits } from '../archives/limits.ts';
import { spooled } from '../archives/spool.ts';
import { untarred } from '../archives/tar-read.ts';
import { unzipped } from '../archives/zip-read.ts';

export const unarchive: Task<UnarchiveTask> = {
  op: 'unarchive',
  accepts: ['files'],
  yields: 'files',

  async run(input, params, context) {
    if (input?.kind !== 'files') {
      throw failure('OPTION_UNSUPPORTED', { what: '`unarchive`', where: 'rows; it takes the files of a read task' });
    }
    return { ...input, files: unpacked(input.files, params, context) };
  },
};

interface Unpacking {
  limits: Limits;
  watch: Watch;
  wanted: (name: string) => boolean;
  context: TaskContext;
}

async function* unpacked(
  archives: AsyncIterable<FileItem>,
  params: UnarchiveTask,
  context: TaskContext,
): AsyncGenerator<FileItem> {
  const { include, max_entries: entries = 100_000, max_bytes: bytes = '100GB', max_ratio: ratio = 1000 } = params;
  const limits = { entries, bytes: byteSize(bytes), ratio };
  const patterns = include?.map(matcher);
  const wanted = (name: string) => patterns === undefined || patterns.some((fits) => fits(name));
  for await (const archive of archives) {
    const unpacking = { limits, watch: watchLimits(limits, archive.path), wanted, context };
    const { kind, file } = await kindOf(archive, params.kind);
    yield* filesIn(kind, file, unpacking);
  }
}

/** The kind, and the file with the bytes that were looked at still in it. */
async function kindOf(file: FileItem, said: ArchiveKind | undefined): Promise<{ kind: ArchiveKind; file: FileItem }> {
  const byName = said ?? kindByName(file.path) ?? kindByName(file.name);
  if (byName !== undefined) return { kind: byName, file };
  const { head, bytes } = await withHead(file.open(file.once ? undefined : { start: 0, end: headBytes }), headBytes);
  if (file.once !== true) await bytes.return();
  const kind = kindByBytes(Buffer.concat(head));
  if (kind !== undefined) return { kind, file: file.once === true ? { ...file, open: () => bytes } : file };
  throw failure('INPUT_MALFORMED', {
    path: file.path,
    reason: 'is no zip, tar or gzip archive; say `kind` if it is one',
  });
}

function filesIn(kind: ArchiveKind, file: FileItem, unpacking: Unpacking): AsyncIterable<FileItem> {
  const { watch, wanted } = unpacking;
  switch (kind) {
    case 'zip':
      return unzip(file, unpacking);
    case 'tar':
      return untarred(file.open(), file.path, watch, wanted);
    case 'tar.gz':
      return untarred(gunzipped(file, watch, unpacking.context), file.path, watch, wanted);
    case 'gzip':
      return gunzip(file, unpacking);
  }
}

async function* unzip(file: FileItem, { limits, watch, wanted }: Unpacking): AsyncGenerator<FileItem> {
  if (file.once !== true && file.size !== undefined) {
    yield* unzipped({ path: file.path, size: file.size, open: file.open }, limits, watch, wanted, false);
    return;
  }
  // Its directory is at its end, so that it must all be there before the first file is.
  const spool = await spooled(file.open(), file.path, limits.bytes);
  try {
    yield* unzipped({ path: file.path, size: spool.size, open: spool.open }, limits, watch, wanted, true);
  } finally {
    await spool.close();
  }
}

async function* gunzip(file: FileItem, { limits, wanted, context }: Unpacking): AsyncGenerator<FileItem> {
  const name = safeName(file.name.replace(/\.gz$/i, ''), file.path);
  if (!wanted(name)) return;
  const { size: _, contentEncoding: __, ...kept } = file;
  yield {
    ...kept,
    name,
    path: file.path.replace(/\.gz$/i, ''),
    contentType: 'application/octet-stream',
    ...(file.relativePath === undefined ? {} : { relativePath: file.relativePath.replace(/\.gz$/i, '') }),
    open() {
      const watch = watchLimits(limits, file.path);
      watch.entry(name);
      return watch.output(gunzipped(file, watch, context));
    },
  };
}

function gunzipped(file: FileItem, watch: Watch, { signal }: TaskContext): AsyncIterable<Uint8Array> {
  return decompress(watch.input(file.open()), ['gzip'], { signal, path: file.path });
}
