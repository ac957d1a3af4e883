// Row tasks fused: the steps of neighbouring tasks run in one loop over each batch.
import type { Batch, Column, Row, RowStream } from './contracts/data.ts';
import type { RowStep } from './contracts/task.ts';
import { Failure, failure } from './errors.ts';

/** One fused task: its step, and how many rows it has passed on so far. */
export interface FusedStep {
  step: RowStep;
  /** Called after each batch with the rows that came out of this step. */
  count(rows: number): void;
  /** Told of an error of the step; gives the error to throw. */
  blame?(error: unknown): unknown;
}

/** A batch through all steps: appends what comes out, adds to `counts`, and keeps `at` on the row and the step at work. */
type Pass = (rows: readonly Row[], out: Row[], counts: number[], at: Int32Array) => void;

interface Fused {
  source: RowStream;
  steps: FusedStep[];
}

const fusedStreams = new WeakMap<RowStream, Fused>();

/** The stream after one more step. A stream that is itself the result of `addStep` is not iterated twice: the steps join. */
export function addStep(stream: RowStream, step: FusedStep): RowStream {
  const before = fusedStreams.get(stream) ?? { source: stream, steps: [] };
  const fused: Fused = { source: before.source, steps: [...before.steps, step] };
  const result: RowStream = {
    kind: 'rows',
    ...(step.step.columns === undefined ? {} : { columns: step.step.columns }),
    // Past rows that a full limit leaves unread, a checkpoint would be a lie.
    ...(stream.checkpoints === true && step.step.done === undefined ? { checkpoints: true } : {}),
    batches: runSteps(fused),
  };
  fusedStreams.set(result, fused);
  return result;
}

/** Lets the first rows through. */
export function limitStep(rows: number, columns: readonly Column[] | undefined): RowStep {
  let left = rows;
  return { columns, apply: (row) => (left-- > 0 ? row : undefined), done: () => left <= 0 };
}

/** Whether a stream is what `addStep` gave. */
export function isFused(stream: object): boolean {
  return fusedStreams.has(stream as RowStream);
}

async function* runSteps({ source, steps }: Fused): AsyncGenerator<Batch> {
  const pass = compilePass(steps.map(({ step }) => step));
  const counts = new Array<number>(steps.length).fill(0);
  const at = new Int32Array(2);
  let before = source.offset ?? 0;
  if (steps.some(({ step }) => step.done?.() === true)) {
    const unread = source.batches[Symbol.asyncIterator]();
    // A generator that was never started lets nothing go, and the other readers of what it reads from would wait for it.
    await unread.next();
    await unread.return?.();
    return;
  }
  for await (const batch of source.batches) {
    const out: Row[] = [];
    try {
      pass(batch.rows, out, counts, at);
    } catch (error) {
      const located = withRecord(error, before + at[0]! + 1);
      throw steps[at[1]!]!.blame?.(located) ?? located;
    }
    before += batch.rows.length;
    for (let i = 0; i < steps.length; i++) {
      steps[i]!.count(counts[i]!);
      counts[i] = 0;
    }
    if (out.length > 0 || batch.checkpoint !== undefined) yield { ...batch, rows: out };
    if (steps.some(({ step }) => step.done?.() === true)) return;
  }
  for (const { step } of steps) step.end?.();
}

/**
 * Writes the loop for a chain of steps as one function, so that each step has its own call site. The text depends on
 * the number and kind of the steps alone; nothing of a definition gets into it.
 */
function compilePass(steps: readonly RowStep[]): Pass {
  const open: string[] = [];
  const close: string[] = [];
  steps.forEach((step, i) => {
    if (step.expand !== undefined) {
      open.push(`at[1] = ${i};`, `for (const r${i + 1} of s${i}.expand(r${i})) {`, `counts[${i}]++;`);
      close.unshift('}');
    } else {
      open.push(
        `at[1] = ${i};`,
        `const r${i + 1} = s${i}.apply(r${i});`,
        `if (r${i + 1} !== undefined) {`,
        `counts[${i}]++;`,
      );
      close.unshift('}');
    }
    // A full limit ends the batch at once, so that no row after it is looked at.
    if (step.done !== undefined) close.unshift(`if (s${i}.done()) stop = true;`);
  });
  const body = `
    let stop = false;
    for (let i = 0; i < rows.length; i++) {
      at[0] = i;
      const r0 = rows[i];
      ${open.join('\n')}
      out.push(r${steps.length});
      ${close.join('\n')}
      if (stop) return;
    }`;
  const names = steps.map((_, i) => `s${i}`);
  return new Function(...names, `return function pass(rows, out, counts, at) {${body}}`)(...steps) as Pass;
}

/** A failure of a step, with the number of the record it failed on. */
function withRecord(error: unknown, position: number): unknown {
  if (!(error instanceof Failure) || error.data.record !== undefined) return error;
  return failure(
    error.code,
    { ...error.data, record: ` on record ${position}`, position },
    { cause: error.cause ?? error, retry: error.retry },
  );
}
