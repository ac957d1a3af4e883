// `pipe runs`, and what `pipe run` leaves behind: also when it is killed.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { pipeCommand } from './pipe.ts';

let folder: string;
const pipe = (...args: string[]) => pipeCommand(args, { cwd: folder });

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'pipewright-runs-'));
  writeFileSync(join(folder, 'pipewright.yaml'), '');
  writeFileSync(join(folder, 'a.csv'), 'id\n1\n2\n');
  writeFileSync(
    join(folder, 'good.yaml'),
    '- { op: read, path: a.csv }\n- { op: write, path: b.ndjson, title: Copy }\n',
  );
  writeFileSync(
    join(folder, 'bad.yaml'),
    '- { op: read, path: a.csv }\n- { op: filter, where: record.id > 0 }\n- { op: write, path: c.csv }\n',
  );
  writeFileSync(join(folder, 'slow.yaml'), '- { op: read, path: "-", format: csv }\n- { op: write, path: d.csv }\n');
  await pipe('run', 'good.yaml');
  await pipe('run', 'bad.yaml');
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test('lists runs, the newest first, and those that are asked for', async () => {
  const all = await pipe('runs', 'list');
  expect(all.stdout).toMatch(
    /^id +pipe +status +started +took +rows +by\n\S+ +bad +failed .*EXPRESSION_FAILED\n\S+ +good +done .* 2 +cli\n$/,
  );
  const failed = await pipe('runs', 'list', '--status', 'failed', '--since', '1h', '--format', 'json');
  expect(JSON.parse(failed.stdout)).toMatchObject([
    { pipe: 'bad', status: 'failed', error: { code: 'EXPRESSION_FAILED' } },
  ]);
  const none = await pipe('runs', 'list', '--pipe', 'other');
  expect(none).toMatchObject({ code: 0, stdout: '', stderr: 'There are no such runs.\n' });
  expect((await pipe('runs', 'list', '--since', 'yesterday')).code).toBe(2);
});

test('shows one: its tasks along the time, where it failed, what it said', async () => {
  const shown = await pipe('runs', 'show', 'last');
  expect(shown.stdout).toMatch(/^run-\w+ failed\n {2}pipe +bad\n/);
  expect(shown.stdout).toMatch(/ 2 +filter +failed +[·━]{24}/);
  expect(shown.stdout).toMatch(/bad\.yaml:2:\d+ EXPRESSION_FAILED /);
  const { stdout } = await pipe('runs', 'list', '--pipe', 'good', '--format', 'json');
  const [{ id }] = JSON.parse(stdout);
  expect((await pipe('runs', 'show', id)).stdout).toMatch(/ 2 +Copy +done +2 rows /);
  expect((await pipe('runs', 'logs', id)).stdout).toMatch(/started good\n[\s\S]*task 2 \(write\) done: 2 rows\n/);
  const unknown = await pipe('runs', 'show', `${id}x`);
  expect(unknown.code).toBe(2);
  expect(unknown.stderr).toContain(`did you mean "${id}"`);
});

test('a run that was killed is seen as died', async () => {
  const { code } = await pipeCommand(['run', 'slow.yaml', '--log', 'json'], {
    cwd: folder,
    stdin: 'id\n1\n'.padEnd(8_000_000, '2\n'),
    killWhen: { matches: /task\.started[\s\S]*"op":"write"/, signal: 'SIGKILL' },
  });
  // A machine that is quick enough has ended it before; then there is nothing to see.
  if (code === 0) return;
  const runs = JSON.parse((await pipe('runs', 'list', '--pipe', 'slow', '--format', 'json')).stdout);
  expect(runs.map(({ status }: { status: string }) => status)).toEqual(runs.length === 0 ? [] : ['died']);
});

test('goes on with one that failed, and does one anew', async () => {
  writeFileSync(
    join(folder, 'late.yaml'),
    `- { op: read, path: a.csv }
- { op: limit, rows: 1 }
- { op: write, path: early.csv }
- { op: read, path: "late.\${'csv'}" }
- { op: write, path: "-", format: csv }
`,
  );
  expect((await pipe('run', 'late.yaml', '--log', 'json')).code).toBe(1);
  expect((await pipe('plan', 'late.yaml')).stdout).toMatch(
    /run-\w+ failed; `pipe runs retry run-\w+` goes on with task 4 /,
  );
  writeFileSync(join(folder, 'late.csv'), 'x\n5\n');
  expect(await pipe('runs', 'retry', 'last', '-q')).toEqual({ code: 0, stdout: 'x\n5\n', stderr: '' });
  expect((await pipe('runs', 'show')).stdout).toMatch(
    /by retry of run-\w+\n[\s\S]* 1 +read +done .* by run-\w+\n[\s\S]* 5 +write +done /,
  );
  expect((await pipe('runs', 'replay', '-q')).stdout).toBe('x\n5\n');
  const refused = await pipe('runs', 'retry', 'last');
  expect(refused.code).toBe(2);
  expect(refused.stderr).toMatch(/RUN_NOT_BROKEN/);
});

test('keeps nothing with --no-state, and removes what is told', async () => {
  await pipe('run', 'good.yaml', '--no-state');
  const count = async () =>
    JSON.parse((await pipe('runs', 'list', '--pipe', 'good', '--format', 'json')).stdout).length;
  expect(await count()).toBe(1);
  expect((await pipe('runs', 'prune', '--keep', '0', '--pipe', 'good')).stderr).toBe('1 run removed\n');
  expect(await count()).toBe(0);
  const unknown = await pipe('runs', 'lost');
  expect(unknown.code).toBe(2);
  expect(unknown.stderr).toContain('no action "lost"; did you mean "list"');
});
