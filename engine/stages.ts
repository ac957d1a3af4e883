// The tasks of a list, stage after stage.
import { closeBlocks, reopenBlocks, type States, stopBlocks } from './blocks.ts';
import type { TaskFigures } from './contracts/run.ts';
import { stateNames } from './kept-values.ts';
import type { PlannedList, PlannedTask } from './plan.ts';
import type { TaskState } from './run.ts';
import type { StageParts } from './stage.ts';
import { runStageRetried } from './stage-retry.ts';

/** The tasks of a list before they run. `opens` tells connections of theirs from those of others. */
export function newStates({ tasks }: PlannedList, opens: string): TaskState[] {
  return tasks.map((task) => ({
    task,
    planned: task,
    opens: `${opens}${task.index}`,
    figures: noFigures(),
    status: 'waiting',
    startedMs: 0,
    result: null,
  }));
}

/** Rejects with the first failure that no task takes care of. `from`: the stages before it are done. */
export async function runStages(
  { tasks, stages }: PlannedList,
  states: readonly TaskState[],
  shared: StageParts,
  from = 0,
): Promise<void> {
  const all: States = new Map(states.map((state) => [state.planned.index, state]));
  const isNamed = namesState(tasks);
  try {
    if (from > 0) await reopenBlocks(from, states, { all, ...shared });
    for (let stage = from; stage < stages; stage++) {
      if (isNamed) shared.scope.state = await stateNames(shared);
      const own = states.filter(({ planned }) => planned.stage === stage);
      await runStageRetried(own, all, shared);
      closeBlocks(stage, all, shared.scope, shared.events);
    }
  } catch (error) {
    stopBlocks(all, shared.events);
    throw error;
  }
}

const naming = new WeakMap<readonly PlannedTask[], boolean>();

/** Whether an expression may name `state`: few do, and it is looked up for each stage. */
function namesState(tasks: readonly PlannedTask[]): boolean {
  let found = naming.get(tasks);
  if (found === undefined) {
    found = tasks.some(({ definition }) => /\bstate\s*[.[?)]/.test(JSON.stringify(definition)));
    naming.set(tasks, found);
  }
  return found;
}

export function noFigures(): TaskFigures {
  return { rows: 0, bytes: 0, files: 0, rejected: 0, retries: 0, seconds: 0 };
}
