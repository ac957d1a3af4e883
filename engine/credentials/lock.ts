// One writer at a time, across processes.
import { setTimeout as wait } from 'node:timers/promises';
import { failure, systemFailure } from '../errors.ts';

const waitMs = { shortest: 2, longest: 25 };
const patienceMs = 30_000;

/**
 * Does the work while holding the lock `path`.lock; its folder must exist. A lock whose holder was killed is taken over
 * after `staleMs`, and so is one whose holder was only held up for so long: work that cannot bear that must notice.
 * Throws STORE_BUSY after half a minute of waiting.
 */
export async function withLock<T>(
  path: string,
  signal: AbortSignal,
  staleMs: number,
  work: () => Promise<T> | T,
): Promise<T> {
  const { default: lockfile } = await import('proper-lockfile');
  const giveUp = Date.now() + patienceMs;
  for (;;) {
    signal.throwIfAborted();
    let release: () => void;
    try {
      // Taken, used and given back in one go where the work does not wait: the next one never waits for our event loop.
      release = lockfile.lockSync(path, { realpath: false, stale: staleMs, update: 1000, onCompromised: () => {} });
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      // ENOENT and EEXIST: another took over a stale lock at the same moment.
      if (code !== 'ELOCKED' && code !== 'ENOENT' && code !== 'EEXIST')
        throw systemFailure(error as NodeJS.ErrnoException, path) ?? error;
      if (Date.now() > giveUp) throw failure('STORE_BUSY', { path, seconds: patienceMs / 1000 }, { cause: error });
      await wait(waitMs.shortest + Math.random() * (waitMs.longest - waitMs.shortest), undefined, { signal });
      continue;
    }
    try {
      return await work();
    } finally {
      try {
        release();
      } catch {
        // It was taken over: there is nothing to release.
      }
    }
  }
}
