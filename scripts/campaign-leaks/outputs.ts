// Everything that can be done with planted connections, and what comes out: of the library, and of the command.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { inspect } from 'node:util';
import type { Engine } from '../../index.ts';
import { pipeCommand } from '../../test/cli/pipe.ts';
import { environment, type Planted, type PlantedPipe } from './planting.ts';

/** Told of each output; `planted` are the canaries that may be in it, all where it is left out. */
export type Search = (channel: string, text: string, planted?: readonly string[]) => void;

/** Where a server says nothing it is tried for so long; where one answers, as long as a busy machine takes. */
const patienceMs = { timeout: 600, other: 30_000 };
/** What a run of the command takes at most, with timeouts of 300 ms and five attempts. */
const mostSeconds = 20;

/** Check, plan and run; gives whether the run succeeded. */
export async function exercise(
  engine: Engine,
  { name, file, params }: PlantedPipe,
  hangs: boolean,
  search: Search,
): Promise<boolean> {
  const planted = [name];
  const caught = (what: string) => (error: unknown) => {
    searchError(what, error, search, planted);
    return false;
  };
  const checked = await engine.check(file);
  search('check', `${checked.text()}\n${JSON.stringify(checked.diagnostics)}`, planted);
  await engine.plan(file, { params }).then((plan) => search('plan', JSON.stringify(plan), planted), caught('plan'));
  const run = engine.run(file, {
    params,
    signal: AbortSignal.timeout(hangs ? patienceMs.timeout * 3 : patienceMs.other),
  });
  const events: string[] = [];
  run.on((event) => events.push(JSON.stringify(event, bigints), inspect(event, { depth: 9 })));
  const succeeded = await run.result.then((report) => {
    search('report', JSON.stringify(report), planted);
    return true;
  }, caught('run'));
  search('events', events.join('\n'), planted);
  return succeeded;
}

export async function lookAt(
  engine: Engine,
  alias: string,
  path: string,
  hangs: boolean,
  search: Search,
): Promise<void> {
  const { connections } = engine;
  const timeoutMs = hangs ? patienceMs.timeout : patienceMs.other;
  const o = () => ({ signal: AbortSignal.timeout(timeoutMs) });
  const calls: Record<string, () => Promise<unknown>> = {
    list: () => connections.list(),
    get: () => connections.get(alias),
    verify: () => connections.verify(alias, { timeoutMs }),
    export: () => connections.export(),
    describe: () => connections.describe(`/${alias}/${path}`, o()),
    sample: () => connections.sample(`/${alias}/${path}`, o()),
    ls: () => connections.ls(`/${alias}/`, o()),
    query: () => connections.query(alias, 'select * from nothing_here', o()),
  };
  for (const [what, call] of Object.entries(calls)) {
    await call().then(
      (value) => search(what, JSON.stringify(value, bigints)),
      (error) => searchError(what, error, search),
    );
  }
}

/** An error in every way it can be printed: message, stack, cause, JSON, and inspected with all its properties. */
function searchError(what: string, error: unknown, search: Search, planted?: readonly string[]): void {
  const texts = [
    String(error),
    JSON.stringify(error, bigints),
    inspect(error, { depth: 12, showHidden: true, maxStringLength: null, maxArrayLength: null }),
  ];
  for (let each = error; each instanceof Error; each = each.cause) {
    texts.push(each.message, each.stack ?? '', JSON.stringify({ ...each }, bigints));
    const { diagnostics, report } = each as { diagnostics?: { text?(): string }; report?: unknown };
    texts.push(diagnostics?.text?.() ?? '', JSON.stringify(report, bigints) ?? '');
  }
  search(`${what}: error`, texts.join('\n'), planted);
}

function bigints(_: string, value: unknown): unknown {
  return typeof value === 'bigint' ? String(value) : value;
}

export interface CommandOptions {
  /** The first of the pipes that are run, one in each log style. */
  first: number;
  /** Whether to do what looks at the definitions only, which is the same wherever they lead. */
  definitions: boolean;
  /** Processes at the same time. */
  atOnce: number;
  /** A module that the command loads first, to make it crash: only the runs then. */
  crash?: string;
}

export const logStyles = [['--log', 'auto'], ['--log', 'plain', '--report', 'json'], ['--log', 'json'], ['--quiet']];
const nearby = `--import ${new URL('nearby.mjs', import.meta.url)}`;

/** What the processes did. */
export interface Commanded {
  succeeded: number;
  /** What had to be ended. */
  late: string[];
}

/** The command in every format, with all pipes, and in every log style, with a pipe each. */
export async function exerciseCommand(
  { folder, root, pipes, together, saved }: Planted,
  { first, atOnce, definitions, crash }: CommandOptions,
  search: Search,
): Promise<Commanded> {
  const commanded: Commanded = { succeeded: 0, late: [] };
  const env = {
    ...environment,
    NODE_OPTIONS: nearby,
    XDG_CONFIG_HOME: join(root, 'config'),
    XDG_STATE_HOME: join(root, 'state'),
    ...(crash === undefined ? {} : { NODE_OPTIONS: `${nearby} --import ${crash}` }),
  };
  const run = async (args: string[]) => {
    const { code, stdout, stderr } = await pipeCommand(args, { cwd: folder, env, mostMs: mostSeconds * 1000 });
    const shown = `pipe ${args.slice(0, 2).join(' ')} … ${args.at(-1)}`;
    if (code === null) commanded.late.push(shown);
    if (code === 0 && args[0] === 'run') commanded.succeeded += 1;
    search(shown, `${stdout}\n${stderr}`);
  };
  const runsOfPipes = logStyles.map((style, i) => {
    const { file, params } = pipes[(first + i) % pipes.length]!;
    return ['run', file, ...Object.entries(params).flatMap(([name, value]) => ['-p', `${name}=${value}`]), ...style];
  });
  if (crash !== undefined) {
    await inTurn(runsOfPipes, atOnce, run);
    return commanded;
  }
  const onlyLook = [
    ...['text', 'json', 'sarif'].map((format) => ['check', '--format', format, ...pipes.map(({ file }) => file)]),
    ...['text', 'json'].map((format) => ['plan', '--format', format, together]),
    ...(saved.length === 0 ? [] : [['list', '--format', 'json'], ['export'], ['show', saved[0]!]]).map((args) => [
      'connections',
      ...args,
    ]),
  ];
  const verify = ['connections', 'verify', '--all', '--timeout', '1'];
  const commands = [
    ...(definitions ? onlyLook : []),
    ...(saved.length === 0 ? [] : [verify, [...verify, '--format', 'json']]),
    ...runsOfPipes,
  ];
  await inTurn(commands, atOnce, run);
  return commanded;
}

/** Does the work for each item, so many at a time. */
export async function inTurn<T>(items: readonly T[], atOnce: number, work: (item: T) => Promise<void>): Promise<void> {
  const waiting = [...items];
  const lane = async () => {
    for (let item = waiting.shift(); item !== undefined; item = waiting.shift()) await work(item);
  };
  await Promise.all(Array.from({ length: atOnce }, lane));
}

export function textsBelow(folder: string): [path: string, text: string][] {
  try {
    return readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => [entry.name, readFileSync(join(entry.parentPath, entry.name), 'latin1')]);
  } catch {
    return [];
  }
}
