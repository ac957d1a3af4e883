// Hands schedules to the scheduler of the machine: its crontab, or systemd timers of the user.
import { spawn } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { failure } from '../engine/errors.ts';
import type { ScheduleInfo } from '../engine/schedules/api.ts';
import { crontabLines, type Program, withLines } from '../engine/schedules/crontab.ts';
import { systemdUnits } from '../engine/schedules/systemd.ts';

const variables = ['PATH', 'XDG_CONFIG_HOME', 'XDG_STATE_HOME', 'NODE_EXTRA_CA_CERTS'];

/** This command, as it runs now. */
function thisProgram(): Program {
  const environment = Object.fromEntries(
    variables.flatMap((name) => {
      const value = process.env[name];
      return value === undefined || value === '' ? [] : [[name, value]];
    }),
  );
  return { command: [process.execPath, ...process.execArgv, resolve(process.argv[1]!)], environment };
}

/** Gives what was, or would be, in the crontab. */
export async function installCron(schedules: readonly ScheduleInfo[], place: string, write: boolean): Promise<string> {
  const lines = crontabLines(schedules, thisProgram());
  if (write) {
    const before = await crontab(['-l'], undefined);
    await crontab(['-'], withLines(before, place, lines));
  }
  return lines.map((line) => `${line}\n`).join('');
}

function crontab(args: string[], input: string | undefined): Promise<string> {
  return new Promise((done, reject) => {
    const child = spawn('crontab', args, { stdio: ['pipe', 'pipe', 'pipe'] });
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (text) => {
      stdout += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text) => {
      stderr += text;
    });
    const fail = (reason: string) => reject(failure('IO_FAILED', { path: 'crontab', reason }));
    child.on('error', ({ message }) => fail(`${message}; is cron installed?`));
    child.on('close', (code) => {
      // Who has no crontab yet is told so by an exit code.
      if (code === 0 || (input === undefined && /no crontab/i.test(stderr))) done(stdout);
      else fail(stderr.trim());
    });
    child.stdin.on('error', () => {});
    child.stdin.end(input ?? '');
  });
}

/** Gives the units, each after its path, and what makes systemd look at them. */
export function installSystemd(schedules: readonly ScheduleInfo[], write: boolean): { text: string; enable: string } {
  const folder = join(process.env.XDG_CONFIG_HOME || join(homedir(), '.config'), 'systemd/user');
  const units = Object.entries(systemdUnits(schedules, thisProgram()));
  if (write) {
    mkdirSync(folder, { recursive: true });
    for (const [name, text] of units) writeFileSync(join(folder, name), text);
  }
  const timers = units.map(([name]) => name).filter((name) => name.endsWith('.timer'));
  return {
    text: units.map(([name, text]) => `# ${join(folder, name)}\n${text}`).join('\n'),
    enable: `systemctl --user daemon-reload && systemctl --user enable --now ${timers.join(' ')}`,
  };
}
