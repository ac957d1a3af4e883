// The contracts of tasks: what they are, what they are given, how they deliver. Types only.
import type { AnyConnection, CallOptions, Cursor } from './connector.ts';
import type { Column, ColumnType, FileItem, Reading, Row, RowStream, Stream, Value } from './data.ts';

export interface Log {
  debug(message: string, data?: Record<string, unknown>): void;
  info(message: string, data?: Record<string, unknown>): void;
  warn(message: string, data?: Record<string, unknown>): void;
}

/** A compiled expression or template; see engine/expressions.ts. */
export interface Evaluator {
  /** Throws a failure that names the expression. */
  (row: Row): Value;
  /** The type of what it gives, where that is known before the first row. */
  readonly type?: ColumnType;
}

export interface TaskContext extends CallOptions {
  /** Where it stands among all tasks, from 0, its op, id and name in messages: `task 2 (limit)`. */
  readonly task: { readonly index: number; readonly op: string; readonly id: string; readonly label: string };
  readonly log: Log;
  /** Whether a later task takes this one's output. */
  readonly consumed: boolean;
  /** The other inputs, by the ids that `from` names (merge). */
  readonly inputs: ReadonlyMap<string, Stream>;
  /** A bare CEL expression of a field with `record` in its scope; `pointer` is relative to the task. */
  expression(source: string, pointer: string, columns?: readonly Column[]): Evaluator;
  /** A field's value with `${…}` inside, at any depth, with `record` in scope. */
  template(value: Value, pointer: string, columns?: readonly Column[]): Evaluator;
  /** The connection and the path inside it that a path of the language means; `false`: whatever the task's own `connection` says. */
  resolve(path: string, connection?: string | false): Promise<Target>;
  /** Makes a connection that later tasks find by its alias; `save` keeps it among the user's own. */
  connect(alias: string, definition: { connector: string }, save: boolean): Promise<void>;
  /** Rows of any stream: files are decoded by what the stream, or else each file, says of their format. */
  rows(stream: Stream): Promise<RowStream>;
  /** Whether a file's bytes are already what a file at `path`, or in the chosen format, should hold. */
  sameBytes(file: FileItem, reading: Reading | undefined, path: string, format?: FormatChoice): boolean;
  /** One file with these rows, in the format that its path or the choice says; `continued`: after rows that are there. */
  encode(rows: RowStream, path: string, format?: FormatChoice, o?: { continued?: boolean }): FileItem;
  /** Work that goes on while the output is pulled; the run waits for it and fails with it. */
  background(work: Promise<unknown>): void;
  /** Resolves once every writer of the stage has staged what it has. */
  beforeCommit(): Promise<void>;
  /** Adds to the task's line in the report and to the progress. */
  count(figures: { rows?: number; bytes?: number; files?: number; rejected?: number }): void;
  /** Counts and reports a row that was refused. */
  reject(rejected: { position: number; reason: string }): void;
  /** A function of the project's own modules: `./clean.js#tidy`. MODULE_REFUSED where this definition may call none. */
  module(reference: string): Promise<(...given: unknown[]) => unknown>;
  /**
   * Runs the tasks of one of its lists as a unit of their own, to the end: what they wrote is visible then. `names` are
   * what their expressions know besides.
   */
  runList(list: string, unit: Unit): Promise<void>;
  /** Runs another pipe, to its end. Its path is relative to this one. */
  runPipe(path: string, params: Record<string, Value>, unit: Unit): Promise<void>;
  /** Values that the pipe keeps between runs; with `apart`, others of that name, which its definition never sees. */
  kept(apart?: string): Promise<KeptValues>;
  /** Ends the run as done. */
  exit(message?: string): never;
  /** The task's result for `tasks.<id>` in later expressions. */
  result(value: Value): void;
  /** What the engine has it do for delivery, from what its `delivery` said. */
  readonly delivery: DeliveryOrders;
  /** Bytes for the run's stdout, bytes from its stdin. */
  readonly stdout: (chunk: Uint8Array) => Promise<void>;
  readonly stdin: () => AsyncIterable<Uint8Array>;
}

/** Tasks that run by themselves, inside of another task. */
export interface Unit {
  names?: Readonly<Record<string, Value>>;
  /** What its first task gets. */
  input?: Stream;
  /** Takes what its last task gives; it is let go where nobody does. */
  give?(stream: Stream): Promise<void>;
  /** Units with the same number do not run at the same time, so that they may use the same connections. */
  slot?: number;
  signal: AbortSignal;
}

export interface KeptValues {
  get(key: string): Promise<Value | undefined>;
  /** All that are there, by key. */
  all(): Promise<Record<string, Value>>;
  set(key: string, value: Value, o?: { ttlMs?: number }): Promise<void>;
  remove(key: string): Promise<void>;
}

