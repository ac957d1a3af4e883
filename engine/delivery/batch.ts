// `commit: batch`: a write that commits as it goes, its source's checkpoint in the same transaction, and goes on from there.
import type { Value } from '../contracts/data.ts';
import type { Delivery } from '../contracts/task.ts';
import { failure } from '../errors.ts';
import type { PlannedTask } from '../plan.ts';
import { type Chain, chainTo, downstream, keptName, labelOf } from './chain.ts';
import { cursorDefinition, cursorFrom, keptPosition, moveWhenDone } from './cursors.ts';
import { type Digests, difference, digest, type Kept, readKept, stamped } from './kept.ts';
import { type Draft, headOf } from './stage.ts';

export async function prepareBatch(draft: Draft): Promise<void> {
  for (const [index, said] of draft.said(draft.scope)) {
    if (said.commit !== 'batch') continue;
    // The first rows, or none, are no run that anyone would go on with.
    if (draft.trial) {
      draft.orders.set(index, { commit: 'run' });
      continue;
    }
    const task = draft.tasks.get(index)!;
    try {
      await prepareWriter(draft, task);
    } catch (error) {
      draft.blame(task);
      throw error;
    }
  }
}

/** A write with `commit: batch`, its source, and what was found at the target. */
interface Found {
  task: PlannedTask;
  chain: Chain;
  /** What the source has to say. */
  source: Delivery;
  /** The name under which the checkpoint is kept. */
  name: string;
  kept?: Kept | undefined;
  /** For messages. */
  shown: string;
  where: string;
}

async function prepareWriter(draft: Draft, task: PlannedTask): Promise<void> {
  const said = draft.said(draft.scope);
  const chain = chainTo(task, draft.tasks);
  refuseOthers(said, draft.tasks, task, chain);
  const source = said.get(chain.source.index);
  if (source === undefined) {
    const reason = 'it is no read of files or of a table';
    throw failure('NOT_RESUMABLE', { path: `what ${labelOf(chain.source)} gives`, reason });
  }
  const { shown, checkpoint } = await draft.targets(task, said.get(task.index)!);
  if (checkpoint === undefined)
    throw failure('OPTION_UNSUPPORTED', { what: '`commit: batch`', where: `${shown}, which keeps no checkpoints` });
  const name = `${draft.plan.name}/${keptName(task, draft.plan.tasks)}`;
  const where = `${labelOf(task)}, ${shown}`;
  const value = draft.restart ? undefined : await checkpoint(name);
  const kept = readKept(value);
  if (value !== undefined && kept === undefined)
    throw failure('CHECKPOINT_LOST', { path: where, reason: `what is kept under "${name}" is not of a run` });
  const found: Found = { task, chain, source, name, kept, shown, where };
  if (source.cursor === undefined && kept?.done === true && !(await hasBroken(draft, kept))) delete found.kept;
  await (source.cursor === undefined ? goOn(draft, found) : incremental(draft, found));
}

/**
 * Whether the run that wrote everything broke before it could say so: whoever starts it again means to go on. Where
 * nothing is known of it, it was done.
 */
async function hasBroken(draft: Draft, { by }: Kept): Promise<boolean> {
  const run = await (await draft.state())?.run(by);
  return run !== undefined && run.status !== 'done';
}

/** Behind the last row that was committed, when a run broke; else from the beginning. */
async function goOn(draft: Draft, { task, chain, name, kept, shown, where }: Found): Promise<void> {
  if (kept !== undefined) draft.goOnWith(kept);
  const definition = definitionOf(draft, chain);
  refuseChanged(kept, definition, where);
  const { rows = 0, source: progress } = kept ?? {};
  if (kept !== undefined)
    draft.contextOf(task).log.info(`${where}: goes on after ${rows} rows of run ${kept.run}, which did not end`);
  draft.orders.set(chain.source.index, { checkpoints: progress === undefined ? {} : { after: progress.at } });
  draft.sources.set(chain.source.index, { progress, last: undefined, ended: false });
  const head = headOf(draft, definition);
  // Kept, it lets the next run see whether this one came to its end; that takes a history to look it up in.
  const last = (await draft.state()) === undefined ? 'remove' : 'keep';
  draft.orders.set(task.index, {
    commit: 'batch',
    offset: rows,
    checkpoint: { name, last, stamp: (stream) => stamped(stream, head, rows, shown) },
  });
}

/** With a cursor the target's own checkpoint is where the next run begins, whether this one ends or not. */
async function incremental(draft: Draft, { task, chain, source, name, kept, shown, where }: Found): Promise<void> {
  const definition = { 'the incremental read': cursorDefinition(source) };
  // What a run with one commit has left names the run alone; where it stood is in the state.
  const own = kept?.source === undefined ? undefined : kept;
  refuseChanged(own, definition, where);
  const after = own?.source?.at ?? (kept === undefined ? undefined : (await keptPosition(draft, chain.source))?.value);
  const watch = { progress: undefined, last: after, ended: false };
  draft.orders.set(chain.source.index, { cursor: cursorFrom(source.cursor!, after) });
  draft.sources.set(chain.source.index, watch);
  moveWhenDone(draft, chain.source, watch);
  const head = headOf(draft, definition);
  draft.orders.set(task.index, {
    commit: 'batch',
    checkpoint: { name, last: 'keep', stamp: (stream) => stamped(stream, head, 0, shown) },
  });
}

function refuseChanged(kept: Kept | undefined, definition: Digests, where: string): void {
  const what = kept && difference(kept.definition, definition);
  if (what !== undefined) throw failure('CHECKPOINT_CHANGED', { where, run: kept!.run, what });
}

/** Of one source only one task may write then: another would get the rest of the rows alone when a run goes on. */
function refuseOthers(
  said: ReadonlyMap<number, Delivery>,
  tasks: ReadonlyMap<number, PlannedTask>,
  task: PlannedTask,
  { source }: Chain,
): void {
  const other = downstream(source, tasks).find((each) => each !== task && said.get(each.index)?.commit !== undefined);
  if (other === undefined) return;
  const where = `a source that ${labelOf(other)} writes too`;
  throw failure('OPTION_UNSUPPORTED', { what: '`commit: batch`', where, hint: '; read it twice, or write it once' });
}

/** What each part of the rows' way is, with the params, so that a change is seen and can be named. */
function definitionOf({ plan, scope, fields }: Draft, { source, between }: Chain): Digests {
  const params = Object.entries(plan.plainParams(scope.params as Record<string, Value>));
  return {
    [`the task ${keptName(source, plan.tasks)}`]: digest(relevant(fields(source, scope))),
    ...Object.fromEntries(
      between.map((task) => [`the task ${keptName(task, plan.tasks)}`, digest(relevant(task.definition as Value))]),
    ),
    ...Object.fromEntries(params.map(([name, value]) => [`the param ${name}`, digest(value)])),
  };
}

const irrelevant = new Set(['id', 'title', 'from', 'retry', 'timeout', 'on_error']);

function relevant(fields: Value): Value {
  return Object.fromEntries(Object.entries(fields as Record<string, Value>).filter(([key]) => !irrelevant.has(key)));
}
