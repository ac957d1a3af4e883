// `pipe check`: everything that can be known to be wrong with a definition before it is run, without a network.
import { dirname } from 'node:path';
import type { Pipe } from '../schemas/generated/types.ts';
import { type Checking, type ConnectorShape, tasksById } from './check/checking.ts';
import { checkCode } from './check/code.ts';
import { checkExpressions } from './check/expressions.ts';
import { checkFieldRules } from './check/field-rules.ts';
import { checkPaths } from './check/paths.ts';
import { checkReferences } from './check/references.ts';
import { checkStreams } from './check/streams.ts';
import {
  type ConnectionDefinition,
  type ConnectionHome,
  createLookup,
  type FoundConnection,
  ownConnectorsOf,
} from './connections.ts';
import type { OwnConnector } from './connector-parts.ts';
import { type Diagnostic, sortDiagnostics } from './diagnostics.ts';
import type { Source } from './load.ts';
import type { ModuleHome } from './modules.ts';
import type { Parts } from './parts.ts';
import { createReporter } from './report.ts';
import { everyTask, isMap, type TaskList, taskListOf } from './validate/tasks.ts';
import { validatePipe } from './validate.ts';

export interface CheckOptions {
  /** Relative local paths start here. The folder of the file, when absent. */
  folder?: string;
  /** Connections from outside the pipe: the project's, the user's. */
  homes?: readonly ConnectionHome[];
  /** Where the modules are that it may call. */
  modules?: ModuleHome;
  /** Local files that are read need not be there. */
  unread?: boolean;
}

export interface Checked {
  /** Sorted, errors and warnings. */
  diagnostics: Diagnostic[];
  /** The definition, when there is no error. */
  definition: Pipe | undefined;
  /** The connections that it names and that are there. */
  used: FoundConnection[];
}

/** Every mistake of a loaded definition, each once. Reads no more than the names and first bytes of local files. */
export async function checkPipe(
  source: Source,
  parts: Pick<Parts, 'shapes' | 'formats' | 'connectors'>,
  options: CheckOptions = {},
): Promise<Checked> {
  const reporter = createReporter(source);
  const own = ownConnectorsOf(options.homes ?? []);
  const tasks = await validatePipe(reporter, { connectors: new Set(Object.keys(parts.connectors)), own });
  const used = new Set<FoundConnection>();
  if (isMap(source.value)) {
    const connections = createLookup([
      { home: 'pipe', connections: connectionsOf(source.value.connections) },
      ...(options.homes ?? []),
    ]);
    const checking: Checking = {
      reporter,
      definition: source.value,
      tasks,
      lists: [tasks, onErrorOf(source.value)].filter((list) => list !== undefined),
      byId: tasksById(tasks),
      params: mapsOf(source.value.params),
      connections: {
        ...connections,
        find(name) {
          const found = connections.find(name);
          if (found !== undefined) used.add(found);
          return found;
        },
      },
      made: aliasesMade(tasks),
      folder: options.folder ?? dirname(source.file),
      shapes: parts.shapes,
      formats: parts.formats,
      connectorShape: async (name): Promise<ConnectorShape | undefined> =>
        Object.hasOwn(parts.connectors, name) ? await parts.connectors[name]!() : await ofProject(own.get(name)),
    };
    checkReferences(checking);
    checkFieldRules(checking);
    if (Array.isArray(source.value.triggers)) (await import('./schedules/check.ts')).checkTriggers(checking);
    await checkExpressions(checking);
    await checkCode(checking, options.modules ?? { refused: 'this definition is no file' });
    await checkStreams(checking, await checkPaths(checking));
    if (source.value.tests !== undefined) (await import('./pipe-tests/check.ts')).checkTests(checking);
  }
  const missing = options.unread === true ? 'PATH_NOT_FOUND' : undefined;
  const diagnostics = sortDiagnostics(reporter.diagnostics.filter(({ code }) => code !== missing));
  const failed = diagnostics.some(({ severity }) => severity === 'error');
  return { diagnostics, definition: failed ? undefined : (source.value as Pipe), used: [...used] };
}

/** What runs when a run fails, where it stands here. */
function onErrorOf({ settings }: Record<string, unknown>): TaskList | undefined {
  return taskListOf(isMap(settings) ? settings.on_error : undefined, '/settings/on_error', 'settings.on_error.');
}

/** Nothing is said of one whose manifest has mistakes. */
async function ofProject(own: OwnConnector | undefined): Promise<ConnectorShape | undefined> {
  return own?.part === undefined ? undefined : await own.load();
}

/** The entries of a map that are maps themselves; the others are told by the schema. */
function mapsOf(value: unknown): Record<string, Record<string, unknown>> {
  return isMap(value)
    ? (Object.fromEntries(Object.entries(value).filter(([, each]) => isMap(each))) as Record<
        string,
        Record<string, unknown>
      >)
    : {};
}

function connectionsOf(value: unknown): Record<string, ConnectionDefinition> {
  return mapsOf(value) as Record<string, ConnectionDefinition>;
}

/** The aliases that tasks define while the pipe runs: those beside a connection in a task. */
function aliasesMade(tasks: TaskList | undefined): ReadonlySet<string> {
  const aliases = new Set<string>();
  for (const { part, task } of everyTask(tasks)) {
    const makes = Object.values(part?.fields ?? {}).some(({ connection }) => connection === true);
    if (makes && typeof task.alias === 'string') aliases.add(task.alias);
  }
  return aliases;
}
