// What a user gets for every kind of bad input: the place, the reason, what to do; the exit code; nothing written.
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type HttpServer, startHttpServer } from '../servers/http.ts';
import { type Ended, pipeCommand } from './pipe.ts';

let folder: string;
let server: HttpServer;
let other: HttpServer;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'pipewright-bad-'));
  [server, other] = await Promise.all([startHttpServer(), startHttpServer()]);
});
afterAll(async () => {
  await Promise.all([server.close(), other.close()]);
  rmSync(folder, { recursive: true, force: true });
});

let cases = 0;

/** Runs a definition in a folder of its own, with these files in it; what is there afterwards comes along. */
async function run(
  definition: string,
  files: Record<string, string | Uint8Array> = {},
  args: string[] = [],
  stdin = '',
) {
  const cwd = join(folder, String(cases++));
  mkdirSync(cwd);
  for (const [name, content] of Object.entries(files)) writeFileSync(join(cwd, name), content);
  writeFileSync(join(cwd, 'pipe.yaml'), definition);
  const before = new Set(readdirSync(cwd));
  const ended = await pipeCommand(['run', 'pipe.yaml', ...args], { cwd, stdin });
  return { ...ended, left: readdirSync(cwd).filter((name) => !before.has(name)) };
}

type Outcome = Ended & { left: string[] };

function expectRefused({ code, stdout, stderr, left }: Outcome, expectedCode: number, ...told: string[]): void {
  for (const text of told) expect(stderr).toContain(text);
  expect({ code, stdout, left }, stderr).toEqual({ code: expectedCode, stdout: '', left: [] });
}

const copy = (path: string, ...middle: string[]) =>
  [
    'tasks:',
    `  - { op: read, path: "${path}" }`,
    ...middle.map((task) => `  - ${task}`),
    '  - { op: write, path: out.ndjson }',
    '',
  ].join('\n');
const rows = 'id,qty\n1,5\n2,x\n3,7\n';

describe('a definition', () => {
  test.each<[string, string, string[]]>([
    [
      'unknown op',
      copy('a.csv', '{ op: filtr, where: "true" }'),
      ['pipe.yaml:3:11 UNKNOWN_OP', 'did you mean "filter"?', '^^^^^'],
    ],
    ['misspelt key', copy('a.csv', '{ op: limit, row: 1 }'), ['pipe.yaml:3:18 UNKNOWN_KEY', 'did you mean "rows"?']],
    ['wrong type', copy('a.csv', '{ op: limit, rows: ten }'), ['pipe.yaml:3:24 WRONG_TYPE', 'whole number']],
    ['unknown alias', copy('/my-dropbx/a.csv'), ['pipe.yaml:2:25 UNKNOWN_CONNECTION', 'my-dropbx']],
    [
      'expression with a syntax error',
      copy('a.csv', '{ op: filter, where: "record.qty >" }'),
      ['pipe.yaml:3:', 'EXPRESSION_SYNTAX'],
    ],
    [
      'name out of scope',
      copy('a.csv', '{ op: filter, where: "recrd.qty > 1" }'),
      ['pipe.yaml:3:27', 'recrd', 'record'],
    ],
    ['record where there is none', copy('${record.file}'), ['pipe.yaml:2:', 'record']],
    ['duplicate key', 'name: a\nname: b\ntasks: []\n', ['pipe.yaml:2:1', 'name']],
    ['tab', 'tasks:\n\t- op: read\n', ['pipe.yaml:2:1', 'tab']],
    ['two documents', 'tasks: []\n---\ntasks: []\n', ['pipe.yaml:2:1']],
  ])('%s', async (_, definition, told) => {
    expectRefused(await run(definition, { 'a.csv': rows }), 2, ...told);
  });

  test('10,000 nested aliases', async () => {
    const anchors = Array.from({ length: 10_000 }, (_, i) => `  a${i + 1}: &a${i + 1} [*a${i}, *a${i}]`).join('\n');
    const started = Date.now();
    expectRefused(await run(`x:\n  a0: &a0 [1, 1]\n${anchors}\ntasks: []\n`), 2, 'pipe.yaml:', 'alias');
    expect(Date.now() - started).toBeLessThan(15_000);
  });

  test('a file that is not there, with the near one', async () => {
    const { code, stderr } = await pipeCommand(['run', 'examples/quickstart/pip.yaml']);
    expect(stderr).toContain('examples/quickstart/pip.yaml does not exist');
    expect(stderr).toContain('pipe.yaml');
    expect(code).toBe(2);
  });
});

