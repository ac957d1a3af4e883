// Which task gets what: input that is missing, of the wrong kind, or without a format to decode it.
import { buildGraph, type Graph, type GraphProblem, type OpShape, outside } from '../graph.ts';
import type { Mistake } from '../report.ts';
import { graphTasks, ownLists, type PlacedTask } from '../task-graph.ts';
import type { TaskList, TaskPlace } from '../validate/tasks.ts';
import { type Checking, isPending } from './checking.ts';
import { checkDelivery } from './delivery.ts';
import { decodeProblem, encodeProblem, type PathFacts } from './formats.ts';

/** Takes and gives anything: stands for an op that is not known. */
const anything: OpShape = { accepts: ['rows', 'files', 'nothing'], yields: 'either' };

type Kind = 'rows' | 'files' | 'unknown' | 'nothing';

export async function checkStreams(checking: Checking, facts: ReadonlyMap<TaskPlace, PathFacts>): Promise<void> {
  const shapeOf = (place: TaskPlace): OpShape =>
    place.part === undefined || isPending(checking, place) ? anything : checking.shapes[place.op!]!;
  for (const list of checking.lists) {
    for (const own of ownLists(list, shapeOf)) await checkList(checking, own, shapeOf, facts);
  }
}

async function checkList(
  checking: Checking,
  list: TaskList,
  shapeOf: (place: TaskPlace) => OpShape,
  facts: ReadonlyMap<TaskPlace, PathFacts>,
): Promise<void> {
  const graph = buildGraph(graphTasks(list, shapeOf), (_, task) => shapeOf((task as PlacedTask).place), {
    outer: getsInput(list),
  });
  const { nodes, problems } = graph;
  const placeOf = (index: number): TaskPlace | undefined => (graph.tasks[index] as PlacedTask | undefined)?.place;
  const labelOf = (index: number) => placeOf(index)?.label ?? 'the task around it';
  // A `from` that leads nowhere makes others look wrong.
  const lost = problems.some(({ kind }) => kind === 'unknown-from' || kind === 'later-from');
  for (const problem of withoutConsequences(problems, graph, lost)) {
    const place = placeOf(problem.index);
    if (problem.kind === 'unused' && isGiven(problem.index, graph, list)) continue;
    const mistake = place === undefined ? undefined : mistakeOf(problem, place, labelOf);
    if (mistake !== undefined) checking.reporter.report(mistake);
  }
  checkDelivery(checking, { graph, placeOf, shapeOf, facts, isUnit: list.parent !== undefined });
  const kinds = new Map<number, Kind>([[outside, 'unknown']]);
  const origins = new Map<number, ReadonlySet<TaskPlace>>([[outside, new Set()]]);
  for (const node of nodes) {
    const place = placeOf(node.index)!;
    const shape = shapeOf(place);
    const from = graph.sources.get(node.index)!;
    const input = inputKind(from, kinds);
    kinds.set(node.index, outputKind(shape, input, facts.get(place)));
    const sources = union(from.map((at) => origins.get(at)!));
    // What passes its input on stands for what came in.
    origins.set(node.index, shape.yields === 'same' ? sources : new Set([place]));
    if (place.part === undefined || isPending(checking, place)) continue;
    await checkKind(checking, place, shape, input, sources, facts);
    if (
      !lost &&
      node.consumers.length === 0 &&
      !isGiven(node.index, graph, list) &&
      readsForNothing(shape, facts.get(place))
    )
      checking.reporter.report(unused(place));
  }
}

/** Rows and files go into what a foreach does for each, and an error into what follows it. */
function getsInput({ parent, name, pointer }: TaskList): boolean {
  if (parent === undefined) return pointer === '/settings/on_error';
  return name === 'on_error' || parent.task.items === undefined;
}

/** Whether what a task gives is that of a list that stands in another task. */
function isGiven(index: number, { nodes, given }: Graph, { parent }: TaskList): boolean {
  if (parent === undefined) return false;
  const last = nodes.findLast(({ inside }) => inside === undefined);
  return last !== undefined && given.get(last.index)!.includes(index);
}

function union(sets: readonly ReadonlySet<TaskPlace>[]): ReadonlySet<TaskPlace> {
  return sets.length === 1 ? sets[0]! : new Set(sets.flatMap((set) => [...set]));
}

function inputKind(sources: readonly number[], kinds: ReadonlyMap<number, Kind>): Kind {
  const found = new Set(sources.map((at) => kinds.get(at)!));
  if (found.size === 0) return 'nothing';
  return found.size === 1 ? [...found][0]! : 'unknown';
}

