// How fast requests may follow one another: a token bucket for each account, and what the service itself says is left.
import { durationMs, wait } from '../../../engine/duration.ts';

export interface RateLimit {
  /** So many requests in an interval; all of them may go at once. Absent: only what the answers say counts. */
  requests?: number | undefined;
  /** The interval, as a length of time. */
  per?: string | undefined;
  /** The header that tells how many requests are left, in lower case. */
  remainingHeader?: string | undefined;
  /** The header that tells when there are more: seconds to wait, or a time in seconds since 1970. */
  resetHeader?: string | undefined;
}

export interface Rate {
  /** Resolves when the next request may go. */
  turn(signal: AbortSignal): Promise<void>;
  /** Told of every answer. */
  heard(headers: Record<string, string>): void;
}

/** Longer waits than this are not believed. */
const longestWaitMs = 60 * 60 * 1000;

const rates = new Map<string, Rate>();

/** The rate of an account, shared by all that this process sends to it. */
export function sharedRate(account: string, limit: RateLimit): Rate {
  const key = `${account}\n${JSON.stringify(limit)}`;
  const known = rates.get(key);
  if (known !== undefined) return known;
  const rate = createRate(limit);
  rates.set(key, rate);
  return rate;
}

function createRate({ requests, per = '1s', remainingHeader, resetHeader }: RateLimit): Rate {
  const capacity = requests ?? Number.POSITIVE_INFINITY;
  const msEach = requests === undefined ? 0 : durationMs(per) / requests;
  let tokens = capacity;
  let countedAt = performance.now();
  let closedUntil = 0;
  let last: Promise<void> = Promise.resolve();

  const pass = async (signal: AbortSignal): Promise<void> => {
    for (;;) {
      signal.throwIfAborted();
      const now = performance.now();
      if (msEach > 0) tokens = Math.min(capacity, tokens + (now - countedAt) / msEach);
      countedAt = now;
      const waitMs = Math.max(closedUntil - now, tokens >= 1 ? 0 : (1 - tokens) * msEach);
      if (waitMs <= 0) break;
      await wait(waitMs, signal);
    }
    tokens--;
  };
  return {
    turn(signal) {
      // One after another, so that whoever comes first goes first.
      const mine = last.then(() => pass(signal));
      last = mine.catch(() => {});
      return mine;
    },
    heard(headers) {
      if (remainingHeader === undefined || resetHeader === undefined) return;
      const remaining = Number(headers[remainingHeader] ?? Number.NaN);
      const reset = Number(headers[resetHeader] ?? Number.NaN);
      if (!(remaining < 1) || Number.isNaN(reset)) return;
      // Ten years of seconds: what is more is a time and not a wait.
      const waitMs = reset > 315_360_000 ? reset * 1000 - Date.now() : reset * 1000;
      if (waitMs > 0 && waitMs <= longestWaitMs) closedUntil = Math.max(closedUntil, performance.now() + waitMs);
    },
  };
}
