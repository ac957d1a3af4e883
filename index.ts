// What `import … from 'pipewright'` gives: the engine with the shipped connectors, tasks and formats.
import { connectors, manifests } from './connectors/index.ts';
import type { Row } from './engine/contracts/data.ts';
import {
  type Engine as AnyEngine,
  assembleEngine,
  type DefinitionSource,
  type EngineOptions,
  type PlanOptions,
  type RecordOptions,
  type Run,
} from './engine/engine.ts';
import type { RunOptions } from './engine/run.ts';
import { formats } from './pipes/formats/index.ts';
import { shapes, tasks } from './pipes/index.ts';

/** The rows of paths, filled in by the file that `pipe types` writes. */
// biome-ignore lint/suspicious/noEmptyInterface: others add to it
export interface PathRows {}

/** The params of pipe files, filled in by the file that `pipe types` writes. */
// biome-ignore lint/suspicious/noEmptyInterface: others add to it
export interface PipeParams {}

type RowOf<Path> = Path extends keyof PathRows ? PathRows[Path] : Row;
type ParamsOf<Source> = [Source] extends [never]
  ? unknown
  : Source extends keyof PipeParams
    ? { params?: PipeParams[Source] }
    : unknown;

/** The engine, typed by what `pipe types` knows of the project. */
export interface Engine extends Omit<AnyEngine, 'read' | 'run'> {
  run<const Source extends DefinitionSource>(
    source: Source,
    options?: PlanOptions & RunOptions & RecordOptions & ParamsOf<Source>,
  ): Run;
  /** The rows of a path of the language. */
  read<const Path extends string>(
    path: Path,
    options?: Parameters<AnyEngine['read']>[1],
  ): AsyncIterableIterator<RowOf<Path>>;
}

/** An engine with everything that is shipped. Close it when done. */
export function createEngine(options: EngineOptions = {}): Engine {
  return assembleEngine({ tasks, shapes, formats, connectors, manifests }, options) as Engine;
}

export { type PipeBuilder, pipe } from './engine/builder.ts';
export type { ConnectionEdit, NewConnection } from './engine/connection-changes.ts';
export type { ConnectionDetails, ConnectionInfo, ConnectionList } from './engine/connection-info.ts';
export type { Connections } from './engine/connections-api.ts';
export type { CredentialStore } from './engine/contracts/credentials.ts';
export type { Column, Row, Value } from './engine/contracts/data.ts';
export type { RunEvent, RunReport, TaskReport } from './engine/contracts/run.ts';
export type { RunRecord, RunSummary, StateStore } from './engine/contracts/state.ts';
export { createStores } from './engine/credentials/stores.ts';
export type {
  CheckResult,
  DefinitionSource,
  EngineOptions,
  PlanOptions,
  RecordOptions,
  Run,
  RunFailure,
} from './engine/engine.ts';
export { type ErrorCode, Failure } from './engine/errors.ts';
export type { TestOptions, TestReport, TestResult } from './engine/pipe-tests/report.ts';
export type { PlanDescription } from './engine/plan-description.ts';
export type { RunOptions } from './engine/run.ts';
export type { Pipe, Task } from './schemas/generated/types.ts';
