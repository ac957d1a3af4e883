// The engine: a definition in, diagnostics, a plan, a run or rows out.
import { resolve } from 'node:path';
import type { Pipe } from '../schemas/generated/types.ts';
import type { Recorder } from './cassettes/record.ts';
import { type Connections, createConnections } from './connections-api.ts';
import type { ConnectorInfo } from './connector-info.ts';
import type { Batch, Row, Value } from './contracts/data.ts';
import type { RunEvent, RunReport } from './contracts/run.ts';
import type { FormatChoice } from './contracts/task.ts';
import type { CheckResult, DefinitionSource, PlanOptions } from './definitions.ts';
import type { Failure } from './errors.ts';
import { createHandover } from './handover.ts';
import type { Homes } from './homes.ts';
import { lazyDefinitions, lazySchedules } from './lazy.ts';
import type { Parts } from './parts.ts';
import type { TestOptions, TestReport } from './pipe-tests/report.ts';
import type { Plan } from './plan.ts';
import type { PlanDescription } from './plan-description.ts';
import type { ProjectTypes, ProjectTypesOptions } from './project-types.ts';
import type { Redactor } from './redact.ts';
import type { RunOptions, RunState } from './run.ts';
import { createRuns, type Runs } from './runs-api.ts';
import type { Schedules } from './schedules/api.ts';
import { limitsOf } from './schedules/places.ts';
import type { State } from './state/choice.ts';
import { recordRun } from './state/recorder.ts';
import { createSurroundings, type SurroundingsOptions } from './surroundings.ts';

/** A plan that is ready to run, and what its record is to say. */
export interface Prepared {
  plan: Plan;
  homes: Homes;
  definition: Value;
  /** Of the pipe, where it is one. */
  file?: string;
  /** Over those that were given. */
  options?: RunOptions;
}

export type Launch = (preparing: Promise<Prepared>, o: RunOptions & RecordOptions) => Run;

export type { CheckResult, DefinitionSource, PlanOptions } from './definitions.ts';

export type EngineOptions = SurroundingsOptions;

export interface RecordOptions {
  /** A folder that gets what connections say over HTTP, as cassettes, without secrets. */
  record?: string;
  /** Told when they are written: the files, and how many answers were left out because nobody read them to the end. */
  recorded?(written: { files: string[]; left: number }): void;
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
  run(source: DefinitionSource, options?: PlanOptions & RunOptions & RecordOptions): Run;
  /** Runs the `tests` of a definition, without network. Throws DEFINITION_INVALID as `plan` does. */
  test(source: DefinitionSource, options?: TestOptions): Promise<TestReport>;
  /** The rows of a path of the language. */
  read(path: string, options?: { format?: FormatChoice; signal?: AbortSignal }): AsyncIterableIterator<Row>;
  /** The saved connections, and looks inside of them. */
  readonly connections: Connections;
  /** The history of runs. */
  readonly runs: Runs;
  /** The triggers of pipes, and the service that runs them. */
  readonly schedules: Schedules;
  /** The mistakes of a manifest. Throws only when the file cannot be read at all. */
  checkConnector(file: string): Promise<CheckResult>;
  /** Every connector of the language, and those of the project. */
  connectors(): Promise<ConnectorInfo[]>;
  /** A `.d.ts` for the project: the params of its pipes, the rows of what they read. */
  types(options?: ProjectTypesOptions): Promise<ProjectTypes>;
  close(): Promise<void>;
}

/** A failed run's error, with its report. */
export type RunFailure = Failure & { report?: RunReport; diagnostics?: CheckResult };

/** Where the incremental reads of a plan stand, as far as the state knows. */
async function addPositions({ name, steps }: PlanDescription, { open }: State): Promise<void> {
  const reads = steps.flatMap(({ keeps }) => (keeps?.kind === 'position' ? [keeps] : []));
  if (reads.length === 0) return;
  const positions = await (await open())?.positions(name);
  for (const keeps of reads) {
    const { value, pending } = positions?.[keeps.name] ?? {};
    Object.assign(
      keeps,
      value === undefined ? {} : { at: value },
      pending === undefined ? {} : { pending: pending.run },
    );
  }
}

async function openRecorder(folder: string, redactor: Redactor): Promise<Recorder> {
  const { createRecorder } = await import('./cassettes/record.ts');
  return createRecorder(folder, redactor);
}

/** Nothing where nothing limits the runs of the pipe. */
function admissionOf({ name: pipe, settings }: Plan, { scheduled, dryRun }: RunOptions, { open }: State) {
  const limits = dryRun === true ? undefined : limitsOf(settings, scheduled);
  if (limits === undefined) return {};
  const admit: RunState['admit'] = async (run) =>
    (await import('./schedules/admission.ts')).admit({ ...run, pipe, limits }, await open());
  return { admit };
}

