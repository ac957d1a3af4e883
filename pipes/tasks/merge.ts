// merge: puts the outputs of several tasks into one stream, one after the other.
import { isDeepStrictEqual } from 'node:util';
import type { Batch, Column, FileItem, FileStream, RowStream, Stream } from '../../engine/contracts/data.ts';
import type { Task, TaskContext } from '../../engine/contracts/task.ts';
import { failure } from '../../engine/errors.ts';
import type { MergeTask } from '../../schemas/generated/types.ts';

export const merge: Task<MergeTask> = {
  op: 'merge',
  accepts: ['rows', 'files'],
  yields: 'same',

  async run(_, { from, schema }, context) {
    const inputs = from.map((id) => ({ id, stream: context.inputs.get(id)! }));
    const streams = inputs.map(({ stream }) => stream);
    if (areFiles(streams) && streams.every(({ reading }) => isDeepStrictEqual(reading, streams[0]!.reading))) {
      const reading = { ...streams[0]!.reading, ...(schema === undefined ? {} : { schema }) };
      return { kind: 'files', files: concatenatedFiles(streams), reading };
    }
    return mergedRows(inputs, schema ?? 'strict', context);
  },
};

interface Named<S extends Stream> {
  id: string;
  stream: S;
}

function areFiles(streams: readonly Stream[]): streams is FileStream[] {
  return streams.every(({ kind }) => kind === 'files');
}

async function mergedRows(
  inputs: readonly Named<Stream>[],
  schema: 'union' | 'strict',
  context: TaskContext,
): Promise<RowStream> {
  const decoded = await Promise.all(inputs.map(async ({ id, stream }) => ({ id, stream: await context.rows(stream) })));
  const columns = schema === 'strict' ? sameColumns(decoded) : allColumns(decoded);
  const known = columns === undefined ? {} : { columns };
  return {
    kind: 'rows',
    ...known,
    batches: concatenated(
      decoded.map(({ stream }) => stream),
      columns,
    ),
  };
}

/** Those of the first, when all that are known have the same names and types. */
function sameColumns(inputs: readonly Named<RowStream>[]): readonly Column[] | undefined {
  const [first, ...others] = inputs.filter(({ stream }) => stream.columns !== undefined);
  if (first === undefined) return undefined;
  for (const { id, stream } of others) {
    const difference = differenceOf(first.stream.columns!, stream.columns!);
    if (difference !== undefined) throw failure('COLUMNS_DIFFER', { path: id, first: first.id, difference });
  }
  return others.length + 1 === inputs.length ? first.stream.columns : undefined;
}

function differenceOf(first: readonly Column[], columns: readonly Column[]): string | undefined {
  const gone = first.filter(({ name }) => !columns.some((column) => column.name === name));
  if (gone.length > 0) return `without ${names(gone)}`;
  const added = columns.filter(({ name }) => !first.some((column) => column.name === name));
  if (added.length > 0) return `with ${names(added)} as well`;
  const other = columns.find(({ name, type }) => first.some((column) => column.name === name && column.type !== type));
  if (other === undefined) return undefined;
  return `"${other.name}" is ${other.type} and not ${first.find(({ name }) => name === other.name)!.type}`;
}

function names(columns: readonly Column[]): string {
  return columns.map(({ name }) => `"${name}"`).join(', ');
}

/** All names in the order in which they come up; unknown where one of the inputs does not know its own. */
function allColumns(inputs: readonly Named<RowStream>[]): readonly Column[] | undefined {
  const all = new Map<string, Column>();
  for (const { stream } of inputs) {
    if (stream.columns === undefined) return undefined;
    for (const column of stream.columns) {
      const before = all.get(column.name);
      if (before === undefined) all.set(column.name, { ...column, nullable: true });
      else if (before.type !== column.type) {
        all.set(column.name, { name: column.name, type: 'text', nullable: true, untyped: true });
      }
    }
  }
  return [...all.values()];
}

/** A checkpoint of one input says nothing of where the others stand, so that none is passed on. */
async function* concatenated(
  streams: readonly RowStream[],
  columns: readonly Column[] | undefined,
): AsyncGenerator<Batch> {
  const iterators = streams.map(({ batches }) => batches[Symbol.asyncIterator]());
  try {
    for (const [at, iterator] of iterators.entries()) {
      const own = streams[at]!.columns;
      const lacking = own && columns?.filter(({ name }) => !own.some((column) => column.name === name));
      for (let step = await iterator.next(); step.done !== true; step = await iterator.next()) {
        const { rows } = step.value;
        for (const { name } of lacking ?? []) for (const row of rows) row[name] = null;
        yield { rows };
      }
    }
  } finally {
    await Promise.all(iterators.map((iterator) => iterator.return?.()));
  }
}

async function* concatenatedFiles(streams: readonly FileStream[]): AsyncGenerator<FileItem> {
  const iterators = streams.map(({ files }) => files[Symbol.asyncIterator]());
  try {
    for (const iterator of iterators) {
      for (let step = await iterator.next(); step.done !== true; step = await iterator.next()) yield step.value;
    }
  } finally {
    await Promise.all(iterators.map((iterator) => iterator.return?.()));
  }
}
