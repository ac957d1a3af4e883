// One project full of connections, each with a canary in the same field, given in the same way.
import { chmodSync, mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createFileStore } from '../../engine/credentials/file.ts';
import { credentialOf } from '../../engine/secret.ts';
import { type ConnectorField, connectorFields } from '../../schemas/generated/fields.ts';
import { connectors } from '../../schemas/generated/language.ts';
import { canaries } from './canaries.ts';
import type { Hostile } from './hostile.ts';
import { isOfOauth, type RealServer } from './servers.ts';

/** How a secret comes into a connection. */
export const ways = [
  'text in the pipe',
  'text in the project',
  'text in the registry',
  'store',
  'environment',
  'file',
  'secret reference',
  'param',
  'connect task',
] as const;
export type Way = (typeof ways)[number];

export const scenarios = [
  'success',
  'wrong password',
  'timeout',
  'connection cut',
  'invalid definition',
  'crash',
] as const;
export type Scenario = (typeof scenarios)[number];

export interface Target {
  connector: string;
  field: string;
}

/** Every connector with code and secret fields, as its schema has them, and the maps that may hold secrets as well. */
export function targets(): Target[] {
  return Object.entries(connectors).flatMap(([connector, { planned, secrets, fields }]) => {
    if (planned === true) return [];
    const maps = Object.entries(fields).flatMap(([pointer, { scope }]) =>
      scope?.includes('secret') ? [pointer.slice(1)] : [],
    );
    return [...new Set([...secrets, ...maps])].map((field) => ({ connector, field }));
  });
}

export interface PlantedPipe {
  /** The canary's name. */
  name: string;
  file: string;
  params: Record<string, string>;
}

export interface Planted {
  root: string;
  folder: string;
  pipes: PlantedPipe[];
  /** One pipe with all the connections. */
  together: string;
  /** Aliases of the saved connections. */
  saved: string[];
}

export interface Planting extends Target {
  way: Way;
  scenario: Scenario;
  /** The names of the canaries. */
  names: readonly string[];
  hostile: Hostile;
  real: RealServer | undefined;
}

/** The environment variables that the definitions refer to. */
export const environment: Readonly<Record<string, string>> = Object.fromEntries(
  Object.entries(canaries).map(([name, secret]) => [variableOf(name), secret]),
);

function variableOf(name: string): string {
  return `LEAK_${name.toUpperCase().replaceAll(/[^A-Z0-9]/g, '_')}`;
}

/** Whoever calls removes `root`. */
export async function plant(planting: Planting): Promise<Planted> {
  const { connector, field, way, scenario, names, real } = planting;
  const root = mkdtempSync(join(tmpdir(), 'pipe-leaks-'));
  const [folder, config] = [join(root, 'work'), join(root, 'config')];
  for (const each of [folder, join(config, 'pipewright')]) mkdirSync(each, { recursive: true });
  const isMap = !connectors[connector]!.secrets.includes(field);
  const saved: Record<string, unknown> = {};
  const stored: Record<string, string>[] = [];
  const pipes: PlantedPipe[] = [];
  const together = { params: {}, connections: {}, tasks: [] as unknown[] };
  for (const [i, name] of names.entries()) {
    const alias = `canary-${i}`;
    const secret = canaries[name]!;
    writeFileSync(join(folder, `${alias}.secret`), secret);
    const { definition, others } = await definitionOf(planting, i, secret);
    const text = secret.replaceAll('${', '$${');
    const reference = {
      'text in the pipe': text,
      'text in the project': text,
      'text in the registry': text,
      store: undefined,
      environment: `\${env.${variableOf(name)}}`,
      file: `\${file("${folder}/${alias}.secret")}`,
      'secret reference': `\${secret("${alias}")}`,
      param: '${params.key}',
      'connect task': '${params.key}',
    }[way];
    const given =
      scenario === 'crash' && reference?.startsWith('${') ? `\${int(${reference.slice(2, -1)})}` : reference;
    stored.push(way === 'store' && !isMap ? { [field]: secret, ...others } : { value: secret });
    if (way !== 'store') Object.assign(definition, others);
    if (isMap) definition[field] = { 'X-Api-Key': given ?? 'none', accept: 'text/csv' };
    else if (given !== undefined) definition[field] = given;
    if (scenario === 'invalid definition')
      Object.assign(definition, {
        [`${field}s`]: reference ?? secret,
        [field]: isMap ? { authorization: [secret] } : [reference ?? secret],
      });
    const byTask = way === 'connect task';
    const inPipe = way === 'text in the pipe' || way === 'param';
    const withParam = way === 'param' || byTask;
    if (!inPipe && !byTask) saved[alias] = definition;
    const params = withParam ? { key: { type: 'string', secret: true } } : {};
    const connections = inPipe ? { [alias]: definition } : {};
    // Where the connection has no time to give up after, the task has.
    const bounded = waits(scenario) && !hasTimeout(connector) ? { timeout: '2s' } : {};
    const filtered = Object.keys(real?.filters ?? {}).length === 0 ? {} : { filters: real!.filters };
    const tasks = [
      ...(byTask ? [{ op: 'connect', alias, config: definition }] : []),
      ...(real?.task === undefined
        ? [
            { op: 'read', path: `/${alias}/${real?.path ?? 'a.csv'}`, ...filtered, ...bounded },
            { op: 'write', path: `out-${i}.csv` },
          ]
        : [real.task(alias)]),
    ];
    Object.assign(together.params, params);
    Object.assign(together.connections, connections);
    together.tasks.push(...tasks);
    const file = join(folder, `${alias}.json`);
    writeFileSync(file, jsonOf({ params, connections, tasks }));
    pipes.push({ name, file, params: withParam ? { key: secret } : {} });
  }
  writeFileSync(join(folder, 'together.json'), jsonOf(together));
  const passphrase = join(root, 'passphrase');
  writeFileSync(passphrase, 'correct horse');
  chmodSync(passphrase, 0o600);
  const store = { name: 'file', path: join(root, 'credentials'), passphrase_file: passphrase, cost: 10 };
  const inRegistry = way === 'text in the registry';
  const project = { credentials: store, ...(inRegistry ? {} : { connections: saved }) };
  writeFileSync(join(folder, 'pipewright.yaml'), jsonOf(project));
  if (inRegistry)
    writeFileSync(join(config, 'pipewright/connections.yaml'), jsonOf({ connections: saved }), { mode: 0o600 });
  if (way === 'store' || way === 'secret reference') await fillStore(store, stored);
  return { root, folder, pipes, together: join(folder, 'together.json'), saved: Object.keys(saved) };
}

