// `pipe run`: runs one definition; data to stdout, everything else to stderr.
import { Command, InvalidArgumentError, Option } from 'commander';
import type { RunReport } from '../../engine/contracts/run.ts';
import type { RunFailure } from '../../engine/engine.ts';
import { asFailure, exitCode, failure } from '../../engine/errors.ts';
import { readDefinition } from '../definition.ts';
import { openEngine } from '../engine.ts';
import { writeData } from '../output.ts';
import { collectParam, parse } from '../parse.ts';
import { printFailure } from '../print.ts';
import { createView, type LogStyle } from '../progress.ts';

interface Options {
  param: Record<string, string>;
  limit?: number;
  dryRun?: boolean;
  log: LogStyle;
  report?: string;
  quiet?: boolean;
  restart?: boolean;
  state: boolean;
}

export async function command(argv: string[]): Promise<number> {
  const program = new Command('pipe run')
    .description('Runs a pipe file. Data written to the path - goes to stdout, messages go to stderr.')
    .argument('<file>', 'the pipe file, or - for a definition on stdin')
    .option(
      '-p, --param <name=value>',
      'a value for a declared parameter; may be given several times',
      collectParam,
      {},
    )
    .option('--limit <rows>', 'at most so many rows of each read', wholeNumber)
    .option('--dry-run', 'read and work, but write, send and delete nothing')
    .option('--restart', 'forget where a run of this pipe that did not end stands; what it wrote stays')
    .option('--no-state', 'keep nothing of this run: no history, no positions')
    .addOption(new Option('--log <style>', 'json: one event a line').choices(['auto', 'plain', 'json']).default('auto'))
    .addOption(new Option('--report <style>', 'print the report of the run to stderr at the end').choices(['json']))
    .option('-q, --quiet', 'warnings and errors only')
    .addHelpText('after', '\nExample: pipe run orders.yaml -p since=2026-01-31 --limit 100');
  const parsed = parse<Options>(program, argv);
  if (parsed.code !== undefined) return parsed.code;
  const [file] = parsed.args as [string];
  const options = parsed.options;

  const stop = new AbortController();
  const interrupt = () => stop.abort();
  process.once('SIGINT', interrupt).once('SIGTERM', interrupt);
  const engine = await openEngine(options.state ? {} : { state: 'none' });
  try {
    const run = engine.run(await readDefinition(file), {
      texts: options.param,
      signal: stop.signal,
      stdout: writeData,
      stdin: fromStdin(file),
      ...(options.limit === undefined ? {} : { limit: options.limit }),
      ...(options.dryRun === undefined ? {} : { dryRun: true }),
      ...(options.restart === undefined ? {} : { restart: true }),
      trigger: 'cli',
    });
    const view = createView(options.log, options.quiet === true);
    run.on((event) => view.see(event));
    const outcome: { report?: RunReport; error?: unknown } = await run.result.then(
      (report) => ({ report }),
      (error: RunFailure) => ({ error, ...(error.report === undefined ? {} : { report: error.report }) }),
    );
    if (options.report === 'json' && outcome.report !== undefined)
      process.stderr.write(`${JSON.stringify(outcome.report)}\n`);
    if (outcome.error === undefined) return 0;
    // With NDJSON the error has been told by `run.ended`, if it came to a run at all.
    return options.log === 'json' && outcome.report !== undefined
      ? exitCode(asFailure(outcome.error))
      : printFailure(outcome.error);
  } finally {
    process.off('SIGINT', interrupt).off('SIGTERM', interrupt);
    await engine.close();
  }
}

function wholeNumber(text: string): number {
  if (!/^\d+$/.test(text)) throw new InvalidArgumentError('It must be a whole number.');
  return Number(text);
}

function fromStdin(file: string): () => AsyncIterable<Uint8Array> {
  return () => {
    if (file === '-')
      throw failure('OPTION_UNSUPPORTED', {
        what: 'reading from -',
        where: 'a run whose definition came from stdin',
        hint: '; name the file',
      });
    if (process.stdin.isTTY) throw failure('STDIN_CLOSED');
    return process.stdin;
  };
}
