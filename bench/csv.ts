// CSV → filter → one computed column → CSV, against Miller and DuckDB; and whether memory grows with the file.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { benchPath, lineitem } from './lineitem.ts';
import { alternate, type Measured, measure, median, ratio } from './measure.ts';

const root = join(import.meta.dirname, '..');

function pipewright(input: string): () => Promise<Measured> {
  const args = [
    'run',
    join(root, 'bench/pipes/csv.yaml'),
    '-q',
    '-p',
    `input=file://${input}`,
    '-p',
    `output=file://${benchPath('ours.csv')}`,
  ];
  return () => measure(process.execPath, [join(root, 'dist/cli/main.js'), ...args]);
}

function duckdb(input: string): () => Promise<Measured> {
  const sql = `copy (select *, l_extendedprice * (1 - l_discount) as net from read_csv('${input}') where l_quantity > 25) to '${benchPath('duckdb.csv')}' (header)`;
  const program = `import { DuckDBInstance } from '@duckdb/node-api';
    const instance = await DuckDBInstance.create(':memory:', { threads: '2' });
    await (await instance.connect()).run(process.argv[1]);`;
  return () => measure(process.execPath, ['--input-type=module', '-e', program, sql]);
}

function miller(input: string): () => Promise<Measured> {
  const verbs = `mlr --icsv --ocsv filter '$l_quantity > 25' then put '$net = $l_extendedprice * (1 - $l_discount)' '${input}' > '${benchPath('miller.csv')}'`;
  return () => measure('sh', ['-c', `exec ${verbs}`]);
}

/** Prints the figures. `rounds` of each size; Miller is left out where it is not installed, and said so. */
export async function benchCsv(rounds: number): Promise<void> {
  const hasMiller = spawnSync('mlr', ['--version']).status === 0;
  if (!hasMiller) console.log('Miller is not installed (apt-get install miller); measured without it');
  const peaks: number[] = [];
  for (const megabytes of [100, 1000]) {
    const input = lineitem(megabytes);
    const contenders = {
      pipewright: pipewright(input),
      duckdb: duckdb(input),
      ...(hasMiller ? { miller: miller(input) } : {}),
    };
    const results = await alternate(contenders, rounds);
    console.log(`\n${megabytes} MB, median of ${rounds}`);
    for (const [name, runs] of Object.entries(results)) {
      const seconds = median(runs.map((run) => run.seconds));
      const peak = median(runs.map((run) => run.peakBytes)) / 1e6;
      console.log(
        `  ${name.padEnd(10)} ${seconds.toFixed(2).padStart(6)} s  ${(megabytes / seconds).toFixed(0).padStart(4)} MB/s  peak ${peak.toFixed(0)} MB`,
      );
    }
    if (hasMiller)
      console.log(`  pipewright / miller ${ratio(results, 'pipewright', 'miller').toFixed(2)} (at most 1.00)`);
    console.log(`  pipewright / duckdb ${ratio(results, 'pipewright', 'duckdb').toFixed(2)} (at most 3.00)`);
    peaks.push(median(results.pipewright!.map((run) => run.peakBytes)));
  }
  console.log(
    `\npeak memory 1 GB / 100 MB ${(peaks[1]! / peaks[0]!).toFixed(2)} (at most 1.10), ${(peaks[1]! / 1e6).toFixed(0)} MB (under 250)`,
  );
}
