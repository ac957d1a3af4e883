// Recording what connections say over HTTP, and answering from it: the same again, without secrets, without network.
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, onTestFinished, test } from 'vitest';
import { stringify } from 'yaml';
import { createEngine, type Pipe, type Row } from '../../index.ts';
import { startTwilio } from '../servers/apis.ts';
import { type HttpServer, startHttpServer } from '../servers/http.ts';

function place() {
  const folder = mkdtempSync(join(tmpdir(), 'pipe-cassettes-'));
  const engine = createEngine({ folder, configFolder: folder, stateFolder: folder, credentials: 'memory' });
  onTestFinished(async () => {
    await engine.close();
    rmSync(folder, { recursive: true, force: true });
  });
  const cassettes = join(folder, 'cassettes');
  return {
    engine,
    folder,
    cassettes,
    recorded: () =>
      Object.fromEntries(readdirSync(cassettes).map((name) => [name, readFileSync(join(cassettes, name), 'utf8')])),
    /** The tests of a pipe, as a file. */
    async tested(pipe: object, tests: object[]) {
      const file = join(folder, 'pipe.yaml');
      writeFileSync(file, stringify({ ...pipe, tests: tests.map((each, i) => ({ name: `test ${i + 1}`, ...each })) }));
      return (await engine.test(file)).tests;
    },
  };
}

async function server(): Promise<HttpServer> {
  const started = await startHttpServer();
  onTestFinished(() => started.close());
  return started;
}

const json = { 'content-type': 'application/json' };
const failureOf = (work: Promise<unknown>) =>
  work.then(
    () => undefined,
    (error: unknown) => error as { code: string; message: string },
  );

test('what was recorded answers for the network, at another base URL and without the secret', async () => {
  const sid = 'AC0123456789abcdef0123456789abcdef';
  const calls = Array.from({ length: 45 }, (_, i) => ({
    sid: `CA${i}`,
    status: 'completed',
    start_time: 'Sat, 10 Jan 2026 12:00:00 +0000',
    duration: String(i),
  }));
  const api = await startTwilio(sid, 'canary-0123456789', calls);
  const { engine, cassettes, recorded, tested } = place();
  const pipe = (twilio: object) => ({
    name: 'calls',
    connections: { 'my-twilio': { connector: 'twilio', ...twilio } },
    tasks: [
      { op: 'read', path: '/my-twilio/calls', filters: { started_after: '2026-01-01' } },
      { op: 'select', columns: ['sid', 'duration'] },
      { op: 'write', path: 'calls.ndjson' },
    ],
  });
  const real = { account_sid: sid, auth_token: 'canary-0123456789', base_url: api.baseUrl };
  await engine.run(pipe(real) as Pipe, { record: cassettes }).result;
  await api.close();
  const files = recorded();
  expect(Object.keys(files)).toEqual(['my-twilio.yaml']);
  expect(files['my-twilio.yaml']).toContain('{{my-twilio}}/Calls.json?PageSize=1000&StartTime%3E=2026-01-01');
  expect(files['my-twilio.yaml']).toMatch(/json:\n {8}calls:\n/);
  for (const gone of [new URL(api.baseUrl).host, sid, 'canary', 'date:', 'authorization'])
    expect(files['my-twilio.yaml']).not.toContain(gone);

  const rows = calls.map(({ sid: id, duration }) => ({ sid: id, duration: Number(duration) }));
  // The variables are not there, and need not be.
  const elsewhere = { account_sid: '${env.NO_SUCH_SID}', auth_token: '${env.NO_SUCH_TOKEN}' };
  expect(await tested(pipe(elsewhere), [{ cassettes: 'cassettes', expect: { 'calls.ndjson': rows } }])).toMatchObject([
    { status: 'passed', notes: [], problems: [] },
  ]);
  // Written again, it is the same: a review shows only what changed.
  const again = await startTwilio(sid, 'canary-0123456789', calls);
  onTestFinished(() => again.close());
  await engine.run(pipe({ ...real, base_url: again.baseUrl }) as Pipe, { record: cassettes }).result;
  expect(recorded()).toEqual(files);
});

