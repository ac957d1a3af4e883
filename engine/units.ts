// Lists of tasks that run as units of their own: once for each item, after an error, or another pipe.
import { basename, resolve } from 'node:path';
import type { Value } from './contracts/data.ts';
import type { Unit } from './contracts/task.ts';
import { asFailure, failure } from './errors.ts';
import type { Events } from './events.ts';
import { openFrame } from './frame.ts';
import type { Plan, PlannedList } from './plan.ts';
import { type TaskState, who } from './run.ts';
import type { Scope } from './scope.ts';
import type { StageParts } from './stage.ts';
import { newStates, runStages } from './stages.ts';
import { ExitSignal } from './task-context.ts';

/** Runs a list to its end: what it wrote is visible then. Its figures are added to those of the task that it stands in. */
export async function runUnit(list: PlannedList, name: string, owner: TaskState, shared: StageParts, unit: Unit) {
  const states = newStates(list, `${owner.opens}/${name}/${unit.slot ?? 0}/`);
  const { outer: _, give: __, last: ___, ...rest } = shared;
  const scope: Scope = { ...shared.scope, ...unit.names, tasks: Object.assign({}, shared.scope.tasks) };
  await runInside(list, states, owner, unit, { ...rest, scope });
}

/** Runs another pipe as part of this run. What it exits from is itself alone. */
export async function runPipe(
  path: string,
  params: Record<string, Value>,
  owner: TaskState,
  shared: StageParts,
  unit: Unit,
  o: { offered?: boolean } = {},
): Promise<void> {
  const { run, files } = shared;
  const { plan, services } = await otherPipe(path, { params, ...o }, shared);
  const file = resolve(plan.file);
  if (files.includes(file)) {
    const chain = [...files.slice(files.indexOf(file)), file].map((each) => basename(each)).join(' → ');
    throw failure('PIPE_LOOP', { where: owner.planned.label, chain });
  }
  const frame = openFrame(plan, services, run, files);
  try {
    const states = newStates(plan, `${owner.opens}/${unit.slot ?? 0}/`);
    const { outcome } = shared;
    await runInside(plan, states, owner, unit, { ...frame.shared, ...(outcome && { outcome }) });
  } catch (error) {
    if (!(error instanceof ExitSignal)) throw error;
    if (error.message !== undefined) shared.events.emit({ type: 'log', level: 'info', message: error.message });
  } finally {
    await frame.close();
  }
}

async function otherPipe(
  path: string,
  o: { params: Record<string, Value>; offered?: boolean },
  { run, plan }: StageParts,
) {
  if (run.state.load === undefined)
    throw failure('OPTION_UNSUPPORTED', { what: 'a pipe that runs another one', where: 'this run' });
  return run.state.load(path, { folder: plan.folder, ...o });
}

async function runInside(
  list: PlannedList | Plan,
  states: TaskState[],
  owner: TaskState,
  { input, give, signal }: Unit,
  shared: StageParts,
): Promise<void> {
  const { take: _, ...options } = shared.options;
  try {
    await runStages(list, states, {
      ...shared,
      options: { ...options, signal },
      events: inside(owner, shared.events),
      last: list.last,
      ...(input === undefined ? {} : { outer: input }),
      ...(give === undefined ? {} : { give }),
    });
  } catch (error) {
    throw error instanceof ExitSignal ? error : asFailure(error);
  } finally {
    const { figures } = owner;
    for (const state of states) {
      figures.rejected += state.figures.rejected;
      figures.retries += state.figures.retries;
      figures.bytes += state.figures.bytes;
    }
  }
}

/** Of what happens in a unit, the run tells what is said, not each of its tasks; it is the task around it that says it. */
function inside(owner: TaskState, events: Events): Events {
  return {
    ...events,
    emit(event) {
      if (event.type === 'task.started' || event.type === 'task.ended') return;
      const isOfTask = event.type === 'task.retry' || event.type === 'record.rejected';
      if (isOfTask) events.emit({ ...event, ...who(owner) } as Parameters<Events['emit']>[0]);
      else if (event.type === 'log') events.emit({ ...event, index: owner.planned.index });
      else events.emit(event);
    },
  };
}
