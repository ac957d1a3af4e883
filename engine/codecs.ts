// Files to rows and rows to files: the codecs that the engine puts between tasks.
import { isDeepStrictEqual } from 'node:util';
import { type Compression, compress, compressionOf, decompress } from './compression.ts';
import type {
  Batch,
  Column,
  FileItem,
  FileStream,
  FormatChoice,
  FormatContext,
  Reading,
  Row,
  RowStream,
  Stream,
} from './contracts.ts';
import { failure } from './errors.ts';
import { chooseFormat, type FormatRegistry, formatName } from './formats.ts';
import { addStep } from './rows.ts';
import { didYouMean } from './suggest.ts';

export interface Codecs {
  /** Rows of any stream; files are opened one after another, each decoded by its format. */
  rows(stream: Stream): Promise<RowStream>;
  sameBytes(file: FileItem, reading: Reading | undefined, path: string, format?: FormatChoice): boolean;
  encode(rows: RowStream, path: string, format: FormatChoice | undefined, continued: boolean): FileItem;
}

export function createCodecs(formats: FormatRegistry, signal: AbortSignal): Codecs {
  return {
    async rows(stream) {
      if (stream.kind === 'rows') return stream;
      const reading = stream.reading ?? {};
      const decode = (file: FileItem) => decodeFile(file, reading.format, formats, signal);
      const rows =
        reading.schema === 'union' ? await union(stream, decode, reading) : await sequence(stream, decode, reading);
      return reading.columns === undefined ? rows : project(rows, reading.columns);
    },

    sameBytes(file, reading, path, format) {
      if (reading?.columns !== undefined || reading?.fileColumn !== undefined || reading?.modifiedColumn !== undefined)
        return false;
      const target = formatName({ path }, format, formats);
      const sameCompression = isDeepStrictEqual(
        compressionOf(file),
        chosenCompression(format) ?? compressionOf({ path }),
      );
      if (target === undefined) return sameCompression;
      const source = formatName(file, reading?.format, formats);
      if (source !== target || !isDeepStrictEqual(optionsOf(reading?.format), optionsOf(format))) return false;
      return sameCompression;
    },

    encode(rows, path, choice, continued) {
      const name = formatName({ path }, choice, formats);
      if (name === undefined) throw failure('FORMAT_UNKNOWN', { path, known: Object.keys(formats).join(', ') });
      const context: FormatContext = { signal, path };
      const compressions = chosenCompression(choice) ?? compressionOf({ path });
      return {
        name: path.slice(path.lastIndexOf('/') + 1),
        path,
        contentType:
          compressions[0] === 'gzip'
            ? 'application/gzip'
            : (formats[name]!.contentTypes[0] ?? 'application/octet-stream'),
        once: true,
        open: () => compress(encodeRows(rows), compressions, context),
      };

      async function* encodeRows(stream: RowStream): AsyncGenerator<Uint8Array> {
        const { format, options } = await chooseFormat({ path }, choice ?? name, formats);
        yield* format.encode(stream, options, { ...context, ...(continued ? { continued } : {}) });
      }
    },
  };
}

function optionsOf(choice: FormatChoice | undefined): Record<string, unknown> {
  if (typeof choice !== 'object') return {};
  const { name: _, ...options } = choice;
  return options;
}

function chosenCompression(choice: FormatChoice | undefined): Compression[] | undefined {
  const said = optionsOf(choice).compression;
  if (said === undefined) return undefined;
  return said === 'none' ? [] : [said as Compression];
}

async function decodeFile(
  file: FileItem,
  choice: FormatChoice | undefined,
  formats: FormatRegistry,
  signal: AbortSignal,
): Promise<RowStream> {
  const context: FormatContext = { signal, path: file.path };
  const plain = decompress(file.open(), chosenCompression(choice) ?? compressionOf(file), context);
  const { head, bytes } = withHead(plain);
  const { format, options } = await chooseFormat(
    { path: file.path, contentType: file.contentType, head },
    choice,
    formats,
  );
  return format.decode(bytes(), options, context);
}

/** The first bytes, read when they are asked for, and then all bytes from the start. */
function withHead(source: AsyncIterable<Uint8Array>): {
  head: () => Promise<Uint8Array>;
  bytes: () => AsyncIterable<Uint8Array>;
} {
  const headBytes = 4096;
  const read: Uint8Array[] = [];
  let iterator: AsyncIterator<Uint8Array> | undefined;
  const rest = async function* () {
    try {
      yield* read;
      yield* { [Symbol.asyncIterator]: () => iterator! };
    } finally {
      await iterator!.return?.();
    }
  };
  return {
    async head() {
      iterator = source[Symbol.asyncIterator]();
      let size = 0;
      while (size < headBytes) {
        const step = await iterator.next();
        if (step.done === true) break;
        read.push(step.value);
        size += step.value.length;
      }
      return Buffer.concat(read).subarray(0, headBytes);
    },
    bytes: () => (iterator === undefined ? source : rest()),
  };
}

type Decode = (file: FileItem) => Promise<RowStream>;

