// The schemas themselves: they are strict, complete, and what is generated from them is up to date and agrees with them.
import { readFileSync } from 'node:fs';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { describe, expect, test } from 'vitest';
import { connectors, formats, mayBeTemplate, type Shape, tasks } from '../../schemas/generated/language.ts';
import { type Validate, validators } from '../../schemas/generated/validators.ts';
import {
  keywords,
  type Language,
  loadLanguage,
  mapSubschemas,
  type Schema,
  target,
} from '../../scripts/generate/schemas.ts';
import { outdated } from '../../scripts/generate.ts';

const language: Language = loadLanguage('schemas');
const kinds = ['tasks', 'connectors', 'formats'] as const;
const every = kinds.flatMap((kind) => [...language[kind]].map(([name, schema]) => ({ kind, name, schema })));

async function validator(kind: (typeof kinds)[number], name: string): Promise<Validate> {
  const load = validators[kind][name];
  if (!load) throw new Error(`there is no validator for ${kind}/${name}`);
  return (await load()).validate;
}

/** The errors that say something of their own. */
function errors(validate: Validate, value: unknown): string[] {
  validate(value);
  return (validate.errors ?? [])
    .filter((error) => error.keyword !== 'if' && error.keyword !== 'propertyNames')
    .map((error) => `${error.instancePath} ${error.keyword}`);
}

/** Calls `visit` on a schema and everything inside it, except what it refers to. */
function visitAll(schema: Schema, path: string, visit: (schema: Schema, path: string) => void): void {
  visit(schema, path);
  mapSubschemas(schema, (child, key) => {
    // A condition only looks at fields; it describes none.
    if (key !== 'if') visitAll(child, `${path}/${key}`, visit);
    return child;
  });
}

function read(path: string): Schema {
  return JSON.parse(readFileSync(path, 'utf8')) as Schema;
}

describe('the schema files', () => {
  test('every field has a title, a description and, when it is free text, an example', () => {
    const lacking: string[] = [];
    for (const [path, schema] of language.named) {
      visitAll(schema, path, (part, at) => {
        for (const [name, field] of Object.entries(part.properties ?? {})) {
          if (field.const !== undefined) continue;
          const whole = field.$ref === undefined ? field : { ...target(language, field.$ref), ...field };
          if (!whole.title || !whole.description) lacking.push(`${at}/${name}: title or description`);
          if (whole.type === 'string' && !whole.enum && !whole.examples && !whole['x-names'] && !whole['x-task']) {
            if (!['op', 'name', 'connector'].includes(name)) lacking.push(`${at}/${name}: examples`);
          }
        }
      });
    }
    expect(lacking).toEqual([]);
  });

  test('every task, connector and format has a title, a description and examples', () => {
    for (const { name, schema } of every) {
      expect(schema.title, name).toMatch(/^[A-Z][A-Za-z0-9]+(Task|Config|Options)$/);
      expect(schema.description, name).toMatch(/[.!]$/);
      expect(schema.examples?.length, name).toBeGreaterThan(0);
    }
  });

  test('every object with properties is closed, or stands for something that has its own schema', () => {
    const open: string[] = [];
    for (const [path, schema] of language.named) {
      const root = /^(tasks|connectors|formats)\/|^(task|connection|format)\.json$/.test(path) ? schema : undefined;
      visitAll(schema, path, (part, at) => {
        const standsFor = part['x-task'] || part['x-connection'] || part['x-format'];
        if (part.properties && part !== root && part.additionalProperties !== false && !standsFor) open.push(at);
      });
    }
    expect(open).toEqual([]);
  });

  test('only keywords that are declared are used', () => {
    const unknown = new Set<string>();
    for (const [path, schema] of language.named) {
      visitAll(schema, path, (part) => {
        for (const key of Object.keys(part)) if (key.startsWith('x-') && !keywords.includes(key)) unknown.add(key);
      });
    }
    expect([...unknown]).toEqual([]);
  });

  test('titles are unique', () => {
    const titles = [...language.named.values()].map((schema) => schema.title);
    expect(titles.filter((title, at) => titles.indexOf(title) !== at)).toEqual([]);
  });
});

