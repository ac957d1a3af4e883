// The schema of the connections that a manifest makes possible, in the words of the language's own connector schemas.
import type { Manifest, ManifestField } from '../schemas/generated/types.ts';

export interface ConnectionSchema {
  [keyword: string]: unknown;
  title: string;
  description: string;
  properties: Record<string, Record<string, unknown>>;
  required: string[];
}

/** The fields of its own first, then those that every service has. */
export function connectionSchema(manifest: Manifest): ConnectionSchema {
  const ways = [manifest.auth ?? { kind: 'none' as const }].flat();
  const fields = Object.entries(manifest.fields ?? {});
  const properties: ConnectionSchema['properties'] = { connector: { const: manifest.name } };
  if (ways.length > 1) {
    properties.auth = {
      title: 'Authentication',
      description: `How to sign in: ${ways.map(({ kind, title }) => `\`${kind}\`${title === undefined ? '' : ` (${title})`}`).join(', ')}.`,
      type: 'string',
      enum: ways.map(({ kind }) => kind),
      default: ways[0]!.kind,
      examples: [ways[1]!.kind],
    };
  }
  for (const [name, field] of fields) properties[name] = fieldSchema(name, field);
  if (ways.some(({ kind }) => kind === 'oauth2')) Object.assign(properties, oauthFields);
  Object.assign(properties, commonFields, {
    base_url: { ...commonFields.base_url, examples: [manifest.base_url.replace(/\$\{[^}]*\}/g, 'example')] },
  });
  const required = fields
    .filter(([, field]) => field.secret !== true && field.default === undefined && field.required !== false)
    .map(([name]) => name);
  return {
    title: `${manifest.name.replace(/(^|-)([a-z0-9])/g, (_, _dash, letter: string) => letter.toUpperCase())}Config`,
    description: manifest.description ?? `The resources of ${manifest.title}.`,
    type: 'object',
    properties,
    required: ['connector', ...required],
    'x-auth': ways.map(({ kind }) => kind),
    examples: [
      {
        connector: manifest.name,
        ...Object.fromEntries(required.map((name) => [name, manifest.fields![name]!.examples?.[0] ?? '…'])),
      },
    ],
  };
}

function fieldSchema(name: string, field: ManifestField): Record<string, unknown> {
  const { title = name, description = '', type = 'string', secret, examples } = field;
  return {
    title,
    description: description === '' ? `${title}.` : description,
    type,
    ...(field.enum === undefined ? {} : { enum: field.enum }),
    ...(field.pattern === undefined ? {} : { pattern: field.pattern }),
    ...(field.default === undefined ? {} : { default: field.default }),
    ...(secret === true
      ? { 'x-secret': true, examples: [`\${env.${name.toUpperCase()}}`] }
      : { examples: examples ?? (field.default === undefined ? ['…'] : [field.default]) }),
  };
}

const oauthFields = {
  client_id: {
    title: 'Client id',
    description: 'The id of your application at the service, for `oauth2`.',
    type: 'string',
    examples: ['8a1fb2'],
  },
  client_secret: {
    title: 'Client secret',
    description: 'The secret of your application, for `oauth2`.',
    type: 'string',
    'x-secret': true,
    examples: ['${env.CLIENT_SECRET}'],
  },
  access_token: {
    title: 'Access token',
    description: 'A token that gives access, for `oauth2`. Signing in puts it here.',
    type: 'string',
    'x-secret': true,
    examples: ['${env.ACCESS_TOKEN}'],
  },
  refresh_token: {
    title: 'Refresh token',
    description: 'What new access tokens are fetched with, for `oauth2`. Signing in puts it here.',
    type: 'string',
    'x-secret': true,
    examples: ['${env.REFRESH_TOKEN}'],
  },
};

const commonFields: Record<string, Record<string, unknown>> = {
  base_url: {
    title: 'Base URL',
    description: 'Another address of the service: a region, a proxy, a server for tests.',
    type: 'string',
    pattern: '^https?://',
  },
  concurrency: {
    title: 'Concurrency',
    description: 'How many requests may be under way at once. Left out, what the service allows, or 4.',
    type: 'integer',
    minimum: 1,
    maximum: 256,
    examples: [2],
  },
  read_timeout: {
    $ref: 'values.json#/$defs/Duration',
    title: 'Read timeout',
    description: 'How long the server may be silent, before its answer and within it.',
    default: '60s',
    examples: ['5m'],
  },
  ca: {
    title: 'Certificate authority',
    description: 'A PEM file with the certificate authorities to trust instead of those of the system.',
    type: 'string',
    'x-path': 'read',
    examples: ['certs/ca.pem'],
  },
};
