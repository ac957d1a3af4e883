// `pipe run`: runs one definition; data to stdout, everything else to stderr.
import { Command, InvalidArgumentError, Option } from 'commander';
import { failure } from '../../engine/errors.ts';
import type { Engine } from '../../index.ts';
import { readDefinition } from '../definition.ts';
import { follow } from '../follow.ts';
import { writeData } from '../output.ts';
import { collectParam, parse } from '../parse.ts';
import { painter } from '../print.ts';
import type { LogStyle } from '../progress.ts';

interface Options {
  param: Record<string, string>;
  limit?: number;
  dryRun?: boolean;
  log: LogStyle;
  report?: string;
  quiet?: boolean;
  restart?: boolean;
  record?: string;
  state: boolean;
  trigger?: number;
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
    .option('--record <folder>', 'keep what connections say over HTTP there, without secrets, for `pipe test`')
    .option('--no-state', 'keep nothing of this run: no history, no positions')
    .addOption(new Option('--log <style>', 'json: one event a line').choices(['auto', 'plain', 'json']).default('auto'))
    .addOption(new Option('--report <style>', 'print the report of the run to stderr at the end').choices(['json']))
    .option('-q, --quiet', 'warnings and errors only')
    .option(
      '--trigger <number>',
      "as that trigger of the pipe starts it, for the machine's scheduler: with its params, for its last time, quiet, alone",
      wholeNumber,
    )
    .addHelpText('after', '\nExample: pipe run orders.yaml -p since=2026-01-31 --limit 100');
  const parsed = parse<Options>(program, argv);
  if (parsed.code !== undefined) return parsed.code;
  const [file] = parsed.args as [string];
  const options = parsed.options;

  const source = await readDefinition(file);
  if (options.trigger !== undefined) options.quiet = true;
  return follow(
    async (engine, signal) =>
      engine.run(source, {
        ...(await triggered(engine, file, options)),
        texts: options.param,
        signal,
        stdout: writeData,
        stdin: fromStdin(file),
        ...(options.limit === undefined ? {} : { limit: options.limit }),
        ...(options.dryRun === undefined ? {} : { dryRun: true }),
        ...(options.restart === undefined ? {} : { restart: true }),
        ...(options.record === undefined
          ? {}
          : { record: options.record, recorded: options.quiet === true ? () => {} : tellRecorded }),
      }),
    { ...options, unattended: options.trigger !== undefined },
    options.state ? {} : { state: 'none' },
  );
}

/** What a run is given that a schedule starts. */
async function triggered(engine: Engine, file: string, { trigger, param }: Options) {
  if (trigger === undefined) return { trigger: 'cli' };
  const { params, time } = await engine.schedules.options(file, trigger, 'last');
  const own = Object.fromEntries(Object.entries(params).filter(([name]) => !Object.hasOwn(param, name)));
  return { trigger: 'cron', scheduled: { time }, params: own };
}

function tellRecorded({ files, left }: { files: string[]; left: number }): void {
  const rest = left === 0 ? '' : `; ${left} that nobody read to the end ${left === 1 ? 'is' : 'are'} not in it`;
  const what = files.length === 0 ? 'nothing: no connection spoke HTTP' : files.join(', ');
  process.stderr.write(`${painter(process.stderr)('dim', 'recorded')} ${what}${rest}\n`);
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
