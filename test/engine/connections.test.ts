// Where connections are found: three homes, by alias, EID or connector; what a project's mistakes do; secrets by reference.
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createLookup, eidOf, requireConnection } from '../../engine/connections.ts';
import { eidOfAlias, isEid } from '../../engine/eid.ts';
import type { RunFailure } from '../../index.ts';
import { type HttpServer, startHttpServer } from '../servers/http.ts';
import { type OwnEngine, ownEngine } from './own-engine.ts';

describe('a lookup', () => {
  const pipe = { home: 'pipe', connections: { shop: { connector: 'http' } } };
  const project = {
    home: 'project',
    connections: {
      shop: { connector: 'local', eid: 'g98ffn156zsj' },
      lake: { connector: 'local', default: true },
      bcdfghjklmnp: { connector: 'local', eid: 'bcdfghjklmnp' },
    },
  };
  const user = {
    home: 'user',
    connections: { shop: { connector: 'http' }, lake: { connector: 'http', default: true } },
  };
  const lookup = createLookup([pipe, project, user]);

  it('takes the nearest home, and knows which ones that hides', () => {
    expect(lookup.find('shop')).toMatchObject({
      home: 'pipe',
      shadows: ['project', 'user'],
      definition: { connector: 'http' },
    });
    expect(lookup.find('lake')).toMatchObject({ home: 'project', shadows: ['user'] });
    expect(lookup.all().map(({ name }) => name)).toEqual(['shop', 'lake', 'bcdfghjklmnp']);
  });

  it('finds what is hidden by its EID', () => {
    expect(lookup.find('g98ffn156zsj')).toMatchObject({ home: 'project', alias: 'shop' });
    expect(lookup.find('bcdfghjklmnp')).toMatchObject({ alias: undefined });
  });

  it('finds the default of a connector by its name', () => {
    expect(lookup.find('local')).toMatchObject({ alias: 'lake', name: 'local', home: 'project' });
    expect(lookup.find('http')).toBeUndefined();
  });

  it('gives one without an EID the one that its alias stands for', () => {
    const eid = eidOf(lookup.find('lake')!);
    expect(isEid(eid)).toBe(true);
    expect(eid).toBe(eidOfAlias('lake'));
    expect(lookup.find(eid)).toMatchObject({ alias: 'lake', name: eid });
    expect(eidOfAlias('lake')).not.toBe(eidOfAlias('lakes'));
  });

  it('refuses what is not there, or disabled', () => {
    expect(() => requireConnection(lookup, 'shpo')).toThrow('did you mean "shop"?');
    const off = createLookup([{ home: 'pipe', connections: { off: { connector: 'http', disabled: true } } }]);
    expect(() => requireConnection(off, 'off')).toThrow('off is disabled');
  });
});

let server: HttpServer;
let own: OwnEngine;
const seen = () => server.received.at(-1)!.headers;

beforeAll(async () => {
  server = await startHttpServer();
  server.otherwise((_, response) => void response.writeHead(200, { 'content-type': 'text/csv' }).end('id\n1\n'));
});
afterAll(() => server.close());
beforeEach(() => {
  own = ownEngine();
});
afterEach(async () => {
  for (const name of Object.keys(process.env)) if (name.startsWith('TEST_CONN_')) delete process.env[name];
  await own.close();
});

const reading = (path: string) =>
  ({
    tasks: [
      { op: 'read', path },
      { op: 'write', path: 'out.csv' },
    ],
  }) as never;
const failureOf = async (work: Promise<unknown>): Promise<RunFailure> =>
  work.then(
    () => expect.unreachable(),
    (error: RunFailure) => error,
  );

