// run: runs another pipe; what that gives is the output.
import type { Value } from '../../engine/contracts/data.ts';
import type { Task } from '../../engine/contracts/task.ts';
import type { RunTask } from '../../schemas/generated/types.ts';
import { createOutputs } from '../outputs.ts';

export const run: Task<RunTask> = {
  op: 'run',
  accepts: ['nothing'],
  yields: 'either',

  async run(_, { pipe, params = {} }, context) {
    const { signal, consumed } = context;
    const given = params as Record<string, Value>;
    if (!consumed) {
      context.background(context.runPipe(pipe, given, { signal }));
      return undefined;
    }
    const outputs = createOutputs(context);
    const work = context.runPipe(pipe, given, { signal, give: (stream) => outputs.give(stream) });
    context.background(
      work.then(
        () => outputs.end(),
        (error) => {
          outputs.end(error);
          throw error;
        },
      ),
    );
    return outputs.stream();
  },
};
