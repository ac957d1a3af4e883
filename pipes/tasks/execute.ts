// execute: SQL statements in one transaction, for what they change.
import type { Value } from '../../engine/contracts/data.ts';
import type { Task } from '../../engine/contracts/task.ts';
import type { ExecuteTask } from '../../schemas/generated/types.ts';
import { operation, refuseOptions } from '../options.ts';
import { refuseTemplate } from './query.ts';

export const execute: Task<ExecuteTask> = {
  op: 'execute',
  accepts: ['nothing'],
  yields: 'nothing',

  async run(_, params, context) {
    const statements = [params.statements].flat();
    for (const statement of statements) refuseTemplate(statement, '`statements`');
    if (statements.length > 1)
      refuseOptions(params, ['parameters'], 'several statements', '; give each a task of its own');
    const target = await context.resolve('', params.connection);
    const changed: number[] = [];
    const stream = await operation(target, 'query')(statements.at(-1)!, (params.parameters ?? []) as Value[], {
      signal: context.signal,
      before: statements.slice(0, -1),
      onChanged: (rows) => changed.push(rows),
      beforeCommit: context.beforeCommit,
    });
    for await (const _ of stream.batches);
    context.result({ changed });
    return undefined;
  },
};
