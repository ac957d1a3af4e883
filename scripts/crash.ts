// `npm run crash -- [kills] [seed]`: kills a run of three kinds of targets at random moments, starts it again each time, and counts what is there at the end.
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { compileSources } from '../test/cli/compile.ts';
import { program } from '../test/cli/pipe.ts';
import { startPostgres, type TestPostgres } from '../test/servers/postgres.ts';
import { type S3Server, startS3Server, testKey } from '../test/servers/s3.ts';
import { chance } from './chance.ts';

export interface CrashOutcome {
  kills: number;
  /** Kills that came before the run had ended. */
  hits: number;
  /** Kills by what the run was doing. */
  moments: Record<string, number>;
  targets: Target[];
  /** What is there and should not be. */
  leftovers: string[];
  seconds: number;
}

interface Target {
  name: string;
  rows: number;
  /** Rows that are there more than once, not at all, or with other values. */
  twice: number;
  missing: number;
  wrong: number;
  expected: number;
}

const rowsEach = 2000;

/** An incremental read, row tasks, and three branches with a target of their own kind each. */
const pipeText = `
name: crash
connections:
  shop: { connector: postgres, host: 127.0.0.1, port: \${PORT}, user: admin, database: \${SHOP}, ssl: disable, password: "\${env.CRASH_PASSWORD}" }
  lake: { connector: postgres, host: 127.0.0.1, port: \${PORT}, user: admin, database: \${LAKE}, ssl: disable, password: "\${env.CRASH_PASSWORD}" }
  store:
    connector: s3
    bucket: bucket
    region: us-east-1
    endpoint: \${S3}
    access_key_id: "\${env.CRASH_KEY}"
    secret_access_key: "\${env.CRASH_SECRET}"
tasks:
  - { op: read, path: /shop/public/orders, cursor: id }
  - { op: filter, where: record.amount >= 0 }
  - { op: set, values: { twice: "\${record.amount * 2}" } }
  - op: parallel
    branches:
      lake:
        - { op: write, path: /lake/public/orders }
      store:
        - { op: select, columns: [id, twice] }
        - { op: write, path: "/store/orders/\${run.id}.ndjson" }
      files:
        - { op: write, path: "out/orders-\${run.id}.csv" }
`;

interface World {
  folder: string;
  env: Record<string, string>;
  postgres: TestPostgres;
  s3: S3Server;
  shop: string;
  lake: string;
}

async function openWorld(): Promise<World> {
  const [postgres, s3] = await Promise.all([startPostgres(), startS3Server()]);
  const [shop, lake] = [await postgres.createDatabase(), await postgres.createDatabase()];
  await postgres.sql('create table orders (id bigint primary key, amount integer not null)', [], shop);
  await postgres.sql('create table orders (id bigint, amount integer, twice integer)', [], lake);
  const folder = mkdtempSync(join(tmpdir(), 'pipewright-crash-'));
  mkdirSync(join(folder, 'out'));
  const values = { PORT: String(postgres.port), SHOP: shop, LAKE: lake, S3: s3.url };
  const text = pipeText.replace(/\$\{(PORT|SHOP|LAKE|S3)\}/g, (_, name: keyof typeof values) => values[name]);
  writeFileSync(join(folder, 'pipewright.yaml'), '');
  writeFileSync(join(folder, 'pipe.yaml'), text);
  const env = { CRASH_PASSWORD: postgres.password, CRASH_KEY: testKey.id, CRASH_SECRET: testKey.secret };
  return { folder, env, postgres, s3, shop, lake };
}

interface Attempt {
  ok: boolean;
  /** From the first sign of the run to its end. */
  ms: number;
  /** What it had said last. */
  moment: string;
  stderr: string;
}

/** The command, killed so many milliseconds after its run has begun. */
function attempt({ folder, env }: World, killAfterMs?: number): Promise<Attempt> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [...program(), 'run', 'pipe.yaml', '--log', 'json'], {
      cwd: folder,
      env: { ...process.env, ...env, XDG_CONFIG_HOME: folder, XDG_STATE_HOME: folder, NO_COLOR: '1' },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    let stderr = '';
    let begun: number | undefined;
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
      if (begun !== undefined || !stderr.includes('run.started')) return;
      begun = performance.now();
      if (killAfterMs !== undefined) setTimeout(() => child.kill('SIGKILL'), killAfterMs);
    });
    child.on('error', reject);
    child.on('close', (code) => {
      const said = [...stderr.matchAll(/"type":"(task\.(?:started|ended))"[^\n]*?"op":"(\w+)"/g)].at(-1);
      const moment = said === undefined ? 'before the first task' : `after ${said[1]} (${said[2]})`;
      resolve({ ok: code === 0, ms: performance.now() - (begun ?? performance.now()), moment, stderr });
    });
  });
}

