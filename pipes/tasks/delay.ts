// delay: waits, then passes its input on.
import type { Task } from '../../engine/contracts/task.ts';
import { durationMs, wait } from '../../engine/duration.ts';
import { failure } from '../../engine/errors.ts';
import type { DelayTask } from '../../schemas/generated/types.ts';

const longestMs = 366 * 24 * 60 * 60 * 1000;

export const delay: Task<DelayTask> = {
  op: 'delay',
  accepts: ['rows', 'files', 'nothing'],
  yields: 'same',

  async run(input, { for: length, until }, { signal, task }) {
    const ms = until === undefined ? lengthOf(length!, task.label) : untilMs(until, task.label);
    if (ms > longestMs)
      throw failure('DELAY_RANGE', {
        where: task.label,
        length: until === undefined ? `is ${length}` : `ends ${until}`,
      });
    if (ms > 0) await wait(ms, signal);
    return input;
  },
};

function lengthOf(length: string, where: string): number {
  // One that an expression gave has not been looked at before.
  if (!/^(\d+(\.\d+)?(ms|s|m|h|d|w))+$/.test(length) || durationMs(length) < 1)
    throw failure('DELAY_RANGE', { where, length: `is ${JSON.stringify(length)}` });
  return durationMs(length);
}

/** Nothing, where the time has come. */
function untilMs(until: string, where: string): number {
  const time = /^\d{4}-\d\d-\d\dT.*(Z|[+-]\d\d:\d\d)$/.test(until) ? Date.parse(until) : Number.NaN;
  if (Number.isNaN(time))
    throw failure('DELAY_RANGE', { where, length: `ends at ${JSON.stringify(until)}, which is no time with its zone` });
  return time - Date.now();
}
