// The bundled schemas for editors: one self-contained file each for pipes and projects.
import { type Kind, type Language, mapSubschemas, type Schema, sharedFile, target } from './schemas.ts';

/** A value that holds an expression may stand wherever another type is asked for. */
const template: Schema = {
  title: 'Template',
  description: 'An expression in `${…}`; a string that is nothing else keeps the type of its value.',
  type: 'string',
  pattern: '\\$\\{',
};

/** Schemas besides tasks, connectors and formats whose fields may hold expressions. */
const templated = ['task.json', 'connection.json', 'format.json', 'retry.json'];

export function pipeSchema(language: Language): Schema {
  const defs = definitions(language);
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    $id: 'https://pipewright.dev/schemas/generated/pipe.schema.json',
    title: 'Pipe',
    description: target(language, 'pipe.json').description,
    type: ['object', 'array'],
    if: { type: 'array' },
    // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema
    then: { $ref: '#/$defs/Tasks' },
    else: { $ref: '#/$defs/Pipe' },
    $defs: reachable(defs, ['Tasks', 'Pipe']),
  };
}

export function projectSchema(language: Language): Schema {
  return documentSchema(language, 'project');
}

export function manifestSchema(language: Language): Schema {
  return documentSchema(language, 'manifest');
}

function documentSchema(language: Language, name: string): Schema {
  const defs = definitions(language);
  const document = defs[target(language, `${name}.json`).title] ?? {};
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    $id: `https://pipewright.dev/schemas/generated/${name}.schema.json`,
    ...document,
    $defs: reachable(defs, refs(document)),
  };
}

function definitions(language: Language): Record<string, Schema> {
  const defs: Record<string, Schema> = { Template: template };
  for (const [ref, schema] of language.named) {
    defs[schema.title ?? ''] = editorSchema(language, schema, ref.startsWith('tasks/') || templated.includes(ref));
  }
  for (const kind of ['tasks', 'connectors', 'formats'] as const) {
    for (const schema of language[kind].values()) defs[schema.title ?? ''] = wholeSchema(language, schema, kind);
  }
  defs.Task = choice('Task', 'One step of a pipe.', 'op', 'What the task does.', language.tasks, true);
  defs.ConnectionDefinition = choice(
    'Connection',
    'One configured use of a connector.',
    'connector',
    'The kind of system.',
    language.connectors,
    false,
  );
  defs.FormatOptions = choice(
    'Format',
    'A format with its options.',
    'name',
    'The name of the format.',
    language.formats,
    true,
  );
  return defs;
}

/** A task, connection or format whose shared fields refer to where they are described once. */
function wholeSchema(language: Language, schema: Schema, kind: Kind): Schema {
  const base = target(language, sharedFile[kind]);
  const out = editorSchema(language, schema, true);
  for (const [name, field] of Object.entries(out.properties ?? {})) {
    // Hovering over an op, a connector or a format says what it is.
    if (field.const !== undefined && out.properties)
      out.properties[name] = { title: String(field.const), description: schema.description, ...field };
  }
  for (const [name, field] of Object.entries(schema.properties ?? {})) {
    if (out.properties && base.properties?.[name] === field)
      out.properties[name] = { $ref: `#/$defs/${base.title}/properties/${name}` };
  }
  return out;
}

/** An object told apart by the value of one key: that value decides which schema holds. */
function choice(
  title: string,
  description: string,
  key: string,
  keyDescription: string,
  members: Map<string, Schema>,
  closed: boolean,
): Schema {
  const names = [...members.keys()];
  const described = names.map((name) => firstSentence(members.get(name)?.description ?? ''));
  const known: Schema = { type: 'string', enum: names, enumDescriptions: described };
  return {
    title,
    description,
    type: 'object',
    properties: {
      [key]: {
        title: key,
        description: keyDescription,
        ...(closed ? known : { anyOf: [known, { type: 'string', minLength: 1 }] }),
      },
    },
    required: [key],
    allOf: names.map((name) => ({
      if: { properties: { [key]: { const: name } }, required: [key] },
      // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema
      then: { $ref: `#/$defs/${members.get(name)?.title}` },
    })),
  } as Schema;
}

/** The schema with local references, without keywords of our own, and with expressions allowed where they are. */
function editorSchema(language: Language, schema: Schema, templates: boolean): Schema {
  if (schema['x-names'] === 'formats') return { type: 'string', enum: [...language.formats.keys()] };
  if (schema['x-task']) return { $ref: '#/$defs/Task' };
  if (schema['x-format']) return { $ref: '#/$defs/FormatOptions' };
  const { $ref, $schema: _schema, $id: _id, $defs: _defs, ...own } = schema;
  const within = templates && !schema['x-literal'] && !schema['x-expression'];
  const mapped = mapSubschemas(own, (child, key) => {
    const inner = editorSchema(language, child, within);
    const open =
      within &&
      ['properties', 'items', 'additionalProperties'].includes(key) &&
      !child['x-literal'] &&
      !child['x-expression'];
    return open ? orTemplate(inner) : inner;
  });
  const plain = Object.fromEntries(Object.entries(mapped).filter(([key]) => !key.startsWith('x-'))) as Schema;
  if (schema['x-connection']) return { ...annotationsOf(plain), $ref: '#/$defs/ConnectionDefinition' };
  return $ref === undefined ? plain : { ...annotationsOf(plain), $ref: `#/$defs/${target(language, $ref).title}` };
}

/** Lets a template stand for a value that is not plain text. */
function orTemplate(schema: Schema): Schema {
  const { title, description, default: fallback, examples, ...rule } = schema;
  const free =
    rule.$ref === undefined &&
    (rule.type === undefined ? rule.anyOf === undefined : rule.type === 'string' && !rule.enum && !rule.pattern);
  if (free || rule.const !== undefined) return schema;
  const branches = rule.anyOf && Object.keys(rule).length === 1 ? rule.anyOf : [rule as Schema];
  return { ...annotationsOf(schema), anyOf: [...branches, { $ref: '#/$defs/Template' }] };
}

function annotationsOf({ title, description, default: fallback, examples }: Schema): Schema {
  return {
    ...(title !== undefined && { title }),
    ...(description !== undefined && { description }),
    ...(fallback !== undefined && { default: fallback }),
    ...(examples !== undefined && { examples }),
  };
}

function firstSentence(text: string): string {
  return text.split(/(?<=\.) /)[0] ?? text;
}

/** The definitions that can be got to from the named ones. */
function reachable(defs: Record<string, Schema>, from: readonly string[]): Record<string, Schema> {
  const found = new Set<string>();
  const queue = [...from];
  for (let name = queue.pop(); name !== undefined; name = queue.pop()) {
    if (found.has(name)) continue;
    found.add(name);
    const schema = defs[name];
    if (!schema) throw new Error(`the bundled schema has no definition ${name}`);
    queue.push(...refs(schema));
  }
  return Object.fromEntries([...found].sort().map((name) => [name, defs[name] as Schema]));
}

function refs(schema: Schema): string[] {
  const out: string[] = [];
  const own = schema.$ref?.split('/')[2];
  if (own !== undefined) out.push(own);
  mapSubschemas(schema, (child) => {
    out.push(...refs(child));
    return child;
  });
  return out;
}
