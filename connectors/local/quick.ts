// Calls that block, for small files: on a disk of this machine they take less time than handing them to another thread.
import { closeSync, fsync, openSync, renameSync, writeSync } from 'node:fs';
import { promisify } from 'node:util';
import type { FileItem } from '../../engine/contracts/data.ts';
import type { SyncedFile } from './sync.ts';

const mostBytes = 256 * 1024;
/** A disk whose calls take longer on average, as one across a network may, gets no more of them. */
const patienceMs = 2;
/** So many are tried before that is judged. */
const trial = 16;

export interface Quick {
  /** Whether the disk has been so far. */
  readonly fast: boolean;
  /** Whether the file is small too. */
  suits(item: FileItem): boolean;
  /** Makes a file with these bytes, which must not be there yet. */
  write(path: string, pieces: readonly Uint8Array[]): SyncedFile;
  rename(from: string, to: string): void;
}

export function createQuick(): Quick {
  let calls = 0;
  let spentMs = 0;
  const timed = <T>(work: () => T): T => {
    const start = performance.now();
    try {
      return work();
    } finally {
      spentMs += performance.now() - start;
      calls++;
    }
  };
  const isFast = () => calls < trial || spentMs / calls < patienceMs;
  return {
    get fast() {
      return isFast();
    },
    suits: ({ once, size }) => !once && size !== undefined && size <= mostBytes && isFast(),
    write: (path, pieces) => timed(() => makeFile(path, pieces)),
    rename: (from, to) => timed(() => renameSync(from, to)),
  };
}

const synced = promisify(fsync);

function makeFile(path: string, pieces: readonly Uint8Array[]): SyncedFile {
  const file = openSync(path, 'wx');
  try {
    for (const piece of pieces) for (let at = 0; at < piece.length; ) at += writeSync(file, piece, at);
  } catch (error) {
    closeSync(file);
    throw error;
  }
  return { sync: () => synced(file), close: async () => closeSync(file) };
}
