// query: one SQL statement, which may write, and its rows.
import type { Batch, Stream, Value } from '../../engine/contracts/data.ts';
import type { Task } from '../../engine/contracts/task.ts';
import { failure } from '../../engine/errors.ts';
import type { QueryTask } from '../../schemas/generated/types.ts';
import { createChannel } from '../channel.ts';
import { operation } from '../options.ts';

export const query: Task<QueryTask> = {
  op: 'query',
  accepts: ['nothing'],
  yields: 'rows',

  async run(_, { query: statement, parameters, connection }, context): Promise<Stream> {
    refuseTemplate(statement, '`query`');
    const target = await context.resolve('', connection);
    const run = operation(target, 'query');
    // Whoever takes the rows may leave before the last one; the statement is done nevertheless.
    const channel = createChannel<Batch>(context.signal);
    let changed = 0;
    const stream = await run(statement, (parameters ?? []) as Value[], {
      signal: context.signal,
      onChanged: (rows) => {
        changed += rows;
      },
      async beforeCommit() {
        context.result({ changed });
        channel.close();
        await context.beforeCommit();
      },
    });
    if (!context.consumed) return stream;
    const work = async () => {
      for await (const batch of stream.batches) await channel.put(batch);
      channel.close();
    };
    context.background(work());
    return { ...stream, batches: channel.values };
  },
};

/** Text of a pipe that becomes SQL is nothing that a value can be kept out of. */
export function refuseTemplate(statement: string, where: string): void {
  if (!statement.includes('${')) return;
  throw failure('OPTION_UNSUPPORTED', { what: '`${…}`', where, hint: '; give the value through `parameters`' });
}
