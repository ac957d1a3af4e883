// The function of a project's module, called for each row, each batch, or once for the whole stream.
import type { Batch, Column, Row, RowStream } from '../../engine/contracts/data.ts';
import { Failure, failure } from '../../engine/errors.ts';
import type { ModuleFunction } from '../../engine/modules.ts';
import { appendResult, batchResult, nameOf, type Origin, rowChecker } from './results.ts';

export interface ModuleCall {
  call: ModuleFunction;
  /** The second argument. */
  params: unknown;
  origin: Origin;
  columns: readonly Column[] | undefined;
}

/** One call a row: no promise, no closure; what it gives is checked and goes on. */
export async function* eachRow({ batches, offset = 0 }: RowStream, each: ModuleCall): AsyncGenerator<Batch> {
  const { call, params, origin } = each;
  const check = rowChecker(origin, each.columns);
  let before = offset;
  for await (const batch of batches) {
    const { rows } = batch;
    const out: Row[] = [];
    for (let at = 0; at < rows.length; at++) {
      let result: unknown;
      try {
        result = call(rows[at], params);
      } catch (error) {
        throw thrown(error, origin, ` on record ${before + at + 1}`);
      }
      // The text of the position is made where it is needed only.
      if (typeof result === 'object' && result !== null && !Array.isArray(result) && !('then' in result)) {
        try {
          out.push(check(result, ''));
        } catch {
          check(result, ` for record ${before + at + 1}`);
        }
      } else appendResult(result, out, check, ` for record ${before + at + 1}`, origin);
    }
    before += rows.length;
    if (out.length > 0 || batch.checkpoint !== undefined) yield { ...batch, rows: out };
  }
}

/** One call a batch, which may be async. What it gives goes on with the batch's checkpoint. */
export async function* eachBatch({ batches, offset = 0 }: RowStream, each: ModuleCall): AsyncGenerator<Batch> {
  const { call, params, origin } = each;
  const check = rowChecker(origin, each.columns);
  let before = offset;
  for await (const batch of batches) {
    const count = batch.rows.length;
    if (count === 0) {
      yield batch;
      continue;
    }
    let result: unknown;
    try {
      result = await call(batch.rows, params);
    } catch (error) {
      throw thrown(error, origin, recordsText(' on', before, count));
    }
    const rows = batchResult(result, check, recordsText(' for', before, count), origin);
    before += count;
    if (rows.length > 0 || batch.checkpoint !== undefined) yield { ...batch, rows };
  }
}

/** One call for all: it gets the batches, and gives batches. Nobody knows what it holds back, so checkpoints end here. */
export async function* wholeStream({ batches }: RowStream, each: ModuleCall): AsyncGenerator<Batch> {
  const { call, params, origin } = each;
  const check = rowChecker(origin, each.columns);
  const upstream = new WeakSet<object>();
  async function* lists(): AsyncGenerator<readonly Row[]> {
    try {
      for await (const { rows } of batches) if (rows.length > 0) yield rows;
    } catch (error) {
      if (error instanceof Error) upstream.add(error);
      throw error;
    }
  }
  try {
    const result = (await call(lists(), params)) as AsyncIterable<unknown> | null | undefined;
    const isMany = typeof result === 'object' && result !== null;
    if (!isMany || !(Symbol.asyncIterator in result || Symbol.iterator in result))
      throw failure('CODE_RESULT', {
        ...origin,
        found: nameOf(result),
        expected: 'with `per: stream` it is an async generator that yields lists of records',
      });
    let number = 0;
    for await (const item of result) {
      number++;
      yield { rows: batchResult(item, check, ` of the list number ${number} that it yielded`, origin) };
    }
  } catch (error) {
    if (error instanceof Error && upstream.has(error)) throw error;
    throw thrown(error, origin, '');
  }
}

function recordsText(word: string, before: number, count: number): string {
  return count === 1 ? `${word} record ${before + 1}` : `${word} records ${before + 1} to ${before + count}`;
}

/** What the function threw, with where in its file. Failures of ours, and the end of the run, are as they are. */
function thrown(error: unknown, origin: Origin, record: string): unknown {
  if (error instanceof Failure || (error instanceof Error && error.name === 'AbortError')) return error;
  if (!(error instanceof Error))
    return failure('CODE_FAILED', { ...origin, record, reason: `it threw ${nameOf(error)} and no Error` });
  const place = /\(?(?:file:\/\/)?([^\s()]+?)(?:\?[^:)]*)?:(\d+):(\d+)\)?$/m.exec(error.stack ?? '');
  const at = place === null ? '' : ` (${place[1]!.replace(/^.*\//, '')}:${place[2]}:${place[3]})`;
  const name = error.name === 'Error' ? '' : `${error.name}: `;
  return failure('CODE_FAILED', { ...origin, record, reason: `${name}${error.message}${at}` }, { cause: error });
}
