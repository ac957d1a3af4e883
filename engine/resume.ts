// Where a run that did not end can be gone on with: the stages that are done, and what their tasks have left.
import { isDeepStrictEqual } from 'node:util';
import { tasks as ops } from '../schemas/generated/language.ts';
import type { Value } from './contracts/data.ts';
import type { RunEvent, TaskFigures, TaskReport } from './contracts/run.ts';
import type { Events } from './events.ts';
import type { PlannedList, PlannedTask } from './plan.ts';
import { type TaskState, who } from './run.ts';
import type { Scope } from './scope.ts';

/** A run that is gone on with. */
export interface Resume {
  /** As expressions see it: the one that began, where several have gone on with it. */
  run: string;
  /** The run whose record this is. */
  from: string;
  /** The first stage that is not done. */
  stage: number;
  /** What the tasks of the stages before it have left, by position. */
  done: ReadonlyMap<number, DoneTask>;
}

export interface DoneTask {
  status: TaskReport['status'];
  figures: TaskFigures;
  result: Value;
  /** The run that has done it. */
  by: string;
}

type Ended = Extract<RunEvent, { type: 'task.ended' }>;

/**
 * From what a run has told of itself. Stages run one after another, so the last one that has begun is where it broke,
 * unless all of it has ended well. What lies in a block, and what a connection has to be made for, is done again.
 */
export function restingPlace({ tasks, stages }: PlannedList, events: readonly RunEvent[], run: string) {
  const ended = new Map<number, Ended>();
  const begun = new Set<number>();
  for (const event of events) {
    if (event.type === 'task.started') begun.add(event.index);
    if (event.type === 'task.ended') ended.set(event.index, event);
  }
  const stageOf = new Map(tasks.map(({ index, stage }) => [index, stage]));
  const seen = [...begun, ...ended.keys()].map((index) => stageOf.get(index) ?? 0);
  let stage = Math.max(0, ...seen);
  const own = tasks.filter((task) => task.stage === stage && (begun.has(task.index) || ended.has(task.index)));
  const isOver =
    own.length > 0 && own.every(({ index }) => ['done', 'skipped'].includes(ended.get(index)?.status ?? ''));
  if (isOver) stage = Math.min(stage + 1, stages - 1);
  for (const task of tasks) {
    const { block, lastStage = task.stage } = task;
    if (block !== undefined && task.stage < stage && lastStage >= stage) stage = task.stage;
  }
  // A connection of the run alone went with it.
  for (const task of tasks) if (makesConnection(task)) stage = Math.min(stage, task.stage);
  const done = new Map<number, DoneTask>();
  for (const task of tasks) {
    const found = ended.get(task.index);
    if (task.stage >= stage || found === undefined) continue;
    const { status, figures, result = null, before } = found;
    done.set(task.index, { status, figures, result, by: before ?? run });
  }
  return { stage, done };
}

function makesConnection({ op }: PlannedTask): boolean {
  return Object.values(ops[op]?.fields ?? {}).some(({ connection }) => connection === true);
}

/** The first task of those that are done, in the words of a definition before and now, that is another; by its label. */
export function changedTask(before: PlannedList, now: PlannedList, stage: number): string | undefined {
  const done = ({ tasks }: PlannedList) => tasks.filter((task) => task.stage < stage);
  const [was, is] = [done(before), done(now)];
  for (let i = 0; i < Math.max(was.length, is.length); i++) {
    const [a, b] = [was[i], is[i]];
    if (a === undefined) return `${b!.label} was not there`;
    if (b === undefined) return `${a.label} is gone`;
    if (a.id !== b.id || !isDeepStrictEqual(a.definition, b.definition)) return `${a.label} was another`;
  }
  return undefined;
}

/** The tasks of stages that are done, as they were left; later tasks see their results. */
export function restore({ done }: Resume, states: readonly TaskState[], scope: Scope, events: Events): void {
  for (const state of states) {
    const found = done.get(state.planned.index);
    if (found === undefined) continue;
    const { status, figures, result, by } = found;
    state.status = status;
    state.result = result;
    Object.assign(state.figures, figures);
    if (status !== 'skipped') scope.tasks[state.planned.id] = { ...figures, result };
    const left = result === null ? {} : { result };
    events.emit({ type: 'task.ended', ...who(state), status, figures, ...left, before: by });
  }
}

export function beforeOf(resume: Resume | undefined, { planned }: TaskState): { before?: string } {
  const by = resume?.done.get(planned.index)?.by;
  return by === undefined ? {} : { before: by };
}

/** In words, where a run goes on. */
export function placeText({ tasks }: PlannedList, stage: number): string {
  const first = tasks.find((task) => task.stage === stage);
  if (first === undefined || stage === 0) return 'begins with the first task';
  const done = tasks.filter((task) => task.stage < stage).length;
  return `goes on with ${first.label}; ${done === 1 ? 'the task before it is' : `the ${done} tasks before it are`} done`;
}
