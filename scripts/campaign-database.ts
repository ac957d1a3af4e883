// Loads a CSV file into Postgres with the command, kills the command or the server at random moments, and looks whether what is there is right.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { compileSources } from '../test/cli/compile.ts';
import { startPostgres, type TestPostgres } from '../test/servers/postgres.ts';

/** What is killed, and how the load commits. */
export type Victim = 'writer' | 'server';
export type Commit = 'batch' | 'run';

export interface Outcome {
  victim: Victim;
  commit: Commit;
  /** Kills that came while the command was at work; those that came too late are done again. */
  kills: number;
  /** Kills after which some of the new rows were there, but not all. */
  between: number;
  /** Kills after the last commit, before the command had said that it is done. */
  complete: number;
  /** Runs after a kill that did not begin anew. */
  resumed: number;
  wrong: string[];
  seconds: number;
}

export interface CampaignOptions {
  rows: number;
  /** For each victim and each way to commit. */
  kills: number;
  /** All four, unless told. */
  ways?: readonly (readonly [Victim, Commit])[];
  /** Kills as soon as a part of the rows is there, in place of at a random moment. */
  between?: boolean;
  /** The compiled sources; made where it is not told. */
  compiled?: string;
  progress?(text: string): void;
}

const allWays = [
  ['writer', 'batch'],
  ['server', 'batch'],
  ['writer', 'run'],
  ['server', 'run'],
] as const;

/** Old rows, which `commit: run` replaces. */
const fillOld = `drop table if exists items, _pipewright_checkpoints;
  create table items (id int not null, name text not null, amount numeric, at timestamptz)`;
const oldRows = `${fillOld}; insert into items select i, 'old', 0, now() from generate_series(1, 1000) i`;

/** Count, and a sum that any other row would change. */
const checksum = `select count(*) || ' ' || coalesce(sum(('x' || left(md5(id || name || amount || at), 15))::bit(60)::int8), 0) as sum from items`;

export async function runCampaign(options: CampaignOptions): Promise<Outcome[]> {
  const { rows, ways = allWays } = options;
  const own = options.compiled === undefined ? await compileSources() : undefined;
  const home = await mkdtemp(join(tmpdir(), 'pipewright-campaign-'));
  const server = await startPostgres();
  try {
    await makeFile(join(home, 'items.csv'), rows);
    for (const commit of ['batch', 'run'] as const)
      await writeFile(join(home, `${commit}.yaml`), definition(server, commit));
    const load = { home, server, main: join(options.compiled ?? own!.folder, 'cli/main.js') };
    const outcomes: Outcome[] = [];
    for (const [victim, commit] of ways) outcomes.push(await campaign(load, victim, commit, options));
    return outcomes;
  } finally {
    await server.stop();
    await rm(home, { recursive: true, force: true });
    own?.remove();
  }
}

interface Load {
  home: string;
  server: TestPostgres;
  main: string;
}

