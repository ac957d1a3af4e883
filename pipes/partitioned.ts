// Rows into many files: each is put together in a temporary file here, and all of them go to their store in one write.
import { appendFile, mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { byteSize } from '../engine/byte-size.ts';
import { type Compression, compress, compressionOf } from '../engine/compression.ts';
import type { Batch, Column, FileItem, Row, RowStream, Value } from '../engine/contracts/data.ts';
import type { FormatChoice, TaskContext } from '../engine/contracts/task.ts';
import { Failure, failure } from '../engine/errors.ts';
import type { WriteTask } from '../schemas/generated/types.ts';
import { type PartitionPaths, partitionPaths } from './partition-paths.ts';
import { appendRows, spooledRows } from './row-spool.ts';

/** Rows of one file are held up to so many, and then written down. */
const heldRows = 1024;
/** How many rows all files together hold at most. */
const mostHeld = 64 * heldRows;
const readBytes = 256 * 1024;

interface Part {
  name: string;
  spool: string;
  rows: number;
  bytes: number;
  held: Row[];
  /** What the temporary file has: bytes of the file, or rows, where the format cannot go on after earlier ones. */
  spools?: 'bytes' | 'rows';
}

export interface Partitioned {
  /** Where all of them go. */
  folder: string;
  files: AsyncGenerator<FileItem>;
  /** Removes the temporary files; a store may still read the last ones after all have been pulled. */
  close(): Promise<void>;
}

/** The files come once the last row has; until `close`, they are in the temporary folder of this machine. */
export function partitioned(rows: RowStream, params: WriteTask, context: TaskContext): Partitioned {
  const paths = partitionPaths(params.path, rows.columns, context);
  if (params.split !== undefined && !paths.hasPart) {
    const hint = '; put `${part}` where the number of the part should stand';
    throw failure('OPTION_UNSUPPORTED', { what: '`split`', where: `the path ${params.path}`, hint });
  }
  let temporary: Promise<string> | undefined;
  async function* files(): AsyncGenerator<FileItem> {
    temporary = mkdtemp(join(tmpdir(), 'pipewright-write-'));
    const parts = await gather(rows, paths, params, await temporary, context);
    for (const part of parts) yield fileOf(part, rows.columns, paths.folder, params, context);
  }
  return {
    folder: paths.folder,
    files: files(),
    async close() {
      if (temporary !== undefined) await rm(await temporary, { recursive: true, force: true });
    },
  };
}

async function gather(
  rows: RowStream,
  paths: PartitionPaths,
  params: WriteTask,
  folder: string,
  context: TaskContext,
): Promise<Part[]> {
  const mostOpen = params.open_files ?? 64;
  const mostRows = params.split?.rows ?? Number.POSITIVE_INFINITY;
  const mostBytes = params.split?.bytes === undefined ? Number.POSITIVE_INFINITY : byteSize(params.split.bytes);
  const all: Part[] = [];
  /** The part that each key is at, the least recently used first. */
  const current = new Map<string, Part>();
  const counts = new Map<string, number>();
  const holding = new Set<Part>();
  let held = 0;

  const flush = async (part: Part): Promise<void> => {
    holding.delete(part);
    if (part.held.length === 0) return;
    const batch = part.held;
    part.held = [];
    held -= batch.length;
    part.spools ??= (await canContinue(part.name, params, context)) ? 'bytes' : 'rows';
    const inBytes = part.spools === 'bytes';
    if (!inBytes) await appendRows(part.spool, batch);
    // Rows are counted as the bytes that they will be, where these decide.
    if (!inBytes && mostBytes === Number.POSITIVE_INFINITY) return;
    const continued = inBytes && part.bytes > 0;
    for await (const chunk of encodedRows(one(batch), rows.columns, part.name, params, context, continued)) {
      if (inBytes) await appendFile(part.spool, chunk);
      part.bytes += chunk.length;
    }
  };
  const begin = (key: string, row: Row): Part => {
    const number = (counts.get(key) ?? 0) + 1;
    counts.set(key, number);
    const name = paths.name(row, number);
    const part: Part = { name, spool: join(folder, String(all.length)), rows: 0, bytes: 0, held: [] };
    all.push(part);
    return part;
  };

  for await (const batch of rows.batches) {
    context.signal.throwIfAborted();
    for (const row of batch.rows) {
      const key = paths.key(row);
      let part = current.get(key);
      if (part !== undefined && (part.rows >= mostRows || part.bytes >= mostBytes)) {
        await flush(part);
        part = undefined;
      }
      part ??= begin(key, row);
      current.delete(key);
      current.set(key, part);
      part.held.push(row);
      part.rows++;
      held++;
      holding.delete(part);
      holding.add(part);
      // A file that is cut by its bytes must know how many it has.
      if (part.held.length >= (mostBytes < Number.POSITIVE_INFINITY ? 64 : heldRows)) await flush(part);
      while (holding.size > mostOpen || held > mostHeld) await flush(holding.values().next().value!);
    }
    context.count({ rows: batch.rows.length });
  }
  for (const part of [...holding]) await flush(part);
  return all;
}

function encodedRows(
  batches: AsyncIterable<Batch>,
  columns: readonly Column[] | undefined,
  name: string,
  params: WriteTask,
  context: TaskContext,
  continued: boolean,
): AsyncIterable<Uint8Array> {
  const stream: RowStream = { kind: 'rows', batches, ...(columns && { columns }) };
  return context.encode(stream, plainName(name), uncompressed(params.format, name), { continued }).open();
}

/** A JSON array, say, has an end that nothing can be put after. */
async function canContinue(name: string, params: WriteTask, context: TaskContext): Promise<boolean> {
  try {
    for await (const _ of encodedRows(one([]), undefined, name, params, context, true)) return true;
    return true;
  } catch (error) {
    if (error instanceof Failure && error.code === 'OPTION_UNSUPPORTED') return false;
    throw error;
  }
}

function fileOf(
  { name, spool, spools }: Part,
  columns: readonly Column[] | undefined,
  folder: string,
  params: WriteTask,
  context: TaskContext,
): FileItem {
  const bytes = () =>
    spools === 'rows' ? encodedRows(spooledRows(spool), columns, name, params, context, false) : spooled(spool);
  const last = name.slice(name.lastIndexOf('/') + 1);
  const none: RowStream = { kind: 'rows', batches: one([]) };
  const { contentType } = context.encode(none, last, params.format);
  const about = { path: folder + name, signal: context.signal };
  return {
    name: last,
    path: folder + name,
    relativePath: name,
    contentType: params.content_type ?? contentType,
    open: () => compress(bytes(), compressionsOf(params.format, last), about),
  };
}

async function* spooled(path: string): AsyncGenerator<Uint8Array> {
  const handle = await open(path, 'r');
  try {
    for (;;) {
      const buffer = Buffer.allocUnsafeSlow(readBytes);
      const { bytesRead } = await handle.read(buffer, 0, readBytes);
      if (bytesRead === 0) return;
      yield buffer.subarray(0, bytesRead);
    }
  } finally {
    await handle.close();
  }
}

async function* one(rows: readonly Row[]) {
  yield { rows };
}

/** The pieces of a file are put together plain, and compressed as a whole. */
function uncompressed(choice: FormatChoice | undefined, name: string): FormatChoice | undefined {
  if (typeof choice === 'object') return { ...choice, compression: 'none' } as FormatChoice;
  return compressionOf({ path: name }).length === 0 || choice !== undefined ? choice : undefined;
}

/** Without what only says how it is compressed. */
function plainName(name: string): string {
  return compressionOf({ path: name }).length === 0 ? name : name.replace(/\.[^./]+$/, '');
}

function compressionsOf(choice: FormatChoice | undefined, name: string): Compression[] {
  const said = typeof choice === 'object' ? (choice as { compression?: Value }).compression : undefined;
  if (said === undefined) return compressionOf({ path: name });
  return said === 'none' ? [] : [said as Compression];
}
