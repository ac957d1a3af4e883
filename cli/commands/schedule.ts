// `pipe schedule`: the triggers of pipes: a list, their next times, a run now, pauses, and the machine's own scheduler.
import { resolve } from 'node:path';
import { Command, InvalidArgumentError, Option } from 'commander';
import type { ScheduleInfo, ScheduleList } from '../../engine/schedules/api.ts';
import { didYouMean } from '../../engine/suggest.ts';
import type { Engine } from '../../index.ts';
import { withEngine } from '../engine.ts';
import { follow } from '../follow.ts';
import { writeData } from '../output.ts';
import { collectParam, parse } from '../parse.ts';
import { painter } from '../print.ts';
import type { LogStyle } from '../progress.ts';
import { nextTable, schedulesTable } from '../schedule-text.ts';
import { jsonText } from '../tables.ts';

const actions: Readonly<Record<string, { summary: string; command(argv: string[]): Promise<number> }>> = {
  list: { summary: 'list the triggers of pipe files and folders', command: list },
  next: { summary: 'show when they are due next', command: next },
  run: { summary: 'run a pipe now, as a trigger of it would', command: run },
  pause: { summary: 'let them be, until they are resumed', command: (argv) => change('pause', argv) },
  resume: { summary: 'let paused ones run again, from now on', command: (argv) => change('resume', argv) },
  install: { summary: "hand them to the machine's scheduler: cron or systemd", command: install },
};

export async function command(argv: string[]): Promise<number> {
  const [name, ...rest] = argv;
  if (name === undefined || name === '--help' || name === '-h') {
    (name === undefined ? process.stderr : process.stdout).write(help());
    return name === undefined ? 2 : 0;
  }
  const action = actions[name === 'ls' ? 'list' : name];
  if (action !== undefined) return action.command(rest);
  process.stderr.write(
    `pipe schedule: there is no action "${name}"${didYouMean(name, Object.keys(actions))}\nSee \`pipe schedule --help\`.\n`,
  );
  return 2;
}

function help(): string {
  const lines = Object.entries(actions).map(([name, { summary }]) => `  ${name.padEnd(7)}  ${summary}`);
  return `Usage: pipe schedule ACTION [options]

The triggers of pipes. \`pipe serve\` runs what is due; so does the machine, after \`pipe schedule install\`.

Actions:
${lines.join('\n')}

  pipe schedule ACTION --help   one action's options, with an example

Example: pipe schedule next pipes/ --count 5
`;
}

const format = () => new Option('--format <format>', 'how to print it').choices(['text', 'json']).default('text');
const paths = (args: readonly string[]) => (args.length === 0 ? ['.'] : args);

/** What is wrong with files goes to stderr; it decides the exit code. */
function tellProblems({ problems }: ScheduleList): number {
  for (const { text } of problems) process.stderr.write(text);
  return problems.length === 0 ? 0 : 2;
}

async function list(argv: string[]): Promise<number> {
  const program = new Command('pipe schedule list')
    .description('Lists the triggers of pipe files and folders; of this folder, unless told.')
    .argument('[paths...]', 'pipe files, or folders with some')
    .addOption(format())
    .addHelpText('after', '\nExample: pipe schedule list pipes/');
  const parsed = parse<{ format: string }>(program, argv);
  if (parsed.code !== undefined) return parsed.code;
  return withEngine(async (engine) => {
    const found = await engine.schedules.list(paths(parsed.args));
    if (parsed.options.format === 'json') process.stdout.write(`${jsonText(found.schedules, 2)}\n`);
    else if (found.schedules.length > 0) process.stdout.write(schedulesTable(found.schedules, painter(process.stdout)));
    else process.stderr.write('There are no triggers.\n');
    return tellProblems(found);
  });
}

async function next(argv: string[]): Promise<number> {
  const program = new Command('pipe schedule next')
    .description('Shows when triggers are due next.')
    .argument('[paths...]', 'pipe files, or folders with some')
    .option('--count <count>', 'so many times', wholeNumber, 10)
    .option('--from <time>', 'after this time, such as 2026-03-28T00:00:00Z; now unless told', time)
    .addOption(format())
    .addHelpText('after', '\nExample: pipe schedule next nightly.yaml --count 3');
  const parsed = parse<{ count: number; from?: Date; format: string }>(program, argv);
  if (parsed.code !== undefined) return parsed.code;
  const { count, from, format: style } = parsed.options;
  return withEngine(async (engine) => {
    const found = await engine.schedules.list(paths(parsed.args), { count, ...(from === undefined ? {} : { from }) });
    if (style === 'json') process.stdout.write(`${jsonText(nextTimes(found.schedules, count), 2)}\n`);
    else process.stdout.write(nextTable(found.schedules, count, painter(process.stdout)));
    return tellProblems(found);
  });
}

