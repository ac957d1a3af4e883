// mkdir: makes a folder, and those above it.
import type { Task } from '../../engine/contracts/task.ts';
import { failure } from '../../engine/errors.ts';
import type { MkdirTask } from '../../schemas/generated/types.ts';
import { isPattern, plainPath } from '../files.ts';
import { operation } from '../options.ts';

export const mkdir: Task<MkdirTask> = {
  op: 'mkdir',
  accepts: ['nothing'],
  yields: 'nothing',

  async run(_, { path, connection }, context) {
    const target = await context.resolve(path, connection);
    if (isPattern(target)) {
      throw failure('PATH_INVALID', { path: target.shown, reason: 'has a pattern where it must name one folder' });
    }
    await operation(target, 'makeFolder')(plainPath(target).replace(/(?<=.)\/+$/, ''), { signal: context.signal });
    return undefined;
  },
};
