// The schema files of the language, loaded and put together.
import { readdirSync, readFileSync } from 'node:fs';
import { join, posix } from 'node:path';

export interface Schema {
  [key: string]: unknown;
  $ref?: string;
  title?: string;
  description?: string;
  type?: string | string[];
  properties?: Record<string, Schema>;
  required?: string[];
  additionalProperties?: boolean | Schema;
  propertyNames?: Schema;
  items?: Schema;
  anyOf?: Schema[];
  enum?: unknown[];
  const?: unknown;
  default?: unknown;
  examples?: unknown[];
  $defs?: Record<string, Schema>;
}

export interface Language {
  /** Every schema with a name of its own, by the absolute form of the `$ref` that means it. */
  named: Map<string, Schema>;
  /** Whole tasks, connections and formats, by op or name: their own fields, then those that all of their kind have. */
  tasks: Map<string, Schema>;
  connectors: Map<string, Schema>;
  formats: Map<string, Schema>;
  /** The names of the fields that all of a kind have. */
  shared: Record<Kind, readonly string[]>;
}

export type Kind = 'tasks' | 'connectors' | 'formats';

/** Keywords of our own; see schemas/README.md. */
export const keywords = [
  'x-expression',
  'x-scope',
  'x-secret',
  'x-path',
  'x-reference',
  'x-tasks',
  'x-literal',
  'x-planned',
  'x-task',
  'x-connection',
  'x-code',
  'x-format',
  'x-names',
  'x-auth',
  'x-extensions',
  'x-longest',
  'x-key-of',
];

/** The file with the fields that all of a kind have. */
export const sharedFile = { tasks: 'task.json', connectors: 'connection.json', formats: 'format.json' } as const;

/** The key that tells those of a kind apart. */
const keyOf = { tasks: 'op', connectors: 'connector', formats: 'name' } as const;

/** `more`: schemas that stand in no file, by the path they would have. */
export function loadLanguage(folder: string, more: Map<string, Schema> = new Map()): Language {
  const files = new Map<string, Schema>();
  for (const path of schemaFiles(folder)) {
    files.set(path, absolute(JSON.parse(readFileSync(join(folder, path), 'utf8')) as Schema, path));
  }
  const sorted = new Map([...files, ...more].sort(([one], [other]) => (one < other ? -1 : 1)));
  const named = new Map<string, Schema>();
  for (const [path, schema] of sorted) {
    if (schema.type !== undefined) named.set(path, schema);
    for (const [name, definition] of Object.entries(schema.$defs ?? {}))
      named.set(`${path}#/$defs/${name}`, definition);
  }
  const whole = (kind: Kind) => wholeSchemas(sorted, kind);
  const shared = (kind: Kind) => Object.keys(file(files, sharedFile[kind]).properties ?? {});
  return {
    named,
    tasks: whole('tasks'),
    connectors: whole('connectors'),
    formats: whole('formats'),
    shared: { tasks: shared('tasks'), connectors: shared('connectors'), formats: shared('formats') },
  };
}

/** The schema that a `$ref` means. */
export function target(language: Language, ref: string): Schema & { title: string } {
  const schema = language.named.get(ref);
  if (schema?.title === undefined) throw new Error(`$ref ${ref} leads to no schema with a title`);
  return schema as Schema & { title: string };
}

/** A name as the key of an object in TypeScript. */
export function keyText(name: string): string {
  return /^[a-z_$][\w$]*$/i.test(name) ? name : `'${name}'`;
}

/** Calls `change` on a schema's direct subschemas and returns it with the results in their place. */
export function mapSubschemas(schema: Schema, change: (child: Schema, key: string) => Schema): Schema {
  const out: Schema = { ...schema };
  for (const key of ['properties', '$defs'] as const) {
    const children = schema[key];
    if (children)
      out[key] = Object.fromEntries(Object.entries(children).map(([name, child]) => [name, change(child, key)]));
  }
  for (const key of ['items', 'propertyNames', 'additionalProperties', 'if', 'then', 'not'] as const) {
    const child = schema[key];
    if (typeof child === 'object') out[key] = change(child as Schema, key);
  }
  for (const key of ['anyOf', 'allOf'] as const) {
    const children = schema[key] as Schema[] | undefined;
    if (children) out[key] = children.map((child) => change(child, key));
  }
  return out;
}

function schemaFiles(folder: string): string[] {
  const inFolder = (sub: string) =>
    readdirSync(join(folder, sub))
      .filter((name) => name.endsWith('.json'))
      .map((name) => posix.join(sub, name));
  return ['', 'tasks', 'connectors', 'formats', 'manifest'].flatMap(inFolder).sort();
}

/** Every `$ref` as a path from the schema folder. */
function absolute(schema: Schema, path: string): Schema {
  const out = mapSubschemas(schema, (child) => absolute(child, path));
  if (schema.$ref !== undefined) {
    const [to, fragment] = schema.$ref.split('#');
    const base = to === '' || to === undefined ? path : posix.join(posix.dirname(path), to);
    out.$ref = fragment ? `${base}#${fragment}` : base;
  }
  return out;
}

function wholeSchemas(files: Map<string, Schema>, kind: Kind): Map<string, Schema> {
  const key = keyOf[kind];
  const common = file(files, sharedFile[kind]).properties ?? {};
  const out = new Map<string, Schema>();
  for (const [path, schema] of files) {
    if (!path.startsWith(`${kind}/`)) continue;
    const name = schema.properties?.[key]?.const;
    if (name !== posix.basename(path, '.json'))
      throw new Error(`schemas/${path}: its ${key} is not the name of the file`);
    const { $schema: _schema, $id: _id, $defs: _defs, properties, ...rest } = schema;
    const { [key]: discriminator, ...own } = properties ?? {};
    out.set(name, {
      ...rest,
      properties: {
        [key]: { ...discriminator },
        ...own,
        ...without(common, [key, ...Object.keys(own)]),
      },
      additionalProperties: false,
    });
  }
  return out;
}

function without<T>(record: Record<string, T>, names: readonly string[]): Record<string, T> {
  return Object.fromEntries(Object.entries(record).filter(([name]) => !names.includes(name)));
}

function file(files: Map<string, Schema>, path: string): Schema {
  const schema = files.get(path);
  if (!schema) throw new Error(`schemas/${path} is missing`);
  return schema;
}
