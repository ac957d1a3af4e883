// The expressions of a definition: whether they can be read, and whether what they name is there for their field.
import {
  configScope,
  documents,
  type FieldInfo,
  formats,
  secretScope,
  taskScope,
} from '../../schemas/generated/language.ts';
import { connectorPart, type OwnConnectors } from '../connector-parts.ts';
import { Failure } from '../errors.ts';
import type { ParsedExpression } from '../expressions.ts';
import { pointerParts, pointerTo, valueAt } from '../pointer.ts';
import type { Reporter } from '../report.ts';
import { didYouMeanOrKnown } from '../suggest.ts';
import { type Place, placeOf } from '../validate/fields.ts';
import { isMap, type TaskPlace } from '../validate/tasks.ts';
import { nameInDocument, sayPath } from '../validate/wording.ts';
import { allTasks, type Checking } from './checking.ts';
import { taskProblem } from './references.ts';

/** Text that holds expressions, or is one. */
interface Found {
  text: string;
  pointer: string;
  info: FieldInfo;
  names: readonly string[];
  /** `task 2 (filter): where`. */
  label: string;
  place: TaskPlace | undefined;
}

/** The names for a field that does not say. */
type DefaultNames = (info: FieldInfo) => readonly string[] | undefined;

export async function checkExpressions(checking: Checking): Promise<void> {
  const found: Found[] = [];
  const { definition } = checking;
  const own = checking.connections.connectors;
  const add = (value: unknown, place: Place, pointer: string, label: string, names: DefaultNames, task?: TaskPlace) =>
    collect({ value, parts: [], root: value, place, pointer, label, names, task, own }, found);

  // Of the document itself, only fields that say which names they know are evaluated.
  const { tasks: _, connections, tests: __, ...document } = definition;
  add(document, placeOf(documents.pipe), '', 'the pipe', () => undefined);
  if (isMap(connections)) collectConnections(connections, own, found);
  for (const task of allTasks(checking)) {
    if (task.part !== undefined) add(task.task, placeOf(task.part), task.pointer, task.label, () => taskScope, task);
  }
  if (found.length === 0) return;
  const language = await import('../expressions.ts');
  const held = { reporter: checking.reporter, params: checking.params, pipe: checking };
  for (const each of found) checkText(held, language, each);
}

/** Checks the expressions of a project's or a user's connections. Which params the pipe has is not known there. */
export async function checkConnectionExpressions(
  reporter: Reporter,
  connections: Readonly<Record<string, unknown>>,
  own: OwnConnectors,
): Promise<void> {
  const found: Found[] = [];
  collectConnections(connections, own, found);
  if (found.length === 0) return;
  const language = await import('../expressions.ts');
  for (const each of found) checkText({ reporter }, language, each);
}

function collectConnections(connections: Readonly<Record<string, unknown>>, own: OwnConnectors, found: Found[]): void {
  const names: DefaultNames = ({ secret }) => (secret === true ? secretScope : configScope);
  for (const [alias, connection] of Object.entries(connections)) {
    // Of thousands, few have any.
    if (!hasTemplate(connection)) continue;
    const connector = isMap(connection) && typeof connection.connector === 'string' ? connection.connector : '';
    const shape = connectorPart(connector, own.get(connector)) ?? documents.connection;
    const pointer = pointerTo('/connections', alias);
    const label = `connection "${alias}"`;
    const walk = { value: connection, parts: [], root: connection, place: placeOf(shape), pointer, label, names };
    collect({ ...walk, task: undefined, own }, found);
  }
}

function hasTemplate(value: unknown): boolean {
  if (typeof value === 'string') return value.includes('${');
  return typeof value === 'object' && value !== null && Object.values(value).some(hasTemplate);
}

interface Walk {
  value: unknown;
  parts: string[];
  /** What the parts start from. */
  root: unknown;
  place: Place;
  pointer: string;
  label: string;
  names: DefaultNames;
  task: TaskPlace | undefined;
  own: OwnConnectors;
}

function collect(walk: Walk, found: Found[]): void {
  const { value, place, pointer, names, task, parts } = walk;
  const { info } = place;
  if (typeof value === 'string') {
    const known = info.scope ?? names(info);
    if (info.literal === true || known === undefined || (info.expression !== true && !value.includes('${'))) return;
    found.push({ text: value, pointer, info, names: known, label: labelOf(walk), place: task });
    return;
  }
  if (Array.isArray(value)) {
    // Nested tasks are tasks of their own.
    if (info.tasks === true && place.own) return;
    for (const [index, item] of value.entries()) {
      collect(
        {
          ...walk,
          value: item,
          place: place.child(index),
          pointer: pointerTo(pointer, index),
          parts: [...parts, String(index)],
        },
        found,
      );
    }
    return;
  }
  if (!isMap(value)) return;
  const inner = innerPlace(place, value, walk.own);
  for (const [key, item] of Object.entries(value)) {
    collect(
      {
        ...walk,
        value: item,
        place: inner.child(key),
        pointer: pointerTo(pointer, key),
        parts: [...parts, key],
        names: innerNames(place, names),
      },
      found,
    );
  }
}

