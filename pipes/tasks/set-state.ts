// set_state: keeps a value for later runs of the pipe, once all that its stage writes is written.

import type { Value } from '../../engine/contracts/data.ts';
import type { Task } from '../../engine/contracts/task.ts';
import { durationMs } from '../../engine/duration.ts';
import { failure } from '../../engine/errors.ts';
import { toJson } from '../../engine/expressions/json.ts';
import type { SetStateTask } from '../../schemas/generated/types.ts';

const mostBytes = 1024 * 1024;

export const setState: Task<SetStateTask> = {
  op: 'set_state',
  accepts: ['rows', 'files', 'nothing'],
  yields: 'same',

  async run(input, { key, value, ttl }, context) {
    const kept = await context.kept();
    const known = keepable((value ?? null) as Value, `${context.task.label} value`);
    const keep = async () => {
      await context.beforeCommit();
      if (known === null) await kept.remove(key);
      else await kept.set(key, known, ttl === undefined ? {} : { ttlMs: durationMs(ttl) });
    };
    context.background(keep());
    context.result(known);
    return input;
  },
};

/** The value as JSON has it, or an error. */
function keepable(value: Value, where: string): Value {
  let text: string;
  try {
    text = toJson(value);
  } catch (error) {
    throw failure(
      'STATE_VALUE_INVALID',
      { where, value: 'what it gives', reason: (error as Error).message },
      { cause: error },
    );
  }
  if (text.length <= mostBytes) return JSON.parse(text) as Value;
  const reason = 'it is larger than 1 MiB; write it to a file';
  throw failure('STATE_VALUE_INVALID', { where, value: 'what it gives', reason });
}
