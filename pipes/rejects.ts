// Where refused records go: nowhere, or to a path, as records with their reason and position.
import type { Batch, Column, Row, RowStream } from '../engine/contracts/data.ts';
import type { TaskContext } from '../engine/contracts/task.ts';
import { createChannel } from './channel.ts';
import { writeStream } from './writing.ts';

export interface Rejected {
  row: Row;
  reason: string;
  /** Of the record in the input, from 1. */
  position: number;
}

export interface Rejects {
  /** Counts and reports it, and resolves when it has been taken. */
  add(rejected: Rejected): Promise<void>;
  /** No more will come. */
  close(): void;
}

const columns: readonly Column[] = [
  { name: 'position', type: 'integer' },
  { name: 'reason', type: 'text' },
  { name: 'record', type: 'json' },
];

/**
 * What `on_reject` says; undefined for `fail`. `commits` is called by the writer of the path before its work becomes
 * visible. The path is written even when nothing is refused, so that it never holds the records of an earlier run.
 */
export async function openRejects(
  onReject: string | undefined,
  context: TaskContext,
  commits: () => Promise<void>,
): Promise<Rejects | undefined> {
  if (onReject === undefined || onReject === 'fail') return undefined;
  const report = ({ position, reason }: Rejected) => context.reject({ position, reason });
  if (onReject === 'skip') {
    return { add: async (rejected) => report(rejected), close: () => {} };
  }
  // The task's connection is where its records go; a path of its own says where these do.
  const target = await context.resolve(onReject, false);
  const channel = createChannel<Row>(context.signal);
  const rows: RowStream = { kind: 'rows', columns, batches: batched(channel.values) };
  // The figures of the task are those of what it lets through.
  const uncounted: TaskContext = { ...context, count: () => {} };
  context.background(writeStream(rows, target, { mode: 'default', beforeCommit: commits }, uncounted));
  return {
    async add(rejected) {
      report(rejected);
      await channel.put({ position: rejected.position, reason: rejected.reason, record: rejected.row });
    },
    close: channel.close,
  };
}

async function* batched(values: AsyncIterable<Row>): AsyncGenerator<Batch> {
  for await (const row of values) yield { rows: [row] };
}

/** One commit for several writers of a task: each calls it, and all go on together with the rest of the stage. */
export function jointCommit(writers: number, context: TaskContext): () => Promise<void> {
  let waiting = writers;
  let open: (commit: Promise<void>) => void = () => {};
  const all = new Promise<void>((resolve) => {
    open = resolve;
  });
  return async () => {
    waiting -= 1;
    if (waiting === 0) open(context.beforeCommit());
    await Promise.race([all, aborted(context.signal)]);
  };
}

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    if (signal.aborted) reject(signal.reason);
    else signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
}
