// A run as a command shows it: its progress, its report, its error; and the exit code.
import type { RunReport } from '../engine/contracts/run.ts';
import type { Run, RunFailure } from '../engine/engine.ts';
import { asFailure, exitCode } from '../engine/errors.ts';
import type { Engine, EngineOptions } from '../index.ts';
import { openEngine } from './engine.ts';
import { printFailure } from './print.ts';
import { createView, type LogStyle } from './progress.ts';

export interface FollowOptions {
  log: LogStyle;
  quiet?: boolean;
  /** The report goes to stderr at the end. */
  report?: string;
  /** Nobody looks on: a failure says how to find the run. */
  unattended?: boolean;
}

/** Starts a run, and stays with it to its end; an interrupt ends it. Gives the exit code. */
export async function follow(
  start: (engine: Engine, signal: AbortSignal) => Promise<Run>,
  { log, quiet, report: style, unattended }: FollowOptions,
  options: EngineOptions = {},
): Promise<number> {
  const stop = new AbortController();
  const interrupt = () => stop.abort();
  process.once('SIGINT', interrupt).once('SIGTERM', interrupt);
  const engine = await openEngine(options);
  try {
    const run = await start(engine, stop.signal);
    const view = createView(log, quiet === true);
    run.on((event) => view.see(event));
    const outcome: { report?: RunReport; error?: unknown } = await run.result.then(
      (report) => ({ report }),
      (error: RunFailure) => ({ error, ...(error.report === undefined ? {} : { report: error.report }) }),
    );
    if (style === 'json' && outcome.report !== undefined) process.stderr.write(`${JSON.stringify(outcome.report)}\n`);
    if (outcome.error === undefined) return 0;
    // With NDJSON the error has been told by `run.ended`, if it came to a run at all.
    if (log === 'json' && outcome.report !== undefined) return exitCode(asFailure(outcome.error));
    const code = printFailure(outcome.error);
    if (unattended === true && outcome.report !== undefined)
      process.stderr.write(
        `  = it was a run of ${outcome.report.pipe}; \`pipe runs show ${outcome.report.run}\` tells more\n`,
      );
    return code;
  } finally {
    process.off('SIGINT', interrupt).off('SIGTERM', interrupt);
    await engine.close();
  }
}
