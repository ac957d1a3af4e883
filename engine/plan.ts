// From a checked definition to what a run does: tasks in stages, params with their values, connections found.
import type { Pipe, Settings, Task } from '../schemas/generated/types.ts';
import { type ConnectionHome, type ConnectionLookup, createLookup } from './connections.ts';
import type { Value } from './contracts/data.ts';
import { buildGraph, type GraphNode, type OpShape } from './graph.ts';
import type { Source } from './load.ts';
import { type GivenParams, resolveParams } from './params.ts';
import type { Parts } from './parts.ts';
import { evaluateValue, outerScope } from './scope.ts';

export interface PlannedTask extends GraphNode {
  title: string | undefined;
  accepts: OpShape['accepts'];
  yields: OpShape['yields'];
  holds?: OpShape['holds'];
  /** Where it stands: `file:line:col`. */
  place: string;
  /** As the definition has it. */
  definition: Task & Record<string, unknown>;
}

export interface Plan {
  name: string;
  /** Relative local paths start here. */
  folder: string;
  tasks: PlannedTask[];
  stages: number;
  /** The pipe's own, over those of the project. */
  settings: Settings;
  /** When it was made: what `run.started` is. */
  started: string;
  params: Record<string, Value>;
  /** The params as they were, or would have been, in a run that started then. */
  paramsAt(started: string): Record<string, Value>;
  /** Without the secret ones. */
  plainParams(params: Record<string, Value>): Record<string, Value>;
  connections: ConnectionLookup;
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
}

/** Throws the first failure of the params. The definition has been checked. */
export function createPlan({ pipe, source, folder, given, homes, settings }: PlanInput, parts: Parts): Plan {
  const graph = buildGraph(pipe.tasks, (op) => parts.shapes[op]);
  const resolveAt = (started: string) =>
    resolveParams(pipe.params ?? {}, given, (value) =>
      evaluateValue(value as Value, outerScope({ params: {}, run: { started } }), 'the default of a parameter'),
    );
  const started = new Date().toISOString();
  const { values, failures } = resolveAt(started);
  if (failures.length > 0) throw failures[0];
  return {
    name: pipe.name ?? source.file.replace(/^.*\//, '').replace(/\.(ya?ml|json)$/i, ''),
    folder,
    tasks: graph.nodes.map((node) => ({
      ...node,
      title: pipe.tasks[node.index]!.title,
      ...parts.shapes[node.op]!,
      place: placeOf(source, node.index),
      definition: pipe.tasks[node.index] as PlannedTask['definition'],
    })),
    stages: 1 + Math.max(-1, ...graph.nodes.map(({ stage }) => stage)),
    settings: { ...settings, ...pipe.settings },
    started,
    params: values,
    paramsAt: (at) => resolveAt(at).values,
    plainParams: (params) =>
      Object.fromEntries(Object.entries(params).filter(([name]) => pipe.params?.[name]?.secret !== true)),
    connections: createLookup([
      { home: 'pipe', connections: (pipe.connections ?? {}) as ConnectionHome['connections'] },
      ...homes,
    ]),
  };
}

function placeOf(source: Source, index: number): string {
  const { line, col } = source.locate(`/tasks/${index}`);
  return `${source.file}:${line}:${col}`;
}
