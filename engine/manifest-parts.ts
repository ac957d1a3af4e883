// What the generator makes of a connector's schema, made of a manifest's at run time.
import type { ConnectorField } from '../schemas/generated/fields.ts';
import { type ConnectorPart, documents, type FieldInfo } from '../schemas/generated/language.ts';
import type { Validate } from '../schemas/generated/validators.ts';
import type { ConnectionSchema } from './manifests.ts';

type FieldSchema = ConnectionSchema['properties'][string];

/** What every connection has, in the order of schemas/connection.json. */
const everyConnection = ['connector', 'eid', 'title', 'description', 'credential', 'default', 'disabled'];

/** As it would stand in schemas/generated/language.ts. */
export function connectionPart({ description, properties, 'x-auth': auth }: ConnectionSchema): ConnectorPart {
  const marks = Object.entries(properties).flatMap(([name, schema]) => {
    const info = marksOf(schema);
    return Object.keys(info).length === 0 ? [] : [[`/${name}`, info] as const];
  });
  const own = Object.keys(properties);
  return {
    description,
    auth: auth as string[],
    secrets: own.filter((name) => properties[name]!['x-secret'] === true),
    keys: { '': [...own, ...everyConnection.filter((name) => !own.includes(name))] },
    fields: { ...documents.connection.fields, ...Object.fromEntries(marks) },
  };
}

function marksOf(schema: FieldSchema): FieldInfo {
  const like = [...((schema.examples as unknown[]) ?? []), schema.default].find((each) => typeof each === 'string');
  const hasForm = schema.pattern !== undefined || schema.$ref !== undefined;
  return {
    ...(schema['x-secret'] === true ? { secret: true } : {}),
    ...(schema['x-path'] === undefined ? {} : { path: schema['x-path'] as NonNullable<FieldInfo['path']> }),
    ...(hasForm && typeof like === 'string' ? { like } : {}),
  };
}

/** What a `$ref` of such a schema may mean; as in schemas/values.json. */
const values = {
  $id: 'values.json',
  $defs: { Duration: { type: 'string', pattern: '^([0-9]+(\\.[0-9]+)?(ms|s|m|h|d|w))+$' } },
};

/** As they would stand in schemas/generated/fields.ts. */
export function connectionFields({ properties, required }: ConnectionSchema): ConnectorField[] {
  return Object.entries(properties).flatMap(([name, field]) => {
    if (everyConnection.includes(name)) return [];
    const schema = field.$ref === undefined ? field : { ...values.$defs.Duration, ...field };
    return {
      name,
      title: String(schema.title),
      description: String(schema.description),
      type: typeName(schema),
      ...(required.includes(name) ? { required: true as const } : {}),
      ...(schema['x-secret'] === true ? { secret: true as const } : {}),
      ...(schema.default === undefined ? {} : { default: schema.default }),
      ...(schema.examples === undefined ? {} : { examples: schema.examples as unknown[] }),
      ...(schema.enum === undefined ? {} : { choices: schema.enum as unknown[] }),
      ...(schema.pattern === undefined ? {} : { pattern: String(schema.pattern) }),
    };
  });
}

const typeNames: Readonly<Record<string, string>> = {
  string: 'text',
  integer: 'whole number',
  number: 'number',
  boolean: 'true or false',
};

function typeName({ $ref, enum: choices, type }: FieldSchema): string {
  if ($ref !== undefined) return 'duration';
  if (choices !== undefined) return (choices as unknown[]).map((value) => `\`${String(value)}\``).join(', ');
  return typeNames[String(type)] ?? 'any value';
}

/** Gives the errors that a validator of schemas/generated/ would. */
export async function connectionValidator({ properties, required }: ConnectionSchema): Promise<{ validate: Validate }> {
  const [{ Ajv2020 }, { validate: validateShared }] = await Promise.all([
    import('ajv/dist/2020.js'),
    import('../schemas/generated/validators/connection.js'),
  ]);
  const ajv = new Ajv2020({ allErrors: true, strict: false, messages: false, logger: false, schemas: [values] });
  const shared = Object.fromEntries(everyConnection.map((name) => [name, {}]));
  const validateOwn = ajv.compile({
    type: 'object',
    properties: { ...shared, ...properties },
    required,
    additionalProperties: false,
  }) as Validate;
  const validate: Validate = (data) => {
    const right = [validateOwn(data), validateShared(data)].every(Boolean);
    validate.errors = [...(validateOwn.errors ?? []), ...(validateShared.errors ?? [])];
    return right;
  };
  return { validate };
}
