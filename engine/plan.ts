// From a checked definition to what a run does: tasks in stages, params with their values, connections found.
import type { Pipe, Task } from '../schemas/generated/types.ts';
import { type ConnectionHome, type ConnectionLookup, createLookup } from './connections.ts';
import type { Value } from './contracts.ts';
import { buildGraph, type GraphNode, type OpShape } from './graph.ts';
import type { Source } from './load.ts';
import { type GivenParams, resolveParams } from './params.ts';
import type { Parts } from './parts.ts';
import { evaluateValue, outerScope } from './scope.ts';

export interface PlannedTask extends GraphNode {
  title: string | undefined;
  accepts: OpShape['accepts'];
  yields: OpShape['yields'];
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
  params: Record<string, Value>;
  connections: ConnectionLookup;
}

export interface PlanInput {
  pipe: Pipe;
  source: Source;
  folder: string;
  given: GivenParams;
  /** Connections from outside the pipe: the project's, the user's. */
  homes: readonly ConnectionHome[];
}

/** Throws the first failure of the params. The definition has been checked. */
export function createPlan({ pipe, source, folder, given, homes }: PlanInput, parts: Parts): Plan {
  const graph = buildGraph(pipe.tasks, (op) => parts.shapes[op]);
  const started = { started: new Date().toISOString() };
  const { values, failures } = resolveParams(pipe.params ?? {}, given, (value) =>
    evaluateValue(value as Value, outerScope({ params: {}, run: started }), 'the default of a parameter'),
  );
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
    params: values,
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