describe('no secret gets into a cassette', () => {
  const canary = 'cánary/+ 8f3e&"x';
  const forms = [
    canary,
    encodeURIComponent(canary),
    Buffer.from(canary).toString('base64'),
    Buffer.from(`user:${canary}`).toString('base64'),
    JSON.stringify(canary).slice(1, -1),
    'given-by-the-server',
  ];

  test.each([
    ['basic', { auth: 'basic', username: 'user', password: canary }],
    ['key in the query', { auth: 'api_key', api_key_in: 'query', api_key_name: 'k', token: canary }],
  ])('%s', async (_, auth) => {
    const api = await server();
    api.on('POST /v1/echo', (request, response) => {
      const body = {
        asked: request.url,
        by: request.headers.authorization ?? null,
        plain: canary,
        packed: Buffer.from(`before ${canary} after`).toString('base64'),
        access_token: 'given-by-the-server',
        nested: { refresh_token: 'given-by-the-server', again: 'given-by-the-server' },
      };
      const headers = { ...json, 'set-cookie': 'session=given-by-the-server', 'x-echo': encodeURIComponent(canary) };
      response.writeHead(200, headers).end(JSON.stringify(body));
    });
    const { engine, cassettes, recorded } = place();
    const pipe = {
      name: 'echo',
      connections: { api: { connector: 'http', base_url: `${api.url}/v1/`, ...auth } },
      tasks: [
        { op: 'request', connection: 'api', url: `echo?token=${encodeURIComponent(canary)}&page=1`, body: { canary } },
        { op: 'write', path: 'out.json' },
      ],
    };
    await engine.run(pipe as unknown as Pipe, { record: cassettes }).result;
    const text = recorded()['api.yaml']!;
    for (const form of forms) expect(text).not.toContain(form);
    expect(text).toContain('url: "{{api}}/echo?page=1&token=[secret]"');
    expect(text).toContain('access_token: "[secret]"');
    expect(text).not.toContain('set-cookie');
  });

  test('what is packed is refused, and nothing is written', async () => {
    const api = await server();
    api.on('GET /export.csv.gz', { body: gzipSync('id,token\n1,plain\n') });
    const { engine, cassettes } = place();
    const pipe = {
      name: 'export',
      connections: { api: { connector: 'http', base_url: api.url, auth: 'bearer', token: 'canary-8f3e-77' } },
      tasks: [
        { op: 'read', path: '/api/export.csv.gz' },
        { op: 'write', path: 'out.csv' },
      ],
    };
    await engine.run(pipe as Pipe, { record: cassettes }).result;
    api.on('GET /secret.csv.gz', { body: gzipSync('id,token\n1,canary-8f3e-77\n') });
    pipe.tasks[0]!.path = '/api/secret.csv.gz';
    rmSync(cassettes, { recursive: true });
    expect(await failureOf(engine.run(pipe as Pipe, { record: cassettes }).result)).toMatchObject({
      code: 'CASSETTE_UNSAFE',
    });
    expect(() => readdirSync(cassettes)).toThrow('ENOENT');
  });
});

describe('replaying', () => {
  const pipe = {
    name: 'items',
    params: { page: { type: 'integer', default: 1 } },
    connections: { api: { connector: 'http', base_url: 'https://api.example.com/v2/' } },
    tasks: [
      { op: 'request', id: 'ask', connection: 'api', url: 'items', query: { page: '${params.page}', kind: 'a' } },
      { op: 'write', path: 'out.ndjson' },
    ],
  };
  const exchange = (page: number, rows: Row[]) => ({
    request: { method: 'GET', url: `{{api}}/items?kind=a&page=${page}` },
    answer: { status: 200, headers: json, json: rows },
  });
  async function recordedAs(exchanges: object[]) {
    const { tested, folder } = place();
    writeFileSync(join(folder, 'api.yaml'), stringify({ version: 1, connection: 'api', exchanges }));
    return (test: object, definition: object = pipe) => tested(definition, [{ cassettes: '.', ...test }]);
  }

  test('a request that was not recorded is an error that shows the nearest', async () => {
    const run = await recordedAs([exchange(1, [{ id: 1 }]), exchange(2, [{ id: 2 }])]);
    expect(await run({ expect: { 'out.ndjson': [{ id: 1 }] } })).toMatchObject([
      { status: 'passed', notes: [expect.stringContaining('GET {{api}}/items?kind=a&page=2 was not asked for')] },
    ]);
    const [result] = await run({ params: { page: 3 } });
    expect(result).toMatchObject({ status: 'failed', problems: [{ kind: 'error', code: 'CASSETTE_UNMATCHED' }] });
    expect(result!.problems[0]).toHaveProperty('message', expect.stringContaining('page is "1" there and "3" here'));
  });

  test('each recorded answer is given once, in order', async () => {
    const twice = {
      ...pipe,
      tasks: [...pipe.tasks, { ...pipe.tasks[0]!, id: 'again' }, { op: 'write', path: 'b.ndjson' }],
    };
    const both = await recordedAs([exchange(1, [{ id: 1 }]), exchange(1, [{ id: 2 }])]);
    expect(await both({ expect: { 'out.ndjson': [{ id: 1 }], 'b.ndjson': [{ id: 2 }] } }, twice)).toMatchObject([
      { status: 'passed', notes: [] },
    ]);
    const once = await recordedAs([exchange(1, [{ id: 1 }])]);
    const [result] = await once({}, twice);
    expect(result!.problems[0]).toHaveProperty(
      'message',
      expect.stringContaining('recorded once, and is asked for once more'),
    );
  });

  test('a cassette that cannot be read says why', async () => {
    const run = await recordedAs([{ request: { method: 'GET' } }]);
    expect((await run({}))[0]!.problems).toMatchObject([
      { code: 'CASSETTE_INVALID', message: expect.stringContaining('exchange 1 has no `request` with method and url') },
    ]);
  });
});
