// Which pipes of a folder use a connection: what to know before it is renamed or removed.
import { readdir, readFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { tasks as ops } from '../schemas/generated/language.ts';
import { findSaved } from './connection-places.ts';
import { eidOf } from './connections.ts';
import { loadText } from './load.ts';
import { splitPath } from './paths.ts';
import { projectFileName } from './project.ts';
import type { Surroundings } from './surroundings.ts';
import { everyTask, isMap, markedValues, taskListOf } from './validate/tasks.ts';

const mostFiles = 10_000;

/** The pipe files of the project, or of the current folder where there is none, that use a saved connection. */
export async function usesOf(surroundings: Surroundings, name: string): Promise<string[]> {
  const { homes, found } = await findSaved(surroundings, name);
  const names = [found.alias, eidOf(found), ...(found.definition.default === true ? [found.definition.connector] : [])];
  const folder = homes.project?.folder ?? surroundings.folder;
  const files = await pipesUsing(
    folder,
    names.filter((each) => each !== undefined),
  );
  return files.map((file) => relative(surroundings.folder, file));
}

/** The pipe files below `folder` whose tasks name the connection, and that do not define one of that name themselves. */
export async function pipesUsing(folder: string, names: readonly string[]): Promise<string[]> {
  const users: string[] = [];
  for await (const file of pipeFiles(folder)) {
    const text = await readFile(file, 'utf8').catch(() => '');
    // Most files need no second look.
    if (!names.some((name) => text.includes(name))) continue;
    const { source } = await loadText(text, file, { list: 'tasks' });
    if (!isMap(source?.value)) continue;
    const own = isMap(source.value.connections) ? source.value.connections : {};
    const asked = names.filter((name) => !Object.hasOwn(own, name));
    if (asked.some((name) => namedIn(source.value as Record<string, unknown>).has(name))) users.push(file);
  }
  return users.sort();
}

function namedIn(pipe: Record<string, unknown>): Set<string> {
  const named = new Set<string>();
  const settings = isMap(pipe.settings) ? pipe.settings : {};
  const lists = [taskListOf(pipe.tasks, '/tasks'), taskListOf(settings.on_error, '/settings/on_error')];
  for (const { task, op } of lists.flatMap((list) => [...everyTask(list)])) {
    const part = op !== undefined && Object.hasOwn(ops, op) ? ops[op] : undefined;
    if (part === undefined) continue;
    for (const { value } of markedValues(part, task, ({ reference }) => reference === 'connection'))
      named.add(String(value));
    for (const { value } of markedValues(part, task, ({ path }) => path !== undefined)) {
      for (const path of [value].flat()) if (typeof path === 'string') addConnection(named, path);
    }
  }
  return named;
}

function addConnection(named: Set<string>, path: string): void {
  try {
    const split = splitPath(path);
    if (split.kind === 'connection') named.add(split.name);
  } catch {
    // What is no path names no connection.
  }
}

/** Every file below the folder that may be a pipe, in no order. */
export async function* pipeFiles(folder: string): AsyncGenerator<string> {
  let seen = 0;
  const waiting = [folder];
  for (let at = waiting.pop(); at !== undefined; at = waiting.pop()) {
    const entries = await readdir(at, { withFileTypes: true }).catch(() => []);
    for (const entry of entries) {
      if (entry.name.startsWith('.') || entry.name === 'node_modules') continue;
      if (entry.isDirectory()) waiting.push(join(at, entry.name));
      else if (/\.(ya?ml|json)$/i.test(entry.name) && entry.name !== projectFileName) {
        if (++seen > mostFiles) return;
        yield join(at, entry.name);
      }
    }
  }
}
