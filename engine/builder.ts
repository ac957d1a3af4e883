// Pipes written in TypeScript: each call adds a task; what comes out is the same document that a file holds.
import type { OpName, Pipe, Task } from '../schemas/generated/types.ts';

/** The field that an op's first argument stands for. */
const primary = {
  archive: 'name',
  cast: 'columns',
  convert: 'to',
  delete: 'path',
  echo: 'message',
  fail: 'message',
  filter: 'where',
  limit: 'rows',
  list: 'path',
  merge: 'from',
  mkdir: 'path',
  read: 'path',
  rename: 'columns',
  request: 'url',
  run: 'pipe',
  select: 'columns',
  set: 'values',
  sort: 'by',
  unnest: 'column',
  validate: 'schema',
  write: 'path',
} as const satisfies Partial<Record<OpName, string>>;

type Primary = typeof primary;
type TaskOf<Op extends OpName> = Extract<Task, { op: Op }>;
type Rest<Op extends OpName, First extends PropertyKey> = Omit<TaskOf<Op>, 'op' | First>;
/** Optional where nothing of it is required. */
type Arguments<T> = Partial<T> extends T ? [fields?: T] : [fields: T];

type Methods = {
  [Op in OpName]: Op extends keyof Primary
    ? (
        first: Primary[Op] extends keyof TaskOf<Op> ? NonNullable<TaskOf<Op>[Primary[Op]]> : never,
        ...rest: Arguments<Rest<Op, Primary[Op]>>
      ) => PipeBuilder
    : (...fields: Arguments<Rest<Op, never>>) => PipeBuilder;
};

/** One method per op, in the order of the tasks: `pipe('orders').read('orders.csv').limit(10).write('-')`. */
export type PipeBuilder = Methods & {
  /** A copy with these fields of the pipe itself: params, connections, settings, … */
  with(fields: Omit<Pipe, 'name' | 'tasks'>): PipeBuilder;
  /** The document, as a file would hold it. */
  toJSON(): Pipe;
};

/** Starts a pipe. Builders are never changed: each call gives a new one. */
export function pipe(name: string): PipeBuilder {
  return builder({ name }, []);
}

function builder(head: Omit<Pipe, 'tasks'>, tasks: readonly Task[]): PipeBuilder {
  const own = {
    with: (fields: Omit<Pipe, 'name' | 'tasks'>) => builder({ ...head, ...fields }, tasks),
    toJSON: () => ({ ...head, tasks: [...tasks] }),
  };
  return new Proxy(own, {
    get(target, property) {
      if (typeof property === 'symbol' || property === 'then') return undefined;
      if (property in target) return target[property as keyof typeof target];
      return (...given: unknown[]) => {
        const first = primary[property as keyof Primary] as string | undefined;
        const [value, fields] = first === undefined ? [undefined, given[0]] : given;
        const task = { op: property, ...(first === undefined ? {} : { [first]: value }), ...(fields as object) };
        return builder(head, [...tasks, task as unknown as Task]);
      };
    },
  }) as unknown as PipeBuilder;
}
