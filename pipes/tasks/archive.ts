// archive: puts the files that come in into one archive, or compresses one file with gzip.
import { createGzip } from 'node:zlib';
import type { FileItem, FileStream, Stream } from '../../engine/contracts/data.ts';
import type { Task, TaskContext } from '../../engine/contracts/task.ts';
import { failure } from '../../engine/errors.ts';
import type { ArchiveTask } from '../../schemas/generated/types.ts';
import { transformed } from '../archives/bytes.ts';
import { type ArchiveKind, contentTypes, kindByName } from '../archives/kinds.ts';
import { checkName } from '../archives/limits.ts';
import { tarred } from '../archives/tar-write.ts';
import { zipped } from '../archives/zip-write.ts';
import { onlyFile } from '../files.ts';
import { refuseOptions } from '../options.ts';

export const archive: Task<ArchiveTask> = {
  op: 'archive',
  accepts: ['rows', 'files'],
  yields: 'files',

  async run(input, params, context) {
    const kind = params.kind ?? kindByName(params.name);
    if (kind === undefined) {
      const reason = 'does not say the kind of archive; end it with .zip, .tar, .tar.gz or .gz, or say `kind`';
      throw failure('PATH_INVALID', { path: params.name, reason });
    }
    if (kind === 'tar') refuseOptions(params, ['level'], 'a tar archive, which is not compressed');
    const files = filesOf(input!, params, context);
    const name = params.name.slice(params.name.lastIndexOf('/') + 1);
    return onlyFile({
      name,
      path: params.name,
      contentType: contentTypes[kind],
      once: true,
      open: () => archived(kind, files, params),
    });
  },
};

function filesOf(input: Stream, params: ArchiveTask, context: TaskContext): FileStream {
  if (input.kind === 'rows') return onlyFile(context.encode(input, params.file ?? 'data.csv', params.format));
  refuseOptions(params, ['file', 'format'], 'files that come in; a convert task before gives them another format');
  return input;
}

function archived(
  kind: ArchiveKind,
  { files }: FileStream,
  { name, level = 6 }: ArchiveTask,
): AsyncIterable<Uint8Array> {
  switch (kind) {
    case 'zip':
      return zipped(named(files, name), level);
    case 'tar':
      return tarred(named(files, name));
    case 'tar.gz':
      return transformed(tarred(named(files, name)), createGzip({ level }));
    case 'gzip':
      return transformed(single(files, name), createGzip({ level }));
  }
}

/** By the path below the pattern that found them; no two may have the same. */
async function* named(
  files: AsyncIterable<FileItem>,
  archive: string,
): AsyncGenerator<{ name: string; file: FileItem }> {
  const names = new Set<string>();
  for await (const file of files) {
    const name = (file.relativePath ?? file.name).replace(/^\/+/, '');
    checkName(name, archive);
    if (names.has(name)) {
      const reason = `would be in the archive twice under the name "${name}"`;
      throw failure('PATH_INVALID', { path: file.path, reason });
    }
    names.add(name);
    yield { name, file };
  }
}

async function* single(files: AsyncIterable<FileItem>, name: string): AsyncGenerator<Uint8Array> {
  let count = 0;
  for await (const file of files) {
    count += 1;
    if (count > 1) {
      const reason = 'holds one file, and several came in; make it a .zip or a .tar.gz';
      throw failure('PATH_INVALID', { path: name, reason });
    }
    yield* file.open();
  }
  if (count === 0) throw failure('INPUT_EMPTY', { path: name, hint: 'no file came in to be compressed' });
}
