// Hands values from a producer that runs by itself to a reader that pulls: one at a time, nothing queued.

export interface Handover<T> {
  /** Resolves once the reader has asked for the next value; rejects when it has gone. */
  give(value: T): Promise<void>;
  /** No more values; with an error, the reader gets it. */
  end(error?: unknown): void;
  /** For one reader. */
  values(): AsyncGenerator<T, void, undefined>;
}

/** `onLeave` is called when the reader stops before the end. */
export function createHandover<T>(onLeave: () => void): Handover<T> {
  let slot: { value: T; taken: () => void; refused: (reason: unknown) => void } | undefined;
  let ended: { error: unknown } | undefined;
  let wake = () => {};
  let left = false;
  return {
    give(value) {
      if (left) return Promise.reject(new DOMException('The reader has gone', 'AbortError'));
      return new Promise((taken, refused) => {
        slot = { value, taken, refused };
        wake();
      });
    },
    end(error) {
      ended = { error };
      wake();
    },
    async *values() {
      try {
        for (;;) {
          if (slot !== undefined) {
            const { value, taken } = slot;
            yield value;
            slot = undefined;
            taken();
          } else if (ended !== undefined) {
            if (ended.error !== undefined) throw ended.error;
            return;
          } else {
            await new Promise<void>((resolve) => {
              wake = resolve;
            });
          }
        }
      } finally {
        left = true;
        if (ended === undefined) onLeave();
        slot?.refused(new DOMException('The reader has gone', 'AbortError'));
      }
    },
  };
}
