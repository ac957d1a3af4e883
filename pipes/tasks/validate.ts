// validate: checks each record against a JSON Schema.
import type { Batch, Row, RowStream } from '../../engine/contracts/data.ts';
import type { Task, TaskContext } from '../../engine/contracts/task.ts';
import { failure } from '../../engine/errors.ts';
import type { ValidateTask } from '../../schemas/generated/types.ts';
import { placeOf } from '../columns.ts';
import { readTarget } from '../files.ts';
import { type Check, compileSchema } from '../record-schema.ts';
import { openRejects, type Rejects } from '../rejects.ts';

export const validate: Task<ValidateTask> = {
  op: 'validate',
  accepts: ['rows'],
  yields: 'rows',

  async run(input, { schema, on_reject: onReject }, context) {
    const rows = await context.rows(input!);
    const check = compileSchema(typeof schema === 'string' ? await loaded(schema, context) : schema, placeOf(context));
    const rejects = await openRejects(onReject, context, () => context.beforeCommit());
    const { encoded: _, ...rest } = rows;
    return { ...rest, batches: checked(rows, check, rejects) };
  },
};

async function* checked(
  { batches, offset = 0 }: RowStream,
  check: Check,
  rejects: Rejects | undefined,
): AsyncGenerator<Batch> {
  let before = offset;
  try {
    for await (const batch of batches) {
      const { rows } = batch;
      /** Undefined as long as every row is good: then the batch goes on as it is. */
      let good: Row[] | undefined;
      for (let at = 0; at < rows.length; at++) {
        const row = rows[at]!;
        const reason = check(row);
        if (reason === undefined) {
          good?.push(row);
          continue;
        }
        const position = before + at + 1;
        if (rejects === undefined) throw failure('RECORD_INVALID', { position, reason });
        good ??= rows.slice(0, at);
        await rejects.add({ row, reason, position });
      }
      before += rows.length;
      yield good === undefined ? batch : { ...batch, rows: good };
    }
  } finally {
    rejects?.close();
  }
}

async function loaded(path: string, context: TaskContext): Promise<unknown> {
  const target = await context.resolve(path);
  const stream = await readTarget(target, { signal: context.signal });
  const wrong = (reason: string) => failure('SCHEMA_INVALID', { where: target.shown, reason });
  if (stream.kind !== 'files') throw wrong('must be in a file');
  const chunks: Uint8Array[] = [];
  for await (const file of stream.files) for await (const chunk of file.open()) chunks.push(chunk);
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(chunks)));
  } catch (error) {
    throw wrong(`is no JSON: ${(error as Error).message}`);
  }
}