export interface Target {
  connection: AnyConnection;
  connector: string;
  stores: 'files' | 'rows' | 'nothing';
  /** Inside the connection. */
  path: string;
  /** As the user would write it. */
  shown: string;
}

/** As in the definition: a name, or a name with options. */
export type FormatChoice = string | { name: string };

export interface Task<Params> {
  readonly op: string;
  readonly accepts: readonly ('rows' | 'files' | 'nothing')[];
  /** What comes out: `same` as what came in, `either` where only the run can tell. */
  readonly yields: 'rows' | 'files' | 'same' | 'either' | 'nothing';
  /** It keeps rows back until others have come (`back`), or leaves the rest of its input unread (`cut`). */
  readonly holds?: 'back' | 'cut';
  /** What it asks of delivery, or has to say about it. Asked before the stage starts; no I/O. */
  delivery?(params: Params): Delivery | undefined;
  run(input: Stream | undefined, params: Params, context: TaskContext): Promise<Stream | undefined>;
}

/** What a task has to say about delivery: a position that it keeps between runs, or that it writes, and how. */
export interface Delivery {
  /** It reads what is new since the last run that succeeded. `name` is that of the position, where it has one of its own. */
  cursor?: { columns: readonly string[]; start?: Value; lookback?: number; name?: string };
  /** What decides which rows a position is about; with another one, a kept position is of no use. */
  source?: Value;
  /** It writes: everything at the end, or as it goes, with checkpoints. */
  commit?: 'run' | 'batch';
  /** Where it writes. Asked only where the stage keeps positions or checkpoints. */
  target?(context: TaskContext): Promise<DeliveryTarget>;
}

export interface DeliveryTarget {
  /** As the user would write it. */
  shown: string;
  /** How the same rows, written once more, leave it: as before (upsert, a file replaced), or with them twice. */
  again: 'same' | 'twice';
  upserts: boolean;
  /** What it has kept under the name; absent where it keeps no checkpoints. */
  checkpoint?(name: string): Promise<Value | undefined>;
}

/** What the engine has a task do for delivery. */
export interface DeliveryOrders {
  /** A source: its batches must carry checkpoints, and begin after this one. */
  checkpoints?: { after?: Value };
  /** A source: an incremental read from here. */
  cursor?: Cursor;
  /** A writer: what it keeps in its target, and the rows as they must be given to it. */
  checkpoint?: { name: string; last: 'keep' | 'remove'; stamp(rows: RowStream): RowStream };
  /** A writer: in place of what its definition says. */
  commit?: 'run' | 'batch';
  /** A writer: the run that is gone on with has written all this; take the rows and write nothing. */
  written?: boolean;
  /** A writer: rows that earlier runs have taken, for the positions of those that are refused. */
  offset?: number;
}

/** A task that looks at one row at a time. Neighbours are fused by the engine into one pass over a batch. */
export interface RowTask<Params> {
  readonly op: string;
  readonly accepts: readonly ['rows'];
  readonly yields: 'rows';
  /** As in `Task`. */
  readonly holds?: 'back' | 'cut';
  step(params: Params, columns: readonly Column[] | undefined, context: TaskContext): RowStep;
}

export type RowStep = {
  /** The columns after the step; undefined where they are not known. */
  columns: readonly Column[] | undefined;
  /** Asked after each row: true when no further row can pass. */
  done?(): boolean;
  /** Called after the last row of the input; not when something stopped before it. */
  end?(): void;
} & (
  | {
      /** The row to pass on (the same object, changed, or a new one), or undefined to drop it. */
      apply(row: Row): Row | undefined;
      expand?: undefined;
    }
  | {
      apply?: undefined;
      /** The rows that one row becomes. */
      expand(row: Row): readonly Row[];
    }
);

/** A task whose lists of tasks are part of the graph: it only says which of them runs. */
export interface BlockTask {
  readonly op: string;
  readonly accepts: readonly ('rows' | 'files' | 'nothing')[];
  readonly yields: 'same';
  readonly holds?: undefined;
  /** The list that runs: `then`, `cases.eu`. Where there is none of that name, the input is passed on. Without it, all run. */
  choose?(choice: Choice): string;
}

export interface Choice {
  /** The names of the lists that are there. */
  lists: readonly string[];
  /** Of the task, for errors. */
  label: string;
  /** What the expression in a field gives. */
  evaluate(field: string): Value;
  /** The same, which must be true or false. */
  isTrue(field: string): boolean;
}

export type AnyTask = Task<never> | RowTask<never> | BlockTask;
