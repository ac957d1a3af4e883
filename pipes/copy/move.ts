// Moves files: large ones in parts, small ones in batches, or by the store itself; each file is there whole or not at all.
import { createHash } from 'node:crypto';
import { setMaxListeners } from 'node:events';
import type { Parts, WriteOptions } from '../../engine/contracts/connector.ts';
import type { Buffers, FileItem } from '../../engine/contracts/data.ts';
import type { Target, TaskContext } from '../../engine/contracts/task.ts';
import { failure } from '../../engine/errors.ts';
import { operation } from '../options.ts';
import { hasSameBytes } from './compare.ts';
import { createJournals } from './journal.ts';
import { fileAt } from './places.ts';
import { createWeights } from './weights.ts';

export interface Move {
  to: Target;
  /** The target's path inside its connection. */
  path: string;
  intoFolder: boolean;
  concurrency: number;
  partBytes: number;
  verify: 'size' | 'checksum';
  /** Copies within the store: the path of a source in the connection. */
  within?: (file: FileItem) => string;
}

export interface Mover {
  /** Resolves when there is room for the next one. Rejects when an earlier one has failed. */
  add(file: FileItem): Promise<void>;
  /** Resolves with what was written, as the user would write it, once all is done. */
  done(): Promise<string[]>;
  /** Ends what is under way. */
  stop(reason: unknown): Promise<void>;
}

/** A batch is visible at once; so much of one may be held in memory by a store. */
const batchFiles = 256;
const batchesCommitting = 2;
const batchBytes = 8 * 1024 * 1024;

/** The name of a file below the target. */
export function nameOf(file: FileItem): string {
  return file.relativePath ?? file.name;
}

export function createMover(move: Move, context: TaskContext): Mover {
  const { to, path, intoFolder, concurrency, partBytes, verify, within } = move;
  const stopped = new AbortController();
  const signal = AbortSignal.any([context.signal, stopped.signal]);
  setMaxListeners(0, signal);
  const weights = createWeights(concurrency);
  const commits = createWeights(batchesCommitting);
  const batchWeight = Math.max(1, Math.floor(concurrency / 2));
  const journal = createJournals(context);
  const going = new Set<Promise<void>>();
  const paths: string[] = [];
  let failed: { error: unknown } | undefined;
  let batch: FileItem[] = [];
  let bytesInBatch = 0;

  const pathOf = (file: FileItem) => (intoFolder ? path + nameOf(file) : path);
  /** `staged`: it has no bytes to move any more, and lets others begin while it waits for the store. */
  const start = async (weight: number, work: (staged: () => Promise<void>) => Promise<void>): Promise<void> => {
    let leave = await weights.take(weight);
    const staged = async () => {
      const done = await commits.take(1);
      leave();
      leave = done;
    };
    if (failed !== undefined) {
      leave();
      throw failed.error;
    }
    const piece = work(staged)
      .catch((error: unknown) => {
        failed ??= { error };
        stopped.abort(error);
      })
      .finally(() => {
        going.delete(piece);
        leave();
      });
    going.add(piece);
  };
  const checkAll = async (files: readonly FileItem[], hashes: ReadonlyMap<FileItem, string>) => {
    if (verify !== 'checksum') return;
    for (const file of files) {
      const existing = await fileAt(to, pathOf(file), signal);
      const came = hashes.get(file);
      // Where the source says something else of its bytes, they are read again: they may have changed on the way here.
      const known = file.md5 === undefined || came === file.md5 ? came : undefined;
      if (await hasSameBytes(file, existing, { signal }, known)) continue;
      throw failure('CHECKSUM_MISMATCH', { path: pathOf(file), what: `on the way from ${file.path}` });
    }
  };
  const write = async (files: readonly FileItem[], parts: Parts, staged?: () => Promise<void>): Promise<void> => {
    const hashes = new Map<FileItem, string>();
    const sent = async function* () {
      for (const file of files) yield checked(file, (md5) => hashes.set(file, md5), verify === 'checksum');
    };
    const report = await operation(to, 'write')(
      path,
      { kind: 'files', files: sent() },
      optionsOf(parts, signal, context, staged),
    );
    paths.push(...report.paths);
    context.count({ files: files.length });
    await checkAll(files, hashes);
  };
  const flush = async (): Promise<void> => {
    if (batch.length === 0) return;
    const files = batch;
    batch = [];
    bytesInBatch = 0;
    const parts = { bytes: partBytes, atOnce: batchWeight, resume: versionOf };
    await start(batchWeight, (staged) => write(files, parts, staged));
  };

  return {
    async add(file) {
      signal.throwIfAborted();
      if (failed !== undefined) throw failed.error;
      if (within !== undefined) {
        await start(1, async () => {
          const parts = { bytes: partBytes, atOnce: concurrency };
          const copy = operation(to, 'copy');
          const report = await copy(within(file), pathOf(file), { signal, parts });
          paths.push(...report.paths);
          context.count({ files: 1 });
          await checkAll([file], new Map());
        });
        return;
      }
      const { size } = file;
      // Its bytes must be taken before the next file is looked for.
      if (file.once) return write([file], { bytes: partBytes, atOnce: 1 });
      if (size === undefined || size > partBytes) {
        const count = size === undefined ? 1 : Math.ceil(size / partBytes);
        const resume = file.version === undefined && file.modified === undefined ? {} : { resume: versionOf, journal };
        const atOnce = Math.min(concurrency, count);
        return start(atOnce, () => write([file], { bytes: partBytes, atOnce, ...resume }));
      }
      batch.push(file);
      bytesInBatch += size;
      if (batch.length >= batchFiles || bytesInBatch >= batchBytes) await flush();
    },
    async done() {
      try {
        await flush();
      } finally {
        await Promise.all(going);
      }
      if (failed !== undefined) throw failed.error;
      return paths;
    },
    async stop(reason) {
      batch = [];
      stopped.abort(reason);
      await Promise.all(going);
    },
  };
}

