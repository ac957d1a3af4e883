// The history of runs: what is kept of each, where, and what happens when it cannot be kept.
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createEngine, type Engine, type EngineOptions, type Pipe } from '../../index.ts';
import { stateCampaign } from '../../scripts/campaign-state.ts';

let folder: string;
const engines: Engine[] = [];
const open = (options: EngineOptions = {}) => {
  const engine = createEngine({
    folder,
    configFolder: join(folder, 'config'),
    stateFolder: join(folder, 'user'),
    ...options,
  });
  engines.push(engine);
  return engine;
};

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'pipewright-history-'));
  writeFileSync(join(folder, 'a.csv'), 'id,qty\n1,5\n2,x\n');
});
afterEach(async () => {
  for (const engine of engines.splice(0)) await engine.close();
  rmSync(folder, { recursive: true, force: true });
});

const put = (name: string, text: string) => writeFileSync(join(folder, name), text);
const copy = {
  name: 'copy',
  tasks: [
    { op: 'read', path: 'a.csv' },
    { op: 'write', path: 'b.ndjson' },
  ],
} as unknown as Pipe;
const failing = {
  name: 'failing',
  tasks: [
    { op: 'read', path: 'a.csv' },
    { op: 'filter', where: 'int(record.qty) > 0' },
    { op: 'write', path: 'c.csv' },
  ],
} as unknown as Pipe;

describe('where it is', () => {
  test('beside the project file, or where that says', async () => {
    put('pipewright.yaml', '');
    await open().run(copy).result;
    expect(existsSync(join(folder, '.pipe/state.db'))).toBe(true);
    put('pipewright.yaml', 'state: runs/all.db\n');
    await open().run(copy).result;
    expect(existsSync(join(folder, 'runs/all.db'))).toBe(true);
    expect((await open().runs.list()).map(({ pipe }) => pipe)).toEqual(['copy']);
  });

  test('nowhere without a project, or where it says so; the command has the folder of the user', async () => {
    await open().run(copy).result;
    await expect(open().runs.list()).rejects.toMatchObject({ code: 'STATE_NEEDED' });
    put('pipewright.yaml', 'state: false\n');
    await open({ state: 'user' }).run(copy).result;
    expect(existsSync(join(folder, '.pipe'))).toBe(false);
    rmSync(join(folder, 'pipewright.yaml'));
    await open({ state: 'user' }).run(copy).result;
    expect(existsSync(join(folder, 'user/state.db'))).toBe(true);
  });
});

describe('what is kept', () => {
  test('of a run that was done, and of one that failed', async () => {
    const engine = open({ state: { file: 'state.db' } });
    const report = await engine.run(copy).result;
    await expect(engine.run(failing, { trigger: 'test' }).result).rejects.toMatchObject({ code: 'EXPRESSION_FAILED' });
    const [second, first] = await engine.runs.list();
    expect(first).toMatchObject({
      id: report.run,
      pipe: 'copy',
      status: 'done',
      trigger: 'library',
      rows: 2,
      rejected: 0,
    });
    expect(second).toMatchObject({
      pipe: 'failing',
      status: 'failed',
      trigger: 'test',
      error: { code: 'EXPRESSION_FAILED' },
    });
    const record = await engine.runs.get('last');
    expect(record.report?.tasks.map(({ op, status }) => `${op} ${status}`)).toEqual([
      'read stopped',
      'filter failed',
      'write stopped',
    ]);
    expect(record.definition).toMatchObject({ name: 'failing', tasks: [{ op: 'read', path: 'a.csv' }, {}, {}] });
    const events = await engine.runs.events(second!.id);
    expect(events.map(({ type }) => type)).toEqual(
      expect.arrayContaining(['run.started', 'task.started', 'task.ended']),
    );
    await expect(engine.runs.get('run-0')).rejects.toMatchObject({ code: 'RUN_UNKNOWN' });
  });

  test('no secret, wherever it was used', async () => {
    const pipe = {
      name: 'secretive',
      params: { token: { secret: true }, day: { default: '2026-01-31' } },
      tasks: [
        { op: 'echo', message: 'with ${params.token}', rows: [{ id: 1 }] },
        { op: 'filter', where: 'int(params.token) == 1' },
        { op: 'write', path: 'd.csv' },
      ],
    } as unknown as Pipe;
    const engine = open({ state: { file: 'state.db' } });
    await expect(engine.run(pipe, { params: { token: 'planted-as-a-param' } }).result).rejects.toThrow();
    expect((await engine.runs.get('last')).params).toEqual({ day: '2026-01-31' });
    expect(
      (await engine.runs.events('last')).some((event) => event.type === 'log' && /with \[secret\]/.test(event.message)),
    ).toBe(true);
    await engine.close();
    const bytes = readdirSync(folder)
      .filter((name) => name.startsWith('state.db'))
      .map((name) => readFileSync(join(folder, name), 'latin1'))
      .join();
    expect([bytes.includes('secretive'), bytes.includes('planted')]).toEqual([true, false]);
  });

  test('so many runs of each pipe as the project says', async () => {
    put('pipewright.yaml', 'state: { keep_runs: 2 }\n');
    const engine = open();
    for (let i = 0; i < 4; i++) await engine.run({ ...copy, name: `p${i % 3 === 0 ? 1 : 2}` } as Pipe).result;
    await engine.run({ ...copy, name: 'p2' } as Pipe).result;
    expect((await engine.runs.list()).map(({ pipe }) => pipe)).toEqual(['p2', 'p1', 'p2', 'p1']);
    expect(await engine.runs.prune({ runs: 1 })).toBe(2);
    expect((await engine.runs.list()).map(({ pipe }) => pipe)).toEqual(['p2', 'p1']);
  });
});

test('a state that cannot be used is told, and keeps no run from its work, but for one that needs it', async () => {
  put('pipewright.yaml', '');
  mkdirSync(join(folder, '.pipe'));
  put('.pipe/state.db', 'this is no database'.repeat(100));
  const engine = open();
  const run = engine.run(copy);
  const warned: string[] = [];
  run.on((event) => event.type === 'log' && event.level === 'warn' && warned.push(event.message));
  expect((await run.result).status).toBe('done');
  expect(warned).toEqual([expect.stringMatching(/^this run is not in the history: .*state\.db is damaged/)]);
  const incremental = {
    name: 'incremental',
    connections: { shop: { connector: 'sqlite', file: 'shop.db' } },
    tasks: [
      { op: 'read', path: '/shop/orders', cursor: 'id' },
      { op: 'write', path: 'e.csv' },
    ],
  } as unknown as Pipe;
  await expect(engine.run(incremental).result).rejects.toMatchObject({ code: 'STATE_CORRUPT' });
  expect(readFileSync(join(folder, '.pipe/state.db'), 'utf8')).toMatch(/^this is no database/);
});

test('many processes at once: no run is lost, none finds it locked', async () => {
  const outcome = await stateCampaign(4, 10);
  expect(outcome).toMatchObject({ recorded: 40, said: [] });
});
