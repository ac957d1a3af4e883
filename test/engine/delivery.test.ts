// Delivery over whole runs that break and go on: `commit: batch` from files and tables, and what is refused beforehand.
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'libsql';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createMemoryState } from '../../engine/state/memory.ts';
import { createEngine, type Engine, type Pipe, type RunEvent, type RunOptions, type RunReport } from '../../index.ts';

const perFile = 45_000;
let folder: string;
let engine: Engine;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'pipewright-delivery-'));
  engine = createEngine({ folder, state: 'memory' });
  delete process.env.TEST_BREAK_AT;
});
afterEach(async () => {
  await engine.close();
  delete process.env.TEST_BREAK_AT;
  rmSync(folder, { recursive: true, force: true });
});

const path = (name: string) => join(folder, name);

/** Three files with the numbers from 1, in order. */
function putFiles(): void {
  mkdirSync(path('in'));
  for (let file = 0; file < 3; file++) {
    const lines = Array.from({ length: perFile }, (_, i) => `${file * perFile + i + 1},text ${i}`);
    writeFileSync(path(`in/${file}.csv`), `id,name\n${lines.join('\n')}\n`);
  }
}

/** Breaks on the record whose id is in the environment, which is no part of the definition. */
const breaking = {
  op: 'filter',
  where: 'int(string(record.id) == env.?TEST_BREAK_AT.orValue("") ? "x" : "1") == 1',
} as const;

function loading(more: object[] = [breaking], write: object = {}): Pipe {
  return {
    name: 'load',
    connections: { lake: { connector: 'sqlite', file: 'lake.db' } },
    tasks: [
      { op: 'read', path: 'in/*.csv' },
      ...more,
      { op: 'write', path: '/lake/orders', commit: 'batch', ...write },
    ],
  } as unknown as Pipe;
}

function query(sql: string, file = 'lake.db'): Record<string, unknown>[] {
  const database = new Database(path(file));
  try {
    return (database.prepare(sql).all() as Record<string, unknown>[]).map(({ _metadata: _, ...row }) => row);
  } catch (error) {
    if (/no such table/.test((error as Error).message)) return [];
    throw error;
  } finally {
    database.close();
  }
}

const counted = () =>
  query(
    'select count(*) as n, count(distinct id) as ids, min(cast(id as int)) as low, max(cast(id as int)) as high from orders',
  )[0];
/** Of runs that have not come to the end of their source. */
const checkpoints = () =>
  query('select name, position from _pipewright_checkpoints').flatMap(({ name, position }) =>
    JSON.parse(position as string).done === true ? [] : [name],
  );
const whole = { n: 3 * perFile, ids: 3 * perFile, low: 1, high: 3 * perFile };

async function run(
  pipe: Pipe,
  options: RunOptions = {},
): Promise<{ report: RunReport; said: string[]; events: RunEvent[] }> {
  const running = engine.run(pipe, options);
  const events: RunEvent[] = [];
  running.on((event) => events.push(event));
  const report = await running.result;
  return { report, events, said: events.flatMap((event) => (event.type === 'log' ? [event.message] : [])) };
}

