// `pipe runs`: the history of runs: a list, one of them, its messages, what goes on from them, and the removal of old ones.
import { Command, InvalidArgumentError, Option } from 'commander';
import type { RunSummary } from '../../engine/contracts/state.ts';
import { durationMs } from '../../engine/duration.ts';
import { didYouMean } from '../../engine/suggest.ts';
import { withEngine } from '../engine.ts';
import { parse } from '../parse.ts';
import { painter } from '../print.ts';
import { eventText, runsTable, runText } from '../run-text.ts';
import { jsonText } from '../tables.ts';

const actions: Readonly<Record<string, { summary: string; command(argv: string[]): Promise<number> }>> = {
  list: { summary: 'list the runs, the newest first', command: list },
  show: { summary: 'show one: its tasks along the time, and why it failed', command: show },
  logs: { summary: 'show the messages of one', command: logs },
  retry: {
    summary: 'go on with one that failed or died, from where it broke',
    command: async (argv) => (await import('./runs-again.ts')).retry(argv),
  },
  replay: {
    summary: 'do one anew, with its own definition and parameters',
    command: async (argv) => (await import('./runs-again.ts')).replay(argv),
  },
  prune: { summary: 'remove old ones', command: prune },
};

export async function command(argv: string[]): Promise<number> {
  const [name, ...rest] = argv;
  if (name === undefined || name.startsWith('-')) {
    if (name === '--help' || name === '-h') {
      process.stdout.write(help());
      return 0;
    }
    return list(argv);
  }
  const action = actions[name === 'ls' ? 'list' : name];
  if (action !== undefined) return action.command(rest);
  process.stderr.write(
    `pipe runs: there is no action "${name}"${didYouMean(name, Object.keys(actions))}\nSee \`pipe runs --help\`.\n`,
  );
  return 2;
}

function help(): string {
  const lines = Object.entries(actions).map(([name, { summary }]) => `  ${name.padEnd(6)}  ${summary}`);
  return `Usage: pipe runs ACTION [options]

The runs of the pipes of this project; outside of one, your own.

Actions:
${lines.join('\n')}

  pipe runs ACTION --help   one action's options, with an example

Example: pipe runs show last
         pipe runs retry last
`;
}

const statuses = ['running', 'done', 'failed', 'interrupted', 'died'] as const;
const format = () => new Option('--format <format>', 'how to print it').choices(['text', 'json']).default('text');

async function list(argv: string[]): Promise<number> {
  const program = new Command('pipe runs list')
    .description('Lists the runs, the newest first.')
    .option('--pipe <name>', 'only those of this pipe')
    .addOption(new Option('--status <status>', 'only those in this state').choices(statuses))
    .option('--since <time>', 'only those started since: a date, a time, or how long ago, such as 2h', sinceTime)
    .option('--limit <count>', 'at most so many', wholeNumber, 50)
    .addOption(format())
    .addHelpText('after', '\nExample: pipe runs list --status failed --since 7d');
  const parsed = parse<Filter & { format: string }>(program, argv);
  if (parsed.code !== undefined) return parsed.code;
  const { format: style, ...filter } = parsed.options;
  return withEngine(async (engine) => {
    const runs = await engine.runs.list(filter);
    if (style === 'json') process.stdout.write(`${jsonText(runs, 2)}\n`);
    else if (runs.length > 0) process.stdout.write(runsTable(runs, painter(process.stdout)));
    else process.stderr.write('There are no such runs.\n');
    return 0;
  });
}

interface Filter {
  pipe?: string;
  status?: RunSummary['status'];
  since?: string;
  limit: number;
}

async function show(argv: string[]): Promise<number> {
  const program = new Command('pipe runs show')
    .description('Shows a run: its tasks along the time, and why it failed.')
    .argument('[id]', 'the id of the run, or last', 'last')
    .addOption(format())
    .addHelpText('after', '\nExample: pipe runs show last --format json');
  const parsed = parse<{ format: string }>(program, argv);
  if (parsed.code !== undefined) return parsed.code;
  return withEngine(async (engine) => {
    const run = await engine.runs.get(parsed.args[0] ?? 'last');
    if (parsed.options.format === 'json') process.stdout.write(`${jsonText(run, 2)}\n`);
    else process.stdout.write(runText(run, await engine.runs.events(run.id), painter(process.stdout)));
    return 0;
  });
}

async function logs(argv: string[]): Promise<number> {
  const program = new Command('pipe runs logs')
    .description('Shows what a run has said.')
    .argument('[id]', 'the id of the run, or last', 'last')
    .addOption(new Option('--format <format>', 'json: one event a line').choices(['text', 'json']).default('text'))
    .addHelpText('after', '\nExample: pipe runs logs last');
  const parsed = parse<{ format: string }>(program, argv);
  if (parsed.code !== undefined) return parsed.code;
  return withEngine(async (engine) => {
    for (const event of await engine.runs.events(parsed.args[0] ?? 'last')) {
      const line = parsed.options.format === 'json' ? jsonText(event) : eventText(event);
      if (line !== undefined) process.stdout.write(`${line}\n`);
    }
    return 0;
  });
}

async function prune(argv: string[]): Promise<number> {
  const program = new Command('pipe runs prune')
    .description('Removes runs that have ended. Without options, those that `state` in pipewright.yaml does not keep.')
    .option('--keep <count>', 'keep so many of each pipe, the newest', wholeNumber)
    .option('--older-than <time>', 'remove those older than this, such as 30d', length)
    .option('--pipe <name>', 'only those of this pipe')
    .addOption(format())
    .addHelpText('after', '\nExample: pipe runs prune --older-than 30d');
  const parsed = parse<{ keep?: number; olderThan?: number; pipe?: string; format: string }>(program, argv);
  if (parsed.code !== undefined) return parsed.code;
  const { keep: runs, olderThan: forMs, pipe, format: style } = parsed.options;
  return withEngine(async (engine) => {
    const said = { ...(runs === undefined ? {} : { runs }), ...(forMs === undefined ? {} : { forMs }) };
    const removed =
      runs === undefined && forMs === undefined && pipe === undefined
        ? await engine.runs.prune()
        : await engine.runs.prune({ ...said, ...(pipe === undefined ? {} : { pipe }) });
    if (style === 'json') process.stdout.write(`${jsonText({ removed }, 2)}\n`);
    else process.stderr.write(`${removed} ${removed === 1 ? 'run' : 'runs'} removed\n`);
    return 0;
  });
}

function wholeNumber(text: string): number {
  if (!/^\d+$/.test(text)) throw new InvalidArgumentError('It must be a whole number.');
  return Number(text);
}

function length(text: string): number {
  if (!/^(\d+(\.\d+)?(ms|s|m|h|d|w))+$/.test(text)) throw new InvalidArgumentError('Write it as 30d, 12h or 90m.');
  return durationMs(text);
}

function sinceTime(text: string): string {
  if (/^\d+(\.\d+)?(ms|s|m|h|d|w)/.test(text)) return new Date(Date.now() - length(text)).toISOString();
  const time = Date.parse(text);
  if (Number.isNaN(time)) throw new InvalidArgumentError('Write it as 2026-01-31, 2026-01-31T06:00:00Z or 7d.');
  return new Date(time).toISOString();
}
