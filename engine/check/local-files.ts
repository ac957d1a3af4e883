// Local files and folders that a definition names: whether they are there, and what they are.
import { readdir, stat } from 'node:fs/promises';
import { basename, dirname, join, relative, resolve } from 'node:path';
import { hasPattern, splitPattern, withoutEscapes } from '../paths.ts';
import { didYouMean } from '../suggest.ts';
import { everyTask, type TaskPlace } from '../validate/tasks.ts';
import { shortText } from '../validate/wording.ts';
import { type Checking, isPending, tasksBefore } from './checking.ts';
import type { PathFacts } from './formats.ts';
import { factsOf, type PathText } from './path-texts.ts';

/** Whether a task before may have made the file. */
export type IsMade = (file: string) => boolean;

export async function checkLocal(
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

/** A pipe that another one runs; `local` is its path. Gives the file where there is one. */
export async function checkPipeFile(checking: Checking, path: PathText, local: string): Promise<string | undefined> {
  const file = resolve(checking.folder, local);
  const kind = await kindOf(file);
  if (kind !== 'nothing') return kind === 'file' ? file : undefined;
  const message = `${path.label}: the pipe ${local} does not exist${await nearPaths(checking.folder, file)}`;
  checking.reporter.report({ code: 'PATH_NOT_FOUND', message, pointer: path.pointer });
  return undefined;
}

/** A task that has a target of its own, such as copy, takes whole folders. */
function writesToo({ part }: TaskPlace): boolean {
  return Object.entries(part!.fields).some(([pointer, { path }]) => path === 'write' && pointer !== '/on_reject');
}

/** Whether a task before this one may have made the file. */
export function isMadeBefore(
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

async function kindOf(file: string): Promise<'file' | 'folder' | 'nothing' | 'unknown'> {
  try {
    return (await stat(file)).isDirectory() ? 'folder' : 'file';
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return code === 'ENOENT' || code === 'ENOTDIR' ? 'nothing' : 'unknown';
  }
}

/** `; did you mean …`, or which folder is missing. */
export async function nearPaths(folder: string, file: string): Promise<string> {
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
