// Which task takes its input from which, and which tasks run together: the shape of a pipe, known before it runs.
import { assignStages } from './graph-stages.ts';

/** What the engine must know of an op without loading its code. */
export interface OpShape {
  accepts: readonly ('rows' | 'files' | 'nothing')[];
  yields: 'rows' | 'files' | 'same' | 'either' | 'nothing';
  /** The field of the task with which it takes an input; without it, it runs once what stands before it is done. */
  inputWith?: string;
  /** The field of the task with which it takes no input. */
  inputWithout?: string;
  /** It keeps rows back until others have come (`back`), or leaves the rest of its input unread (`cut`). */
  holds?: 'back' | 'cut';
  /**
   * Its lists of tasks are part of the graph: one of them runs, or all do. `passes`: the list without which the input
   * may be passed on as it is. `output`: the field that names the list whose output is that of the block.
   */
  block?: { runs: 'one' | 'all'; passes?: string; output?: string };
  /** It ends the run: first in a list of a block, it does so before anything of the stage is visible. */
  ends?: true;
  /** Its tasks run as units of their own, and it takes care of an error in each. */
  units?: true;
}

export interface GraphTask {
  op: string;
  /** As a person counts: `2`, `3.then.1`; its place in the list, where that is the only one. */
  number?: string;
  id?: string;
  from?: string | string[];
  disabled?: boolean;
  when?: unknown;
  /** The ids that its expressions name as `tasks.<id>`. */
  needs?: readonly string[];
  /** The lists of tasks in a block, in order. */
  lists?: readonly { name: string; tasks: readonly GraphTask[] }[];
  /** Of a block all of whose lists run: the one whose output is that of the block. */
  output?: string;
}

export interface GraphNode {
  /** Position among all tasks of the graph, from 0: a block stands before the tasks in it. */
  index: number;
  op: string;
  /** The given id, or `<op>_<number>`. */
  id: string;
  number: string;
  /** Positions of the tasks whose output it takes, as written: a block for what it gives, and inside of one for what that gets. */
  inputs: number[];
  /** Positions of the tasks that take its output, wherever in blocks these stand. */
  consumers: number[];
  /** Tasks of one stage run at the same time; stages run one after another. */
  stage: number;
  /** The block that it stands in, and in which of its lists. */
  inside?: { block: number; list: string };
  /** Of a block: the last task of each list, where it has one that is not disabled. */
  block?: { runs: 'one' | 'all'; last: Readonly<Record<string, number | undefined>>; output?: string };
}

/** The position of what comes from outside of the list. */
export const outside = -1;

export interface GraphProblem {
  index: number;
  kind:
    | 'unknown-from'
    | 'later-from'
    | 'no-input'
    | 'late-input'
    | 'no-output'
    | 'across'
    | 'diamond'
    | 'unused'
    | 'wrong-kind';
  /** The id, op or position that the problem is about. */
  about: string;
}

export interface Graph {
  nodes: GraphNode[];
  problems: GraphProblem[];
  /** The positions of the tasks that a task may get something of, with blocks seen through. */
  sources: ReadonlyMap<number, readonly number[]>;
  /** As `sources`, of what a task or a block gives. */
  given: ReadonlyMap<number, readonly number[]>;
  /** The tasks as they were given, by position. */
  tasks: readonly GraphTask[];
}

/**
 * Builds the graph of a task list, blocks included: what is in a block is in the graph. Unknown ops and disabled tasks
 * are left out; every problem is reported, none thrown. `o.outer`: the list gets something from outside.
 */