describe('a project', () => {
  it('is the nearest pipewright.yaml above the pipe', async () => {
    own.put('pipewright.yaml', 'connections:\n  api: { connector: http, base_url: "http://outer.invalid" }\n');
    own.put('inner/pipewright.yaml', `connections:\n  api: { connector: http, base_url: "${server.url}/inner/" }\n`);
    const file = own.put(
      'inner/deep/pipe.yaml',
      'tasks:\n  - { op: read, path: /api/a.csv }\n  - { op: write, path: out.csv }\n',
    );
    expect((await own.engine.run(file).result).status).toBe('done');
    expect(server.received.at(-1)!.url).toBe('/inner/a.csv');
    expect(own.text('inner/deep/out.csv')).toBe('id\n1\n');
  });

  it('is checked with a pipe that is in it, under its own name and line', async () => {
    own.put(
      'pipewright.yaml',
      'connections:\n  api:\n    connector: http\n    base_ur: x\n  http: { connector: htpp }\n  one: { connector: local, eid: g98ffn156zsj }\n  two: { connector: local, eid: g98ffn156zsj }\n',
    );
    const file = own.put('pipe.yaml', 'tasks:\n  - { op: read, path: /one/a.csv }\n  - { op: write, path: out.csv }\n');
    const { diagnostics, text } = await own.engine.check(file);
    const told = diagnostics.map(({ file, line, col, code }) => `${file.replace(/^.*\//, '')}:${line}:${col} ${code}`);
    expect(told).toEqual([
      'pipewright.yaml:4:5 UNKNOWN_KEY',
      'pipewright.yaml:5:3 PATTERN',
      'pipewright.yaml:5:22 UNKNOWN_CONNECTOR',
      'pipewright.yaml:7:33 DUPLICATE_EID',
    ]);
    expect(text()).toContain('did you mean "base_url"?');
    expect(text()).toContain('5 |   http: { connector: htpp }');
    const failure = await failureOf(own.engine.run(file).result);
    expect(failure).toMatchObject({ code: 'CONNECTIONS_INVALID', fault: 'connection' });
  });

  it('can be checked by itself', async () => {
    const file = own.put(
      'pipewright.yaml',
      'connections:\n  api: { connector: http, auth: token }\ncredentails: env\n',
    );
    const codes = (await own.engine.check(file)).diagnostics.map(({ code }) => code);
    expect(codes).toEqual(['NOT_ALLOWED', 'UNKNOWN_KEY']);
  });

  it.each<[string, string, string]>([
    ['one alias twice', 'connections:\n  api: { connector: http }\n  api: { connector: http }\n', 'DUPLICATE_KEY'],
    ['an alias that looks like an EID', 'connections:\n  bcdfghjklmnp: { connector: http }\n', 'PATTERN'],
    [
      'two defaults of one connector',
      'connections:\n  aa: { connector: http, default: true }\n  bb: { connector: http, default: true }\n',
      'NOT_ALLOWED',
    ],
    ['no connector', 'connections:\n  api: { base_url: "http://x" }\n', 'MISSING_KEY'],
    [
      'an expression that cannot be read',
      'connections:\n  api: { connector: http, base_url: "${env.}" }\n',
      'EXPRESSION_SYNTAX',
    ],
    [
      'a secret where none may be',
      'connections:\n  api: { connector: http, base_url: "${secret(\'x\')}" }\n',
      'NAME_OUT_OF_SCOPE',
    ],
  ])('with %s is refused, exit code 3', async (_, text, code) => {
    own.put('pipewright.yaml', text);
    const failure = await failureOf(own.engine.run(reading('a.csv')).result);
    expect(failure.diagnostics!.diagnostics.map((each) => each.code)).toContain(code);
    own.put('a.csv', 'id\n1\n');
    expect(await failureOf(own.engine.run(reading('a.csv')).result)).toMatchObject({
      code: 'CONNECTIONS_INVALID',
      fault: 'connection',
    });
  });

  it('says in its plan which home each connection is from, what that hides, and where its secrets are', async () => {
    await own.engine.connections.add({
      connector: 'http',
      alias: 'api',
      fields: { base_url: server.url, auth: 'bearer' },
      secrets: { token: 'abc-def' },
    });
    const plan = await own.engine.plan(reading('/api/a.csv'));
    expect(plan.connections).toMatchObject([{ name: 'api', home: 'user', shadows: [] }]);
    expect(plan.connections[0]!.secrets.filter(({ configured }) => configured)).toEqual([
      { field: 'token', configured: true, where: expect.stringMatching(/credentials$/) },
    ]);
    own.put('pipewright.yaml', `connections:\n  api: { connector: http, base_url: "${server.url}", auth: bearer }\n`);
    const shadowing = await own.engine.plan(reading('/api/a.csv'));
    expect(shadowing.connections).toMatchObject([{ name: 'api', home: 'project', shadows: ['user'] }]);
    expect(shadowing.connections[0]!.secrets.some(({ configured }) => configured)).toBe(false);
  });

  it("a mistake in the user's own file counts where it is used", async () => {
    await own.engine.connections.add({ connector: 'local', alias: 'good' });
    await own.engine.connections.add({ connector: 'http', alias: 'bad' });
    const { editRegistry } = await import('../../engine/registry.ts');
    const { signal } = new AbortController();
    await editRegistry(own.configFolder, (editor) => editor.set('bad', 'base_ur', 'x'), { signal });
    expect((await own.engine.check(reading('/good/a.csv'))).diagnostics).toEqual([]);
    expect((await own.engine.check(reading('/bad/a.csv'))).diagnostics).toMatchObject([
      { code: 'UNKNOWN_KEY', file: expect.stringMatching(/connections\.yaml$/) },
    ]);
  });
});