function optionsOf(
  parts: Parts,
  signal: AbortSignal,
  context: TaskContext,
  staged: (() => Promise<void>) | undefined,
): WriteOptions {
  let bytes = 0;
  return {
    signal,
    mode: 'replace',
    parts,
    // Each file is a result of its own: a copy that was ended goes on with the others when it is started again.
    async beforeCommit() {
      signal.throwIfAborted();
      await staged?.();
    },
    onProgress(sent) {
      context.count({ bytes: (sent.bytes ?? bytes) - bytes });
      bytes = sent.bytes ?? bytes;
    },
  };
}

function versionOf({ path, size, modified, version }: FileItem): string {
  return JSON.stringify([path, size, modified, version]);
}

/** Gives as many bytes as it said, or fails. Tells the MD5 of a file that was read from its start to its end. */
function checked(file: FileItem, tell: (md5: string) => void, hashed: boolean): FileItem {
  const { size } = file;
  if (size === undefined && !hashed) return file;
  return {
    ...file,
    open: (range, buffers) =>
      range === undefined ? whole(file, size, hashed ? tell : undefined, buffers) : file.open(range, buffers),
  };
}

async function* whole(
  file: FileItem,
  size: number | undefined,
  tell: ((md5: string) => void) | undefined,
  buffers: Buffers | undefined,
): AsyncGenerator<Uint8Array> {
  const hash = tell === undefined ? undefined : createHash('md5');
  let received = 0;
  for await (const chunk of file.open(undefined, buffers)) {
    received += chunk.length;
    // A file that has grown meanwhile may have no end; whoever takes a small one holds it.
    if (size !== undefined && received > size) {
      const reason = `it has more than the ${size} bytes that were announced; someone writes to it, so run again`;
      throw failure('IO_FAILED', { path: file.path, reason });
    }
    hash?.update(chunk);
    yield chunk;
  }
  if (size !== undefined && received !== size) {
    const reason = `${received} bytes came where ${size} were announced`;
    throw failure('INPUT_TRUNCATED', { path: file.path, reason });
  }
  if (hash !== undefined) tell!(hash.digest('hex'));
}
