// Kills runs at random moments and starts them again: at the end every target has every row once. `tsx scripts/campaign-delivery.ts [kills]`
import { fork } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import Database from 'libsql';
import { createEngine, type Pipe } from '../index.ts';

export interface DeliveryOutcome {
  pipe: string;
  kills: number;
  /** Kills that came before the run had ended. */
  hits: number;
  /** Rows that each target has, and how many different ones; `expected` of both. */
  targets: Record<string, { rows: number; different: number; expected: number }>;
  /** What is there and should not be. */
  leftovers: string[];
  seconds: number;
}

const script = fileURLToPath(import.meta.url);
const connections = {
  shop: { connector: 'sqlite', file: 'shop.db' },
  lake: { connector: 'sqlite', file: 'lake.db' },
  vault: { connector: 'sqlite', file: 'vault.db' },
};

/** New rows come between the runs; two databases and a file get each once. */
const incremental = {
  name: 'incremental',
  connections,
  tasks: [
    { op: 'read', path: '/shop/orders', cursor: 'id', id: 'new' },
    { op: 'set', values: { twice: '${record.amount * 2}' } },
    { op: 'write', path: '/lake/orders' },
    { op: 'write', path: '/vault/orders' },
    { op: 'write', path: 'out/orders-${run.id}.csv' },
  ],
} as unknown as Pipe;

/** Files into a table, committed as they go. */
const batches = {
  name: 'batches',
  connections,
  tasks: [
    { op: 'read', path: 'in/*.csv', format: { name: 'csv', columns: { id: 'integer' } } },
    { op: 'filter', where: 'record.id > 0' },
    { op: 'write', path: '/lake/lines', commit: 'batch' },
  ],
} as unknown as Pipe;

const pipes = { incremental, batches };

function sql<T>(folder: string, file: string, statement: string): T[] {
  const database = new Database(join(folder, file));
  try {
    if (/^select/.test(statement)) return database.prepare(statement).all() as T[];
    database.exec(statement);
    return [];
  } finally {
    database.close();
  }
}

const numbers = (from: number, count: number) =>
  `with recursive n(i) as (select ${from} union all select i + 1 from n where i < ${from + count - 1})`;

/** A process that has loaded everything runs the pipe when told, and is killed after so many milliseconds. */
function attempt(folder: string, pipe: string, killAfterMs?: number): Promise<{ code: number | null; ms: number }> {
  return new Promise((resolve, reject) => {
    const child = fork(script, ['worker', folder, pipe], { execArgv: ['--import', import.meta.resolve('tsx')] });
    child.on('error', reject);
    let begun = 0;
    let done = false;
    child.on('message', (said) => {
      if (said === 'done') {
        done = true;
        return;
      }
      begun = performance.now();
      child.send('go');
      if (killAfterMs !== undefined) setTimeout(() => child.kill('SIGKILL'), killAfterMs);
    });
    child.on('close', (code) => resolve({ code: done ? 0 : code, ms: performance.now() - begun }));
  });
}

