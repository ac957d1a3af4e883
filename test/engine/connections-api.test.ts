// `engine.connections`: saving, changing, trying and carrying connections, against a real server, file and store.
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { isEid } from '../../engine/eid.ts';
import { type HttpServer, startHttpServer } from '../servers/http.ts';
import { type OwnEngine, ownEngine } from './own-engine.ts';

let server: HttpServer;
let own: OwnEngine;

beforeAll(async () => {
  server = await startHttpServer();
  server.otherwise((request, response) => {
    const allowed = request.headers.authorization === 'Bearer t0p-s3cret';
    if (!allowed) response.writeHead(401, { 'content-type': 'text/plain' }).end('who are you?');
    else response.writeHead(200, { 'content-type': 'text/csv' }).end('id,name\n1,a\n2,b\n3,\n');
  });
});
afterAll(() => server.close());
beforeEach(() => {
  own = ownEngine();
});
afterEach(() => own.close());

const shop = (more: object = {}) => ({
  connector: 'http',
  alias: 'shop',
  fields: { base_url: server.url, auth: 'bearer' },
  secrets: { token: 't0p-s3cret' },
  ...more,
});
const add = (more: object = {}) => own.engine.connections.add(shop(more));

describe('add', () => {
  it('gives an EID, keeps the definition in the registry and the secret in the store', async () => {
    const added = await add();
    expect(isEid(added.eid)).toBe(true);
    expect(added).toMatchObject({ name: 'shop', home: 'user', status: 'unverified', default: false });
    expect(added.keptIn).toMatch(/credentials$/);
    expect(own.registry()).toContain(`  shop:\n    connector: http\n    eid: ${added.eid}\n`);
    expect(own.registry()).not.toContain('t0p-s3cret');
    expect(statSync(join(own.configFolder, 'connections.yaml')).mode & 0o777).toBe(0o600);
    const { secrets } = await own.engine.connections.get('shop');
    expect(secrets.filter(({ configured }) => configured)).toEqual([
      { field: 'token', configured: true, where: expect.stringMatching(/credentials$/) },
    ]);
  });

  it('takes a text for a secret field as a secret, a reference as it is', async () => {
    await add({ secrets: {}, fields: { base_url: server.url, auth: 'bearer', token: 't0p-s3cret' } });
    expect(own.registry()).not.toContain('t0p-s3cret');
    await add({
      alias: 'other',
      secrets: {},
      fields: { base_url: server.url, auth: 'bearer', token: '${env.A_TOKEN}' },
    });
    expect(own.registry()).toContain('token: ${env.A_TOKEN}');
  });

  it('without an alias it goes by its EID, in paths as well', async () => {
    const { eid } = await own.engine.connections.add({ ...shop(), alias: undefined } as never);
    expect(own.registry()).toContain(`  ${eid}:\n`);
    expect((await own.engine.connections.sample(`/${eid}/a.csv`)).rows).toHaveLength(3);
    expect((await own.engine.connections.get(eid)).alias).toBeUndefined();
    expect(
      await own.engine.check({
        tasks: [
          { op: 'read', path: `/${eid}/a.csv` },
          { op: 'write', path: 'x.csv' },
        ],
      }),
    ).toMatchObject({ diagnostics: [] });
  });

  it('into the project makes pipewright.yaml, which others may read', async () => {
    await add({ home: 'project' });
    expect(own.text('pipewright.yaml')).toContain('shop:');
    expect(own.registry()).toBeUndefined();
    expect(statSync(join(own.folder, 'pipewright.yaml')).mode & 0o044).not.toBe(0);
  });

  it.each<[string, object, RegExp]>([
    ['an alias that is taken', { alias: 'taken' }, /there is a connection "taken" in .*already/],
    ['an alias that looks like an EID', { alias: 'bcdfghjklmnp' }, /looks like an EID/],
    ['a reserved alias', { alias: 'http' }, /reserved word/],
    ['an alias of other letters', { alias: 'My Shop' }, /lower-case letters/],
    ['an unknown connector', { connector: 'htpp' }, /no connector "htpp"; did you mean "http"\?/],
    [
      'a misspelt field',
      { fields: { base_ur: 'http://x', auth: 'bearer' } },
      /no key "base_ur"; did you mean "base_url"\?/,
    ],
    ['a wrong value', { fields: { base_url: 'ftp://x', auth: 'bearer' } }, /base_url cannot be "ftp:\/\/x"/],
    ['a secret that is none', { secrets: { tokn: 'x' } }, /tokn is no secret field of http; they are password, token/],
    ['a secret that nothing takes', { fields: { base_url: 'http://x' } }, /takes no secrets/],
  ])('refuses %s, and writes nothing', async (_, more, message) => {
    await add({ alias: 'taken' });
    const before = own.registry();
    await expect(add(more)).rejects.toMatchObject({ fault: 'connection', message: expect.stringMatching(message) });
    expect(own.registry()).toBe(before);
  });

  it('of many at once, by several engines, loses none', async () => {
    const engines = [own.engine, own.again(), own.again()];
    const names = Array.from({ length: 24 }, (_, i) => `api-${i}`);
    await Promise.all(
      names.map((alias, i) => engines[i % 3]!.connections.add(shop({ alias, secrets: { token: alias } }) as never)),
    );
    const { connections, total } = await own.engine.connections.list({ limit: 100 });
    expect(total).toBe(24);
    expect(new Set(connections.map(({ eid }) => eid)).size).toBe(24);
    for (const { name } of connections) {
      const { secrets } = await own.engine.connections.get(name);
      expect(secrets.find(({ field }) => field === 'token')?.configured).toBe(true);
    }
  });
});

