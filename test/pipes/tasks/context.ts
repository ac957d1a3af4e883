// A task on its own: the engine's own context, codecs and expressions, with a folder for local files.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach } from 'vitest';
import { connectors } from '../../../connectors/index.ts';
import { createBarrier } from '../../../engine/barrier.ts';
import { createCodecs } from '../../../engine/codecs.ts';
import type { FoundConnection } from '../../../engine/connections.ts';
import type { AnyConnector } from '../../../engine/contracts/connector.ts';
import type { Batch, Column, FileStream, Row, RowStream, Stream, Value } from '../../../engine/contracts/data.ts';
import type { RunEvent, TaskFigures } from '../../../engine/contracts/run.ts';
import type { Task, TaskContext } from '../../../engine/contracts/task.ts';
import { failure } from '../../../engine/errors.ts';
import { createEvents } from '../../../engine/events.ts';
import { addStep } from '../../../engine/rows.ts';
import { outerScope } from '../../../engine/scope.ts';
import { createTargets, type Targets } from '../../../engine/targets.ts';
import { createTaskContext } from '../../../engine/task-context.ts';
import { formats } from '../../../pipes/formats/index.ts';
import { tasks } from '../../../pipes/index.ts';

const folders: string[] = [];
const opened: Targets[] = [];

afterEach(async () => {
  for (const targets of opened.splice(0)) await targets.close();
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

export interface Files {
  folder: string;
  put(name: string, content: string | Uint8Array): void;
  text(name: string): string;
  bytes(name: string): Buffer;
}

export function createFiles(content: Record<string, string | Uint8Array> = {}): Files {
  const folder = mkdtempSync(join(tmpdir(), 'pipewright-task-'));
  folders.push(folder);
  const put = (name: string, text: string | Uint8Array) => {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), text);
  };
  for (const [name, text] of Object.entries(content)) put(name, text);
  return {
    folder,
    put,
    text: (name) => readFileSync(join(folder, name), 'utf8'),
    bytes: (name) => readFileSync(join(folder, name)),
  };
}

export interface Setting {
  files?: Files;
  consumed?: boolean;
  inputs?: Record<string, Stream>;
  stdin?: string;
  signal?: AbortSignal;
  /** Connections by alias: a connector and its config. */
  connections?: Record<string, { connector: string | AnyConnector; config: Record<string, unknown> }>;
}

export interface Outcome {
  output: Stream | undefined;
  /** Resolves when the work in the background is done, and rejects with its failure. */
  done: Promise<void>;
  events: RunEvent[];
  logs: string[];
  figures: TaskFigures;
  result: Value | undefined;
  stdout(): string;
}

/** Runs one task, as the engine would. Row tasks get `input` as rows. */
export async function run(op: string, params: object, input?: Stream, setting: Setting = {}): Promise<Outcome> {
  const task = await tasks[op]!();
  const bench = createBench(op, params, setting);
  const definition = { op, ...params };
  const running = async () => {
    if (!('step' in task)) return (task as Task<never>).run(input, definition as never, bench.context);
    const rows = await bench.context.rows(input!);
    return addStep(rows, { step: task.step(definition as never, rows.columns, bench.context), count: bench.countRows });
  };
  try {
    bench.outcome.output = await bench.work(running());
  } catch (error) {
    await bench.drained().catch(() => {});
    throw error;
  }
  bench.outcome.done = bench.drained();
  // Whoever awaits it is told; the others are not to be warned.
  bench.outcome.done.catch(() => {});
  return bench.outcome;
}

