// What the state costs: the quickstart with and without it, and lists of a long history.
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'libsql';
import { alternate, measure, median, ratio } from './measure.ts';

const root = join(import.meta.dirname, '..');
const runsInHistory = 100_000;

export async function benchState(rounds: number, main = join(root, 'dist/cli/main.js')): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'pipewright-state-'));
  try {
    cpSync(join(root, 'examples/quickstart'), folder, { recursive: true });
    writeFileSync(join(folder, 'pipewright.yaml'), '');
    const env = { ...process.env, XDG_CONFIG_HOME: folder, XDG_STATE_HOME: folder };
    const pipe =
      (...args: string[]) =>
      () =>
        measure(process.execPath, [main, ...args], { ...env, PWD: folder });
    const at = process.cwd();
    process.chdir(folder);
    try {
      const run = ['run', 'pipe.yaml', '-q'];
      await pipe(...run)();
      const results = await alternate({ with: pipe(...run), without: pipe(...run, '--no-state') }, rounds);
      fill(join(folder, '.pipe/state.db'));
      const lists = await alternate(
        {
          list: pipe('runs', 'list'),
          failed: pipe('runs', 'list', '--status', 'failed'),
          died: pipe('runs', 'list', '--status', 'died'),
          ofPipe: pipe('runs', 'list', '--pipe', 'quickstart', '--since', '1h'),
          version: pipe('--version'),
        },
        rounds,
      );
      const again = await alternate({ with: pipe(...run), without: pipe(...run, '--no-state') }, rounds);
      console.log(`\nstate, median of ${rounds}`);
      for (const [name, runs] of Object.entries({ ...results, ...lists }))
        console.log(`  ${name.padEnd(8)} ${(median(runs.map((each) => each.seconds)) * 1000).toFixed(0)} ms`);
      console.log(`  quickstart with state / without ${ratio(results, 'with', 'without').toFixed(2)} (under 1.2)`);
      console.log(`  the same with ${runsInHistory} runs in the history ${ratio(again, 'with', 'without').toFixed(2)}`);
      console.log(`  pipe runs list of ${runsInHistory} runs (under 200 ms); pipe --version for comparison`);
    } finally {
      process.chdir(at);
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Copies of the one run that is there, under the names of some pipes; every tenth has failed, some have died. */
function fill(file: string): void {
  const database = new Database(file);
  try {
    database.exec(`
      create temp table made as select * from runs order by seq limit 1;
      with recursive n(i) as (select 1 union all select i + 1 from n where i < ${runsInHistory})
      insert into runs (id, pipe, started_by, started, hash, params, host, pid, born, alive_until, status, ended, seconds,
        row_count, rejected, code, message)
      select 'run-made' || i, case i % 20 when 0 then made.pipe else 'pipe-' || (i % 20) end, made.started_by,
        strftime('%Y-%m-%dT%H:%M:%fZ', made.started, '-' || (${runsInHistory} - i) || ' minutes'), made.hash, made.params,
        made.host, made.pid, made.born, 0, case when i % 1000 = 1 then null when i % 10 = 0 then 'failed' else 'done' end,
        made.ended, made.seconds, made.row_count, 0, case when i % 10 = 0 then 'NOT_FOUND' end,
        case when i % 10 = 0 then 'it was not there' end
      from n, made;
      insert into reports (run, report)
      select runs.seq, (select report from reports limit 1) from runs where runs.seq not in (select run from reports);
    `);
  } finally {
    database.close();
  }
}
