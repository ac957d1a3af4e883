// Paths in a definition: whether they can be read, and whether what they lead to is there.

import type { PathUse } from '../../schemas/generated/language.ts';
import { Failure } from '../errors.ts';
import { hasPattern, type Path, splitPath } from '../paths.ts';
import { everyTask, isMap, type TaskPlace } from '../validate/tasks.ts';
import { shortText } from '../validate/wording.ts';
import { connected, onConnector } from './capabilities.ts';
import { allTasks, type Checking } from './checking.ts';
import type { PathFacts } from './formats.ts';
import { checkLocal, checkPipeFile, type IsMade, isMadeBefore } from './local-files.ts';
import { checkOtherPipe } from './other-pipes.ts';
import { factsOf, type PathText, pathsOf, readPath } from './path-texts.ts';
import { checkConnectionName } from './references.ts';

/** Checks every path of every task; gives what is known of the main one of each. */
export async function checkPaths(checking: Checking): Promise<Map<TaskPlace, PathFacts>> {
  const facts = new Map<TaskPlace, PathFacts>();
  const written = new Map<TaskPlace, string[]>();
  for (const place of allTasks(checking)) {
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
  checkTargets(checking);
  const settings = isMap(checking.definition.settings) ? checking.definition.settings : {};
  if (typeof settings.on_error === 'string' && settings.on_error !== '') {
    await checkPipe(checking, readPath(settings.on_error, 'pipe', '/settings/on_error', 'the settings', 'on_error'));
  }
  return facts;
}

/** Two writes to one place: what the first wrote would be gone. Writes that add to what is there, or look for it, are meant so. */
function checkTargets({ tasks, reporter }: Checking): void {
  const before = new Map<string, TaskPlace>();
  for (const place of everyTask(tasks)) {
    const { mode, connection, when, path, split } = place.task;
    if (place.op !== 'write' || typeof path !== 'string' || path.includes('${') || path === '-' || path.endsWith('/'))
      continue;
    if (place.task.disabled === true || when !== undefined || split !== undefined) continue;
    const target = `${typeof connection === 'string' ? connection : ''} ${path}`;
    const first = before.get(target);
    before.set(target, place);
    if (first === undefined || mode === 'append' || mode === 'upsert' || mode === 'create') continue;
    reporter.report({
      code: 'TARGET_TWICE',
      severity: 'warning',
      message: `${place.label} writes to ${shortText(path)}, as ${first.label} does: a file then holds only the second`,
      pointer: `${place.pointer}/path`,
    });
  }
}

async function checkPath(
  checking: Checking,
  place: TaskPlace,
  path: PathText,
  isMade: IsMade,
): Promise<PathFacts | undefined> {
  const { reporter } = checking;
  const { connection } = place.task;
  // What is refused goes where its own path says.
  if (connection !== undefined && path.key !== 'on_reject') {
    if (typeof connection !== 'string' || connection.includes('${')) return undefined;
    if (!(await onlySends(checking, connection))) return await inConnection(checking, place, path, connection);
  }
  if (path.head === '') return undefined;
  if (path.use === 'pipe') {
    await checkPipe(checking, path, place);
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
      return await connected(checking, place, path, split.name, split.path);
    }
    case 'url':
      return await onConnector(checking, place, path, {
        connector: 'http',
        shown: shortText(path.text),
        where: 'url',
        pattern: false,
      });
    case 'stdio':
      return factsOf(place, path, { where: 'stdio', stores: 'files' });
    case 'local':
      return await checkLocal(checking, place, path, split.path, isMade);
  }
}

async function checkPipe(checking: Checking, path: PathText, place?: TaskPlace): Promise<void> {
  const split = path.fixed ? tryPath(checking, path) : undefined;
  if (split?.kind !== 'local') return;
  const file = await checkPipeFile(checking, path, split.path);
  if (file !== undefined) await checkOtherPipe(checking, path, file, place);
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
    : await connected(checking, place, path, connection, path.text);
}

/** A connection that messages are sent through has no paths: those of its tasks stand for themselves. */
async function onlySends({ connections, connectorShape }: Checking, name: string): Promise<boolean> {
  const connector = connections.find(name)?.definition.connector;
  const shape = typeof connector === 'string' ? await connectorShape(connector) : undefined;
  return shape?.capabilities.includes('send') === true && !shape.capabilities.includes('read');
}

function tryPath({ reporter }: Checking, path: PathText): Path | undefined {
  try {
    return splitPath(path.text);
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    // `file://${params.folder}/a.csv`: what follows the scheme is not known before the run.
    if (!path.fixed && /^[a-z]+:\/*$/i.test(path.head)) return undefined;
    // What is refused may be a URL with a password in it.
    if (/:\/\/[^/]*@/.test(path.text)) reporter.source.hide(path.pointer);
    reporter.report({ code: 'PATH_INVALID', message: `${path.label}: ${error.message}`, pointer: path.pointer });
    return undefined;
  }
}

/** Whether one place is meant, and never many. */
function isOneTarget(use: PathUse): boolean {
  return use === 'write' || use === 'mkdir';
}

/** For `/home/me/a.csv`, which reads as a connection "home". */
function localAdvice(text: string): string {
  return text.startsWith('/') &&
    /^\/(home|users|tmp|var|etc|mnt|media|opt|root|srv|data|usr|volumes|private)\//i.test(text)
    ? `; a file of this machine is written file://${text}`
    : '';
}
