// Incremental reads over whole runs: what is new, each row once in every target, whatever breaks and when.
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'libsql';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { connectors } from '../../connectors/index.ts';
import type { AnyConnector } from '../../engine/contracts/connector.ts';
import type { StateStore } from '../../engine/contracts/state.ts';
import { assembleEngine, type Engine } from '../../engine/engine.ts';
import type { RunOptions } from '../../engine/run.ts';
import { createMemoryState } from '../../engine/state/memory.ts';
import { formats } from '../../pipes/formats/index.ts';
import { shapes, tasks } from '../../pipes/index.ts';
import type { Pipe } from '../../schemas/generated/types.ts';

let folder: string;
let state: StateStore;
let engine: Engine;
/** What breaks where: a connector's name, before or after it has made its rows visible. */
let breaks: { connector?: string; at?: 'commit' | 'committed' } = {};

/** The shipped connector, whose write breaks where the test says. */
const breakable = (name: 'local' | 'sqlite') => async (): Promise<AnyConnector> => {
  const connector = (await connectors[name]()) as AnyConnector;
  return {
    ...connector,
    open(config, context) {
      const connection = connector.open(config, context);
      return {
        ...connection,
        async write(path, stream, o) {
          const report = await connection.write!(path, stream, {
            ...o,
            async beforeCommit() {
              await o.beforeCommit();
              if (breaks.connector === name && breaks.at === 'commit') throw new Error('broken by the test');
            },
          });
          if (breaks.connector === name && breaks.at === 'committed') throw new Error('broken by the test');
          return report;
        },
      };
    },
  };
};

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'pipewright-cursor-'));
  state = createMemoryState();
  breaks = {};
  const parts = {
    tasks,
    shapes,
    formats,
    connectors: { ...connectors, local: breakable('local'), sqlite: breakable('sqlite') },
  };
  engine = assembleEngine(parts, { folder, state });
  sql('shop.db', 'create table orders (id integer primary key, name text not null, changed text not null)');
  // Without a key: rows that come twice are to be seen.
  sql('lake.db', 'create table orders (id integer, name text, changed text)');
});
afterEach(async () => {
  await engine.close();
  rmSync(folder, { recursive: true, force: true });
});

function sql(file: string, statement: string): void {
  const database = new Database(join(folder, file));
  database.exec(statement);
  database.close();
}

function query(file: string, statement: string): Record<string, unknown>[] {
  const database = new Database(join(folder, file));
  try {
    return (database.prepare(statement).all() as Record<string, unknown>[]).map(({ _metadata: _, ...row }) => row);
  } catch (error) {
    if (/no such table/.test((error as Error).message)) return [];
    throw error;
  } finally {
    database.close();
  }
}

const add = (...ids: number[]) =>
  sql(
    'shop.db',
    `insert into orders values ${ids.map((id) => `(${id}, 'n${id}', '2026-01-${String(id).padStart(2, '0')}')`).join()}`,
  );
const inLake = () => query('lake.db', 'select id from orders order by rowid').map(({ id }) => id);
const files = () =>
  readdirSync(folder)
    .filter((name) => name.endsWith('.csv'))
    .sort();
const inFiles = () =>
  files()
    .flatMap((name) => readFileSync(join(folder, name), 'utf8').trim().split('\n').slice(1))
    .map((line) => Number(line.split(',')[0]))
    .sort((a, b) => a - b);

const connections = { shop: { connector: 'sqlite', file: 'shop.db' }, lake: { connector: 'sqlite', file: 'lake.db' } };
const read = { op: 'read', path: '/shop/orders', cursor: 'id' };
const toLake = { op: 'write', path: '/lake/orders' };
const toFile = { op: 'write', path: 'out-${run.id}.csv' };
const pipeOf = (...list: object[]) => ({ name: 'sync', connections, tasks: list }) as unknown as Pipe;
const both = pipeOf(read, toLake, toFile);
const run = (pipe: Pipe, options: RunOptions = {}) => engine.run(pipe, options).result;
const position = async () => (await state.positions('sync')).read;

