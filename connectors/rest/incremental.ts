// Of the rows that a service gives since a time, those that are new; and how far they reach.
import type { Batch, Value } from '../../engine/contracts/data.ts';
import { failure } from '../../engine/errors.ts';
import { compareMarks } from './times.ts';

export interface Incremental {
  /** The column whose values grow. */
  field: string;
  order: 'asc' | 'desc' | 'none';
  after: Value | undefined;
  until: Value | undefined;
  /** Rows up to `after` are wanted too. */
  inclusive: boolean;
  shown: string;
}

/**
 * Services give what is at or after a time; a row at just that time was given before, so it is left out unless the read
 * looks back. Where rows do not come in order, only the end has a checkpoint that says more than the beginning.
 */
export async function* incremental(
  batches: AsyncGenerator<Batch>,
  { field, order, after, until, inclusive, shown }: Incremental,
): AsyncGenerator<Batch> {
  let newest = after;
  let position = 0;
  const checkpoint = (): Partial<Batch> => (newest === undefined ? {} : { checkpoint: { [field]: plain(newest) } });
  for await (const { rows } of batches) {
    const started = newest;
    const kept = rows.filter((row) => {
      position++;
      const mark = row[field];
      if (mark === undefined || mark === null) {
        throw failure('VALUE_INVALID', {
          where: `${shown}, column "${field}"`,
          value: 'nothing',
          expected: 'a value to go on after',
          record: ` (record ${position})`,
        });
      }
      if (until !== undefined && compareMarks(mark, until) > 0) return false;
      if (!inclusive && after !== undefined && compareMarks(mark, after) <= 0) return false;
      if (newest === undefined || compareMarks(mark, newest) > 0) newest = mark;
      else if (
        order === 'asc' &&
        (after === undefined || compareMarks(mark, after) > 0) &&
        compareMarks(mark, newest) < 0
      ) {
        const reason = `gives record ${position} with the ${field} ${mark} after one with ${newest}; it should give them in order`;
        throw failure('ANSWER_UNEXPECTED', { method: 'reading', url: shown, reason });
      }
      return true;
    });
    if (order === 'asc') yield { rows: kept, ...checkpoint() };
    else
      yield {
        rows: kept,
        ...(after === undefined || started === undefined ? {} : { checkpoint: { [field]: plain(after) } }),
      };
  }
  yield { rows: [], ...checkpoint() };
}

function plain(mark: Value): Value {
  return typeof mark === 'bigint' ? String(mark) : mark;
}
