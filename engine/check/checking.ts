// What the parts of a check work on.
import type { ConnectionLookup } from '../connections.ts';
import type { Capability } from '../contracts/connector.ts';
import type { FormatRegistry } from '../formats.ts';
import type { OpShape } from '../graph.ts';
import type { Reporter } from '../report.ts';
import { everyTask, type TaskList, type TaskPlace } from '../validate/tasks.ts';

/** What is known of a connector without opening a connection. */
export interface ConnectorShape {
  capabilities: readonly Capability[];
  stores: 'files' | 'rows' | 'nothing';
}

/** The parts of a definition that are sure to have their type. */
export interface Checking {
  reporter: Reporter;
  definition: Readonly<Record<string, unknown>>;
  tasks: TaskList | undefined;
  /** That one, and the tasks of `settings.on_error`. */
  lists: readonly TaskList[];
  byId: ReadonlyMap<string, readonly TaskPlace[]>;
  params: Readonly<Record<string, Record<string, unknown>>>;
  connections: ConnectionLookup;
  /** Aliases that `connect` tasks make. */
  made: ReadonlySet<string>;
  /** Relative local paths start here. */
  folder: string;
  shapes: Readonly<Record<string, OpShape>>;
  formats: FormatRegistry;
  /** Undefined for one that this version does not have. */
  connectorShape(name: string): Promise<ConnectorShape | undefined>;
}

/** Whether this version can run the op; one that does not exist counts as one that it can, as it is a mistake already. */
export function isPending(checking: Checking, place: TaskPlace): boolean {
  return place.part !== undefined && place.op !== undefined && !Object.hasOwn(checking.shapes, place.op);
}

/** The name a task goes by in `from` and `tasks.<id>` when it has no id of its own. */
export function idOf(place: TaskPlace): string {
  return place.id ?? `${place.op}_${place.number.replaceAll(/\W/g, '_')}`;
}

/** The tasks that have run when a task begins: those before it in its list, and before those around it. */
export function tasksBefore(place: TaskPlace): TaskPlace[] {
  const before = place.list.tasks.slice(0, place.index);
  return place.list.parent === undefined ? before : [...tasksBefore(place.list.parent), ...before];
}

/** The task of a list that another one is, or stands inside of; undefined when it is neither. */
export function standIn(list: TaskList, place: TaskPlace): TaskPlace | undefined {
  let at: TaskPlace | undefined = place;
  while (at !== undefined && at.list !== list) at = at.list.parent;
  return at;
}

/** Every task of a definition, those of `settings.on_error` too. */
export function* allTasks({ lists }: Pick<Checking, 'lists'>): Generator<TaskPlace> {
  for (const list of lists) yield* everyTask(list);
}

/** The tasks by `idOf`; several where an id is given twice. */
export function tasksById(tasks: TaskList | undefined): Map<string, TaskPlace[]> {
  const byId = new Map<string, TaskPlace[]>();
  for (const place of everyTask(tasks)) {
    const id = idOf(place);
    const before = byId.get(id);
    if (before === undefined) byId.set(id, [place]);
    else before.push(place);
  }
  return byId;
}
