// Several readers under way at once, whose results come in the order of what they read.

/** Begins `places` readers ahead: each has its first result fetched when its turn comes. Ends all that are open. */
export async function* inOrder<T, R>(
  items: AsyncIterable<T>,
  places: number,
  read: (item: T) => AsyncGenerator<R>,
): AsyncGenerator<R> {
  const source = items[Symbol.asyncIterator]();
  const open: { reader: AsyncGenerator<R>; first: Promise<IteratorResult<R>> }[] = [];
  let more = true;
  const fill = async () => {
    while (more && open.length < places) {
      const item = await source.next();
      if (item.done === true) {
        more = false;
        return;
      }
      const reader = read(item.value);
      const first = reader.next();
      first.catch(() => {});
      open.push({ reader, first });
    }
  };
  try {
    for (await fill(); open.length > 0; await fill()) {
      const { reader, first } = open[0]!;
      for (let step = await first; step.done !== true; step = await reader.next()) yield step.value;
      open.shift();
    }
  } finally {
    await Promise.all(open.map(({ reader }) => reader.return(undefined)));
    await source.return?.(undefined);
  }
}
