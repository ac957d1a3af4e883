// What a copy notes about files on their way, apart from the values that the pipe itself keeps.
import type { Journal } from '../../engine/contracts/connector.ts';
import type { KeptValues, TaskContext } from '../../engine/contracts/task.ts';
import { asFailure } from '../../engine/errors.ts';

/** Stores forget an unfinished upload after a week (Dropbox) or later. */
const keptMs = 6 * 24 * 60 * 60 * 1000;

/** The journal of a target, by its path. Where nothing can be kept, that is told once, and the copy goes on without. */
export function createJournals({ kept, log }: Pick<TaskContext, 'kept' | 'log'>): (path: string) => Journal {
  let isOff = false;
  const trying = async <T>(work: () => Promise<T>, otherwise: T): Promise<T> => {
    if (isOff) return otherwise;
    try {
      return await work();
    } catch (error) {
      isOff = true;
      log.warn(`a copy that breaks will begin anew, as nothing can be noted about it: ${asFailure(error).message}`);
      return otherwise;
    }
  };
  return (path) => {
    let opening: Promise<KeptValues> | undefined;
    const values = () => {
      opening ??= kept(`copy ${path}`);
      return opening;
    };
    return {
      read: () => trying(async () => (await values()).all(), {}),
      note: (name, value) => trying(async () => (await values()).set(name, value, { ttlMs: keptMs }), undefined),
      clear: () =>
        trying(async () => {
          const all = await values();
          for (const name of Object.keys(await all.all())) await all.remove(name);
        }, undefined),
    };
  };
}
