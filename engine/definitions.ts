// Definitions from wherever they come: loaded, checked with what is around them, and planned.
import { basename, dirname, resolve } from 'node:path';
import type { Pipe } from '../schemas/generated/types.ts';
import type { PipeBuilder } from './builder.ts';
import { checkPipe } from './check.ts';
import type { OwnConnectors } from './connector-parts.ts';
import type { Value } from './contracts/data.ts';
import { countDiagnostics, type Diagnostic, formatDiagnostics, sortDiagnostics } from './diagnostics.ts';
import { failure } from './errors.ts';
import type { Homes } from './homes.ts';
import { type Loaded, loadFile, loadText, loadValue, type Source } from './load.ts';
import { type ModuleHome, moduleHomeOf } from './modules.ts';
import { loadOwnConnector } from './own-connectors.ts';
import { createPlan, type Plan } from './plan.ts';
import { loadConnections, projectFileName } from './project.ts';
import { registryFile } from './registry.ts';
import { learnDefinition } from './secret-references.ts';
import type { Surroundings } from './surroundings.ts';
import { everyTask, isMap, taskListOf } from './validate/tasks.ts';

/** A file's path, a text with a name for diagnostics, or a document: plain, or from `pipe('name')`. */
export type DefinitionSource = string | { text: string; file?: string } | Pipe | PipeBuilder;

export const recorded = Symbol('recorded');

/** What the history has of a run: its definition without secrets, and the file it came from. */
export interface RecordedSource {
  /** By a symbol, so that no document can pass for one. */
  [recorded]: Value;
  run: string;
  file?: string;
}

export interface PlanOptions {
  /** Values for the pipe's params. Texts of a command line go into `texts`, which are read by the declared types. */
  params?: Readonly<Record<string, unknown>>;
  texts?: Readonly<Record<string, string>>;
  /** Values for those params that the pipe declares. */
  offered?: Readonly<Record<string, unknown>>;
  /** The folder whose modules a definition that is no file may call from `code`; none unless told. */
  modules?: string;
}

export interface CheckResult {
  /** Sorted by place; errors and warnings. */
  diagnostics: Diagnostic[];
  /** The same, for people: with source lines and carets. */
  text(o?: { colour?: boolean }): string;
}

interface TrialOptions {
  /** Local files that are read need not be there: a test has something in their place. */
  unread?: boolean;
}

export interface Definitions {
  /** Offline. Throws only when a file cannot be read at all. */
  check(source: DefinitionSource): Promise<CheckResult>;
  /** Of the manifest of a service. */
  checkManifest(file: string): Promise<CheckResult>;
  /** A definition for its tests, and where its parts stand, as `file:line:col`. Throws as `plan` does. */
  tests(source: DefinitionSource | RecordedSource): Promise<{ definition: Pipe; locate(pointer: string): string }>;
  /** Throws DEFINITION_INVALID, or CONNECTIONS_INVALID when nothing else is wrong, with `diagnostics`. */
  plan(
    source: DefinitionSource | RecordedSource,
    options?: PlanOptions & TrialOptions & { started?: string },
  ): Promise<{ plan: Plan; homes: Homes; definition: Value }>;
}

