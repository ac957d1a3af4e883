// What a target keeps beside its rows: where the source stood, and of which run and definition that is.
import { createHash } from 'node:crypto';
import type { Batch, RowStream, Value } from '../contracts/data.ts';
import { failure } from '../errors.ts';

/** How far a source has come: the rows it has given, and its own checkpoint. */
export interface Progress {
  rows: number;
  at: Value;
}

/** What the rows at the target come from: digests by name, so that a difference can be named. */
export type Digests = Record<string, string>;

export interface Kept {
  /** As expressions saw it: that of the run that began, where others went on. */
  run: string;
  /** The run that wrote. */
  by: string;
  /** ISO timestamp. */
  started: string;
  definition: Digests;
  /** Rows that the target was given so far. */
  rows: number;
  /** Absent where only the end of a run was kept. */
  source?: Progress;
  /** The source has ended. */
  done?: boolean;
}

/** What is the same in all that one run keeps. */
export type Head = Pick<Kept, 'run' | 'by' | 'started' | 'definition'>;

/** What a target gave back, or undefined for something that we have not kept. */
export function readKept(value: Value | undefined): Kept | undefined {
  const kept = value as Partial<Kept> | null | undefined;
  const isOurs = typeof kept === 'object' && kept !== null && typeof kept.run === 'string' && isMap(kept.definition);
  return isOurs ? (kept as Kept) : undefined;
}

function isMap(value: unknown): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function digest(value: unknown): string {
  return createHash('sha256').update(JSON.stringify(value, sorted)).digest('hex').slice(0, 12);
}

function sorted(_: string, value: unknown): unknown {
  if (typeof value === 'bigint') return `${value}n`;
  if (!isMap(value)) return value;
  return Object.fromEntries(Object.entries(value as object).sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** In words, what differs; undefined when nothing does. */
export function difference(before: Digests, now: Digests): string | undefined {
  const names = [...new Set([...Object.keys(before), ...Object.keys(now)])];
  const other = names.filter((name) => before[name] !== now[name]);
  if (other.length === 0) return undefined;
  const [first, ...rest] = other.map((name) => {
    if (before[name] === undefined) return `${name} was not there`;
    return now[name] === undefined ? `${name} is gone` : `${name} was another`;
  });
  return [first, ...rest.slice(0, 2), ...(rest.length > 2 ? ['more'] : [])].join(', ');
}

/** Rows of a source whose checkpoints say how many there were so far. `see` is told of each, `end` after the last. */
export function counted(
  rows: RowStream,
  before: number,
  { see, end }: { see(at: Value): void; end(): void },
): RowStream {
  const { encoded: _, ...rest } = rows;
  return { ...rest, ...(before > 0 ? { offset: before } : {}), batches: progress(rows.batches, before, see, end) };
}

async function* progress(
  batches: AsyncIterable<Batch>,
  before: number,
  see: (at: Value) => void,
  end: () => void,
): AsyncGenerator<Batch> {
  let rows = before;
  for await (const batch of batches) {
    rows += batch.rows.length;
    if (batch.checkpoint === undefined) yield batch;
    else {
      const at = batch.checkpoint;
      yield { ...batch, checkpoint: { rows, at } };
      see(at);
    }
  }
  end();
}

/** The rows, each checkpoint with what must be known when a later run finds it. */
export function stamped(rows: RowStream, head: Head, before: number, shown: string): RowStream {
  if (rows.checkpoints !== true) {
    const reason = 'a task between the read and the write holds rows back, so that no batch says how far the source is';
    throw failure('NOT_RESUMABLE', { path: `what is written to ${shown}`, reason });
  }
  const { encoded: _, ...rest } = rows;
  return { ...rest, batches: stampedBatches(rows.batches, head, before) };
}

async function* stampedBatches(batches: AsyncIterable<Batch>, head: Head, before: number): AsyncGenerator<Batch> {
  let rows = before;
  let last: Value | undefined;
  for await (const batch of batches) {
    rows += batch.rows.length;
    last = batch.checkpoint ?? last;
    yield last === undefined ? batch : { ...batch, checkpoint: { ...head, rows, source: last } };
  }
  if (last !== undefined) yield { rows: [], checkpoint: { ...head, rows, source: last, done: true } };
}

/** The rows, and after the last one a checkpoint that says whose they were: for a write that commits once. */
export function sealed(rows: RowStream, head: Head): RowStream {
  const { encoded: _, ...rest } = rows;
  return { ...rest, checkpoints: true, batches: sealedBatches(rows.batches, head) };
}

async function* sealedBatches(batches: AsyncIterable<Batch>, head: Head): AsyncGenerator<Batch> {
  let rows = 0;
  for await (const { checkpoint: _, ...batch } of batches) {
    rows += batch.rows.length;
    yield batch;
  }
  yield { rows: [], checkpoint: { ...head, rows } };
}
