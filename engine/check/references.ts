// Ids, connections and params: whether what is named is there.
import { connectors } from '../../schemas/generated/language.ts';
import { type Param, paramProblem, wholePattern } from '../params.ts';
import { pointerTo } from '../pointer.ts';
import type { Reporter } from '../report.ts';
import { didYouMean, didYouMeanOrKnown } from '../suggest.ts';
import { isMap, markedValues, type TaskPlace } from '../validate/tasks.ts';
import { shortText } from '../validate/wording.ts';
import { allTasks, type Checking, idOf, isPending, standIn, tasksBefore } from './checking.ts';

export function checkReferences(checking: Checking): void {
  checkIds(checking);
  for (const place of allTasks(checking)) {
    checkPending(checking, place);
    checkTaskReferences(checking, place);
    checkConnectionField(checking, place);
  }
  checkPendingConnectors(checking.reporter, checking.definition.connections);
  checkParams(checking);
}

function checkIds({ reporter, lists }: Checking): void {
  const seen = new Map<string, TaskPlace>();
  for (const place of allTasks({ lists })) {
    if (place.id === undefined) continue;
    const before = seen.get(place.id);
    if (before === undefined) seen.set(place.id, place);
    else {
      const message = `${place.label}: the id "${place.id}" is that of ${before.label}; an id is unique in a pipe`;
      reporter.report({ code: 'DUPLICATE_ID', message, pointer: `${place.pointer}/id` });
    }
  }
}

function checkPending(checking: Checking, place: TaskPlace): void {
  if (!isPending(checking, place)) return;
  const message = `${place.label}: ${place.op} is part of the language, but this version cannot run it yet`;
  checking.reporter.report({ code: 'OPERATION_PENDING', message, pointer: `${place.pointer}/op` });
}

/** Reports connections whose connector this version does not have. */
export function checkPendingConnectors(reporter: Reporter, defined: unknown): void {
  if (!isMap(defined)) return;
  for (const [alias, connection] of Object.entries(defined)) {
    const connector = isMap(connection) ? connection.connector : undefined;
    if (
      typeof connector !== 'string' ||
      !Object.hasOwn(connectors, connector) ||
      connectors[connector]!.planned !== true
    )
      continue;
    const message = `connection ${shortText(alias)}: ${connector} is part of the language, but this version cannot use it yet`;
    reporter.report({ code: 'OPERATION_PENDING', message, pointer: pointerTo('/connections', alias, 'connector') });
  }
}

/** `from` and the like. That the task is in the same list, as its stream must be, is part of the graph. */
function checkTaskReferences(checking: Checking, place: TaskPlace): void {
  if (place.part === undefined) return;
  for (const { value, parts } of markedValues(place.part, place.task, ({ reference }) => reference === 'task')) {
    const names = Array.isArray(value) ? value : [value];
    for (const [index, name] of names.entries()) {
      if (typeof name !== 'string' || name === '') continue;
      const pointer = pointerTo(place.pointer, ...parts, ...(Array.isArray(value) ? [index] : []));
      const problem = taskProblem(checking, place, name, true);
      if (problem !== undefined)
        checking.reporter.report({
          ...problem,
          message: `${place.label}: ${parts[0]} names "${name}", ${problem.message}`,
          pointer,
        });
    }
  }
}

/**
 * Why a task cannot use what another one gave, as the end of a sentence; undefined when it can. A result can be used
 * inside of later tasks too, a `stream` only in the list it flows in.
 */
export function taskProblem(
  { byId }: Checking,
  place: TaskPlace,
  name: string,
  stream: boolean,
): TaskProblem | undefined {
  const named = byId.get(name) ?? [];
  const inSight = named.filter((each) => (stream ? each.list === place.list : standIn(each.list, place) !== undefined));
  const found = inSight.find((each) => each.index < standIn(each.list, place)!.index);
  if (found !== undefined) {
    return found.task.disabled === true ? { code: 'DISABLED', message: `and ${found.label} is disabled` } : undefined;
  }
  const [later] = inSight;
  if (later === place) return { code: 'LATER_TASK', message: 'which is the task itself' };
  if (later !== undefined) return { code: 'LATER_TASK', message: `and ${later.label} comes only after it` };
  const [hidden] = named;
  if (hidden !== undefined) {
    const isInside = standIn(hidden.list, place) === undefined;
    const where = isInside ? 'is inside another task' : 'is outside of this list';
    const hint = isInside ? insideHint(hidden, place) : '';
    return { code: 'UNKNOWN_TASK', message: `and ${hidden.label} ${where}, where it cannot be taken from${hint}` };
  }
  const before = tasksBefore(place);
  const given = before.flatMap(({ id }) => (id === undefined ? [] : [id]));
  const hint = didYouMean(name, before.map(idOf)) || didYouMeanOrKnown(name, given, 'the ids before it are');
  return { code: 'UNKNOWN_TASK', message: `and no task before it has that id${hint}` };
}

