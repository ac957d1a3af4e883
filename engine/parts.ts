// What the engine is put together from: tasks, formats, connectors and stores, each found by name and loaded when needed.
import type { Manifest } from '../schemas/generated/types.ts';
import type { AnyConnector } from './contracts/connector.ts';
import type { AnyTask } from './contracts/task.ts';
import type { FormatRegistry } from './formats.ts';
import type { OpShape } from './graph.ts';
import type { Mistake } from './report.ts';

/** Things by name, each loaded when it is first asked for. */
export type Lazy<T> = Readonly<Record<string, () => Promise<T>>>;

export interface Parts {
  tasks: Lazy<AnyTask>;
  /** What each op takes and gives, known without loading it. */
  shapes: Readonly<Record<string, OpShape>>;
  formats: FormatRegistry;
  connectors: Lazy<AnyConnector>;
  /** What makes connectors of the manifests of a project; without it they have none. */
  manifests?: ManifestParts;
}

const loaded = new WeakMap<Parts['tasks'], Map<string, Promise<AnyTask>>>();

/** The code of a task, loaded once: a foreach asks for it with each item. */
export function taskCode({ tasks }: Pick<Parts, 'tasks'>, op: string): Promise<AnyTask> {
  const known = loaded.get(tasks) ?? new Map<string, Promise<AnyTask>>();
  loaded.set(tasks, known);
  const code = known.get(op) ?? tasks[op]!();
  known.set(op, code);
  return code;
}

export interface ManifestParts {
  /** Reports what is wrong with a manifest beyond its shape. */
  check(manifest: Manifest, report: (mistake: Mistake) => void): Promise<void>;
  connector(manifest: Manifest): Promise<AnyConnector>;
}
