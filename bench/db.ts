// Databases: our pipes against the tools of the servers, with where the time went; and whether memory grows with the rows.
import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import {
  type Contender,
  type DatabaseBench,
  type DatabaseMeasured,
  openDatabaseBench,
  partsOfProfile,
  pgloaderFile,
} from './database-contenders.ts';
import { openMysqlBench } from './database-mysql.ts';
import { benchPath } from './lineitem.ts';
import { alternate, median, ratio } from './measure.ts';

interface Comparison {
  what: string;
  ours: Contender;
  theirs: Contender;
  /** Ours by theirs. */
  most: number;
  /** Programs that are asked with `--version` whether they are here, and the package that has them. */
  needs: string;
}

/** Prints the figures of so many rounds; with `memory` the peaks, with `profile` what our process did. */
export async function benchDatabase(rounds: number, rows = 300_000, word?: string): Promise<void> {
  if (spawnSync('psql', ['--version']).status !== 0) {
    console.log('psql is not installed (apt-get install postgresql-client): databases are not measured');
    return;
  }
  if (word === 'memory') return memory(rows);
  const bench = await openDatabaseBench(rows);
  try {
    if (word === 'profile') await profile(bench);
    else {
      for (const comparison of comparisons(bench)) await compare(comparison, rounds, rows);
      await compareMysql(bench, rounds, rows);
    }
  } finally {
    await bench.stop();
  }
}

const ours = (bench: DatabaseBench) =>
  ({
    'csv-in': ['db-copy.yaml', { input: `file://${bench.csv}`, output: '/bench/public/target' }],
    copy: ['db-copy.yaml', { input: '/bench/public/items', output: '/bench/public/target' }],
    'csv-out': [
      'db-copy.yaml',
      { input: '/bench/public/items', output: `file://${benchPath('out.csv')}`, mode: 'replace' },
    ],
    rows: ['db-rows.yaml', { input: '/bench/public/items', output: '/bench/public/target_net' }],
    'rows, nine of ten': [
      'db-rows.yaml',
      { input: '/bench/public/items', output: '/bench/public/target_net', least: '5' },
    ],
  }) satisfies Record<string, [string, Record<string, string>]>;

function comparisons(bench: DatabaseBench): Comparison[] {
  const { csv, shell } = bench;
  const pipes = ours(bench);
  const run = (name: keyof typeof pipes) => bench.pipe(...(pipes[name] as [string, Record<string, string>]));
  const binary = `psql -q -c 'copy items to stdout (format binary)' | psql -q -c 'copy target from stdin (format binary)'`;
  const psql = 'psql';
  return [
    {
      what: 'CSV → Postgres, psql \\copy',
      ours: run('csv-in'),
      theirs: shell(`exec psql -q -c "\\\\copy target from '${csv}' csv header"`),
      most: 1.1,
      needs: psql,
    },
    { what: 'Postgres → Postgres, psql | psql', ours: run('copy'), theirs: shell(binary), most: 1.1, needs: psql },
    {
      what: 'Postgres → CSV, psql > file',
      ours: run('csv-out'),
      theirs: shell(`exec psql -q -c 'copy items to stdout (format csv, header)' > '${benchPath('psql.csv')}'`),
      most: 1.1,
      needs: psql,
    },
    {
      what: 'Postgres → filter, column → Postgres, psql | psql',
      ours: run('rows'),
      theirs: shell(binary),
      most: 1.6,
      needs: psql,
    },
    {
      what: 'the same, where the filter lets nine of ten pass',
      ours: run('rows, nine of ten'),
      theirs: shell(binary),
      most: 1.6,
      needs: psql,
    },
    {
      what: 'CSV → Postgres, pgloader',
      ours: run('csv-in'),
      theirs: shell(`pgloader --quiet --on-error-stop '${pgloaderFile(csv, bench.url)}'`),
      most: 1 / 10,
      needs: 'pgloader',
    },
  ];
}

