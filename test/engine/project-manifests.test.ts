// A project's own services: a manifest in its folder is a connector there, and nowhere else.
import { readFileSync, utimesSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Row } from '../../engine/contracts/data.ts';
import { connectionFields, connectionPart, connectionValidator } from '../../engine/manifest-parts.ts';
import { connectionSchema } from '../../engine/manifests.ts';
import { apis } from '../../schemas/generated/apis.ts';
import { connectorFields } from '../../schemas/generated/fields.ts';
import { connectors } from '../../schemas/generated/language.ts';
import { validators } from '../../schemas/generated/validators.ts';
import { type HttpServer, startHttpServer } from '../servers/http.ts';
import { type OwnEngine, ownEngine } from './own-engine.ts';

const guide = readFileSync('docs/guides/services.md', 'utf8');
/** The one that the guide shows. */
const manifest = [...guide.matchAll(/```yaml\n([\s\S]*?)```/g)].find(([, yaml]) => yaml!.startsWith('name:'))![1]!;
const secret = 'cr4zy-s3cret';
const read = 'tasks: [{ op: read, path: /crm/contacts }, { op: write, path: contacts.csv }]';

let server: HttpServer;
let own: OwnEngine;
beforeEach(async () => {
  own = ownEngine();
  server = await startHttpServer();
  server.otherwise((request, response) => {
    const { pathname, searchParams } = new URL(request.url!, server.url);
    const json = (status: number, body: unknown) =>
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    if (request.headers.authorization !== `Bearer ${secret}`)
      return void json(401, { error: { message: `no access with ${request.headers.authorization}` } });
    if (pathname === '/v1/me') return void json(200, {});
    if (pathname === '/v1/contacts') {
      const second = searchParams.get('after') === 'two';
      const data = [{ id: second ? 2 : 1, email: 'a@example.com', updated_at: '2026-01-01T00:00:00Z' }];
      return void json(200, { data, next: second ? null : 'two' });
    }
    json(200, { data: [{ id: 7, amount: '1.50' }], next: null });
  });
});
afterEach(async () => {
  await own.close();
  await server.close();
});

const project = (fields = '') => {
  own.put('connectors/our-crm.yaml', manifest);
  own.put('pipewright.yaml', `connections:\n  crm: { connector: our-crm, base_url: ${server.url}/v1/${fields} }\n`);
};
const checked = async (text: string) => (await own.engine.check(own.put('pipe.yaml', text))).diagnostics;
const add = (home: 'project' | 'user' = 'project') =>
  own.engine.connections.add({
    connector: 'our-crm',
    alias: 'crm',
    home,
    fields: { base_url: `${server.url}/v1/` },
    secrets: { token: secret },
  });

describe('what the package knows of its services is what is known of a manifest', () => {
  it.each(Object.keys(apis))('%s', async (name) => {
    const schema = connectionSchema(await apis[name]!());
    const { description: _, keys, ...part } = connectionPart(schema);
    expect(part).toEqual({
      auth: connectors[name]!.auth,
      secrets: connectors[name]!.secrets,
      fields: connectors[name]!.fields,
    });
    expect([...keys['']!].sort()).toEqual([...connectors[name]!.keys['']!].sort());
    expect(connectionFields(schema)).toEqual(connectorFields[name]);
    const { validate } = await connectionValidator(schema);
    const generated = (await validators.connectors[name]!()).validate;
    for (const definition of [
      { connector: name },
      { connector: name, tokn: 'x', eid: 'no', title: 7, read_timeout: 'soon', concurrency: 0, base_url: 'ftp://x' },
    ]) {
      const errorsOf = (each: typeof validate) => {
        const right = each(definition);
        const errors = (each.errors ?? []).map(({ keyword, instancePath, params }) => ({
          keyword,
          instancePath,
          params,
        }));
        expect(right).toBe(errors.length === 0);
        return errors.map((error) => JSON.stringify(error)).sort();
      };
      expect(errorsOf(validate)).toEqual(errorsOf(generated));
    }
  });
});

