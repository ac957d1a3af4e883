// copy: files from one place to another as they are.
import type { FileItem, FileStream, Stream, Target, Task, TaskContext } from '../../engine/contracts.ts';
import { Failure, failure } from '../../engine/errors.ts';
import type { CopyTask } from '../../schemas/generated/types.ts';
import { isPattern, plainPath, readTarget } from '../files.ts';
import { operation, refusePending } from '../options.ts';

export const copy: Task<CopyTask> = {
  op: 'copy',
  accepts: ['nothing'],
  yields: 'nothing',

  async run(_, params, context) {
    refusePending(params, {
      skip: undefined,
      compare: 'modified',
      delete: undefined,
      verify: 'size',
      concurrency: 4,
      part_size: '16MiB',
      dry_run: false,
    });
    const from = await context.resolve(params.from, params.connection);
    const to = await context.resolve(params.to, params.connection);
    if (isPattern(to)) {
      throw failure('PATH_INVALID', { path: to.shown, reason: 'has a pattern where it must name the target' });
    }
    const write = operation(to, 'write');
    if (to.stores !== 'files') throw noFiles(to);
    const stream = await filesFrom(from, params, context);
    let bytes = 0;
    const report = await write(
      plainPath(to),
      { ...stream, files: checked(stream, context) },
      {
        signal: context.signal,
        mode: 'replace',
        beforeCommit: () => context.beforeCommit(),
        onProgress(sent) {
          context.count({ bytes: (sent.bytes ?? bytes) - bytes });
          bytes = sent.bytes ?? bytes;
        },
      },
    );
    context.result({ paths: report.paths });
    return undefined;
  },
};

async function filesFrom(from: Target, { since, until }: CopyTask, context: TaskContext): Promise<FileStream> {
  const match = { signal: context.signal, ...(since && { since }), ...(until && { until }) };
  let stream: Stream;
  try {
    stream = await readTarget(from, match);
  } catch (error) {
    if (!(error instanceof Failure) || error.code !== 'FILE_IS_FOLDER' || isPattern(from)) throw error;
    const inside = (path: string) => `${path.replace(/(?<=.)\/+$/, '')}/**`;
    stream = await readTarget({ ...from, path: inside(from.path), shown: inside(from.shown) }, match);
  }
  if (stream.kind === 'rows') throw noFiles(from);
  return stream;
}

function noFiles({ shown }: Target) {
  const hint = '; use a read and a write task';
  return failure('OPTION_UNSUPPORTED', { what: '`copy`', where: `${shown}, which has no files`, hint });
}

/** Each file must give as many bytes as it said. */
async function* checked({ files }: FileStream, context: TaskContext): AsyncGenerator<FileItem> {
  for await (const file of files) {
    context.count({ files: 1 });
    yield file.size === undefined
      ? file
      : { ...file, open: (range) => (range === undefined ? ofSize(file, file.size!) : file.open(range)) };
  }
}

async function* ofSize(file: FileItem, size: number): AsyncGenerator<Uint8Array> {
  let received = 0;
  for await (const chunk of file.open()) {
    received += chunk.length;
    yield chunk;
  }
  if (received === size) return;
  throw failure('INPUT_TRUNCATED', { path: file.path, reason: `${received} bytes came where ${size} were announced` });
}
