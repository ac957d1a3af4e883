// A number of places that pieces of work of different weight share.

export interface Weights {
  /** Resolves when there is room for it, in the order of the calls, with the way to give it back. */
  take(weight: number): Promise<() => void>;
}

export function createWeights(places: number): Weights {
  let free = places;
  const waiting: { weight: number; go: () => void }[] = [];
  const next = () => {
    while (waiting.length > 0 && waiting[0]!.weight <= free) {
      const { weight, go } = waiting.shift()!;
      free -= weight;
      go();
    }
  };
  return {
    async take(weight) {
      const fitting = Math.min(weight, places);
      await new Promise<void>((go) => {
        waiting.push({ weight: fitting, go });
        next();
      });
      return () => {
        free += fitting;
        next();
      };
    },
  };
}