describe('an incremental read', () => {
  test('reads what is new since the last run', async () => {
    add(1, 2, 3);
    await run(both);
    expect(inLake()).toEqual([1, 2, 3]);
    expect(await position()).toMatchObject({ value: { id: 3 } });
    await run(both);
    expect(inLake()).toEqual([1, 2, 3]);
    add(4, 5);
    await run(both);
    expect(inLake()).toEqual([1, 2, 3, 4, 5]);
    expect(inFiles()).toEqual([1, 2, 3, 4, 5]);
    expect(await position()).toEqual({ definition: expect.any(String), value: { id: 5 } });
  });

  test('of an empty table begins at the beginning the next time', async () => {
    await run(both);
    expect(await position()).toEqual({ definition: expect.any(String) });
    add(1);
    await run(both);
    expect(inLake()).toEqual([1]);
  });

  test('begins after `start`, and a name of its own keeps a position of its own', async () => {
    add(1, 2, 3, 4);
    const cursor = { columns: 'id', start: 2, name: 'late' };
    await run(pipeOf({ ...read, cursor }, toLake));
    expect(inLake()).toEqual([3, 4]);
    expect(Object.keys(await state.positions('sync'))).toEqual(['late']);
    await run(pipeOf({ ...read, cursor }, toLake));
    expect(inLake()).toEqual([3, 4]);
  });

  test('looks back, with an upsert', async () => {
    add(1, 2, 3);
    const pipe = pipeOf(
      { ...read, cursor: { columns: ['id'], lookback: 1 } },
      { ...toLake, mode: 'upsert', key: 'id' },
    );
    sql('lake.db', 'create unique index orders_id on orders (id)');
    await run(pipe);
    sql('shop.db', `update orders set name = 'late' where id = 2; update orders set name = 'too late' where id = 1`);
    add(4);
    await run(pipe);
    expect(query('lake.db', 'select id, name from orders order by id').map(({ id, name }) => `${id} ${name}`)).toEqual([
      '1 n1',
      '2 late',
      '3 n3',
      '4 n4',
    ]);
  });

  test('does not move for a failed run, a dry run, or the first rows', async () => {
    add(1, 2, 3);
    await expect(run(pipeOf(read, { op: 'filter', where: 'int(record.name) == 1' }, toLake))).rejects.toThrow();
    await run(both, { dryRun: true });
    await run(both, { limit: 1 });
    expect(await position()).toBeUndefined();
    sql('lake.db', 'delete from orders');
    await run(both);
    expect(inLake()).toEqual([1, 2, 3]);
    expect(await position()).toMatchObject({ value: { id: 3 } });
    add(4);
    await run(both, { limit: 1 });
    expect(await position()).toMatchObject({ value: { id: 3 } });
  });

  test('moves also where no row gets through', async () => {
    add(1, 2);
    await run(pipeOf(read, { op: 'filter', where: 'false' }, toLake));
    expect(await position()).toMatchObject({ value: { id: 2 } });
  });

  test('is told by a plan: where it stands, and what a run has left', async () => {
    add(1, 2);
    const kept = async () => (await engine.plan(both)).steps.map(({ keeps }) => keeps);
    expect(await kept()).toEqual([{ kind: 'position', name: 'read', columns: ['id'] }, undefined, undefined]);
    await run(both);
    expect((await kept())[0]).toMatchObject({ at: { id: 2 } });
    add(3);
    breaks = { connector: 'local', at: 'commit' };
    await expect(run(both)).rejects.toThrow();
    expect((await kept())[0]).toMatchObject({ at: { id: 2 }, pending: expect.stringMatching(/^run-/) });
  });

  test('in a merge, beside other rows', async () => {
    add(1, 2);
    const pipe = pipeOf(
      { ...read, id: 'a' },
      { ...read, id: 'b', cursor: 'changed' },
      { op: 'merge', from: ['a', 'b'] },
      toLake,
    );
    await run(pipe);
    add(3);
    await run(pipe);
    expect(inLake().sort()).toEqual([1, 1, 2, 2, 3, 3]);
  });
});

describe('a run that broke when all was staged', () => {
  for (const [connector, at] of [
    ['sqlite', 'commit'],
    ['sqlite', 'committed'],
    ['local', 'commit'],
    ['local', 'committed'],
  ] as const) {
    test(`at the ${connector === 'sqlite' ? 'database' : 'file'}, ${at}: the next one delivers the same, once`, async () => {
      add(1, 2, 3);
      breaks = { connector, at };
      await expect(run(both)).rejects.toThrow('broken by the test');
      const pending = (await position())?.pending;
      expect(pending).toMatchObject({ until: { id: 3 }, run: expect.stringMatching(/^run-/) });
      // What comes later belongs to the run after that.
      add(4);
      if (connector !== 'sqlite' || at !== 'committed') {
        await expect(run(both)).rejects.toThrow('broken by the test');
        expect((await position())?.pending).toEqual(pending);
        breaks = {};
      }
      await run(both);
      expect(inLake()).toEqual([1, 2, 3]);
      expect(files()).toEqual([`out-${pending!.run}.csv`]);
      expect(inFiles()).toEqual([1, 2, 3]);
      expect(await position()).toEqual({ definition: expect.any(String), value: { id: 3 } });
      breaks = {};
      await run(both);
      expect(inLake()).toEqual([1, 2, 3, 4]);
      expect(inFiles()).toEqual([1, 2, 3, 4]);
    });
  }

  test('after everything was visible: nothing is written again', async () => {
    add(1, 2);
    const { setPositions } = state;
    let calls = 0;
    state.setPositions = async (...args) => {
      if (++calls === 2) throw new Error('broken by the test');
      await setPositions(...args);
    };
    await expect(run(both)).rejects.toThrow('broken by the test');
    expect(inLake()).toEqual([1, 2]);
    state.setPositions = setPositions;
    await run(both);
    expect(inLake()).toEqual([1, 2]);
    expect(inFiles()).toEqual([1, 2]);
  });

  test('--restart forgets the window, and keeps the position', async () => {
    add(1);
    await run(both);
    add(2);
    breaks = { connector: 'local', at: 'commit' };
    await expect(run(both)).rejects.toThrow();
    breaks = {};
    add(3);
    await run(both, { restart: true });
    expect(inLake()).toEqual([1, 2, 2, 3]);
    expect(inFiles()).toEqual([1, 2, 3]);
  });
});

