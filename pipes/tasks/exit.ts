// exit: ends the run here, as a success.
import type { Task } from '../../engine/contracts/task.ts';
import type { ExitTask } from '../../schemas/generated/types.ts';

export const exit: Task<ExitTask> = {
  op: 'exit',
  accepts: ['nothing'],
  yields: 'nothing',

  async run(_, { message }, context) {
    return context.exit(message);
  },
};
