// Lengths of time as the language writes them: `500ms`, `30s`, `1h30m`, `7d`.

const unitMs: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
};

/** In milliseconds. The text has passed the schema's pattern. */
export function durationMs(text: string): number {
  let total = 0;
  for (const [, amount, unit] of text.matchAll(/([0-9.]+)(ms|s|m|h|d|w)/g)) total += Number(amount) * unitMs[unit!]!;
  return total;
}

/** What a timer of Node can wait for at most, some 24 days. */
const longestMs = 2 ** 31 - 1;

/** Calls `done` once the time is over, however long it is; gives what ends the wait. */
function alarm(ms: number, done: () => void): () => void {
  let running: NodeJS.Timeout;
  const waitOn = (leftMs: number) => {
    running = setTimeout(
      () => (leftMs > longestMs ? waitOn(leftMs - longestMs) : done()),
      Math.min(Math.ceil(leftMs), longestMs),
    );
  };
  waitOn(ms);
  return () => clearTimeout(running);
}

/**
 * Calls `late`, with the seconds, when the time is over, `goneMs` of which is; gives what ends the wait. Without a length
 * it never is.
 */
export function timer(length: string | undefined, late: (seconds: number) => void, goneMs = 0): () => void {
  if (length === undefined) return () => {};
  const ms = durationMs(length);
  return alarm(Math.max(0, ms - goneMs), () => late(ms / 1000));
}

/** Resolves after so long, rejects with the signal's reason when that aborts first. */
export function wait(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    const onAbort = () => {
      stop();
      reject(signal.reason);
    };
    const stop = alarm(ms, () => {
      signal.removeEventListener('abort', onAbort);
      resolve();
    });
    signal.addEventListener('abort', onAbort, { once: true });
  });
}