describe('list', () => {
  beforeEach(async () => {
    for (const alias of ['bravo', 'alpha', 'delta']) await add({ alias, secrets: {} });
    await own.engine.connections.add({ connector: 'local', alias: 'charlie', fields: { title: 'Files' } });
  });
  const names = async (o: object) => (await own.engine.connections.list(o)).connections.map(({ name }) => name);

  it('sorts by name, or as told', async () => {
    expect(await names({})).toEqual(['alpha', 'bravo', 'charlie', 'delta']);
    expect(await names({ descending: true })).toEqual(['delta', 'charlie', 'bravo', 'alpha']);
    expect(await names({ sort: 'created' })).toEqual(['bravo', 'alpha', 'delta', 'charlie']);
    expect(await names({ sort: 'connector' })).toEqual(['alpha', 'bravo', 'delta', 'charlie']);
  });

  it('searches in alias, title, EID and connector', async () => {
    expect(await names({ search: 'LPH' })).toEqual(['alpha']);
    expect(await names({ search: 'files' })).toEqual(['charlie']);
    expect(await names({ search: 'http' })).toEqual(['alpha', 'bravo', 'delta']);
    const { eid } = await own.engine.connections.get('delta');
    expect(await names({ search: eid })).toEqual(['delta']);
    expect(await names({ search: 'nothing' })).toEqual([]);
  });

  it('gives a page, and how many there are', async () => {
    expect(await own.engine.connections.list({ limit: 2, offset: 1 })).toMatchObject({
      connections: [{ name: 'bravo' }, { name: 'charlie' }],
      total: 4,
    });
  });

  it("has the project's in place of the user's of one alias, and says so", async () => {
    own.put('pipewright.yaml', 'connections:\n  alpha: { connector: local }\n');
    const { connections } = await own.engine.connections.list();
    expect(connections.find(({ name }) => name === 'alpha')).toMatchObject({
      home: 'project',
      connector: 'local',
      shadows: ['user'],
    });
    expect(connections).toHaveLength(4);
  });
});