export function buildGraph(
  tasks: readonly GraphTask[],
  shapeOf: (op: string, task: GraphTask) => OpShape | undefined,
  o: { outer?: boolean } = {},
): Graph {
  const problems: GraphProblem[] = [];
  const nodes = new Map<number, GraphNode>();
  const all: GraphTask[] = [];
  /** What a node gives: the tasks that it may come from. Empty where it gives nothing. */
  const given = new Map<number, readonly number[]>();
  const sources = new Map<number, readonly number[]>();
  /** Those of a task before a block that is being looked into: what a list in it begins with. */
  const begins = new Map<number, readonly number[]>();
  /** Tasks that are in one stage though no stream joins them. */
  const beside = new Map<number, readonly number[]>();

  const sourcesAt = (input: number, inside: GraphNode['inside']): readonly number[] =>
    input === outside ? [outside] : inside?.block === input ? begins.get(input)! : (given.get(input) ?? []);
  const isAbove = (ids: readonly string[], from: readonly number[], byId: Ids): boolean => {
    const named = new Set(ids.flatMap((id) => lookUp(byId, id) ?? []).flatMap((at) => [at, ...(given.get(at) ?? [])]));
    if (named.size === 0) return false;
    const seen = new Set<number>(from);
    for (const at of seen) {
      if (named.has(at)) return true;
      for (const source of sources.get(at) ?? []) seen.add(source);
    }
    return false;
  };

  const walk = (list: readonly GraphTask[], first: number | undefined, inside: GraphNode['inside'], above?: Ids) => {
    const byId: Ids = { ids: new Map(), above };
    const known = new Set(list.map((task) => task.id).filter((id) => id !== undefined));
    let previous = first;
    let last: number | undefined;
    list.forEach((task, position) => {
      const index = all.length;
      all.push(task);
      const shape = shapeOf(task.op, task);
      if (shape === undefined || task.disabled === true) {
        // The tasks in a block that is left out have their places all the same.
        for (const each of task.lists ?? []) skip(each.tasks);
        return;
      }
      const number = task.number ?? String(position + 1);
      const id = task.id ?? `${task.op}_${number.replaceAll(/\W/g, '_')}`;
      const node: GraphNode = { index, op: task.op, id, number, inputs: [], consumers: [], stage: 0 };
      if (inside !== undefined) node.inside = inside;
      nodes.set(index, node);
      // A task that takes no stream may have a `from` of its own: the path that `copy` copies.
      const takes = takesStream(shape) && hasInputField(task, shape);
      if (task.from !== undefined && takes && shape.inputWith === undefined) {
        for (const id of [task.from].flat()) {
          const at = byId.ids.get(id);
          if (at !== undefined) node.inputs.push(at);
          else problems.push({ index, kind: known.has(id) ? 'later-from' : 'unknown-from', about: id });
        }
        for (const at of node.inputs) {
          if (sourcesAt(at, inside).length === 0) problems.push({ index, kind: 'no-output', about: nodes.get(at)!.id });
        }
      } else if (takes) {
        const gives = previous !== undefined && sourcesAt(previous, inside).length > 0;
        const needs = shape.accepts.includes('nothing');
        const late = gives && needs && isAbove(task.needs ?? [], sourcesAt(previous!, inside), byId);
        if (gives && !late) node.inputs.push(previous!);
        else if (!needs) {
          const before = previous === undefined || previous === outside ? undefined : nodes.get(previous);
          const isLate = before?.inputs.length === 0 && all[before.index]!.needs?.length;
          problems.push({ index, kind: isLate ? 'late-input' : 'no-input', about: before?.op ?? '' });
        }
      }
      const begin = inside === undefined ? [] : begins.get(inside.block)!;
      if (shape.ends === true && last === undefined && begin.length > 0) beside.set(index, begin);
      const own = [...new Set(node.inputs.flatMap((input) => sourcesAt(input, inside)))];
      sources.set(index, own);
      for (const at of own) nodes.get(at)?.consumers.push(index);
      given.set(
        index,
        shape.block === undefined ? (yieldsStream(shape) ? [index] : []) : block(node, task, shape, byId),
      );
      byId.ids.set(id, index);
      previous = index;
      last = index;
    });
    return last;
  };

  const block = (node: GraphNode, task: GraphTask, shape: OpShape, byId: Ids): readonly number[] => {
    const { runs, passes } = shape.block!;
    const begin = sources.get(node.index)!;
    begins.set(node.index, begin);
    const last: Record<string, number | undefined> = {};
    for (const { name, tasks } of task.lists ?? []) {
      const at = walk(tasks, begin.length > 0 ? node.index : undefined, { block: node.index, list: name }, byId);
      last[name] = at;
    }
    node.block = { runs, last, ...(task.output === undefined ? {} : { output: task.output }) };
    const ends = runs === 'one' ? Object.values(last) : task.output === undefined ? [] : [last[task.output]];
    const isPassed =
      task.when !== undefined || ends.includes(undefined) || (passes !== undefined && !Object.hasOwn(last, passes));
    const alternatives = ends.flatMap((at) => (at === undefined ? [] : given.get(at)!));
    return [...new Set([...alternatives, ...(isPassed && (runs === 'one' || ends.length > 0) ? begin : [])])];
  };

  const skip = (list: readonly GraphTask[]) => {
    for (const task of list) {
      all.push(task);
      for (const each of task.lists ?? []) skip(each.tasks);
    }
  };

  walk(tasks, o.outer === true ? outside : undefined, undefined);
  const found = [...nodes.values()].sort((a, b) => a.index - b.index);
  const joined = (at: number) => [...sources.get(at)!, ...(beside.get(at) ?? [])].filter((from) => from !== outside);
  assignStages(found, joined, problems);
  for (const { index, id } of sharingSource(found, sourcesAt)) problems.push({ index, kind: 'diamond', about: id });
  for (const node of found) {
    const { yields, block } = shapeOf(node.op, all[node.index]!)!;
    if (node.consumers.length === 0 && block === undefined && ['rows', 'files'].includes(yields))
      problems.push({ index: node.index, kind: 'unused', about: node.id });
  }
  return { nodes: found, problems, sources, given, tasks: all };
}

