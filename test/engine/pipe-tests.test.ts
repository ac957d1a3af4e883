// The `tests` of a definition: what stands in for the systems outside, what is compared, and how a mistake is told.
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { stringify } from 'yaml';
import { compareLines, compareRows } from '../../engine/pipe-tests/compare.ts';
import { createEngine, type TestResult } from '../../index.ts';

async function tested(definition: { tests: object[]; [key: string]: unknown }, files: Record<string, string> = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'pipe-tests-'));
  const engine = createEngine({ folder, configFolder: folder, stateFolder: folder, credentials: 'memory' });
  onTestFinished(async () => {
    await engine.close();
    rmSync(folder, { recursive: true, force: true });
  });
  const tests = definition.tests.map((each, i) => ({ name: `test ${i + 1}`, ...each }));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  writeFileSync(join(folder, 'pipe.yaml'), stringify({ ...definition, tests }));
  const before = readdirSync(folder);
  const report = await engine.test(join(folder, 'pipe.yaml'));
  // Nothing is written for real.
  expect(readdirSync(folder)).toEqual(before);
  return report.tests;
}

const passed = (results: TestResult[]) => results.map(({ problems, notes }) => [...problems, ...notes]);

describe('what stands in', () => {
  const orders = [
    { id: 1, total: '99.50' },
    { id: 2, total: '120.00' },
  ];
  const large = { op: 'filter', where: 'double(record.total) > 100.0' };

  test('rows or a file for files, by path or by id', async () => {
    const tasks = [{ op: 'read', id: 'orders', path: './in/orders.csv' }, large, { op: 'write', path: 'large.ndjson' }];
    const expected = { 'large.ndjson': [{ id: '2', total: '120.00' }] };
    const results = await tested(
      {
        tasks,
        tests: [
          { inputs: { orders }, expect: expected },
          { inputs: { 'in/orders.csv': orders }, expect: { './large.ndjson': orders.slice(1) } },
          { inputs: { orders: { text: 'id,total\n2,120.00\n' } }, expect: expected },
          { inputs: { orders: { file: 'given.ndjson' } }, expect: { write_3: { file: 'large.txt' } } },
        ],
      },
      {
        'given.ndjson': '{"id":1,"total":"99.50"}\n{"id":2,"total":"120.00"}\n',
        'large.txt': '{"id":"2","total":"120.00"}\n',
      },
    );
    expect(passed(results)).toEqual([[], [], [], []]);
  });

  test('tables, queries, many files, stdin and stdout, messages', async () => {
    const connections = {
      shop: { connector: 'postgres', host: 'db.invalid', database: 'shop' },
      mail: { connector: 'smtp', host: 'mail.invalid', from: 'a@example.com' },
      lake: { connector: 's3', bucket: 'b', region: 'eu-central-1' },
    };
    const results = await tested({
      connections,
      params: { day: { default: '2026-01-31' } },
      tasks: [
        { op: 'read', id: 'table', path: '/shop/public/orders', where: 'id > 0' },
        large,
        { op: 'write', path: '/shop/public/large', mode: 'upsert', key: 'id' },
        { op: 'read', id: 'counted', connection: 'shop', query: 'select count(*) from orders' },
        { op: 'write', path: '-', format: 'csv' },
        { op: 'read', path: '/lake/in/*.csv' },
        { op: 'write', path: '/lake/all/${params.day}.ndjson' },
        { op: 'email', id: 'told', connection: 'mail', to: 'b@example.com', subject: 'done', text: 'all of it' },
      ],
      tests: [
        {
          inputs: {
            table: orders,
            counted: [{ count: 7 }],
            '/lake/in/a.csv': [{ a: 1 }],
            'lake:/in/b.csv': [{ a: 2 }],
          },
          expect: {
            '/shop/public/large': [{ id: 2, total: '120.00' }],
            '-': { text: 'count\n7\n' },
            '/lake/all/2026-01-31.ndjson': [{ a: 1 }, { a: 2 }],
            told: [{ to: ['b@example.com'], subject: 'done', text: 'all of it' }],
          },
        },
      ],
    });
    expect(results[0]!.problems).toEqual([]);
  });

  test('an incremental read goes on from nothing, and keeps nothing', async () => {
    const definition = {
      name: 'new-orders',
      connections: { shop: { connector: 'sqlite', file: 'shop.db' } },
      tasks: [
        { op: 'read', path: '/shop/orders', cursor: 'id' },
        { op: 'write', path: 'new.ndjson' },
      ],
      tests: [1, 2].map(() => ({ inputs: { '/shop/orders': orders }, expect: { 'new.ndjson': orders } })),
    };
    expect(passed(await tested(definition))).toEqual([[], []]);
  });

  test('a source without an input is an error that says what to add', async () => {
    const connections = { api: { connector: 'github', token: 'x' }, shop: { connector: 'sqlite', file: 'shop.db' } };
    const tests = [{}];
    const read = (path: string) => ({ connections, tasks: [{ op: 'read', path }], tests });
    const messages: string[] = [];
    for (const path of ['a.csv', '/shop/orders', '/api/repos', 'https://example.com/a.csv', '-'])
      messages.push(
        ...(await tested(read(path)))[0]!.problems.map((problem) => ('message' in problem ? problem.message : '')),
      );
    expect(messages.map((message) => message.replace(/^\S+ /, ''))).toEqual([
      'TEST_INPUT_MISSING task 1 (read): the test has nothing for a.csv, and a test opens nothing itself; add it under `inputs` as "a.csv"',
      'TEST_INPUT_MISSING task 1 (read): the test has nothing for /shop/orders, and a test opens nothing itself; add it under `inputs` as "/shop/orders"',
      'TEST_INPUT_MISSING task 1 (read): the test has nothing for /api/repos, and a test opens nothing itself; add it under `inputs` as "/api/repos", or record a cassette of "api" with `pipe run --record DIR` and name its folder as `cassettes`',
      'TEST_INPUT_MISSING task 1 (read): the test has nothing for https://example.com/a.csv, and a test opens nothing itself; add it under `inputs` as "https://example.com/a.csv"',
      expect.stringContaining('add it under `inputs` as "-"'),
    ]);
  });
});