function outputKind(shape: OpShape, input: Kind, facts: PathFacts | undefined): Kind {
  if (shape.yields === 'same') return input;
  if (shape.yields === 'either') return facts?.reads ?? 'unknown';
  return shape.yields;
}

function readsForNothing(shape: OpShape, facts: PathFacts | undefined): boolean {
  return shape.yields === 'either' && facts?.reads !== undefined;
}

/** Without what only looks wrong because something before it is: the rest of a chain after its first bad task. */
function withoutConsequences(problems: readonly GraphProblem[], { sources }: Graph, lost: boolean): GraphProblem[] {
  const bad = (kinds: readonly GraphProblem['kind'][]) =>
    new Set(problems.filter(({ kind }) => kinds.includes(kind)).map(({ index }) => index));
  const across = bad(['across']);
  const withoutInput = bad(['no-input', 'late-input']);
  return problems.filter(({ kind, index }) => {
    if (kind === 'across') return !lost && !sources.get(index)!.some((input) => across.has(input));
    return kind !== 'unused' || (!lost && !withoutInput.has(index));
  });
}

/** What a problem of the graph is called here; undefined for those that are told with the other references. */
function mistakeOf(problem: GraphProblem, place: TaskPlace, labelOf: (index: number) => string): Mistake | undefined {
  const { label, pointer, list, task, part } = place;
  const before = place.index > 0 ? list.tasks[place.index - 1] : undefined;
  const atOp = { pointer: `${pointer}/op` };
  const atFrom = { pointer: task.from === undefined ? atOp.pointer : `${pointer}/from` };
  switch (problem.kind) {
    case 'no-input': {
      const around = list.parent === undefined ? '' : `, and ${list.parent.label} around it gets none`;
      const none = `there is no task before it${around}; begin with read`;
      const why = before === undefined ? none : `${before.label} before it gives none; name another task with \`from\``;
      return { code: 'NO_INPUT', message: `${label} needs input, and ${why}`, ...atOp };
    }
    case 'late-input': {
      const other = before?.label ?? list.parent?.label ?? 'the task before it';
      const message = `${label} needs input, and ${other} has none: what it names of a task before it is known only once all of that has gone by; read it again`;
      return { code: 'NO_INPUT', message, ...atOp };
    }
    case 'no-output':
      return {
        code: 'NO_OUTPUT',
        message: `${label}: from names "${problem.about}", which gives no output`,
        ...atFrom,
      };
    case 'across': {
      const other = labelOf(Number(problem.about));
      const message = `${label} takes its input from a chain that has ended when ${other} begins; put it before ${other}`;
      return { code: 'ACROSS_STAGES', message, ...atFrom };
    }
    case 'diamond': {
      const message = `${label}: two of its inputs come from one task, and would wait for each other; read the source twice`;
      return { code: 'SHARED_SOURCE', message, ...atFrom };
    }
    case 'unused':
      // A request may be made for what it does.
      return part?.fields['/url']?.path !== 'request' ? unused(place) : undefined;
    default:
      return undefined;
  }
}

function unused({ label, pointer }: TaskPlace): Mistake {
  const message = `no task takes the output of ${label}; end with a write, or leave it out`;
  return { code: 'UNUSED_OUTPUT', severity: 'warning', message, pointer: `${pointer}/op` };
}

async function checkKind(
  { reporter, formats }: Checking,
  place: TaskPlace,
  shape: OpShape,
  input: Kind,
  sources: ReadonlySet<TaskPlace>,
  facts: ReadonlyMap<TaskPlace, PathFacts>,
): Promise<void> {
  const { label, pointer } = place;
  const takes = shape.accepts.filter((kind) => kind !== 'nothing');
  if (input === 'rows' && takes.length === 1 && takes[0] === 'files') {
    reporter.report({ code: 'WRONG_KIND', message: `${label} takes files, and gets rows`, pointer: `${pointer}/op` });
  }
  const target = facts.get(place);
  if (input === 'rows' && target?.writes === 'files') {
    const reason = encodeProblem(formats, target);
    const message = `${label}: rows are written in a format, and ${reason}; say it with \`format\``;
    if (reason !== undefined) reporter.report({ code: 'NO_FORMAT', message, pointer: target.pointer });
  }
  if (input !== 'files' || takes.length !== 1 || takes[0] !== 'rows') return;
  for (const source of sources) {
    const found = facts.get(source);
    const problem = found === undefined ? undefined : await decodeProblem(formats, found);
    if (found === undefined || problem === undefined) continue;
    const advice = problem.severity === 'warning' ? '; say it with `format`' : '';
    const message = `${source.label}: ${label} needs rows, and ${problem.reason}${advice}`;
    reporter.report({ code: 'NO_FORMAT', severity: problem.severity, message, pointer: found.pointer });
  }
}