export function assembleEngine(parts: Parts, options: EngineOptions = {}): Engine {
  const surroundings = createSurroundings(parts, options);
  const definitions = lazyDefinitions(async () => (await import('./definitions.ts')).createDefinitions(surroundings));
  const { redactor } = surroundings;
  /** What leaves the engine, a failure too, without secrets. */
  const cleaned = async <T>(work: Promise<T>): Promise<T> => {
    try {
      return await work;
    } catch (error) {
      throw redactor.redactValue(error);
    }
  };

  const describe = async (source: DefinitionSource, o: PlanOptions): Promise<PlanDescription> => {
    const { plan, homes } = await definitions.plan(source, o);
    const { describePlan } = await import('./plan-description.ts');
    const { secretStates } = await import('./credential-lookup.ts');
    const { resumption } = await import('./runs-again.ts');
    const stores = await surroundings.stores(homes);
    const signal = new AbortController().signal;
    const description = await describePlan(plan, parts, (found) =>
      secretStates(stores, found, { signal, params: plan.params }),
    );
    const state = surroundings.states.of(homes);
    await addPositions(description, state);
    const before = await state.look();
    const resumes = before && (await resumption(plan, before));
    if (resumes !== undefined) description.resumes = resumes;
    return redactor.redactValue(description);
  };

  const planned = async (source: DefinitionSource, o: PlanOptions): Promise<Prepared> => {
    const { fileOf } = await import('./definitions.ts');
    const file = fileOf(source);
    return { ...(await cleaned(definitions.plan(source, o))), ...(file === undefined ? {} : { file }) };
  };

  /** A pipe that another one runs. */
  const loadOther: RunState['load'] = async (path, { folder, params, offered }) => {
    const file = resolve(folder, path.replace(/^file:\/\//, ''));
    const { plan, homes } = await definitions.plan(file, offered === true ? { offered: params } : { params });
    return { plan, services: surroundings.services(homes) };
  };

  const launch: Launch = (preparing, given) => {
    const listeners: ((event: RunEvent) => void)[] = [];
    let recorder: Recorder | undefined;
    const started = preparing.then(async ({ plan, homes, definition, file, ...launched }) => {
      const o = { ...given, ...launched.options };
      const state = surroundings.states.of(homes);
      recorder = o.record === undefined ? undefined : await openRecorder(resolve(o.record), redactor);
      const services = { ...surroundings.services(homes), ...(recorder && { wire: recorder.wire }) };
      const { startRun } = await import('./run.ts');
      const run = startRun(plan, parts, services, o, {
        open: state.open,
        load: loadOther,
        ...admissionOf(plan, o, state),
        record: (run) =>
          recordRun(
            {
              ...run,
              trigger: o.trigger ?? 'library',
              ...(o.scheduled === undefined ? {} : { scheduled: o.scheduled.time }),
              ...(file === undefined ? {} : { file: resolve(file) }),
              definition: redactor.redactValue(definition),
              params: redactor.redactValue(plan.plainParams(plan.params)),
            },
            state,
          ),
      });
      for (const listener of listeners) run.on(listener);
      return run;
    });
    const result = started.then(async (run) => {
      const { report, error } = await run.result;
      const unwritten = await recorder?.write().then(
        (written) => given.recorded?.(written),
        (reason: Failure) => reason,
      );
      const failed = error ?? (unwritten || undefined);
      if (failed !== undefined) throw Object.assign(failed, { report });
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
  };

  const run: Engine['run'] = (source, o = {}) => launch(planned(source, o), o);
  return {
    check: (source) => cleaned(definitions.check(source)),
    plan: (source, o = {}) => cleaned(describe(source, o)),
    run,
    test: (source, o = {}) =>
      cleaned(
        import('./pipe-tests/run.ts').then(async ({ testPipe }) =>
          redactor.redactValue(await testPipe(surroundings, definitions, source, o)),
        ),
      ),
    async *read(path, o = {}) {
      const leave = new AbortController();
      const signal = o.signal === undefined ? leave.signal : AbortSignal.any([leave.signal, o.signal]);
      const batches = createHandover<Batch>(() => leave.abort());
      const read = { op: 'read', path, ...(o.format === undefined ? {} : { format: o.format }) };
      const { plan, homes } = await cleaned(definitions.plan({ name: 'read', tasks: [read] } as Pipe));
      const { startRun } = await import('./run.ts');
      const run = startRun(plan, parts, surroundings.services(homes), {
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
    connections: createConnections(surroundings, cleaned),
    runs: createRuns(surroundings, { definitions, launch, cleaned }),
    schedules: lazySchedules(async () =>
      (await import('./schedules/api.ts')).createSchedules(surroundings, definitions, run),
    ),
    async connectors() {
      const { listConnectors } = await import('./connector-info.ts');
      return listConnectors(parts, (await surroundings.around(surroundings.folder)).connectors);
    },
    checkConnector: (file) => cleaned(definitions.checkManifest(file)),
    types: (o = {}) =>
      cleaned(
        import('./project-types.ts').then(async ({ projectTypes }) =>
          redactor.redactValue(await projectTypes(surroundings, o)),
        ),
      ),
    close: () => surroundings.close(),
  };
}
