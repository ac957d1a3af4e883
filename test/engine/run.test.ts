// Whole runs through the library: streams joined, branches, skips, limits, dry runs, events, reports, and all or nothing.
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, expectTypeOf, test } from 'vitest';
import { createEngine, type Engine, pipe, type RunEvent, type RunReport } from '../../index.ts';

let folder: string;
let engine: Engine;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'pipewright-run-'));
  engine = createEngine({ folder });
  writeFileSync(join(folder, 'a.csv'), 'id,qty\n1,5\n2,10\n3,15\n');
});
afterEach(async () => {
  await engine.close();
  rmSync(folder, { recursive: true, force: true });
});

const text = (name: string) => readFileSync(join(folder, name), 'utf8');
const outputs = () =>
  readdirSync(folder)
    .filter((name) => name !== 'a.csv')
    .sort();
const figures = (report: RunReport) => report.tasks.map(({ op, status, rows }) => `${op} ${status} ${rows}`);
const typed = { format: { name: 'csv', columns: { qty: 'integer' } } } as const;

describe('streams', () => {
  test('a write passes its input on to the next task', async () => {
    const report = await engine.run(
      pipe('p').read('a.csv', typed).write('all.csv').filter('record.qty > 5').write('some.csv'),
    ).result;
    expect(text('all.csv')).toBe('id,qty\n1,5\n2,10\n3,15\n');
    expect(text('some.csv')).toBe('id,qty\n2,10\n3,15\n');
    expect(figures(report)).toEqual(['read done 3', 'write done 3', 'filter done 2', 'write done 2']);
  });

  test('`from` takes an earlier output: rows changed in one branch are not changed in the other', async () => {
    const branches = pipe('p')
      .read('a.csv', { id: 'source', ...typed })
      .set({ qty: '${record.qty * 2}' })
      .write('twice.csv')
      .set({ qty: '${record.qty + 1}' }, { from: 'source' })
      .write('more.csv');
    await engine.run(branches).result;
    expect(text('twice.csv')).toBe('id,qty\n1,10\n2,20\n3,30\n');
    expect(text('more.csv')).toBe('id,qty\n1,6\n2,11\n3,16\n');
  });

  test('bytes stay bytes when no task wants rows', async () => {
    writeFileSync(join(folder, 'odd.csv'), 'id,"qty"\r\n1,"5"\r\n');
    await engine.run(pipe('p').read('odd.csv').write('copy.csv')).result;
    expect(text('copy.csv')).toBe('id,"qty"\r\n1,"5"\r\n');
  });

  test('another extension is another format', async () => {
    await engine.run(pipe('p').read('a.csv', typed).write('a.json')).result;
    expect(JSON.parse(text('a.json'))).toEqual([
      { id: '1', qty: 5 },
      { id: '2', qty: 10 },
      { id: '3', qty: 15 },
    ]);
  });
});

describe('tasks', () => {
  test('one whose `when` is false passes its input on', async () => {
    const report = await engine.run(
      pipe('p').read('a.csv', typed).filter('record.qty > 5', { when: 'false' }).write('b.csv'),
    ).result;
    expect(figures(report)).toEqual(['read done 3', 'filter skipped 0', 'write done 3']);
  });

  test('without a source, what depends on it is skipped', async () => {
    const report = await engine.run(pipe('p').read('a.csv', { when: 'false' }).write('b.csv')).result;
    expect(figures(report)).toEqual(['read skipped 0', 'write skipped 0']);
    expect(outputs()).toEqual([]);
  });

  test('see the figures of those that have ended', async () => {
    const counted = pipe('p')
      .read('a.csv', typed)
      .write('b.csv', { id: 'saved' })
      .read('a.csv', typed)
      .set({ before: '${tasks.saved.rows}' })
      .write('c.csv');
    await engine.run(counted).result;
    expect(text('c.csv')).toBe('id,qty,before\n1,5,3\n2,10,3\n3,15,3\n');
  });
});

describe('options', () => {
  test('limit takes the first rows of each read', async () => {
    const report = await engine.run(pipe('p').read('a.csv').write('b.csv'), { limit: 2 }).result;
    expect(text('b.csv')).toBe('id,qty\n1,5\n2,10\n');
    expect(figures(report).at(-1)).toBe('write done 2');
  });

  test('a dry run writes nothing, and says what it would have', async () => {
    const run = engine.run(pipe('p').read('a.csv').limit(1).write('b.csv'), { dryRun: true });
    const said: string[] = [];
    run.on((event) => event.type === 'log' && said.push(event.message));
    expect((await run.result).status).toBe('done');
    expect(outputs()).toEqual([]);
    expect(said).toEqual([expect.stringContaining('b.csv')]);
  });

  test('params: by value from a program, by text from a command line', async () => {
    const limited = pipe('p')
      .with({ params: { n: { type: 'integer' } } })
      .read('a.csv')
      .limit('${params.n}' as never)
      .write('b.csv');
    await engine.run(limited, { params: { n: 1 } }).result;
    expect(text('b.csv')).toBe('id,qty\n1,5\n');
    await engine.run(limited, { texts: { n: '2' } }).result;
    expect(text('b.csv')).toBe('id,qty\n1,5\n2,10\n');
    await expect(engine.run(limited, { texts: { n: 'two' } }).result).rejects.toMatchObject({ code: 'PARAM_INVALID' });
  });
});

