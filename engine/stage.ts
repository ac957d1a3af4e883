// One stage: its tasks joined by streams, run at the same time, all done or all undone.
import { setMaxListeners } from 'node:events';
import { createBarrier } from './barrier.ts';
import { givenBy, linkStage, type States } from './blocks.ts';
import type { Stream, Value } from './contracts/data.ts';
import type { StateStore } from './contracts/state.ts';
import type { AnyTask, Delivery, RowTask, Task, TaskContext } from './contracts/task.ts';
import { prepareDelivery, type StageDelivery } from './delivery/stage.ts';
import { timer } from './duration.ts';
import { asFailure, failure } from './errors.ts';
import type { Events } from './events.ts';
import type { RunParts } from './frame.ts';
import { outside } from './graph.ts';
import { keptValues } from './kept-values.ts';
import { type Parts, taskCode } from './parts.ts';
import type { Plan, PlannedTask } from './plan.ts';
import type { RetryBudget } from './retry.ts';
import { addStep } from './rows.ts';
import { figuresNow, type RunOptions, type TaskState, who } from './run.ts';
import { evaluateFields, isTrue, type Scope } from './scope.ts';
import { createStageStreams } from './stage-streams.ts';
import { noStdin, noStdout, untilAborted } from './stdio.ts';
import type { Targets } from './targets.ts';
import { createTaskContext, ExitSignal } from './task-context.ts';
import { runPipe, runUnit } from './units.ts';

export interface StageParts {
  plan: Plan;
  parts: Parts;
  options: RunOptions & { signal: AbortSignal };
  events: Events;
  scope: Scope;
  targets: Targets;
  /** Makes a connection for the rest of the run. */
  connect: TaskContext['connect'];
  /** Where positions are kept between runs, if anywhere. */
  state(): Promise<StateStore | undefined>;
  /** Only this run may deliver for this pipe, from now to its end. */
  lock(): Promise<void>;
  /** Told when something becomes visible that the stage, run once more, would do twice. */
  outcome?: { visible: boolean };
  /** The retries that the run has left. */
  budget: RetryBudget;
  run: RunParts;
  /** The files of the pipes that are at work, from the one that was started to this one. */
  files: readonly string[];
  /** For tasks that get something from outside of their list: a unit of a foreach, what follows an error. */
  outer?: Stream;
  /** Takes what the list gives; it is let go where nobody does. */
  give?(stream: Stream): Promise<void>;
  /** The last task of the list, whose output that is. */
  last?: number | undefined;
}