describe('edit', () => {
  it('changes fields and keeps the secrets', async () => {
    const { eid } = await add();
    await own.engine.connections.edit('shop', { set: { base_url: `${server.url}/v2/`, title: 'Shop' } });
    const details = await own.engine.connections.get('shop');
    expect(details).toMatchObject({ eid, title: 'Shop', config: { base_url: `${server.url}/v2/` } });
    expect(details.secrets.find(({ field }) => field === 'token')?.configured).toBe(true);
  });

  it('changes one secret and keeps the others', async () => {
    await add({ secrets: { token: 'wrong', refresh_token: 'kept' } });
    expect(await own.engine.connections.verify('shop')).toMatchObject({ status: 'failing' });
    await own.engine.connections.edit('shop', { secrets: { token: 't0p-s3cret' } });
    expect(await own.engine.connections.verify('shop')).toMatchObject({ status: 'ok' });
    const { secrets } = await own.engine.connections.get('shop');
    expect(secrets.filter(({ configured }) => configured).map(({ field }) => field)).toEqual([
      'token',
      'refresh_token',
    ]);
  });

  it('takes fields and secrets out', async () => {
    await add({ fields: { base_url: server.url, auth: 'bearer', method: 'GET' } });
    await own.engine.connections.edit('shop', { unset: ['method', 'token'] });
    const details = await own.engine.connections.get('shop');
    expect(details.config).toEqual({ base_url: server.url, auth: 'bearer' });
    expect(details.secrets.some(({ configured }) => configured)).toBe(false);
  });

  it('makes what was verified unverified, where it matters', async () => {
    await add();
    await own.engine.connections.verify('shop');
    expect(await own.engine.connections.edit('shop', { set: { title: 'Shop' } })).toMatchObject({ status: 'ok' });
    expect(await own.engine.connections.edit('shop', { set: { method: 'GET' } })).toMatchObject({
      status: 'unverified',
    });
    await own.engine.connections.verify('shop');
    expect(await own.engine.connections.edit('shop', { secrets: { token: 'other' } })).toMatchObject({
      status: 'unverified',
    });
  });

  it.each<[string, object, RegExp]>([
    ['an unknown field', { set: { base_ur: 'x' } }, /no key "base_ur"/],
    ['another connector', { set: { connector: 'local' } }, /the connector of a connection stays/],
    ['another EID', { set: { eid: 'g98ffn156zsj' } }, /the eid of a connection stays/],
  ])('refuses %s', async (_, edit, message) => {
    await add();
    const before = own.registry();
    await expect(own.engine.connections.edit('shop', edit)).rejects.toMatchObject({
      message: expect.stringMatching(message),
      fault: 'connection',
    });
    expect(own.registry()).toBe(before);
  });
});

describe('verify', () => {
  it('remembers ok and when, also for another process', async () => {
    await add();
    expect(await own.engine.connections.verify('shop')).toMatchObject({
      status: 'ok',
      verified: expect.stringMatching(/^20/),
    });
    expect(await own.again().connections.get('shop')).toMatchObject({ status: 'ok' });
  });

  it('remembers why it fails, without the secret', async () => {
    await add({ secrets: { token: 'wr0ng-s3cret' }, fields: { base_url: `${server.url}/refuses/`, auth: 'bearer' } });
    server.on('HEAD /refuses/', { status: 405 });
    server.on('GET /refuses/', ({ headers }, response) => {
      response.writeHead(401, { 'content-type': 'text/plain' }).end(`not with ${headers.authorization}`);
    });
    const tried = await own.engine.connections.verify('shop');
    expect(tried).toMatchObject({ status: 'failing', code: 'CREDENTIAL_REFUSED' });
    expect(tried.reason).toContain('not with Bearer [secret]');
    const state = readFileSync(join(own.stateFolder, 'connections.json'), 'utf8');
    expect(state).toContain('CREDENTIAL_REFUSED');
    expect(state).not.toContain('wr0ng-s3cret');
  });

  it('gives up a server that hangs', async () => {
    server.on('HEAD /hangs/', { hang: 'at once' });
    await add({ fields: { base_url: `${server.url}/hangs/`, auth: 'bearer' } });
    expect(await own.engine.connections.verify('shop', { timeoutMs: 200 })).toMatchObject({
      status: 'failing',
      code: 'TIMED_OUT',
      reason: 'verifying shop took longer than 0.2 s',
    });
  });

  it.each<[string, object, string]>([
    ['nothing that answers', { fields: { base_url: 'http://127.0.0.1:1/', auth: 'bearer' } }, 'CONNECTION_REFUSED'],
    ['no credential', { secrets: {} }, 'CREDENTIAL_MISSING'],
    [
      'a variable that is not set',
      { secrets: {}, fields: { base_url: 'http://127.0.0.1:1/', auth: 'bearer', token: '${env.NOT_SET_AT_ALL}' } },
      'CREDENTIAL_MISSING',
    ],
  ])('says of %s what is wrong', async (_, more, code) => {
    await add(more);
    expect(await own.engine.connections.verify('shop')).toMatchObject({ status: 'failing', code });
  });

  it('refuses what is disabled or not there', async () => {
    await add();
    await own.engine.connections.disable('shop');
    await expect(own.engine.connections.verify('shop')).rejects.toMatchObject({ code: 'CONNECTION_DISABLED' });
    await expect(own.engine.connections.verify('shpo')).rejects.toMatchObject({
      code: 'CONNECTION_UNKNOWN',
      message: expect.stringContaining('did you mean "shop"?'),
    });
  });

  it('of a changed file is verified anew', async () => {
    const file = own.put(
      'pipewright.yaml',
      `connections:\n  api: { connector: http, base_url: "${server.url}/a/", auth: none }\n`,
    );
    server.on('HEAD /a/', {});
    expect(await own.engine.connections.verify('api')).toMatchObject({ status: 'ok' });
    writeFileSync(file, readFileSync(file, 'utf8').replace('/a/', '/b/'));
    expect(await own.engine.connections.get('api')).toMatchObject({ status: 'unverified' });
  });
});

