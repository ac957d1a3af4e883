// Paths in a definition: whether they can be read, what they lead to, and whether that is there.
import { readdir, stat } from 'node:fs/promises';
import { basename, dirname, join, relative, resolve } from 'node:path';
import type { PathUse } from '../../schemas/generated/language.ts';
import type { Capability } from '../contracts.ts';
import { Failure } from '../errors.ts';
import { hasPattern, type Path, splitPath, splitPattern, withoutEscapes } from '../paths.ts';
import { pointerTo } from '../pointer.ts';
import { didYouMean } from '../suggest.ts';
import { everyTask, isMap, markedValues, type TaskPlace } from '../validate/tasks.ts';
import { shortText } from '../validate/wording.ts';
import { type Checking, isPending, tasksBefore } from './checking.ts';
import type { PathFacts } from './formats.ts';
import { checkConnectionName } from './references.ts';

/** A path as it stands in a definition. */
interface PathText {
  /** With a plain letter in the place of each `${…}`. */
  text: string;
  /** Whether there is none. */
  fixed: boolean;
  /** Up to the first `${…}`. */
  head: string;
  ends: boolean;
  use: PathUse;
  pointer: string;
  label: string;
  key: string;
}

const capabilityOf: Readonly<Record<PathUse, Capability | undefined>> = {
  read: 'read',
  write: 'write',
  list: 'list',
  delete: 'remove',
  mkdir: 'makeFolder',
  request: 'request',
  pipe: undefined,
};

const doneTo: Readonly<Record<Capability, string>> = {
  read: 'be read from',
  write: 'be written to',
  list: 'be listed',
  query: 'run SQL',
  request: 'be called',
  send: 'send messages',
  describe: 'be described',
  remove: 'have things deleted',
  makeFolder: 'have folders made',
};

/** Checks every path of every task; gives what is known of the main one of each. */
export async function checkPaths(checking: Checking): Promise<Map<TaskPlace, PathFacts>> {
  const facts = new Map<TaskPlace, PathFacts>();
  const written = new Map<TaskPlace, string[]>();
  for (const place of everyTask(checking.tasks)) {
    if (place.part === undefined) continue;
    const paths = pathsOf(place);
    written.set(
      place,
      paths.filter(({ use }) => use === 'write' || use === 'mkdir').map(({ head }) => head),
    );
    for (const path of paths) {
      const found = await checkPath(checking, place, path, (file) => isMadeBefore(checking, place, written, file));
      if (found !== undefined && (path.key === 'path' || path.key === 'url')) facts.set(place, found);
    }
  }
  const settings = isMap(checking.definition.settings) ? checking.definition.settings : {};
  if (typeof settings.on_error === 'string')
    await checkPipeFile(
      checking,
      readPath(settings.on_error, 'pipe', '/settings/on_error', 'the settings', 'on_error'),
    );
  return facts;
}

function pathsOf(place: TaskPlace): PathText[] {
  return markedValues(place.part!, place.task, ({ path }) => path !== undefined).flatMap(({ value, parts, info }) => {
    const values = Array.isArray(value) ? value : [value];
    return values.flatMap((text, index) => {
      if (typeof text !== 'string' || text === '') return [];
      const key = parts.at(-1)!;
      if (key === 'on_reject' && (text === 'fail' || text === 'skip')) return [];
      return [
        readPath(
          text,
          info.path!,
          pointerTo(place.pointer, ...parts, ...(Array.isArray(value) ? [index] : [])),
          place.label,
          key,
        ),
      ];
    });
  });
}

function readPath(value: string, use: PathUse, pointer: string, label: string, key: string): PathText {
  const text = value.replace(/\$\{[^}]*\}/g, 'x');
  const head = value.includes('${') ? value.slice(0, value.indexOf('${')) : value;
  return { text, fixed: head === value, head, ends: !/\}[^./]*$/.test(value), use, pointer, label, key };
}

type IsMade = (file: string) => boolean;

