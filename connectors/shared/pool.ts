// A bounded number of pieces of work at a time.

export interface Gate {
  /** Resolves when there is a place, with the way to give it back. */
  enter(): Promise<() => void>;
}

export function createGate(places: number): Gate {
  let free = places;
  const waiting: (() => void)[] = [];
  const leave = () => {
    const next = waiting.shift();
    if (next === undefined) free++;
    else next();
  };
  return {
    async enter() {
      if (free > 0) free--;
      else await new Promise<void>((resolve) => waiting.push(resolve));
      return leave;
    },
  };
}

export interface Pool {
  /** Resolves once the work has begun, which is when a place was free. Rejects when earlier work has failed. */
  add(work: () => Promise<void>): Promise<void>;
  /** Resolves once nothing is going on any more. Rejects with the first failure, and only then. */
  drained(): Promise<void>;
}

export function createPool(places: number): Pool {
  const gate = createGate(places);
  const going = new Set<Promise<void>>();
  let failed: { error: unknown } | undefined;
  return {
    async add(work) {
      const leave = await gate.enter();
      if (failed !== undefined) {
        leave();
        throw failed.error;
      }
      const piece = work()
        .catch((error: unknown) => {
          failed ??= { error };
        })
        .finally(() => {
          going.delete(piece);
          leave();
        });
      going.add(piece);
    },
    async drained() {
      await Promise.all(going);
      if (failed !== undefined) throw failed.error;
    },
  };
}
