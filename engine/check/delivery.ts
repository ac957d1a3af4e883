// What delivery cannot promise, as far as the definition alone shows it: checkpoints that would not get through, rows twice.
import type { GraphNode, OpShape } from '../graph.ts';
import type { TaskPlace } from '../validate/tasks.ts';
import { isMap } from '../validate/tasks.ts';
import type { Checking } from './checking.ts';
import type { PathFacts } from './formats.ts';

interface Stream {
  nodes: ReadonlyMap<number, GraphNode>;
  placeOf(node: GraphNode): TaskPlace | undefined;
  shapeOf(place: TaskPlace | undefined): OpShape;
  facts: ReadonlyMap<TaskPlace, PathFacts>;
}

export function checkDelivery({ reporter }: Checking, stream: Stream): void {
  for (const node of stream.nodes.values()) {
    const place = stream.placeOf(node);
    const found =
      place === undefined
        ? undefined
        : place.task.commit === 'batch' && isWriter(place)
          ? batchProblem(node, place, stream)
          : place.task.cursor !== undefined
            ? cursorProblem(node, place, stream)
            : undefined;
    if (found === undefined) continue;
    const { key, code, message } = found;
    reporter.report({ code, message: `${place!.label}: ${message}`, pointer: `${place!.pointer}/${key}` });
  }
}

interface Problem {
  key: string;
  code: 'NOT_RESUMABLE' | 'NOT_REPEATABLE';
  message: string;
}

/** Why a write cannot commit as it goes. */
function batchProblem(node: GraphNode, place: TaskPlace, stream: Stream): Problem | undefined {
  const problem = (message: string): Problem => ({ key: 'commit', code: 'NOT_RESUMABLE', message });
  const { mode } = place.task;
  if (mode === 'replace' || mode === 'create')
    return problem(`commit: batch adds to what is there, so the mode is append or upsert, and not ${mode}`);
  if (stream.facts.get(place)?.writes === 'files')
    return problem('a file keeps no checkpoints; leave `commit` out, and it is there whole or not at all');
  let at = node;
  while (at.inputs.length > 0) {
    const label = stream.placeOf(at)?.label;
    if (at.inputs.length > 1)
      return problem(`${label} mixes several sources, and commit: batch goes on in one; write each by itself`);
    const { holds } = stream.shapeOf(stream.placeOf(at));
    if (at !== node && holds !== undefined)
      return problem(
        `${label} ${holds === 'cut' ? 'leaves rows unread' : 'holds rows back'}, and no checkpoint gets through it`,
      );
    at = stream.nodes.get(at.inputs[0]!)!;
  }
  const other = below(at, stream).find((each) => each !== node && isWriter(stream.placeOf(each)));
  if (other === undefined) return undefined;
  const label = stream.placeOf(other)!.label;
  return problem(
    `${label} writes the same source, and would get only the rest of it when a run goes on; read it twice`,
  );
}

/** Why an incremental read could lose rows, or have them twice. */
function cursorProblem(node: GraphNode, place: TaskPlace, stream: Stream): Problem | undefined {
  const { cursor } = place.task;
  const problem = (message: string): Problem => ({ key: 'cursor', code: 'NOT_REPEATABLE', message });
  if (stream.facts.get(place)?.reads === 'files')
    return problem('cursor is for a table or a resource, and this is files');
  if (place.task.query !== undefined) return problem('cursor is for a table or a resource, and not for a query');
  for (const each of below(node, stream)) {
    const later = stream.placeOf(each);
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

function below(node: GraphNode, { nodes }: Stream): GraphNode[] {
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
