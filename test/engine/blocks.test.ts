// if, switch and parallel in whole runs: which tasks run, what they get and give, and that a block is one with what is around it.
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createEngine, type Engine, type Pipe, type RunEvent, type RunReport } from '../../index.ts';

let folder: string;
let engine: Engine;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'pipewright-blocks-'));
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
const read = { op: 'read', path: 'a.csv', format: { name: 'csv', columns: { qty: 'integer' } } };
const write = (path: string, more: object = {}) => ({ op: 'write', path, ...more });
const choice = (condition: string, then: object[], more: object = {}) => ({ op: 'if', condition, then, ...more });
const few = { op: 'filter', where: 'record.qty > 5' };

function start(tasks: object[], params: Record<string, unknown> = {}, more: object = {}) {
  const declared = Object.fromEntries(Object.keys(params).map((name) => [name, {}]));
  return engine.run({ name: 'p', params: declared, tasks, ...more } as unknown as Pipe, { params });
}
const run = (...given: Parameters<typeof start>) => start(...given).result;
const failed = (...given: Parameters<typeof start>) =>
  run(...given).then(
    () => expect.unreachable('it should have failed'),
    (error) => error,
  );
async function problems(...tasks: object[]) {
  const { diagnostics } = await engine.check({ name: 'p', tasks } as unknown as Pipe);
  return diagnostics.map(({ code, message }) => `${code} ${message}`);
}

describe('if', () => {
  const branched = [
    read,
    choice('params.few == "yes"', [few, write('few.csv')], { else: [write('all.csv')] }),
    write('end.csv'),
  ];

  test.each([
    ['yes', 'id,qty\n2,10\n3,15\n', ['end.csv', 'few.csv']],
    ['no', 'id,qty\n1,5\n2,10\n3,15\n', ['all.csv', 'end.csv']],
  ])('%s: the list that runs gets the input, and its last task gives the output', async (few, end, files) => {
    const report = await run(branched, { few });
    expect(outputs()).toEqual(files);
    expect(text('end.csv')).toBe(end);
    expect(report.tasks.map(({ number, op, status }) => `${number ?? '-'} ${op} ${status}`)).toEqual([
      '- read done',
      '- if done',
      `2.then.1 filter ${few === 'yes' ? 'done' : 'skipped'}`,
      `2.then.2 write ${few === 'yes' ? 'done' : 'skipped'}`,
      `2.else.1 write ${few === 'yes' ? 'skipped' : 'done'}`,
      '3 write done',
    ]);
  });

  test.each(['a condition that is false without else', 'a `when` that is false'])(
    '%s: the input is passed on',
    async (how) => {
      const block = how.startsWith('a cond') ? choice('false', [few]) : choice('true', [few], { when: 'false' });
      await run([read, block, write('b.csv')]);
      expect(text('b.csv')).toBe('id,qty\n1,5\n2,10\n3,15\n');
    },
  );

  test('a list that ends without output leaves nothing for what comes after', async () => {
    writeFileSync(join(folder, 'old'), '');
    const tasks = (go: string) => [choice(go, [{ op: 'delete', path: 'old' }], { else: [read] }), write('b.csv')];
    expect(figures(await run(tasks('true')))).toEqual([
      'if done 0',
      'delete done 0',
      'read skipped 0',
      'write skipped 0',
    ]);
    expect(outputs()).toEqual([]);
    await run(tasks('false'));
    expect(outputs()).toEqual(['b.csv']);
  });

  test('a condition on the figures of a task before it waits for that task', async () => {
    const tasks = (least: number) => [
      { ...read, id: 'orders' },
      write('b.csv'),
      choice(`tasks.orders.rows < ${least}`, [{ op: 'fail', message: 'only ${tasks.orders.rows}' }]),
    ];
    await run(tasks(3));
    expect((await failed(tasks(4))).message).toBe('only 3');
    expect(await problems(...tasks(3), few)).toEqual([
      'NO_INPUT task 4 (filter) needs input, and task 3 (if) has none: what it names of a task before it is known only once all of that has gone by; read it again',
    ]);
  });

  test('what is written in a block becomes visible with everything else, or not at all', async () => {
    const tasks = [read, choice('true', [write('b.csv')]), { op: 'filter', where: 'record.nothing' }, write('c.csv')];
    expect((await failed(tasks)).code).toBe('EXPRESSION_FAILED');
    expect(outputs()).toEqual([]);
  });

  test('45 deep; twice as deep is refused', async () => {
    const nested = (depth: number): object[] =>
      depth === 0 ? [few, write('b.csv')] : [choice('true', nested(depth - 1))];
    await run([read, ...nested(45), write('c.csv')]);
    expect(text('c.csv')).toBe('id,qty\n2,10\n3,15\n');
    expect((await problems(read, ...nested(90)))[0]).toBe(
      'NESTED_TOO_DEEP values are nested more than 100 levels deep',
    );
  });

  test('a condition that is neither true nor false', async () => {
    const error = await failed([read, choice('1', [few]), write('b.csv')]);
    expect(error.message).toBe('task 2 (if) condition: 1 must give true or false, and gave 1');
    expect(error.report.error).toMatchObject({
      code: 'CONDITION_NOT_BOOLEAN',
      task: 1,
      place: expect.stringMatching(/^<program>:\d+:\d+$/),
    });
  });
});

