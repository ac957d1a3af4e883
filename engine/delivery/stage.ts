// Delivery of one stage: where its sources begin, what its targets keep, and when a position moves.
import type { RowStream, Stream, Value } from '../contracts/data.ts';
import type { StateStore } from '../contracts/state.ts';
import type { Delivery, DeliveryOrders, DeliveryTarget, TaskContext } from '../contracts/task.ts';
import { failure } from '../errors.ts';
import type { Plan, PlannedTask } from '../plan.ts';
import type { Scope } from '../scope.ts';
import { prepareBatch } from './batch.ts';
import { labelOf } from './chain.ts';
import { prepareCursors } from './cursors.ts';
import { counted, type Head, type Kept, type Progress } from './kept.ts';

export interface DeliveryParts {
  plan: Plan;
  /** The id of this run, whichever one it goes on with. */
  run: string;
  scope: Scope;
  /** The stage's tasks by index. */
  tasks: ReadonlyMap<number, PlannedTask>;
  /** What the tasks that are going to run have to say, asked again where the scope has become another one. */
  said(scope: Scope): ReadonlyMap<number, Delivery>;
  /** A task's fields, evaluated. */
  fields(task: PlannedTask, scope: Scope): Value;
  contextOf(task: PlannedTask): TaskContext;
  state(): Promise<StateStore | undefined>;
  /** Only this run may deliver for this pipe, from now to its end. */
  lock(): Promise<void>;
  /** Told of the task that a failure is about. */
  blame(task: PlannedTask): void;
  /** What was left by a run that broke is not gone on with. */
  restart: boolean;
  /** A look at the first rows, or a dry run: nothing is kept and nothing moves. */
  trial: boolean;
}

/** A source of the stage whose position matters. */
export interface SourceWatch {
  /** Where it begins, when it goes on. */
  progress: Progress | undefined;
  /** Its last checkpoint so far. */
  last: Value | undefined;
  ended: boolean;
  /** Gives no rows: a window that was empty. */
  empty?: boolean;
}

/** What is found and decided while a stage is prepared. */
export interface Draft extends DeliveryParts {
  orders: Map<number, DeliveryOrders>;
  sources: Map<number, SourceWatch>;
  /** Done when all is staged and nothing is visible, and when everything is. */
  settling: (() => Promise<void>)[];
  finishing: (() => Promise<void>)[];
  targets(task: PlannedTask, said: Delivery): Promise<DeliveryTarget>;
  /** From now on expressions see the run that is gone on with. */
  goOnWith(run: { run: string; started: string }): void;
}

export interface StageDelivery {
  readonly scope: Scope;
  orders(index: number): DeliveryOrders;
  /** What a task gave, watched where it is a source whose position matters. */
  watched(task: PlannedTask, stream: Stream): Stream;
  /** All is staged and nothing is visible. */
  settle(): Promise<void>;
  /** Everything is visible. */
  finish(): Promise<void>;
}

const none: DeliveryOrders = {};

/** Undefined where the stage keeps nothing between runs. Throws what cannot be done, before anything is written. */
export async function prepareDelivery(parts: DeliveryParts): Promise<StageDelivery | undefined> {
  const said = [...parts.said(parts.scope).values()];
  if (!said.some(({ cursor, commit }) => cursor !== undefined || commit === 'batch')) return undefined;
  let { scope } = parts;
  const targets = new Map<PlannedTask, Promise<DeliveryTarget>>();
  const draft: Draft = {
    ...parts,
    get scope() {
      return scope;
    },
    orders: new Map(),
    sources: new Map(),
    settling: [],
    finishing: [],
    targets(task, { target }) {
      if (!targets.has(task)) targets.set(task, target!(parts.contextOf(task)));
      return targets.get(task)!;
    },
    goOnWith({ run, started }) {
      scope = { ...scope, run: { ...(scope.run as object), id: run, started }, params: parts.plan.paramsAt(started) };
    },
  };
  if (!parts.trial) await parts.lock();
  await prepareBatch(draft);
  await prepareCursors(draft);
  return {
    scope,
    orders: (index) => draft.orders.get(index) ?? none,
    watched: (task, stream) => watched(task, stream, draft),
    async settle() {
      for (const each of draft.settling) await each();
    },
    async finish() {
      for (const each of draft.finishing) await each();
    },
  };
}

function watched(task: PlannedTask, stream: Stream, { sources, orders }: Draft): Stream {
  const watch = sources.get(task.index);
  if (watch === undefined) return stream;
  const { checkpoints } = orders.get(task.index) ?? none;
  if (stream.kind === 'files') {
    if (checkpoints === undefined) throw failure('OPTION_UNSUPPORTED', { what: '`cursor`', where: 'files' });
    return { ...stream, checkpoints: watch.progress === undefined ? {} : { after: { ...watch.progress } } };
  }
  if (stream.checkpoints !== true) {
    const reason = 'the source does not say where it stands';
    throw failure('NOT_RESUMABLE', { path: `what ${labelOf(task)} gives`, reason });
  }
  const source = watch.empty === true ? { ...stream, batches: unread(stream) } : stream;
  return counted(source, watch.progress?.rows ?? 0, {
    see: (at) => {
      watch.last = at;
    },
    end: () => {
      watch.ended = true;
    },
  });
}

/** Ends a source without taking anything from it. */
function unread({ batches }: RowStream): AsyncIterable<never> {
  const next = async () => {
    const iterator = batches[Symbol.asyncIterator]();
    await iterator.next();
    await iterator.return?.();
    return { value: undefined, done: true as const };
  };
  return { [Symbol.asyncIterator]: () => ({ next }) };
}

/** The name of the run and its definition, for what a target keeps. */
export function headOf({ scope, run }: Draft, definition: Kept['definition']): Head {
  const { id, started } = scope.run as { id: string; started: string };
  return { run: id, by: run, started, definition };
}
