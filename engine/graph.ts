// Which task takes its input from which, and which tasks run together: the shape of a pipe, known before it runs.

/** What the engine must know of an op without loading its code. */
export interface OpShape {
  accepts: readonly ('rows' | 'files' | 'nothing')[];
  yields: 'rows' | 'files' | 'same' | 'either' | 'nothing';
  /** The field of the task with which it takes an input; without it, it runs once what stands before it is done. */
  inputWith?: string;
  /** It keeps rows back until others have come (`back`), or leaves the rest of its input unread (`cut`). */
  holds?: 'back' | 'cut';
}

export interface GraphTask {
  op: string;
  id?: string;
  from?: string | string[];
  disabled?: boolean;
}

export interface GraphNode {
  /** Position in the definition's task list, from 0. */
  index: number;
  op: string;
  /** The given id, or `<op>_<number>`. */
  id: string;
  /** Positions of the tasks whose output it takes. */
  inputs: number[];
  /** Positions of the tasks that take its output. */
  consumers: number[];
  /** Tasks of one stage run at the same time; stages run one after another. */
  stage: number;
}

export interface GraphProblem {
  index: number;
  kind: 'unknown-from' | 'later-from' | 'no-input' | 'no-output' | 'across' | 'diamond' | 'unused' | 'wrong-kind';
  /** The id, op or position that the problem is about. */
  about: string;
}

export interface Graph {
  nodes: GraphNode[];
  problems: GraphProblem[];
}

/** Builds the graph of a task list. Unknown ops and disabled tasks are left out; every problem is reported, none thrown. */
export function buildGraph(tasks: readonly GraphTask[], shapeOf: (op: string) => OpShape | undefined): Graph {
  const problems: GraphProblem[] = [];
  const nodes = new Map<number, GraphNode>();
  const byId = new Map<string, number>();
  const ids = new Set(tasks.map((task) => task.id).filter((id) => id !== undefined));
  let previous: GraphNode | undefined;

  tasks.forEach((task, index) => {
    const shape = shapeOf(task.op);
    if (shape === undefined || task.disabled === true) return;
    const node: GraphNode = {
      index,
      op: task.op,
      id: task.id ?? `${task.op}_${index + 1}`,
      inputs: [],
      consumers: [],
      stage: 0,
    };
    // A task that takes no stream may have a `from` of its own: the path that `copy` copies.
    const takes = takesStream(shape) && hasInputField(task, shape);
    if (task.from !== undefined && takes && shape.inputWith === undefined) {
      for (const id of [task.from].flat()) {
        const at = byId.get(id);
        if (at !== undefined) node.inputs.push(at);
        else problems.push({ index, kind: ids.has(id) ? 'later-from' : 'unknown-from', about: id });
      }
    } else if (takes) {
      if (previous !== undefined && yieldsStream(shapeOf(previous.op)!)) node.inputs.push(previous.index);
      else if (!shape.accepts.includes('nothing')) {
        problems.push({ index, kind: 'no-input', about: previous === undefined ? '' : previous.op });
      }
    }
    for (const at of node.inputs) {
      const producer = nodes.get(at)!;
      if (!yieldsStream(shapeOf(producer.op)!)) problems.push({ index, kind: 'no-output', about: producer.id });
      producer.consumers.push(index);
    }
    nodes.set(index, node);
    byId.set(node.id, index);
    previous = node;
  });

  assignStages([...nodes.values()], problems);
  for (const { index, id } of sharingSource([...nodes.values()])) problems.push({ index, kind: 'diamond', about: id });
  for (const node of nodes.values()) {
    if (node.consumers.length === 0 && ['rows', 'files'].includes(shapeOf(node.op)!.yields)) {
      problems.push({ index: node.index, kind: 'unused', about: node.id });
    }
  }
  return { nodes: [...nodes.values()], problems };
}

function takesStream(shape: OpShape): boolean {
  return shape.accepts.includes('rows') || shape.accepts.includes('files');
}

function hasInputField(task: GraphTask, { inputWith }: OpShape): boolean {
  return inputWith === undefined || (task as unknown as Record<string, unknown>)[inputWith] === true;
}

function yieldsStream(shape: OpShape): boolean {
  return shape.yields !== 'nothing';
}

/** Connected tasks are one stage. A stage that another one lies inside of cannot be put in order. */
function assignStages(nodes: GraphNode[], problems: GraphProblem[]): void {
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
    for (const input of node.inputs) {
      const [a, b] = [find(input), find(node.index)];
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

/** The tasks, two of whose inputs come from one source: a bounded tee would wait for itself. */
function sharingSource(nodes: readonly GraphNode[]): GraphNode[] {
  const sources = new Map<number, ReadonlySet<number>>();
  return nodes.filter(({ index, inputs }) => {
    const [first, ...others] = inputs.map((input) => sources.get(input)!);
    if (first === undefined || others.length === 0) {
      sources.set(index, first ?? new Set([index]));
      return false;
    }
    const all = new Set(first);
    let size = first.size;
    for (const other of others) {
      for (const source of other) all.add(source);
      size += other.size;
    }
    sources.set(index, all);
    return all.size < size;
  });
}
