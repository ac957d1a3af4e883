// One stage: its tasks joined by streams, run at the same time, all done or all undone.
import { setMaxListeners } from 'node:events';
import { createBarrier } from './barrier.ts';
import { givenBy, linkStage, type States } from './blocks.ts';
import { createCodecs } from './codecs.ts';
import type { RowStream, Stream, Value } from './contracts/data.ts';
import type { StateStore } from './contracts/state.ts';
import type { AnyTask, Delivery, RowTask, Task, TaskContext } from './contracts/task.ts';
import { type Meter, metered, meteredRows } from './counting.ts';
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
import { addStep, isFused, limitStep } from './rows.ts';
import { figuresNow, type RunOptions, type TaskState, who } from './run.ts';
import { evaluateFields, isTrue, type Scope } from './scope.ts';
import { noStdin, noStdout, untilAborted } from './stdio.ts';
import type { Targets } from './targets.ts';
import { createTaskContext, ExitSignal } from './task-context.ts';
import { tee } from './tee.ts';
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
  const outputs = new Map<number, Stream[]>();
  const blamed = new WeakSet<object>();
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

  /** The error that came out of a task's stream lands on that task, not on the one that pulled. */
  const meterOf = (state: TaskState): Meter => ({
    rows: (count) => {
      state.figures.rows += count;
    },
    bytes: (count) => {
      state.figures.bytes += count;
    },
    files: (count) => {
      state.figures.files += count;
    },
    blame: (error) => {
      if (error instanceof Error && !signal.aborted && !blamed.has(error)) {
        blamed.add(error);
        state.status = 'failed';
      }
      return error;
    },
  });

  const take = (producer: number): Stream | undefined => outputs.get(producer)?.shift();
  const codecs = createCodecs(parts.formats, signal);
  const producers = new WeakMap<Stream, TaskState>();

  /** Rows of any stream; decoding is counted for, and blamed on, the task that gave the files. */
  const rowsOf = async (stream: Stream, from?: TaskState): Promise<RowStream> => {
    const producer = producers.get(stream) ?? from;
    if (stream.kind === 'rows' || producer === undefined) return codecs.rows(stream);
    const meter = meterOf(producer);
    try {
      return meteredRows(await codecs.rows(stream), meter);
    } catch (error) {
      throw meter.blame(error);
    }
  };

  const start = async (state: TaskState): Promise<void> => {
    const { task } = state;
    const inputs = task.inputs.map(take);
    const missing = inputs.some((input) => input === undefined);
    if (!isTrue(task, scope)) return skip(state, inputs[0]);
    if (missing && !task.accepts.includes('nothing')) return skip(state, undefined);
    state.status = 'running';
    state.startedMs = Date.now();
    limitTime(state, state);
    events.emit({ type: 'task.started', ...who(state) });

    const from = inputs[0] && producers.get(inputs[0]);
    const context = contextOf(
      state,
      from,
      new Map(task.inputs.map((at, i) => [all.get(at)?.task.id ?? '', inputs[i]!])),
    );
    const code = await taskCode(parts, task.op);
    const params = evaluateFields(task, scope);
    if ('step' in code) {
      const rows = await rowsOf(inputs[0]!);
      const step = (code as RowTask<unknown>).step(params, rows.columns, context);
      const meter = meterOf(state);
      return give(state, addStep(rows, { step, count: meter.rows, blame: meter.blame }));
    }
    const running = (code as Task<unknown>).run(inputs[0], params as never, context);
    if (task.consumers.length === 0 && !isGiven(task))
      return work(
        state,
        running.then((stream) => drain(stream, state)),
      );
    const stream = await running;
    if (stream === undefined) return;
    const watched = delivery?.watched(task, stream) ?? stream;
    const shown = task.yields === 'same' ? watched : metered(watched, meterOf(state));
    if (shown !== watched) producers.set(shown, state);
    await give(state, await limited(shown, task));
  };

  /** With --limit, the first rows of every source. */
  const limited = async (stream: Stream, task: PlannedTask): Promise<Stream> => {
    if (options.limit === undefined || task.accepts.some((kind) => kind !== 'nothing')) return stream;
    const rows = await rowsOf(stream);
    return addStep(rows, { step: limitStep(options.limit, rows.columns), count: () => {} });
  };

  /** What comes from outside, for those of this stage that take it. */
  const giveOuter = async (stream: Stream): Promise<void> => {
    const takers = states.filter(({ task }) => task.inputs.includes(outside));
    if (takers.length > 0) outputs.set(outside, tee(stream, takers.length, signal));
    else if (given === outside && shared.give !== undefined) works.push(shared.give(stream));
  };

  const give = async (state: TaskState, stream: Stream): Promise<void> => {
    const takers = states.filter(({ task }) => task.inputs.includes(state.task.index));
    if (takers.length === 0) return work(state, isGiven(state.task) ? shared.give!(stream) : drain(stream, state));
    // Several takers, one of them for rows: decoded once, for all.
    const one =
      takers.length > 1 && takers.some(({ task }) => !task.accepts.includes('files')) ? await rowsOf(stream) : stream;
    const streams = tee(one, takers.length, signal);
    const producer = producers.get(one);
    if (producer !== undefined) for (const branch of streams) producers.set(branch, producer);
    outputs.set(state.task.index, streams);
  };

  /** Whether what a task gives is what its list gives. */
  const isGiven = ({ index }: PlannedTask) => shared.give !== undefined && index === given;

  /** `late` fails when the time of `limited` is over, of which some may have gone by. */
  const limitTime = ({ planned, startedMs }: TaskState, late: TaskState | undefined) => {
    const { timeout } = planned.definition;
    const gone = Date.now() - startedMs;
    const over = (seconds: number) => fail(failure('TIMED_OUT', { what: planned.label, seconds }), late);
    timers.add(timer(timeout, over, gone));
  };

  const skip = async (state: TaskState, input: Stream | undefined): Promise<void> => {
    state.status = 'skipped';
    if (input !== undefined) await give(state, input);
  };

  const drain = async (stream: Stream | undefined, state: TaskState): Promise<void> => {
    if (stream === undefined) return;
    if (options.take !== undefined) return options.take(await rowsOf(stream));
    const meter = meterOf(state);
    // A row task has counted its rows as it made them.
    const counts = state.task.yields !== 'same' && producers.get(stream) === undefined && !isFused(stream);
    if (stream.kind === 'rows') for await (const batch of stream.batches) meter.rows(counts ? batch.rows.length : 0);
    else for await (const _ of stream.files) meter.files(counts ? 1 : 0);
  };

  const contextOf = (state: TaskState, from?: TaskState, inputs: ReadonlyMap<string, Stream> = new Map()) =>
    createTaskContext({
      task: state.task,
      given: isGiven(state.task),
      signal,
      events,
      scope,
      rows: (stream) => rowsOf(stream, from),
      codecs,
      barrier,
      figures: state.figures,
      delivery: delivery?.orders(state.task.index) ?? {},
      inputs,
      open: (path, connection, log) => shared.targets.resolve(path, connection, state, log),
      connect: shared.connect,
      modules: { folder: shared.plan.folder, home: shared.plan.modules },
      runList: (list, unit) => runUnit(state.planned.lists[list]!, list, state, { ...shared, scope }, unit),
      runPipe: (path, params, unit) => runPipe(path, params, state, { ...shared, scope }, unit),
      kept: () => keptValues(shared),
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
    if (shared.outer !== undefined) await giveOuter(shared.outer);
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
