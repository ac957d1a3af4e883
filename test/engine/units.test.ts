// foreach, run, delay, on_error with tasks, and values that are kept: what runs as a unit of its own.
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createEngine, type Engine, type Pipe, type RunEvent, type RunOptions } from '../../index.ts';

let folder: string;
let engine: Engine;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'pipewright-units-'));
  engine = createEngine({ folder, state: 'memory' });
  put('a.csv', 'id,qty\n1,5\n2,10\n3,15\n');
});
afterEach(async () => {
  await engine.close();
  rmSync(folder, { recursive: true, force: true });
});

function put(name: string, content: string): string {
  const file = join(folder, name);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, content);
  return file;
}
const text = (name: string) => readFileSync(join(folder, name), 'utf8');
const outputs = () =>
  readdirSync(folder)
    .filter((name) => name !== 'a.csv' && !name.endsWith('.yaml'))
    .sort();
const read = { op: 'read', path: 'a.csv', format: { name: 'csv', columns: { qty: 'integer' } } };
const given = (condition: string, then: object[]) => ({ op: 'if', condition, then });
const write = (path: string, more: object = {}) => ({ op: 'write', path, ...more });

async function run(
  tasks: object[],
  more: object = {},
  options: RunOptions & { params?: Record<string, unknown> } = {},
) {
  return follow(engine.run({ name: 'p', tasks, ...more } as unknown as Pipe, options));
}
async function follow(running: ReturnType<Engine['run']>) {
  const events: RunEvent[] = [];
  running.on((event) => events.push(event));
  const outcome = await running.result.then(
    (report) => ({ report, error: undefined }),
    (error) => ({ report: error.report, error }),
  );
  const logs = events.flatMap((event) => (event.type === 'log' ? [`${event.level}: ${event.message}`] : []));
  return { ...outcome, logs, events };
}
async function problems(tasks: object[], more: object = {}) {
  const { diagnostics } = await engine.check({ name: 'p', tasks, ...more } as unknown as Pipe);
  return diagnostics.map(({ code, message }) => `${code} ${message}`);
}

