// Schedules as systemd timers, each with the service that calls `pipe run`. Form: systemd.timer(5), systemd.time(7).
import { basename, dirname } from 'node:path';
import { CronPattern } from 'croner';
import type { ScheduleInfo } from './api.ts';
import { cronOptions, fieldsOf } from './cron-line.ts';
import { type Program, unsuited } from './crontab.ts';

/** The files of the units by name. SCHEDULE_UNSUITED. */
export function systemdUnits(schedules: readonly ScheduleInfo[], program: Program): Record<string, string> {
  const units: Record<string, string> = {};
  for (const schedule of schedules) {
    if (schedule.status === 'disabled') continue;
    const name = `pipewright-${schedule.pipe}-${schedule.trigger}`;
    units[`${name}.service`] = serviceUnit(schedule, program);
    units[`${name}.timer`] = timerUnit(schedule);
  }
  return units;
}

function serviceUnit({ pipe, file, trigger }: ScheduleInfo, { command, environment }: Program): string {
  const words = [...command, 'run', '--trigger', String(trigger), basename(file)].map(quoted).join(' ');
  const variables = Object.entries(environment).map(([name, value]) => `Environment=${quoted(`${name}=${value}`)}\n`);
  return `[Unit]
Description=Pipewright: ${plain(pipe)}

[Service]
Type=oneshot
WorkingDirectory=${plain(dirname(file))}
${variables.join('')}ExecStart=${words}
`;
}

function timerUnit(schedule: ScheduleInfo): string {
  const { pipe, start, end, jitter, catchUp } = schedule;
  const refuse = (reason: string) => unsuited(schedule, 'a systemd timer', reason, 'use `pipe serve`');
  if (start !== undefined || end !== undefined) throw refuse('it has a start or an end');
  if (catchUp === 'all') throw refuse('a timer makes up for the last run that was missed, and not for all');
  return `[Unit]
Description=Pipewright: when ${plain(pipe)} is due

[Timer]
${calendarsOf(schedule, refuse)
  .map((calendar) => `OnCalendar=${calendar}\n`)
  .join('')}AccuracySec=1s
${jitter === undefined ? '' : `RandomizedDelaySec=${spanOf(jitter)}\n`}Persistent=${catchUp === 'last'}

[Install]
WantedBy=timers.target
`;
}

const weekdays = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'];

/** Cron runs on a day that either field names; systemd wants both, so that two calendars stand for it. */
function calendarsOf({ cron, timezone }: ScheduleInfo, refuse: (reason: string) => unknown): string[] {
  const fields = fieldsOf(cron);
  const [, , , day, , weekday] = fields as [string, string, string, string, string, string];
  const special = /[#W]/.test(day) ? day : /[#L]/.test(weekday) ? weekday : undefined;
  if (special !== undefined) throw refuse(`a timer does not know ${special}`);
  const pattern = new CronPattern(fields.join(' '), undefined, cronOptions);
  const numbers = (values: readonly number[], first: number) => {
    const named = values.flatMap((value, i) => (value ? [String(i + first).padStart(2, '0')] : []));
    return named.length === values.length ? '*' : named.join(',');
  };
  const time = `${numbers(pattern.hour, 0)}:${numbers(pattern.minute, 0)}:${numbers(pattern.second, 0)} ${timezone}`;
  const month = numbers(pattern.month, 1);
  const days = pattern.lastDayOfMonth ? ['~01'] : [];
  const plainDays = day.split(',').filter((each) => each.toUpperCase() !== 'L');
  if (plainDays.length > 0) days.push(`-${numbers(pattern.day, 1)}`);
  const named = pattern.dayOfWeek.slice(0, 7).flatMap((value, i) => (value ? [weekdays[i]!] : []));
  const byDate = days.map((each) => `*-${month}${each} ${time}`);
  const byWeekday = `${named.join(',')} *-${month}-* ${time}`;
  if (pattern.starDOW) return byDate;
  return pattern.starDOM ? [byWeekday] : [...byDate, byWeekday];
}

/** systemd has the units of the language. */
function spanOf(duration: string): string {
  return duration.replace(/m(?![s])/g, 'min');
}

/** In units % begins a specifier. */
function plain(text: string): string {
  return text.replaceAll('%', '%%').replace(/[\r\n]/g, ' ');
}

function quoted(text: string): string {
  const safe = plain(text).replaceAll('$', '$$$$');
  return /^[\w@%+=:,./-]+$/.test(safe) ? safe : `"${safe.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`;
}
