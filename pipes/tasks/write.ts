// write: what comes in to files, a table or stdout; passes it on.
import type { Stream, Target, Task, TaskContext } from '../../engine/contracts.ts';
import { failure } from '../../engine/errors.ts';
import { tee } from '../../engine/tee.ts';
import type { WriteTask } from '../../schemas/generated/types.ts';
import { asOneFile } from '../conversion.ts';
import { refuseOptions, refusePending } from '../options.ts';
import { jointCommit, openRejects } from '../rejects.ts';
import { writeStream } from '../writing.ts';

/** What only tables have, and what only files have. */
const forTables = ['key', 'create_table', 'schema', 'lossy'] as const;
const forFiles = ['format', 'content_type', 'metadata'] as const;

export const write: Task<WriteTask> = {
  op: 'write',
  accepts: ['rows', 'files'],
  yields: 'same',

  async run(input, params, context) {
    refusePending(params, { split: undefined, open_files: 64, commit: 'run', lossy: 'refuse' });
    const path = pathOf(params.path, context);
    if (path === '-') return passOn(input!, context, (stream) => toStdout(stream, params, context));
    const target = await context.resolve(path, params.connection);
    refuseMisplaced(params, target);
    return passOn(input!, context, (stream) => toTarget(stream, target, params, context));
  },
};

/** Starts the work. A later task gets a branch of the input, which goes no faster than the work does. */
async function passOn(
  input: Stream,
  context: TaskContext,
  work: (stream: Stream) => Promise<void>,
): Promise<Stream | undefined> {
  if (!context.consumed) {
    await work(input);
    return undefined;
  }
  const [mine, passed] = tee(input, 2, context.signal);
  context.background(work(mine!));
  return passed;
}

async function toTarget(stream: Stream, target: Target, params: WriteTask, context: TaskContext): Promise<void> {
  const { format, mode = 'default', key, create_table: createTable, schema, content_type: contentType } = params;
  const writesRejects = params.on_reject !== undefined && !['fail', 'skip'].includes(params.on_reject);
  const commit = jointCommit(writesRejects ? 2 : 1, context);
  const rejects = await openRejects(params.on_reject, context, commit);
  const report = await writeStream(
    stream,
    target,
    {
      format,
      mode,
      ...(key === undefined ? {} : { key: [key].flat() }),
      ...(createTable === undefined ? {} : { createTable }),
      ...(schema === undefined ? {} : { schema }),
      ...(contentType === undefined ? {} : { contentType }),
      ...(params.metadata === undefined ? {} : { metadata: params.metadata }),
      ...(rejects === undefined ? {} : { onReject: rejects.add }),
      beforeCommit: () => {
        rejects?.close();
        return commit();
      },
    },
    context,
  );
  context.result({ paths: report.paths });
}

async function toStdout(stream: Stream, params: WriteTask, context: TaskContext): Promise<void> {
  refuseOptions(params, ['mode', 'connection', 'on_reject', 'content_type', 'metadata', ...forTables], 'stdout');
  const onRows = (count: number) => context.count({ rows: count });
  const target = { path: '-', format: params.format, continued: false, onRows };
  const { files } = await asOneFile(stream, target, context);
  for await (const file of files) {
    for await (const chunk of file.open()) {
      await context.stdout(chunk);
      context.count({ bytes: chunk.length });
    }
  }
}

function refuseMisplaced(params: WriteTask, { stores, shown }: Target): void {
  if (stores === 'rows') {
    refuseOptions(params, forFiles, `tables (${shown})`);
    return;
  }
  const where = `files (${shown})`;
  refuseOptions(params, forTables, where);
  if (params.on_reject !== undefined && params.on_reject !== 'fail') refuseOptions(params, ['on_reject'], where);
}

/** The path is given as it was written, because a path of many files has `record` in it. */
function pathOf(path: string, context: TaskContext): string {
  if (/\$\{[^}]*\b(?:record|part)\b/.test(path)) {
    throw failure('OPERATION_PENDING', { what: 'a path with `record` or `part` in it' });
  }
  const value = path.includes('${') ? context.template(path, '/path')({}) : path;
  if (typeof value === 'string' && value !== '') return value;
  throw failure('PATH_INVALID', { path, reason: `gives ${value === '' ? 'no text' : `${value}, which is no text`}` });
}