describe('what is expected', () => {
  test('an error by its code; dates as if it were then', async () => {
    const results = await tested({
      params: { day: { default: '${date(run.started)}' }, most: { type: 'integer', default: 3 } },
      tasks: [
        { op: 'read', path: 'a.csv' },
        { op: 'set', values: { n: '${int(record.n)}' } },
        { op: 'write', path: '${params.day}.ndjson' },
      ],
      tests: [
        { inputs: { 'a.csv': [{ n: 'x' }] }, error: 'EXPRESSION_FAILED' },
        { inputs: { 'a.csv': [{ n: '1' }] }, error: 'EXPRESSION_FAILED' },
        { inputs: { 'a.csv': [{ n: 'x' }] }, error: 'NOT_FOUND' },
        { params: { most: 'many' }, error: 'PARAM_INVALID' },
        {
          now: '2026-02-03T23:30:00-02:00',
          inputs: { 'a.csv': [{ n: 1 }] },
          expect: { '2026-02-04.ndjson': [{ n: 1 }] },
        },
      ],
    });
    expect(results.map(({ status }) => status)).toEqual(['passed', 'failed', 'failed', 'passed', 'passed']);
    expect(results[1]!.problems).toEqual([
      {
        kind: 'error',
        expected: 'EXPRESSION_FAILED',
        message: 'the run is done, and should end with EXPRESSION_FAILED',
      },
    ]);
    expect(results[2]!.problems).toMatchObject([{ expected: 'NOT_FOUND', code: 'EXPRESSION_FAILED' }]);
  });

  test('an output that is not there, and one that nobody looks at', async () => {
    const tasks = [
      { op: 'read', path: 'a.csv' },
      { op: 'write', path: 'b.csv' },
      { op: 'write', path: 'c.csv', when: 'params.both' },
    ];
    const [result] = await tested({
      params: { both: { type: 'boolean', default: false } },
      tasks,
      tests: [{ inputs: { 'a.csv': [{ n: 1 }] }, expect: { 'c.csv': [] } }],
    });
    expect(result!.problems).toEqual([
      { kind: 'output', output: 'c.csv', message: 'nothing was written there; did you mean "b.csv"?' },
    ]);
    expect(result!.notes).toEqual(['what was written to b.csv was not looked at; `expect` does not name it']);
  });

  test('rows in their order: of those that differ, the first', async () => {
    const rows = (...values: number[]) => values.map((n) => ({ id: n, name: `name ${n}`, big: 2n ** 60n }));
    const found = (a: number[], b: number[]) => compareRows(rows(...a), rows(...b), false).differences;
    expect(found([1, 2, 3], [1, 2, 3])).toEqual([]);
    expect(found([1, 2, 3], [1, 3])).toMatchObject([{ row: 2, expected: { id: 2 }, columns: [] }]);
    expect(found([1, 3], [1, 2, 3])).toMatchObject([{ row: 2, written: { id: 2 }, columns: [] }]);
    expect(found([1, 2, 4], [1, 3, 4])).toMatchObject([
      { row: 2, expected: { id: 2 }, written: { id: 3 }, columns: ['id', 'name'] },
    ]);
    // The one that is nearly the same is its pair.
    const [first, second] = compareRows(
      [
        { a: 1, b: 1, c: 1 },
        { a: 2, b: 2, c: 2 },
      ],
      [{ a: 2, b: 2, c: 3 }],
      false,
    ).differences;
    expect([first, second]).toMatchObject([
      { row: 1, columns: [] },
      { row: 2, columns: ['c'] },
    ]);
    expect(compareRows(rows(1, 2, 3, 4, 5, 6, 7), [], false)).toMatchObject({ more: 2 });
    expect(compareRows([{ a: null, n: 1 }], [{ n: 1 }], false).differences).toEqual([]);
    expect(compareRows([{ n: 1 }], [{ n: '1' }], false).differences).toHaveLength(1);
    expect(compareRows([{ n: 1, e: null }], [{ n: '1', e: '' }], true).differences).toEqual([]);
    expect(compareLines('a\nb\nc\n', 'a\nc\n').differences).toEqual([{ line: 2, expected: 'b' }]);
    const many = Array.from({ length: 2000 }, (_, i) => ({ i }));
    expect(
      compareRows(
        many,
        many.map(({ i }) => ({ i: i === 700 ? -1 : i })),
        false,
      ).differences,
    ).toMatchObject([{ row: 701 }]);
  });
});
