// Doing work again after a failure that may pass: how often, after what wait, and when to give up.
import pRetry from 'p-retry';
import { wait } from './duration.ts';
import { Failure } from './errors.ts';

/** Retries that all the calls of a run share, so that a system that is down for good ends the run soon. */
export interface RetryBudget {
  /** False when none is left. */
  take(): boolean;
}

export interface RetryOptions {
  signal: AbortSignal;
  /** How often the work is done at most, the first time included. */
  attempts?: number;
  /** The wait before the second attempt; each later one is twice as long, and half of each is chance. */
  firstWaitMs?: number;
  longestWaitMs?: number;
  budget?: RetryBudget;
  /** Told before each wait. `attempt` is the one that failed, from 1. */
  onRetry?(retry: { attempt: number; waitMs: number; error: Failure }): void;
}

/** What a server may ask for with Retry-After; beyond it the failure is final. */
const longestAskedMs = 60 * 60 * 1000;

export function retryBudget(retries: number): RetryBudget {
  let left = retries;
  return { take: () => left-- > 0 };
}

/**
 * Does the work until it succeeds, fails with a failure that does not say `retry`, or attempts or budget are used up;
 * then rejects with the last failure. Waits at least as long as `failure.afterMs`. An abort ends a wait at once.
 */
export async function withRetry<T>(
  work: (attempt: number, signal: AbortSignal) => Promise<T>,
  { signal, attempts = 5, firstWaitMs = 500, longestWaitMs = 30_000, budget, onRetry }: RetryOptions,
): Promise<T> {
  signal.throwIfAborted();
  let failed: unknown;
  try {
    return await work(1, signal);
  } catch (error) {
    failed = error;
  }
  // Most work succeeds at once, and is often less than what a retry needs to be set up.
  return pRetry((attempt) => (attempt === 1 ? Promise.reject(failed) : work(attempt, signal)), {
    retries: attempts - 1,
    signal,
    // The wait is ours, below: p-retry's own knows no Retry-After.
    minTimeout: 0,
    shouldRetry: async ({ error, attemptNumber }) => {
      signal.throwIfAborted();
      if (!(error instanceof Failure) || !error.retry) return false;
      const afterMs = error.afterMs ?? 0;
      if (afterMs > longestAskedMs || budget?.take() === false) return false;
      const backoffMs = Math.min(longestWaitMs, firstWaitMs * 2 ** (attemptNumber - 1)) * (0.5 + Math.random() / 2);
      const waitMs = Math.ceil(Math.max(backoffMs, afterMs));
      onRetry?.({ attempt: attemptNumber, waitMs, error });
      await wait(waitMs, signal);
      return true;
    },
  });
}
