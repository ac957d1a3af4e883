// From the tasks of a definition to those of a graph: which lists are part of it, and what each task names of others.
import type { GraphTask, OpShape } from './graph.ts';
import { everyList, type TaskList, type TaskPlace } from './validate/tasks.ts';

/** A task of the graph that knows where it stands. */
export interface PlacedTask extends GraphTask {
  place: TaskPlace;
}

/** The tasks of a list for `buildGraph`; those of the lists that are part of the graph with them. */
export function graphTasks(list: TaskList, shapeOf: (place: TaskPlace) => OpShape | undefined): PlacedTask[] {
  return list.tasks.map((place) => {
    const { task, op = '', number, part } = place;
    const shape = shapeOf(place);
    const { inputWith, inputWithout, block } = shape ?? {};
    const isTaskFrom = part?.fields['/from']?.reference === 'task' && task.from !== undefined;
    const own = block === undefined ? [] : place.nested.filter((each) => isInGraph(each, shapeOf));
    const chosen = block?.output === undefined ? undefined : task[block.output];
    const output = own.find(({ name }) => name.endsWith(`.${String(chosen)}`))?.name;
    const fields = [inputWith, inputWithout].filter((field) => field !== undefined);
    return {
      op,
      number,
      place,
      ...(place.id === undefined ? {} : { id: place.id }),
      ...(isTaskFrom ? { from: [task.from].flat().filter((name) => typeof name === 'string') } : {}),
      ...Object.fromEntries(fields.map((field) => [field, task[field]])),
      disabled: task.disabled === true,
      when: task.when,
      needs: namedTasks(place),
      ...(own.length === 0
        ? {}
        : { lists: own.map((each) => ({ name: each.name, tasks: graphTasks(each, shapeOf) })) }),
      ...(output === undefined ? {} : { output }),
    };
  });
}

/** Whether the tasks of a nested list run as part of what is around them, and not as a unit of their own. */
export function isInGraph(list: TaskList, shapeOf: (place: TaskPlace) => OpShape | undefined): boolean {
  return list.parent !== undefined && list.name !== 'on_error' && shapeOf(list.parent)?.block !== undefined;
}

/** The lists that have a graph of their own, the outer one first. */
export function* ownLists(
  list: TaskList | undefined,
  shapeOf: (place: TaskPlace) => OpShape | undefined,
): Generator<TaskList> {
  for (const each of everyList(list)) if (!isInGraph(each, shapeOf)) yield each;
}

/** The ids that the expressions of a task name as `tasks.<id>`; those of the tasks inside of it not. */
function namedTasks({ task, nested }: TaskPlace): string[] {
  const lists = new Set(nested.map(({ name }) => name.split('.')[0]));
  const names = new Set<string>();
  const walk = (value: unknown): void => {
    if (typeof value === 'string') {
      for (const [, name] of value.matchAll(/\btasks\.\??([A-Za-z_]\w*)/g)) names.add(name!);
    } else if (typeof value === 'object' && value !== null) Object.values(value).forEach(walk);
  };
  for (const [key, value] of Object.entries(task)) if (!lists.has(key)) walk(value);
  return [...names];
}
