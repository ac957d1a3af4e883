// Runs of the history once more: gone on with where they broke, or done anew.
import { unlinkSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { RunReport } from '../../engine/contracts/run.ts';
import { type OwnEngine, ownEngine } from './own-engine.ts';

let own: OwnEngine;

beforeEach(() => {
  own = ownEngine();
  own.put('pipewright.yaml', '');
  own.put('a.csv', 'id,name\n1,Ann\n2,Bob\n');
});
afterEach(() => own.close());

/** Two chains, of which the second one needs a file that is not there at first. */
const twoStages = `
name: two
tasks:
  - { op: read, path: a.csv }
  - { op: limit, rows: 10, id: first }
  - { op: write, path: "one-\${run.id}.csv" }
  - { op: read, path: "later.\${'csv'}" }
  - { op: set, values: { before: "\${tasks.first.rows}", run: "\${run.id}", started: "\${run.started}" } }
  - { op: write, path: two.csv }
`;

const failedRun = async (file: string, options: object = {}): Promise<{ id: string; report: RunReport }> => {
  const error = await own.engine.run(file, options).result.then(
    () => undefined,
    (thrown) => thrown,
  );
  expect(error, 'the run was to fail').toBeDefined();
  return { id: error.report.run, report: error.report };
};
const messageOf = (work: Promise<unknown>) =>
  work.then(
    () => 'done',
    (error) => `${error.code} ${error.message}`,
  );

describe('retry', () => {
  it('goes on with the stage that failed; what is done is not done again', async () => {
    const file = own.put('two.yaml', twoStages);
    const { id, report } = await failedRun(file);
    expect(report.tasks.map(({ status }) => status)).toEqual(['done', 'done', 'done', 'failed', 'skipped', 'skipped']);
    const first = own.text(`one-${id}.csv`);
    expect(first).toBe('id,name\n1,Ann\n2,Bob\n');
    const plan = await own.engine.plan(file);
    expect(plan.resumes).toEqual({
      run: id,
      text: expect.stringMatching(
        /failed; `pipe runs retry run-\w+` goes on with task 4 \(read\); the 3 tasks before it are done$/,
      ),
    });
    // What the first stage would read is another now.
    own.put('later.csv', 'id\n7\n');
    own.put('a.csv', 'id,name\n');
    const again = await own.engine.runs.retry('last').result;
    expect(again.tasks.map(({ status, before }) => [status, before])).toEqual([
      ['done', id],
      ['done', id],
      ['done', id],
      ['done', undefined],
      ['done', undefined],
      ['done', undefined],
    ]);
    const record = await own.engine.runs.get(id);
    expect(own.text(`one-${id}.csv`)).toBe(first);
    expect(own.text('two.csv')).toBe(`id,before,run,started\n7,2,${id},${record.started}\n`);
    expect(await own.engine.runs.get(again.run)).toMatchObject({ trigger: `retry of ${id}`, status: 'done' });
    expect((await own.engine.plan(file)).resumes).toBeUndefined();
    expect(await messageOf(own.engine.runs.retry(again.run).result)).toMatch(
      /^RUN_NOT_BROKEN .* has ended well.*replay/,
    );
  });

  it('of a retry that failed too goes on with what both have done', async () => {
    const file = own.put(
      'three.yaml',
      `tasks:
  - { op: read, path: a.csv }
  - { op: limit, rows: 9, id: a }
  - { op: write, path: 1.csv }
  - { op: read, path: "b.\${'csv'}" }
  - { op: limit, rows: 9, id: b }
  - { op: write, path: 2.csv }
  - { op: read, path: "c.\${'csv'}", id: c }
  - { op: set, values: { sum: "\${tasks.a.rows * 10 + tasks.b.rows}", run: "\${run.id}" } }
  - { op: write, path: 3.csv }
`,
    );
    const { id } = await failedRun(file);
    own.put('b.csv', 'x\n1\n');
    expect(await messageOf(own.engine.runs.retry(id).result)).toMatch(/^NOT_FOUND/);
    const [second] = await own.engine.runs.list();
    own.put('c.csv', 'x\n1\n');
    const { tasks } = await own.engine.runs.retry(second!.id).result;
    expect(tasks.map(({ before }) => before)).toEqual([
      id,
      id,
      id,
      second!.id,
      second!.id,
      second!.id,
      undefined,
      undefined,
      undefined,
    ]);
    expect(own.text('3.csv')).toBe(`x,sum,run\n1,21,${id}\n`);
  });

  it('explains a change of what is done, and takes one of what is not', async () => {
    const text = `tasks:
  - { op: read, path: a.csv }
  - { op: write, path: 1.csv }
  - { op: read, path: "b.\${'csv'}" }
  - { op: write, path: 2.csv }
`;
    const file = own.put('change.yaml', text);
    const { id } = await failedRun(file);
    own.put('change.yaml', text.replace('1.csv', 'one.csv'));
    own.put('b.csv', 'x\n1\n');
    expect(await messageOf(own.engine.runs.retry(id).result)).toMatch(
      new RegExp(
        `^RUN_CHANGED .*change\\.yaml has changed since run ${id}.*: task 2 \\(write\\) was another\\. .*--restart`,
      ),
    );
    expect(own.text('2.csv')).toBeUndefined();
    const restarted = await own.engine.runs.retry(id, { restart: true }).result;
    expect(restarted.tasks.every(({ before }) => before === undefined)).toBe(true);
    expect(own.text('one.csv')).toBe(own.text('1.csv'));
    unlinkSync(join(own.folder, 'b.csv'));
    const again = await failedRun(file);
    own.put('change.yaml', text.replace('1.csv', 'one.csv').replace('b.$', 'd.$'));
    own.put('d.csv', 'x\n2\n');
    await own.engine.runs.retry(again.id).result;
    expect(own.text('2.csv')).toBe('x\n2\n');
  });

  it('asks for secret params again, and keeps the others', async () => {
    const file = own.put(
      'secret.yaml',
      `params:
  token: { type: string, secret: true }
  count: { type: integer }
tasks:
  - { op: read, path: "b.\${'csv'}" }
  - { op: set, values: { count: "\${params.count}", size: "\${params.token.size()}" } }
  - { op: write, path: 2.csv }
`,
    );
    const { id } = await failedRun(file, { params: { token: 'abcdefgh', count: 3 } });
    own.put('b.csv', 'x\n1\n');
    expect(await messageOf(own.engine.runs.retry(id).result)).toBe(
      `RUN_SECRETS_NEEDED the history keeps no secrets: run ${id} needs token again; give -p token=…`,
    );
    await own.engine.runs.retry(id, { texts: { token: 'abcdefgh' } }).result;
    expect(own.text('2.csv')).toBe('x,count,size\n1,3,8\n');
  });

  it('makes the connections of the run again', async () => {
    const file = own.put(
      'made.yaml',
      `tasks:
  - { op: connect, alias: db, config: { connector: sqlite, file: x.db } }
  - { op: read, path: a.csv }
  - { op: write, path: /db/people }
  - { op: read, path: "b.\${'csv'}" }
  - { op: write, path: /db/others, mode: replace }
`,
    );
    const { id } = await failedRun(file);
    own.put('b.csv', 'x\n1\n');
    const report = await own.engine.runs.retry(id).result;
    expect(report.tasks.map(({ before }) => before)).toEqual([undefined, undefined, undefined, undefined, undefined]);
  });
});

describe('replay', () => {
  it('takes the definition and the params of the record, or the file as it is now', async () => {
    const file = own.put(
      'pipe.yaml',
      `params: { word: { type: string } }
tasks:
  - { op: read, path: a.csv }
  - { op: set, values: { word: "\${params.word}", v: 1 } }
  - { op: write, path: out.csv }
`,
    );
    const { run } = await own.engine.run(file, { params: { word: 'x' } }).result;
    own.put('pipe.yaml', own.text('pipe.yaml')!.replace('v: 1', 'v: 2'));
    const replayed = await own.engine.runs.replay(run).result;
    expect(own.text('out.csv')).toBe('id,name,word,v\n1,Ann,x,1\n2,Bob,x,1\n');
    expect(await own.engine.runs.get(replayed.run)).toMatchObject({ trigger: `replay of ${run}`, pipe: 'pipe' });
    await own.engine.runs.replay(run, { current: true, texts: { word: 'y' } }).result;
    expect(own.text('out.csv')).toBe('id,name,word,v\n1,Ann,y,2\n2,Bob,y,2\n');
    unlinkSync(file);
    await own.engine.runs.replay(run).result;
    expect(own.text('out.csv')).toMatch(/x,1\n$/);
    expect(await messageOf(own.engine.runs.replay(run, { current: true }).result)).toMatch(
      /^FILE_NOT_FOUND .*pipe\.yaml/,
    );
    expect(await messageOf(own.engine.runs.replay('run-none').result)).toMatch(/^RUN_UNKNOWN/);
  });

  it('does not take a document for a record', async () => {
    const forged = { recorded: { tasks: [] }, run: 'x', file: join(own.folder, 'pipe.yaml'), tasks: [] };
    expect(await messageOf(own.engine.run(forged as never).result)).toMatch(/^DEFINITION_INVALID/);
  });

  it('says where a definition had secrets in it', async () => {
    const tasks = [
      { op: 'read', path: 'a.csv' },
      { op: 'set', values: { token: 'never-shown-anywhere' } },
      { op: 'write', path: 'out.csv' },
    ];
    const params = { token: { type: 'string', secret: true } };
    const given = { params: { token: 'never-shown-anywhere' } };
    const { run } = await own.engine.run({ name: 'inline', params, tasks } as never, given).result;
    expect(JSON.stringify(await own.engine.runs.get(run))).not.toContain('never-shown');
    expect(await messageOf(own.engine.runs.replay(run, given).result)).toMatch(/^RUN_SECRETS_HIDDEN/);
  });
});