describe('foreach', () => {
  test('over a list: item and index are known, outputs follow one another', async () => {
    const { error, report } = await run([
      {
        op: 'foreach',
        id: 'each',
        items: ['x', 'y'],
        tasks: [{ op: 'echo', rows: [{ name: '${item}', at: '${index}' }] }, write('${item}.json')],
      },
      write('all.csv'),
    ]);
    expect(error).toBeUndefined();
    expect(text('all.csv')).toBe('name,at\nx,0\ny,1\n');
    expect(JSON.parse(text('y.json'))).toEqual([{ name: 'y', at: 1 }]);
    expect(report.tasks[0]).toMatchObject({ op: 'foreach', status: 'done', rows: 2 });
  });

  test('over rows: the first task gets the row', async () => {
    await run([
      read,
      { op: 'foreach', tasks: [{ op: 'set', values: { qty: '${item.qty * 2}' } }, write('${item.id}.csv')] },
      write('all.csv'),
    ]);
    expect(text('all.csv')).toBe('id,qty\n1,10\n2,20\n3,30\n');
    expect(text('2.csv')).toBe('id,qty\n2,20\n');
  });

  test('over files: their bytes stay as they are', async () => {
    put('in/one.csv', 'a,"b"\r\n1,"2"\r\n');
    put('in/two.csv', 'a\n3\n');
    await run([
      { op: 'read', path: 'in/*.csv' },
      { op: 'foreach', each: 'file', tasks: [write('copy-${item.name}')] },
    ]);
    expect(outputs()).toEqual(['copy-one.csv', 'copy-two.csv', 'in']);
    expect(text('copy-one.csv')).toBe('a,"b"\r\n1,"2"\r\n');
  });

  test('inside of blocks, and blocks inside of it', async () => {
    const inner = { op: 'foreach', items: '${[item.id, "z"]}', tasks: [{ op: 'echo', rows: [{ of: '${item}' }] }] };
    const choice = given('item.qty > 5', [inner]);
    await run(
      [
        read,
        {
          op: 'parallel',
          branches: { a: [{ op: 'foreach', tasks: [choice, { op: 'select', columns: ['of'] }] }] },
          output: 'a',
        },
        write('b.csv'),
      ],
      {},
    );
    expect(outputs()).toEqual([]);
    const { error } = await run([
      read,
      { op: 'filter', where: 'record.qty > 5' },
      { op: 'parallel', branches: { a: [{ op: 'foreach', tasks: [choice] }] }, output: 'a' },
      write('b.csv'),
    ]);
    expect(error).toBeUndefined();
    expect(text('b.csv')).toBe('of\n2\nz\n3\nz\n');
  });

  test('concurrency: no more at once than it says, and all of them', async () => {
    const { error, report } = await run([
      {
        op: 'foreach',
        items: '${[0, 1, 2, 3, 4, 5, 6, 7, 8, 9]}',
        concurrency: 4,
        tasks: [
          { op: 'delay', for: '5ms' },
          { op: 'echo', rows: [{ n: '${item}' }] },
        ],
      },
      write('n.csv'),
    ]);
    expect(error).toBeUndefined();
    expect(text('n.csv').trim().split('\n').slice(1).sort()).toEqual([...'0123456789']);
    expect(report.tasks[0].seconds).toBeLessThan(5);
  });

  test('an item that fails stops the others; what was done before stays', async () => {
    const { error, report, logs } = await run([
      read,
      {
        op: 'foreach',
        tasks: [{ op: 'filter', where: 'record.qty != 10 || record.nothing' }, write('${item.id}.csv')],
      },
      write('all.csv'),
    ]);
    expect(error.code).toBe('EXPRESSION_FAILED');
    expect(error.message).toMatch(/^task 2\.tasks\.1 \(filter\)/);
    expect(report.error.task).toBe(1);
    expect(logs[0]).toMatch(/^warn: task 2 \(foreach\): item 2 failed: EXPRESSION_FAILED/);
    expect(outputs()).toEqual(['1.csv']);
  });

  test('`on_error: continue` counts those that fail, and says so', async () => {
    const body = [{ op: 'filter', where: 'record.qty != 10 || record.nothing' }, write('${item.id}.csv')];
    const { error, report, logs } = await run([read, { op: 'foreach', on_error: 'continue', tasks: body }]);
    expect(error).toBeUndefined();
    expect(outputs()).toEqual(['1.csv', '3.csv']);
    expect(report.tasks[1].rejected).toBe(1);
    expect(logs.at(-1)).toMatch(/^warn: task 2 \(foreach\): 1 of 3 items failed; the first with EXPRESSION_FAILED/);
  });

  test('`on_error` with tasks gets each error, with the item', async () => {
    const on_error = [{ op: 'set', values: { id: '${item.id}', why: '${error.code}' } }, write('bad-${item.id}.json')];
    const body = [{ op: 'fail', message: 'no ${item.id}' }];
    const { error, report } = await run([read, { op: 'foreach', on_error, tasks: body }]);
    expect(error).toBeUndefined();
    expect(report.tasks[1].rejected).toBe(3);
    expect(JSON.parse(text('bad-3.json'))).toMatchObject([
      { id: '3', why: 'PIPE_FAILED', code: 'PIPE_FAILED', message: 'no 3', task: 'fail_2_tasks_1' },
    ]);
  });

  test.each([
    ['null', '${null}', 'null'],
    ['text', '${"abc"}', '"abc"'],
    ['a map', '${{"a": 1}}', '{"a":1}'],
  ])('over %s: a clear error', async (_, items, shown) => {
    const { error } = await run([{ op: 'foreach', items, tasks: [{ op: 'echo', message: 'x' }] }]);
    expect(error.message).toBe(`task 1 (foreach): \`items\` must give a list, and gave ${shown}`);
  });

  test('a reader that stops early ends it', async () => {
    const items = '${[1, 2, 3, 4, 5, 6, 7, 8]}';
    const tasks = [{ op: 'echo', rows: [{ n: '${item}' }] }];
    const { error } = await run([{ op: 'foreach', items, tasks }, { op: 'limit', rows: 2 }, write('n.csv')]);
    expect(error).toBeUndefined();
    expect(text('n.csv')).toBe('n\n1\n2\n');
  });

  test('outputs that differ are refused', async () => {
    const tasks = [{ op: 'echo', rows: '${item}' }];
    const { error } = await run([{ op: 'foreach', items: [[{ a: 1 }], [{ b: 1 }]], tasks }, write('n.csv')]);
    expect(error.code).toBe('OUTPUTS_DIFFER');
  });

  test('what is wrong inside is told by `check`', async () => {
    expect(
      await problems([
        read,
        {
          op: 'foreach',
          tasks: [
            { op: 'read', path: 'a.csv', cursor: 'id' },
            { op: 'filtr', where: 'true' },
            write('${item.id}.csv', { pth: 1 }),
          ],
        },
        write('${item.id}.csv'),
      ]),
    ).toEqual([
      expect.stringMatching(/^NOT_REPEATABLE task 2\.tasks\.1 \(read\): cursor is for a task of the pipe itself/),
      'UNKNOWN_OP task 2.tasks.2: there is no op "filtr"; did you mean "filter"?',
      expect.stringMatching(/^UNKNOWN_KEY task 2\.tasks\.3 \(write\) has no key "pth"/),
      'NAME_OUT_OF_SCOPE task 3 (write): path: "item" is known only to tasks inside of a foreach',
    ]);
    expect(await problems([{ op: 'foreach', items: [], tasks: [] }])).toEqual([
      'RANGE task 1 (foreach): tasks must not be empty',
    ]);
  });
});