describe('disable, enable, default, rename, remove', () => {
  const pipe = {
    tasks: [
      { op: 'read', path: '/shop/a.csv' },
      { op: 'write', path: 'out.csv' },
    ],
  };
  beforeEach(() => add());

  it('a disabled connection refuses every use, until it is enabled', async () => {
    expect(await own.engine.connections.disable('shop')).toMatchObject({ status: 'disabled' });
    await expect(own.engine.run(pipe as never).result).rejects.toMatchObject({
      code: 'CONNECTIONS_INVALID',
      fault: 'connection',
    });
    await expect(own.engine.connections.sample('/shop/a.csv')).rejects.toMatchObject({ code: 'CONNECTION_DISABLED' });
    expect(await own.engine.connections.enable('shop')).toMatchObject({ status: 'unverified' });
    expect((await own.engine.run(pipe as never).result).status).toBe('done');
    expect(own.text('out.csv')).toBe('id,name\n1,a\n2,b\n3,\n');
  });

  it('a run is remembered as use', async () => {
    await own.engine.run(pipe as never).result;
    expect((await own.engine.connections.get('shop')).used).toMatch(/^20/);
  });

  it('the default goes by its connector, and there is one', async () => {
    await add({ alias: 'second' });
    await own.engine.connections.setDefault('shop');
    await own.engine.connections.setDefault('second');
    const { connections } = await own.engine.connections.list();
    expect(connections.filter((each) => each.default).map(({ name }) => name)).toEqual(['second']);
    expect((await own.engine.connections.sample('/http/a.csv')).rows).toHaveLength(3);
  });

  it('a rename keeps EID, credential and status', async () => {
    await own.engine.connections.verify('shop');
    const { eid } = await own.engine.connections.get('shop');
    expect(await own.engine.connections.rename('shop', 'store')).toMatchObject({ name: 'store', eid, status: 'ok' });
    expect((await own.engine.connections.sample('/store/a.csv')).rows).toHaveLength(3);
    await expect(own.engine.connections.get('shop')).rejects.toMatchObject({ code: 'CONNECTION_UNKNOWN' });
    await add();
    await expect(own.engine.connections.rename('store', 'shop')).rejects.toMatchObject({ code: 'CONNECTION_EXISTS' });
  });

  it('a rename of one that was written by hand keeps its EID too', async () => {
    own.put('pipewright.yaml', 'connections:\n  files: { connector: local }\n');
    const { eid } = await own.engine.connections.get('files');
    await own.engine.connections.rename('files', 'papers');
    expect((await own.engine.connections.get(eid)).name).toBe('papers');
  });

  it('a removal takes definition, credential and status', async () => {
    const { eid } = await own.engine.connections.get('shop');
    await own.engine.connections.verify('shop');
    await own.engine.connections.remove('shop');
    expect(own.registry()).not.toContain('shop');
    expect(readFileSync(join(own.stateFolder, 'connections.json'), 'utf8')).not.toContain(eid);
    // Were the credential still there, this one would find it.
    own.put(
      'pipewright.yaml',
      `connections:\n  again: { connector: http, eid: ${eid}, base_url: "http://x", auth: bearer }\n`,
    );
    const { secrets } = await own.engine.connections.get('again');
    expect(secrets.some(({ configured }) => configured)).toBe(false);
  });

  it('says which pipes use it', async () => {
    const { eid } = await own.engine.connections.get('shop');
    own.put('a.yaml', JSON.stringify(pipe));
    own.put(
      'deep/b.yaml',
      `tasks:\n  - op: if\n    when: "true"\n    then:\n      - { op: copy, from: /${eid}/x, to: y }\n`,
    );
    own.put('c.yaml', 'connections: { shop: { connector: local } }\ntasks: [{ op: read, path: /shop/a.csv }]\n');
    own.put('d.yaml', '# /shop/a.csv\ntasks: [{ op: read, path: other.csv }]\n');
    own.put('e.json', '{"tasks":[{"op":"list","connection":"shop","path":"x"}]}');
    expect(await own.engine.connections.uses('shop')).toEqual(['a.yaml', 'deep/b.yaml', 'e.json']);
  });
});