describe('a manifest in the folder of a project', () => {
  it('is right in the guide, and makes a connector that is listed', async () => {
    const file = own.put('connectors/our-crm.yaml', manifest);
    expect((await own.engine.checkConnector(file)).diagnostics).toEqual([]);
    own.put('pipewright.yaml', 'connections: {}\n');
    expect(await own.engine.connectors()).toContainEqual(
      expect.objectContaining({
        name: 'our-crm',
        auth: ['bearer'],
        capabilities: ['list', 'read', 'write', 'request', 'describe'],
        planned: false,
      }),
    );
  });

  it('has its connections checked like all others', async () => {
    project(', tokn: x, region: moon');
    const found = await checked(read);
    expect(found).toMatchObject([
      { code: 'UNKNOWN_KEY', line: 2, message: expect.stringContaining('no key "tokn"; did you mean "token"?') },
      { code: 'NOT_ALLOWED', line: 2, message: expect.stringContaining('region') },
    ]);
    const literal = await checked(`connections: { other: { connector: our-crm, token: "${secret}" } }\n${read}`);
    expect(literal).toContainEqual(expect.objectContaining({ code: 'SECRET_LITERAL', severity: 'warning', line: 1 }));
    const misplaced = await checked(
      `connections: { other: { connector: our-crm, token: "\${secret('a')}", region: "\${secret('a')}" } }\n${read}`,
    );
    expect(misplaced.filter(({ code }) => code === 'NAME_OUT_OF_SCOPE')).toHaveLength(1);
  });

  it.each(['project', 'user'] as const)('can be read with a connection of the %s', async (home) => {
    own.put('connectors/our-crm.yaml', manifest);
    own.put('pipewright.yaml', 'settings: {}\n');
    const { connections } = own.engine;
    expect(await add(home)).toMatchObject({ alias: 'crm', home, keptIn: expect.any(String) });
    expect(`${own.text('pipewright.yaml')} ${own.registry()}`).not.toContain(secret);
    expect(await connections.verify('crm')).toMatchObject({ status: 'ok' });
    expect(await connections.ls('/crm')).toMatchObject({ entries: [{ name: 'contacts' }, { name: 'deals' }] });
    expect((await connections.describe('/crm/contacts')).columns).toMatchObject([
      { name: 'id', type: 'integer' },
      { name: 'email' },
      { name: 'updated_at' },
    ]);
    expect((await connections.sample('/crm/deals')).rows).toMatchObject([
      { contact_id: 1, id: 7, amount: '1.50' },
      { contact_id: 2, id: 7, amount: '1.50' },
    ]);
    const file = own.put('pipe.yaml', read);
    expect((await own.engine.plan(file)).connections).toMatchObject([{ connector: 'our-crm' }]);
    await own.engine.run(file).result;
    expect(own.text('contacts.csv')).toMatch(/^id,email,updated_at\n1,.*\n2,/);
    const ids: unknown[] = [];
    for await (const row of own.engine.read('/crm/contacts')) ids.push((row as Row).id);
    expect(ids).toEqual([1, 2]);
  });

  it('has its secrets taken out of what is said', async () => {
    project(', token: not-the-s3cret');
    const failed = await own.engine.run(own.put('pipe.yaml', read)).result.catch((error: unknown) => error);
    expect(failed).toMatchObject({ code: 'CREDENTIAL_REFUSED', message: expect.stringContaining('no access with') });
    expect(`${failed} ${JSON.stringify(failed)}`).not.toContain('not-the-s3cret');
    expect(JSON.stringify(await own.engine.connections.list())).not.toContain('not-the-s3cret');
    expect(JSON.stringify(await own.engine.connections.export())).not.toContain('not-the-s3cret');
  });

  it('serves a connection that a run makes', async () => {
    project();
    const config = `{ connector: our-crm, base_url: "${server.url}/v1/", token: "\${env.OWN_CRM_TOKEN}" }`;
    process.env.OWN_CRM_TOKEN = secret;
    const file = own.put(
      'pipe.yaml',
      `tasks:\n  - { op: connect, alias: made, config: ${config} }\n  - { op: read, path: /made/contacts }\n  - { op: write, path: made.csv }\n`,
    );
    await own.engine.run(file).result;
    expect(own.text('made.csv')).toContain('1,a@example.com');
  });
});

describe('a manifest that is wrong', () => {
  it('is said with its place, and nothing runs', async () => {
    project();
    own.put('connectors/our-crm.yaml', manifest.replace('kind: cursor', 'kind: pages'));
    const [found] = await checked(read);
    expect(found).toMatchObject({ code: 'NOT_ALLOWED', message: expect.stringContaining('cannot be "pages"') });
    expect(found!.file).toMatch(/connectors\/our-crm\.yaml$/);
    expect(manifest.split('\n')[found!.line - 1]).toContain('pagination');
    await expect(own.engine.run(own.put('pipe.yaml', read)).result).rejects.toMatchObject({
      code: 'DEFINITION_INVALID',
    });
    await expect(own.engine.connections.ls('/crm')).rejects.toMatchObject({
      code: 'CONNECTION_INVALID',
      message: expect.stringContaining('cannot be "pages"'),
    });
  });

  it.each([
    [
      'with the name of a connector of the package',
      'github',
      'name: github',
      'there is a connector "github" in the package already',
    ],
    ['with another name than its file', 'crm', 'name: our-crm', 'its name is not that of the file, "crm"'],
    ['with a secret in the address', 'our-crm', 'name: our-crm', '"token" is a secret'],
  ])('%s', async (_, file, name, message) => {
    const text = manifest
      .replace('name: our-crm', name)
      .replace('/v1/', message.includes('secret') ? '/${config.token}/' : '/v1/');
    const { diagnostics } = await own.engine.checkConnector(own.put(`connectors/${file}.yaml`, text));
    expect(diagnostics).toMatchObject([{ severity: 'error', message: expect.stringContaining(message) }]);
  });

  it('stops only the pipes that use it', async () => {
    project();
    own.put('connectors/broken.yaml', 'name: [');
    expect(await checked(read)).toEqual([]);
  });

  it('is read again when it was put right', async () => {
    project();
    const file = own.put('connectors/our-crm.yaml', 'name: [');
    expect((await checked(read)).length).toBeGreaterThan(0);
    own.put('connectors/our-crm.yaml', manifest);
    utimesSync(file, 1, 1);
    expect(await checked(read)).toEqual([]);
  });
});

it('two projects in one process do not meet', async () => {
  own.put('a/pipewright.yaml', 'settings: {}\n');
  own.put('b/pipewright.yaml', 'settings: {}\n');
  own.put('c/pipewright.yaml', 'settings: {}\n');
  own.put('a/connectors/our-crm.yaml', manifest);
  own.put(
    'b/connectors/our-crm.yaml',
    manifest.replace('token: { title', 'apikey: { title').replace('config.token', 'config.apikey'),
  );
  const pipe =
    'connections: { crm: { connector: our-crm, token: "${env.A}" } }\ntasks: [{ op: read, path: /crm/contacts }, { op: write, path: a.csv }]';
  const codes = async (folder: string) =>
    (await own.engine.check(own.put(`${folder}/pipe.yaml`, pipe))).diagnostics.map(({ code }) => code);
  expect(await codes('a')).toEqual([]);
  expect(await codes('b')).toEqual(['UNKNOWN_KEY']);
  expect(await codes('c')).toEqual(['UNKNOWN_CONNECTOR']);
  expect(await codes('a')).toEqual([]);
});
