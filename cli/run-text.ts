// Runs of the history for people: a table of them, one with its tasks along the time, and its messages.
import type { RunEvent, TaskReport } from '../engine/contracts/run.ts';
import type { RunRecord, RunSummary } from '../engine/contracts/state.ts';
import { formatBytes, formatCount, formatSeconds, type painter } from './print.ts';
import { alignedTable, jsonText } from './tables.ts';

type Paint = ReturnType<typeof painter>;

const colours = {
  done: 'green',
  running: 'cyan',
  failed: 'red',
  died: 'red',
  interrupted: 'yellow',
  skipped: 'dim',
} as const;

export function runsTable(runs: readonly RunSummary[], paint: Paint): string {
  const head = ['id', 'pipe', 'status', 'started', 'took', 'rows', 'by', ''].map((text) => paint('dim', text));
  const rows = runs.map(({ id, pipe, status, started, seconds, rows, trigger, error }) => [
    id,
    pipe,
    paint(colours[status], status),
    timeText(started),
    seconds === undefined ? '' : formatSeconds(seconds),
    rows === undefined ? '' : formatCount(rows),
    trigger,
    error === undefined ? '' : error.code,
  ]);
  return `${alignedTable([head, ...rows], new Set([4, 5])).join('\n')}\n`;
}

/** Where on the run's time each task was at work. */
const barWidth = 24;

export function runText(run: RunRecord, events: readonly RunEvent[], paint: Paint): string {
  const { id, pipe, status, started, ended, seconds, trigger, params, error, report } = run;
  const about: [string, string | undefined][] = [
    ['pipe', pipe],
    ['started', `${timeText(started)} by ${trigger}`],
    ['ended', ended === undefined ? undefined : `${timeText(ended)}, after ${formatSeconds(seconds ?? 0)}`],
    ['params', Object.keys(params).length === 0 ? undefined : jsonText(params)],
    ['definition', run.hash],
  ];
  const lines = [`${paint('bold', id)} ${paint(colours[status], status)}`];
  lines.push(...alignedTable(about.flatMap(([name, text]) => (text === undefined ? [] : [[`  ${name}`, text]]))));
  if (status === 'died')
    lines.push(`  Its process ended without a word; \`pipe runs retry ${id}\` goes on where it was.`);
  const tasks = report?.tasks ?? tasksSeen(events);
  if (tasks.length > 0) {
    const begun = Date.parse(started);
    const last = events.at(-1)?.at ?? started;
    const whole = Math.max(seconds ?? (Date.parse(last) - begun) / 1000, 0.001);
    const rows = tasks.map((task) => {
      const at = events.find((event) => event.type === 'task.started' && event.index === task.index)?.at;
      const offset = at === undefined ? 0 : Math.max(0, (Date.parse(at) - begun) / 1000);
      return [
        `  ${task.number ?? task.index + 1}`,
        task.title ?? task.op,
        paint(task.status === 'done' ? 'green' : task.status === 'failed' ? 'red' : 'dim', task.status),
        task.rows === 0 ? '' : `${formatCount(task.rows)} rows`,
        task.bytes === 0 ? '' : formatBytes(task.bytes),
        task.rejected === 0 ? '' : `${formatCount(task.rejected)} refused`,
        at === undefined ? '' : bar(offset / whole, task.seconds / whole),
        at === undefined ? (task.before === undefined ? '' : `by ${task.before}`) : formatSeconds(task.seconds),
      ];
    });
    lines.push('', ...alignedTable(rows, new Set([3, 4, 7])));
  }
  if (error !== undefined) {
    const place = report?.error?.place;
    lines.push('', `${place === undefined ? '' : `${place} `}${paint('red', error.code)} ${error.message}`);
  }
  return `${lines.join('\n')}\n`;
}

/** Of a run without a report: what is known of its tasks as far as it came. */
function tasksSeen(events: readonly RunEvent[]): (Omit<TaskReport, 'status'> & { status: string })[] {
  const started = events.find((event) => event.type === 'run.started');
  const none = { rows: 0, bytes: 0, files: 0, rejected: 0, retries: 0, seconds: 0 };
  return (started?.tasks ?? []).map((task) => {
    const own = events.filter((event) => 'index' in event && event.index === task.index);
    const ended = own.find((event) => event.type === 'task.ended');
    const status = ended?.status ?? (own.some(({ type }) => type === 'task.started') ? 'begun' : 'not begun');
    return { ...task, ...none, ...ended?.figures, status, ...(ended?.before && { before: ended.before }) };
  });
}

function bar(from: number, length: number): string {
  const start = Math.min(barWidth - 1, Math.round(from * barWidth));
  const width = Math.max(1, Math.min(barWidth - start, Math.round(length * barWidth)));
  return `${'·'.repeat(start)}${'━'.repeat(width)}${'·'.repeat(barWidth - start - width)}`;
}

/** Each message with its time; undefined for what the figures say as well. */
export function eventText(event: RunEvent): string | undefined {
  const time = event.at.slice(11, 23);
  switch (event.type) {
    case 'run.started':
      return `${time} started ${event.pipe}`;
    case 'task.started':
      return `${time} task ${event.number ?? event.index + 1} (${event.op}) started`;
    case 'task.ended':
      return `${time} task ${event.number ?? event.index + 1} (${event.op}) ${event.status}: ${formatCount(event.figures.rows)} rows`;
    case 'task.retry':
      return `${time} task ${event.number ?? event.index + 1} (${event.op}) again in ${event.waitMs} ms: ${event.code} ${event.message}`;
    case 'record.rejected':
      return `${time} task ${event.number ?? event.index + 1} (${event.op}) refused record ${event.position}: ${event.reason}`;
    case 'log':
      return `${time} ${event.level} ${event.message}`;
    case 'run.ended':
      return `${time} ${event.report.status}${event.report.error === undefined ? '' : `: ${event.report.error.code} ${event.report.error.message}`}`;
    default:
      return undefined;
  }
}

function timeText(time: string): string {
  return `${time.slice(0, 19).replace('T', ' ')} UTC`;
}
