// One stage: its tasks joined by streams, run at the same time, all done or all undone.
import { createBarrier } from './barrier.ts';
import type { Column, RowStep, RowStream, RowTask, Stream, Task, TaskContext } from './contracts.ts';
import { asFailure, failure } from './errors.ts';
import { createCodecs } from './codecs.ts';
import type { Events } from './events.ts';
import { type Meter, metered, meteredRows } from './counting.ts';
import type { Parts } from './parts.ts';
import type { Plan, PlannedTask } from './plan.ts';
import { addStep, isFused } from './rows.ts';
import { figuresNow, type RunOptions, type TaskState } from './run.ts';
import { evaluateFields, isTrue, type Scope } from './scope.ts';
import type { Targets } from './targets.ts';
import { createTaskContext, ExitSignal } from './task-context.ts';
import { tee } from './tee.ts';

export interface StageParts {
  plan: Plan;
  parts: Parts;
  options: RunOptions & { signal: AbortSignal };
  events: Events;
  scope: Scope;
  targets: Targets;
}

/** Runs the tasks of one stage to their end. Rejects with the first failure, after everything else has stopped. */
export async function runStage(states: readonly TaskState[], shared: StageParts): Promise<void> {
  const { parts, options, events, scope } = shared;
  const stop = new AbortController();
  const signal = AbortSignal.any([stop.signal, options.signal]);
  const barrier = createBarrier();
  const works: Promise<unknown>[] = [];
  const outputs = new Map<number, Stream[]>();
  const blamed = new WeakSet<object>();
  let first: { error: unknown } | undefined;

  const fail = (error: unknown, state?: TaskState) => {
    if (first === undefined) {
      first = { error };
      if (state !== undefined && !(error instanceof ExitSignal) && !states.some(({ status }) => status === 'failed')) state.status = 'failed';
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
  const rowsOf = async (stream: Stream): Promise<RowStream> => {
    const producer = producers.get(stream);
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
    events.emit({ type: 'task.started', index: task.index, op: task.op, id: task.id });

    const context = contextOf(state, new Map(task.inputs.map((at, i) => [states.find((other) => other.task.index === at)!.task.id, inputs[i]!])));
    const code = await parts.tasks[task.op]!();
    const params = evaluateFields(task, scope);
    if ('step' in code) {
      const rows = await rowsOf(inputs[0]!);
      const step = (code as RowTask<unknown>).step(params, rows.columns, context);
      const meter = meterOf(state);
      return give(state, addStep(rows, { step, count: meter.rows, blame: meter.blame }));
    }
    const running = (code as Task<unknown>).run(inputs[0], params as never, context);
    if (task.consumers.length === 0) return work(state, running.then((stream) => drain(stream, state)));
    const stream = await running;
    if (stream === undefined) return;
    const shown = task.yields === 'same' ? stream : metered(stream, meterOf(state));
    if (shown !== stream) producers.set(shown, state);
    give(state, await limited(shown, task));
  };

  /** With --limit, the first rows of every source. */
  const limited = async (stream: Stream, task: PlannedTask): Promise<Stream> => {
    if (options.limit === undefined || task.accepts.some((kind) => kind !== 'nothing')) return stream;
    const rows = await rowsOf(stream);
    return addStep(rows, { step: limitStep(options.limit, rows.columns), count: () => {} });
  };

  const give = (state: TaskState, stream: Stream): void => {
    const branches = state.task.consumers.length;
    if (branches === 0) return work(state, drain(stream, state));
    const streams = tee(stream, branches, signal);
    const producer = producers.get(stream);
    if (producer !== undefined) for (const branch of streams) producers.set(branch, producer);
    outputs.set(state.task.index, streams);
  };

  const skip = (state: TaskState, input: Stream | undefined): void => {
    state.status = 'skipped';
    if (input !== undefined) give(state, input);
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

  const contextOf = (state: TaskState, inputs: ReadonlyMap<string, Stream>): TaskContext =>
    createTaskContext({
      task: state.task,
      signal,
      events,
      scope,
      rows: rowsOf,
      codecs,
      barrier,
      figures: state.figures,
      inputs,
      open: (path, connection, log) => shared.targets.resolve(path, connection, state, log),
      background: (promise) => work(state, promise),
      setResult: (value) => {
        state.result = value;
      },
      stdout: options.stdout ?? noStdout,
      stdin: options.stdin ?? noStdin,
    });

  try {
    for (const state of states) {
      if (first !== undefined) break;
      signal.throwIfAborted();
      try {
        await start(state);
      } catch (error) {
        fail(error, state);
      }
    }
    await Promise.all(works);
    signal.throwIfAborted();
  } catch (error) {
    fail(error);
  } finally {
    signal.removeEventListener('abort', abort);
  }
  await Promise.all(works);
  for (const state of states) {
    if (state.status === 'skipped' || state.status === 'waiting') continue;
    state.figures.seconds = figuresNow(state).seconds;
    if (state.status === 'running') state.status = first === undefined ? 'done' : 'stopped';
    scope.tasks[state.task.id] = { ...state.figures, result: state.result };
    events.emit({ type: 'task.ended', index: state.task.index, op: state.task.op, id: state.task.id, status: state.status, figures: state.figures });
  }
  if (first !== undefined) throw first.error instanceof ExitSignal ? first.error : asFailure(first.error);
}

function limitStep(rows: number, columns: readonly Column[] | undefined): RowStep {
  let left = rows;
  return { columns, apply: (row) => (left-- > 0 ? row : undefined), done: () => left <= 0 };
}

function noStdout(): Promise<void> {
  return Promise.reject(failure('OPTION_UNSUPPORTED', { what: 'the path -', where: 'a run without a stdout', hint: '; give `stdout` to run()' }));
}

function noStdin(): AsyncIterable<Uint8Array> {
  throw failure('STDIN_CLOSED');
}