export async function deliveryCampaign(pipe: keyof typeof pipes, kills: number): Promise<DeliveryOutcome> {
  const folder = mkdtempSync(join(tmpdir(), 'pipewright-kills-'));
  const begun = performance.now();
  try {
    writeFileSync(join(folder, 'pipewright.yaml'), '');
    mkdirSync(join(folder, 'out'));
    const campaign = pipe === 'incremental' ? incrementally : inBatches;
    return { ...(await campaign(folder, kills)), pipe, kills, seconds: (performance.now() - begun) / 1000 };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

type Result = Pick<DeliveryOutcome, 'hits' | 'targets' | 'leftovers'>;

async function incrementally(folder: string, kills: number): Promise<Result> {
  sql(folder, 'shop.db', 'create table orders (id integer primary key, amount integer not null)');
  for (const file of ['lake.db', 'vault.db'])
    sql(folder, file, 'create table orders (id integer, amount integer, twice integer)');
  let rows = 0;
  let hits = 0;
  const more = () => {
    sql(folder, 'shop.db', `${numbers(rows + 1, 3000)} insert into orders select i, i * 7 from n`);
    rows += 3000;
  };
  more();
  const usualMs = await whole(folder, 'incremental');
  for (let i = 0; i < kills; i++) {
    more();
    if ((await attempt(folder, 'incremental', Math.random() * usualMs)).code !== 0) hits++;
  }
  // The first delivers what was left, the second what has come since.
  for (let i = 0; i < 2; i++) await whole(folder, 'incremental');
  const ids = readdirSync(join(folder, 'out')).flatMap((name) =>
    readFileSync(join(folder, 'out', name), 'utf8')
      .trim()
      .split('\n')
      .slice(1)
      .map((line) => line.split(',')[0]),
  );
  const tables = Object.fromEntries(
    ['lake', 'vault'].map((name) => [name, tableOf(folder, `${name}.db`, 'orders', rows)]),
  );
  return {
    hits,
    targets: { ...tables, files: { rows: ids.length, different: new Set(ids).size, expected: rows } },
    leftovers: readdirSync(join(folder, 'out')).filter((name) => !/^orders-run-\w+\.csv$/.test(name)),
  };
}

async function inBatches(folder: string, kills: number): Promise<Result> {
  mkdirSync(join(folder, 'in'));
  const perFile = 120_000;
  for (let file = 0; file < 3; file++) {
    const lines = Array.from({ length: perFile }, (_, i) => `${file * perFile + i + 1},text ${i}`);
    writeFileSync(join(folder, `in/${file}.csv`), `id,text\n${lines.join('\n')}\n`);
  }
  const usualMs = await whole(folder, 'batches');
  sql(folder, 'lake.db', 'delete from lines');
  let hits = 0;
  let ended = true;
  let expected = 0;
  for (let i = 0; i < kills; i++) {
    if (ended) expected += 3 * perFile;
    ended = (await attempt(folder, 'batches', Math.random() * usualMs)).code === 0;
    if (!ended) hits++;
  }
  if (!ended) await whole(folder, 'batches');
  const [found] = sql<{ n: number }>(
    folder,
    'lake.db',
    `select count(*) as n from (select id from lines group by id having count(*) <> ${expected / (3 * perFile)})`,
  );
  const kept = sql<{ name: string; position: string }>(
    folder,
    'lake.db',
    'select name, position from _pipewright_checkpoints',
  ).filter(({ position }) => JSON.parse(position).done !== true);
  const { rows } = tableOf(folder, 'lake.db', 'lines', expected);
  return {
    hits,
    targets: { lake: { rows, different: rows - found!.n, expected } },
    leftovers: kept.map(({ name }) => `the checkpoint ${name}`),
  };
}

function tableOf(folder: string, file: string, table: string, expected: number) {
  const [found] = sql<{ n: number; d: number }>(
    folder,
    file,
    `select count(*) as n, count(distinct id) as d from ${table}`,
  );
  return { rows: found!.n, different: found!.d, expected };
}

/** A run to its end; how long it took. */
async function whole(folder: string, pipe: string): Promise<number> {
  const { code, ms } = await attempt(folder, pipe);
  if (code !== 0) throw new Error(`a run of ${pipe} failed`);
  return ms;
}

async function worker(folder: string, name: keyof typeof pipes): Promise<void> {
  const engine = createEngine({ folder });
  // Everything is loaded before the clock starts.
  await engine.check(pipes[name]);
  process.once('message', async () => {
    const failed = await engine.run(pipes[name]).result.then(
      () => undefined,
      (error) => error,
    );
    if (failed === undefined) process.send!('done');
    else process.stderr.write(`${failed.code} ${failed.message}\n`);
    await engine.close();
    process.exit(failed === undefined ? 0 : 1);
  });
  process.send!('ready');
}

export function isWhole({ targets, leftovers }: DeliveryOutcome): boolean {
  return (
    leftovers.length === 0 &&
    Object.values(targets).every(({ rows, different, expected }) => rows === expected && different === expected)
  );
}

if (process.argv[1] === script) {
  const [role, folder, pipe] = process.argv.slice(2);
  if (role === 'worker') await worker(folder!, pipe as keyof typeof pipes);
  else {
    for (const name of ['incremental', 'batches'] as const) {
      const outcome = await deliveryCampaign(name, Number(role ?? 100));
      const targets = Object.entries(outcome.targets).map(
        ([target, { rows, different, expected }]) => `${target} ${rows} rows, ${different} as expected of ${expected}`,
      );
      console.log(
        `${name}: ${outcome.hits} of ${outcome.kills} kills hit; ${targets.join('; ')}; ${outcome.leftovers.join(', ') || 'nothing left over'}; ${outcome.seconds.toFixed(0)} s`,
      );
      if (!isWhole(outcome)) process.exitCode = 1;
    }
  }
}