/** The ids of a list, and of the lists around it. */
interface Ids {
  ids: Map<string, number>;
  above: Ids | undefined;
}

function lookUp(byId: Ids, id: string): number | undefined {
  for (let at: Ids | undefined = byId; at !== undefined; at = at.above) {
    const found = at.ids.get(id);
    if (found !== undefined) return found;
  }
  return undefined;
}

function takesStream(shape: OpShape): boolean {
  return shape.accepts.includes('rows') || shape.accepts.includes('files');
}

function hasInputField(task: GraphTask, { inputWith, inputWithout }: OpShape): boolean {
  const fields = task as unknown as Record<string, unknown>;
  if (inputWithout !== undefined && fields[inputWithout] !== undefined) return false;
  return inputWith === undefined || fields[inputWith] === true;
}

function yieldsStream(shape: OpShape): boolean {
  return shape.yields !== 'nothing';
}

/** The tasks, two of whose inputs come from one source: a bounded tee would wait for itself. */
function sharingSource(
  nodes: readonly GraphNode[],
  sourcesAt: (input: number, inside: GraphNode['inside']) => readonly number[],
): GraphNode[] {
  /** Where what a task gives comes from in the end. */
  const origins = new Map<number, ReadonlySet<number>>([[outside, new Set([outside])]]);
  const originsOf = (sources: readonly number[]): ReadonlySet<number> =>
    sources.length === 1 ? origins.get(sources[0]!)! : new Set(sources.flatMap((source) => [...origins.get(source)!]));
  return nodes.filter(({ index, inputs, inside }) => {
    const [first, ...others] = inputs.map((input) => originsOf(sourcesAt(input, inside)));
    if (first === undefined || others.length === 0) {
      origins.set(index, first ?? new Set([index]));
      return false;
    }
    const all = new Set(first);
    let size = first.size;
    for (const other of others) {
      for (const source of other) all.add(source);
      size += other.size;
    }
    origins.set(index, all);
    return all.size < size;
  });
}
