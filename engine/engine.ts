// The engine: a definition in, diagnostics, a plan, a run or rows out.
import { dirname, resolve } from 'node:path';
import type { Pipe } from '../schemas/generated/types.ts';
import type { PipeBuilder } from './builder.ts';
import { checkPipe } from './check.ts';
import type { ConnectionHome } from './connections.ts';
import type { Batch, FormatChoice, Row, RunEvent, RunReport } from './contracts.ts';
import { countDiagnostics, type Diagnostic, formatDiagnostics } from './diagnostics.ts';
import { type Failure, failure } from './errors.ts';
import { createHandover } from './handover.ts';
import { type Loaded, loadFile, loadText, loadValue } from './load.ts';
import type { Services } from './opening.ts';
import type { Parts } from './parts.ts';
import { createPlan, type Plan } from './plan.ts';
import { describePlan, type PlanDescription } from './plan-description.ts';
import { createRedactor } from './redact.ts';
import { type RunOptions, startRun } from './run.ts';

/** A file's path, a text with a name for diagnostics, or a document: plain, or from `pipe('name')`. */
export type DefinitionSource = string | { text: string; file?: string } | Pipe | PipeBuilder;

export interface EngineOptions {
  /** Relative local paths of definitions that are not files start here; the current folder unless told. */
  folder?: string;
}

export interface PlanOptions {
  /** Values for the pipe's params. Texts of a command line go into `texts`, which are read by the declared types. */
  params?: Readonly<Record<string, unknown>>;
  texts?: Readonly<Record<string, string>>;
}

export interface CheckResult {
  /** Sorted by place; errors and warnings. */
  diagnostics: Diagnostic[];
  /** The same, for people: with source lines and carets. */
  text(o?: { colour?: boolean }): string;
}

export interface Run {
  /** Every event from the first to `run.ended`; of a definition that cannot run, none. */
  events(): AsyncIterable<RunEvent>;
  on(listener: (event: RunEvent) => void): void;
  /** The report of a run that was done. Rejects with the Failure of one that was not; its `report` says how far it got. */
  readonly result: Promise<RunReport>;
}

export interface Engine {
  /** Offline. Throws only when a file cannot be read at all. */
  check(source: DefinitionSource): Promise<CheckResult>;
  /** What a run would do. Throws DEFINITION_INVALID (with `diagnostics`) for what cannot run. */
  plan(source: DefinitionSource, options?: PlanOptions): Promise<PlanDescription>;
  run(source: DefinitionSource, options?: PlanOptions & RunOptions): Run;
  /** The rows of a path of the language. */
  read(path: string, options?: { format?: FormatChoice; signal?: AbortSignal }): AsyncIterableIterator<Row>;
  close(): Promise<void>;
}

/** A failed run's error, with its report. */
export type RunFailure = Failure & { report?: RunReport; diagnostics?: CheckResult };

export function assembleEngine(parts: Parts, options: EngineOptions = {}): Engine {
  const folder = resolve(options.folder ?? '.');
  const homes: ConnectionHome[] = [];

  const load = (source: DefinitionSource): Promise<Loaded> => {
    const bare = { list: 'tasks' };
    if (typeof source === 'string') return loadFile(source, bare);
    if ('text' in source && typeof source.text === 'string')
      return loadText(source.text, source.file ?? '<text>', bare);
    return loadValue(source, '<program>', bare);
  };
  const folderOf = (source: DefinitionSource) => (typeof source === 'string' ? dirname(resolve(source)) : folder);

  const checkLoaded = async (source: DefinitionSource) => {
    const loaded = await load(source);
    const checked =
      loaded.source === undefined
        ? { diagnostics: loaded.diagnostics, definition: undefined }
        : await checkPipe(loaded.source, parts, { folder: folderOf(source), homes });
    const result: CheckResult = {
      diagnostics: checked.diagnostics,
      text: ({ colour = false } = {}) =>
        formatDiagnostics(checked.diagnostics, { line: (_, number) => loaded.line(number), colour }),
    };
    return { result, definition: checked.definition, loaded: loaded.source };
  };

  const planOf = async (source: DefinitionSource, { params, texts }: PlanOptions): Promise<Plan> => {
    const { result, definition, loaded } = await checkLoaded(source);
    if (definition === undefined || loaded === undefined) {
      const data = { count: countDiagnostics(result.diagnostics), file: result.diagnostics[0]?.file ?? '' };
      throw Object.assign(failure('DEFINITION_INVALID', data), { diagnostics: result });
    }
    const given = { ...(params === undefined ? {} : { values: params }), ...(texts === undefined ? {} : { texts }) };
    return createPlan({ pipe: definition, source: loaded, folder: folderOf(source), given, homes }, parts);
  };

  const services = (): Services => ({
    redactor: createRedactor(),
    credential: async () => ({}),
    secret: async (name) => {
      throw failure('SECRET_MISSING', { name, stores: 'any store' });
    },
    save: async () => {},
    used: async () => {},
  });

  return {
    check: async (source) => (await checkLoaded(source)).result,
    plan: async (source, o = {}) => describePlan(await planOf(source, o), parts),
    run(source, o = {}) {
      const listeners: ((event: RunEvent) => void)[] = [];
      const started = planOf(source, o).then((plan) => {
        const run = startRun(plan, parts, services(), o);
        for (const listener of listeners) run.on(listener);
        return run;
      });
      const result = started.then(async (run) => {
        const { report, error } = await run.result;
        if (error !== undefined) throw Object.assign(error, { report });
        return report;
      });
      return {
        result,
        on: (listener) => void listeners.push(listener),
        async *events() {
          // Who reads the events learns of the failure there, and need not look at `result` as well.
          result.catch(() => {});
          const run = await started.catch(() => undefined);
          if (run !== undefined) yield* run.events();
        },
      };
    },
    async *read(path, o = {}) {
      const leave = new AbortController();
      const signal = o.signal === undefined ? leave.signal : AbortSignal.any([leave.signal, o.signal]);
      const batches = createHandover<Batch>(() => leave.abort());
      const read = { op: 'read', path, ...(o.format === undefined ? {} : { format: o.format }) };
      const plan = await planOf({ name: 'read', tasks: [read] } as Pipe, {});
      const run = startRun(plan, parts, services(), {
        signal,
        async take(rows) {
          for await (const batch of rows.batches) await batches.give(batch);
        },
      });
      const ended = run.result.then(({ error }) => batches.end(error));
      try {
        for await (const batch of batches.values()) yield* batch.rows;
      } finally {
        await ended;
      }
    },
    close: async () => {},
  };
}