describe('secrets by reference', () => {
  const api = (fields: string) => `connections:\n  api:\n    connector: http\n    base_url: "${server.url}"\n${fields}`;

  it('from the environment, a file beside the definition, and the stores', async () => {
    process.env.TEST_CONN_TOKEN = 'from-env';
    own.put('secrets/token', 'from-file\n');
    await own.engine.connections.add({
      connector: 'http',
      alias: 'keeper',
      fields: { auth: 'bearer', base_url: server.url },
      secrets: { token: 'from-store' },
    });
    const { eid } = await own.engine.connections.get('keeper');
    for (const [reference, expected] of [
      ['${env.TEST_CONN_TOKEN}', 'from-env'],
      ['${file("secrets/token")}', 'from-file'],
      [`\${secret("${eid}")}`, 'from-store'],
      [`\${secret("${eid}.token")}`, 'from-store'],
      [`x-\${secret("${eid}")}-\${env.TEST_CONN_TOKEN}`, 'x-from-store-from-env'],
    ]) {
      own.put('pipewright.yaml', api(`    auth: bearer\n    token: '${reference}'\n`));
      const file = own.put(
        'deep/pipe.yaml',
        'tasks:\n  - { op: read, path: /api/a.csv }\n  - { op: write, path: out.csv }\n',
      );
      await own.engine.run(file).result;
      expect(seen().authorization).toBe(`Bearer ${expected}`);
    }
  });

  it('in headers and queries too', async () => {
    process.env.TEST_CONN_KEY = 'k-1234';
    own.put('key', 'q 5678');
    own.put(
      'pipewright.yaml',
      api(
        '    headers: { X-Key: "${env.TEST_CONN_KEY}", accept: text/csv }\n    query: { sig: "${file(\'key\')}", n: 1 }\n',
      ),
    );
    await own.engine.run(reading('/api/a.csv')).result;
    expect(seen()).toMatchObject({ 'x-key': 'k-1234', accept: 'text/csv' });
    expect(server.received.at(-1)!.url).toBe('/a.csv?sig=q+5678&n=1');
  });

  it.each<[string, string, string, string]>([
    [
      'variable',
      '${env.TEST_CONN_NOWHERE}',
      'CREDENTIAL_MISSING',
      'the environment variable TEST_CONN_NOWHERE is not set',
    ],
    ['file', '${file("nowhere")}', 'SECRET_UNREADABLE', 'file("nowhere") does not exist'],
    ['secret', '${secret("nowhere")}', 'SECRET_MISSING', 'secret("nowhere") is not in'],
  ])('a %s that is not there is told, exit code 3', async (_, reference, code, message) => {
    own.put('pipewright.yaml', api(`    auth: bearer\n    token: '${reference}'\n`));
    const failure = await failureOf(own.engine.run(reading('/api/a.csv')).result);
    expect(failure).toMatchObject({ code, fault: 'connection', message: expect.stringContaining(message) });
  });

  it('are not looked up where they are not needed', async () => {
    own.put('pipewright.yaml', api('    auth: none\n    token: \'${secret("nowhere")}\'\n'));
    expect((await own.engine.run(reading('/api/a.csv')).result).status).toBe('done');
  });

  it('relative paths of a connection start at the file that defines it', async () => {
    own.put('pipewright.yaml', 'connections:\n  lake: { connector: local, root: data }\n');
    own.put('data/a.csv', 'id\n7\n');
    const file = own.put(
      'pipes/pipe.yaml',
      'tasks:\n  - { op: read, path: /lake/a.csv }\n  - { op: write, path: out.csv }\n',
    );
    await own.engine.run(file).result;
    expect(own.text('pipes/out.csv')).toBe('id\n7\n');
  });
});

