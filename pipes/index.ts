// The ops by name: what each takes and gives is here, its code is loaded when it is used.
import type { AnyTask } from '../engine/contracts.ts';
import type { OpShape } from '../engine/graph.ts';

export const shapes: Readonly<Record<string, OpShape>> = {
  filter: { accepts: ['rows'], yields: 'rows' },
  limit: { accepts: ['rows'], yields: 'rows' },
  read: { accepts: ['nothing'], yields: 'either' },
  rename: { accepts: ['rows'], yields: 'rows' },
  select: { accepts: ['rows'], yields: 'rows' },
  set: { accepts: ['rows'], yields: 'rows' },
  write: { accepts: ['rows', 'files'], yields: 'same' },
};
export const tasks: Readonly<Record<string, () => Promise<AnyTask>>> = {
  filter: async () => (await import('./tasks/filter.ts')).filter,
  limit: async () => (await import('./tasks/limit.ts')).limit,
  read: async () => (await import('./tasks/read.ts')).read,
  rename: async () => (await import('./tasks/rename.ts')).rename,
  select: async () => (await import('./tasks/select.ts')).select,
  set: async () => (await import('./tasks/set.ts')).set,
  write: async () => (await import('./tasks/write.ts')).write,
};
