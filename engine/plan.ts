// From a checked definition to what a run does: tasks in stages, params with their values, connections found.
import type { Pipe, Settings, Task } from '../schemas/generated/types.ts';
import { type ConnectionHome, type ConnectionLookup, createLookup } from './connections.ts';
import type { Value } from './contracts/data.ts';
import { buildGraph, type GraphNode, type OpShape } from './graph.ts';
import type { Source } from './load.ts';
import type { ModuleHome } from './modules.ts';
import { type GivenParams, resolveParams } from './params.ts';
import type { Parts } from './parts.ts';
import { evaluateValue, outerScope } from './scope.ts';
import { graphTasks, isInGraph, type PlacedTask } from './task-graph.ts';
import { type TaskList, type TaskPlace, taskListOf } from './validate/tasks.ts';

export interface PlannedTask extends GraphNode {
  /** `task 2 (limit)`, `task 3.then.1 (write)`. */
  label: string;
  title: string | undefined;
  accepts: OpShape['accepts'];
  yields: OpShape['yields'];
  holds?: OpShape['holds'];
  units?: true;
  /** Where it stands: `file:line:col`. */
  place: string;
  /** As the definition has it. */
  definition: Task & Record<string, unknown>;
  /** Its lists of tasks that run as units of their own. */
  lists: Readonly<Record<string, PlannedList>>;
  /** Of a block: the last stage in which something of it runs. */
  lastStage?: number;
}

/** Tasks that run as one, stage after stage. */
export interface PlannedList {
  tasks: PlannedTask[];
  stages: number;
  /** The one that stands last, whose output is that of the list. */
  last: number | undefined;
}

export interface Plan extends PlannedList {
  name: string;
  /** The file it comes from, if any. */
  file: string;
  /** Relative local paths start here. */
  folder: string;
  /** The pipe's own, over those of the project. */
  settings: Settings;
  /** The tasks of `settings.on_error`. */
  onError?: PlannedList;
  /** When it was made: what `run.started` is. */
  started: string;
  params: Record<string, Value>;
  /** The params as they were, or would have been, in a run that started then. */
  paramsAt(started: string): Record<string, Value>;
  /** Without the secret ones. */
  plainParams(params: Record<string, Value>): Record<string, Value>;
  connections: ConnectionLookup;
  /** Where the modules are that it may call. */
  modules: ModuleHome;
}

export interface PlanInput {
  pipe: Pipe;
  source: Source;
  folder: string;
  given: GivenParams;
  /** Connections from outside the pipe: the project's, the user's. */
  homes: readonly ConnectionHome[];
  /** Of the project. */
  settings?: Settings;
  /** None unless told. */
  modules?: ModuleHome;
  /** What `run.started` is; now, unless told. */
  started?: string;
}

/** Throws the first failure of the params. The definition has been checked. */
export function createPlan(input: PlanInput, parts: Parts): Plan {
  const { pipe, source, folder, given, homes, settings, modules } = input;
  const resolveAt = (started: string) =>
    resolveParams(pipe.params ?? {}, given, (value) =>
      evaluateValue(value as Value, outerScope({ params: {}, run: { started } }), 'the default of a parameter'),
    );
  const started = input.started ?? new Date().toISOString();
  const { values, failures } = resolveAt(started);
  if (failures.length > 0) throw failures[0];
  const planned = { source, parts };
  const onError = taskListOf(pipe.settings?.on_error, '/settings/on_error', 'settings.on_error.');
  return {
    name: pipe.name ?? source.file.replace(/^.*\//, '').replace(/\.(ya?ml|json)$/i, ''),
    file: source.file,
    folder,
    ...planList(taskListOf(pipe.tasks, '/tasks')!, planned, false),
    settings: { ...settings, ...pipe.settings },
    ...(onError === undefined ? {} : { onError: planList(onError, planned, true) }),
    started,
    params: values,
    paramsAt: (at) => resolveAt(at).values,
    plainParams: (params) =>
      Object.fromEntries(Object.entries(params).filter(([name]) => pipe.params?.[name]?.secret !== true)),
    connections: createLookup([
      { home: 'pipe', connections: (pipe.connections ?? {}) as ConnectionHome['connections'] },
      ...homes,
    ]),
    modules: modules ?? { refused: 'this definition is no file of a project' },
  };
}

/** `outer`: the list gets something from outside. */
function planList(list: TaskList, planned: { source: Source; parts: Parts }, outer: boolean): PlannedList {
  const { source, parts } = planned;
  const shapeOf = ({ op }: TaskPlace) => (op === undefined ? undefined : parts.shapes[op]);
  const graph = buildGraph(graphTasks(list, shapeOf), (op) => parts.shapes[op], { outer });
  const tasks = graph.nodes.map((node): PlannedTask => {
    const { place } = graph.tasks[node.index] as PlacedTask;
    const { line, col } = source.locate(place.pointer);
    const { accepts, yields, holds, units } = parts.shapes[node.op]!;
    const own = place.nested.filter((each) => !isInGraph(each, shapeOf));
    return {
      ...node,
      label: place.label,
      title: place.task.title as string | undefined,
      accepts,
      yields,
      ...(holds === undefined ? {} : { holds }),
      ...(units === undefined ? {} : { units }),
      place: `${source.file}:${line}:${col}`,
      definition: place.task as PlannedTask['definition'],
      lists: Object.fromEntries(own.map((each) => [each.name, planList(each, planned, true)])),
    };
  });
  setLastStages(tasks);
  const last = tasks.findLast(({ inside }) => inside === undefined)?.index;
  return { tasks, stages: 1 + Math.max(-1, ...tasks.map(({ stage }) => stage)), last };
}

function setLastStages(tasks: readonly PlannedTask[]): void {
  const byIndex = new Map(tasks.map((task) => [task.index, task]));
  for (const task of tasks.toReversed()) {
    const last = task.lastStage ?? task.stage;
    if (task.block !== undefined) task.lastStage = last;
    const around = task.inside && byIndex.get(task.inside.block)!;
    if (around !== undefined) around.lastStage = Math.max(around.lastStage ?? around.stage, last);
  }
}
