// Writing a stream to a target: rows to what stores rows, files to what stores files, and what must stand between.
import type { WriteOptions, WriteReport } from '../engine/contracts/connector.ts';
import type { FileItem, FileStream, Stream } from '../engine/contracts/data.ts';
import type { DeliveryOrders, FormatChoice, Target, TaskContext } from '../engine/contracts/task.ts';
import { Failure, failure } from '../engine/errors.ts';
import { asOneFile, convertedFile, renamedFor } from './conversion.ts';
import { isPattern, plainPath } from './files.ts';
import { operation } from './options.ts';

export interface WritingOptions extends Omit<WriteOptions, 'signal' | 'onProgress' | 'checkpoint'> {
  format?: FormatChoice | undefined;
  checkpoint?: DeliveryOrders['checkpoint'];
}

/** Resolves when what was written is durable and visible. Counts as it goes. */
export async function writeStream(
  stream: Stream,
  target: Target,
  { format, checkpoint, ...options }: WritingOptions,
  context: TaskContext,
): Promise<WriteReport> {
  const write = operation(target, 'write');
  const sent = progress(context);
  const all: WriteOptions = { ...options, signal: context.signal, onProgress: sent.update };
  const finished = (report: WriteReport) => {
    sent.update(report);
    return report;
  };
  if (target.stores === 'rows') {
    const rows = await context.rows(stream);
    if (checkpoint === undefined) return finished(await write(target.path, rows, all));
    const { name, last, stamp } = checkpoint;
    return finished(await write(target.path, stamp(rows), { ...all, checkpoint: { name, last } }));
  }
  if (isPattern(target)) {
    throw failure('PATH_INVALID', { path: target.shown, reason: 'has a pattern where it must name what to write' });
  }
  const files = isFolder(target)
    ? intoFolder(stream, target, format, context)
    : await asOneFile(
        stream,
        {
          path: target.shown,
          format,
          continued: options.mode === 'append' && (await hasBytes(target, context)),
          onRows: (count) => context.count({ rows: count }),
        },
        context,
      );
  return finished(await write(plainPath(target), { ...files, files: countedFiles(files, context) }, all));
}

function isFolder({ path }: Target): boolean {
  return path === '' || path.endsWith('/');
}

/** Each file under its own name; only a chosen format changes what is in them, and then their names. */
function intoFolder(
  stream: Stream,
  target: Target,
  format: FormatChoice | undefined,
  context: TaskContext,
): FileStream {
  if (stream.kind === 'rows') {
    const reason = 'is a folder, and rows need a file; add a name to it, such as rows.csv';
    throw failure('PATH_INVALID', { path: target.shown, reason });
  }
  return { ...stream, files: named(stream, format, context) };
}

async function* named(
  { files, reading }: FileStream,
  format: FormatChoice | undefined,
  context: TaskContext,
): AsyncGenerator<FileItem> {
  for await (const file of files) {
    const name = format === undefined ? file.name : renamedFor(file, format);
    const fits = context.sameBytes(file, reading, name, format);
    yield fits && name === file.name ? file : convertedFile(file, name, reading, format, context);
  }
}

async function* countedFiles({ files }: FileStream, context: TaskContext): AsyncGenerator<FileItem> {
  for await (const file of files) {
    context.count({ files: 1 });
    yield file;
  }
}

async function hasBytes(target: Target, { signal }: TaskContext): Promise<boolean> {
  try {
    const { size = 0 } = await operation(target, 'describe')(plainPath(target), { signal });
    return size > 0;
  } catch (error) {
    if (error instanceof Failure && error.code === 'NOT_FOUND') return false;
    throw error;
  }
}

/** A connector tells the whole so far; the figures take what was added. */
function progress(context: TaskContext) {
  let rows = 0;
  let bytes = 0;
  const update = (sent: { rows?: number; bytes?: number }) => {
    const added = { rows: (sent.rows ?? rows) - rows, bytes: (sent.bytes ?? bytes) - bytes };
    rows += added.rows;
    bytes += added.bytes;
    context.count(added);
  };
  return { update };
}
