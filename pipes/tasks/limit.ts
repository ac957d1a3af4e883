// limit: lets the first rows through and stops reading.
import type { RowTask } from '../../engine/contracts/task.ts';
import type { LimitTask } from '../../schemas/generated/types.ts';

export const limit: RowTask<LimitTask> = {
  op: 'limit',
  accepts: ['rows'],
  yields: 'rows',
  holds: 'cut',

  step({ rows }, columns) {
    let passed = 0;
    return {
      columns,
      apply: (row) => (passed++ < rows ? row : undefined),
      done: () => passed >= rows,
    };
  },
};
