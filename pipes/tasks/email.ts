// email: sends a message, with files of connections as attachments.
import type { FileItem, Stream } from '../../engine/contracts/data.ts';
import type { Task, TaskContext } from '../../engine/contracts/task.ts';
import { failure } from '../../engine/errors.ts';
import type { EmailTask } from '../../schemas/generated/types.ts';
import { readTarget } from '../files.ts';
import { operation } from '../options.ts';

export const email: Task<EmailTask> = {
  op: 'email',
  accepts: ['files', 'nothing'],
  yields: 'nothing',

  async run(input, params, context) {
    if (params.connection === undefined) {
      const hint = '; name the one that sends it';
      throw failure('OPTION_UNSUPPORTED', { what: '`email`', where: 'a task without `connection`', hint });
    }
    const { to, cc, bcc, from, reply_to: replyTo, subject, text, html } = params;
    const send = operation(await context.resolve('', params.connection), 'send');
    const { id } = await send(
      {
        to: [to].flat(),
        subject,
        ...(cc === undefined ? {} : { cc: [cc].flat() }),
        ...(bcc === undefined ? {} : { bcc: [bcc].flat() }),
        ...(replyTo === undefined ? {} : { replyTo: [replyTo].flat() }),
        ...(from === undefined ? {} : { from }),
        ...(text === undefined ? {} : { text }),
        ...(html === undefined ? {} : { html }),
        attachments: attachments(input, params, context),
      },
      { signal: context.signal },
    );
    context.result({ id });
    return undefined;
  },
};

/** Ends once the whole stage may commit: until then the message is not complete, and nobody has it. */
async function* attachments(
  input: Stream | undefined,
  { attachments: paths = [], attach_input: attachInput = false }: EmailTask,
  context: TaskContext,
): AsyncGenerator<FileItem> {
  for (const path of paths) {
    const target = await context.resolve(path, false);
    const stream = await readTarget(target, { signal: context.signal });
    if (stream.kind === 'rows') throw noFiles(target.shown);
    yield* counted(stream.files, context);
  }
  if (attachInput && input !== undefined) {
    if (input.kind === 'rows') throw noFiles('the input');
    yield* counted(input.files, context);
  }
  await context.beforeCommit();
}

function noFiles(shown: string) {
  const hint = '; an archive task, or a write and then its path, makes a file of them';
  return failure('OPTION_UNSUPPORTED', { what: 'attaching rows', where: `an email (${shown})`, hint });
}

async function* counted(files: AsyncIterable<FileItem>, context: TaskContext): AsyncGenerator<FileItem> {
  for await (const file of files) {
    context.count({ files: 1 });
    yield {
      ...file,
      async *open() {
        for await (const chunk of file.open()) {
          context.count({ bytes: chunk.length });
          yield chunk;
        }
      },
    };
  }
}
