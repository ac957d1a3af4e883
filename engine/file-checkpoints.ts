// Checkpoints in a sequence of files: which file, how many of its rows, and what came before it.
import { createHash } from 'node:crypto';
import type { Batch, FileItem, RowStream, Value } from './contracts/data.ts';
import { failure } from './errors.ts';

/** `rows` counts all rows so far; `at.rows` those of the file. */
interface FileProgress {
  rows: number;
  at: { file: string; modified: string; size: number | null; rows: number; before: string };
}

export interface FileCheckpoints {
  /** Told of each file in order. False where all of it has been taken. Refuses files that are others than before. */
  begins(file: FileItem): boolean;
  /** The rows of a file that has begun, without those that were taken, with checkpoints. */
  rows(file: FileItem, batches: AsyncIterable<Batch>): AsyncIterable<Batch>;
  /** Rows that were taken. */
  readonly offset: number;
  /** Told after the last file. Refuses where the file to go on with never came. */
  ended(): void;
}

interface Known {
  before: string;
  /** Rows of the file that have been taken. */
  taken: number;
}

/** `after` is a checkpoint that a batch of `rows` had. */
export function fileCheckpoints(after: Value | undefined): FileCheckpoints {
  const left = after as unknown as FileProgress | undefined;
  const files = new Map<FileItem, Known>();
  let before = '';
  let searching = left !== undefined;
  let total = left?.rows ?? 0;

  return {
    offset: total,
    begins(file) {
      const { path, size = null, modified } = file;
      if (file.once === true) throw notResumable(path, 'its bytes come only once');
      if (modified === undefined)
        throw notResumable(path, 'nothing tells when it was last changed, so that a change could not be seen');
      const own = before;
      before = createHash('sha256').update(`${before}\0${path}\0${size}\0${modified}`).digest('hex').slice(0, 16);
      if (!searching) {
        files.set(file, { before: own, taken: 0 });
        return true;
      }
      if (path !== left!.at.file) return false;
      if (own !== left!.at.before)
        throw lost(path, 'the files before it are others than when its first rows were read');
      if (size !== left!.at.size || modified !== left!.at.modified)
        throw lost(path, `it was changed (${modified}) since its first ${left!.at.rows} rows were read`);
      searching = false;
      files.set(file, { before: own, taken: left!.at.rows });
      return true;
    },
    async *rows(file, batches) {
      const { before: own, taken } = files.get(file)!;
      files.delete(file);
      const checkpoint = (rows: number): Value => ({
        rows: total,
        at: { file: file.path, modified: file.modified!, size: file.size ?? null, rows, before: own },
      });
      let rows = 0;
      let given = false;
      for await (const batch of batches) {
        const from = Math.min(batch.rows.length, Math.max(0, taken - rows));
        rows += batch.rows.length;
        if (from === batch.rows.length) continue;
        total += batch.rows.length - from;
        given = true;
        yield { rows: from === 0 ? batch.rows : batch.rows.slice(from), checkpoint: checkpoint(rows) };
      }
      if (rows < taken) throw lost(file.path, `it has ${rows} rows, and ${taken} of it were read`);
      if (!given) yield { rows: [], checkpoint: checkpoint(rows) };
    },
    ended() {
      if (searching) throw lost(left!.at.file, 'it is not among the files any more');
    },
  };
}

function notResumable(path: string, reason: string) {
  return failure('NOT_RESUMABLE', { path, reason });
}

function lost(path: string, reason: string) {
  return failure('CHECKPOINT_LOST', { path, reason });
}

/** A stream of the rows that `rows` gives for a file; with checkpoints where there are any. */
export function tracked(track: FileCheckpoints | undefined, file: FileItem, rows: RowStream): RowStream {
  return track === undefined ? rows : { ...rows, batches: track.rows(file, rows.batches) };
}
