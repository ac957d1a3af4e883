// Several sources read at the same time, as one.

/** What comes, in the order in which it comes; each source is one item ahead. Leaving ends all of them. */
export async function* merged<T>(sources: readonly AsyncGenerator<T>[]): AsyncGenerator<T> {
  const pulls = new Map<AsyncGenerator<T>, Promise<{ source: AsyncGenerator<T>; step: IteratorResult<T> }>>();
  const pull = (source: AsyncGenerator<T>) => {
    // At the end of the line, so that each has its turn.
    pulls.delete(source);
    pulls.set(
      source,
      source.next().then((step) => ({ source, step })),
    );
  };
  try {
    for (const source of sources) pull(source);
    while (pulls.size > 0) {
      const { source, step } = await Promise.race(pulls.values());
      if (step.done === true) {
        pulls.delete(source);
        continue;
      }
      pull(source);
      yield step.value;
    }
  } finally {
    await Promise.allSettled([...pulls.values(), ...sources.map((source) => source.return(undefined))]);
  }
}
