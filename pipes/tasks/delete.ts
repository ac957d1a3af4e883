// delete: files, folders or tables.
import type { AnyConnection } from '../../engine/contracts/connector.ts';
import type { Target, Task, TaskContext } from '../../engine/contracts/task.ts';
import { Failure } from '../../engine/errors.ts';
import { matchFiles } from '../../engine/globs.ts';
import { splitPattern } from '../../engine/paths.ts';
import type { DeleteTask } from '../../schemas/generated/types.ts';
import { isPattern, plainPath } from '../files.ts';
import { operation, refuseOptions } from '../options.ts';
import { createRemoval } from '../removal.ts';

export const deleteTask: Task<DeleteTask> = {
  op: 'delete',
  accepts: ['nothing'],
  yields: 'nothing',

  async run(_, params, context) {
    const target = await context.resolve(params.path, params.connection);
    if (isPattern(target)) {
      refuseOptions(params, ['recursive'], 'a pattern', '; `**` in it goes into folders');
      await removeMatching(target, params, context);
    } else {
      await removeOne(target, params, context);
    }
    return undefined;
  },
};

async function removeMatching(target: Target, { missing = 'fail' }: DeleteTask, context: TaskContext): Promise<void> {
  const { signal } = context;
  const removal = createRemoval(target, context, (files) => context.count({ files }));
  const { base } = splitPattern(target.path);
  const found = matchFiles(target, { signal, missing: missing === 'skip' ? 'empty' : 'fail' });
  for await (const { relativePath } of found.files) {
    await removal.add(base === '' || base.endsWith('/') ? base + relativePath : `${base}/${relativePath}`);
  }
  await removal.done();
}

async function removeOne(target: Target, params: DeleteTask, context: TaskContext): Promise<void> {
  const remove = operation(target, 'remove');
  const { signal } = context;
  const path = plainPath(target);
  try {
    try {
      await remove(path, { signal });
    } catch (error) {
      if (params.recursive !== true || !isFailure(error, 'FOLDER_NOT_EMPTY')) throw error;
      await removeBelow(target, path, context);
      await removeFolder(remove, path, context);
    }
    context.count({ files: 1 });
  } catch (error) {
    if (params.missing !== 'skip' || !isFailure(error, 'NOT_FOUND')) throw error;
  }
}

/** Folders after what is in them. */
async function removeBelow(target: Target, path: string, context: TaskContext): Promise<void> {
  const { signal } = context;
  const remove = operation(target, 'remove');
  const removal = createRemoval(target, context, (files) => context.count({ files }));
  const folders: string[] = [];
  for await (const entry of operation(target, 'list')(path, { signal, recursive: true, sorted: true })) {
    if (entry.kind === 'folder') {
      folders.push(entry.path);
      continue;
    }
    await removal.add(entry.path);
  }
  await removal.done();
  for (const folder of folders.reverse()) await removeFolder(remove, folder, context);
}

/** Where folders are only parts of names, the last file in one has taken it along. */
async function removeFolder(
  remove: NonNullable<AnyConnection['remove']>,
  path: string,
  { signal }: TaskContext,
): Promise<void> {
  try {
    await remove(path, { signal });
  } catch (error) {
    if (!isFailure(error, 'NOT_FOUND')) throw error;
  }
}

function isFailure(error: unknown, code: Failure['code']): boolean {
  return error instanceof Failure && error.code === code;
}
