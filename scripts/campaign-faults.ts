// Stores with random faults: each copy ends with the right bytes, or with a clear error. `STORE|FROM-TO [scenarios] [seed] [share of large files]`
import { fileURLToPath } from 'node:url';
import { Failure } from '../engine/errors.ts';
import { createCopier } from './campaign-faults/between.ts';
import { addTo, type Figures, table } from './campaign-faults/faults.ts';
import { type Scenario, scenarioOf } from './campaign-faults/scenario.ts';
import { faultyStores, type StoreName } from './campaign-faults/stores.ts';
import { thereAndBack } from './campaign-faults/there-and-back.ts';

export interface Outcome {
  /** Copies with the right bytes, and copies that ended with an error. */
  done: number;
  refused: number;
  failed: string[];
  /** By kind of fault, by the request that had it, and what refused copies said. */
  kinds: Map<string, Figures>;
  /** Kinds that never happened, where one store is looked at. */
  unmet: string[];
  requests: Map<string, Figures>;
  codes: Map<string, number>;
}

const mostProblems = 30;
const mostMore = 60;

interface Size {
  scenarios: number;
  seed: number;
  /** The share of files that have several parts. */
  large?: number;
}

/** Writes and reads files of random sizes while some of the requests go wrong. */
export async function faultyCopies(name: StoreName, size: Size): Promise<Outcome> {
  const store = await faultyStores[name]();
  try {
    return await scenarios(name, store.kinds, size, (scenario) => {
      store.reset();
      return thereAndBack(store, scenario);
    });
  } finally {
    await store.close();
  }
}

/** Copies from one store to another by the copy task, while requests of both go wrong. */
export async function faultyCopiesBetween(from: StoreName, to: StoreName, size: Size): Promise<Outcome> {
  const source = await faultyStores[from]();
  const target = from === to ? source : await faultyStores[to]();
  const copier = createCopier(source, target);
  try {
    return await scenarios(`${from}-${to}`, [], size, (scenario) => {
      source.reset();
      target.reset();
      return copier.copy(scenario);
    });
  } finally {
    await copier.close();
    await source.close();
    if (target !== source) await target.close();
  }
}

/** Some more than were wanted where there is a kind of fault that has not happened yet. */
async function scenarios(
  name: string,
  wanted: readonly string[],
  size: Size,
  run: (scenario: Scenario) => Promise<void>,
): Promise<Outcome> {
  const outcome: Outcome = {
    done: 0,
    refused: 0,
    failed: [],
    kinds: new Map(),
    unmet: [],
    requests: new Map(),
    codes: new Map(),
  };
  const count = (counts: Map<string, number>, key: string) => counts.set(key, (counts.get(key) ?? 0) + 1);
  const unmet = () => wanted.filter((kind) => !outcome.kinds.has(kind));
  for (
    let number = 0;
    number < size.scenarios || (number < size.scenarios + mostMore && unmet().length > 0);
    number++
  ) {
    const missing = unmet();
    const favourite = number < size.scenarios ? number : wanted.indexOf(missing[number % missing.length]!);
    const kinds = new Map<string, number>();
    const requests = new Map<string, number>();
    const before = outcome.failed.length;
    const wrong = (what: string) => outcome.failed.push(`${name}, seed ${size.seed}, scenario ${number}: ${what}`);
    const hit = (kind: string, request: string) => {
      count(kinds, kind);
      count(requests, request);
    };
    let ending: 'done' | 'refused' | 'wrong' = 'done';
    try {
      const compared = name.includes('-');
      await run(scenarioOf(size.seed, number, { hit, wrong, compared, large: size.large ?? 0.5, favourite }));
    } catch (error) {
      ending = 'refused';
      count(outcome.codes, (error as Failure).code);
      if (!(error instanceof Failure) || error.code === 'BUG') wrong(`no clear error: ${(error as Error).stack}`);
    }
    outcome[ending]++;
    if (outcome.failed.length > before) ending = 'wrong';
    addTo(outcome.kinds, kinds, ending);
    addTo(outcome.requests, requests, ending);
  }
  return { ...outcome, unmet: unmet() };
}

async function main([
  what = '',
  count = '1000',
  seed = String(Date.now() % 100_000),
  large = '0.5',
]: string[]): Promise<void> {
  const [from = '', to] = what.split('-');
  for (const each of to === undefined ? [from] : [from, to]) {
    if (!Object.hasOwn(faultyStores, each))
      throw new Error(`which store? one of ${Object.keys(faultyStores).join(', ')}, or two with - between`);
  }
  const size = { scenarios: Number(count), seed: Number(seed), large: Number(large) };
  const started = performance.now();
  const outcome =
    to === undefined
      ? await faultyCopies(from as StoreName, size)
      : await faultyCopiesBetween(from as StoreName, to as StoreName, size);
  const { done, refused, failed, kinds, unmet, requests, codes } = outcome;
  const seconds = Math.round((performance.now() - started) / 1000);
  console.log(
    `${what}, seed ${seed}: of ${done + refused} scenarios ${done} done with the right bytes, ${refused} refused, ${failed.length} wrong; ${seconds} s`,
  );
  console.log(`\n${table('fault', kinds)}\n\n${table('request', requests)}`);
  if (unmet.length > 0) console.log(`\n  never met: ${unmet.join(', ')}`);
  const said = [...codes].sort(([, a], [, b]) => b - a).map(([code, times]) => `${code} ${times}`);
  console.log(`\n  refused with ${said.join(', ')}`);
  for (const problem of failed.slice(0, mostProblems)) console.log(`  ${problem}`);
  if (failed.length > 0) process.exitCode = 1;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main(process.argv.slice(2));