describe('what is generated', () => {
  test('is up to date', async () => {
    expect(await outdated()).toEqual([]);
  });

  test.each(every)('$kind/$name accepts its examples and refuses an unknown key', async ({ kind, name, schema }) => {
    const validate = await validator(kind, name);
    for (const example of schema.examples ?? []) expect(errors(validate, example), JSON.stringify(example)).toEqual([]);
    const first = schema.examples?.[0] as Record<string, unknown>;
    expect(errors(validate, { ...first, no_such_key: 1 })).toEqual([' additionalProperties']);
    for (const field of schema.required ?? []) {
      const { [field]: _left, ...rest } = first;
      expect(errors(validate, rest), `without ${field}`).toEqual([' required']);
    }
  });

  test.each(every)('$kind/$name accepts the examples and defaults of its fields', async ({ kind, name, schema }) => {
    const validate = await validator(kind, name);
    for (const [field, rule] of Object.entries(schema.properties ?? {})) {
      const whole = rule.$ref === undefined ? rule : { ...target(language, rule.$ref), ...rule };
      for (const value of [...(whole.examples ?? []), ...(whole.default === undefined ? [] : [whole.default])]) {
        if (mayBeTemplate(value, 'type')) continue;
        const found = errors(validate, { ...(schema.examples?.[0] as object), [field]: value });
        expect(found, `${field}: ${JSON.stringify(value)}`).toEqual([]);
      }
    }
  });

  test('one mistake gives one error', async () => {
    const limit = await validator('tasks', 'limit');
    expect(errors(limit, { op: 'limit', rows: 'many' })).toEqual(['/rows type']);
    expect(errors(limit, { op: 'limit', rows: -1 })).toEqual(['/rows minimum']);
    expect(errors(limit, { op: 'limit', rows: 1, on_error: 'stop' })).toEqual(['/on_error enum']);
    expect(errors(limit, { op: 'limit', rows: 1, on_error: 1 })).toEqual(['/on_error type']);
    expect(errors(limit, { op: 'limit', rows: 1, retry: { attempts: 0, tries: 1 } })).toEqual([
      '/retry additionalProperties',
      '/retry/attempts minimum',
    ]);
    const readTask = await validator('tasks', 'read');
    expect(errors(readTask, { op: 'read' })).toEqual([' required']);
    expect(errors(readTask, { op: 'read', path: 'a', cursor: { column: 'id' } })).toEqual([
      '/cursor required',
      '/cursor additionalProperties',
    ]);
    expect(errors(readTask, { op: 'read', path: 'a', partition: { into: 0 } })).toEqual(['/partition/into minimum']);
    const cast = await validator('tasks', 'cast');
    expect(errors(cast, { op: 'cast', columns: { a: 'number' } })).toEqual(['/columns/a enum']);
    expect(errors(cast, { op: 'cast', columns: { a: { type: 'date', fromat: 'x' } } })).toEqual([
      '/columns/a additionalProperties',
    ]);
  });

  test('a nested task, a format and a connection are looked at by their own validators alone', async () => {
    const foreach = await validator('tasks', 'foreach');
    expect(errors(foreach, { op: 'foreach', tasks: [{ op: 'no_such_op', x: 1 }] })).toEqual([]);
    expect(errors(foreach, { op: 'foreach', tasks: [{ x: 1 }] })).toEqual(['/tasks/0 required']);
    const readTask = await validator('tasks', 'read');
    expect(errors(readTask, { op: 'read', path: 'a', format: { name: 'csv', delimeter: ';' } })).toEqual([]);
    expect(errors(readTask, { op: 'read', path: 'a', format: 'cvs' })).toEqual(['/format enum']);
    const { validate } = await validators.pipe();
    expect(errors(validate, { tasks: [{ op: 'x' }], connections: { shop: { connector: 'y', z: 1 } } })).toEqual([]);
    expect(errors(validate, { task: [] })).toEqual([' required', ' additionalProperties']);
    expect(errors(validate, { tasks: [{ op: 'x' }], connections: { Shop: { connector: 'y' } } })).toEqual([
      '/connections pattern',
    ]);
  });

  test('documents accept their examples', async () => {
    for (const name of ['pipe', 'project', 'manifest'] as const) {
      const { validate } = await validators[name]();
      for (const example of target(language, `${name}.json`).examples ?? [])
        expect(errors(validate, example)).toEqual([]);
    }
  });

  test('a manifest is checked to its depth', async () => {
    const { validate } = await validators.manifest();
    const example = target(language, 'manifest.json').examples?.[0] as Record<string, unknown>;
    expect(errors(validate, { ...example, auth: { kind: 'basic' } })).toEqual(['/auth required']);
    expect(errors(validate, { ...example, pagination: { kind: 'pages' } })).toEqual(['/pagination/kind enum']);
    expect(errors(validate, { ...example, pagination: { kind: 'cursor' } })).toEqual(['/pagination required']);
    expect(errors(validate, { ...example, resources: { calls: { path: 'a', record: '/calls' } } })).toEqual([
      '/resources/calls additionalProperties',
    ]);
  });

  test('the language module agrees with the schemas', () => {
    expect(Object.keys(tasks)).toEqual([...language.tasks.keys()]);
    expect(Object.keys(formats)).toEqual([...language.formats.keys()]);
    expect(tasks.filter?.fields['/where']).toEqual({
      expression: true,
      scope: ['record', 'params', 'env', 'run', 'tasks', 'state', 'trigger', 'item', 'index', 'error'],
    });
    expect(tasks.copy?.fields['/from']).toEqual({ path: 'read' });
    expect(tasks.limit?.fields['/from']).toEqual({ reference: 'task', literal: true });
    expect(tasks.switch?.fields['/cases/*']).toMatchObject({ tasks: true });
    expect(tasks.limit?.fields['/timeout']?.like).toBe('10m');
    expect(tasks.read?.keys['/partition']).toEqual(['by', 'into']);
    expect(connectors.http?.secrets).toEqual(['password', 'token', 'client_secret', 'refresh_token', 'access_token']);
    expect(tasks.lookup?.planned).toBe(true);
    expect(formats.csv?.extensions).toEqual(['.csv']);
  });

  test('every text of a field that has a pattern comes with one that fits', () => {
    const lacking: string[] = [];
    for (const { kind, name, schema } of every) {
      const shape = { tasks, connectors, formats }[kind][name] as Shape;
      for (const [field, rule] of Object.entries(schema.properties ?? {})) {
        const whole = rule.$ref === undefined ? rule : { ...target(language, rule.$ref), ...rule };
        if (
          typeof whole.pattern === 'string' &&
          !new RegExp(whole.pattern, 'u').test(shape.fields[`/${field}`]?.like ?? '')
        ) {
          lacking.push(`${kind}/${name}/${field}`);
        }
      }
    }
    expect(lacking).toEqual([]);
  });
});