describe('params', () => {
  const definition = `params: { since: { type: string, format: date, required: true } }\n${copy('a.csv')}`;
  test.each<[string, string[], string[]]>([
    ['missing', [], ['PARAM_MISSING', '-p since=']],
    ['of the wrong type', ['-p', 'since=yesterday'], ['PARAM_INVALID', 'since']],
    ['not declared', ['-p', 'since=2026-01-01', '-p', 'sinc=1'], ['PARAM_UNKNOWN', 'did you mean "since"?']],
    ['without a value', ['-p', 'since'], ['name=value']],
  ])('%s', async (_, args, told) => {
    expectRefused(await run(definition, { 'a.csv': rows }, args), 2, ...told);
  });
});

describe('input', () => {
  const csv = (content: string | Uint8Array) =>
    run(copy('a.csv', '{ op: select, columns: [id] }'), { 'a.csv': content });

  test('an expression that fails on one record, and which', async () => {
    const outcome = await run(copy('a.csv', '{ op: filter, where: "int(record.qty) > 1" }'), { 'a.csv': rows });
    expectRefused(outcome, 1, 'pipe.yaml:3:5 EXPRESSION_FAILED', 'on record 2', '"x"');
  });
  test('a missing file', async () =>
    expectRefused(await run(copy('b.csv'), { 'a.csv': rows }), 2, 'pipe.yaml:2:', 'b.csv', 'a.csv'));
  test('a directory', async () => expectRefused(await run(copy('.')), 2, 'pipe.yaml:2:', 'folder'));
  test('an empty file', async () => expectRefused(await csv(''), 1, 'INPUT_EMPTY a.csv'));
  test('a ragged row', async () =>
    expectRefused(await csv('id,qty\n1,5\n2\n'), 1, 'RAGGED_ROW a.csv:3', 'ragged: pad'));
  test('the wrong encoding', async () =>
    expectRefused(
      await csv(Buffer.from('id,name\n1,Zoë\n', 'latin1')),
      1,
      'INPUT_ENCODING a.csv:2',
      'encoding: latin1',
    ));
  test('invalid JSON', async () => {
    const outcome = await run(copy('a.json', '{ op: select, columns: [id] }'), {
      'a.json': '[\n{"id": 1},\n{"id": }\n]\n',
    });
    expectRefused(outcome, 1, 'INPUT_MALFORMED a.json:3');
  });
  test('a gzip file cut short', async () => {
    const whole = gzipSync('id,qty\n'.concat('1,2\n'.repeat(100_000)));
    const outcome = await run(copy('a.csv.gz', '{ op: select, columns: [id] }'), {
      'a.csv.gz': whole.subarray(0, whole.length - 20),
    });
    expectRefused(outcome, 1, 'INPUT_TRUNCATED a.csv.gz');
  });
  test('stdin that is closed', async () => {
    const definition =
      'tasks:\n  - { op: read, path: "-", format: csv }\n  - { op: select, columns: [id] }\n  - { op: write, path: out.ndjson }\n';
    expectRefused(await run(definition), 1, 'INPUT_EMPTY');
  });
});

