// What a running task is given: its connections, codecs, expressions, and the places its figures go.
import type { Barrier } from './barrier.ts';
import type { Codecs } from './codecs.ts';
import type { Column, RowStream, Stream, Value } from './contracts/data.ts';
import type { TaskFigures } from './contracts/run.ts';
import type { DeliveryOrders, Evaluator, Log, Target, TaskContext } from './contracts/task.ts';
import type { Events } from './events.ts';
import type { ModuleHome } from './modules.ts';
import type { PlannedTask } from './plan.ts';
import { compileExpression, compileTemplate, type Scope } from './scope.ts';

/** Thrown by `exit`; ends the run as done. */
export class ExitSignal {
  readonly message: string | undefined;
  constructor(message?: string) {
    this.message = message;
  }
}

export interface ContextParts {
  task: PlannedTask;
  signal: AbortSignal;
  events: Events;
  scope: Scope;
  codecs: Codecs;
  /** Its output is that of its list, and somebody takes that. */
  given?: boolean;
  rows(stream: Stream): Promise<RowStream>;
  barrier: Barrier;
  figures: TaskFigures;
  inputs: ReadonlyMap<string, Stream>;
  delivery?: DeliveryOrders;
  open(path: string, connection: string | undefined, log: Log): Promise<Target>;
  connect: TaskContext['connect'];
  modules?: { folder: string; home: ModuleHome };
  runList: TaskContext['runList'];
  runPipe: TaskContext['runPipe'];
  kept: TaskContext['kept'];
  background(work: Promise<unknown>): void;
  setResult(value: Value): void;
  stdout: (chunk: Uint8Array) => Promise<void>;
  stdin: () => AsyncIterable<Uint8Array>;
}

export function createTaskContext(parts: ContextParts): TaskContext {
  const { task, events, scope, figures } = parts;
  const { label } = task;
  const who = { index: task.index, op: task.op, id: task.id };
  const where = (pointer: string) =>
    `${task.label}${pointer === '' ? '' : ` ${pointer.slice(1).replaceAll('/', '.')}`}`;
  const log = (level: 'debug' | 'info' | 'warn') => (message: string, data?: Record<string, unknown>) =>
    events.emit({ type: 'log', level, message, index: task.index, ...(data === undefined ? {} : { data }) });
  const logs: Log = { debug: log('debug'), info: log('info'), warn: log('warn') };
  return {
    signal: parts.signal,
    task: { ...who, label },
    log: logs,
    consumed: parts.given === true || task.consumers.length > 0,
    inputs: parts.inputs,
    expression: (source: string, pointer: string, columns?: readonly Column[]): Evaluator =>
      compileExpression(source, { where: where(pointer), scope, ...(columns === undefined ? {} : { columns }) }),
    template: (value: Value, pointer: string, columns?: readonly Column[]): Evaluator =>
      compileTemplate(value, { where: where(pointer), scope, ...(columns === undefined ? {} : { columns }) }),
    resolve: (path, connection = task.definition.connection) =>
      parts.open(path, connection === false ? undefined : connection, logs),
    connect: parts.connect,
    // Few runs have code of their own.
    module: async (reference) =>
      (await import('./modules.ts')).loadFunction(reference, {
        folder: '.',
        home: { refused: 'there is no project' },
        ...parts.modules,
        where: where(''),
      }),
    rows: parts.rows,
    sameBytes: parts.codecs.sameBytes,
    encode: (rows, path, format, o) => parts.codecs.encode(rows, path, format, o?.continued === true),
    runList: parts.runList,
    runPipe: parts.runPipe,
    kept: parts.kept,
    background: parts.background,
    beforeCommit: () => parts.barrier.arrive(task.index),
    count(added) {
      figures.rows += added.rows ?? 0;
      figures.bytes += added.bytes ?? 0;
      figures.files += added.files ?? 0;
      figures.rejected += added.rejected ?? 0;
    },
    reject(rejected) {
      figures.rejected++;
      events.emit({ type: 'record.rejected', ...who, ...rejected });
    },
    result: parts.setResult,
    delivery: parts.delivery ?? {},
    exit(message) {
      throw new ExitSignal(message);
    },
    stdout: parts.stdout,
    stdin: parts.stdin,
  };
}