function nextTimes(schedules: readonly ScheduleInfo[], count: number) {
  return schedules
    .flatMap(({ pipe, trigger, next }) => next.map((scheduled) => ({ scheduled, pipe, trigger })))
    .sort((a, b) => (a.scheduled < b.scheduled ? -1 : 1))
    .slice(0, count);
}

interface RunOptions {
  trigger: number;
  param: Record<string, string>;
  log: LogStyle;
  quiet?: boolean;
}

async function run(argv: string[]): Promise<number> {
  const program = new Command('pipe schedule run')
    .description('Runs a pipe now, with the params of its trigger. The times at which it is due stay as they are.')
    .argument('<file>', 'the pipe file')
    .option('--trigger <number>', 'which of its triggers', wholeNumber, 1)
    .option('-p, --param <name=value>', 'a value in place of that of the trigger', collectParam, {})
    .addOption(new Option('--log <style>', 'json: one event a line').choices(['auto', 'plain', 'json']).default('auto'))
    .option('-q, --quiet', 'warnings and errors only')
    .addHelpText('after', '\nExample: pipe schedule run nightly.yaml');
  const parsed = parse<RunOptions>(program, argv);
  if (parsed.code !== undefined) return parsed.code;
  const [file] = parsed.args as [string];
  const { trigger, param, log, quiet } = parsed.options;
  return follow(
    async (engine, signal) => {
      const { params, time } = await engine.schedules.options(file, trigger, 'now');
      const own = Object.fromEntries(Object.entries(params).filter(([name]) => !Object.hasOwn(param, name)));
      const scheduled = { time };
      return engine.run(file, { params: own, texts: param, scheduled, signal, trigger: 'cli', stdout: writeData });
    },
    { log, ...(quiet === undefined ? {} : { quiet }) },
  );
}

async function change(action: 'pause' | 'resume', argv: string[]): Promise<number> {
  const program = new Command(`pipe schedule ${action}`)
    .description(
      action === 'pause'
        ? 'Keeps `pipe serve` from running the triggers of these pipes, until they are resumed. What is missed is not made up for.'
        : 'Lets the triggers of paused pipes run again, from now on.',
    )
    .argument('<paths...>', 'pipe files, or folders with some')
    .addHelpText('after', `\nExample: pipe schedule ${action} nightly.yaml`);
  const parsed = parse(program, argv);
  if (parsed.code !== undefined) return parsed.code;
  return withEngine(async (engine) => {
    const pipes = await engine.schedules[action](parsed.args);
    for (const pipe of pipes) process.stderr.write(`${pipe} is ${action === 'pause' ? 'paused' : 'active'}\n`);
    if (pipes.length === 0) process.stderr.write('There are no triggers.\n');
    return 0;
  });
}

async function install(argv: string[]): Promise<number> {
  const program = new Command('pipe schedule install')
    .description("Prints what makes the machine's scheduler call `pipe run`; installs it with --write.")
    .argument('[paths...]', 'pipe files, or folders with some')
    .addOption(new Option('--cron', 'as lines of your crontab').conflicts('systemd'))
    .option('--systemd', 'as systemd timers of yours')
    .option('--write', 'into the crontab, or the folder of the units')
    .addHelpText('after', '\nExample: pipe schedule install --systemd pipes/ --write');
  const parsed = parse<{ cron?: boolean; systemd?: boolean; write?: boolean }>(program, argv);
  if (parsed.code !== undefined) return parsed.code;
  const { cron, systemd, write = false } = parsed.options;
  if (cron !== true && systemd !== true) {
    process.stderr.write('pipe schedule install: say --cron or --systemd\nSee `pipe schedule install --help`.\n');
    return 2;
  }
  return withEngine((engine) => installAll(engine, paths(parsed.args), cron === true, write));
}

async function installAll(engine: Engine, where: readonly string[], cron: boolean, write: boolean): Promise<number> {
  const found = await engine.schedules.list(where);
  const code = tellProblems(found);
  if (code !== 0) return code;
  const { installCron, installSystemd } = await import('../schedule-install.ts');
  if (cron) {
    const text = await installCron(found.schedules, where.map((path) => resolve(path)).join(' '), write);
    process.stdout.write(text);
    if (write) process.stderr.write('It is in your crontab; `crontab -l` shows it.\n');
    return 0;
  }
  const { text, enable } = installSystemd(found.schedules, write);
  process.stdout.write(text);
  process.stderr.write(`${write ? 'Written. Now say' : 'With --write it is put there; then say'}: ${enable}\n`);
  return 0;
}

function wholeNumber(text: string): number {
  if (!/^\d+$/.test(text) || Number(text) < 1) throw new InvalidArgumentError('It must be a whole number from 1 on.');
  return Number(text);
}

function time(text: string): Date {
  const at = new Date(text);
  if (Number.isNaN(at.getTime())) throw new InvalidArgumentError('Write it as 2026-01-31 or 2026-01-31T06:00:00Z.');
  return at;
}
