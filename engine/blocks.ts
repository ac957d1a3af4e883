// Blocks while a run goes on: which of their lists run, how the tasks of a stage are joined then, and when they end.

import type { BlockTask } from './contracts/task.ts';

import type { Events } from './events.ts';
import { outside } from './graph.ts';
import { type Parts, taskCode } from './parts.ts';
import { type TaskState, who } from './run.ts';
import { evaluateField, isTrue, isTrueField, type Scope } from './scope.ts';

/** The tasks of a list while they run, by index. */
export type States = ReadonlyMap<number, TaskState>;

export interface Linking {
  all: States;
  parts: Parts;
  scope: Scope;
  events: Events;
}

/**
 * Decides for the blocks of a stage, and gives the tasks that take part, each joined with those that its input comes
 * from now. The others are skipped.
 */
export async function linkStage(states: readonly TaskState[], linking: Linking): Promise<TaskState[]> {
  const taking: TaskState[] = [];
  for (const state of states) {
    if (!isLive(state, linking.all)) state.status = 'skipped';
    else if (state.planned.block !== undefined) await open(state, linking);
    else taking.push(state);
  }
  const lost = new Set<TaskState>();
  for (const state of taking) {
    const { planned } = state;
    const inputs = planned.inputs.map((input) => comesFrom(input, state, linking.all));
    const found = inputs.filter((at) => at !== undefined && (at === outside || !lost.has(linking.all.get(at)!)));
    state.task = { ...planned, inputs: found as number[], consumers: [] };
    // Without a source, what depends on it is skipped.
    if (found.length < inputs.length && !planned.accepts.includes('nothing')) {
      state.status = 'skipped';
      lost.add(state);
    }
  }
  const linked = taking.filter((state) => !lost.has(state));
  for (const { task } of linked)
    for (const input of task.inputs) linking.all.get(input)?.task.consumers.push(task.index);
  return linked;
}

/** Before a run goes on with a later stage: the blocks that reach into it decide as they did. */
export async function reopenBlocks(stage: number, states: readonly TaskState[], linking: Linking): Promise<void> {
  for (const state of states) {
    const { planned } = state;
    if (planned.block === undefined || planned.stage >= stage || planned.lastStage! < stage) continue;
    if (isLive(state, linking.all)) await open(state, linking);
  }
}

/** Whether the blocks around a task let it run. */
function isLive({ planned: { inside } }: TaskState, all: States): boolean {
  if (inside === undefined) return true;
  const around = all.get(inside.block)!;
  return around.status === 'running' && (around.planned.block!.runs === 'all' || around.list === inside.list);
}

async function open(state: TaskState, { parts, scope, events }: Linking): Promise<void> {
  const { planned } = state;
  delete state.list;
  try {
    if (!isTrue(planned, scope)) {
      state.status = 'skipped';
      return;
    }
    if (planned.block!.runs === 'one') {
      const code = (await taskCode(parts, planned.op)) as BlockTask;
      const list = code.choose?.({
        lists: Object.keys(planned.block!.last),
        label: planned.label,
        evaluate: (field) => evaluateField(planned, field, scope),
        isTrue: (field) => isTrueField(planned, field, scope),
      });
      if (list !== undefined && Object.hasOwn(planned.block!.last, list)) state.list = list;
    }
  } catch (error) {
    state.status = 'failed';
    throw error;
  }
  state.status = 'running';
  state.startedMs = Date.now();
  events.emit({ type: 'task.started', ...who(state) });
}

/** The task that an input comes from now; undefined where there is none. */
function comesFrom(input: number, { planned: { inside } }: TaskState, all: States): number | undefined {
  if (input === outside) return outside;
  const from = all.get(input)!;
  if (from.planned.block === undefined) return isLive(from, all) ? input : undefined;
  return inside?.block === input ? given(from, all) : gives(from, all);
}

/** What a block gets. */
function given(block: TaskState, all: States): number | undefined {
  const [input] = block.planned.inputs;
  return input === undefined ? undefined : comesFrom(input, block, all);
}

/** What a block gives: what the last task of the list does, or what it gets itself where none runs. `quiet`: the task also where it gives nothing. */
function gives(block: TaskState, all: States, quiet = false): number | undefined {
  const { runs, last, output } = block.planned.block!;
  if (block.status === 'skipped') return isLive(block, all) ? given(block, all) : undefined;
  const list = runs === 'one' ? block.list : output;
  if (list === undefined) return runs === 'one' ? given(block, all) : undefined;
  const end = last[list];
  if (end === undefined) return given(block, all);
  const state = all.get(end)!;
  if (state.planned.block !== undefined) return gives(state, all, quiet);
  return state.planned.yields === 'nothing' && !quiet ? undefined : end;
}

/** The task that gives what a list does, by its last one; undefined where that is not known yet, or nothing is given. */
export function givenBy(last: number, all: States): number | undefined {
  const state = all.get(last)!;
  if (state.planned.block === undefined) return state.planned.yields === 'nothing' ? undefined : last;
  return state.status === 'running' || state.status === 'skipped' ? gives(state, all) : undefined;
}

/** The tasks around one, the nearest first. */
export function* around(state: TaskState, all: States): Generator<TaskState> {
  for (let at = state.planned.inside; at !== undefined; ) {
    const block = all.get(at.block)!;
    yield block;
    at = block.planned.inside;
  }
}

/** After a stage: blocks of which nothing is left to run are done. Their result is that of their last task. */
export function closeBlocks(stage: number, all: States, scope: Scope, events: Events): void {
  for (const state of [...all.values()].reverse()) {
    if (state.planned.block === undefined || state.status !== 'running' || state.planned.lastStage !== stage) continue;
    const end = gives(state, all, true);
    const result = end === undefined ? undefined : scope.tasks[all.get(end)?.planned.id ?? ''];
    state.status = 'done';
    state.figures.seconds = (Date.now() - state.startedMs) / 1000;
    scope.tasks[state.planned.id] = { ...state.figures, result: null, ...(result as object | undefined) };
    ended(state, events);
  }
}

/** When the tasks of a list go on no more: blocks that are open have failed with what failed in them, or stopped. */
export function stopBlocks(all: States, events: Events): void {
  for (const state of all.values()) {
    if (state.planned.block === undefined || state.status !== 'running') continue;
    state.status = 'stopped';
    state.figures.seconds = (Date.now() - state.startedMs) / 1000;
    ended(state, events);
  }
}

function ended(state: TaskState, events: Events): void {
  events.emit({ type: 'task.ended', ...who(state), status: state.status as 'done', figures: state.figures });
}
