// The run's stdout and stdin, where the caller gave none, and a source that ends with the run.
import { failure } from './errors.ts';

/** Ends with the signal, also where the source never gives anything more: stdin knows no signal. */
export async function* untilAborted<T>(source: AsyncIterable<T>, signal: AbortSignal): AsyncGenerator<T> {
  const iterator = source[Symbol.asyncIterator]();
  try {
    for (;;) {
      const step = await new Promise<IteratorResult<T>>((resolve, reject) => {
        const abort = () => reject(signal.reason);
        if (signal.aborted) abort();
        signal.addEventListener('abort', abort, { once: true });
        iterator
          .next()
          .then(resolve, reject)
          .finally(() => signal.removeEventListener('abort', abort));
      });
      if (step.done === true) return;
      yield step.value;
    }
  } finally {
    // Not awaited: a source that hangs does not end either.
    Promise.resolve(iterator.return?.()).catch(() => {});
  }
}

export function noStdout(): Promise<void> {
  return Promise.reject(
    failure('OPTION_UNSUPPORTED', {
      what: 'the path -',
      where: 'a run without a stdout',
      hint: '; give `stdout` to run()',
    }),
  );
}

export function noStdin(): AsyncIterable<Uint8Array> {
  throw failure('STDIN_CLOSED');
}