describe('the bundled schemas for editors', () => {
  const ajv = new Ajv2020({ strict: true, strictRequired: false, allowUnionTypes: true, allErrors: true });
  ajv.addKeyword('enumDescriptions');
  const pipe = ajv.compile(read('schemas/generated/pipe.schema.json'));
  const project = ajv.compile(read('schemas/generated/project.schema.json'));
  const manifest = ajv.compile(read('schemas/generated/manifest.schema.json'));

  test('accept every example of the language', () => {
    for (const { kind, name, schema } of every) {
      for (const example of schema.examples ?? []) {
        const task = kind === 'formats' ? { op: 'read', path: 'a', format: example } : example;
        const document =
          kind === 'connectors' ? { connections: { mine: example }, tasks: [{ op: 'dump' }] } : { tasks: [task] };
        expect(pipe(document), `${kind}/${name} ${JSON.stringify(pipe.errors)}`).toBe(true);
      }
    }
    for (const example of target(language, 'pipe.json').examples ?? []) expect(pipe(example)).toBe(true);
    for (const example of target(language, 'project.json').examples ?? []) expect(project(example)).toBe(true);
    for (const example of target(language, 'manifest.json').examples ?? []) expect(manifest(example)).toBe(true);
  });

  test('accept a bare list of tasks, and expressions where another type is asked for', () => {
    expect(
      pipe([
        { op: 'read', path: 'a.csv' },
        { op: 'limit', rows: '${params.rows}' },
      ]),
    ).toBe(true);
    expect(pipe({ tasks: [{ op: 'write', path: 'a', mode: '${params.mode}', timeout: '${params.timeout}' }] })).toBe(
      true,
    );
    expect(pipe({ tasks: [{ op: 'limit', rows: 'ten' }] })).toBe(false);
    expect(pipe({ tasks: [{ op: 'limit', rows: 1, disabled: '${params.off}' }] })).toBe(false);
  });

  test('refuse an unknown key, op and format at every depth', () => {
    expect(pipe({ tasks: [{ op: 'limit', row: 1 }] })).toBe(false);
    expect(pipe({ tasks: [{ op: 'limt', rows: 1 }] })).toBe(false);
    expect(pipe({ taks: [], tasks: [{ op: 'dump' }] })).toBe(false);
    expect(pipe({ tasks: [{ op: 'read', path: 'a', format: { name: 'csv', delimeter: ';' } }] })).toBe(false);
    expect(pipe({ tasks: [{ op: 'foreach', tasks: [{ op: 'limit', row: 1 }] }] })).toBe(false);
    expect(pipe({ connections: { shop: { connector: 'http', base_uri: 'x' } }, tasks: [{ op: 'dump' }] })).toBe(false);
    expect(project({ connections: { shop: { connector: 'http', base_uri: 'x' } } })).toBe(false);
    expect(project({ credential: 'env' })).toBe(false);
  });

  test('leave room for connections that a manifest declares', () => {
    expect(pipe({ connections: { calls: { connector: 'ours', account_sid: 'AC1' } }, tasks: [{ op: 'dump' }] })).toBe(
      true,
    );
  });
});
