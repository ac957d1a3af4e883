// What a list of runs shows, whatever the store: status, figures, which ones are asked for and which are kept.
import { createHash } from 'node:crypto';
import type { RunReport } from '../contracts/run.ts';
import type { NewRun, RunFilter, RunSummary, StateStore } from '../contracts/state.ts';

type Started = Pick<NewRun, 'id' | 'pipe' | 'trigger' | 'scheduled' | 'started'>;

/** `alive`: its process has not been seen to have ended. */
export function summaryOf(run: Started, report: RunReport | undefined, alive: boolean): RunSummary {
  const { id, pipe, trigger, scheduled, started } = run;
  const begun = { id, pipe, trigger, ...(scheduled === undefined ? {} : { scheduled }), started };
  if (report === undefined) return { ...begun, status: alive ? 'running' : 'died' };
  const { status, ended, seconds, error } = report;
  return {
    ...begun,
    status,
    ended,
    seconds,
    ...figuresOf(report),
    ...(error === undefined ? {} : { error: { code: error.code, message: error.message } }),
  };
}

/** What the first tasks gave stands for the rows of a run; refused ones count wherever they are. */
export function figuresOf({ tasks }: RunReport): { rows: number; rejected: number } {
  return {
    rows: Math.max(0, ...tasks.map(({ rows }) => rows)),
    rejected: tasks.reduce((sum, { rejected }) => sum + rejected, 0),
  };
}

export function matches(run: RunSummary, { pipe, status, since }: RunFilter): boolean {
  return (
    (pipe === undefined || run.pipe === pipe) &&
    (status === undefined || run.status === status) &&
    (since === undefined || run.started >= since)
  );
}

/** Whether a run is one too many; told of runs that have ended, the newest first. */
export function isSurplus({ runs, forMs, pipe }: Parameters<StateStore['prune']>[0]): (run: RunSummary) => boolean {
  const seen = new Map<string, number>();
  const oldest = forMs === undefined ? '' : new Date(Date.now() - forMs).toISOString();
  return (run) => {
    if (pipe !== undefined && run.pipe !== pipe) return false;
    const newer = seen.get(run.pipe) ?? 0;
    seen.set(run.pipe, newer + 1);
    return (runs !== undefined && newer >= runs) || run.started < oldest;
  };
}

export function digestOf(definition: string): string {
  return createHash('sha256').update(definition).digest('hex').slice(0, 16);
}
