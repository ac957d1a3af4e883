// Incremental reads: a position in the state that moves only when every target has what was read.
import type { Cursor } from '../contracts/connector.ts';
import type { Value } from '../contracts/data.ts';
import type { Position, StateStore } from '../contracts/state.ts';
import type { Delivery, DeliveryTarget } from '../contracts/task.ts';
import { failure } from '../errors.ts';
import type { PlannedTask } from '../plan.ts';
import { downstream, keptName, labelOf } from './chain.ts';
import { digest, readKept, sealed } from './kept.ts';
import { type Draft, headOf, type SourceWatch } from './stage.ts';

/** One incremental read of the stage. */
interface Reading {
  task: PlannedTask;
  said: Delivery & Required<Pick<Delivery, 'cursor'>>;
  /** Of its position. */
  name: string;
  definition: string;
  position: Position | undefined;
}

/** Those that no write with `commit: batch` has taken care of. */
export async function prepareCursors(draft: Draft): Promise<void> {
  const readings: Reading[] = [];
  for (const [index, said] of draft.said(draft.scope)) {
    if (said.cursor === undefined || draft.orders.has(index)) continue;
    const task = draft.tasks.get(index)!;
    const position = await keptPosition(draft, task);
    const definition = cursorDefinition(said);
    readings.push({ task, said: { ...said, cursor: said.cursor }, name: nameOf(draft, task), definition, position });
  }
  if (readings.length === 0) return;
  const writers = await writersOf(draft, readings);
  const pending = readings.find(({ position }) => position?.pending !== undefined)?.position?.pending;
  if (pending !== undefined) draft.goOnWith(pending);
  for (const reading of readings) prepareSource(draft, reading, pending?.run);
  if (draft.trial) return;
  for (const [task, target] of writers) await prepareWriter(draft, task, target, pending?.run);
  keepPositions(draft, readings, pending !== undefined);
}

function prepareSource(draft: Draft, { task, said, position }: Reading, replayed: string | undefined): void {
  const window = replayed === undefined ? undefined : position?.pending;
  const after = window === undefined ? position?.value : window.after;
  // What is delivered once more is what was read then, and no more than that.
  const empty = replayed !== undefined && window?.until === undefined;
  draft.orders.set(task.index, {
    cursor: { ...cursorFrom(said.cursor, after), ...(window?.until === undefined ? {} : { until: window.until }) },
  });
  draft.sources.set(task.index, { progress: undefined, last: after, ended: false, ...(empty ? { empty } : {}) });
  if (window === undefined) return;
  const log = draft.contextOf(task).log;
  log.info(`${labelOf(task)}: reads again what run ${window.run} had read, which did not end`);
}

/** In a database the name of the run goes with the rows: one that has it already needs them no more. */
async function prepareWriter(
  draft: Draft,
  task: PlannedTask,
  { checkpoint, shown }: DeliveryTarget,
  replayed: string | undefined,
): Promise<void> {
  if (checkpoint === undefined) return;
  const name = `${draft.plan.name}/${keptName(task, draft.plan.tasks)}`;
  const written = replayed !== undefined && readKept(await checkpoint(name))?.run === replayed;
  if (written) draft.contextOf(task).log.info(`${labelOf(task)}: ${shown} has what run ${replayed} had read already`);
  const head = headOf(draft, {});
  draft.orders.set(task.index, {
    ...(written ? { written } : {}),
    checkpoint: { name, last: 'keep', stamp: (rows) => sealed(rows, head) },
  });
}

/** Between "all is staged" and "all is visible" the state says what is about to become visible. */
function keepPositions(draft: Draft, readings: readonly Reading[], replayed: boolean): void {
  const { plan, sources, scope } = draft;
  const { id: run, started } = scope.run as { id: string; started: string };
  const change = async (next: (reading: Reading, last: Value | undefined) => Position) => {
    const state = await requireState(draft);
    await state.setPositions(
      plan.name,
      Object.fromEntries(
        readings.map((reading) => [reading.name, next(reading, sources.get(reading.task.index)!.last)]),
      ),
    );
  };
  const value = (last: Value | undefined) => (last === undefined ? {} : { value: last });
  draft.settling.push(async () => {
    for (const { task } of readings) {
      if (sources.get(task.index)!.ended) continue;
      const where = `${labelOf(task)} where a later task stops before the last row`;
      throw failure('OPTION_UNSUPPORTED', { what: '`cursor`', where });
    }
    if (replayed) return;
    await change(({ definition, position }, last) => ({
      definition,
      ...value(position?.value),
      pending: {
        run,
        started,
        ...(position?.value === undefined ? {} : { after: position.value }),
        ...(last === position?.value || last === undefined ? {} : { until: last }),
      },
    }));
  });
  draft.finishing.push(() => change(({ definition }, last) => ({ definition, ...value(last) })));
}

