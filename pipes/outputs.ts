// The outputs of several units of tasks as one stream: whatever comes first, handed over one batch or file at a time.
import type { Batch, Column, FileItem, Stream } from '../engine/contracts/data.ts';
import type { TaskContext } from '../engine/contracts/task.ts';
import { failure } from '../engine/errors.ts';
import { createHandover } from '../engine/handover.ts';

export interface Outputs {
  /** Resolves when all of it has been taken, or nobody wants more. */
  give(stream: Stream): Promise<void>;
  /** No more outputs; with an error, the reader gets it. */
  end(error?: unknown): void;
  /** Once it is known what there is; without rows and columns where there was nothing. */
  stream(): Promise<Stream>;
  /** Whether the reader has stopped before the end. */
  readonly left: boolean;
}

export function createOutputs(context: TaskContext): Outputs {
  let left = false;
  const values = createHandover<Batch | FileItem>(() => {
    left = true;
  });
  let known: (stream: Stream | undefined) => void = () => {};
  const first = new Promise<Stream | undefined>((resolve) => {
    known = resolve;
  });
  let kind: Stream | undefined;
  let before: Promise<unknown> = Promise.resolve();
  /** One at a time: a handover has room for one. */
  const hand = async (value: Batch | FileItem): Promise<void> => {
    const turn = before.then(() => (left ? undefined : values.give(value)));
    before = turn.catch(() => {});
    await turn.catch((error) => {
      if (!left) throw error;
    });
  };

  return {
    get left() {
      return left;
    },
    async give(stream) {
      const own = kind?.kind === 'rows' ? await context.rows(stream) : stream;
      if (kind === undefined) {
        kind = own;
        known(own);
      } else requireAlike(kind, own, context);
      if (own.kind === 'files') for await (const file of own.files) await hand(file);
      else for await (const { rows } of own.batches) await hand({ rows });
    },
    end(error) {
      known(undefined);
      values.end(error);
    },
    async stream() {
      const one = await first;
      if (one?.kind === 'files')
        return { ...withoutCheckpoints(one), files: values.values() as AsyncGenerator<FileItem> };
      const columns = one?.columns === undefined ? {} : { columns: one.columns };
      return { kind: 'rows', ...columns, batches: values.values() as AsyncGenerator<Batch> };
    },
  };
}

function withoutCheckpoints<S extends Stream>({ checkpoints: _, ...stream }: S) {
  return stream;
}

function requireAlike(first: Stream, stream: Stream, { task }: TaskContext): void {
  const difference = differenceOf(first, stream);
  if (difference !== undefined) throw failure('OUTPUTS_DIFFER', { where: task.label, difference });
}

function differenceOf(first: Stream, stream: Stream): string | undefined {
  if (first.kind !== stream.kind) return `${stream.kind} after ${first.kind}`;
  if (first.kind === 'files' || stream.kind === 'files' || first.columns === undefined || stream.columns === undefined)
    return undefined;
  const lacks = (columns: readonly Column[], others: readonly Column[]) =>
    columns.filter(({ name }) => !others.some((other) => other.name === name)).map(({ name }) => `"${name}"`);
  const [gone, added] = [lacks(first.columns, stream.columns), lacks(stream.columns, first.columns)];
  if (gone.length > 0) return `rows without ${gone.join(', ')}`;
  return added.length > 0 ? `rows with ${added.join(', ')} as well` : undefined;
}