async function compareMysql(bench: DatabaseBench, rounds: number, rows: number): Promise<void> {
  const mysql = await openMysqlBench(bench);
  if (mysql === undefined) {
    console.log('\nMySQL: mariadbd is not installed (apt-get install mariadb-server), NOT MEASURED');
    return;
  }
  try {
    await compare({ what: 'CSV → MySQL, mariadb client', ...mysql.load, most: 1.15, needs: 'mariadb' }, rounds, rows);
    await compare({ what: 'MySQL → Postgres, pgloader', ...mysql.move, most: 1 / 4, needs: 'pgloader' }, rounds, rows);
  } finally {
    await mysql.stop();
  }
}

async function compare({ what, ours, theirs, most, needs }: Comparison, rounds: number, rows: number): Promise<void> {
  if (spawnSync(needs, ['--version']).status !== 0) {
    console.log(`\n${what}: ${needs} is not installed (apt-get install ${needs}), NOT MEASURED`);
    return;
  }
  const results = (await alternate({ ours, theirs }, rounds)) as Record<string, DatabaseMeasured[]>;
  console.log(`\n${what}: ${rows.toLocaleString('en')} rows, median of ${rounds}`);
  for (const [name, runs] of Object.entries(results)) {
    const of = (pick: (run: DatabaseMeasured) => number) => median(runs.map(pick)).toFixed(2).padStart(6);
    const speed = Math.round(rows / median(runs.map(({ seconds }) => seconds)) / 1000);
    console.log(
      `  ${name.padEnd(7)}${of(({ seconds }) => seconds)} s ${String(speed).padStart(6)} k rows/s   processor: itself ${of(({ cpuSeconds }) => cpuSeconds)} s, the server ${of(({ serverSeconds }) => serverSeconds)} s   peak ${of(({ peakBytes }) => peakBytes / 1e6)} MB`,
    );
  }
  const found = ratio(results, 'ours', 'theirs');
  console.log(`  ours / theirs ${found.toFixed(2)} (at most ${most.toFixed(2)})${found > most ? '  MISSED' : ''}`);
}

/** Where the time of our own process goes. */
async function profile(bench: DatabaseBench): Promise<void> {
  const folder = benchPath('profile');
  for (const [name, [pipe, params]] of Object.entries(ours(bench)) as [string, [string, Record<string, string>]][]) {
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder);
    const { seconds } = await bench.pipe(pipe, params, ['--cpu-prof', `--cpu-prof-dir=${folder}`])();
    console.log(`\n${name}: ${seconds.toFixed(2)} s with the profiler`);
    for (const part of partsOfProfile(folder, readdirSync(folder)[0]!)) {
      if (part.seconds >= 0.05) console.log(`  ${part.what.padEnd(24)} ${part.seconds.toFixed(2)} s`);
    }
  }
}

/** At a tenth of the rows, at all of them, and at ten times as many. */
async function memory(rows: number): Promise<void> {
  const peaks: Record<string, number[]> = {};
  for (const count of [rows / 10, rows, rows * 10]) {
    const bench = await openDatabaseBench(count);
    try {
      for (const [name, [pipe, params]] of Object.entries(ours(bench)) as [
        string,
        [string, Record<string, string>],
      ][]) {
        const { peakBytes } = await bench.pipe(pipe, params)();
        peaks[name] = [...(peaks[name] ?? []), peakBytes / 1e6];
      }
    } finally {
      await bench.stop();
    }
  }
  console.log(`\npeak memory in MB at ${rows / 10}, ${rows} and ${rows * 10} rows (flat within 1.10, under 250)`);
  for (const [name, [least = 0, ...more]] of Object.entries(peaks)) {
    const all = [least, ...more];
    console.log(
      `  ${name.padEnd(20)} ${all.map((peak) => peak.toFixed(0).padStart(6)).join('')}   × ${(Math.max(...all) / least).toFixed(2)}`,
    );
  }
}
