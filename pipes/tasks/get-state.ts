// get_state: looks up a value that an earlier run kept; it is the result of the task.
import type { Value } from '../../engine/contracts/data.ts';
import type { Task } from '../../engine/contracts/task.ts';
import type { GetStateTask } from '../../schemas/generated/types.ts';

export const getState: Task<GetStateTask> = {
  op: 'get_state',
  accepts: ['rows', 'files', 'nothing'],
  yields: 'same',

  async run(input, { key, default: otherwise }, context) {
    const found = await (await context.kept()).get(key);
    context.result(found ?? ((otherwise ?? null) as Value));
    return input;
  },
};
