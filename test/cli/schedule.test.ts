// `pipe schedule`, and `pipe run` as the machine's scheduler calls it.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { machineZone } from '../../engine/schedules/times.ts';
import { pipeCommand } from './pipe.ts';

const root = join(import.meta.dirname, '../..');
let folder: string;
const pipe = (...args: string[]) => pipeCommand(args, { cwd: folder });

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'pipewright-schedule-'));
  writeFileSync(join(folder, 'pipewright.yaml'), '');
  const tasks = 'tasks: [{ op: echo, rows: [{ a: 1 }] }]\n';
  writeFileSync(join(folder, 'good.yaml'), `triggers: [{ cron: "0 6 * * 1-5", timezone: ${machineZone()} }]\n${tasks}`);
  writeFileSync(join(folder, 'month.yaml'), `triggers: [{ cron: "30 0 6 L * *", catch_up: last }]\n${tasks}`);
  const failing = 'tasks: [{ op: echo, rows: [{ a: x }] }, { op: filter, where: record.a > 0 }]\n';
  writeFileSync(join(folder, 'failing.yaml'), `triggers: [{ cron: "@daily" }]\n${failing}`);
  const bad = 'tasks: [{ op: read, path: lost.csv }, { op: write, path: b.csv }]\n';
  writeFileSync(join(folder, 'bad.yaml'), `triggers: [{ cron: "@daily" }]\n${bad}`);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test('nightly: its next times, and one run', async () => {
  const args = ['schedule', 'next', 'examples/nightly/pipe.yaml', '--count', '3', '--from', '2026-03-27T12:00:00Z'];
  const next = await pipeCommand(args, { cwd: root });
  expect(next).toEqual({
    code: 0,
    stderr: '',
    stdout: readFileSync(join(root, 'examples/nightly/expected/next.txt'), 'utf8'),
  });
  const run = await pipeCommand(['schedule', 'run', 'examples/nightly/pipe.yaml', '-p', 'day=2026-11-18'], {
    cwd: root,
  });
  expect(run).toMatchObject({ code: 0, stderr: expect.stringContaining('nightly: done in') });
  const file = 'orders-2026-11-18.csv';
  const [found, expected] = ['output', 'expected'].map((name) =>
    readFileSync(join(root, 'examples/nightly', name, file), 'utf8'),
  );
  expect(found).toBe(expected);
});

test('pauses and resumes', async () => {
  expect((await pipe('schedule', 'pause', 'good.yaml')).stderr).toBe('good is paused\n');
  expect((await pipe('schedule', 'list', 'good.yaml')).stdout).toMatch(/^good +1 +0 6 \* \* 1-5 +\S+ +paused/m);
  expect((await pipe('schedule', 'resume', 'good.yaml')).code).toBe(0);
  const { stdout } = await pipe('schedule', 'list', 'good.yaml', '--format', 'json');
  expect(JSON.parse(stdout)).toMatchObject([
    { pipe: 'good', trigger: 1, status: 'active', next: [expect.any(String)] },
  ]);
});

test('puts its lines into the crontab once, and leaves the other lines alone', async () => {
  const [bin, tab] = [join(folder, 'bin'), join(folder, 'tab')];
  mkdirSync(bin);
  // What `crontab -l` and `crontab -` do, with a file of ours.
  writeFileSync(join(bin, 'crontab'), `#!/bin/sh\nif [ "$1" = - ]; then cat > '${tab}'; else cat '${tab}'; fi\n`, {
    mode: 0o755,
  });
  writeFileSync(tab, '0 1 * * * of-somebody\n');
  const install = () =>
    pipeCommand(['schedule', 'install', '--cron', '--write', 'good.yaml'], {
      cwd: folder,
      env: { PATH: `${bin}:${process.env.PATH}` },
    });
  expect(await install()).toMatchObject({ code: 0, stderr: expect.stringContaining('It is in your crontab') });
  const once = readFileSync(tab, 'utf8');
  expect(once.split('\n')[0]).toBe('0 1 * * * of-somebody');
  expect(once).toMatch(/^0 6 \* \* 1-5 cd .* run --trigger 1 good\.yaml$/m);
  expect((await install()).code).toBe(0);
  expect(readFileSync(tab, 'utf8')).toBe(once);
});

test('writes crontab lines with all they need, and refuses what a crontab cannot say', async () => {
  const { code, stdout } = await pipe('schedule', 'install', '--cron', 'good.yaml');
  expect(code).toBe(0);
  expect(stdout).toMatch(/^0 6 \* \* 1-5 cd \S+ && PATH=\S+ .*node .*main\.(js|ts) run --trigger 1 good\.yaml\n$/);
  const refused = await pipe('schedule', 'install', '--cron', 'month.yaml');
  expect(refused).toMatchObject({
    code: 2,
    stdout: '',
    stderr: expect.stringContaining('cannot be said in a crontab: it has seconds'),
  });
  const units = await pipe('schedule', 'install', '--systemd', 'month.yaml');
  expect(units.stdout).toContain('OnCalendar=*-*~01 06:00:30 UTC\nAccuracySec=1s\nPersistent=true\n');
});

test('as the machine starts it, a run is quiet, and says what is needed when it fails', async () => {
  expect(await pipe('run', '--trigger', '1', 'good.yaml')).toEqual({ code: 0, stdout: '', stderr: '' });
  const runs = JSON.parse((await pipe('runs', 'list', '--pipe', 'good', '--format', 'json')).stdout);
  expect(runs).toMatchObject([{ trigger: 'cron', scheduled: expect.stringMatching(/:00:00\.000Z$/), status: 'done' }]);
  const failed = await pipe('run', '--trigger', '1', 'failing.yaml');
  expect(failed.code).toBe(1);
  expect(failed.stderr).toMatch(
    /^failing\.yaml:2:\d+ EXPRESSION_FAILED .*\n {2}= it was a run of failing; `pipe runs show run-\w+` tells more\n$/,
  );
  const bad = await pipe('run', '--trigger', '1', 'bad.yaml');
  expect(bad).toMatchObject({ code: 2, stderr: expect.stringContaining('PATH_NOT_FOUND') });
  expect((await pipe('run', '--trigger', '2', 'good.yaml')).stderr).toContain('has no trigger 2; it has 1');
});
