// code: runs JavaScript on the rows: a function of the project, or a script in a sandbox.
import type { Column, ColumnType, RowStream } from '../../engine/contracts/data.ts';
import type { Task } from '../../engine/contracts/task.ts';
import { failure } from '../../engine/errors.ts';
import type { CodeTask } from '../../schemas/generated/types.ts';
import { placeOf, refuseName } from '../columns.ts';
import { refuseOptions } from '../options.ts';

export const code: Task<CodeTask> = {
  op: 'code',
  accepts: ['rows'],
  yields: 'rows',

  async run(input, task, context) {
    const {
      module,
      script,
      per = 'row',
      params = {},
    } = task as CodeTask & Partial<Record<'module' | 'script', string>>;
    const columns = columnsOf(task.columns);
    for (const { name } of columns ?? []) refuseName(name, context);
    const rows = await context.rows(input!);
    const known = columns === undefined ? {} : { columns };
    const where = placeOf(context);
    const stream = (batches: RowStream['batches'], checkpoints: RowStream['checkpoints']): RowStream => ({
      kind: 'rows',
      ...known,
      ...(checkpoints === true ? { checkpoints } : {}),
      batches,
    });
    if (script !== undefined) {
      if (module !== undefined)
        throw failure('OPTION_UNSUPPORTED', { what: '`module`', where: `${where} with a script` });
      if (per === 'stream')
        throw failure('OPTION_UNSUPPORTED', {
          what: '`per: stream`',
          where: `${where} with a script`,
          hint: '; use `per: batch`, or a module',
        });
      const { runScript } = await import('../code/script.ts');
      const { memory, time_limit: timeLimit } = task;
      const limits = { memory: memory ?? '64MiB', timeLimit: timeLimit ?? '10s' };
      const given = { script, per, params, columns, limits, where, signal: context.signal };
      return stream(runScript(rows, given), rows.checkpoints);
    }
    refuseOptions(
      task,
      ['memory', 'time_limit'],
      `${where} with a module`,
      '; it is your own code, and runs without limits',
    );
    const [call, { eachBatch, eachRow, wholeStream }] = await Promise.all([
      context.module(module!),
      import('../code/module.ts'),
    ]);
    const each = { call, params, columns, origin: { where, code: module! } };
    if (per === 'stream') return stream(wholeStream(rows, each), false);
    return stream(per === 'row' ? eachRow(rows, each) : eachBatch(rows, each), rows.checkpoints);
  },
};

function columnsOf(types: Readonly<Record<string, unknown>> | undefined): Column[] | undefined {
  return types && Object.entries(types).map(([name, type]) => ({ name, type: type as ColumnType, nullable: true }));
}
