// Plants canary secrets in every kind of connection, makes runs succeed, fail, hang and crash, and looks for them in all that comes out.
// The library has every canary in every field of every connector in every scenario: each way in for a success, some of the ways in turn for
// the rest; and fewer for the services of connectors/apis, which one interpreter reads. The command, as processes, has every connector once
// in each scenario, format and log style: what only looks at definitions and what tries the connections have all canaries at once, each run
// has another one; fields and ways take turns.
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import './campaign-leaks/nearby.mjs';
import type { Redactor } from '../engine/redact.ts';
import { createEngine } from '../index.ts';
import { apis } from '../schemas/generated/apis.ts';
import { compileSources } from '../test/cli/compile.ts';
import { canaries, leaksIn } from './campaign-leaks/canaries.ts';
import { startHostile } from './campaign-leaks/hostile.ts';
import {
  exercise,
  exerciseCommand,
  inTurn,
  logStyles,
  lookAt,
  type Search,
  textsBelow,
} from './campaign-leaks/outputs.ts';
import {
  crashingStore,
  environment,
  type Planting,
  plant,
  type Scenario,
  scenarios,
  type Target,
  targets,
  type Way,
  waits,
  ways,
} from './campaign-leaks/planting.ts';
import { realServerOf, tokenAnswer } from './campaign-leaks/servers.ts';

export interface Outcome {
  connector: string;
  scenario: Scenario;
  /** Outputs that were searched. */
  searched: number;
  /** Runs that came to a good end. */
  succeeded: number;
  leaks: string[];
  /** Processes that had to be ended. */
  late: string[];
  seconds: number;
}

export interface CampaignOptions {
  /** All, unless told: connectors, their fields, canaries, ways, scenarios. */
  connectors?: readonly string[];
  fields?: readonly string[];
  canaries?: readonly string[];
  ways?: readonly Way[];
  scenarios?: readonly Scenario[];
  /** The library, the command as processes, or both. */
  parts: readonly ('library' | 'command')[];
  /** In place of the engine's own: to see that the search finds what is not redacted. */
  redactor?: Redactor;
  /** Told of each outcome. */
  progress?(outcome: Outcome): void;
}

/** Connectors that have no run with a good end, though they should. */
export function unproved(outcomes: readonly Outcome[]): string[] {
  const good = outcomes.filter(({ scenario }) => scenario === 'success');
  return [...new Set(good.map(({ connector }) => connector))].filter(
    (connector) => !good.some((each) => each.connector === connector && each.succeeded > 0),
  );
}

const crash = fileURLToPath(new URL('campaign-leaks/crash.mjs', import.meta.url));

/** Throws for a connector that the campaign has no server for. */
export async function runLeakCampaign(options: CampaignOptions): Promise<Outcome[]> {
  const { progress, scenarios: tried = scenarios } = options;
  const all = targets().filter(
    ({ connector, field }) =>
      options.connectors?.includes(connector) !== false && options.fields?.includes(field) !== false,
  );
  const names = [...new Set(all.map(({ connector }) => connector))];
  const missing = names.filter((connector) => realServerOf(connector) === undefined);
  if (missing.length > 0)
    throw new Error(`no server for ${missing.join(', ')}: add one to scripts/campaign-leaks/servers.ts`);
  const hostile = await startHostile();
  const outcomes: Outcome[] = [];
  Object.assign(process.env, environment);
  try {
    for (const connector of names) {
      const real = await realServerOf(connector)!(hostile);
      try {
        for (const scenario of tried) {
          const started = Date.now();
          const outcome: Outcome = { connector, scenario, searched: 0, succeeded: 0, leaks: [], late: [], seconds: 0 };
          const { http } = hostile;
          process.env.LEAK_TOKEN_URL =
            {
              timeout: `${http.url}/hang/token`,
              'connection cut': `${http.url}/cut/token`,
              success: tokenAnswer(http),
            }[scenario as string] ?? `${http.url}/no/token`;
          const place = { scenario, hostile, real, names: options.canaries ?? Object.keys(canaries) };
          const fields = all.filter((each) => each.connector === connector);
          if (options.parts.includes('library')) await library(fields, place, outcome, options);
          if (options.parts.includes('command')) await command(connector, fields, place, outcome, options);
          outcome.seconds = (Date.now() - started) / 1000;
          outcomes.push(outcome);
          progress?.(outcome);
        }
      } finally {
        await real.close();
      }
    }
  } finally {
    for (const name of Object.keys(environment)) delete process.env[name];
    await hostile.close();
  }
  return outcomes;
}

type Place = Omit<Planting, keyof Target | 'way'>;

/** The ways that a field is given in, in the library, as the head of this file says. */
function waysOf(connector: string, at: number, scenario: Scenario, { ways: chosen }: CampaignOptions): readonly Way[] {
  // Secrets that stand in the text are there before anything can break that has them.
  const all = (chosen ?? ways).filter((way) => scenario !== 'crash' || !way.startsWith('text'));
  if (chosen !== undefined) return all.length === 0 ? chosen : all;
  const isService = Object.hasOwn(apis, connector);
  if (scenario === 'success' && !isService) return all;
  const often = scenario === 'wrong password' ? 4 : 2;
  // A service may take no text that does not look like its secrets: not the first of the ways.
  const first = at + 2 * scenarios.indexOf(scenario) + (isService ? 3 : 0);
  return [0, 4, 2, 7]
    .slice(0, isService ? Math.ceil(often / 2) : often)
    .map((step) => all[(first + step) % all.length]!);
}

