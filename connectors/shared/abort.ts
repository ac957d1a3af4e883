// Work that ends with a signal: one listener for each signal, however much goes on under it.

const waiting = new WeakMap<AbortSignal, Set<() => void>>();

/** Calls back once when the signal aborts, at once where it has. Gives the way to take that back. */
export function onAbort(signal: AbortSignal, callback: () => void): () => void {
  if (signal.aborted) {
    callback();
    return () => {};
  }
  let callbacks = waiting.get(signal);
  if (callbacks === undefined) {
    const all = new Set<() => void>();
    waiting.set(signal, all);
    signal.addEventListener('abort', () => {
      for (const each of [...all]) each();
      all.clear();
    });
    callbacks = all;
  }
  const mine = callbacks;
  mine.add(callback);
  return () => void mine.delete(callback);
}

/** What the work gives, or a rejection with the signal's reason as soon as it aborts; the work itself goes on. */
export function unlessAborted<T>(signal: AbortSignal, work: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const off = onAbort(signal, () => reject(signal.reason));
    work.then(resolve, reject).finally(off);
  });
}
