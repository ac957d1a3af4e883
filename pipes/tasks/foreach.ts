// foreach: runs tasks once for each item of a list, or for each row or file that comes in.
import { errorRecord, errorRows, once, oneRow } from '../../engine/blame.ts';
import type { Column, FileItem, Row, Stream, Value } from '../../engine/contracts/data.ts';
import type { Task, TaskContext } from '../../engine/contracts/task.ts';
import { asFailure, type Failure, failure } from '../../engine/errors.ts';
import type { ForeachTask } from '../../schemas/generated/types.ts';
import { createOutputs } from '../outputs.ts';

export const foreach: Task<ForeachTask> = {
  op: 'foreach',
  accepts: ['rows', 'files', 'nothing'],
  yields: 'either',

  async run(input, params, context) {
    const items = await itemsOf(input, params, context);
    if (!context.consumed) {
      context.background(goThrough(items, params, context));
      return undefined;
    }
    const outputs = createOutputs(context);
    const work = goThrough(items, params, context, outputs);
    context.background(
      work.then(
        () => outputs.end(),
        (error) => {
          outputs.end(error);
          throw error;
        },
      ),
    );
    return outputs.stream();
  },
};

interface Item {
  value: Value;
  /** What the first task gets. */
  input?: Stream;
  /** It is gone once the next one is asked for. */
  fleeting?: boolean;
}

async function itemsOf(
  input: Stream | undefined,
  { items, each = 'row' }: ForeachTask,
  context: TaskContext,
): Promise<AsyncIterable<Item> | Iterable<Item>> {
  if (items !== undefined) {
    if (Array.isArray(items)) return listed(items as Value[]);
    const value = items === null ? 'null' : (JSON.stringify(items)?.slice(0, 60) ?? 'nothing');
    throw failure('ITEMS_INVALID', { where: whereOf(context), value });
  }
  if (input === undefined) throw failure('ITEMS_INVALID', { where: whereOf(context), value: 'nothing' });
  if (each === 'row') {
    const rows = await context.rows(input);
    return rowItems(rows.batches, rows.columns);
  }
  if (input.kind === 'rows')
    throw failure('OPTION_UNSUPPORTED', { what: '`each: file`', where: 'rows', hint: '; leave it out' });
  return fileItems(input);
}

function* listed(items: readonly Value[]): Generator<Item> {
  for (const value of items) yield { value };
}

async function* rowItems(
  batches: AsyncIterable<{ rows: readonly Row[] }>,
  columns: readonly Column[] | undefined,
): AsyncGenerator<Item> {
  // The row belongs to the tasks that get it, and they may change it.
  for await (const { rows } of batches)
    for (const row of rows) yield { value: { ...row }, input: oneRow(row, columns) };
}

async function* fileItems(stream: Extract<Stream, { kind: 'files' }>): AsyncGenerator<Item> {
  const { checkpoints: _, ...rest } = stream;
  for await (const file of stream.files)
    yield { value: describe(file), input: { ...rest, files: once(file) }, fleeting: file.once === true };
}

function describe({ name, path, relativePath, size, modified, contentType }: FileItem): Value {
  return {
    name,
    path,
    relative_path: relativePath ?? name,
    size: size ?? null,
    modified: modified ?? null,
    content_type: contentType,
  };
}

/** Rejects with the first failure, once the units that were going on have stopped. */
async function goThrough(
  items: AsyncIterable<Item> | Iterable<Item>,
  { concurrency = 1, on_error: then = 'fail' }: ForeachTask,
  context: TaskContext,
  outputs?: ReturnType<typeof createOutputs>,
): Promise<void> {
  const stop = new AbortController();
  const stopAll = () => stop.abort(context.signal.reason);
  context.signal.addEventListener('abort', stopAll, { once: true });
  if (context.signal.aborted) stopAll();
  const { signal } = stop;
  const source = Symbol.asyncIterator in items ? items[Symbol.asyncIterator]() : items[Symbol.iterator]();
  let taken = 0;
  let failed = 0;
  let first: Failure | undefined;

  const unit = async ({ value, input }: Item, index: number, slot: number): Promise<void> => {
    const names = { item: value, index };
    try {
      const give = outputs && ((stream: Stream) => outputs.give(stream));
      await context.runList('tasks', { names, slot, signal, ...(input && { input }), ...(give && { give }) });
    } catch (error) {
      if (!(error instanceof Error) || signal.aborted) throw error;
      const found = asFailure(error);
      context.log.warn(`${whereOf(context)}: item ${index + 1} failed: ${found.code} ${found.message}`);
      if (then === 'fail') throw found;
      failed++;
      first ??= found;
      context.reject({ position: index + 1, reason: `${found.code} ${found.message}` });
      if (then === 'continue') return;
      const record = errorRecord(found);
      await context.runList('on_error', { names: { ...names, error: record }, slot, signal, input: errorRows(record) });
    }
  };

  let pulling: Promise<unknown> = Promise.resolve();
  /** The next item; of one that is fleeting, the unit too, before anyone may ask for the one after it. */
  const next = async (slot: number): Promise<(() => Promise<void>) | undefined> => {
    signal.throwIfAborted();
    if (outputs?.left === true) return undefined;
    const step = await source.next();
    if (step.done === true) return undefined;
    const index = taken++;
    if (step.value.fleeting !== true) return () => unit(step.value, index, slot);
    await unit(step.value, index, slot);
    return async () => {};
  };
  const worker = async (slot: number): Promise<void> => {
    for (;;) {
      const turn = pulling.then(() => next(slot));
      pulling = turn.catch(() => {});
      const work = await turn;
      if (work === undefined) return;
      await work();
    }
  };

  try {
    const workers = Array.from({ length: concurrency }, (_, slot) =>
      worker(slot).catch((error) => {
        stop.abort(error);
        throw error;
      }),
    );
    const ended = await Promise.allSettled(workers);
    if (ended.some(({ status }) => status === 'rejected')) throw signal.reason;
  } finally {
    context.signal.removeEventListener('abort', stopAll);
    await source.return?.();
    context.result({ items: taken, failed });
  }
  if (first !== undefined) {
    const what = { where: whereOf(context), failed, items: taken, first: `${first.code} ${first.message}` };
    context.log.warn(failure('ITEMS_FAILED', what).message);
  }
}

function whereOf({ task }: TaskContext): string {
  return task.label;
}
