// What delivery cannot promise, as far as the definition alone shows it: checkpoints that would not get through, rows twice.
import { type Graph, type GraphNode, type OpShape, outside } from '../graph.ts';
import type { TaskPlace } from '../validate/tasks.ts';
import { isMap } from '../validate/tasks.ts';
import type { Checking } from './checking.ts';
import type { PathFacts } from './formats.ts';

interface Stream {
  graph: Graph;
  placeOf(index: number): TaskPlace | undefined;
  shapeOf(place: TaskPlace): OpShape;
  facts: ReadonlyMap<TaskPlace, PathFacts>;
  /** The list runs again and again, or after an error. */
  isUnit: boolean;
}

export function checkDelivery({ reporter }: Checking, stream: Stream): void {
  const nodes = new Map(stream.graph.nodes.map((node) => [node.index, node]));
  for (const node of nodes.values()) {
    const place = stream.placeOf(node.index)!;
    const found =
      place.task.commit === 'batch' && isWriter(place)
        ? batchProblem(node, place, { ...stream, nodes })
        : place.task.cursor !== undefined
          ? cursorProblem(node, place, { ...stream, nodes })
          : undefined;
    if (found === undefined) continue;
    const { key, code, message } = found;
    reporter.report({ code, message: `${place.label}: ${message}`, pointer: `${place.pointer}/${key}` });
  }
}

interface Problem {
  key: string;
  code: 'NOT_RESUMABLE' | 'NOT_REPEATABLE';
  message: string;
}

type Nodes = Stream & { nodes: ReadonlyMap<number, GraphNode> };

/** Why a write cannot commit as it goes. */
function batchProblem(node: GraphNode, place: TaskPlace, stream: Nodes): Problem | undefined {
  const problem = (message: string): Problem => ({ key: 'commit', code: 'NOT_RESUMABLE', message });
  const sourcesOf = ({ index }: GraphNode) => stream.graph.sources.get(index)!.filter((each) => each !== outside);
  const { mode } = place.task;
  if (mode === 'replace' || mode === 'create')
    return problem(`commit: batch adds to what is there, so the mode is append or upsert, and not ${mode}`);
  if (stream.facts.get(place)?.writes === 'files')
    return problem('a file keeps no checkpoints; leave `commit` out, and it is there whole or not at all');
  if (stream.isUnit) return problem('commit: batch is for a task of the pipe itself, and this one runs for each item');
  let at = node;
  for (let sources = sourcesOf(at); sources.length > 0; sources = sourcesOf(at)) {
    const label = stream.placeOf(at.index)?.label;
    if (sources.length > 1)
      return problem(`${label} mixes several sources, and commit: batch goes on in one; write each by itself`);
    const { holds } = stream.shapeOf(stream.placeOf(at.index)!);
    if (at !== node && holds !== undefined)
      return problem(
        `${label} ${holds === 'cut' ? 'leaves rows unread' : 'holds rows back'}, and no checkpoint gets through it`,
      );
    at = stream.nodes.get(sources[0]!)!;
  }
  const other = below(at, stream).find((each) => each !== node && isWriter(stream.placeOf(each.index)));
  if (other === undefined) return undefined;
  const label = stream.placeOf(other.index)!.label;
  return problem(
    `${label} writes the same source, and would get only the rest of it when a run goes on; read it twice`,
  );
}

/** Why an incremental read could lose rows, or have them twice. */
function cursorProblem(node: GraphNode, place: TaskPlace, stream: Nodes): Problem | undefined {
  const { cursor } = place.task;
  const problem = (message: string): Problem => ({ key: 'cursor', code: 'NOT_REPEATABLE', message });
  if (stream.isUnit) return problem('cursor is for a task of the pipe itself, and this one runs for each item');
  if (stream.facts.get(place)?.reads === 'files')
    return problem('cursor is for a table or a resource, and this is files');
  if (place.task.query !== undefined) return problem('cursor is for a table or a resource, and not for a query');
  for (const each of below(node, stream)) {
    const later = stream.placeOf(each.index);
    if (later === undefined) continue;
    if (stream.shapeOf(later).holds === 'cut')
      return problem(`${later.label} leaves rows unread, and the next run would not read them again`);
    if (!isWriter(later)) continue;
    const { mode } = later.task;
    if (isMap(cursor) && cursor.lookback !== undefined && mode !== 'upsert')
      return problem(`with lookback, ${later.label} would have rows twice; say \`mode: upsert\` and \`key\` there`);
    if (mode === 'append' && stream.facts.get(later)?.writes === 'files')
      return problem(
        `${later.label} appends to a file, and a run that broke could add rows twice; write a file for each run: its path may have \${run.id} in it`,
      );
  }
  return undefined;
}

function isWriter(place: TaskPlace | undefined): boolean {
  return place?.part?.fields['/path']?.path === 'write';
}

function below(node: GraphNode, { nodes }: Nodes): GraphNode[] {
  const found = new Set<GraphNode>();
  const follow = ({ consumers }: GraphNode) => {
    for (const index of consumers) {
      const consumer = nodes.get(index)!;
      if (!found.has(consumer)) {
        found.add(consumer);
        follow(consumer);
      }
    }
  };
  follow(node);
  return [...found].sort((a, b) => a.index - b.index);
}
