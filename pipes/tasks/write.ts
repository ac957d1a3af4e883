// write: what comes in to files, a table or stdout; passes it on.
import type { Stream } from '../../engine/contracts/data.ts';
import type { DeliveryTarget, Target, Task, TaskContext } from '../../engine/contracts/task.ts';
import { failure } from '../../engine/errors.ts';
import { tee } from '../../engine/tee.ts';
import type { WriteTask } from '../../schemas/generated/types.ts';
import { asOneFile } from '../conversion.ts';
import { operation, refuseOptions } from '../options.ts';
import { isPartitioned } from '../partition-paths.ts';
import { partitioned } from '../partitioned.ts';
import { jointCommit, openRejects } from '../rejects.ts';
import { writeStream } from '../writing.ts';

/** What only tables have, and what only files have. */
const forTables = ['key', 'create_table', 'schema', 'lossy'] as const;
const forFiles = ['format', 'content_type', 'metadata'] as const;

export const write: Task<WriteTask> = {
  op: 'write',
  accepts: ['rows', 'files'],
  yields: 'same',

  delivery(params) {
    const { commit = 'run', mode } = params;
    if (commit === 'batch' && (mode === 'replace' || mode === 'create')) {
      const hint = '; it adds to what is there (append), or changes it (upsert)';
      throw failure('OPTION_UNSUPPORTED', { what: '`commit: batch`', where: `\`mode: ${mode}\``, hint });
    }
    return { commit, target: (context) => deliveryTarget(params, context) };
  },

  async run(input, params, context) {
    if (isPartitioned(params.path)) return passOn(input!, context, (stream) => toMany(stream, params, context));
    refuseOptions(params, ['split', 'open_files'], 'a path without `${record.…}` or `${part}`');
    const path = pathOf(params.path, context);
    if (path === '-') return passOn(input!, context, (stream) => toStdout(stream, params, context));
    const target = await context.resolve(path, params.connection);
    refuseMisplaced(params, target);
    return passOn(input!, context, (stream) => toTarget(stream, target, params, context));
  },
};

async function deliveryTarget({ path, connection, mode }: WriteTask, context: TaskContext): Promise<DeliveryTarget> {
  if (isPartitioned(path)) return { shown: path, again: 'same', upserts: false };
  const given = pathOf(path, context);
  if (given === '-') return { shown: 'stdout', again: 'twice', upserts: false };
  const target = await context.resolve(given, connection);
  const { shown, stores } = target;
  const again = mode === 'append' || (mode === undefined && stores === 'rows') ? 'twice' : 'same';
  const about: DeliveryTarget = { shown, again, upserts: mode === 'upsert' };
  if (target.connection.checkpoint === undefined) return about;
  const checkpoint = operation(target, 'checkpoint');
  return { ...about, checkpoint: (name) => checkpoint(target.path, name, { signal: context.signal }) };
}

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
  const { commit: ordered, checkpoint, offset = 0, written } = context.delivery;
  const commits = ordered ?? params.commit;
  const writesRejects = params.on_reject !== undefined && !['fail', 'skip'].includes(params.on_reject);
  if (writesRejects && (written === true || offset > 0))
    context.log.warn(
      `${params.on_reject} gets what is refused from now on; what the run before had refused is not in it`,
    );
  if (written === true) return takeAll(stream, context);
  const commit = jointCommit(writesRejects ? 2 : 1, context);
  const rejects = await openRejects(params.on_reject, context, commit);
  const report = await writeStream(
    stream,
    target,
    {
      format,
      mode,
      ...(key === undefined ? {} : { key: [key].flat() }),
      ...(commits === undefined ? {} : { commit: commits }),
      ...(checkpoint === undefined ? {} : { checkpoint }),
      ...(createTable === undefined ? {} : { createTable }),
      ...(schema === undefined ? {} : { schema }),
      ...(params.lossy === undefined ? {} : { lossy: params.lossy }),
      ...(contentType === undefined ? {} : { contentType }),
      ...(params.metadata === undefined ? {} : { metadata: params.metadata }),
      ...(rejects === undefined
        ? {}
        : { onReject: (rejected) => rejects.add({ ...rejected, position: rejected.position + offset }) }),
      beforeCommit: () => {
        rejects?.close();
        return commit();
      },
    },
    context,
  );
  context.result({ paths: report.paths });
}

/** All files become visible together, as those of one write into a folder do. */
async function toMany(stream: Stream, params: WriteTask, context: TaskContext): Promise<void> {
  const { mode = 'default', content_type: contentType, metadata } = params;
  refuseOptions(params, ['on_reject', ...forTables], 'many files');
  if (mode === 'append' || mode === 'upsert') {
    const hint = '; use replace or create';
    throw failure('OPTION_UNSUPPORTED', { what: `\`mode: ${mode}\``, where: 'a path of many files', hint });
  }
  const { folder, files, close } = partitioned(await context.rows(stream), params, context);
  try {
    const target = await context.resolve(folder, params.connection);
    if (target.stores !== 'files') {
      const where = `${target.shown}, which has no files`;
      throw failure('OPTION_UNSUPPORTED', { what: 'a path with `record` or `part` in it', where });
    }
    const report = await writeStream(
      { kind: 'files', files },
      // What is the root of a connection takes files as a folder does.
      { ...target, path: target.path === '' || target.path.endsWith('/') ? target.path : `${target.path}/` },
      {
        mode,
        ...(contentType === undefined ? {} : { contentType }),
        ...(metadata === undefined ? {} : { metadata }),
        beforeCommit: () => context.beforeCommit(),
      },
      context,
    );
    context.result({ paths: report.paths });
  } finally {
    await close();
  }
}

/** For a target that has it all: the rows go by, and the rest of the stage is waited for. */
async function takeAll(stream: Stream, context: TaskContext): Promise<void> {
  const rows = await context.rows(stream);
  for await (const _ of rows.batches);
  await context.beforeCommit();
  context.result({ paths: [] });
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
  const value = path.includes('${') ? context.template(path, '/path')({}) : path;
  if (typeof value === 'string' && value !== '') return value;
  throw failure('PATH_INVALID', { path, reason: `gives ${value === '' ? 'no text' : `${value}, which is no text`}` });
}
