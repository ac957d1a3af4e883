// How many different values the groups have: pairs of group and value, each counted once.
import type { Row } from '../../engine/contracts/data.ts';
import { byText } from '../order/order.ts';
import type { Sorter } from '../order/sorter.ts';
import { weightOfText } from '../order/weight.ts';

export interface DistinctCount {
  /** Whether the value, as the text that `sameIn` makes of it, is new to the group; what it takes in memory then. */
  add(group: string, value: string): number;
  /** Lets the memory go. From then on only `of` knows how many there are. */
  flush(): Promise<void>;
  /** Of one group, once all were added; groups are asked for in the order of their texts, each once. */
  of(group: string): Promise<number>;
  close(): Promise<void>;
}

/** No text of a group may be the beginning of another one's. */
export function createDistinctCount(createSorter: (order: ReturnType<typeof byText>) => Sorter): DistinctCount {
  const seen = new Set<string>();
  let sorter: Sorter | undefined;
  let pieces: AsyncGenerator<{ rows: Row[] }> | undefined;
  let rows: readonly Row[] = [];
  let at = 0;
  let ended = false;
  let last = '';

  /** Counts on as far as the rows at hand go. */
  const countOn = (group: string): number => {
    let count = 0;
    for (; at < rows.length; at++) {
      const pair = rows[at]!.pair as string;
      if (!pair.startsWith(group)) break;
      if (pair !== last) count++;
      last = pair;
    }
    return count;
  };

  return {
    add(group, value) {
      const pair = group + value;
      if (seen.has(pair)) return 0;
      seen.add(pair);
      return weightOfText(pair);
    },
    async flush() {
      sorter ??= createSorter(byText((row) => row.pair as string));
      let piece: Row[] = [];
      for (const pair of seen) {
        piece.push({ pair });
        if (piece.length < 4096) continue;
        await sorter.add(piece, new Array(piece.length).fill(0));
        piece = [];
      }
      await sorter.add(piece, new Array(piece.length).fill(0));
      seen.clear();
    },
    async of(group) {
      pieces ??= sorter!.sorted();
      let count = countOn(group);
      while (at === rows.length && !ended) {
        const step = await pieces.next();
        ended = step.done === true;
        if (step.done !== true) rows = step.value.rows;
        at = step.done === true ? at : 0;
        count += countOn(group);
      }
      return count;
    },
    async close() {
      await pieces?.return(undefined);
      await sorter?.close();
    },
  };
}
