// connect: makes a connection for the tasks after it, and keeps it where that is wanted.
import type { Task } from '../../engine/contracts/task.ts';
import type { ConnectTask } from '../../schemas/generated/types.ts';

export const connect: Task<ConnectTask> = {
  op: 'connect',
  accepts: ['nothing'],
  yields: 'nothing',

  async run(_, { alias, config, save = false }, context) {
    await context.connect(alias, config, save);
    return undefined;
  },
};
