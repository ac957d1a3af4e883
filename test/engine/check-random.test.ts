// `pipe check` never crashes, never hangs and always says where, whatever it is given.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { stringify } from 'yaml';
import type { Diagnostic } from '../../engine/diagnostics.ts';
import { type Loaded, loadText, loadValue } from '../../engine/load.ts';
import { connectors, documents, tasks as ops } from '../../schemas/generated/language.ts';
import { checksInFolder } from './checked.ts';

const { checkLoaded } = checksInFolder();
const bare = { list: 'tasks' };

async function settled(loading: Promise<Loaded>): Promise<Diagnostic[]> {
  const started = process.cpuUsage();
  const { diagnostics, definition, line } = await checkLoaded(await loading);
  expect(process.cpuUsage(started).user).toBeLessThan(2_000_000);
  for (const each of diagnostics) {
    const shown = line(each.line);
    expect(shown, JSON.stringify(each)).toBeDefined();
    expect(each.col).toBeGreaterThan(0);
    expect(each.col).toBeLessThanOrEqual(shown!.length + 1);
    expect(each.endCol).toBeGreaterThan(each.col);
    expect(each.message).not.toMatch(/undefined|\[object|NaN/);
  }
  expect(definition !== undefined || diagnostics.length > 0).toBe(true);
  return diagnostics;
}

const leaf = fc.oneof(
  fc.jsonValue({ maxDepth: 2 }),
  fc.constantFrom(
    '${record.a}',
    '${',
    'orders.csv',
    '/shop/x',
    '/*',
    'https://x',
    '-',
    'read_1',
    '${params.x}',
    'csv',
    'a.zip',
    '..',
    '\\',
  ),
);

const { task } = fc.letrec<{ task: unknown; value: unknown }>((tie) => {
  const key = fc.constantFrom(...new Set(Object.values(ops).flatMap((part) => part.keys['']!)));
  const fields = fc.dictionary(key, tie('value'), { maxKeys: 6 });
  return {
    value: fc.oneof(
      { depthSize: 'small' },
      leaf,
      fc.array(tie('task'), { maxLength: 3 }),
      fc.dictionary(key, leaf, { maxKeys: 3 }),
    ),
    task: fc.tuple(fc.constantFrom(...Object.keys(ops)), fields).map(([op, rest]) => ({ ...rest, op })),
  };
});

const { keys } = documents.pipe;
const connection = fc.dictionary(
  fc.constantFrom('connector', 'eid', 'password', 'base_url'),
  fc.oneof(leaf, fc.constantFrom(...Object.keys(connectors))),
);

const pipe = fc.record(
  {
    name: leaf,
    params: fc.dictionary(fc.constantFrom('x', 'a-b'), fc.dictionary(fc.constantFrom(...keys['/params/*']!), leaf)),
    connections: fc.dictionary(fc.constantFrom('shop', 'My', 'aa'), connection),
    settings: fc.dictionary(fc.constantFrom(...keys['/settings']!), fc.oneof(leaf, fc.array(task, { maxLength: 2 }))),
    triggers: leaf,
    tests: leaf,
    tasks: fc.array(task, { maxLength: 5 }),
  },
  { requiredKeys: ['tasks'] },
);

test('any JSON', async () => {
  const check = async (value: unknown) => void (await settled(loadValue(value, 'x', bare)));
  await fc.assert(fc.asyncProperty(fc.jsonValue({ maxDepth: 5 }), check), { numRuns: 1_000 });
}, 60_000);

test('any values under the keys of the language', async () => {
  const check = async (value: unknown) => void (await settled(loadValue(value, 'x', bare)));
  await fc.assert(fc.asyncProperty(pipe, check), { numRuns: 1_000 });
}, 60_000);

test('changes of a valid definition', async () => {
  const text = stringify({
    name: 'x',
    params: { since: { format: 'date', default: '2024-01-01' }, n: { type: 'integer', default: 3 } },
    connections: { api: { connector: 'http', base_url: 'https://x.example/', headers: { a: '${params.since}' } } },
    tasks: [
      { op: 'read', path: 'orders.csv', id: 'orders', format: { name: 'csv', delimiter: ',' } },
      { op: 'filter', where: 'record.total > params.n && record.day >= params.since' },
      { op: 'set', values: { a: '${record.total * 2}', b: 'x ${tasks.orders.rows}' } },
      { op: 'write', path: 'out-${params.since}.csv', mode: 'replace', key: ['a'] },
      { op: 'read', path: '/api/more.json' },
      { op: 'write', path: '-', format: 'ndjson' },
    ],
  });
  expect(await settled(loadText(text, 'x', bare))).toEqual([]);
  const edit = fc.record({
    at: fc.nat(text.length - 1),
    remove: fc.nat(4),
    insert: fc.string({ unit: fc.constantFrom(...'abx {}[]:,"\'$\n-.#&*!|>%@`/\\\t0'), maxLength: 3 }),
  });
  const edits = fc.array(edit, { minLength: 1, maxLength: 3 });
  const check = async (changes: { at: number; remove: number; insert: string }[]) => {
    let changed = text;
    for (const { at, remove, insert } of changes) changed = changed.slice(0, at) + insert + changed.slice(at + remove);
    await settled(loadText(changed, 'x', bare));
  };
  await fc.assert(fc.asyncProperty(edits, check), { numRuns: 2_000 });
}, 60_000);

test('many tasks, long chains of merges, very long texts, deep nesting', async () => {
  const merge = (_: unknown, i: number) => ({
    op: 'merge',
    from: i < 2 ? ['read_1', 'read_2'] : [`merge_${i + 1}`, `merge_${i + 2}`],
  });
  const merges = Array.from({ length: 1_000 }, merge);
  const reads = Array(2).fill({ op: 'read', path: 'orders.csv' });
  expect(await settled(loadValue({ tasks: [...reads, ...merges] }, 'x'))).toContainEqual(
    expect.objectContaining({ code: 'SHARED_SOURCE' }),
  );

  const limits = Array.from({ length: 6_000 }, () => ({ op: 'limit', rows: 1 }));
  expect(await settled(loadValue({ tasks: limits }, 'x'))).toMatchObject([{ code: 'RANGE' }]);

  const strange = {
    a: '${'.repeat(60_000),
    b: `{${',{'.repeat(60_000)}`,
    c: 'token'.repeat(60_000),
    d: '('.repeat(60_000),
  };
  for (const text of Object.values(strange)) {
    const tasks = [
      { op: 'read', path: text },
      { op: 'filter', where: text },
      { op: text, [text]: text, id: text, from: text },
    ];
    expect(
      await settled(loadValue({ tasks, connections: { aa: { connector: text, password: text } } }, 'x')),
    ).not.toEqual([]);
  }
  const keys = Object.fromEntries(Array.from({ length: 20_000 }, (_, i) => [`key${i}`, i]));
  expect(await settled(loadValue({ ...keys, tasks: [{ op: 'exit' }] }, 'x'))).toHaveLength(20_000);

  let nested: unknown[] = [{ op: 'exit', frob: 1 }];
  for (let i = 0; i < 30; i++) nested = [{ op: 'foreach', tasks: nested }];
  expect(await settled(loadValue({ tasks: nested }, 'x'))).toContainEqual(
    expect.objectContaining({ code: 'UNKNOWN_KEY' }),
  );
}, 60_000);
