// `pipe test`: what it prints, what it exits with; and `pipe run --record`, which makes what it needs.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type HttpServer, startHttpServer } from '../servers/http.ts';
import { pipeCommand } from './pipe.ts';

const cwd = mkdtempSync(join(tmpdir(), 'pipe-test-command-'));
let server: HttpServer;

beforeAll(async () => {
  server = await startHttpServer();
  const tests = `tests:
  - name: as it is
    inputs: { a.csv: [{ id: 1, name: Ada }, { id: 2, name: Bob }] }
    expect: { b.csv: [{ id: 1, name: Ada }, { id: 2, name: Bob }] }
  - name: another name
    inputs: { a.csv: [{ id: 1, name: Ada }, { id: 2, name: Bob }] }
    expect: { b.csv: [{ id: 1, name: Ada }, { id: 2, name: Eve }] }
`;
  writeFileSync(
    join(cwd, 'copy.yaml'),
    `tasks:\n  - { op: read, path: a.csv }\n  - { op: write, path: b.csv }\n${tests}`,
  );
  writeFileSync(join(cwd, 'no-tests.yaml'), 'tasks:\n  - { op: echo, rows: [] }\n');
  writeFileSync(
    join(cwd, 'service.yaml'),
    `connections:
  api: { connector: http, base_url: "${server.url}", auth: bearer, token: "\${env.API_TOKEN}" }
tasks:
  - { op: read, path: /api/items.json }
  - { op: write, path: items.ndjson }
tests:
  - { name: recorded, cassettes: cassettes, expect: { items.ndjson: [{ id: 1 }] } }
`,
  );
});

afterAll(async () => {
  await server.close();
  rmSync(cwd, { recursive: true, force: true });
});

test('shows what differs, and fails', async () => {
  const { code, stdout, stderr } = await pipeCommand(['test', 'copy.yaml'], { cwd });
  expect({ code, stdout }).toEqual({
    code: 1,
    stdout: `ok      as it is
failed  another name  copy.yaml:8:5
        b.csv: 1 row differs
                    row  id  name
          expected  2    2   Eve
          written   2    2   Bob
`,
  });
  expect(stderr).toMatch(/^1 of 2 tests failed in \d/);
});

test('takes the tests of a folder that are asked for; colours are for terminals', async () => {
  const { code, stdout } = await pipeCommand(['test', '.', '--filter', 'AS IT'], {
    cwd,
    env: { FORCE_COLOR: '1', NO_COLOR: '' },
  });
  expect({ code, stdout }).toEqual({ code: 0, stdout: '\u001b[32mok\u001b[39m      as it is\n' });
  expect(await pipeCommand(['test', 'no-tests.yaml'], { cwd })).toEqual({
    code: 2,
    stdout: '',
    stderr: 'pipe test: there is no test in no-tests.yaml\n',
  });
});

test('as JSON', async () => {
  const { code, stdout } = await pipeCommand(['test', 'copy.yaml', '--format', 'json'], { cwd });
  const [report] = JSON.parse(stdout);
  expect(code).toBe(1);
  expect(report).toMatchObject({ file: 'copy.yaml', tests: [{ status: 'passed' }, { name: 'another name' }] });
  expect(report.tests[1].problems).toEqual([
    {
      kind: 'rows',
      output: 'b.csv',
      expected: 2,
      written: 2,
      differences: [{ row: 2, expected: { id: 2, name: 'Eve' }, written: { id: 2, name: 'Bob' }, columns: ['name'] }],
      more: 0,
    },
  ]);
});

test('what `run --record` has kept is enough for it', async () => {
  server.on('GET /items.json', { headers: { 'content-type': 'application/json' }, body: '[{"id":1}]' });
  const before = await pipeCommand(['test', 'service.yaml'], { cwd });
  expect(before).toMatchObject({ code: 1, stdout: expect.stringContaining('TEST_INPUT_MISSING') });
  const env = { API_TOKEN: 'canary-token-9d2f' };
  const recorded = await pipeCommand(['run', 'service.yaml', '--no-state', '--record', 'cassettes'], { cwd, env });
  expect(recorded).toMatchObject({ code: 0, stderr: expect.stringContaining('recorded cassettes/api.yaml') });
  expect(server.received.map(({ headers }) => headers.authorization)).toEqual(['Bearer canary-token-9d2f']);
  expect(readFileSync(join(cwd, 'cassettes/api.yaml'), 'utf8')).not.toContain('canary');
  expect(await pipeCommand(['test', 'service.yaml'], { cwd })).toMatchObject({ code: 0, stdout: 'ok      recorded\n' });
  expect(server.received).toHaveLength(1);
});
