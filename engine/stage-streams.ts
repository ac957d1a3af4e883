// What joins the tasks of a stage: who takes whose stream, and on whom its figures and errors land.
import { type Codecs, createCodecs } from './codecs.ts';
import type { RowStream, Stream } from './contracts/data.ts';
import { type Meter, metered, meteredRows } from './counting.ts';
import type { FormatRegistry } from './formats.ts';
import type { PlannedTask } from './plan.ts';
import { addStep, isFused, limitStep } from './rows.ts';
import type { RunOptions, TaskState } from './run.ts';
import { tee } from './tee.ts';

export interface StageStreamsParts {
  formats: FormatRegistry;
  signal: AbortSignal;
  options: Pick<RunOptions, 'limit' | 'take'>;
  /** The tasks that take what the one at this position gives. */
  takers(producer: number): readonly TaskState[];
  /** Who takes what the list gives, where that is what this task does. */
  givenBy(task: PlannedTask): ((stream: Stream) => Promise<void>) | undefined;
  work(state: TaskState, promise: Promise<unknown>): void;
}

export interface StageStreams {
  codecs: Codecs;
  meterOf(state: TaskState): Meter;
  /** The task whose figures and errors those of the stream are. */
  producerOf(stream: Stream): TaskState | undefined;
  /** Rows of any stream; decoding is counted for, and blamed on, the task that gave the files. */
  rowsOf(stream: Stream, from?: TaskState): Promise<RowStream>;
  /** What a task gives, counted; with --limit, the first rows of every source. */
  counted(stream: Stream, state: TaskState): Promise<Stream>;
  /** One stream for each of those that take it. False where nobody does. */
  share(producer: number, stream: Stream): boolean;
  /** The stream that the task at this position has for its next taker. */
  take(producer: number): Stream | undefined;
  /** To those that take what the task gives, or to nobody: then it is read to its end. */
  give(state: TaskState, stream: Stream): Promise<void>;
  drain(stream: Stream | undefined, state: TaskState): Promise<void>;
}

export function createStageStreams({ formats, signal, options, ...parts }: StageStreamsParts): StageStreams {
  const codecs = createCodecs(formats, signal);
  const outputs = new Map<number, Stream[]>();
  const producers = new WeakMap<Stream, TaskState>();
  const blamed = new WeakSet<object>();

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

  const rowsOf: StageStreams['rowsOf'] = async (stream, from) => {
    const producer = producers.get(stream) ?? from;
    if (stream.kind === 'rows' || producer === undefined) return codecs.rows(stream);
    const meter = meterOf(producer);
    try {
      return meteredRows(await codecs.rows(stream), meter);
    } catch (error) {
      throw meter.blame(error);
    }
  };

  const share: StageStreams['share'] = (producer, stream) => {
    const takers = parts.takers(producer);
    if (takers.length === 0) return false;
    const streams = tee(stream, takers.length, signal);
    const from = producers.get(stream);
    if (from !== undefined) for (const branch of streams) producers.set(branch, from);
    outputs.set(producer, streams);
    return true;
  };

  const drain: StageStreams['drain'] = async (stream, state) => {
    if (stream === undefined) return;
    if (options.take !== undefined) return options.take(await rowsOf(stream));
    const meter = meterOf(state);
    // A row task has counted its rows as it made them.
    const counts = state.task.yields !== 'same' && producers.get(stream) === undefined && !isFused(stream);
    if (stream.kind === 'rows') for await (const batch of stream.batches) meter.rows(counts ? batch.rows.length : 0);
    else for await (const _ of stream.files) meter.files(counts ? 1 : 0);
  };

  return {
    codecs,
    meterOf,
    producerOf: (stream) => producers.get(stream),
    rowsOf,
    async counted(stream, state) {
      const { task } = state;
      const shown = task.yields === 'same' ? stream : metered(stream, meterOf(state));
      if (shown !== stream) producers.set(shown, state);
      if (options.limit === undefined || task.accepts.some((kind) => kind !== 'nothing')) return shown;
      const rows = await rowsOf(shown);
      return addStep(rows, { step: limitStep(options.limit, rows.columns), count: () => {} });
    },
    share,
    take: (producer) => outputs.get(producer)?.shift(),
    async give(state, stream) {
      const takers = parts.takers(state.task.index);
      if (takers.length === 0) return parts.work(state, parts.givenBy(state.task)?.(stream) ?? drain(stream, state));
      // Several takers, one of them for rows: decoded once, for all.
      const isDecoded = takers.length > 1 && takers.some(({ task }) => !task.accepts.includes('files'));
      share(state.task.index, isDecoded ? await rowsOf(stream) : stream);
    },
    drain,
  };
}