describe('a target', () => {
  test('that is there already, with `mode: create`', async () => {
    const definition = 'tasks:\n  - { op: read, path: a.csv }\n  - { op: write, path: b.csv, mode: create }\n';
    const outcome = await run(definition, { 'a.csv': rows, 'b.csv': 'old' });
    expectRefused(outcome, 1, 'TARGET_EXISTS b.csv', 'mode: replace');
    expect(readFileSync(join(folder, String(cases - 1), 'b.csv'), 'utf8')).toBe('old');
  });
  test('on a full disk', async () => {
    const definition =
      'tasks:\n  - { op: read, path: a.csv }\n  - { op: select, columns: [id] }\n  - { op: write, path: "file:///dev/full", format: csv }\n';
    expectRefused(await run(definition, { 'a.csv': rows }), 1, 'DISK_FULL', '/dev/full');
  });
});

describe('a web server', () => {
  const fetched = async (route: string, ...middle: string[]) => {
    return run(copy(`${server.url}${route}`, ...middle));
  };

  test('that answers 404', async () =>
    expectRefused(await fetched('/nothing.csv'), 1, 'pipe.yaml:2:5', `${server.url}/nothing.csv`, '404'));
  test('that answers 500 thrice, then 200', async () => {
    server.on('GET /flaky.csv', { status: 500 }, { status: 500 }, { status: 500 }, { body: rows });
    const { code, stderr, left } = await fetched('/flaky.csv', '{ op: select, columns: [id] }');
    expect({ code, left }, stderr).toEqual({ code: 0, left: ['out.ndjson'] });
    expect(stderr).toContain('3 retries');
  });
  test('that redirects to another host: the credential does not go along', async () => {
    other.on('GET /rows.csv', { body: rows });
    server.on('GET /moved.csv', { status: 301, headers: { location: `${other.url}/rows.csv` } });
    const definition = `connections:\n  api: { connector: http, base_url: "${server.url}", auth: bearer, token: "\${env.TOKEN_OF_TEST}" }\n${copy('/api/moved.csv')}`;
    const cwd = join(folder, 'redirect');
    mkdirSync(cwd);
    writeFileSync(join(cwd, 'pipe.yaml'), definition);
    await pipeCommand(['run', 'pipe.yaml'], { cwd, env: { TOKEN_OF_TEST: 'token-4711' } });
    expect(server.received.find(({ url }) => url === '/moved.csv')?.headers.authorization).toBe('Bearer token-4711');
    expect(other.received.every(({ headers }) => headers.authorization === undefined)).toBe(true);
  });
  test('that cuts the body short', async () => {
    server.on('GET /cut.csv', { body: 'id\n'.concat('1\n'.repeat(10_000)), cutAfter: 5_000 });
    expectRefused(await fetched('/cut.csv', '{ op: select, columns: [id] }'), 1, `${server.url}/cut.csv`);
  });
  test('that hangs', async () => {
    server.on('GET /hang.csv', { hang: 'at once' });
    const definition = `connections:\n  api: { connector: http, base_url: "${server.url}", read_timeout: 100ms }\n${copy('/api/hang.csv')}`;
    expectRefused(await run(definition), 1, 'TIMED_OUT');
  });
});

test('an interrupted run leaves nothing half-written', async () => {
  const cwd = join(folder, 'interrupted');
  mkdirSync(cwd);
  server.on('GET /slow.ndjson', { body: '{"id":1}\n'.repeat(400_000), hang: 3_500_000 });
  writeFileSync(join(cwd, 'pipe.yaml'), copy(`${server.url}/slow.ndjson`, '{ op: select, columns: [id] }'));
  const ended = await pipeCommand(['run', 'pipe.yaml', '--log', 'json'], {
    cwd,
    killWhen: { matches: /"task.progress".*"op":"select".*"rows":[1-9]/, signal: 'SIGINT' },
  });
  expect({ code: ended.code, left: readdirSync(cwd) }).toEqual({ code: 130, left: ['pipe.yaml'] });
  expect(ended.stderr).toContain('INTERRUPTED');
});
