// The task lists of a definition, the nested ones too, each task with its place and its name in messages.
import { type FieldInfo, tasks as ops, type Part, type Shape } from '../../schemas/generated/language.ts';
import { pointerParts, pointerTo } from '../pointer.ts';

export interface TaskList {
  /** Of the list, in the document. */
  pointer: string;
  tasks: TaskPlace[];
  /** The task it stands in; undefined for the list of the pipe. */
  parent: TaskPlace | undefined;
  /** In that task: `then`, `cases.eu`; empty for the list of the pipe. */
  name: string;
}

export interface TaskPlace {
  /** What stands there; an empty map when it is none. */
  task: Readonly<Record<string, unknown>>;
  /** Undefined when it has none that is text. */
  op: string | undefined;
  /** What the language says of the op; undefined when there is no such op. */
  part: Part | undefined;
  pointer: string;
  /** In its list, from 0. */
  index: number;
  /** As a person counts: `2`, `3.then.1`. */
  number: string;
  list: TaskList;
  /** `task 2 (limit)`, `task 3.then.1 (write)`; without the op where it is not known. */
  label: string;
  /** The id that is given. */
  id: string | undefined;
  nested: TaskList[];
}

/** A list with all that is below it; undefined for what is no list. `prefix` comes before the numbers of its tasks. */
export function taskListOf(value: unknown, pointer: string, prefix = ''): TaskList | undefined {
  return Array.isArray(value)
    ? readList(value, { pointer, tasks: [], parent: undefined, name: '' }, prefix)
    : undefined;
}

/** A list's tasks and those of the lists nested in them, in the order of the file. */
export function* everyTask(list: TaskList | undefined): Generator<TaskPlace> {
  for (const place of list?.tasks ?? []) {
    yield place;
    for (const nested of place.nested) yield* everyTask(nested);
  }
}

/** The lists themselves, the outer one first. */
export function* everyList(list: TaskList | undefined): Generator<TaskList> {
  if (list === undefined) return;
  yield list;
  for (const place of list.tasks) for (const nested of place.nested) yield* everyList(nested);
}

function readList(items: readonly unknown[], list: TaskList, prefix: string): TaskList {
  for (const [index, item] of items.entries()) {
    const task = isMap(item) ? item : {};
    const op = typeof task.op === 'string' ? task.op : undefined;
    const part = op !== undefined && Object.hasOwn(ops, op) ? ops[op] : undefined;
    const number = `${prefix}${index + 1}`;
    const place: TaskPlace = {
      task,
      op,
      part,
      pointer: pointerTo(list.pointer, index),
      index,
      number,
      list,
      label: `task ${number}${part === undefined ? '' : ` (${op})`}`,
      id: typeof task.id === 'string' ? task.id : undefined,
      nested: [],
    };
    if (part !== undefined) place.nested = nestedLists(place, part, number);
    list.tasks.push(place);
  }
  return list;
}

function nestedLists(place: TaskPlace, part: Part, number: string): TaskList[] {
  return markedValues(part, place.task, (info) => info.tasks === true).flatMap(({ value, parts }) => {
    const name = parts.join('.');
    const list = { pointer: pointerTo(place.pointer, ...parts), tasks: [], parent: place, name };
    return Array.isArray(value) ? [readList(value, list, `${number}.${name}.`)] : [];
  });
}

export interface MarkedValue {
  value: unknown;
  parts: string[];
  info: FieldInfo;
}

/** The values of a document at the fields whose marks pass the test, in the order of the shape. */
export function markedValues(shape: Shape, root: unknown, test: (info: FieldInfo) => boolean): MarkedValue[] {
  const found: MarkedValue[] = [];
  for (const { path, info } of fieldsOf(shape)) {
    if (test(info)) collect(root, path, [], (value, parts) => found.push({ value, parts, info }));
  }
  return found;
}

const fields = new WeakMap<Shape, { path: string[]; info: FieldInfo }[]>();

function fieldsOf(shape: Shape): { path: string[]; info: FieldInfo }[] {
  let known = fields.get(shape);
  if (known === undefined) {
    known = Object.entries(shape.fields).map(([pointer, info]) => ({ path: pointerParts(pointer), info }));
    fields.set(shape, known);
  }
  return known;
}

function collect(
  value: unknown,
  rest: readonly string[],
  parts: string[],
  found: (value: unknown, parts: string[]) => void,
): void {
  const [next, ...after] = rest;
  if (next === undefined) {
    if (value !== undefined) found(value, parts);
    return;
  }
  if (typeof value !== 'object' || value === null) return;
  const keys = next === '*' ? Object.keys(value) : Object.hasOwn(value, next) ? [next] : [];
  for (const key of keys) collect((value as Record<string, unknown>)[key], after, [...parts, key], found);
}

export function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