/** One file after another; their columns must have the same names. */
async function sequence(stream: FileStream, decode: Decode, reading: Reading): Promise<RowStream> {
  const files = stream.files[Symbol.asyncIterator]();
  const step = await files.next();
  if (step.done === true) return { kind: 'rows', batches: none() };
  const firstFile = step.value;
  const first = await decode(firstFile);
  // A file whose bytes come once must be read before the next one is asked for.
  const second = firstFile.once === true ? undefined : await files.next();
  if (second?.done === true && !hasExtras(reading)) return first;
  return {
    kind: 'rows',
    ...columnsWith(first.columns, reading),
    batches: (async function* () {
      try {
        yield* withExtras(first, firstFile, reading);
        for (let next = second ?? (await files.next()); next.done !== true; next = await files.next()) {
          const rows = await decode(next.value);
          const difference = columnsDiffer(first, rows);
          if (difference !== undefined) {
            await closeUnread(rows);
            throw failure('COLUMNS_DIFFER', { path: next.value.path, first: firstFile.path, difference });
          }
          yield* withExtras(rows, next.value, reading);
        }
      } finally {
        await files.return?.();
      }
    })(),
  };
}

/** All columns of all files: every header is read before the first row. What a file lacks is null. */
async function union(stream: FileStream, decode: Decode, reading: Reading): Promise<RowStream> {
  const files: FileItem[] = [];
  const columns = new Map<string, Column>();
  for await (const file of stream.files) {
    if (file.once === true) {
      throw failure('OPTION_UNSUPPORTED', {
        what: '`schema: union`',
        where: `${file.path}, which can be read only once`,
      });
    }
    files.push(file);
    const rows = await decode(file);
    for (const column of rows.columns ?? []) {
      const before = columns.get(column.name);
      if (before === undefined) columns.set(column.name, { ...column, nullable: true });
      else if (before.type !== column.type)
        columns.set(column.name, { name: column.name, type: 'text', nullable: true });
    }
    await closeUnread(rows);
  }
  const known = [...columns.values()];
  return {
    kind: 'rows',
    ...(known.length === 0 ? {} : columnsWith(known, reading)),
    batches: (async function* () {
      for (const file of files) {
        const rows = await decode(file);
        const whole = rows.columns === undefined ? rows : { ...rows, batches: completed(rows.batches, known) };
        yield* withExtras(whole, file, reading);
      }
    })(),
  };
}

/** Rows with all columns in their order; null where a file has none. */
async function* completed(batches: AsyncIterable<Batch>, columns: readonly Column[]): AsyncGenerator<Batch> {
  for await (const batch of batches) {
    const rows = batch.rows.map((row) => {
      const whole: Row = {};
      for (const { name } of columns) whole[name] = row[name] ?? null;
      return whole;
    });
    yield { ...batch, rows };
  }
}

async function closeUnread(rows: RowStream): Promise<void> {
  const iterator = rows.batches[Symbol.asyncIterator]();
  // A generator that was never started has nothing to clean up by itself: start it, then end it.
  await iterator.next();
  await iterator.return?.();
}

/** In words, or undefined where the columns have the same names or are not known. */
function columnsDiffer(first: RowStream, rows: RowStream): string | undefined {
  if (first.columns === undefined || rows.columns === undefined) return undefined;
  const had = new Set(first.columns.map(({ name }) => name));
  const has = new Set(rows.columns.map(({ name }) => name));
  const added = [...has].filter((name) => !had.has(name));
  const gone = [...had].filter((name) => !has.has(name));
  if (added.length === 0 && gone.length === 0) return undefined;
  const without = gone.length > 0 ? `without ${gone.join(', ')}` : '';
  const besides = added.length > 0 ? `with ${added.join(', ')} as well` : '';
  return [without, besides].filter(Boolean).join(' and ');
}

function hasExtras(reading: Reading): boolean {
  return reading.fileColumn !== undefined || reading.modifiedColumn !== undefined;
}

function columnsWith(
  columns: readonly Column[] | undefined,
  { fileColumn, modifiedColumn }: Reading,
): { columns?: readonly Column[] } {
  if (columns === undefined) return {};
  const extra: Column[] = [];
  if (fileColumn !== undefined) extra.push({ name: fileColumn, type: 'text' });
  if (modifiedColumn !== undefined) extra.push({ name: modifiedColumn, type: 'timestamptz', nullable: true });
  for (const { name } of extra) {
    if (columns.some((column) => column.name === name)) {
      throw failure('OPTION_UNSUPPORTED', {
        what: `an extra column "${name}"`,
        where: 'files that already have one; choose another name',
      });
    }
  }
  return { columns: [...columns, ...extra] };
}

async function* withExtras(
  rows: RowStream,
  file: FileItem,
  { fileColumn, modifiedColumn }: Reading,
): AsyncGenerator<Batch> {
  for await (const batch of rows.batches) {
    if (fileColumn !== undefined) for (const row of batch.rows) row[fileColumn] = file.path;
    if (modifiedColumn !== undefined) for (const row of batch.rows) row[modifiedColumn] = file.modified ?? null;
    yield batch;
  }
}

async function* none(): AsyncGenerator<never> {}

/** Only the named columns, in that order. */
function project(rows: RowStream, names: readonly string[]): RowStream {
  const known = rows.columns;
  const columns = names.map((name): Column => {
    if (known === undefined) return { name, type: 'json' };
    const found = known.find((column) => column.name === name);
    if (found === undefined) {
      throw failure('COLUMN_UNKNOWN', {
        where: 'read',
        column: name,
        hint: didYouMean(
          name,
          known.map((column) => column.name),
        ),
      });
    }
    return found;
  });
  const apply = (row: Row): Row => {
    const kept: Row = {};
    for (const name of names) kept[name] = row[name] ?? null;
    return kept;
  };
  return addStep(rows, { step: { columns: known === undefined ? undefined : columns, apply }, count: () => {} });
}