describe('commit: batch from files', () => {
  beforeEach(putFiles);

  test('a run that broke is gone on with: nothing is lost, nothing is twice', async () => {
    for (const at of [perFile * 2.4, perFile * 2.6]) {
      process.env.TEST_BREAK_AT = String(at);
      const failed = await run(loading()).catch((error) => error);
      expect(failed).toMatchObject({ code: 'EXPRESSION_FAILED', data: { position: at } });
      const { n, ids, high } = counted() as typeof whole;
      expect([n, high]).toEqual([ids, n]);
      expect(n).toBeGreaterThan(0);
      expect(n).toBeLessThan(at);
      expect(checkpoints()).toEqual(['load/write']);
    }
    const before = (counted() as typeof whole).n;
    delete process.env.TEST_BREAK_AT;
    const { report, said } = await run(loading());
    expect(counted()).toEqual(whole);
    expect(checkpoints()).toEqual([]);
    expect(said).toEqual([expect.stringMatching(new RegExp(`goes on after ${before} rows of run run-[0-9a-f]+`))]);
    expect(report.tasks.map(({ rows }) => rows)).toEqual(Array(3).fill(whole.n - before));
    await run(loading());
    expect(counted()).toEqual({ ...whole, n: 2 * whole.n });
  });

  test('without a state a complete run leaves no checkpoint', async () => {
    await engine.close();
    engine = createEngine({ folder, state: 'none' });
    await run(loading());
    expect(counted()).toEqual(whole);
    expect(query('select name from _pipewright_checkpoints')).toEqual([]);
  });

  test('a run that broke when it had written everything needs no more; the one after it begins anew', async () => {
    await engine.close();
    const state = createMemoryState();
    const { startRun, endRun } = state;
    engine = createEngine({ folder, state });
    // As if it had been killed after the last commit.
    state.startRun = (begun) => startRun({ ...begun, holder: { host: hostname(), pid: 2 ** 30 } });
    state.endRun = async () => {};
    await run(loading());
    Object.assign(state, { startRun, endRun });
    expect((await state.runs())[0]?.status).toBe('died');
    const rejecting = loading([breaking], { on_reject: 'rejects.ndjson' });
    const { report, said } = await run(rejecting);
    expect(report.tasks.at(-1)).toMatchObject({ rows: 0 });
    expect(said).toContainEqual(expect.stringMatching(/^rejects\.ndjson gets .* is not in it$/));
    expect(counted()).toEqual(whole);
    await run(loading());
    expect(counted()).toEqual({ ...whole, n: 2 * whole.n });
  });

  test('a file that was changed meanwhile is named', async () => {
    process.env.TEST_BREAK_AT = String(perFile * 2.5);
    await expect(run(loading())).rejects.toThrow();
    const before = counted();
    delete process.env.TEST_BREAK_AT;
    utimesSync(path('in/1.csv'), new Date(), new Date(1_700_000_000_000));
    const failed = await run(loading()).catch((error) => error);
    expect(failed).toMatchObject({ code: 'CHECKPOINT_LOST' });
    expect(failed.message).toMatch(/in\/[12]\.csv cannot be gone on with: .*(changed|others).*--restart/);
    expect(counted()).toEqual(before);
  });

  test('a file that is not there any more is named', async () => {
    process.env.TEST_BREAK_AT = String(perFile * 2.9);
    await expect(run(loading())).rejects.toThrow();
    delete process.env.TEST_BREAK_AT;
    rmSync(path('in/2.csv'));
    rmSync(path('in/1.csv'));
    await expect(run(loading())).rejects.toMatchObject({
      code: 'CHECKPOINT_LOST',
      message: expect.stringMatching(/not among/),
    });
  });

  test('another definition, or other params, are told; --restart begins anew', async () => {
    const pipe = { ...loading(), params: { least: { type: 'integer', default: 0 } } } as Pipe;
    process.env.TEST_BREAK_AT = String(perFile * 2.5);
    await expect(run(pipe)).rejects.toThrow();
    delete process.env.TEST_BREAK_AT;
    const before = (counted() as typeof whole).n;
    const filtered = { ...pipe, tasks: loading([breaking, { op: 'rename', columns: { name: 'title' } }]).tasks };
    const refused = await run(filtered).catch((error) => error);
    expect(refused).toMatchObject({ code: 'CHECKPOINT_CHANGED', fault: 'definition' });
    expect(refused.message).toMatch(/task 4 \(write\).*the task rename was not there.*--restart/);
    await expect(run({ ...pipe, tasks: loading([{ ...breaking, where: 'true' }]).tasks })).rejects.toThrow(
      /the task filter was another/,
    );
    await expect(engine.run(pipe, { params: { least: 1 } }).result).rejects.toThrow(/the param least was another/);
    expect((counted() as typeof whole).n).toBe(before);
    await run(filtered, { restart: true }).catch(() => {});
    await run(pipe, { restart: true });
    expect(counted()).toMatchObject({ n: before + whole.n, ids: whole.ids });
  });

  test('a task put in before the chain, a title, an id of another task change nothing', async () => {
    process.env.TEST_BREAK_AT = String(perFile * 2.5);
    await expect(run(loading())).rejects.toThrow();
    delete process.env.TEST_BREAK_AT;
    const [read, ...rest] = loading().tasks;
    await run({ ...loading(), tasks: [{ op: 'mkdir', path: 'made' }, { ...read, title: 'Orders' }, ...rest] } as Pipe);
    expect(counted()).toEqual(whole);
  });

  test('the rows of a dry run, and the first ones, are no run that is gone on with', async () => {
    await run(loading(), { limit: 5 });
    expect(counted()).toMatchObject({ n: 5 });
    expect(checkpoints()).toEqual([]);
    await run(loading(), { dryRun: true });
    expect(counted()).toMatchObject({ n: 5 });
  });

  test('refused rows keep their positions', async () => {
    query('select 1');
    const database = new Database(path('lake.db'));
    database.exec(`create table orders (id text check (id not like '%7777'), name text)`);
    database.close();
    const rejecting = loading([breaking], { on_reject: 'skip' });
    const positions: number[] = [];
    const see = (events: readonly RunEvent[]) => {
      for (const event of events) if (event.type === 'record.rejected') positions.push(event.position);
    };
    process.env.TEST_BREAK_AT = String(perFile * 2.5);
    const running = engine.run(rejecting);
    running.on((event) => see([event]));
    await expect(running.result).rejects.toThrow();
    delete process.env.TEST_BREAK_AT;
    see((await run(rejecting)).events);
    expect([...new Set(positions)]).toEqual(Array.from({ length: 13 }, (_, i) => i * 10_000 + 7777));
    expect(counted()).toMatchObject({ n: whole.n - 13, ids: whole.n - 13 });
  });

  test('a file of refused rows has those of the run that goes on, which is said', async () => {
    const database = new Database(path('lake.db'));
    database.exec(`create table orders (id text check (id not like '%7777'), name text)`);
    database.close();
    const rejecting = loading([breaking], { on_reject: 'rejects.ndjson' });
    const refused = () =>
      readFileSync(path('rejects.ndjson'), 'utf8')
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line).position);
    const warning = expect.stringMatching(/^rejects\.ndjson gets what is refused from now on; .* is not in it$/);
    const places = Array.from({ length: 13 }, (_, i) => i * 10_000 + 7777);

    process.env.TEST_BREAK_AT = String(perFile * 2.5);
    await expect(run(rejecting)).rejects.toThrow();
    expect(readdirSync(folder).filter((name) => name.includes('rejects'))).toEqual([]);
    delete process.env.TEST_BREAK_AT;
    expect((await run(rejecting)).said).toContainEqual(warning);
    const later = refused();
    expect(later.length).toBeGreaterThan(0);
    expect(later).toEqual(places.slice(-later.length));
    expect(later.length).toBeLessThan(places.length);

    // Begun anew, it has all of them, and nothing is to be said.
    const { said } = await run(rejecting);
    expect(said).not.toContainEqual(warning);
    expect(refused()).toEqual(places);
  });
});

