// `retry`, `timeout` and `on_error` of tasks: what is tried again, how often, and what is left when it did not help.
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createEngine, type Engine, type Pipe, type RunEvent, type RunOptions } from '../../index.ts';

let folder: string;
let engine: Engine;
let server: Server;
let calls: string[];
/** How the server answers a path, from the first call on; after the last one, with rows. */
let answers: Record<string, ('teapot' | 'hang')[]>;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'pipewright-retry-'));
  engine = createEngine({ folder });
  calls = [];
  answers = {};
  server = createServer((request, response) => {
    calls.push(request.url!);
    const next = answers[request.url!]?.shift();
    if (next === 'hang') return;
    response.writeHead(next === 'teapot' ? 418 : 200, { 'content-type': 'text/csv' });
    response.end('id\n1\n2\n');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  writeFileSync(join(folder, 'a.csv'), 'id\n1\n2\n');
});
afterEach(async () => {
  await engine.close();
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  rmSync(folder, { recursive: true, force: true });
});

const url = (path: string) => `http://127.0.0.1:${(server.address() as AddressInfo).port}${path}`;
const text = (name: string) => readFileSync(join(folder, name), 'utf8');
const retry = { attempts: 3, wait: '5ms', on: ['HTTP_STATUS'] };

async function run(tasks: object[], more: object = {}, options: RunOptions = {}) {
  const running = engine.run({ name: 'p', tasks, ...more } as unknown as Pipe, options);
  const events: RunEvent[] = [];
  running.on((event) => events.push(event));
  const outcome = await running.result.then(
    (report) => ({ report, error: undefined }),
    (error) => ({ report: error.report, error }),
  );
  return { ...outcome, retries: events.filter(({ type }) => type === 'task.retry'), events };
}

describe('retry', () => {
  test('runs the stage again: its targets get the rows once', async () => {
    answers = { '/a': ['teapot', 'teapot'] };
    const { report, retries } = await run([
      { op: 'request', url: url('/a'), retry },
      { op: 'write', path: 'b.csv' },
    ]);
    expect(calls).toEqual(['/a', '/a', '/a']);
    expect(text('b.csv')).toBe('id\n1\n2\n');
    expect(retries.map((event) => event.type === 'task.retry' && [event.op, event.attempt, event.code])).toEqual([
      ['request', 1, 'HTTP_STATUS'],
      ['request', 2, 'HTTP_STATUS'],
    ]);
    expect(report.tasks[0]).toMatchObject({ status: 'done', retries: 2, files: 1 });
  });

  test('gives up after so many attempts, for other faults, and when the budget of the run is used up', async () => {
    const failing = () => {
      calls = [];
      answers = { '/a': Array(9).fill('teapot') };
    };
    const from = (more: object) => [
      { op: 'request', url: url('/a'), ...more },
      { op: 'write', path: 'b.csv' },
    ];
    failing();
    expect((await run(from({ retry }))).error).toMatchObject({ code: 'HTTP_STATUS' });
    expect(calls.length).toBe(3);
    failing();
    await run(from({ retry: { ...retry, on: ['TIMED_OUT'] } }));
    expect(calls.length).toBe(1);
    failing();
    await run(from({ retry: { attempts: 3, wait: '5ms' } }));
    expect(calls.length).toBe(1);
    failing();
    await run(from({}), { settings: { retry: { ...retry, attempts: 9 }, retry_budget: 1 } });
    expect(calls.length).toBe(2);
    expect(existsSync(join(folder, 'b.csv'))).toBe(false);
  });

  test('counts the rows of the last attempt alone', async () => {
    answers = { '/b': ['teapot'] };
    const { report } = await run([
      { op: 'read', path: 'a.csv', id: 'a' },
      { op: 'request', url: url('/b'), id: 'b', retry },
      { op: 'merge', from: ['a', 'b'] },
      { op: 'write', path: 'c.csv' },
    ]);
    expect(text('c.csv')).toBe('id\n1\n2\n1\n2\n');
    expect(report.tasks.at(-1)).toMatchObject({ rows: 4 });
  });

  test('of what was read by someone already is not done', async () => {
    answers = { '/b': ['teapot'] };
    let out = '';
    const stdout = async (chunk: Uint8Array) => {
      out += Buffer.from(chunk).toString();
    };
    const { error } = await run(
      [
        { op: 'read', path: 'a.csv', retry: { ...retry, on: ['input'] } },
        { op: 'write', path: '-', format: 'ndjson' },
        { op: 'filter', where: 'record.id == "1" || int("x" + record.id) == 1', retry: { ...retry, on: ['input'] } },
        { op: 'write', path: 'b.csv' },
      ],
      {},
      { stdout },
    );
    expect(error).toMatchObject({ code: 'EXPRESSION_FAILED' });
    expect(out === '' || out === '{"id":"1"}\n{"id":"2"}\n').toBe(true);
    expect(existsSync(join(folder, 'b.csv'))).toBe(false);
  });
});

describe('timeout', () => {
  test('fails a task, names it, and leaves nothing', async () => {
    answers = { '/a': ['hang'] };
    const { error, report } = await run([
      { op: 'request', url: url('/a'), timeout: '50ms' },
      { op: 'write', path: 'b.csv' },
    ]);
    expect(error).toMatchObject({ code: 'TIMED_OUT', message: 'task 1 (request) took longer than 0.05 s' });
    expect(report.tasks.map(({ status }: { status: string }) => status)).toEqual(['failed', 'skipped']);
    expect(existsSync(join(folder, 'b.csv'))).toBe(false);
  });

  test('with retry begins anew', async () => {
    answers = { '/a': ['hang'] };
    const { report } = await run([
      { op: 'request', url: url('/a'), timeout: '100ms', retry: { wait: '5ms' } },
      { op: 'write', path: 'b.csv' },
    ]);
    expect(report.status).toBe('done');
    expect(text('b.csv')).toBe('id\n1\n2\n');
  });

  test('of the run', async () => {
    answers = { '/a': ['hang'] };
    const { error } = await run(
      [
        { op: 'request', url: url('/a') },
        { op: 'write', path: 'b.csv' },
      ],
      { settings: { timeout: '50ms' } },
    );
    expect(error).toMatchObject({ code: 'TIMED_OUT', message: 'the run of p took longer than 0.05 s' });
  });
});

describe('on_error: continue', () => {
  test('goes on without the task, and what it took with it; later ones see the error', async () => {
    answers = { '/a': ['teapot'] };
    const { report, events } = await run([
      { op: 'request', url: url('/a'), on_error: 'continue', id: 'asked' },
      { op: 'write', path: 'b.csv' },
      { op: 'read', path: 'a.csv' },
      { op: 'echo', message: '${tasks.asked.error.code}' },
      { op: 'write', path: 'c.csv' },
    ]);
    expect(report.status).toBe('done');
    expect(report.tasks.map(({ status }: { status: string }) => status)).toEqual([
      'failed',
      'skipped',
      'done',
      'done',
      'done',
    ]);
    expect(existsSync(join(folder, 'b.csv'))).toBe(false);
    expect(text('c.csv')).toBe('id\n1\n2\n');
    const said = events.flatMap((event) => (event.type === 'log' ? [`${event.level} ${event.message}`] : []));
    expect(said).toEqual([
      expect.stringMatching(/^warn task 1 \(request\) failed, and the run goes on/),
      'info HTTP_STATUS',
    ]);
  });
});