describe('run', () => {
  const other =
    'params:\n  id: {}\ntasks:\n  - { op: read, path: a.csv }\n  - { op: filter, where: record.id == params.id }\n';

  test('another pipe, with params: its output is that of the task', async () => {
    put('sub/a.csv', 'id,v\n1,x\n2,y\n');
    put('sub/other.yaml', other);
    const { error, report } = await run([{ op: 'run', pipe: 'sub/other.yaml', params: { id: '2' } }, write('b.csv')]);
    expect(error).toBeUndefined();
    expect(text('b.csv')).toBe('id,v\n2,y\n');
    expect(report.tasks.map(({ op, rows }: { op: string; rows: number }) => `${op} ${rows}`)).toEqual([
      'run 1',
      'write 1',
    ]);
  });

  test('in a foreach, and a failure in it is told with its place', async () => {
    put('other.yaml', `${other}  - { op: write, path: "\${params.id}.csv" }\n`);
    const each = (items: unknown[]) => ({
      op: 'foreach',
      items,
      tasks: [{ op: 'run', pipe: 'other.yaml', params: { id: '${item}' } }],
    });
    await run([each(['1', '3'])]);
    expect(text('3.csv')).toBe('id,qty\n3,15\n');
    const { error, report } = await run([each([1])]);
    expect(error.code).toBe('PARAM_INVALID');
    expect(report.error.place).toMatch(/<program>/);
  });

  test('`exit` in it ends it alone', async () => {
    put('other.yaml', '- { op: exit, message: enough }\n- { op: fail, message: never }\n');
    const { error, logs } = await run([{ op: 'run', pipe: 'other.yaml' }, read, write('b.csv')]);
    expect(error).toBeUndefined();
    expect(logs).toContain('info: enough');
    expect(outputs()).toEqual(['b.csv']);
  });

  test('pipes that run each other are found by `check`, and at run where it cannot see them', async () => {
    put('one.yaml', '- { op: run, pipe: two.yaml }\n');
    const two = put('two.yaml', '- { op: foreach, items: [1], tasks: [{ op: run, pipe: one.yaml }] }\n');
    const { diagnostics } = await engine.check(two);
    expect(diagnostics.map(({ code, message }) => `${code} ${message}`)).toEqual([
      'PIPE_LOOP task 1.tasks.1 (run): pipe: pipes run each other in a loop: two.yaml → one.yaml → two.yaml',
    ]);
    put('one.yaml', "- { op: run, pipe: \"${'two' + '.yaml'}\" }\n");
    const { error } = await follow(engine.run(two));
    expect(error.code).toBe('PIPE_LOOP');
    expect(error.message).toBe('task 1 (run): pipes run each other in a loop: two.yaml → one.yaml → two.yaml');
  });
});