describe('commit: batch from a table', () => {
  test('goes on behind the last key, with the same run for expressions', async () => {
    const database = new Database(path('shop.db'));
    database.exec(`create table orders (id integer primary key, total integer);
      with recursive n(i) as (select 1 union all select i + 1 from n where i < 150000) insert into orders select i * 3, i from n`);
    database.close();
    const pipe = {
      name: 'copy',
      connections: { shop: { connector: 'sqlite', file: 'shop.db' }, lake: { connector: 'sqlite', file: 'lake.db' } },
      tasks: [
        { op: 'read', path: '/shop/orders' },
        breaking,
        { op: 'set', values: { run: '${run.id}' } },
        { op: 'write', path: '/lake/orders', commit: 'batch' },
      ],
    } as unknown as Pipe;
    process.env.TEST_BREAK_AT = String(120_000 * 3);
    await expect(run(pipe)).rejects.toMatchObject({ code: 'EXPRESSION_FAILED', data: { position: 120_000 } });
    const { n } = counted() as typeof whole;
    expect(n).toBeGreaterThan(0);
    process.env.TEST_BREAK_AT = String(130_000 * 3);
    await expect(run(pipe)).rejects.toMatchObject({ data: { position: 130_000 } });
    delete process.env.TEST_BREAK_AT;
    await run(pipe);
    expect(counted()).toMatchObject({ n: 150_000, ids: 150_000, high: 450_000 });
    expect(query('select count(distinct run) as runs from orders')).toEqual([{ runs: 1 }]);
  });
});

