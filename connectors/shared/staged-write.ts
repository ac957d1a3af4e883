// Writes the files of a stream so that they become visible together, whatever the storage: staged first, then all of them committed.
import type { WriteOptions, WriteReport } from '../../engine/contracts/connector.ts';
import type { Buffers, FileItem, FileStream } from '../../engine/contracts/data.ts';
import { failure } from '../../engine/errors.ts';
import { createPool } from './pool.ts';
import { nameInFolder, sameName, severalFor } from './target-names.ts';

export interface StagedFile {
  /** Two files with the same key would be one. */
  key: string;
  /** As the user would write it. */
  shown: string;
}

/** How one storage stages. Each call gets a signal that also ends when another file of the write has failed. */
export interface Staging<File extends StagedFile> {
  /** What a path inside the connection means. No I/O. */
  at(path: string): File;
  /** Puts the file's bytes where nobody sees them. Refuses what must not be written. */
  stage(file: File, item: FileItem, onBytes: (count: number) => void, signal: AbortSignal): Promise<void>;
  commit(signal: AbortSignal): Promise<void>;
  /** Takes back whatever was not committed. Never fails, and does not wait for a server that says nothing. `reason`: what has ended the write. */
  discard(reason: unknown): Promise<void>;
}

/** A path that ends in `/`, or is empty, is a folder that takes each file under its own name. Files that can be read in any order are staged `atOnce`. */
export async function writeStaged<File extends StagedFile>(
  staging: Staging<File>,
  path: string,
  stream: FileStream,
  o: WriteOptions,
  atOnce: number,
): Promise<WriteReport> {
  const intoFolder = path === '' || path.endsWith('/');
  const failed = new AbortController();
  const signal = AbortSignal.any([o.signal, failed.signal]);
  const pool = createPool(atOnce);
  const keys = new Set<string>();
  const paths: string[] = [];
  let bytes = 0;
  const onBytes = (count: number) => {
    bytes += count;
    o.onProgress?.({ bytes });
  };
  try {
    o.signal.throwIfAborted();
    for await (const item of stream.files) {
      o.signal.throwIfAborted();
      const file = staging.at(intoFolder ? path + nameInFolder(item, path) : path);
      if (!intoFolder && paths.length > 0) throw severalFor(file.shown);
      if (keys.has(file.key)) throw sameName(file.shown);
      keys.add(file.key);
      paths.push(file.shown);
      const whole = o.parts === undefined ? item : ofItsSize(item);
      if (item.once) await staging.stage(file, whole, onBytes, signal);
      else await pool.add(() => staging.stage(file, whole, onBytes, signal));
    }
    await pool.drained();
    await o.beforeCommit();
    o.signal.throwIfAborted();
    await staging.commit(signal);
    return { bytes, paths };
  } catch (error) {
    failed.abort(error);
    await pool.drained().catch(() => {});
    const reason: unknown = o.signal.aborted ? o.signal.reason : error;
    await staging.discard(reason);
    throw reason;
  }
}

/** What is copied must have as many bytes as it said. */
function ofItsSize(item: FileItem): FileItem {
  const { size } = item;
  if (size === undefined) return item;
  const whole = async function* (buffers: Buffers | undefined) {
    let received = 0;
    for await (const chunk of item.open(undefined, buffers)) {
      received += chunk.length;
      yield chunk;
    }
    if (received === size) return;
    const reason = `${received} bytes came where ${size} were announced`;
    throw failure('INPUT_TRUNCATED', { path: item.path, reason });
  };
  return { ...item, open: (range, buffers) => (range === undefined ? whole(buffers) : item.open(range, buffers)) };
}
