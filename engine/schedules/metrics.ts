// The figures of a service as Prometheus text. Format: https://prometheus.io/docs/instrumenting/exposition_formats/
import type { RunReport } from '../contracts/run.ts';
import { figuresOf } from '../state/runs.ts';
import type { Outcome } from './ticks.ts';

export interface Metrics {
  ended(pipe: string, outcome: Outcome, report: RunReport | undefined): void;
  text(running: number): string;
}

export function createMetrics(): Metrics {
  const runs = new Map<string, Map<string, number>>();
  const sums = new Map<string, { rows: number; rejected: number; seconds: number; succeeded: number | undefined }>();
  return {
    ended(pipe, outcome, report) {
      const own = runs.get(pipe) ?? new Map<string, number>();
      runs.set(pipe, own.set(outcome, (own.get(outcome) ?? 0) + 1));
      const sum = sums.get(pipe) ?? { rows: 0, rejected: 0, seconds: 0, succeeded: undefined };
      sums.set(pipe, sum);
      if (report === undefined) return;
      const { rows, rejected } = figuresOf(report);
      sum.rows += rows;
      sum.rejected += rejected;
      sum.seconds += report.seconds;
      if (outcome === 'done') sum.succeeded = Date.parse(report.ended) / 1000;
    },
    text(running) {
      const pipes = [...sums];
      const each = (value: (sum: (typeof pipes)[number][1]) => number | undefined) =>
        pipes.flatMap(([pipe, sum]) => {
          const found = value(sum);
          return found === undefined ? [] : [[{ pipe }, found] as const];
        });
      const byStatus = [...runs].flatMap(([pipe, own]) =>
        [...own].map(([status, count]) => [{ pipe, status }, count] as const),
      );
      return [
        family('pipewright_runs_total', 'counter', 'Runs that have ended, by pipe and status.', byStatus),
        family(
          'pipewright_rows_total',
          'counter',
          'Rows that sources gave.',
          each(({ rows }) => rows),
        ),
        family(
          'pipewright_rejected_rows_total',
          'counter',
          'Rows that targets refused.',
          each(({ rejected }) => rejected),
        ),
        family(
          'pipewright_run_seconds_total',
          'counter',
          'Time that runs took.',
          each(({ seconds }) => seconds),
        ),
        family(
          'pipewright_last_success_timestamp_seconds',
          'gauge',
          'When a run was last done.',
          each(({ succeeded }) => succeeded),
        ),
        family('pipewright_running', 'gauge', 'Runs that are going on here.', [[{}, running]]),
      ].join('');
    },
  };
}

type Sample = readonly [labels: Readonly<Record<string, string>>, value: number];

function family(name: string, type: 'counter' | 'gauge', help: string, samples: readonly Sample[]): string {
  const lines = samples.map(([labels, value]) => {
    const pairs = Object.entries(labels).map(([key, text]) => `${key}="${escaped(text)}"`);
    return `${name}${pairs.length === 0 ? '' : `{${pairs.join(',')}}`} ${value}\n`;
  });
  return `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${lines.join('')}`;
}

function escaped(text: string): string {
  return text.replace(/\\/g, '\\\\').replace(/"/g, '\\"').replace(/\n/g, '\\n');
}