describe('refused before anything is written', () => {
  beforeEach(() => writeFileSync(path('a.csv'), 'id\n1\n'));
  const from = { op: 'read', path: 'a.csv', id: 'a' };
  const into = { op: 'write', path: '/lake/orders', commit: 'batch' };
  const connections = { lake: { connector: 'sqlite', file: 'lake.db' } };
  const batch: [string, object[], RegExp][] = [
    [
      'another write of the same source',
      [from, { op: 'write', path: 'b.csv' }, into],
      /task 2 \(write\) writes the same/,
    ],
    ['two of them', [from, into, { ...into, path: '/lake/others' }], /task 3 \(write\) writes the same source/],
    ['rows left unread', [from, { op: 'limit', rows: 1 }, into], /task 2 \(limit\) leaves rows unread/],
    [
      'several sources',
      [from, { op: 'read', path: 'a.csv', id: 'b' }, { op: 'merge', from: ['a', 'b'] }, into],
      /task 3 \(merge\) mixes several sources/,
    ],
    ['a file as the target', [from, { ...into, path: 'b.csv' }], /a file keeps no checkpoints/],
    ['mode: replace', [from, { ...into, mode: 'replace' }], /append or upsert, and not replace/],
  ];
  test.each(batch)('%s, by a check', async (_, tasks, message) => {
    const { diagnostics } = await engine.check({ name: 'p', connections, tasks } as unknown as Pipe);
    expect(diagnostics.filter(({ severity }) => severity === 'error').map((each) => each.code)).toContain(
      'NOT_RESUMABLE',
    );
    expect(diagnostics.map((each) => each.message).join()).toMatch(message);
  });

  // What a param decides is known when the run starts.
  const later: [string, object[], RegExp][] = [
    ['a file as the target', [from, { ...into, path: '${params.to}' }], /b\.csv, which keeps no checkpoints/],
    ['rows that stand in the definition', [{ op: 'echo', rows: [{ id: 1 }] }, into], /task 1 \(echo\) gives/],
  ];
  test.each(later)('%s, by the run', async (_, tasks, message) => {
    const pipe = { name: 'p', params: { to: { default: 'b.csv' } }, connections, tasks } as unknown as Pipe;
    const failed = await run(pipe).catch((error) => error);
    expect(failed.message).toMatch(message);
    expect(failed).toMatchObject({ fault: 'definition' });
    expect(readdirSync(folder).filter((name) => name.startsWith('b.'))).toEqual([]);
    expect(query('select * from orders')).toEqual([]);
  });

  test('a source that comes once', async () => {
    const stdin = async function* () {
      yield Buffer.from('id\n1\n');
    };
    const pipe = loading([], {});
    const piped = { ...pipe, tasks: [{ op: 'read', path: '-', format: 'csv' }, pipe.tasks.at(-1)] } as Pipe;
    await expect(run(piped, { stdin })).rejects.toMatchObject({ code: 'NOT_RESUMABLE' });
    expect(query('select * from orders')).toEqual([]);
    expect(readFileSync(path('a.csv'), 'utf8')).toBe('id\n1\n');
  });
});
