// Schedules as lines of a crontab that call `pipe run`; what a crontab cannot say is refused.
import { basename, dirname } from 'node:path';
import { failure } from '../errors.ts';
import type { ScheduleInfo } from './api.ts';
import { fieldsOf } from './cron-line.ts';
import { machineZone, sameZone } from './times.ts';

/** What the machine's scheduler needs to know to call the command: it has next to no environment. */
export interface Program {
  /** The absolute path of node, and what it is given before the command's own arguments. */
  command: readonly string[];
  environment: Readonly<Record<string, string>>;
}

/** One line for each trigger that is not disabled. SCHEDULE_UNSUITED. */
export function crontabLines(schedules: readonly ScheduleInfo[], { command, environment }: Program): string[] {
  return schedules
    .filter(({ status }) => status !== 'disabled')
    .map((schedule) => {
      const { file, trigger } = schedule;
      const words = [...command, 'run', '--trigger', String(trigger), basename(file)].map(quoted).join(' ');
      const variables = Object.entries(environment).map(([name, value]) => `${name}=${quoted(value)}`);
      const call = `cd ${quoted(dirname(file))} && ${[...variables, words].join(' ')}`;
      // In a crontab % is the end of a line.
      return `${timesOf(schedule)} ${call.replaceAll('%', '\\%')}`;
    });
}

function timesOf(schedule: ScheduleInfo): string {
  const refuse = (reason: string, advice: string) => unsuited(schedule, 'a crontab', reason, advice);
  const { cron, timezone, start, end, jitter, catchUp } = schedule;
  const serve = 'use --systemd or `pipe serve`';
  const [second, ...fields] = fieldsOf(cron);
  if (second !== '0') throw refuse('it has seconds', serve);
  const special = fields.find((field) => /[#W?]|L/.test(field.replace(/JUL/gi, '')));
  if (special?.replaceAll('?', '').length) throw refuse(`cron does not know ${special}`, serve);
  if (!sameZone(timezone, machineZone()))
    throw refuse(`its time zone is ${timezone} and the machine's is ${machineZone()}`, serve);
  if (start !== undefined || end !== undefined) throw refuse('it has a start or an end', 'use `pipe serve`');
  if (jitter !== undefined) throw refuse('it has a jitter', serve);
  if (catchUp !== 'none') throw refuse('cron does not make up for what was missed', serve);
  return fields.map((field) => field.replaceAll('?', '*')).join(' ');
}

export function unsuited({ file, trigger }: ScheduleInfo, where: string, reason: string, advice: string) {
  return failure('SCHEDULE_UNSUITED', { file, trigger, where, reason, advice });
}

/** For a shell. */
function quoted(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

/** A crontab with the lines in place of those that were put there before for the same place. */
export function withLines(crontab: string, place: string, lines: readonly string[]): string {
  const [first, last] = [`# pipewright begin ${place}`, `# pipewright end ${place}`];
  const kept: string[] = [];
  let inside = false;
  for (const line of crontab === '' ? [] : crontab.replace(/\n$/, '').split('\n')) {
    if (line === first) inside = true;
    if (!inside) kept.push(line);
    if (line === last) inside = false;
  }
  const own = lines.length === 0 ? [] : [first, ...lines, last];
  return [...kept, ...own].map((line) => `${line}\n`).join('');
}