/** What gives on what a hidden task does: the block around it, where that is in sight. */
function insideHint(hidden: TaskPlace, place: TaskPlace): string {
  let at: TaskPlace | undefined = hidden.list.parent;
  while (at !== undefined && standIn(at.list, place) === undefined) at = at.list.parent;
  if (at === undefined || hidden.list.name === 'on_error') return '';
  const { label, id } = at;
  return `; name ${label}${id === undefined ? ', with an id of its own,' : ` by its id "${id}"`} for what its last task gives`;
}

interface TaskProblem {
  code: 'UNKNOWN_TASK' | 'LATER_TASK' | 'DISABLED';
  message: string;
}

function checkConnectionField(checking: Checking, place: TaskPlace): void {
  const { connection } = place.task;
  if (place.part === undefined || typeof connection !== 'string' || connection === '' || connection.includes('${'))
    return;
  checkConnectionName(checking, connection, place.label, { pointer: `${place.pointer}/connection` });
}

/** Reports a name that is no connection, and one that is disabled. Gives whether it can be used. */
export function checkConnectionName(
  { reporter, connections, made }: Checking,
  name: string,
  label: string,
  at: { pointer: string; range?: { start: number; end: number } },
  advice = '',
): boolean {
  const found = connections.find(name);
  if (found === undefined) {
    if (made.has(name)) return false;
    const known = [...connections.aliases(), ...made];
    const near = didYouMean(name, known);
    const hint = near || advice || didYouMeanOrKnown(name, known, 'there are') || '; define it under `connections`';
    reporter.report({
      code: 'UNKNOWN_CONNECTION',
      message: `${label}: there is no connection ${shortText(name)}${hint}`,
      ...at,
    });
    return false;
  }
  if (found.definition.disabled !== true) return true;
  reporter.report({
    code: 'DISABLED',
    message: `${label}: the connection ${shortText(name)} is disabled`,
    help:
      found.home === 'pipe'
        ? 'take `disabled: true` out of its definition'
        : `\`pipe connections enable ${name}\` makes it usable again`,
    about: 'connection',
    ...at,
  });
  return false;
}

function checkParams({ reporter, params }: Checking): void {
  for (const [name, declared] of Object.entries(params)) {
    const param = declared as Param;
    const pointer = pointerTo('/params', name);
    const report = (key: string, message: string) =>
      reporter.report({
        code: 'PARAM_INVALID',
        message: `param "${name}": ${message}`,
        pointer: pointerTo(pointer, ...key.split('/')),
      });
    const pattern = typeof param.pattern === 'string' ? wholePattern(param.pattern) : undefined;
    if (typeof pattern === 'object') {
      report('pattern', pattern.reason);
      continue;
    }
    if (!isUsable(param)) continue;
    const { enum: allowed, ...rest } = param;
    for (const [index, value] of (allowed ?? []).entries()) {
      const problem = paramProblem(rest, value);
      if (problem !== undefined) report(`enum/${index}`, `a value that is allowed ${problem}`);
    }
    if (param.default === undefined || JSON.stringify(param.default).includes('${')) continue;
    const problem = paramProblem(param, param.default);
    if (problem !== undefined) report('default', `the default ${problem}`);
  }
}

/** Whether the keys that a value is held against have their types; those that have not are told by the schema. */
function isUsable(param: Param): boolean {
  const { type, format, enum: allowed, items } = param as Record<string, unknown>;
  const types = ['string', 'integer', 'number', 'boolean', 'array', 'object'];
  const known = (value: unknown) => value === undefined || types.includes(String(value));
  return (
    known(type) &&
    known(items) &&
    (allowed === undefined || Array.isArray(allowed)) &&
    (format === undefined || typeof format === 'string')
  );
}