function labelOf({ parts, root, label, task, pointer }: Walk): string {
  const named = label === 'the pipe' && task === undefined ? nameInDocument(pointerParts(pointer)) : undefined;
  const above = parts.slice(0, named?.length ?? 0);
  const path = sayPath(parts.slice(above.length), valueAt(root, above));
  return `${named?.label ?? label}${path === '' ? '' : `: ${path}`}`;
}

/** A format or a connection inside a task goes by its own schema. */
function innerPlace(place: Place, value: Record<string, unknown>, connectors: OwnConnectors): Place {
  const { info, own } = place;
  if (own && info.format === true && typeof value.name === 'string' && Object.hasOwn(formats, value.name))
    return placeOf(formats[value.name]!);
  if (!own || info.connection !== true) return place;
  const part = connectorPart(value.connector, connectors.get(String(value.connector)));
  return part === undefined ? place : placeOf(part);
}

function innerNames({ info, own }: Place, names: DefaultNames): DefaultNames {
  return own && info.connection === true ? ({ secret }) => (secret === true ? secretScope : configScope) : names;
}

type Language = typeof import('../expressions.ts');

/** What the expressions are held against; params that are not known are not. */
interface Checked {
  reporter: Reporter;
  params?: Checking['params'];
  pipe?: Checking;
}

function checkText(checking: Checked, language: Language, found: Found): void {
  const { text, info, label } = found;
  if (info.expression === true) {
    if (/^\s*\$\{.*\}\s*$/s.test(text)) {
      const message = `${label} is an expression by itself; write it without \${ }`;
      report(checking, found, 'EXPRESSION_MARKS', message, 0, text.length);
    } else if (text.trim() !== '') {
      attempt(checking, found, () => checkParsed(checking, language, found, language.parseExpression(text)));
    }
    return;
  }
  attempt(checking, found, () => {
    for (const part of language.splitTemplate(text)) {
      if (typeof part === 'string') continue;
      attempt(checking, found, () =>
        checkParsed(checking, language, found, language.parseExpression(part.source, part.offset)),
      );
    }
  });
}

function attempt(checking: Checked, found: Found, work: () => void): void {
  try {
    work();
  } catch (error) {
    if (!(error instanceof Failure) || error.code !== 'EXPRESSION_SYNTAX') throw error;
    const { reason, start, end } = error.data as { reason: string; start: number; end: number };
    report(checking, found, 'EXPRESSION_SYNTAX', `${found.label}: ${reason}`, start, end);
  }
}

function checkParsed(checking: Checked, language: Language, found: Found, parsed: ParsedExpression): void {
  const { label, names } = found;
  for (const { code, reason, start, end } of language.checkExpression(parsed, { names })) {
    report(checking, found, code, `${label}: ${reason}`, start, end);
  }
  for (const { root, name, optional, start, end } of parsed.fields) {
    if (!names.includes(root) || optional) continue;
    if (root === 'params' && checking.params !== undefined && !Object.hasOwn(checking.params, name)) {
      const declared = Object.keys(checking.params);
      const hint =
        declared.length === 0 ? '; the pipe declares none' : didYouMeanOrKnown(name, declared, 'the pipe has');
      report(checking, found, 'UNKNOWN_PARAM', `${label}: there is no param "${name}"${hint}`, start, end);
    }
    if (root === 'tasks' && found.place !== undefined && checking.pipe !== undefined) {
      const problem = taskProblem(checking.pipe, found.place, name, false);
      if (problem !== undefined)
        report(checking, found, problem.code, `${label} names tasks.${name}, ${problem.message}`, start, end);
    }
  }
  for (const { name, start, end } of parsed.names) {
    if (!names.includes(name) || isKnownHere(name, found.place)) continue;
    const where = name === 'error' ? 'that follow an error' : 'inside of a foreach';
    const message = `${label}: "${name}" is known only to tasks ${where}`;
    report(checking, found, 'NAME_OUT_OF_SCOPE', message, start, end);
  }
}

/** `item` and `index` are those of a foreach, `error` is that of an `on_error`. */
function isKnownHere(name: string, place: TaskPlace | undefined): boolean {
  if (name === 'item' || name === 'index') return hasItems(place);
  return name !== 'error' || followsError(place);
}

function followsError(place: TaskPlace | undefined): boolean {
  if (place === undefined) return false;
  const { name, pointer, parent } = place.list;
  return name === 'on_error' || pointer === '/settings/on_error' || followsError(parent);
}

/** Whether a task around this one goes over items. */
function hasItems(place: TaskPlace | undefined): boolean {
  const parent = place?.list.parent;
  return parent !== undefined && (parent.part?.keys['']?.includes('items') === true || hasItems(parent));
}

function report(
  { reporter }: Checked,
  { pointer }: Found,
  code: Parameters<typeof reporter.report>[0]['code'],
  message: string,
  start: number,
  end: number,
): void {
  reporter.report({ code, message, pointer, range: { start, end: Math.max(end, start + 1) } });
}