describe('stores of a project', () => {
  it('are those that it names, in order, with options', async () => {
    await own.close();
    own = ownEngine({ credentials: undefined });
    process.env.PIPE_API_TOKEN = 'from-env-store';
    own.put('passphrase', 'correct horse');
    const { chmodSync } = await import('node:fs');
    chmodSync(own.put('passphrase', 'correct horse'), 0o600);
    own.put(
      'pipewright.yaml',
      `credentials: [env, { name: file, path: kept/credentials, passphrase_file: passphrase, cost: 10 }]\nconnections:\n  api: { connector: http, base_url: "${server.url}", auth: bearer }\n  two: { connector: http, base_url: "${server.url}", auth: bearer }\n`,
    );
    const engine = own.again({ credentials: undefined } as never);
    await engine.run(reading('/api/a.csv')).result;
    expect(seen().authorization).toBe('Bearer from-env-store');
    delete process.env.PIPE_API_TOKEN;
    const { keptIn } = await engine.connections.edit('two', { secrets: { token: 'in-the-file' } });
    expect(keptIn).toContain('kept/credentials');
    await engine.run(reading('/two/a.csv')).result;
    expect(seen().authorization).toBe('Bearer in-the-file');
  });

  it('a store that does not exist is a mistake of the project file', async () => {
    own.put('pipewright.yaml', 'credentials: keychain\n');
    expect((await own.engine.check(own.put('pipewright.yaml', 'credentials: keychain\n'))).diagnostics).toMatchObject([
      { code: 'NOT_ALLOWED' },
    ]);
  });
});

describe('op: connect', () => {
  it('makes a connection for the tasks after it, with params in its secrets', async () => {
    const pipe = {
      params: { key: { type: 'string', secret: true } },
      tasks: [
        {
          op: 'connect',
          alias: 'made',
          config: { connector: 'http', base_url: server.url, auth: 'bearer', token: '${params.key}' },
        },
        { op: 'read', path: '/made/a.csv' },
        { op: 'write', path: 'out.csv' },
      ],
    } as never;
    expect((await own.engine.check(pipe)).diagnostics).toEqual([]);
    await own.engine.run(pipe, { params: { key: 'by-param' } }).result;
    expect(seen().authorization).toBe('Bearer by-param');
    expect(own.registry()).toBeUndefined();
  });

  it('keeps it where that is wanted: the secret in the store, again in the same place', async () => {
    const pipe = (path: string) =>
      ({
        params: { key: { type: 'string' } },
        tasks: [
          {
            op: 'connect',
            alias: 'made',
            save: true,
            config: { connector: 'http', base_url: `${server.url}${path}`, auth: 'bearer', token: '${params.key}' },
          },
        ],
      }) as never;
    await own.engine.run(pipe('/one/'), { params: { key: 'kept-key' } }).result;
    const { eid } = await own.engine.connections.get('made');
    expect(own.registry()).toContain('/one/');
    expect(own.registry()).not.toMatch(/kept-key|params/);
    await own.engine.run(pipe('/two/'), { params: { key: 'next-key' } }).result;
    expect(await own.engine.connections.get('made')).toMatchObject({ eid, config: { base_url: `${server.url}/two/` } });
    await own.engine.run(reading('/made/a.csv')).result;
    expect(seen().authorization).toBe('Bearer next-key');
  });

  it('saves nothing in a dry run', async () => {
    const pipe = { tasks: [{ op: 'connect', alias: 'made', save: true, config: { connector: 'local' } }] } as never;
    await own.engine.run(pipe, { dryRun: true }).result;
    expect(own.registry()).toBeUndefined();
  });
});

describe('a project with 10,000 connections', () => {
  it('is checked as one with few, and each of them is found', async () => {
    const count = 10_000;
    const fields = (i: number) => `connector: http\n    base_url: https://api-${i}.example.com/\n    auth: none\n`;
    const text = Array.from({ length: count }, (_, i) => `  api-${i}:\n    ${fields(i)}`).join('');
    own.put('pipewright.yaml', `connections:\n${text}`);
    const started = performance.now();
    expect((await own.engine.check(reading(`/api-${count - 1}/a.csv`))).diagnostics).toEqual([]);
    // Many times what it takes, for machines that are busy; a quadratic check takes minutes.
    expect(performance.now() - started).toBeLessThan(10_000);
    // An anchor: the parser for all of YAML.
    own.put('pipewright.yaml', `connections:\n${text}  last: &last { connector: htpp }\n`);
    expect((await own.engine.check(reading('/api-1/a.csv'))).diagnostics).toMatchObject([
      { code: 'UNKNOWN_CONNECTOR', line: 2 + 4 * count, col: 28 },
    ]);
  });
});