describe('export and import', () => {
  it('carry definitions and EIDs, never secrets', async () => {
    const { eid } = await add({
      fields: {
        base_url: server.url,
        auth: 'bearer',
        headers: { 'X-Api-Key': 'h1dden-key', accept: 'text/csv', 'X-Ref': '${env.X_REF}' },
      },
    });
    const document = await own.engine.connections.export();
    expect(document).toEqual({
      connections: {
        shop: {
          connector: 'http',
          eid,
          base_url: server.url,
          auth: 'bearer',
          headers: { accept: 'text/csv', 'X-Ref': '${env.X_REF}' },
        },
      },
    });
    const other = ownEngine();
    try {
      expect(await other.engine.connections.import(document)).toEqual(['shop']);
      expect(await other.engine.connections.get('shop')).toMatchObject({ eid, connector: 'http' });
      await expect(other.engine.connections.import(document)).rejects.toMatchObject({ code: 'CONNECTION_EXISTS' });
      expect(await other.engine.connections.import(document, { replace: true })).toEqual(['shop']);
    } finally {
      await other.close();
    }
  });

  it.each<[string, object, RegExp]>([
    ['a secret as text', { bb: { connector: 'http', auth: 'bearer', token: 'abc' } }, /"bb" has token as plain text/],
    ['a mistake', { bb: { connector: 'http', base_ur: 'x' } }, /no key "base_ur"/],
    ['no map', { bb: 5 }, /"bb" is no map/],
    ['an EID that is taken', { bb: { connector: 'local', eid: 'g98ffn156zsj' } }, /has the EID of connection "taken"/],
  ])('import nothing where there is %s', async (_, more, message) => {
    await own.engine.connections.import({ connections: { taken: { connector: 'local', eid: 'g98ffn156zsj' } } });
    const before = own.registry();
    const connections = { aa: { connector: 'local' }, ...more } as never;
    await expect(own.engine.connections.import({ connections })).rejects.toMatchObject({
      message: expect.stringMatching(message),
      fault: 'connection',
    });
    expect(own.registry()).toBe(before);
  });
});

describe('secure', () => {
  it('moves a secret out of the project file, and the connection goes on working', async () => {
    own.put(
      'pipewright.yaml',
      `connections:\n  api:\n    connector: http\n    base_url: ${server.url}\n    auth: bearer\n    token: t0p-s3cret\n`,
    );
    expect(await own.engine.connections.secure('api')).toEqual({
      moved: ['token'],
      keptIn: expect.stringMatching(/credentials$/),
    });
    expect(own.text('pipewright.yaml')).not.toContain('t0p-s3cret');
    expect(own.text('pipewright.yaml')).toMatch(/eid: [a-z0-9]{12}/);
    expect(await own.engine.connections.verify('api')).toMatchObject({ status: 'ok' });
    expect(await own.engine.connections.secure('api')).toEqual({ moved: [] });
  });

  it('moves one out of a pipe file', async () => {
    const file = own.put(
      'pipe.yaml',
      `connections:\n  api: { connector: http, base_url: "${server.url}", auth: bearer, token: t0p-s3cret }\ntasks:\n  - { op: read, path: /api/a.csv }\n  - { op: write, path: out.csv }\n`,
    );
    const { diagnostics } = await own.engine.check(file);
    expect(diagnostics).toMatchObject([
      { code: 'SECRET_LITERAL', help: expect.stringContaining(`pipe connections secure api --in ${file}`) },
    ]);
    expect(await own.engine.connections.secure('api', { file })).toMatchObject({ moved: ['token'] });
    expect(own.text('pipe.yaml')).not.toContain('t0p-s3cret');
    expect((await own.engine.check(file)).diagnostics).toEqual([]);
    expect((await own.engine.run(file).result).status).toBe('done');
  });

  it('keeps a secret by reference beside one in the store', async () => {
    own.put(
      'pipewright.yaml',
      `connections:\n  api:\n    connector: http\n    base_url: ${server.url}\n    auth: bearer\n    token: t0p-s3cret\n    client_secret: \${env.CLIENT_SECRET}\n`,
    );
    await own.engine.connections.secure('api');
    process.env.CLIENT_SECRET = 'from-the-environment';
    const { secrets } = await own.engine.connections.get('api');
    expect(secrets.find(({ field }) => field === 'token')).toMatchObject({
      configured: true,
      where: expect.stringMatching(/credentials$/),
    });
    expect(secrets.find(({ field }) => field === 'client_secret')).toMatchObject({ where: '${env.CLIENT_SECRET}' });
    expect(await own.engine.connections.verify('api')).toMatchObject({ status: 'ok' });
    delete process.env.CLIENT_SECRET;
    expect(await own.engine.connections.verify('api')).toMatchObject({ code: 'CREDENTIAL_MISSING' });
  });
});