async function checkPath(
  checking: Checking,
  place: TaskPlace,
  path: PathText,
  isMade: IsMade,
): Promise<PathFacts | undefined> {
  const { reporter } = checking;
  const { connection } = place.task;
  if (connection !== undefined) {
    if (typeof connection !== 'string' || connection.includes('${')) return undefined;
    return await inConnection(checking, place, path, connection);
  }
  if (path.head === '') return undefined;
  if (path.use === 'pipe') {
    await checkPipeFile(checking, path);
    return undefined;
  }
  const split = tryPath(checking, path);
  if (split === undefined) return undefined;
  if (isOneTarget(path.use) && path.fixed && split.kind !== 'url' && split.kind !== 'stdio' && hasPattern(split.path)) {
    const message = `${path.label}: ${path.key} names one place, and ${shortText(path.text)} is a pattern; put a \\ before a * or ? that is part of a name`;
    reporter.report({ code: 'PATH_PATTERN', message, pointer: path.pointer });
    return undefined;
  }
  switch (split.kind) {
    case 'connection': {
      // `/shop${params.x}/a`: the name is not known before the run.
      const known = path.fixed || new RegExp(`^/?${split.name}[:/]`).test(path.head);
      if (!known) return undefined;
      const start = path.text.startsWith('/') ? 1 : 0;
      const range = { start, end: start + split.name.length };
      if (
        !checkConnectionName(checking, split.name, path.label, { pointer: path.pointer, range }, localAdvice(path.text))
      )
        return undefined;
      return await connected(checking, place, path, split.name);
    }
    case 'url':
      return await withCapability(checking, place, path, 'http', path.text, 'url');
    case 'stdio':
      return factsOf(place, path, { where: 'stdio', stores: 'files' });
    case 'local':
      return await checkLocal(checking, place, path, split.path, isMade);
  }
}

async function inConnection(
  checking: Checking,
  place: TaskPlace,
  path: PathText,
  connection: string,
): Promise<PathFacts | undefined> {
  const found = checking.connections.find(connection);
  return found === undefined || found.definition.disabled === true
    ? undefined
    : await connected(checking, place, path, connection);
}

async function connected(
  checking: Checking,
  place: TaskPlace,
  path: PathText,
  name: string,
): Promise<PathFacts | undefined> {
  const { connector } = checking.connections.find(name)!.definition;
  return typeof connector === 'string'
    ? await withCapability(checking, place, path, connector, `connection "${name}"`, 'connection')
    : undefined;
}

async function withCapability(
  checking: Checking,
  place: TaskPlace,
  path: PathText,
  connector: string,
  what: string,
  where: 'connection' | 'url',
): Promise<PathFacts | undefined> {
  const shape = await checking.connectorShape(connector);
  if (shape === undefined) return undefined;
  const capability = place.task.query !== undefined && path.use === 'read' ? 'query' : capabilityOf[path.use];
  const manyFiles = where === 'connection' && path.use === 'read' && shape.stores === 'files' && hasPattern(inside);
  const shown = where === 'url' ? shortText(what) : what;
  const refuse = (missing: string) => {
    const message = `${path.label}: ${shown} cannot ${missing}`;
    checking.reporter.report({ code: 'CAPABILITY_MISSING', message, pointer: path.pointer });
    return undefined;
  };
  if (capability !== undefined && !shape.capabilities.includes(capability)) return refuse(`${doneTo[capability]}; ${connector} cannot do that`);
  if (manyFiles && !shape.capabilities.includes('list')) return refuse('be listed, so that a pattern has no meaning; name one file');
  return factsOf(place, path, { where, stores: shape.stores });
}

function factsOf(
  { task }: TaskPlace,
  { text, ends, use, pointer }: PathText,
  { where, stores, file }: { where: PathFacts['where']; stores: 'files' | 'rows' | 'nothing'; file?: string },
): PathFacts {
  const holds = stores === 'nothing' ? undefined : stores;
  return {
    pointer,
    path: text,
    ends,
    where,
    file,
    format: task.format,
    reads: use === 'read' ? holds : undefined,
    writes: use === 'write' ? holds : undefined,
  };
}

