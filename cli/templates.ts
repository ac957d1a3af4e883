// The templates of pipes: what there are, what each asks for, and its text with the user's choices in it.
import { readdir, readFile } from 'node:fs/promises';
import { parse, parseDocument, type YAMLMap } from 'yaml';
import type { Value } from '../engine/contracts/data.ts';
import { paramProblem, readParam } from '../engine/params.ts';
import { pointerParts } from '../engine/pointer.ts';
import { everyTask, markedValues, taskListOf } from '../engine/validate/tasks.ts';
import type { FieldInfo } from '../schemas/generated/language.ts';
import type { Param } from '../schemas/generated/types.ts';

/** A place in the template for a connection that the user has. */
interface Placeholder {
  title: string;
  /** Those that it is made for, the likeliest first. */
  connectors: string[];
}

export interface Template {
  name: string;
  title: string;
  description: string;
  /** By the alias that stands in the pipe in their place. */
  connections: Record<string, Placeholder>;
  params: Record<string, Param>;
  /** The pipe, as YAML. */
  text: string;
}

/** `template.yaml`, beside the pipe. */
interface Head {
  title: string;
  description: string;
  connections: Record<string, { title: string; connector: string | string[] }>;
}

const folder = new URL('../pipes/templates/', import.meta.url);

/** By name. */
export async function readTemplates(): Promise<Template[]> {
  const names = (await readdir(folder)).sort();
  return Promise.all(
    names.map(async (name) => {
      const read = (file: string) => readFile(new URL(`${name}/${file}`, folder), 'utf8');
      const [head, text] = await Promise.all([read('template.yaml'), read('pipe.yaml')]);
      const { title, description, connections } = parse(head) as Head;
      const { params = {} } = parse(text) as { params?: Record<string, Param> };
      const placeholders = Object.entries(connections).map(
        ([alias, { title, connector }]) => [alias, { title, connectors: [connector].flat() }] as const,
      );
      return { name, title, description, connections: Object.fromEntries(placeholders), params, text };
    }),
  );
}

export interface Choices {
  /** What each placeholder is called from now on. */
  aliases: Readonly<Record<string, string>>;
  /** The defaults of params, in place of the template's. */
  params: Readonly<Record<string, Value>>;
  /** Connections that the pipe defines itself, by alias. */
  own: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
}

/** The pipe with the choices in it. Everything else stays as it is, comments too. */
export function fillTemplate({ text }: Template, { aliases, params, own }: Choices): string {
  const document = parseDocument<YAMLMap>(text, { version: '1.2', schema: 'core' });
  const renamed = (path: string) =>
    path.replace(/^\/([^/]+)/, (whole, name: string) => (Object.hasOwn(aliases, name) ? `/${aliases[name]}` : whole));
  const { tasks } = document.toJS() as { tasks: unknown };
  for (const { part, task, pointer } of everyTask(taskListOf(tasks, '/tasks'))) {
    const at = pointerParts(pointer);
    const isMeant = ({ path, reference }: FieldInfo) => path !== undefined || reference === 'connection';
    for (const { value, parts, info } of markedValues(part!, task, isMeant)) {
      const change = info.path === undefined ? (name: string) => aliases[name] ?? name : renamed;
      if (typeof value === 'string') document.setIn([...at, ...parts], change(value));
      else (value as string[]).forEach((each, i) => void document.setIn([...at, ...parts, i], change(each)));
    }
  }
  for (const [name, value] of Object.entries(params)) document.setIn(['params', name, 'default'], value);
  if (Object.keys(own).length > 0) {
    const before = document.contents!.items.findIndex(({ key }) => String(key) === 'tasks');
    document.contents!.items.splice(before, 0, document.createPair('connections', own));
  }
  return document.toString({ lineWidth: 0, flowCollectionPadding: false });
}

/** A text as the default of a param: of its type, or an expression as it stands. */
export function paramOf(param: Param, text: string): { value: Value } | { reason: string } {
  if (text.includes('${')) return { value: text };
  const read = readParam(param, text);
  if ('reason' in read) return read;
  const reason = paramProblem(param, read.value);
  return reason === undefined ? read : { reason };
}
