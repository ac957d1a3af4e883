// Pipes that a pipe runs: that none of them comes back to it, and that it gives what they ask for.
import { basename, dirname, resolve } from 'node:path';
import { loadFile } from '../load.ts';
import { type Param, paramProblem } from '../params.ts';
import { pointerTo } from '../pointer.ts';
import { didYouMeanOrKnown } from '../suggest.ts';
import { everyTask, isMap, markedValues, type TaskPlace, taskListOf } from '../validate/tasks.ts';
import type { Checking } from './checking.ts';
import type { PathText } from './path-texts.ts';

/** `place`: the task that runs it; without one, the settings do. */
export async function checkOtherPipe(
  { reporter }: Checking,
  path: PathText,
  file: string,
  place: TaskPlace | undefined,
): Promise<void> {
  const own = resolve(reporter.source.file);
  const loop = await wayTo(own, file, new Set());
  if (loop !== undefined) {
    const chain = [own, ...loop].map((each) => basename(each)).join(' → ');
    const message = `${path.label}: ${path.key}: pipes run each other in a loop: ${chain}`;
    reporter.report({ code: 'PIPE_LOOP', message, pointer: path.pointer });
  }
  const definition = await definitionOf(file);
  if (definition === undefined || place === undefined) return;
  checkParams(reporter, place, isMap(definition.params) ? definition.params : {});
}

/** The files from one to another, by the paths that stand there as they are. */
async function wayTo(target: string, file: string, seen: Set<string>): Promise<string[] | undefined> {
  if (file === target) return [file];
  if (seen.has(file)) return undefined;
  seen.add(file);
  const definition = await definitionOf(file);
  for (const { part, task } of everyTask(taskListOf(definition?.tasks, '/tasks'))) {
    if (part === undefined) continue;
    for (const { value } of markedValues(part, task, ({ path }) => path === 'pipe')) {
      if (typeof value !== 'string' || value.includes('${')) continue;
      const rest = await wayTo(target, resolve(dirname(file), value.replace(/^file:\/\//, '')), seen);
      if (rest !== undefined) return [file, ...rest];
    }
  }
  return undefined;
}

/** Undefined for what cannot be read: its own check tells why. */
async function definitionOf(file: string): Promise<Record<string, unknown> | undefined> {
  try {
    const { source } = await loadFile(file, { list: 'tasks' });
    return isMap(source?.value) ? source.value : undefined;
  } catch {
    return undefined;
  }
}

function checkParams(reporter: Checking['reporter'], place: TaskPlace, declared: Record<string, unknown>): void {
  const given = place.task.params ?? {};
  if (!isMap(given)) return;
  const pointer = pointerTo(place.pointer, 'params');
  for (const [name, value] of Object.entries(given)) {
    const at = { code: 'PARAM_INVALID', pointer: pointerTo(pointer, name) } as const;
    const param = declared[name];
    if (param === undefined) {
      const names = Object.keys(declared);
      const hint = names.length === 0 ? '; it declares none' : didYouMeanOrKnown(name, names, 'it has');
      reporter.report({ ...at, message: `${place.label}: the other pipe has no param "${name}"${hint}`, part: 'key' });
    } else if (isMap(param) && !JSON.stringify(value).includes('${')) {
      const problem = paramProblem(param as Param, value);
      if (problem !== undefined) reporter.report({ ...at, message: `${place.label}: param "${name}" ${problem}` });
    }
  }
  for (const [name, param] of Object.entries(declared)) {
    const needed = isMap(param) ? param.default === undefined && param.required !== false : param === null;
    if (!needed || Object.hasOwn(given, name)) continue;
    const message = `${place.label}: the other pipe needs the param "${name}"`;
    reporter.report({ code: 'PARAM_INVALID', message, pointer: `${place.pointer}/pipe` });
  }
}
