// Removes many files: in few requests where the store can, else one by one.
import type { Target, TaskContext } from '../engine/contracts/task.ts';
import { operation } from './options.ts';

/** So many at a time, which is what a request of the common stores takes. */
const batchFiles = 1000;

export interface Removal {
  /** A path inside the connection, as a listing has told it. */
  add(path: string): Promise<void>;
  /** Resolves once all have gone. */
  done(): Promise<void>;
}

/** `onRemoved` is told how many have gone. */
export function createRemoval(
  target: Target,
  { signal }: Pick<TaskContext, 'signal'>,
  onRemoved: (files: number) => void,
): Removal {
  const { connection } = target;
  const remove = operation(target, 'remove');
  let batch: string[] = [];
  const flush = async (): Promise<void> => {
    if (batch.length === 0) return;
    const paths = batch;
    batch = [];
    signal.throwIfAborted();
    await connection.removeFiles!(paths, { signal });
    onRemoved(paths.length);
  };
  return {
    async add(path) {
      signal.throwIfAborted();
      if (connection.removeFiles !== undefined) {
        if (batch.push(path) >= batchFiles) await flush();
        return;
      }
      await remove(path, { signal });
      onRemoved(1);
    },
    done: flush,
  };
}
