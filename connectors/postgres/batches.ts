// The batches of a stream, pulled one at a time, with a limit to the wait for the next one.
import type { Batch } from '../../engine/contracts/data.ts';

export interface Batches {
  /** The next one, or undefined at the end. After the time it is `late`, and what comes is kept for the next call. */
  next(): Promise<Batch | undefined>;
  next(untilMs: number): Promise<Batch | 'late' | undefined>;
  close(): Promise<void>;
}

export function pullBatches(source: AsyncIterable<Batch>): Batches {
  const iterator = source[Symbol.asyncIterator]();
  let pending: Promise<IteratorResult<Batch>> | undefined;

  const come = async (untilMs: number | undefined): Promise<IteratorResult<Batch> | 'late'> => {
    if (untilMs === undefined) return pending!;
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<'late'>((resolve) => {
      timer = setTimeout(() => resolve('late'), untilMs - performance.now());
    });
    return Promise.race([pending!, late]).finally(() => clearTimeout(timer));
  };
  return {
    async next(untilMs?: number): Promise<never> {
      if (pending === undefined) {
        pending = iterator.next();
        // Told by the call that waits for it.
        pending.catch(() => {});
      }
      const result = await come(untilMs);
      if (result === 'late') return result as never;
      pending = undefined;
      return (result.done === true ? undefined : result.value) as never;
    },
    async close() {
      const closed = iterator.return?.();
      // One that has not come yet ends with the run.
      if (pending === undefined) await closed;
      else closed?.catch(() => {});
    },
  };
}
