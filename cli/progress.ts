// What a person sees of a run: live lines on a terminal, a summary at the end, NDJSON for machines.
import type { RunEvent, RunReport, TaskFigures } from '../engine/contracts/run.ts';
import { formatBytes, formatCount, formatSeconds, formatTable, painter } from './print.ts';

export type LogStyle = 'auto' | 'plain' | 'json';

export interface View {
  see(event: RunEvent): void;
}

/** `quiet` leaves warnings and errors only. */
export function createView(style: LogStyle, quiet: boolean): View {
  if (style === 'json') return { see: (event) => void process.stderr.write(`${JSON.stringify(event, plainBigint)}\n`) };
  const live = style === 'auto' && process.stderr.isTTY === true && !quiet;
  return createTextView(live, quiet);
}

function plainBigint(_: string, value: unknown): unknown {
  return typeof value === 'bigint' ? value.toString() : value;
}

interface Line {
  op: string;
  title: string | undefined;
  status: string;
  figures: TaskFigures | undefined;
}

function createTextView(live: boolean, quiet: boolean): View {
  const paint = painter(process.stderr);
  const marks: Record<string, string> = {
    waiting: paint('dim', '·'),
    running: paint('cyan', '▸'),
    done: paint('green', '✓'),
    failed: paint('red', '✗'),
    skipped: paint('dim', '–'),
    stopped: paint('yellow', '■'),
  };
  const lines = new Map<number, Line>();
  let drawn = 0;

  const clear = () => {
    if (drawn > 0) process.stderr.write(`\x1b[${drawn}A\x1b[0J`);
    drawn = 0;
  };
  const table = () => {
    const rows = [...lines.values()].map(({ op, title, status, figures }) => [
      marks[status] ?? ' ',
      title ?? op,
      figures === undefined || (figures.rows === 0 && figures.bytes > 0)
        ? ''
        : status === 'waiting' || status === 'skipped'
          ? ''
          : `${formatCount(figures.rows)} rows`,
      figures === undefined || figures.bytes === 0 ? '' : formatBytes(figures.bytes),
      figures === undefined ? '' : extras(figures),
      status === 'running' && figures !== undefined && figures.seconds > 0.5 ? rate(figures) : '',
    ]);
    return formatTable(rows, new Set([2, 3])).map((line) => `  ${line}`);
  };
  const draw = () => {
    clear();
    const width = process.stderr.columns || 80;
    const shown = table().slice(0, Math.max(1, (process.stderr.rows || 24) - 2));
    process.stderr.write(shown.map((line) => `${clip(line, width - 1)}\n`).join(''));
    drawn = shown.length;
  };
  const say = (text: string) => {
    if (live) clear();
    process.stderr.write(`${text}\n`);
    if (live && lines.size > 0) draw();
  };

  return {
    see(event) {
      switch (event.type) {
        case 'run.started':
          for (const { index, op, title } of event.tasks)
            lines.set(index, { op, title, status: 'waiting', figures: undefined });
          if (live) draw();
          return;
        case 'task.started':
        case 'task.progress':
        case 'task.ended': {
          const line = lines.get(event.index);
          if (line === undefined) return;
          line.status = event.type === 'task.ended' ? event.status : 'running';
          if ('figures' in event) line.figures = event.figures;
          if (live) draw();
          return;
        }
        case 'log':
          if (event.level === 'warn') say(`${paint('yellow', 'warning')} ${event.message}`);
          else if (event.level === 'info' && !quiet) say(event.message);
          return;
        case 'task.retry':
          if (!quiet)
            say(
              `${paint('yellow', 'retry')} ${event.op}: ${event.message}; attempt ${event.attempt} in ${formatSeconds(event.waitMs / 1000)}`,
            );
          return;
        case 'record.rejected':
          return;
        case 'run.ended':
          if (live) clear();
          for (const { index, status, ...figures } of event.report.tasks) {
            const line = lines.get(index);
            if (line !== undefined) Object.assign(line, { status, figures });
          }
          if (quiet || event.report.status === 'skipped') return;
          process.stderr.write(`${table().join('\n')}\n${closing(event.report, paint)}\n`);
      }
    },
  };
}

function closing(report: RunReport, paint: ReturnType<typeof painter>): string {
  const word = {
    done: paint('green', 'done'),
    failed: paint('red', 'failed'),
    interrupted: paint('yellow', 'interrupted'),
    skipped: paint('yellow', 'skipped'),
  }[report.status];
  return `${report.pipe}: ${word} in ${formatSeconds(report.seconds)}`;
}

function extras({ files, rejected, retries }: TaskFigures): string {
  const parts: string[] = [];
  if (files > 1) parts.push(`${formatCount(files)} files`);
  if (rejected > 0) parts.push(`${formatCount(rejected)} rejected`);
  if (retries > 0) parts.push(`${formatCount(retries)} retries`);
  return parts.join(', ');
}

function rate({ rows, bytes, seconds }: TaskFigures): string {
  const parts: string[] = [];
  if (rows > 0) parts.push(`${formatCount(Math.round(rows / seconds))} rows/s`);
  if (bytes > 0) parts.push(`${formatBytes(bytes / seconds)}/s`);
  return parts.join(', ');
}

/** Cuts a line to the terminal's width; colour codes take no room. */
function clip(line: string, width: number): string {
  let seen = 0;
  let at = 0;
  while (at < line.length) {
    const colour = /^\x1b\[[0-9;]*m/.exec(line.slice(at, at + 12));
    if (colour) at += colour[0].length;
    else if (seen++ === width) return `${line.slice(0, at)}\x1b[0m`;
    else at++;
  }
  return line;
}
