// Schedules for people: a table of them, and their next times.
import type { ScheduleInfo } from '../engine/schedules/api.ts';
import { shownPath } from '../engine/schedules/load.ts';
import type { painter } from './print.ts';
import { alignedTable } from './tables.ts';

type Paint = ReturnType<typeof painter>;

const colours = { active: 'green', paused: 'yellow', disabled: 'dim', over: 'dim' } as const;

export function schedulesTable(schedules: readonly ScheduleInfo[], paint: Paint): string {
  const head = ['pipe', 'trigger', 'cron', 'time zone', 'status', 'next', 'last', 'file'].map((text) =>
    paint('dim', text),
  );
  const rows = schedules.map(({ pipe, trigger, cron, timezone, status, next, last, file }) => [
    pipe,
    String(trigger),
    cron,
    timezone,
    paint(colours[status], status),
    next[0] === undefined ? '' : localTime(next[0], timezone),
    last === undefined ? '' : `${last.status} ${localTime(last.scheduled, timezone)}`,
    shownPath(file),
  ]);
  return `${alignedTable([head, ...rows]).join('\n')}\n`;
}

export function nextTable(schedules: readonly ScheduleInfo[], count: number, paint: Paint): string {
  const times = schedules
    .flatMap((schedule) => schedule.next.map((at) => ({ at, schedule })))
    .sort((a, b) => (a.at < b.at ? -1 : a.at > b.at ? 1 : 0))
    .slice(0, count);
  const rows = times.map(({ at, schedule: { pipe, cron, timezone } }) => [
    `${at.slice(0, 19)}Z`,
    pipe,
    localTime(at, timezone),
    paint('dim', cron),
  ]);
  return rows.length === 0 ? '' : `${alignedTable(rows).join('\n')}\n`;
}

/** `Mon 2026-03-30 02:30 GMT+2`; with seconds where there are some. */
function localTime(at: string, timezone: string): string {
  const time = new Date(at);
  const parts = new Intl.DateTimeFormat('en-US', {
    timeZone: timezone,
    hourCycle: 'h23',
    weekday: 'short',
    year: 'numeric',
    month: '2-digit',
    day: '2-digit',
    hour: '2-digit',
    minute: '2-digit',
    second: '2-digit',
    timeZoneName: 'shortOffset',
  }).formatToParts(time);
  const part = (type: string) => parts.find((each) => each.type === type)!.value;
  const seconds = part('second') === '00' ? '' : `:${part('second')}`;
  const zone = part('timeZoneName').replace(/^GMT(\+0)?$/, 'UTC');
  return `${part('weekday')} ${part('year')}-${part('month')}-${part('day')} ${part('hour')}:${part('minute')}${seconds} ${zone}`;
}
