// convert: turns files of one format into files of another.
import type { FileItem, FileStream } from '../../engine/contracts/data.ts';
import type { Task, TaskContext } from '../../engine/contracts/task.ts';
import { failure } from '../../engine/errors.ts';
import type { ConvertTask } from '../../schemas/generated/types.ts';
import { convertedFile, renamedFor } from '../conversion.ts';

export const convert: Task<ConvertTask> = {
  op: 'convert',
  accepts: ['files'],
  yields: 'files',

  async run(input, params, context) {
    if (input?.kind !== 'files') {
      const hint = '; a write task says the format of rows';
      throw failure('OPTION_UNSUPPORTED', { what: '`convert`', where: 'rows', hint });
    }
    return { kind: 'files', files: converted(input, params, context), reading: { format: params.to } };
  },
};

async function* converted(
  { files, reading: given = {} }: FileStream,
  { input, to }: ConvertTask,
  context: TaskContext,
): AsyncGenerator<FileItem> {
  const reading = input === undefined ? given : { ...given, format: input };
  for await (const file of files) {
    const name = renamedFor(file, to);
    const fits = name === file.name && context.sameBytes(file, reading, name, to);
    yield fits ? file : convertedFile(file, name, reading, to, context);
  }
}
