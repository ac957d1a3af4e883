// From a task up to the source of its rows, and down to whoever gets them: what must hold for a position to mean anything.
import { failure } from '../errors.ts';
import type { PlannedTask } from '../plan.ts';

export interface Chain {
  source: PlannedTask;
  /** After the source and before the task, in order. */
  between: PlannedTask[];
}

/** Refuses a chain in which streams are mixed or rows held back: no checkpoint gets through there. */
export function chainTo(task: PlannedTask, tasks: ReadonlyMap<number, PlannedTask>): Chain {
  const between: PlannedTask[] = [];
  let at = task;
  while (at.inputs.length > 0) {
    const what = '`commit: batch`';
    if (at.inputs.length > 1) {
      const hint = '; write each stream by itself';
      throw failure('OPTION_UNSUPPORTED', {
        what,
        where: `a write whose rows come from several (${labelOf(at)})`,
        hint,
      });
    }
    if (at !== task) {
      if (at.holds !== undefined) {
        const where = `a write after ${labelOf(at)}, which ${at.holds === 'cut' ? 'leaves rows unread' : 'holds rows back'}`;
        throw failure('OPTION_UNSUPPORTED', { what, where });
      }
      between.unshift(at);
    }
    at = tasks.get(at.inputs[0]!)!;
  }
  return { source: at, between };
}

/** Every task that gets something of what a task gives, in order. */
export function downstream(task: PlannedTask, tasks: ReadonlyMap<number, PlannedTask>): PlannedTask[] {
  const found = new Set<PlannedTask>();
  const follow = ({ consumers }: PlannedTask) => {
    for (const index of consumers) {
      const consumer = tasks.get(index)!;
      if (found.has(consumer)) continue;
      found.add(consumer);
      follow(consumer);
    }
  };
  follow(task);
  return [...found].sort((a, b) => a.index - b.index);
}

export function labelOf({ label }: PlannedTask): string {
  return label;
}

/**
 * The name under which something of a task is kept between runs: its id, else its op, numbered among those like it, so
 * that a task put in before it changes nothing.
 */
export function keptName(task: PlannedTask, all: readonly PlannedTask[]): string {
  if (task.definition.id !== undefined) return task.definition.id;
  const alike = all.filter(({ op, definition }) => op === task.op && definition.id === undefined);
  const at = alike.findIndex(({ index }) => index === task.index);
  return at === 0 ? task.op : `${task.op}_${at + 1}`;
}