describe('a look inside', () => {
  beforeEach(() => add());

  it('samples rows, and says when there are more', async () => {
    expect(await own.engine.connections.sample('/shop/a.csv', { limit: 2 })).toEqual({
      columns: [expect.objectContaining({ name: 'id' }), expect.objectContaining({ name: 'name' })],
      rows: [
        { id: '1', name: 'a' },
        { id: '2', name: 'b' },
      ],
      truncated: true,
    });
    expect(await own.engine.connections.sample('/shop/a.csv', { limit: 3 })).toMatchObject({ truncated: false });
    own.put('b.ndjson', '{"a":1}\n{"a":2}\n');
    expect((await own.engine.connections.sample('b.ndjson')).rows).toEqual([{ a: 1 }, { a: 2 }]);
  });

  it('describes columns', async () => {
    own.put('b.ndjson', '{"a":1,"b":"x"}\n{"a":2.5,"b":null,"c":true}\n');
    const { columns } = await own.engine.connections.describe('b.ndjson');
    expect(columns).toMatchObject([
      { name: 'a', type: 'double', nullable: false },
      { name: 'b', type: 'text', nullable: true },
      { name: 'c', type: 'boolean', nullable: true },
    ]);
    expect(await own.engine.connections.describe('/shop/a.csv')).toMatchObject({
      kind: 'file',
      contentType: 'text/csv',
      columns: [{ name: 'id' }, { name: 'name' }],
    });
  });

  it('lists files by page, and the connections for /', async () => {
    await own.engine.connections.add({ connector: 'local', alias: 'files', fields: { root: own.folder } });
    for (const name of ['a.csv', 'b.csv', 'c/d.csv']) own.put(name, 'x\n');
    const page = await own.engine.connections.ls('/files', { limit: 2 });
    expect(page).toMatchObject({
      entries: [{ kind: 'file', path: '/files/a.csv', size: 2 }, { path: '/files/b.csv' }],
      hasMore: true,
    });
    expect(await own.engine.connections.ls('/files', { limit: 2, offset: 2 })).toMatchObject({
      entries: [{ kind: 'folder', name: 'c' }],
      hasMore: false,
    });
    expect((await own.engine.connections.ls('/files', { recursive: true })).entries.map(({ path }) => path)).toContain(
      '/files/c/d.csv',
    );
    expect((await own.engine.connections.ls('/')).entries.map(({ path }) => path)).toEqual(['/files', '/shop']);
  });

  it('writes bytes out, and copies files', async () => {
    const chunks: Uint8Array[] = [];
    await own.engine.connections.cat('/shop/a.csv', async (chunk) => void chunks.push(chunk));
    expect(Buffer.concat(chunks).toString()).toBe('id,name\n1,a\n2,b\n3,\n');
    await own.engine.connections.cp('/shop/a.csv', 'copy.csv');
    expect(own.text('copy.csv')).toBe('id,name\n1,a\n2,b\n3,\n');
  });

  it.each<[string, (path: OwnEngine) => Promise<unknown>, string, string]>([
    [
      'an unknown connection',
      ({ engine }) => engine.connections.ls('/shpo/'),
      'CONNECTION_UNKNOWN',
      'did you mean "shop"?',
    ],
    ['a file that is not there', ({ engine }) => engine.connections.sample('nothing.csv'), 'NOT_FOUND', 'nothing.csv'],
    [
      'SQL where there is none',
      ({ engine }) => engine.connections.query('shop', 'select 1'),
      'CAPABILITY_MISSING',
      'http cannot run SQL',
    ],
    [
      'a list where there is none',
      ({ engine }) => engine.connections.ls('/shop/'),
      'CAPABILITY_MISSING',
      '(connector http) cannot',
    ],
    ['no path', ({ engine }) => engine.connections.sample('~/a.csv'), 'PATH_INVALID', '~'],
  ])('refuses %s', async (_, look, code, message) => {
    await expect(look(own)).rejects.toMatchObject({ code, message: expect.stringContaining(message) });
  });
});
