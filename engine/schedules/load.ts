// The pipes of files and folders that have triggers, ready to be scheduled.
import { readdir, readFile, stat } from 'node:fs/promises';
import { basename, join, relative, resolve } from 'node:path';
import type { Pipe } from '../../schemas/generated/types.ts';
import type { Definitions } from '../definitions.ts';
import { durationMs } from '../duration.ts';
import { failure } from '../errors.ts';
import { loadFile } from '../load.ts';
import { isMap } from '../validate/tasks.ts';
import type { ScheduledPipe } from './scheduler.ts';
import type { Trigger } from './ticks.ts';
import { timesOf } from './times.ts';

/** A trigger with what its pipe file says of it. */
export interface LoadedTrigger extends Trigger {
  cron: string;
  timezone: string;
  start?: string | undefined;
  end?: string | undefined;
  jitter?: string | undefined;
  params: Record<string, unknown>;
  disabled: boolean;
}

export interface LoadedPipe extends ScheduledPipe {
  file: string;
  /** Changes when the file does. */
  version: string;
  triggers: readonly LoadedTrigger[];
}

export interface Loaded {
  pipes: LoadedPipe[];
  /** Files that cannot be scheduled, and why. */
  problems: { file: string; text: string }[];
}

const pass = new Set(['node_modules', 'input', 'output', 'expected']);
const deepest = 12;

/** Finds them. Files that are named must be there; in folders, what has no triggers is passed by. */
export async function loadSchedules(
  paths: readonly string[],
  definitions: Definitions,
  known?: Loaded,
): Promise<Loaded> {
  const pipes: LoadedPipe[] = [];
  const problems: Loaded['problems'] = [];
  for (const path of paths) {
    const info = await stat(path).catch(() => undefined);
    if (info === undefined) throw failure('FILE_NOT_FOUND', { path, hint: '' });
    const files = info.isDirectory() ? await filesBelow(path) : [resolve(path)];
    for (const file of files) {
      if (pipes.some((pipe) => pipe.file === file)) continue;
      const version = await versionOf(file);
      const before = known?.pipes.find((pipe) => pipe.file === file && pipe.version === version);
      const found = before ?? (await loadOne(file, version, definitions));
      if (found === undefined) {
        if (!info.isDirectory()) problems.push({ file, text: `${shownPath(file)} has no triggers\n` });
      } else if ('text' in found) problems.push(found);
      else pipes.push(found);
    }
  }
  for (const [i, { pipe, file }] of pipes.entries()) {
    const first = pipes.findIndex((each) => each.pipe === pipe);
    if (first === i) continue;
    problems.push({
      file,
      text: `the name "${pipe}" is that of ${pipes[first]!.file} as well; give one of them another\n`,
    });
  }
  const twice = new Set(problems.map(({ file }) => file));
  return { pipes: pipes.filter(({ file }) => !twice.has(file)), problems };
}

async function loadOne(file: string, version: string, definitions: Definitions) {
  const text = await readFile(file, 'utf8');
  if (!/["'\s{,]triggers["']?\s*:|^triggers\s*:/m.test(text)) return undefined;
  const { source } = await loadFile(file, { list: 'tasks' });
  const value = source?.value;
  if (source !== undefined && (!isMap(value) || !('tasks' in value) || !('triggers' in value))) return undefined;
  const checked = await definitions.check(shownPath(file));
  if (checked.diagnostics.some(({ severity }) => severity === 'error')) return { file, text: checked.text() };
  const pipe = value as unknown as Pipe;
  return { file, version, pipe: nameOf(pipe, file), triggers: triggersOf(pipe) };
}

function nameOf({ name }: Pipe, file: string): string {
  return name ?? basename(file).replace(/\.(ya?ml|json)$/i, '');
}

function triggersOf({ triggers = [] }: Pipe): LoadedTrigger[] {
  const keys = new Map<string, number>();
  return triggers.map((trigger, index) => {
    const {
      cron,
      timezone = 'UTC',
      start,
      end,
      jitter,
      catch_up: catchUp = 'none',
      params = {},
      disabled = false,
    } = trigger;
    const plain = `${cron.trim().replace(/\s+/g, ' ')} ${timezone}`;
    const count = (keys.get(plain) ?? 0) + 1;
    keys.set(plain, count);
    return {
      number: index + 1,
      key: count === 1 ? plain : `${plain} #${count}`,
      cron,
      timezone,
      start,
      end,
      jitter,
      jitterMs: jitter === undefined ? 0 : durationMs(jitter),
      catchUp,
      params,
      disabled,
      times: timesOf({ cron, timezone, start, end }),
    };
  });
}

async function filesBelow(folder: string, depth = 0): Promise<string[]> {
  if (depth > deepest) return [];
  const found: string[] = [];
  const entries = await readdir(folder, { withFileTypes: true });
  for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const path = join(folder, entry.name);
    if (entry.name.startsWith('.') || pass.has(entry.name)) continue;
    if (entry.isDirectory()) found.push(...(await filesBelow(path, depth + 1)));
    else if (/\.(ya?ml|json)$/i.test(entry.name) && entry.name !== 'pipewright.yaml') found.push(resolve(path));
  }
  return found;
}

async function versionOf(file: string): Promise<string> {
  const { mtimeMs, size, ino } = await stat(file);
  return `${mtimeMs} ${size} ${ino}`;
}

/** As short as it can be said from here. */
export function shownPath(file: string): string {
  const near = relative('.', file);
  return near.startsWith('..') ? file : near;
}