async function campaign(
  load: Load,
  victim: Victim,
  commit: Commit,
  { kills, between = false, progress = () => {} }: CampaignOptions,
): Promise<Outcome> {
  const { server } = load;
  const began = performance.now();
  const sumNow = async () => String((await server.sql(checksum))[0]!.sum);
  const prepare = () => server.sql(commit === 'run' ? oldRows : fillOld);
  const outcome: Outcome = { victim, commit, kills: 0, between: 0, complete: 0, resumed: 0, wrong: [], seconds: 0 };

  await prepare();
  const before = await sumNow();
  const started = performance.now();
  const whole = await command(load, commit).ended;
  if (whole.code !== 0) throw new Error(`the load fails without a kill: ${whole.stderr}`);
  const wholeMs = performance.now() - started;
  const after = await sumNow();
  const beganAt = Number(before.split(' ')[0]);

  while (outcome.kills < kills) {
    await prepare();
    const first = await sumNow();
    const running = command(load, commit);
    const moment = between ? partIsThere(server, beganAt) : waited(Math.random() * wholeMs);
    const late = await Promise.race([running.ended, moment]);
    if (late !== undefined) continue;
    if (victim === 'writer') running.kill();
    else await server.crash();
    const { code } = await running.ended;
    if (victim === 'server') await server.restart();
    if (code === 0) continue;
    outcome.kills++;

    const left = await sumNow();
    const count = Number(left.split(' ')[0]);
    const isBetween = left !== first && left !== after;
    if (isBetween) outcome.between++;
    if (left === after) outcome.complete++;
    if (commit === 'run' && isBetween) outcome.wrong.push(`kill ${outcome.kills} left ${left}`);
    const again = await command(load, commit).ended;
    const found = await sumNow();
    if (again.code !== 0) outcome.wrong.push(`after kill ${outcome.kills}: ${again.stderr.trim()}`);
    else if (found !== after) outcome.wrong.push(`after kill ${outcome.kills}: ${found} in place of ${after}`);
    if (/resum|goes on|went on/i.test(again.stderr)) outcome.resumed++;
    progress(
      `${victim} ${commit} ${outcome.kills}/${kills}: ${count - beganAt} rows were there; ${found === after ? 'right' : 'WRONG'}`,
    );
  }
  outcome.seconds = (performance.now() - began) / 1000;
  return outcome;
}

function command({ home, server, main }: Load, commit: Commit) {
  const child = spawn(process.execPath, [main, 'run', `${commit}.yaml`], {
    cwd: home,
    env: {
      ...process.env,
      PIPE_SHOP_PASSWORD: server.password,
      PGPASSWORD: server.password,
      XDG_CONFIG_HOME: join(home, 'config'),
      XDG_STATE_HOME: join(home, 'state'),
      DBUS_SESSION_BUS_ADDRESS: 'unix:path=/nowhere',
      NO_COLOR: '1',
    },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (text) => {
    stderr += text;
  });
  const ended = once(child, 'close').then(([code]) => ({ code: code as number | null, stderr }));
  return { ended, kill: () => void child.kill('SIGKILL') };
}

function definition({ host, port, user }: TestPostgres, commit: Commit): string {
  return `name: load-${commit}
connections:
  shop: { connector: postgres, host: ${host}, port: ${port}, user: ${user}, password: '\${env.PGPASSWORD}', database: postgres, ssl: disable }
tasks:
  - op: read
    path: items.csv
    format: { name: csv, columns: { id: integer, amount: decimal, at: timestamptz } }
  - op: write
    path: /shop/items
    mode: ${commit === 'run' ? 'replace' : 'append'}
    commit: ${commit}
`;
}

async function makeFile(path: string, rows: number): Promise<void> {
  const file = createWriteStream(path);
  file.write('id,name,amount,at\n');
  for (let i = 1; i <= rows; ) {
    let text = '';
    for (const end = Math.min(rows, i + 9999); i <= end; i++) {
      const at = new Date(1.7e12 + i * 1000).toISOString();
      text += `${i},"the ""name"" of ${i}, in full${i % 50 === 0 ? '\nand on two lines' : ''}",${(i / 7).toFixed(2)},${at}\n`;
    }
    if (!file.write(text)) await once(file, 'drain');
  }
  file.end();
  await once(file, 'close');
}

async function partIsThere(server: TestPostgres, beganAt: number): Promise<undefined> {
  while (Number((await server.sql('select count(*) as n from items'))[0]!.n) <= beganAt);
}

function waited(ms: number): Promise<undefined> {
  return new Promise((resolve) => setTimeout(() => resolve(undefined), ms));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const kills = Number(process.argv[2] ?? 100);
  const rows = Number(process.argv[3] ?? 2_000_000);
  const outcomes = await runCampaign({ rows, kills, progress: (text) => console.error(text) });
  console.table(
    outcomes.map(({ wrong, seconds, ...rest }) => ({ ...rest, wrong: wrong.length, seconds: Math.round(seconds) })),
  );
  for (const { wrong } of outcomes) for (const text of wrong) console.log(text);
  process.exitCode = outcomes.some(({ wrong }) => wrong.length > 0) ? 1 : 0;
}
