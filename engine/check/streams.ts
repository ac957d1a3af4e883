// Which task gets what: input that is missing, of the wrong kind, or without a format to decode it.
import { buildGraph, type GraphNode, type GraphProblem, type GraphTask, type OpShape } from '../graph.ts';
import type { Mistake } from '../report.ts';
import { everyList, type TaskList, type TaskPlace } from '../validate/tasks.ts';
import { type Checking, idOf, isPending } from './checking.ts';
import { checkDelivery } from './delivery.ts';
import { decodeProblem, encodeProblem, type PathFacts } from './formats.ts';

/** Takes and gives anything: stands for an op that is not known, and for what a nested list gets. */
const anything: OpShape = { accepts: ['rows', 'files', 'nothing'], yields: 'either' };

type Kind = 'rows' | 'files' | 'unknown' | 'nothing';

export async function checkStreams(checking: Checking, facts: ReadonlyMap<TaskPlace, PathFacts>): Promise<void> {
  for (const list of everyList(checking.tasks)) await checkList(checking, list, facts);
}

async function checkList(checking: Checking, list: TaskList, facts: ReadonlyMap<TaskPlace, PathFacts>): Promise<void> {
  // A nested list gets what its task gets; a task that stands for it comes first.
  const shift = list.parent === undefined ? 0 : 1;
  const places = list.tasks;
  const shapeAt = (place: TaskPlace | undefined): OpShape =>
    place === undefined || place.part === undefined || isPending(checking, place)
      ? anything
      : checking.shapes[place.op!]!;
  const graphTasks: GraphTask[] = places.map((place) => ({
    op: String(place.index),
    id: idOf(place),
    disabled: place.task.disabled === true,
    ...inputOf(place),
    ...inputWith(place, shapeAt(place)),
  }));
  if (shift === 1) graphTasks.unshift({ op: 'outer' });
  const { nodes, problems } = buildGraph(graphTasks, (op) => shapeAt(places[Number(op)]));

  const labelOf = (index: number) => places[index - shift]?.label ?? 'the task around it';
  // A `from` that leads nowhere makes others look wrong.
  const lost = problems.some(({ kind }) => kind === 'unknown-from' || kind === 'later-from');
  for (const problem of withoutConsequences(problems, nodes, lost)) {
    const place = places[problem.index - shift];
    const mistake = place === undefined ? undefined : mistakeOf(problem, place, labelOf);
    if (mistake !== undefined) checking.reporter.report(mistake);
  }
  checkDelivery(checking, {
    nodes: new Map(nodes.map((node) => [node.index, node])),
    placeOf: ({ index }) => places[index - shift],
    shapeOf: shapeAt,
    facts,
  });
  const kinds = new Map<number, Kind>();
  const origins = new Map<number, ReadonlySet<TaskPlace>>();
  for (const node of nodes) {
    const place = places[node.index - shift];
    const shape = shapeAt(place);
    const input = inputKind(node, kinds);
    kinds.set(node.index, outputKind(shape, input, place === undefined ? undefined : facts.get(place)));
    const sources = union(node.inputs.map((at) => origins.get(at)!));
    // What passes its input on stands for what came in.
    origins.set(node.index, shape.yields === 'same' ? sources : new Set(place === undefined ? [] : [place]));
    if (place === undefined || place.part === undefined || isPending(checking, place)) continue;
    await checkKind(checking, place, shape, input, sources, facts);
    if (!lost && node.consumers.length === 0 && list.parent === undefined && readsForNothing(shape, facts.get(place))) {
      checking.reporter.report(unused(place));
    }
  }
}

function union(sets: readonly ReadonlySet<TaskPlace>[]): ReadonlySet<TaskPlace> {
  return sets.length === 1 ? sets[0]! : new Set(sets.flatMap((set) => [...set]));
}

/** `from`, where it names tasks: in some ops it is something else. */
function inputOf({ task, part }: TaskPlace): { from?: string[] } {
  if (part?.fields['/from']?.reference !== 'task' || task.from === undefined) return {};
  return { from: [task.from].flat().filter((name) => typeof name === 'string') };
}

function inputWith({ task }: TaskPlace, { inputWith: field }: OpShape): Record<string, unknown> {
  return field === undefined ? {} : { [field]: task[field] };
}

function inputKind(node: GraphNode, kinds: ReadonlyMap<number, Kind>): Kind {
  const found = new Set(node.inputs.map((at) => kinds.get(at)!));
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
function withoutConsequences(
  problems: readonly GraphProblem[],
  nodes: readonly GraphNode[],
  lost: boolean,
): GraphProblem[] {
  const inputsOf = new Map(nodes.map(({ index, inputs }) => [index, inputs]));
  const bad = (kinds: readonly GraphProblem['kind'][]) =>
    new Set(problems.filter(({ kind }) => kinds.includes(kind)).map(({ index }) => index));
  const across = bad(['across']);
  const withoutInput = bad(['no-input']);
  return problems.filter(({ kind, index }) => {
    if (kind === 'across') return !lost && !inputsOf.get(index)!.some((input) => across.has(input));
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
      const none = 'there is no task before it; begin with read';
      const why = before === undefined ? none : `${before.label} before it gives none; name another task with \`from\``;
      return { code: 'NO_INPUT', message: `${label} needs input, and ${why}`, ...atOp };
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
      return list.parent === undefined && part?.fields['/url']?.path !== 'request' ? unused(place) : undefined;
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
