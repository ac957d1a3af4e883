// The barrier before a stage commits: no writer makes its work visible while another may still fail to stage its own.

export interface Barrier {
  /** Registers one piece of the stage's work; returns it, so that it can be awaited. */
  work<T>(owner: number, promise: Promise<T>): Promise<T>;
  /** Resolves once every piece of work that is still going on has come here too; rejects when the stage failed. */
  arrive(owner: number): Promise<void>;
  /** Turns away everyone who waits or comes later. */
  fail(reason: unknown): void;
}

/** `settle` is done once, when all are here and before they go on; where it fails, they are turned away. */
export function createBarrier(settle?: () => Promise<void>): Barrier {
  /** Pieces of work going on, by owner. */
  const going = new Map<number, number>();
  const waiting = new Map<number, { resolve: () => void; reject: (reason: unknown) => void }[]>();
  let failed: { reason: unknown } | undefined;
  let settled: 'not yet' | 'going on' | 'done' = settle === undefined ? 'done' : 'not yet';

  const fail = (reason: unknown) => {
    failed = { reason };
    for (const callers of waiting.values()) for (const caller of callers) caller.reject(reason);
    waiting.clear();
  };
  const openIfAllHere = () => {
    if (failed !== undefined || waiting.size === 0 || settled === 'going on') return;
    for (const owner of going.keys()) if (!waiting.has(owner)) return;
    if (settled === 'not yet') {
      settled = 'going on';
      settle!().then(() => {
        settled = 'done';
        openIfAllHere();
      }, fail);
      return;
    }
    for (const callers of waiting.values()) for (const caller of callers) caller.resolve();
    waiting.clear();
  };
  return {
    work(owner, promise) {
      going.set(owner, (going.get(owner) ?? 0) + 1);
      const end = () => {
        const left = going.get(owner)! - 1;
        if (left === 0) going.delete(owner);
        else going.set(owner, left);
        openIfAllHere();
      };
      promise.then(end, end);
      return promise;
    },
    arrive(owner) {
      if (failed !== undefined) return Promise.reject(failed.reason);
      return new Promise((resolve, reject) => {
        const callers = waiting.get(owner);
        if (callers === undefined) waiting.set(owner, [{ resolve, reject }]);
        else callers.push({ resolve, reject });
        // Work that starts in the same turn is still to be registered.
        queueMicrotask(openIfAllHere);
      });
    },
    fail,
  };
}