/** Runs the tasks of one stage to their end. Rejects with the first failure, after everything else has stopped. */
export async function runStage(whole: readonly TaskState[], all: States, shared: StageParts): Promise<void> {
  const { parts, options, events } = shared;
  let { scope } = shared;
  let delivery: StageDelivery | undefined;
  /** The task that gives what the list does. */
  let given: number | undefined;
  /** Those that take part. */
  let states: readonly TaskState[] = whole;
  const stop = new AbortController();
  const { signal } = stop;
  // Every request and file listens to it; ten is where Node begins to warn of a leak.
  setMaxListeners(0, signal, options.signal);
  // Not AbortSignal.any: the one of the run would remember each of the stages of a foreach.
  const stopWithRun = () => stop.abort(options.signal.reason);
  options.signal.addEventListener('abort', stopWithRun, { once: true });
  if (options.signal.aborted) stopWithRun();
  const timers = new Set<() => void>();
  const noTimers = () => {
    for (const stopTimer of timers) stopTimer();
  };
  const barrier = createBarrier(async () => {
    await delivery?.settle();
    // What is being made visible is not stopped any more. With delivery it is known what is visible already.
    noTimers();
    if (delivery === undefined && shared.outcome !== undefined) shared.outcome.visible = true;
  });
  const works: Promise<unknown>[] = [];
  let first: { error: unknown } | undefined;

  const fail = (error: unknown, state?: TaskState) => {
    if (first === undefined) {
      first = { error };
      if (state !== undefined && !(error instanceof ExitSignal) && !whole.some(({ status }) => status === 'failed'))
        state.status = 'failed';
    }
    barrier.fail(error);
    stop.abort(error);
  };
  const work = (state: TaskState, promise: Promise<unknown>) => {
    works.push(barrier.work(state.task.index, promise).catch((error) => fail(error, state)));
  };
  const abort = () => barrier.fail(signal.reason);
  signal.addEventListener('abort', abort, { once: true });

  /** Whether what a task gives is what its list gives. */
  const isGiven = ({ index }: PlannedTask) => shared.give !== undefined && index === given;

  const streams = createStageStreams({
    formats: parts.formats,
    signal,
    options,
    takers: (producer) => states.filter(({ task }) => task.inputs.includes(producer)),
    givenBy: (task) => (isGiven(task) ? shared.give : undefined),
    work,
  });

  const start = async (state: TaskState): Promise<void> => {
    const { task } = state;
    const inputs = task.inputs.map(streams.take);
    const missing = inputs.some((input) => input === undefined);
    if (!isTrue(task, scope)) return skip(state, inputs[0]);
    if (missing && !task.accepts.includes('nothing')) return skip(state, undefined);
    state.status = 'running';
    state.startedMs = Date.now();
    limitTime(state, state);
    events.emit({ type: 'task.started', ...who(state) });

    const from = inputs[0] && streams.producerOf(inputs[0]);
    const context = contextOf(
      state,
      from,
      new Map(task.inputs.map((at, i) => [all.get(at)?.task.id ?? '', inputs[i]!])),
    );
    const code = await taskCode(parts, task.op);
    const params = evaluateFields(task, scope);
    if ('step' in code) {
      const rows = await streams.rowsOf(inputs[0]!);
      const step = (code as RowTask<unknown>).step(params, rows.columns, context);
      const meter = streams.meterOf(state);
      return streams.give(state, addStep(rows, { step, count: meter.rows, blame: meter.blame }));
    }
    const running = (code as Task<unknown>).run(inputs[0], params as never, context);
    if (task.consumers.length === 0 && !isGiven(task))
      return work(
        state,
        running.then((stream) => streams.drain(stream, state)),
      );
    const stream = await running;
    if (stream === undefined) return;
    const watched = delivery?.watched(task, stream) ?? stream;
    await streams.give(state, await streams.counted(watched, state));
  };

  /** `late` fails when the time of `limited` is over, of which some may have gone by. */
  const limitTime = ({ planned, startedMs }: TaskState, late: TaskState | undefined) => {
    const { timeout } = planned.definition;
    const gone = Date.now() - startedMs;
    const over = (seconds: number) => fail(failure('TIMED_OUT', { what: planned.label, seconds }), late);
    timers.add(timer(timeout, over, gone));
  };

  const skip = async (state: TaskState, input: Stream | undefined): Promise<void> => {
    state.status = 'skipped';
    if (input !== undefined) await streams.give(state, input);
  };

  const contextOf = (state: TaskState, from?: TaskState, inputs: ReadonlyMap<string, Stream> = new Map()) =>
    createTaskContext({
      task: state.task,
      given: isGiven(state.task),
      signal,
      events,
      scope,
      rows: (stream) => streams.rowsOf(stream, from),
      codecs: streams.codecs,
      barrier,
      figures: state.figures,
      delivery: delivery?.orders(state.task.index) ?? {},
      inputs,
      open: (path, connection, log) => shared.targets.resolve(path, connection, state, log),
      connect: shared.connect,
      modules: { folder: shared.plan.folder, home: shared.plan.modules },
      runList: (list, unit) => runUnit(state.planned.lists[list]!, list, state, { ...shared, scope }, unit),
      runPipe: (path, params, unit) => runPipe(path, params, state, { ...shared, scope }, unit),
      kept: (apart) => keptValues(shared, apart),
      background: (promise) => work(state, promise),
      setResult: (value) => {
        state.result = value;
      },
      stdout: options.stdout ?? noStdout,
      stdin: () => untilAborted((options.stdin ?? noStdin)(), signal),
    });

  const prepare = async (): Promise<StageDelivery | undefined> => {
    const codes = await Promise.all(states.map(({ task }) => taskCode(parts, task.op)));
    const tasks = new Map(states.map(({ task }) => [task.index, task]));
    const stateOf = (index: number) => states.find(({ task }) => task.index === index)!;
    return prepareDelivery({
      plan: shared.plan,
      run: shared.run.id,
      scope,
      tasks,
      said: (at) => saidOf(states, codes, at),
      fields: (task, at) => evaluateFields(task, at) as Value,
      contextOf: ({ index }) => contextOf(stateOf(index)),
      state: shared.state,
      lock: shared.lock,
      blame: ({ index }) => {
        stateOf(index).status = 'failed';
      },
      restart: options.restart === true,
      trial: options.limit !== undefined || options.dryRun === true,
    });
  };

  try {
    states = await linkStage(whole, { all, parts, scope, events });
    if (shared.last !== undefined) given = givenBy(shared.last, all);
    for (const block of all.values())
      if (block.planned.block !== undefined && block.status === 'running') limitTime(block, undefined);
    if (shared.outer !== undefined && !streams.share(outside, shared.outer) && given === outside && shared.give)
      works.push(shared.give(shared.outer));
    delivery = await prepare();
    scope = delivery?.scope ?? scope;
    // Each task starts as soon as those before it have: two takers of one output must be able to pull in turn.
    const started = new Map<number, Promise<void>>();
    for (const state of states) {
      const before = state.task.inputs.map((input) => started.get(input));
      const starting = Promise.all(before).then(() => (signal.aborted ? undefined : start(state)));
      started.set(
        state.task.index,
        starting.catch((error) => fail(error, state)),
      );
    }
    // Nothing is made visible before all have begun.
    await barrier.work(outside, Promise.all(started.values()));
    await Promise.all(works);
    signal.throwIfAborted();
    if (first === undefined) await delivery?.finish();
  } catch (error) {
    fail(error);
  } finally {
    signal.removeEventListener('abort', abort);
    options.signal.removeEventListener('abort', stopWithRun);
    noTimers();
  }
  await Promise.all(works);
  for (const state of states) {
    if (state.status === 'skipped' || state.status === 'waiting') continue;
    state.figures.seconds = figuresNow(state).seconds;
    if (state.status === 'running') state.status = first === undefined ? 'done' : 'stopped';
    const error = state.status === 'failed' && first !== undefined ? errorOf(first.error) : undefined;
    scope.tasks[state.task.id] = { ...state.figures, result: state.result, ...(error && { error }) };
    events.emit({
      type: 'task.ended',
      ...who(state),
      status: state.status,
      figures: state.figures,
      ...(state.result === null ? {} : { result: state.result }),
    });
  }
  if (first !== undefined) throw first.error instanceof ExitSignal ? first.error : asFailure(first.error);
}

/** What the tasks that are going to run have to say about delivery. */
function saidOf(states: readonly TaskState[], codes: readonly AnyTask[], scope: Scope): ReadonlyMap<number, Delivery> {
  const said = new Map<number, Delivery>();
  for (const [at, { task }] of states.entries()) {
    const code = codes[at] as Partial<Task<unknown>>;
    const own = code.delivery && isTrue(task, scope) ? code.delivery(evaluateFields(task, scope)) : undefined;
    if (own !== undefined) said.set(task.index, own);
  }
  return said;
}

function errorOf(error: unknown): Value {
  const { code, message } = asFailure(error);
  return { code, message };
}