/** Where `commit: batch` keeps the position in the target, the state has it too, for a pipe that is changed later. */
export function moveWhenDone(draft: Draft, task: PlannedTask, watch: SourceWatch): void {
  draft.finishing.push(async () => {
    const state = await draft.state();
    if (state === undefined || watch.last === undefined) return;
    const definition = cursorDefinition(draft.said(draft.scope).get(task.index)!);
    await state.setPositions(draft.plan.name, { [nameOf(draft, task)]: { definition, value: watch.last } });
  });
}

export function cursorFrom({ columns, start, lookback }: NonNullable<Delivery['cursor']>, after?: Value): Cursor {
  const from = after ?? start;
  return {
    columns,
    ...(from === undefined ? {} : { after: from }),
    // Nothing can have come late before the first read.
    ...(lookback === undefined || after === undefined ? {} : { lookback }),
  };
}

/** What a position is about. */
export function cursorDefinition({ cursor, source }: Delivery): string {
  return digest({ columns: cursor?.columns, source });
}

/** The position of an incremental read. Refuses one of another definition, but for a restart, which forgets it. */
export async function keptPosition(draft: Draft, task: PlannedTask): Promise<Position | undefined> {
  const state = draft.trial ? await draft.state() : await requireState(draft);
  const position = (await state?.positions(draft.plan.name))?.[nameOf(draft, task)];
  if (position === undefined) return undefined;
  const said = draft.said(draft.scope).get(task.index)!;
  const same = position.definition === cursorDefinition(said);
  if (draft.restart) {
    const { pending: _, ...rest } = position;
    return same ? rest : undefined;
  }
  if (same) return position;
  const run = position.pending?.run ?? 'before';
  const what = 'the path, the connection or the cursor was another. A `name` in `cursor` keeps a position of its own';
  throw failure('CHECKPOINT_CHANGED', { where: labelOf(task), run, what });
}

function nameOf({ plan, scope, said }: Draft, task: PlannedTask): string {
  return said(scope).get(task.index)!.cursor!.name ?? keptName(task, plan.tasks);
}

async function requireState(draft: Draft): Promise<StateStore> {
  const state = await draft.state();
  if (state !== undefined) return state;
  throw failure('STATE_NEEDED', { what: 'the position of `cursor`', why: 'this run has no state' });
}

/** Every task that writes what was read, with its target. Refuses those that would have rows twice. */
async function writersOf(
  draft: Draft,
  readings: readonly Reading[],
): Promise<ReadonlyMap<PlannedTask, DeliveryTarget>> {
  const writers = new Map<PlannedTask, DeliveryTarget>();
  for (const { task, said } of readings) {
    for (const each of downstream(task, draft.tasks)) {
      const own = draft.said(draft.scope).get(each.index);
      if (each.holds === 'cut')
        throw failure('OPTION_UNSUPPORTED', {
          what: '`cursor`',
          where: `a read before ${labelOf(each)}, which leaves rows unread`,
        });
      if (own?.commit === undefined || own.target === undefined) continue;
      const target = await draft.targets(each, own);
      if (said.cursor.lookback !== undefined && !target.upserts)
        throw failure('OPTION_UNSUPPORTED', {
          what: '`lookback`',
          where: `a write that would have rows twice (${labelOf(each)}, ${target.shown})`,
          hint: '; say `mode: upsert` and `key`',
        });
      if (target.again === 'twice' && target.checkpoint === undefined)
        throw failure('OPTION_UNSUPPORTED', {
          what: `\`mode: append\` to ${target.shown}`,
          where: 'an incremental read, because a run that broke could add rows twice',
          hint: '; write a file for each run: its path may have ${run.id} or ${run.started} in it',
        });
      writers.set(each, target);
    }
  }
  return writers;
}