describe('switch', () => {
  const tasks = [
    read,
    { op: 'switch', value: 'params.to', cases: { a: [write('a-case.csv')], 1: [write('one.csv')] } },
  ];

  test.each([
    ['a', 'a-case.csv'],
    ['1', 'one.csv'],
  ])('%s', async (to, file) => {
    await run(tasks, { to });
    expect(outputs()).toEqual([file]);
  });

  test('a value without a case is an error, and with a default none', async () => {
    expect((await failed(tasks, { to: 'x' })).message).toBe(
      'task 2 (switch): the value is "x", and there is no case for it: 1, a; add one, or a `default`',
    );
    await run([read, { ...tasks[1], default: [write('default.csv')] }], { to: 'x' });
    expect(outputs()).toEqual(['default.csv']);
  });
});

describe('fail and exit', () => {
  test.each(['fail', 'exit'])('%s, first in a list, comes before anything is visible', async (op) => {
    const tasks = (go: string) => [read, choice(go, [{ op, message: 'no' }]), write('b.csv')];
    const { code } = await run(tasks('true')).then(
      () => ({ code: 'done' }),
      (error) => error,
    );
    expect([code, outputs()]).toEqual([op === 'fail' ? 'PIPE_FAILED' : 'done', []]);
    await run(tasks('false'));
    expect(outputs()).toEqual(['b.csv']);
  });
});

describe('parallel', () => {
  test('every branch has the whole stream, changed in one and not in the other', async () => {
    const branches = {
      twice: [{ op: 'set', values: { qty: '${record.qty * 2}' } }, write('twice.csv')],
      few: [few, write('few.csv')],
      bytes: [write('all.csv')],
    };
    const report = await run([read, { op: 'parallel', branches, output: 'few' }, write('end.csv')]);
    expect(text('twice.csv')).toBe('id,qty\n1,10\n2,20\n3,30\n');
    expect([text('few.csv'), text('end.csv')]).toEqual(Array(2).fill('id,qty\n2,10\n3,15\n'));
    expect(text('all.csv')).toBe('id,qty\n1,5\n2,10\n3,15\n');
    expect(figures(report).slice(0, 2)).toEqual(['read done 3', 'parallel done 0']);
  });

  test('a branch that fails leaves nothing of the others', async () => {
    const branches = { good: [write('good.csv')], bad: [{ op: 'filter', where: 'record.nothing' }, write('bad.csv')] };
    const error = await failed([read, { op: 'parallel', branches }]);
    expect(error.report.tasks.map(({ status }: { status: string }) => status)).toEqual([
      'stopped',
      'stopped',
      'stopped',
      'failed',
      'stopped',
    ]);
    expect(outputs()).toEqual([]);
  });

  test('branches with sources of their own', async () => {
    const branches = { one: [read, write('one.csv')], two: [read, few, write('two.csv')] };
    await run([{ op: 'parallel', branches }]);
    expect(outputs()).toEqual(['one.csv', 'two.csv']);
  });

  test('without `output` nothing comes after it', async () => {
    expect(await problems(read, { op: 'parallel', branches: { a: [few] } }, write('b.csv'))).toEqual([
      'UNUSED_OUTPUT no task takes the output of task 2.branches.a.1 (filter); end with a write, or leave it out',
      'NO_INPUT task 3 (write) needs input, and task 2 (parallel) before it gives none; name another task with `from`',
    ]);
  });
});

describe('blocks', () => {
  test('the result of a block is that of its last task', async () => {
    const report = await run([
      read,
      choice('true', [write('b.csv'), few], { id: 'chosen' }),
      write('c.csv'),
      { op: 'echo', message: '${tasks.chosen.rows} rows' },
    ]);
    expect(report.status).toBe('done');
    const logs: string[] = [];
    const running = start([
      read,
      choice('true', [few], { id: 'chosen' }),
      write('c.csv'),
      { op: 'exit', message: '${tasks.chosen.rows} rows' },
    ]);
    running.on((event: RunEvent) => event.type === 'log' && logs.push(event.message));
    await running.result;
    expect(logs).toEqual(['2 rows']);
  });

  test('ids inside cannot be seen from outside', async () => {
    expect(
      await problems(read, choice('true', [{ ...few, id: 'inner' }]), write('b.csv'), {
        op: 'exit',
        message: '${tasks.inner.rows}',
      }),
    ).toEqual([
      'UNKNOWN_TASK task 4 (exit): message names tasks.inner, and task 2.then.1 (filter) is inside another task, where it cannot be taken from; name task 2 (if), with an id of its own, for what its last task gives',
    ]);
  });

  test('`on_error: continue`, `timeout` and `retry` of a block are for the tasks in it', async () => {
    const lost = { op: 'read', path: 'gone-${run.id}.csv' };
    const report = await run([
      choice('true', [lost, write('b.csv'), { op: 'delete', path: 'a.csv' }], { on_error: 'continue' }),
      read,
      write('c.csv'),
    ]);
    expect(figures(report)).toEqual([
      'if failed 0',
      'read failed 0',
      'write skipped 0',
      'delete skipped 0',
      'read done 3',
      'write done 3',
    ]);
    const retried = await failed([
      { op: 'parallel', branches: { a: [lost] }, retry: { attempts: 3, wait: '1ms', on: ['NOT_FOUND'] } },
    ]);
    expect(retried.code).toBe('NOT_FOUND');
    expect(retried.report.tasks[1].retries).toBe(2);
    const late = await failed([choice('true', [{ op: 'delay', for: '1h' }], { timeout: '50ms' })]);
    expect(late.message).toBe('task 1 (if) took longer than 0.05 s');
  });
});
