// What `import … from 'pipewright'` gives: the engine with the shipped connectors, tasks and formats.
import { connectors } from './connectors/index.ts';
import { assembleEngine, type Engine, type EngineOptions } from './engine/engine.ts';
import { formats } from './pipes/formats/index.ts';
import { shapes, tasks } from './pipes/index.ts';

/** An engine with everything that is shipped. Close it when done. */
export function createEngine(options: EngineOptions = {}): Engine {
  return assembleEngine({ tasks, shapes, formats, connectors }, options);
}

export { type PipeBuilder, pipe } from './engine/builder.ts';
export type { Column, Row, RunEvent, RunReport, TaskReport, Value } from './engine/contracts.ts';
export type {
  CheckResult,
  DefinitionSource,
  Engine,
  EngineOptions,
  PlanOptions,
  Run,
  RunFailure,
} from './engine/engine.ts';
export { type ErrorCode, Failure } from './engine/errors.ts';
export type { PlanDescription } from './engine/plan-description.ts';
export type { RunOptions } from './engine/run.ts';
export type { Pipe, Task } from './schemas/generated/types.ts';
