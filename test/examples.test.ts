// Every example runs as its README says, and gives what its folder `expected` holds.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createEngine } from '../index.ts';
import { pipeCommand } from './cli/pipe.ts';

const root = join(import.meta.dirname, '..');
const folder = join(root, 'examples');
const names = readdirSync(folder);

function filesOf(path: string): Record<string, string> {
  if (!existsSync(path)) return {};
  return Object.fromEntries(readdirSync(path).map((name) => [name, readFileSync(join(path, name), 'utf8')]));
}

function expectOutput(name: string): void {
  expect(filesOf(join(folder, name, 'output'))).toEqual(filesOf(join(folder, name, 'expected')));
}

beforeAll(() => {
  for (const name of names) rmSync(join(folder, name, 'output'), { recursive: true, force: true });
});

describe.each(names.filter((name) => existsSync(join(folder, name, 'pipe.yaml'))))('%s', (name) => {
  test('has no mistakes', async () => {
    const { diagnostics } = await createEngine().check(join(folder, name, 'pipe.yaml'));
    expect(diagnostics).toEqual([]);
  });
  test('says in its README how it is run', () => {
    expect(readFileSync(join(folder, name, 'README.md'), 'utf8')).toContain(`pipe run examples/${name}/pipe.yaml`);
  });
});

test('the tests of all of them pass, without network', async () => {
  const { code, stdout, stderr } = await pipeCommand(['test', 'examples'], { cwd: root });
  expect({ code, failed: stdout.includes('failed') }).toEqual({ code: 0, failed: false });
  expect(stdout).toContain('ok      completed calls of all pages');
  expect(stderr).toMatch(/^\d+ tests passed in /m);
});

test('quickstart', async () => {
  const { code, stdout, stderr } = await pipeCommand(['run', 'examples/quickstart/pipe.yaml'], { cwd: root });
  expect(stderr).toContain('quickstart: done in');
  expect({ code, stdout }).toEqual({ code: 0, stdout: '' });
  expectOutput('quickstart');
});

test('many-files', async () => {
  const { code, stderr } = await pipeCommand(['run', 'examples/many-files/pipe.yaml'], { cwd: root });
  expect({ code, stderr }).toEqual({ code: 0, stderr: expect.stringContaining('3 files') });
  expectOutput('many-files');
});

test('top-customers', async () => {
  const { code, stderr } = await pipeCommand(['run', 'examples/top-customers/pipe.yaml'], { cwd: root });
  expect({ code, stderr }).toEqual({ code: 0, stderr: expect.stringContaining('top-customers: done in') });
  expectOutput('top-customers');
});

test('fan-out', async () => {
  const { code, stderr } = await pipeCommand(['run', 'examples/fan-out/pipe.yaml'], { cwd: root });
  expect({ code, stderr }).toEqual({ code: 0, stderr: expect.stringContaining('fan-out: done in') });
  expectOutput('fan-out');
});

test('sqlite-to-csv', async () => {
  const { code, stderr } = await pipeCommand(['run', 'examples/sqlite-to-csv/pipe.yaml'], { cwd: root });
  expect({ code, stderr }).toEqual({ code: 0, stderr: expect.stringContaining('sqlite-to-csv: done in') });
  expectOutput('sqlite-to-csv');
});

test('stdin-to-stdout', async () => {
  const stdin = readFileSync(join(folder, 'stdin-to-stdout/input/requests.ndjson'));
  const args = ['run', 'examples/stdin-to-stdout/pipe.yaml', '-p', 'slower_than_ms=1000'];
  const { code, stdout } = await pipeCommand(args, { cwd: root, stdin });
  expect(code).toBe(0);
  expect(stdout).toBe(readFileSync(join(folder, 'stdin-to-stdout/expected/slow.tsv'), 'utf8'));
});

test('embedded', () => {
  // It imports the package by its name, as a program of a user does: what was built is what runs.
  const { status, stdout, stderr } = spawnSync(process.execPath, ['examples/embedded/main.mjs'], {
    cwd: root,
    encoding: 'utf8',
  });
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  expect(stdout).toBe(readFileSync(join(folder, 'embedded/expected/stdout.txt'), 'utf8'));
});

describe('json-api-to-csv', () => {
  let server: ReturnType<typeof spawn>;
  let url = '';
  beforeAll(async () => {
    server = spawn(process.execPath, [join(folder, 'json-api-to-csv/server.mjs')], {
      env: { ...process.env, PORT: '0' },
    });
    const [line] = await once(server.stdout!, 'data');
    url = String(line).trim();
  });
  afterAll(() => void server.kill());

  test('runs', async () => {
    const env = { SHOP_API: url, SHOP_TOKEN: 'example-token' };
    const { code, stderr } = await pipeCommand(['run', 'examples/json-api-to-csv/pipe.yaml'], { cwd: root, env });
    expect({ code, stderr }).toEqual({ code: 0, stderr: expect.stringContaining('done') });
    expectOutput('json-api-to-csv');
  });

  test('a wrong token is a refused credential, and the token is nowhere', async () => {
    const env = { SHOP_API: url, SHOP_TOKEN: 'wrong-token-4711' };
    const { code, stdout, stderr } = await pipeCommand(['run', 'examples/json-api-to-csv/pipe.yaml'], {
      cwd: root,
      env,
    });
    expect(code).toBe(3);
    expect(stderr).toContain('CREDENTIAL_REFUSED');
    expect(stdout + stderr).not.toContain('wrong-token-4711');
  });
});
