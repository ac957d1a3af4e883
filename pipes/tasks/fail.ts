// fail: ends the run here, as a failure.
import type { Task } from '../../engine/contracts/task.ts';
import { failure } from '../../engine/errors.ts';
import type { FailTask } from '../../schemas/generated/types.ts';

export const fail: Task<FailTask> = {
  op: 'fail',
  accepts: ['nothing'],
  yields: 'nothing',

  async run(_, { message }) {
    throw failure('PIPE_FAILED', { message });
  },
};
