// Many runs in many processes against one state file: none is lost, none finds it locked. `tsx scripts/campaign-state.ts`
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { openSqliteState } from '../engine/state/sqlite.ts';
import { createEngine, type Pipe } from '../index.ts';

export interface StateOutcome {
  runs: number;
  recorded: number;
  /** What the processes said on stderr. */
  said: string[];
  seconds: number;
}

const script = fileURLToPath(import.meta.url);

export async function stateCampaign(processes: number, runsOfEach: number): Promise<StateOutcome> {
  const folder = mkdtempSync(join(tmpdir(), 'pipewright-state-'));
  const begun = performance.now();
  try {
    writeFileSync(join(folder, 'pipewright.yaml'), 'state: { file: state.db, keep_runs: 1000000 }\n');
    const said = await Promise.all(Array.from({ length: processes }, () => worker(folder, runsOfEach)));
    const state = await openSqliteState(join(folder, 'state.db'));
    const runs = await state.runs({ limit: 1_000_000 });
    await state.close();
    return {
      runs: processes * runsOfEach,
      recorded: runs.filter(({ status, rows }) => status === 'done' && rows === 2).length,
      said: said.filter((text) => text !== ''),
      seconds: (performance.now() - begun) / 1000,
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function worker(folder: string, runs: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const args = ['--import', import.meta.resolve('tsx'), script, 'worker', folder, String(runs)];
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'pipe'] });
    let said = '';
    child.stderr.setEncoding('utf8').on('data', (text) => {
      said += text;
    });
    child.on('error', reject);
    child.on('close', (code) => resolve(code === 0 ? said : `${said}\nended with ${code}`));
  });
}

/** Each process is an engine of its own, as `pipe run` is; one start for many runs keeps the campaign short. */
async function work(folder: string, runs: number): Promise<void> {
  const pipe = {
    name: 'small',
    tasks: [
      { op: 'echo', rows: [{ id: 1 }, { id: 2 }] },
      { op: 'filter', where: 'true' },
    ],
  } as unknown as Pipe;
  const engine = createEngine({ folder });
  for (let i = 0; i < runs; i++) {
    const run = engine.run(pipe);
    run.on((event) => {
      if (event.type === 'log') process.stderr.write(`${event.message}\n`);
    });
    await run.result;
  }
  await engine.close();
}

if (process.argv[1] === script) {
  const [role, folder, runs] = process.argv.slice(2);
  if (role === 'worker') await work(folder!, Number(runs));
  else {
    const outcome = await stateCampaign(16, 63);
    console.log(`${outcome.recorded} of ${outcome.runs} runs recorded in ${outcome.seconds.toFixed(1)} s`);
    for (const text of outcome.said) console.log(text);
    if (outcome.recorded !== outcome.runs || outcome.said.length > 0) process.exit(1);
  }
}
