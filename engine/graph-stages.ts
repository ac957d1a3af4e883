// Which tasks run together, and in what order: the stages of a graph.
import type { GraphNode, GraphProblem } from './graph.ts';

/** Connected tasks are one stage. A stage that another one lies inside of cannot be put in order. */
export function assignStages(
  nodes: GraphNode[],
  joinedWith: (index: number) => readonly number[],
  problems: GraphProblem[],
): void {
  const root = new Map<number, number>();
  const find = (index: number): number => {
    let at = index;
    for (let up = root.get(at)!; up !== at; up = root.get(at)!) {
      root.set(at, root.get(up)!);
      at = up;
    }
    return at;
  };
  for (const node of nodes) {
    root.set(node.index, node.index);
    for (const source of joinedWith(node.index)) {
      const [a, b] = [find(source), find(node.index)];
      root.set(Math.max(a, b), Math.min(a, b));
    }
  }
  const order = [...new Set(nodes.map((node) => find(node.index)))].sort((a, b) => a - b);
  let open = -1;
  for (const node of nodes) {
    const first = find(node.index);
    node.stage = order.indexOf(first);
    // A chain that was left for another one that does something of its own cannot be taken up again: its rows have gone by.
    if (first < open) problems.push({ index: node.index, kind: 'across', about: String(open) });
    open = Math.max(open, first);
  }
}
