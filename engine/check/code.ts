// Code that a definition holds or names: scripts that can be read, modules that are there and may be called.
import { Script } from 'node:vm';
import { findModule, type ModuleHome, splitModule } from '../modules.ts';
import { pointerTo } from '../pointer.ts';
import { everyTask, markedValues, type TaskPlace } from '../validate/tasks.ts';
import type { Checking } from './checking.ts';
import { nearPaths } from './local-files.ts';

export async function checkCode(checking: Checking, home: ModuleHome): Promise<void> {
  for (const place of everyTask(checking.tasks)) {
    if (place.part === undefined) continue;
    for (const { value, parts, info } of markedValues(place.part, place.task, ({ code }) => code !== undefined)) {
      if (typeof value !== 'string') continue;
      const pointer = pointerTo(place.pointer, ...parts);
      if (info.code === 'script') checkScript(checking, place, value, pointer);
      else if (/^[^#]+#[A-Za-z_$][\w$]*$/.test(value)) await checkModule(checking, home, place, value, pointer);
    }
  }
}

async function checkModule(
  { reporter, folder }: Checking,
  home: ModuleHome,
  place: TaskPlace,
  reference: string,
  pointer: string,
): Promise<void> {
  const { path } = splitModule(reference);
  const found = await findModule(path, folder, home);
  if ('file' in found) return;
  const { code, reason, missing } = found;
  const message =
    code === 'MODULE_REFUSED'
      ? `${place.label}: the module ${path} may not be called: ${reason}; use \`script\`, which runs in a sandbox`
      : `${place.label}: the module ${path} ${reason}${missing === undefined ? '' : await nearPaths(folder, missing)}`;
  reporter.report({ code, message, pointer, range: { start: 0, end: path.length } });
}

/** Only read, never run: V8 says where a script is broken, and QuickJS reads the same language. */
function checkScript({ reporter }: Checking, place: TaskPlace, script: string, pointer: string): void {
  const problem = syntaxProblem(script);
  if (problem === undefined) return;
  const { message, line, column } = problem;
  const lines = script.split('\n');
  const start = lines.slice(0, line - 1).reduce((sum, each) => sum + each.length + 1, 0) + column - 1;
  const at = Math.min(start, script.length);
  reporter.report({
    code: 'SCRIPT_SYNTAX',
    message: `${place.label}: line ${line} of the script: ${message}`,
    pointer,
    ...(script.length === 0
      ? {}
      : { range: { start: Math.min(at, script.length - 1), end: Math.min(at + 1, script.length) } }),
  });
}

function syntaxProblem(script: string): { message: string; line: number; column: number } | undefined {
  try {
    new Script(`(function (record, records, params) {\n${script}\n})`, { filename: 'script' });
    return undefined;
  } catch (error) {
    const { message, stack = '' } = error as Error;
    const [first = '', , marks = ''] = stack.split('\n');
    const lines = script.split('\n').length;
    // The first line is ours, and so is the last one.
    const line = Number(/^script:(\d+)/.exec(first)?.[1] ?? 2) - 1;
    const column = Math.max(1, marks.indexOf('^') + 1);
    if (line > lines)
      return {
        message: `${message}; something is not closed`,
        line: lines,
        column: Math.max(1, script.length - script.lastIndexOf('\n') - 1),
      };
    return { message, line: Math.max(1, line), column };
  }
}