describe('on_error', () => {
  test('tasks get the error as a record, and the run goes on', async () => {
    const on_error = [{ op: 'set', values: { by: '${error.task}' } }, write('error.json')];
    const { error, report } = await run([
      read,
      { op: 'filter', id: 'f', where: 'record.nothing', on_error },
      write('b.csv'),
      read,
      write('c.csv'),
    ]);
    expect(error).toBeUndefined();
    expect(report.tasks[1].status).toBe('failed');
    expect(JSON.parse(text('error.json'))).toMatchObject([{ code: 'EXPRESSION_FAILED', task: 'f', by: 'f' }]);
    expect(outputs()).toEqual(['c.csv', 'error.json']);
  });

  test('of a run: tasks, once for each kind of error in a time', async () => {
    const settings = { on_error: [write('notice-${error.code}.json')] };
    const fails = [{ op: 'read', path: 'gone-${run.id}.csv' }, write('b.csv')];
    const first = await run(fails, { settings });
    expect(first.error.code).toBe('NOT_FOUND');
    expect(JSON.parse(text('notice-NOT_FOUND.json'))).toMatchObject([{ code: 'NOT_FOUND', pipe: 'p', task: 'read_1' }]);
    rmSync(join(folder, 'notice-NOT_FOUND.json'));
    const again = await run(fails, { settings });
    expect(again.logs).toContain(
      'info: settings.on_error has run for NOT_FOUND already within 24h, and does not run again',
    );
    await run([{ op: 'fail', message: 'other' }], { settings });
    expect(outputs()).toEqual(['notice-PIPE_FAILED.json']);
  });

  test('of a run: another pipe gets what it declares', async () => {
    put(
      'notify.yaml',
      'params:\n  code: {}\n  run: {}\ntasks:\n  - { op: echo, rows: [{ code: "${params.code}" }] }\n  - { op: write, path: notice.csv }\n',
    );
    const { error } = await run([{ op: 'fail', message: 'no' }], { settings: { on_error: 'notify.yaml' } });
    expect(error.code).toBe('PIPE_FAILED');
    expect(text('notice.csv')).toBe('code\nPIPE_FAILED\n');
  });
});

describe('delay', () => {
  test('waits, and passes on what it gets', async () => {
    const before = Date.now();
    await run([read, { op: 'delay', for: '30ms' }, write('b.csv')]);
    expect(Date.now() - before).toBeGreaterThanOrEqual(29);
    expect(text('b.csv')).toContain('3,15');
    await run([{ op: 'delay', until: '2020-01-01T00:00:00Z' }]);
  });

  test('ends at once when the run is stopped', async () => {
    const stop = new AbortController();
    const running = engine.run({ name: 'p', tasks: [{ op: 'delay', for: '60d' }] } as unknown as Pipe, {
      signal: stop.signal,
    });
    running.on((event) => event.type === 'task.started' && stop.abort());
    await expect(running.result).rejects.toMatchObject({ code: 'INTERRUPTED' });
  });

  test.each([
    ['800d', /for must be 1ms to 366d, and is 800d/],
    ['-1s', /cannot be "-1s"/],
    ['0ms', /for must be 1ms to 366d, and is 0ms/],
  ])('%s is refused before anything runs', async (length, expected) => {
    const found = await problems([{ op: 'delay', for: length }]);
    expect(found).toHaveLength(1);
    expect(found[0]).toMatch(expected);
  });

  test('what an expression gives is looked at when it runs', async () => {
    const { error } = await run([{ op: 'delay', for: '${"2000d"}' }]);
    expect(error.code).toBe('DELAY_RANGE');
  });
});

describe('state', () => {
  test('a value that one run keeps is known to the next', async () => {
    const tasks = [
      { op: 'get_state', id: 'before', key: 'count', default: 0 },
      { op: 'set_state', key: 'count', value: '${tasks.before.result + 1}' },
      { op: 'exit', message: '${tasks.before.result} and ${state.count}' },
    ];
    expect((await run(tasks)).logs).toEqual(['info: 0 and 1']);
    expect((await run(tasks)).logs).toEqual(['info: 1 and 2']);
  });

  test('it is kept only when what is written beside it is', async () => {
    const keep = { op: 'set_state', key: 'k', value: 'new' };
    const failed = await run([read, keep, { op: 'filter', where: 'record.nothing' }, write('b.csv')]);
    expect(failed.error.code).toBe('EXPRESSION_FAILED');
    const look = [
      { op: 'get_state', id: 'k', key: 'k' },
      { op: 'exit', message: 'k is ${string(tasks.k.result == null)}' },
    ];
    expect((await run(look)).logs).toEqual(['info: k is true']);
    await run([read, keep, write('b.csv')]);
    expect((await run(look)).logs).toEqual(['info: k is false']);
    await run([{ ...keep, value: null }]);
    expect((await run(look)).logs).toEqual(['info: k is true']);
  });

  test('for a time', async () => {
    await run([
      { op: 'set_state', key: 'k', value: 1, ttl: '1ms' },
      { op: 'delay', for: '5ms' },
    ]);
    const { logs } = await run([
      { op: 'get_state', id: 'k', key: 'k', default: 'gone' },
      { op: 'exit', message: '${tasks.k.result}' },
    ]);
    expect(logs).toEqual(['info: gone']);
  });
});
