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

/** Calls `late`, with the seconds, when the time is over; gives what ends the wait. Without a length it never is. */
export function timer(length: string | undefined, late: (seconds: number) => void): () => void {
  if (length === undefined || durationMs(length) > longestMs) return () => {};
  const running = setTimeout(() => late(durationMs(length) / 1000), durationMs(length));
  return () => clearTimeout(running);
}