export async function crashCampaign(kills: number, random: () => number = Math.random): Promise<CrashOutcome> {
  const begun = performance.now();
  const world = await openWorld();
  const { postgres, s3, shop, folder } = world;
  let rows = 0;
  const more = async () => {
    const sql = `insert into orders select i, i * 7 % 1000 from generate_series(${rows + 1}, ${rows + rowsEach}) i`;
    await postgres.sql(sql, [], shop);
    rows += rowsEach;
  };
  const whole = async () => {
    const { ok, ms, stderr } = await attempt(world);
    if (!ok) throw new Error(`a run that nobody killed has failed:\n${stderr}`);
    return ms;
  };
  try {
    await more();
    let usualMs = await whole();
    let hits = 0;
    const moments: Record<string, number> = {};
    for (let i = 0; i < kills; i++) {
      await more();
      const { ok, ms, moment, stderr } = await attempt(world, random() * usualMs * 1.02);
      if (ok) usualMs = (usualMs + ms) / 2;
      else if (/"type":"run\.ended"/.test(stderr) && /"status":"failed"/.test(stderr))
        throw new Error(`a run has failed by itself:\n${stderr}`);
      else {
        hits++;
        moments[moment] = (moments[moment] ?? 0) + 1;
      }
    }
    // The first delivers what a dead one had begun with, the second what has come since.
    for (let i = 0; i < 2; i++) await whole();
    const { targets, leftovers } = await found(world, rows);
    return { kills, hits, moments, targets, leftovers, seconds: (performance.now() - begun) / 1000 };
  } finally {
    rmSync(folder, { recursive: true, force: true });
    await Promise.all([postgres.stop(), s3.close()]);
  }
}

type Seen = { id: number; twice: number };

async function found({ folder, postgres, s3, lake }: World, rows: number) {
  const table = await postgres.sql('select id::int, twice from orders', [], lake);
  const bucket = s3.store.buckets.get('bucket')!;
  const objects = [...bucket.objects.values()].flatMap(({ blobs }) =>
    Buffer.concat(blobs.map(({ file }) => readFileSync(file)))
      .toString()
      .trim()
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as Seen),
  );
  const names = readdirSync(join(folder, 'out'));
  const files = names.filter(isFile).flatMap((name) =>
    readFileSync(join(folder, 'out', name), 'utf8')
      .trim()
      .split('\n')
      .slice(1)
      .map((line) => line.split(','))
      .map(([id, , twice]): Seen => ({ id: Number(id), twice: Number(twice) })),
  );
  const others = await postgres.sql(
    `select nspname || '.' || relname as name from pg_class join pg_namespace n on n.oid = relnamespace
     where relkind = 'r' and nspname not in ('pg_catalog', 'information_schema')
     and relname not in ('orders', '_pipewright_checkpoints')`,
    [],
    lake,
  );
  const leftovers = [
    ...names.filter((name) => !isFile(name)).map((name) => `out/${name}`),
    ...s3.contents('bucket').filter((key) => !/^orders\/run-\w+\.ndjson$/.test(key)),
    ...others.map(({ name }) => `table ${name}`),
  ];
  const targets = [
    targetOf('Postgres', table as unknown as Seen[], rows),
    targetOf('S3', objects, rows),
    targetOf('local file', files, rows),
  ];
  return { targets, leftovers };
}

function isFile(name: string): boolean {
  return /^orders-run-\w+\.csv$/.test(name);
}

function targetOf(name: string, seen: readonly Seen[], expected: number): Target {
  const counts = new Map<number, number>();
  for (const { id } of seen) counts.set(id, (counts.get(id) ?? 0) + 1);
  let missing = 0;
  for (let id = 1; id <= expected; id++) if (!counts.has(id)) missing++;
  const wrong = seen.filter(({ id, twice }) => id < 1 || id > expected || twice !== ((id * 7) % 1000) * 2).length;
  return { name, rows: seen.length, twice: seen.length - counts.size, missing, wrong, expected };
}

export function isWhole({ targets, leftovers }: CrashOutcome): boolean {
  return (
    leftovers.length === 0 &&
    targets.every(({ rows, twice, missing, wrong, expected }) => rows === expected && twice + missing + wrong === 0)
  );
}

function table(outcome: CrashOutcome): string {
  const head = ['target', 'expected', 'rows', 'twice', 'missing', 'wrong'];
  const lines = outcome.targets.map(({ name, ...figures }) => [
    name,
    ...(['expected', 'rows', 'twice', 'missing', 'wrong'] as const).map((key) => String(figures[key])),
  ]);
  const widths = head.map((_, i) => Math.max(...[head, ...lines].map((line) => line[i]!.length)));
  const shown = [head, ...lines].map((line) =>
    line.map((text, i) => (i === 0 ? text.padEnd(widths[i]!) : text.padStart(widths[i]!))).join('  '),
  );
  const moments = Object.entries(outcome.moments)
    .sort(([, a], [, b]) => b - a)
    .map(([moment, count]) => `  ${String(count).padStart(4)}  ${moment}`);
  return [
    `${outcome.hits} of ${outcome.kills} kills came before the run had ended, in ${outcome.seconds.toFixed(0)} s:`,
    ...moments,
    '',
    ...shown,
    '',
    `left over: ${outcome.leftovers.join(', ') || 'nothing'}`,
  ].join('\n');
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [kills = '200', seed] = process.argv.slice(2);
  const { folder, remove } = await compileSources();
  process.env.PIPE_TEST_COMPILED = folder;
  try {
    const outcome = await crashCampaign(Number(kills), seed === undefined ? Math.random : chance(Number(seed)));
    console.log(table(outcome));
    if (!isWhole(outcome)) process.exitCode = 1;
  } finally {
    remove();
  }
}