async function checkLocal(
  checking: Checking,
  place: TaskPlace,
  path: PathText,
  local: string,
  isMade: IsMade,
): Promise<PathFacts | undefined> {
  const facts = factsOf(place, path, { where: 'local', stores: 'files' });
  if (!path.fixed) return facts;
  const file = resolve(checking.folder, withoutEscapes(local));
  const kind = await kindOf(hasPattern(local) ? resolve(checking.folder, splitPattern(local).base) : file);
  const report = (code: 'PATH_NOT_FOUND' | 'PATH_IS_FOLDER' | 'NOT_ALLOWED', message: string) =>
    checking.reporter.report({ code, message: `${path.label}: ${message}`, pointer: path.pointer });

  if (path.use === 'write') {
    const word = path.key === 'on_reject' ? didYouMean(local, ['fail', 'skip']) : '';
    if (word !== '' && kind === 'nothing')
      report('NOT_ALLOWED', `on_reject would write to a file ${shortText(local)}${word}`);
    if (kind === 'folder' && !local.endsWith('/') && path.key === 'path' && facts.ends && /\.[a-z]+$/i.test(local)) {
      report('PATH_IS_FOLDER', `${local} is a folder, and a file is needed to write to`);
    }
    return facts;
  }
  if (path.use !== 'read' && path.use !== 'list') return facts;
  if (kind === 'file') return { ...facts, file };
  if (kind === 'folder') {
    const takesFolders = path.use === 'list' || hasPattern(local) || writesToo(place);
    if (takesFolders) return facts;
    report('PATH_IS_FOLDER', `${local} is a folder; name a file in it, or a pattern such as ${join(local, '*.csv')}`);
    return undefined;
  }
  if (kind === 'unknown' || isMade(file) || place.task.missing === 'empty' || isPending(checking, place)) return facts;
  if (hasPattern(local))
    report(
      'PATH_NOT_FOUND',
      `there is no folder ${splitPattern(local).base} to look for ${splitPattern(local).rest} in`,
    );
  else report('PATH_NOT_FOUND', `${local} does not exist${await nearPaths(checking.folder, file)}`);
  return undefined;
}

async function checkPipeFile(checking: Checking, path: PathText): Promise<void> {
  if (!path.fixed || path.text === '') return;
  const split = tryPath(checking, path);
  if (split?.kind !== 'local') return;
  const file = resolve(checking.folder, split.path);
  if ((await kindOf(file)) !== 'nothing') return;
  const message = `${path.label}: the pipe ${split.path} does not exist${await nearPaths(checking.folder, file)}`;
  checking.reporter.report({ code: 'PATH_NOT_FOUND', message, pointer: path.pointer });
}

function tryPath({ reporter }: Checking, path: PathText): Path | undefined {
  try {
    return splitPath(path.text);
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    reporter.report({ code: 'PATH_INVALID', message: `${path.label}: ${error.message}`, pointer: path.pointer });
    return undefined;
  }
}

/** Whether one write, or one folder, is meant. */
function isOneTarget(use: PathUse): boolean {
  return use === 'write' || use === 'mkdir' || use === 'request';
}

/** A task that has a target of its own, such as copy, takes whole folders. */
function writesToo({ part }: TaskPlace): boolean {
  return Object.entries(part!.fields).some(([pointer, { path }]) => path === 'write' && pointer !== '/on_reject');
}

/** Whether a task before this one may have made the file. */
function isMadeBefore(
  { folder }: Checking,
  place: TaskPlace,
  written: ReadonlyMap<TaskPlace, string[]>,
  file: string,
): boolean {
  return tasksBefore(place)
    .flatMap((before) => [before, ...everyInside(before)])
    .flatMap((before) => written.get(before) ?? [])
    .some((target) => {
      if (target === '') return true;
      const way = relative(resolve(folder, target.replace(/^file:\/\//, '')), file);
      return way === '' || !way.startsWith('..') || file.startsWith(resolve(folder, target));
    });
}

function* everyInside(place: TaskPlace): Generator<TaskPlace> {
  for (const list of place.nested) yield* everyTask(list);
}

/** For `/home/me/a.csv`, which reads as a connection "home". */
function localAdvice(text: string): string {
  return text.startsWith('/') &&
    /^\/(home|users|tmp|var|etc|mnt|media|opt|root|srv|data|usr|volumes|private)\//i.test(text)
    ? `; a file of this machine is written file://${text}`
    : '';
}

async function kindOf(file: string): Promise<'file' | 'folder' | 'nothing' | 'unknown'> {
  try {
    return (await stat(file)).isDirectory() ? 'folder' : 'file';
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return code === 'ENOENT' || code === 'ENOTDIR' ? 'nothing' : 'unknown';
  }
}

async function nearPaths(folder: string, file: string): Promise<string> {
  const parent = dirname(file);
  const shown = (name: string) => {
    const way = relative(folder, join(parent, name));
    return way.startsWith('..') ? join(parent, name) : way;
  };
  try {
    const names = (await readdir(parent)).filter((name) => !name.startsWith('.'));
    return didYouMean(basename(file), names).replace(/"([^"]+)"/g, (_, name: string) => `"${shown(name)}"`);
  } catch {
    const missing = relative(folder, parent);
    return `; there is no folder ${missing.startsWith('..') ? parent : missing}`;
  }
}