function createBench(op: string, params: object, setting: Setting) {
  const { files = createFiles(), connections = {} } = setting;
  const stop = new AbortController();
  const signal = setting.signal === undefined ? stop.signal : AbortSignal.any([stop.signal, setting.signal]);
  const barrier = createBarrier();
  const events = createEvents('run-1', (event) => event);
  const works: Promise<unknown>[] = [];
  const figures: TaskFigures = { rows: 0, bytes: 0, files: 0, rejected: 0, retries: 0, seconds: 0 };
  const written: Uint8Array[] = [];
  const outcome: Outcome = {
    output: undefined,
    done: Promise.resolve(),
    events: [],
    logs: [],
    figures,
    result: undefined,
    stdout: () => Buffer.concat(written).toString(),
  };
  events.on((event) => {
    outcome.events.push(event);
    if (event.type === 'log') outcome.logs.push(`${event.level}: ${event.message}`);
  });
  const work = <T>(promise: Promise<T>): Promise<T> => {
    const piece = barrier.work(0, promise);
    const failed = piece.catch((error: unknown) => {
      barrier.fail(error);
      stop.abort(error);
    });
    works.push(failed);
    return piece;
  };
  const pieces: Promise<unknown>[] = [];
  const label = `task 1 (${op})`;
  const task = {
    index: 0,
    number: '1',
    label,
    op,
    id: 'task',
    consumers: setting.consumed === true ? [1] : [],
    definition: params,
  };
  const codecs = createCodecs(formats, signal);
  const targets = createTargets({
    folder: files.folder,
    dryRun: false,
    find(name): FoundConnection {
      const found = connections[name];
      if (found === undefined) throw failure('CONNECTION_UNKNOWN', { name });
      return { name, alias: name, home: 'pipe', shadows: [], definition: { connector: name } };
    },
    async open({ name, definition }, _, log) {
      const { connector: chosen, config } = connections[definition.connector] ?? {
        connector: definition.connector,
        config: {},
      };
      const connector =
        typeof chosen === 'string'
          ? await (connectors as Record<string, () => Promise<AnyConnector>>)[chosen]!()
          : chosen;
      const connection = connector.open(config as never, {
        name,
        log,
        credential: async () => ({}),
        renewCredential: async (stale) => stale,
        retry: (once) => once(1),
      });
      return { connector, connection };
    },
  });
  opened.push(targets);
  const context: TaskContext = createTaskContext({
    task: task as never,
    signal,
    events,
    scope: outerScope({ params: { least: 2 }, run: { id: 'run-1' } }),
    codecs,
    rows: (stream) => codecs.rows(stream),
    barrier,
    figures,
    inputs: new Map(Object.entries(setting.inputs ?? {})),
    open: (path, connection, log) => targets.resolve(path, connection, { task } as never, log),
    connect: async () => {},
    runList: () => Promise.reject(new Error('no lists here')),
    runPipe: () => Promise.reject(new Error('no other pipes here')),
    kept: () => Promise.reject(new Error('nothing is kept here')),
    background(promise) {
      pieces.push(work(promise));
    },
    setResult(value) {
      outcome.result = value;
    },
    stdout: async (chunk) => {
      written.push(chunk.slice());
    },
    stdin: async function* () {
      if (setting.stdin === undefined) throw failure('STDIN_CLOSED');
      yield Buffer.from(setting.stdin);
    },
  });
  return {
    context,
    outcome,
    work,
    countRows: (count: number) => {
      figures.rows += count;
    },
    async drained() {
      await Promise.all(pieces);
      await Promise.all(works);
    },
  };
}

export interface Source extends RowStream {
  /** How many batches were pulled, and whether it was closed. */
  pulled: number;
  closed: boolean;
}

/** Rows in batches of `size`. */
export function rowsOf(rows: readonly Row[], columns?: readonly Column[], size = 2): Source {
  const source: Source = {
    kind: 'rows',
    ...(columns === undefined ? {} : { columns }),
    pulled: 0,
    closed: false,
    batches: batches(),
  };
  async function* batches(): AsyncGenerator<Batch> {
    try {
      for (let at = 0; at < rows.length; at += size) {
        source.pulled += 1;
        yield { rows: rows.slice(at, at + size).map((row) => ({ ...row })) };
      }
    } finally {
      source.closed = true;
    }
  }
  return source;
}

export const columnsOf = (types: Record<string, Column['type']>): Column[] =>
  Object.entries(types).map(([name, type]) => ({ name, type }));

export async function collect(stream: Stream | undefined): Promise<Row[]> {
  if (stream?.kind !== 'rows') throw new Error(`rows were expected, not ${stream?.kind}`);
  const rows: Row[] = [];
  for await (const batch of stream.batches) rows.push(...batch.rows);
  return rows;
}

/** Name below the pattern to text, in order. */
export async function collectFiles(stream: Stream | undefined): Promise<Record<string, string>> {
  if (stream?.kind !== 'files') throw new Error(`files were expected, not ${stream?.kind}`);
  const found: [string, string][] = [];
  for await (const file of stream.files) {
    const chunks: Uint8Array[] = [];
    for await (const chunk of file.open()) chunks.push(chunk);
    found.push([file.relativePath ?? file.name, Buffer.concat(chunks).toString()]);
  }
  return Object.fromEntries(found);
}

export function filesOf(content: Record<string, string | Uint8Array>, once = false): FileStream {
  async function* items() {
    for (const [path, text] of Object.entries(content)) {
      const bytes = Buffer.from(text);
      yield {
        name: path.slice(path.lastIndexOf('/') + 1),
        path,
        relativePath: path,
        contentType: 'application/octet-stream',
        ...(once ? { once } : { size: bytes.length }),
        open: (range?: { start: number; end?: number }) => one(bytes.subarray(range?.start ?? 0, range?.end)),
      };
    }
  }
  return { kind: 'files', files: items() };
}

async function* one(bytes: Uint8Array) {
  if (bytes.length > 0) yield bytes;
}

/** The message of the failure that a promise ends with. */
export async function failureOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
  } catch (error) {
    const { code, message } = error as { code: string; message: string };
    return `${code} ${message}`;
  }
  return 'no failure';
}
