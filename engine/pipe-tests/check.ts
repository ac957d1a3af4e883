// The `tests` of a definition: whether what they name is there, and whether they can be run.
import { type Checking, idOf } from '../check/checking.ts';
import { catalogue } from '../error-catalogue.ts';
import { type Param, paramProblem } from '../params.ts';
import { hasPattern, matcher } from '../paths.ts';
import { pointerTo } from '../pointer.ts';
import { didYouMean, didYouMeanOrKnown } from '../suggest.ts';
import { everyTask, isMap, markedValues, type TaskPlace } from '../validate/tasks.ts';
import { spelled } from './names.ts';

export function checkTests(checking: Checking): void {
  const { tests } = checking.definition;
  if (!Array.isArray(tests)) return;
  const known = namesOfTasks(checking);
  const before = new Map<string, number>();
  for (const [index, test] of tests.entries()) {
    if (!isMap(test)) continue;
    const pointer = pointerTo('/tests', index);
    const label = typeof test.name === 'string' ? `test "${test.name}"` : `test ${index + 1}`;
    const one: OneTest = { checking, test, pointer, label };
    const first = typeof test.name === 'string' ? before.get(test.name) : undefined;
    if (first !== undefined)
      report(one, 'DUPLICATE_ID', `test ${first + 1} has that name already; give each its own`, 'name');
    else if (typeof test.name === 'string') before.set(test.name, index);
    checkNames(one, 'inputs', known);
    checkNames(one, 'expect', known);
    checkParams(one);
    checkError(one);
    checkNow(one);
  }
}

interface OneTest {
  checking: Checking;
  test: Readonly<Record<string, unknown>>;
  pointer: string;
  label: string;
}

type Code = 'DUPLICATE_ID' | 'UNKNOWN_TASK' | 'UNKNOWN_PARAM' | 'INVALID' | 'NOT_ALLOWED';

function report({ checking, pointer, label }: OneTest, code: Code, message: string, ...parts: string[]): void {
  const part = code === 'UNKNOWN_TASK' || code === 'UNKNOWN_PARAM' ? { part: 'key' as const } : {};
  checking.reporter.report({ code, message: `${label}: ${message}`, pointer: pointerTo(pointer, ...parts), ...part });
}

interface Known {
  names: string[];
  /** Paths that are known only when a run begins, or that stand for many. */
  fits: ((name: string) => boolean)[];
}

/** What tasks and their paths can be called. */
function namesOfTasks({ tasks }: Checking): Known {
  const known: Known = { names: [], fits: [] };
  for (const place of everyTask(tasks)) {
    known.names.push(idOf(place));
    for (const text of pathTexts(place)) {
      const { connection } = place.task;
      const inside = typeof connection === 'string' ? [`/${connection}/${text.replace(/^\/+/, '')}`] : [];
      for (const each of [text, ...inside]) {
        const name = spelled(each);
        known.names.push(name);
        if (each.includes('${')) known.fits.push(fitting(name));
        else if (hasPattern(each)) known.fits.push(matcher(name));
        // What is written into a folder, or below it.
        if (each.endsWith('/')) known.fits.push((other) => other.startsWith(name));
      }
    }
  }
  return known;
}

function pathTexts({ part, task }: TaskPlace): string[] {
  if (part === undefined) return [];
  return markedValues(part, task, ({ path }) => path !== undefined)
    .flatMap(({ value }) => value)
    .filter((text): text is string => typeof text === 'string' && text !== '');
}

/** A path with `${…}` in it, which may become anything there. */
function fitting(template: string): (name: string) => boolean {
  const parts = template.split(/\$\{[^}]*\}/).map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'));
  const pattern = new RegExp(`^${parts.join('.*')}$`, 's');
  return (name) => pattern.test(name);
}

function checkNames(one: OneTest, field: 'inputs' | 'expect', { names, fits }: Known): void {
  const given = one.test[field];
  if (!isMap(given)) return;
  for (const [key, data] of Object.entries(given)) {
    const name = spelled(key);
    if (!names.includes(key) && !names.includes(name) && !fits.some((test) => test(name))) {
      const hint = didYouMeanOrKnown(key, new Set(names), 'there are');
      report(one, 'UNKNOWN_TASK', `${field} names "${key}", and no task has that id or path${hint}`, field, key);
    }
    if (!isMap(data)) continue;
    const ways = ['file', 'text'].filter((way) => data[way] !== undefined);
    if (ways.length !== 1) {
      const message = `${field} "${key}" has ${ways.length === 0 ? 'neither' : 'both'} \`file\` ${ways.length === 0 ? 'nor' : 'and'} \`text\`; give one, or a list of rows`;
      report(one, 'INVALID', message, field, key);
    }
  }
}

function checkParams(one: OneTest): void {
  const { params } = one.test;
  if (!isMap(params)) return;
  for (const [name, value] of Object.entries(params)) {
    const declared = one.checking.params[name];
    if (declared === undefined) {
      const hint = didYouMean(name, Object.keys(one.checking.params));
      report(one, 'UNKNOWN_PARAM', `there is no param "${name}"${hint}`, 'params', name);
      continue;
    }
    // A test may well show what happens with a wrong one.
    const problem = one.test.error === undefined ? paramProblem(declared as Param, value) : undefined;
    if (problem !== undefined) report(one, 'INVALID', `the param "${name}" ${problem}`, 'params', name);
  }
}

function checkError(one: OneTest): void {
  const { error } = one.test;
  if (typeof error !== 'string' || Object.hasOwn(catalogue, error)) return;
  report(one, 'NOT_ALLOWED', `there is no error ${error}${didYouMean(error, Object.keys(catalogue))}`, 'error');
}

function checkNow(one: OneTest): void {
  const { now } = one.test;
  if (typeof now !== 'string' || !Number.isNaN(Date.parse(now))) return;
  report(one, 'INVALID', `now is no time; write it as 2026-01-31T06:00:00Z`, 'now');
}