export function createDefinitions(surroundings: Surroundings): Definitions {
  const { parts, redactor } = surroundings;
  const folderOf = (source: DefinitionSource | RecordedSource) => {
    const file = fileOf(source);
    return file === undefined ? surroundings.folder : dirname(resolve(file));
  };

  const modulesOf = async (
    source: DefinitionSource | RecordedSource,
    { project }: Homes,
    told?: string,
  ): Promise<ModuleHome> => {
    const file = fileOf(source);
    if (file !== undefined) return moduleHomeOf(file, project?.folder);
    if (told !== undefined) return { root: resolve(told) };
    return { refused: 'this definition is no file of a project' };
  };

  const checkLoaded = async (source: DefinitionSource | RecordedSource, told?: string, unread = false) => {
    const loaded = await load(source);
    const homes = await surroundings.around(folderOf(source));
    learnAll(loaded.source?.value, homes.connectors, (secret) => redactor.add(secret));
    if (loaded.source === undefined) {
      return {
        homes,
        loaded,
        definition: undefined,
        modules: { refused: '' },
        result: resultOf(loaded.diagnostics, (_, number) => loaded.line(number)),
      };
    }
    const modules = await modulesOf(source, homes, told);
    const checked = await checkPipe(loaded.source, parts, {
      folder: folderOf(source),
      homes: homes.homes,
      modules,
      unread,
    });
    for (const { definition, own } of checked.used) learnDefinition(definition, (secret) => redactor.add(secret), own);
    const around = await homes.check(checked.used);
    const line = (file: string, number: number) =>
      ([homes.project, homes.user, ...homes.connectors.values()].find((each) => each?.file === file) ?? loaded).line(
        number,
      );
    return {
      homes,
      loaded,
      modules,
      definition: around.some(({ severity }) => severity === 'error') ? undefined : checked.definition,
      result: resultOf([...checked.diagnostics, ...around], line),
    };
  };

  /** Throws where there are mistakes. */
  const valid = async (
    source: DefinitionSource | RecordedSource,
    { told, unread }: { told?: string | undefined; unread?: boolean | undefined },
  ) => {
    const { homes, loaded, modules, result, definition } = await checkLoaded(source, told, unread);
    if (definition === undefined || loaded.source === undefined) {
      const errors = result.diagnostics.filter(({ severity }) => severity === 'error');
      const data = { count: countDiagnostics(result.diagnostics), file: errors[0]?.file ?? '' };
      const code = errors.every(({ about }) => about === 'connection') ? 'CONNECTIONS_INVALID' : 'DEFINITION_INVALID';
      throw Object.assign(failure(code, data), { diagnostics: result });
    }
    return { homes, loaded: loaded.source, modules, definition };
  };

  const resultOf = (
    diagnostics: Diagnostic[],
    line: (file: string, number: number) => string | undefined,
  ): CheckResult => {
    const found = redactor.redactValue(sortDiagnostics(diagnostics));
    return {
      diagnostics: found,
      text: ({ colour = false } = {}) => redactor.redact(formatDiagnostics(found, { line, colour })),
    };
  };

  return {
    async check(source) {
      const home = typeof source === 'string' ? homeOfFile(source, surroundings.configFolder) : undefined;
      if (home === undefined) return (await checkLoaded(source)).result;
      const file = await loadConnections(source as string, home, new Set(Object.keys(parts.connectors)));
      const { connectors: own } = await surroundings.around(folderOf(source));
      const manifests = home === 'project' ? [...own.values()] : [];
      const diagnostics = [...(await file.check(own)), ...manifests.flatMap((each) => each.diagnostics)];
      const line = (at: string, number: number) => (manifests.find((each) => each.file === at) ?? file).line(number);
      return resultOf(diagnostics, line);
    },
    async checkManifest(file) {
      const { diagnostics, line } = await loadOwnConnector(file, parts);
      return resultOf(diagnostics, (_, number) => line(number));
    },
    async tests(source) {
      const { definition, loaded } = await valid(source, { unread: true });
      return { definition, locate: placesOf(loaded) };
    },
    async plan(source, { params, texts, offered, modules: told, unread, started } = {}) {
      const { homes, loaded, modules, definition } = await valid(source, { told, unread });
      const given = {
        ...(params === undefined ? {} : { values: params }),
        ...(texts === undefined ? {} : { texts }),
        ...(offered === undefined ? {} : { offered }),
      };
      const plan = createPlan(
        {
          pipe: definition,
          source: loaded,
          folder: folderOf(source),
          modules,
          given,
          homes: homes.homes,
          ...(started === undefined ? {} : { started }),
          ...(homes.project?.settings === undefined ? {} : { settings: homes.project.settings }),
        },
        parts,
      );
      for (const [name, param] of Object.entries(definition.params ?? {})) {
        if (param.secret === true && plan.params[name] != null) redactor.add(String(plan.params[name]));
      }
      return { plan, homes, definition: definition as unknown as Value };
    },
  };
}

function placesOf(source: Source): (pointer: string) => string {
  return (pointer) => {
    const { line, col } = source.locate(pointer);
    return `${source.file}:${line}:${col}`;
  };
}

/** The file that a definition is, or was. */
export function fileOf(source: DefinitionSource | RecordedSource): string | undefined {
  if (typeof source === 'string') return source;
  return recorded in source ? source.file : undefined;
}

function load(source: DefinitionSource | RecordedSource): Promise<Loaded> {
  const bare = { list: 'tasks' };
  if (typeof source === 'object' && recorded in source)
    return loadValue(source[recorded], `<the definition of ${source.run}>`, bare);
  if (typeof source === 'string') return loadFile(source, bare);
  if ('text' in source && typeof source.text === 'string') return loadText(source.text, source.file ?? '<text>', bare);
  return loadValue(source, '<program>', bare);
}

/** A file with connections is none with tasks. */
function homeOfFile(file: string, configFolder: string): 'project' | 'user' | undefined {
  if (basename(file) === projectFileName) return 'project';
  return resolve(file) === registryFile(configFolder) ? 'user' : undefined;
}

/** The secrets that a pipe holds as text: in its connections, and in those that its tasks make. */
function learnAll(value: unknown, connectors: OwnConnectors, learn: (secret: string) => void): void {
  if (!isMap(value)) return;
  const own = isMap(value.connections) ? Object.values(value.connections) : [];
  const made = [...everyTask(taskListOf(value.tasks, '/tasks'))].map(({ task }) => task.config);
  for (const each of [...own, ...made])
    if (isMap(each)) learnDefinition(each, learn, connectors.get(String(each.connector)));
}