describe('a run that fails', () => {
  const failing = () =>
    pipe('p').read('a.csv', typed).write('first.csv').set({ bad: '${1 / int(record.qty - 15)}' }).write('second.csv');

  test('leaves no target of the stage, not even the one that was ready', async () => {
    await expect(engine.run(failing()).result).rejects.toMatchObject({ code: 'EXPRESSION_FAILED' });
    expect(outputs()).toEqual([]);
  });

  test('keeps what was there', async () => {
    writeFileSync(join(folder, 'first.csv'), 'old');
    await expect(engine.run(failing()).result).rejects.toMatchObject({ data: { position: 3 } });
    expect([outputs(), text('first.csv')]).toEqual([['first.csv'], 'old']);
  });

  test('has a report that says which task, and where it stands', async () => {
    const error = await engine.run(failing()).result.catch((thrown) => thrown);
    expect(error.report.error).toMatchObject({
      code: 'EXPRESSION_FAILED',
      task: 2,
      place: expect.stringMatching(/^<program>:\d+:\d+$/),
    });
    expect(error.report.tasks.map(({ status }: { status: string }) => status)).toEqual([
      'stopped',
      'stopped',
      'failed',
      'stopped',
    ]);
  });

  test('before it begins rejects with its diagnostics', async () => {
    const error = await engine.run({ text: 'tasks: [{op: limit, row: 1}]' }).result.catch((thrown) => thrown);
    expect(error.code).toBe('DEFINITION_INVALID');
    expect(error.diagnostics.diagnostics.map(({ code }: { code: string }) => code)).toContain('UNKNOWN_KEY');
  });

  test('by an abort is interrupted, and leaves nothing', async () => {
    const stop = new AbortController();
    const run = engine.run(pipe('p').read('-', { format: 'ndjson' }).select(['id']).write('b.csv'), {
      signal: stop.signal,
      // Never ends by itself.
      stdin: async function* () {
        yield Buffer.from('{"id":1}\n'.repeat(200_000));
        stop.abort();
        await new Promise(() => {});
      },
    });
    const error = await run.result.catch((thrown) => thrown);
    expect([error.code, error.report.status, outputs()]).toEqual(['INTERRUPTED', 'interrupted', []]);
  });
});

describe('events', () => {
  test('come in order, from the first to the last, to a listener and to a late reader', async () => {
    const run = engine.run(pipe('p').read('a.csv').limit(1).write('b.csv'));
    const heard: string[] = [];
    run.on((event) => heard.push(event.type));
    await run.result;
    const read: RunEvent[] = [];
    for await (const event of run.events()) read.push(event);
    expect(read.map(({ type }) => type).filter((type) => type !== 'task.progress')).toEqual(
      heard.filter((type) => type !== 'task.progress'),
    );
    expect([heard[0], heard.at(-1)]).toEqual(['run.started', 'run.ended']);
    expect(heard.filter((type) => type === 'task.ended')).toHaveLength(3);
  });
});

describe('rows of a path', () => {
  test('one by one, whatever the format', async () => {
    const rows = [];
    for await (const row of engine.read('a.csv')) rows.push(row);
    expect(rows).toEqual([
      { id: '1', qty: '5' },
      { id: '2', qty: '10' },
      { id: '3', qty: '15' },
    ]);
  });

  test('a reader that stops early ends the reading', async () => {
    for await (const row of engine.read('a.csv')) {
      expect(row).toEqual({ id: '1', qty: '5' });
      break;
    }
  });

  test('what is not there is an error, not an empty stream', async () => {
    await expect(engine.read('b.csv').next()).rejects.toMatchObject({
      fault: expect.stringMatching(/definition|input/),
    });
  });
});

test('the builder is typed by the schemas', () => {
  const start = pipe('p');
  expectTypeOf(start.limit).parameter(0).toEqualTypeOf<number>();
  // @ts-expect-error there is no such op
  start.limitt(1);
  // @ts-expect-error `append` is the name of the mode
  start.write('a.csv', { mode: 'apend' });
  expect(start.read('a.csv').limit(3).toJSON()).toEqual({
    name: 'p',
    tasks: [
      { op: 'read', path: 'a.csv' },
      { op: 'limit', rows: 3 },
    ],
  });
});