function jsonOf(value: unknown): string {
  return JSON.stringify(value, undefined, 1);
}

/** A definition that leads to a server for the scenario: by the fields that the connector's schema has. */
async function definitionOf(
  { connector, field, scenario, hostile, real }: Planting,
  i: number,
  secret: string,
): Promise<{ definition: Record<string, unknown>; others: Record<string, string> }> {
  const fields = new Map((connectorFields[connector] ?? []).map((each) => [each.name, each]));
  const definition: Record<string, unknown> = { connector };
  let others: Record<string, string> = {};
  for (const [name, each] of fields) if (each.required && !each.secret) definition[name] = exampleOf(each);
  const path = { timeout: 'hang', 'connection cut': 'cut' }[scenario as string] ?? 'no';
  const port = { timeout: hostile.silent, 'connection cut': hostile.cutting }[scenario as string] ?? hostile.echo;
  for (const name of ['base_url', 'endpoint']) if (fields.has(name)) definition[name] = `${hostile.http.url}/${path}/`;
  if (fields.has('host')) Object.assign(definition, { host: '127.0.0.1' }, fields.has('port') ? { port } : {});
  if (fields.has('token_url')) definition.token_url = `${hostile.http.url}/${path}/token`;
  if (fields.has('database')) definition.database = 'leaks';
  if (field.startsWith('ssh_') && fields.has('ssh_host'))
    Object.assign(definition, { ssh_host: '127.0.0.1', ssh_port: port, ssh_user: 'tunnel' });
  if (real !== undefined && ['success', 'wrong password', 'crash'].includes(scenario)) {
    const given = await real.fields(field, i, secret, scenario !== 'wrong password');
    Object.assign(definition, given.fields);
    others = given.secrets ?? {};
  }
  for (const name of fields.keys()) if (name.endsWith('_timeout')) definition[name] = waits(scenario) ? '300ms' : '20s';
  const auth = authOf(connector, field);
  if (auth !== undefined) definition.auth = auth;
  return { definition, others };
}

export function waits(scenario: Scenario): boolean {
  return scenario === 'timeout' || scenario === 'connection cut';
}

function hasTimeout(connector: string): boolean {
  return connectorFields[connector]?.some(({ name }) => name.endsWith('_timeout')) === true;
}

function exampleOf({ examples, choices, type }: ConnectorField): unknown {
  return examples?.[0] ?? choices?.[0] ?? (type.includes('number') ? 1 : 'x');
}

/** A way to authenticate that makes the connector use the field. */
function authOf(connector: string, field: string): string | undefined {
  const { choices } = connectorFields[connector]?.find(({ name }) => name === 'auth') ?? {};
  if (choices === undefined) return undefined;
  if (isOfOauth(field)) return 'oauth2';
  return { password: 'basic', token: 'bearer' }[field] ?? 'none';
}

async function fillStore(
  { path, passphrase_file: passphraseFile, cost }: { path: string; passphrase_file: string; cost: number },
  stored: readonly Record<string, string>[],
): Promise<void> {
  const store = createFileStore({ path, passphraseFile, cost });
  const put = (fields: Record<string, string>, i: number) =>
    store.put(`canary-${i}`, credentialOf(fields), { signal: new AbortController().signal });
  await Promise.all(stored.map(put));
  await store.close();
}

/** Someone's store whose errors tell what is in it, once it has given it. */
export function crashingStore(names: readonly string[], field: string) {
  const asked = new Set<string>();
  return {
    name: 'crashing',
    async get(name: string) {
      const secret = canaries[names[Number(/\d+$/.exec(name)?.[0])] ?? 'plain']!;
      if (asked.has(name)) {
        const cause = Object.assign(new Error(`lookup of ${secret}`), {
          detail: { token: secret, bytes: Buffer.from(secret) },
        });
        throw new TypeError(`cannot read ${JSON.stringify({ secret })}`, { cause });
      }
      asked.add(name);
      return { fields: credentialOf({ [field]: secret, value: secret }) };
    },
    async close() {},
  };
}