async function library(
  fields: readonly Target[],
  place: Place,
  outcome: Outcome,
  options: CampaignOptions,
): Promise<void> {
  const plantings = fields.flatMap((target, i) =>
    waysOf(target.connector, i, place.scenario, options).map((way) => ({ ...target, ...place, way })),
  );
  const { redactor } = options;
  // Where a server says nothing, the time goes by in waiting.
  await inTurn(plantings, place.scenario === 'timeout' ? 8 : 2, async (planting) => {
    const { way, scenario, names, field } = planting;
    const hangs = waits(scenario);
    const search = searchOf(planting, outcome);
    const planted = await plant(planting);
    const { root, folder, pipes, saved } = planted;
    try {
      const engine = createEngine({
        folder,
        configFolder: join(root, 'config/pipewright'),
        stateFolder: join(root, 'state'),
        ...(redactor === undefined ? {} : { redactor }),
        ...(scenario === 'crash' && way === 'store' ? { credentials: crashingStore(names, field) } : {}),
      });
      try {
        const runs = await Promise.all(pipes.map((pipe) => exercise(engine, pipe, hangs, search)));
        outcome.succeeded += runs.filter((done) => done).length;
        const path = planting.real?.path ?? 'a.csv';
        await Promise.all(saved.map((alias) => lookAt(engine, alias, path, hangs, search)));
      } finally {
        await engine.close();
      }
      searchFiles(planted.root, way, search);
    } finally {
      rmSync(root, { recursive: true });
    }
  });
}

async function command(
  connector: string,
  fields: readonly Target[],
  place: Place,
  outcome: Outcome,
  { ways: chosen = ways }: CampaignOptions,
): Promise<void> {
  const at = scenarios.indexOf(place.scenario);
  const turn = [...new Set(targets().map((each) => each.connector))].indexOf(connector) + at;
  const atOnce = place.scenario === 'timeout' ? 6 : 2;
  const work = async (planting: Planting, crash?: string) => {
    const search = searchOf(planting, outcome);
    const planted = await plant(planting);
    try {
      const unseen = !(waits(planting.scenario) || planting.scenario === 'wrong password');
      const o = {
        first: at * logStyles.length,
        atOnce,
        definitions: unseen,
        ...(crash === undefined ? {} : { crash }),
      };
      const { succeeded, late } = await exerciseCommand(planted, o, search);
      outcome.succeeded += succeeded;
      outcome.late.push(...late.map((each) => `${connector}, ${planting.scenario}: ${each}`));
      searchFiles(planted.root, planting.way, search);
    } finally {
      rmSync(planted.root, { recursive: true });
    }
  };
  const field = fields[at % fields.length]!;
  await work({ ...field, ...place, way: chosen[turn % chosen.length]! });
  if (place.scenario === 'crash')
    await work({ ...fields[0]!, ...place, scenario: 'success', way: 'environment' }, crash);
}

function searchOf({ connector, field, way, scenario, names }: Planting, outcome: Outcome): Search {
  return (channel, text, planted = names) => {
    outcome.searched += 1;
    for (const leak of leaksIn(text, planted))
      outcome.leaks.push(`${connector}.${field}, ${way}, ${scenario}, ${channel}: ${leak}`);
  };
}

function searchFiles(root: string, way: Way, search: Search): void {
  for (const [path, text] of textsBelow(join(root, 'state'))) search(`state file ${path}`, text);
  if (way !== 'text in the registry')
    for (const [path, text] of textsBelow(join(root, 'config'))) search(`registry ${path}`, text);
}

async function main(): Promise<void> {
  const only = process.argv.slice(2).filter((each) => !each.startsWith('-'));
  const parts = (['library', 'command'] as const).filter((part) => !process.argv.includes(`--no-${part}`));
  const compiled = await compileSources();
  process.env.PIPE_TEST_COMPILED = compiled.folder;
  console.log(
    `${Object.keys(canaries).length} canaries in ${targets().length} fields of connectors: ${parts.join(', ')}`,
  );
  try {
    const outcomes = await runLeakCampaign({
      parts,
      ...(only.length === 0 ? {} : { connectors: only }),
      progress(outcome) {
        console.log(line(outcome.connector, outcome.scenario, [outcome]));
        for (const leak of outcome.leaks.slice(0, 5)) console.log(`      ${leak}`);
        for (const late of outcome.late) console.log(`      ended after its time: ${late}`);
      },
    });
    console.log('\nOf each connector, in all scenarios:');
    for (const connector of new Set(outcomes.map((each) => each.connector))) {
      const own = outcomes.filter((each) => each.connector === connector);
      console.log(line(connector, '', own));
    }
    console.log(line('all', '', outcomes));
    const notSeen = unproved(outcomes);
    for (const connector of notSeen) console.log(`no run of ${connector} succeeded: its success was not looked at`);
    const wrong = outcomes.reduce((sum, { leaks, late }) => sum + leaks.length + late.length, notSeen.length);
    process.exitCode = wrong === 0 ? 0 : 1;
  } finally {
    compiled.remove();
  }
}

function line(connector: string, scenario: string, outcomes: readonly Outcome[]): string {
  const sum = (of: (outcome: Outcome) => number) => outcomes.reduce((total, each) => total + of(each), 0);
  const searched = String(sum((each) => each.searched)).padStart(6);
  const succeeded = String(sum((each) => each.succeeded)).padStart(5);
  const leaks = String(sum(({ leaks }) => leaks.length)).padStart(4);
  const late = sum(({ late }) => late.length);
  const seconds = sum((each) => each.seconds).toFixed(1);
  const named = `  ${connector.padEnd(13)}  ${scenario.padEnd(18)}`;
  return `${named}  ${searched} outputs  ${succeeded} good runs  ${leaks} leaks  ${late} late  ${seconds} s`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main();
