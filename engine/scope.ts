// What expressions see outside of rows, and the evaluation of a task's fields before it runs.
import type { Value } from './contracts.ts';

/** The names of the expression scope, by value. `record` is added where rows are at hand. */
export interface Scope {
  params: Record<string, Value>;
  env: Record<string, Value>;
  run: Record<string, Value>;
  tasks: Record<string, Value>;
  state: Record<string, Value>;
  trigger: Value;
  item?: Value;
  record?: Value;
}
