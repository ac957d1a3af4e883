// Values handed from one place to another, one at a time: the giver waits until each has been taken.

export interface Channel<T> {
  /** Resolves when the value was taken, or when the reader is gone. Rejects when `signal` aborts. */
  put(value: T): Promise<void>;
  /** Ends `values` after what was put. */
  close(): void;
  /** Read once. */
  readonly values: AsyncIterable<T>;
}

export function createChannel<T>(signal: AbortSignal): Channel<T> {
  const waiting: { value: T; taken: () => void }[] = [];
  let closed = false;
  let readerGone = false;
  let wake = () => {};

  const close = () => {
    closed = true;
    wake();
  };
  const stop = () => {
    for (const { taken } of waiting) taken();
    wake();
  };
  signal.addEventListener('abort', stop, { once: true });

  async function* read(): AsyncGenerator<T> {
    try {
      for (;;) {
        signal.throwIfAborted();
        const next = waiting.shift();
        if (next !== undefined) {
          next.taken();
          yield next.value;
        } else if (closed) return;
        else {
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
        }
      }
    } finally {
      readerGone = true;
      signal.removeEventListener('abort', stop);
      stop();
    }
  }

  return {
    async put(value) {
      signal.throwIfAborted();
      if (readerGone) return;
      await new Promise<void>((taken) => {
        waiting.push({ value, taken });
        wake();
      });
      signal.throwIfAborted();
    },
    close,
    values: read(),
  };
}