describe('with commit: batch the position is in the target', () => {
  const pipe = pipeOf(read, { ...toLake, commit: 'batch' });

  test('and moves with the rows', async () => {
    add(1, 2);
    await run(pipe);
    add(3);
    breaks = { connector: 'sqlite', at: 'committed' };
    await expect(run(pipe)).rejects.toThrow();
    breaks = {};
    await run(pipe);
    await run(pipe);
    expect(inLake()).toEqual([1, 2, 3]);
    expect(await position()).toMatchObject({ value: { id: 3 } });
  });

  test('and a pipe may change from one way to the other', async () => {
    add(1);
    await run(pipeOf(read, toLake));
    add(2);
    await run(pipe);
    add(3);
    await run(pipeOf(read, toLake));
    expect(inLake()).toEqual([1, 2, 3]);
  });
});

describe('refused', () => {
  test('another path or other columns with the same position', async () => {
    add(1);
    await run(both);
    sql('shop.db', 'create table others (id integer primary key); insert into others values (1)');
    const other = pipeOf({ ...read, path: '/shop/others' }, toLake);
    await expect(run(other)).rejects.toMatchObject({ code: 'CHECKPOINT_CHANGED' });
    await expect(run(pipeOf({ ...read, cursor: 'changed' }, toLake))).rejects.toMatchObject({
      code: 'CHECKPOINT_CHANGED',
    });
    expect(inLake()).toEqual([1]);
    await run(other, { restart: true });
    expect(inLake()).toEqual([1, 1]);
  });

  const refused: [string, Pipe, RegExp][] = [
    [
      'files that are appended to',
      pipeOf(read, { ...toFile, path: 'out.csv', mode: 'append' }),
      /appends to a file.*\$\{run\.id\}/,
    ],
    ['rows left unread', pipeOf(read, { op: 'limit', rows: 1 }, toLake), /task 2 \(limit\) leaves rows unread/],
    ['lookback without an upsert', pipeOf({ ...read, cursor: { columns: 'id', lookback: 1 } }, toLake), /mode: upsert/],
    ['files', pipeOf({ op: 'read', path: '*.csv', cursor: 'id' }, toLake), /and this is files/],
    ['a query', pipeOf({ op: 'read', connection: 'shop', query: 'select 1', cursor: 'id' }, toLake), /not for a query/],
  ];
  test.each(refused)('%s, by a check', async (_, pipe, message) => {
    const { diagnostics } = await engine.check(pipe);
    expect(
      diagnostics
        .filter(({ code }) => code === 'NOT_REPEATABLE')
        .map((each) => each.message)
        .join(),
    ).toMatch(message);
  });

  test('what only the run can tell, by the run', async () => {
    add(1);
    const cases: [object[], RegExp][] = [
      [[read, { ...toFile, path: '${params.to}', mode: 'append' }], /`mode: append` to out\.csv .*a file for each run/],
      [[{ ...read, path: '${params.from}' }, toLake], /`cursor` is not supported by files/],
      [
        [{ ...read, cursor: { columns: ['changed', 'id'], start: '2026-01-01' } }, toLake],
        /start: { changed: …, id: … }/,
      ],
    ];
    writeFileSync(join(folder, 'a.csv'), 'id\n1\n');
    for (const [list, message] of cases) {
      const pipe = { ...pipeOf(...list), params: { to: { default: 'out.csv' }, from: { default: 'a.csv' } } } as Pipe;
      await expect(run(pipe)).rejects.toThrow(message);
    }
    expect(inLake()).toEqual([]);
  });

  test('a run without a state', async () => {
    add(1);
    const plain = assembleEngine({ tasks, shapes, formats, connectors }, { folder, state: 'none' });
    await expect(plain.run(both).result).rejects.toMatchObject({ code: 'STATE_NEEDED' });
    expect(inLake()).toEqual([]);
    await plain.close();
  });

  test('two runs at once', async () => {
    add(1);
    await state.lock('deliver sync', 'run-other', { holder: { host: 'another.machine', pid: 1 }, leaseMs: 60_000 });
    await expect(run(both)).rejects.toMatchObject({
      code: 'PIPE_BUSY',
      message: expect.stringMatching(/another\.machine/),
    });
    await state.unlock('deliver sync', 'run-other');
    await run(both);
    await run(both);
    expect(inLake()).toEqual([1]);
  });
});
