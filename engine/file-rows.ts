// Rows of several files as one stream: their columns compared or joined, columns that name the file, and checkpoints.
import type { Batch, Column, FileItem, FileStream, Reading, Row, RowStream } from './contracts/data.ts';
import { failure } from './errors.ts';
import { type FileCheckpoints, fileCheckpoints, tracked } from './file-checkpoints.ts';
import { addStep } from './rows.ts';
import { didYouMean } from './suggest.ts';

type Decode = (file: FileItem) => Promise<RowStream>;

/** The files are opened one after another. */
export async function rowsOfFiles(stream: FileStream, decode: Decode): Promise<RowStream> {
  const reading = stream.reading ?? {};
  const track = stream.checkpoints === undefined ? undefined : fileCheckpoints(stream.checkpoints.after);
  const read = reading.schema === 'union' ? union : sequence;
  const rows = await read(stream, decode, reading, track);
  return reading.columns === undefined ? rows : project(rows, reading.columns);
}

/** The files that are still to be read. */
async function* remaining(files: AsyncIterable<FileItem>, track: FileCheckpoints | undefined) {
  for await (const file of files) if (track?.begins(file) !== false) yield file;
  track?.ended();
}

function resumed(track: FileCheckpoints | undefined): Pick<RowStream, 'checkpoints' | 'offset'> {
  if (track === undefined) return {};
  return { checkpoints: true, ...(track.offset > 0 ? { offset: track.offset } : {}) };
}

/** One file after another; their columns must have the same names. */
async function sequence(
  stream: FileStream,
  decode: Decode,
  reading: Reading,
  track: FileCheckpoints | undefined,
): Promise<RowStream> {
  const files = remaining(stream.files, track)[Symbol.asyncIterator]();
  const step = await files.next();
  if (step.done === true) return { kind: 'rows', ...resumed(track), batches: none() };
  const firstFile = step.value;
  const first = tracked(track, firstFile, await decode(firstFile));
  // A file whose bytes come once must be read before the next one is asked for.
  const second = firstFile.once === true ? undefined : await nextOrClose(files, first);
  if (second?.done === true && !hasExtras(reading)) return { ...first, ...resumed(track) };
  return {
    kind: 'rows',
    ...resumed(track),
    ...columnsWith(first.columns, reading),
    batches: (async function* () {
      try {
        yield* withExtras(first, firstFile, reading);
        for (let next = second ?? (await files.next()); next.done !== true; next = await files.next()) {
          const rows = tracked(track, next.value, await decode(next.value));
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

/** The next file. Where that fails, the one that was opened before it is let go. */
async function nextOrClose(files: AsyncIterator<FileItem>, opened: RowStream): Promise<IteratorResult<FileItem>> {
  try {
    return await files.next();
  } catch (error) {
    await closeUnread(opened);
    throw error;
  }
}

/** All columns of all files: every header is read before the first row. What a file lacks is null. */
async function union(
  stream: FileStream,
  decode: Decode,
  reading: Reading,
  track: FileCheckpoints | undefined,
): Promise<RowStream> {
  const files: FileItem[] = [];
  const columns = new Map<string, Column>();
  for await (const file of stream.files) {
    if (file.once === true) {
      throw failure('OPTION_UNSUPPORTED', {
        what: '`schema: union`',
        where: `${file.path}, which can be read only once`,
      });
    }
    // Also the columns of a file that was read by an earlier run count.
    if (track?.begins(file) !== false) files.push(file);
    const rows = await decode(file);
    for (const column of rows.columns ?? []) {
      const before = columns.get(column.name);
      if (before === undefined) columns.set(column.name, { ...column, nullable: true });
      else if (before.type !== column.type)
        columns.set(column.name, { name: column.name, type: 'text', nullable: true });
    }
    await closeUnread(rows);
  }
  track?.ended();
  const known = [...columns.values()];
  return {
    kind: 'rows',
    ...resumed(track),
    ...(known.length === 0 ? {} : columnsWith(known, reading)),
    batches: (async function* () {
      for (const file of files) {
        const rows = tracked(track, file, await decode(file));
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

/** Lets go of what rows that nobody will read hold open. */
export async function closeUnread(rows: RowStream): Promise<void> {
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
