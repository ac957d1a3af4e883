// Files in another format: which files a target gets, as they are where their bytes fit, decoded and encoded where not.
import type { EncodedRows, FileItem, FileStream, Reading, RowStream, Stream } from '../engine/contracts/data.ts';
import type { FormatChoice, TaskContext } from '../engine/contracts/task.ts';
import { failure } from '../engine/errors.ts';
import { closeUnread } from '../engine/file-rows.ts';
import { formatName } from '../engine/formats.ts';
import { onlyFile } from './files.ts';
import { formats } from './formats/index.ts';

/** The file in the chosen format, or in that of `name` (its new name). It is decoded when it is opened. */
export function convertedFile(
  file: FileItem,
  name: string,
  reading: Reading | undefined,
  format: FormatChoice | undefined,
  context: TaskContext,
): FileItem {
  const path = beside(file.path, name);
  const chosen = formatName({ path }, format, formats);
  if (chosen === undefined) throw failure('FORMAT_UNKNOWN', { path, known: Object.keys(formats).join(', ') });
  const { size: _, contentEncoding: __, ...kept } = file;
  return {
    ...kept,
    name,
    path,
    ...(file.relativePath === undefined ? {} : { relativePath: beside(file.relativePath, name) }),
    contentType: formats[chosen]!.contentTypes[0]!,
    open: () => convertedBytes(onlyFile(file, reading === undefined ? {} : { reading }), path, format, context),
  };
}

async function* convertedBytes(
  file: FileStream,
  path: string,
  format: FormatChoice | undefined,
  context: TaskContext,
): AsyncGenerator<Uint8Array> {
  const rows = await context.rows(file);
  yield* context.encode(rows, path, format).open();
}

/** The name with the extension of the format and of its compression, in place of those it had. */
export function renamedFor(file: FileItem, format: FormatChoice): string {
  const { extensions } = formats[formatName(file, format, formats)!]!;
  const plain = file.name.replace(/\.(gz|br)$/i, '');
  const dot = plain.lastIndexOf('.');
  const had = plain.slice(dot + 1).toLowerCase();
  // Only what is an extension goes: `orders.2026` is a name.
  const isKnown = dot > 0 && Object.values(formats).some((entry) => entry.extensions.includes(had));
  const compression =
    typeof format === 'object' && 'compression' in format ? compressionExtensions.get(format.compression) : undefined;
  return `${isKnown ? plain.slice(0, dot) : plain}.${extensions[0] ?? 'txt'}${compression ?? ''}`;
}

const compressionExtensions = new Map<unknown, string>([
  ['gzip', '.gz'],
  ['brotli', '.br'],
]);

function beside(path: string, name: string): string {
  return path.slice(0, path.replace(/[?#].*$/s, '').lastIndexOf('/') + 1) + name;
}

export interface OneFile {
  /** As the user wrote it; its extension says the format where `format` does not. */
  path: string;
  format: FormatChoice | undefined;
  /** Rows follow what the target has already. */
  continued: boolean;
  /** Told of the rows as they are encoded. */
  onRows(count: number): void;
}

/** What is to become one file, as a stream of that file. Several files are joined as rows where the target has a format. */
export async function asOneFile(stream: Stream, target: OneFile, context: TaskContext): Promise<FileStream> {
  const { path, format, continued } = target;
  const encoded = (rows: RowStream, choice = format) =>
    onlyFile(context.encode(countedRows(rows, target.onRows), path, choice, { continued }));
  if (stream.kind === 'rows') return encoded(stream);

  const files = stream.files[Symbol.asyncIterator]();
  const read = await firstFiles(files);
  const all: FileStream = { ...stream, files: resumed(read, files) };
  const first = read[0];
  const asItIs = first === undefined || context.sameBytes(first, stream.reading, path, format);
  if (read.length === 1 && asItIs && !continued) return all;

  const known = formatName({ path }, format, formats);
  // What goes to stdout stays in the format it has.
  const own = path === '-' && known === undefined && first && formatName(first, stream.reading?.format, formats);
  if (known === undefined && !own && asItIs) return all;
  const rows = await context.rows(all);
  try {
    return encoded(rows, own || format);
  } catch (error) {
    // Its first file is open by now.
    await closeUnread(rows).catch(() => {});
    throw error;
  }
}

/** Two where there are two, but one where it comes once: that one is gone when the next is asked for. */
async function firstFiles(files: AsyncIterator<FileItem>): Promise<FileItem[]> {
  const read: FileItem[] = [];
  while (read.length < 2 && read[0]?.once !== true) {
    const step = await files.next();
    if (step.done === true) break;
    read.push(step.value);
  }
  return read;
}

function countedRows(rows: RowStream, onRows: (count: number) => void): RowStream {
  const { encoded } = rows;
  return {
    ...rows,
    batches: counted(rows, onRows),
    ...(encoded === undefined
      ? {}
      : {
          encoded(accepts) {
            const found = encoded.call(rows, accepts);
            return found && { ...found, chunks: countedAtEnd(found, onRows) };
          },
        }),
  };
}

async function* countedAtEnd({ chunks, rows }: EncodedRows, onRows: (count: number) => void) {
  yield* chunks;
  onRows(rows?.() ?? 0);
}

async function* counted({ batches }: RowStream, onRows: (count: number) => void) {
  for await (const batch of batches) {
    onRows(batch.rows.length);
    yield batch;
  }
}

/** The files already pulled, then the rest. */
async function* resumed(read: readonly FileItem[], rest: AsyncIterator<FileItem>): AsyncGenerator<FileItem> {
  try {
    yield* read;
    for (let step = await rest.next(); step.done !== true; step = await rest.next()) yield step.value;
  } finally {
    await rest.return?.();
  }
}
