// `pipe serve`: several processes on one state, killed and paused; health and figures; a stop that lets runs end.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { disturb } from '../../scripts/campaign-schedules.ts';
import { program } from './pipe.ts';

test('two processes that are killed and paused run each tick once', async () => {
  const { ticks, wrong } = await disturb({ processes: 2, seconds: 4, everyMs: 800 });
  expect(wrong).toEqual([]);
  expect(ticks).toBeGreaterThan(2);
});

test('answers how it is and what it has done, and stops when it is told to', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'pipewright-serve-'));
  try {
    writeFileSync(join(folder, 'pipewright.yaml'), '');
    writeFileSync(
      join(folder, 'tick.yaml'),
      'triggers: [{ cron: "* * * * * *" }]\ntasks: [{ op: echo, rows: [{ a: 1 }] }]\n',
    );
    writeFileSync(join(folder, 'broken.yaml'), 'triggers: [{ cron: "61 * * * *" }]\ntasks: []\n');
    const child = spawn(process.execPath, [...program(), 'serve', '.', '--listen', '127.0.0.1:0', '--log', 'json'], {
      cwd: folder,
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    let said = '';
    await new Promise<void>((done) => {
      child.stderr.setEncoding('utf8').on('data', (text) => {
        said += text;
        if (said.includes('"tick.ended"')) done();
      });
      child.on('close', () => done());
    });
    const url = /listening on (\S+)/.exec(said)![1]!;
    expect(said).toContain('the minute is 0 to 59, and this is 61');
    expect(await (await fetch(`${url}/health`)).json()).toMatchObject({ status: 'ok', pipes: 1 });
    expect(await (await fetch(`${url}/metrics`)).text()).toMatch(
      /^pipewright_runs_total\{pipe="tick",status="done"\} [1-9]/m,
    );
    child.kill('SIGTERM');
    expect(await once(child, 'close')).toEqual([0, null]);
    expect(said).toContain('"service.stopped"');
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
