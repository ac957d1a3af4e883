// The ops that a pipe file may use: what each takes and gives, and its code, loaded when it is needed.
import type { OpShape } from '../engine/graph.ts';
import type { Parts } from '../engine/parts.ts';

const source = { accepts: ['nothing'] } as const;
const rowwise = { accepts: ['rows'], yields: 'rows' } as const;
const effect = { accepts: ['nothing'], yields: 'nothing' } as const;

/** Known without loading a task's code; each task states the same of itself. */
export const shapes: Readonly<Record<string, OpShape>> = {
  read: { ...source, yields: 'either' },
  request: { ...source, yields: 'files' },
  list: { ...source, yields: 'rows' },
  write: { accepts: ['rows', 'files'], yields: 'same' },
  connect: effect,
  copy: effect,
  delete: effect,
  mkdir: effect,
  convert: { accepts: ['files'], yields: 'files' },
  archive: { accepts: ['rows', 'files'], yields: 'files' },
  unarchive: { accepts: ['files'], yields: 'files' },
  select: rowwise,
  rename: rowwise,
  filter: rowwise,
  set: rowwise,
  cast: rowwise,
  limit: { ...rowwise, holds: 'cut' },
  replace: rowwise,
  unnest: rowwise,
  validate: rowwise,
  merge: { accepts: ['rows', 'files'], yields: 'same' },
  echo: { accepts: ['rows', 'files', 'nothing'], yields: 'same' },
  dump: { accepts: ['rows', 'files'], yields: 'same' },
  email: { accepts: ['files', 'nothing'], yields: 'nothing', inputWith: 'attach_input' },
  exit: effect,
  fail: effect,
};

export const tasks: Parts['tasks'] = {
  read: async () => (await import('./tasks/read.ts')).read,
  request: async () => (await import('./tasks/request.ts')).request,
  list: async () => (await import('./tasks/list.ts')).list,
  write: async () => (await import('./tasks/write.ts')).write,
  connect: async () => (await import('./tasks/connect.ts')).connect,
  copy: async () => (await import('./tasks/copy.ts')).copy,
  delete: async () => (await import('./tasks/delete.ts')).deleteTask,
  mkdir: async () => (await import('./tasks/mkdir.ts')).mkdir,
  convert: async () => (await import('./tasks/convert.ts')).convert,
  archive: async () => (await import('./tasks/archive.ts')).archive,
  unarchive: async () => (await import('./tasks/unarchive.ts')).unarchive,
  select: async () => (await import('./tasks/select.ts')).select,
  rename: async () => (await import('./tasks/rename.ts')).rename,
  filter: async () => (await import('./tasks/filter.ts')).filter,
  set: async () => (await import('./tasks/set.ts')).set,
  cast: async () => (await import('./tasks/cast.ts')).cast,
  limit: async () => (await import('./tasks/limit.ts')).limit,
  replace: async () => (await import('./tasks/replace.ts')).replace,
  unnest: async () => (await import('./tasks/unnest.ts')).unnest,
  validate: async () => (await import('./tasks/validate.ts')).validate,
  merge: async () => (await import('./tasks/merge.ts')).merge,
  echo: async () => (await import('./tasks/echo.ts')).echo,
  dump: async () => (await import('./tasks/dump.ts')).dump,
  email: async () => (await import('./tasks/email.ts')).email,
  exit: async () => (await import('./tasks/exit.ts')).exit,
  fail: async () => (await import('./tasks/fail.ts')).fail,
};
