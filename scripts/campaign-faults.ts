// Stores with random faults in their answers: each copy ends with the right bytes, or with an error. `STORE [scenarios] [seed]`
import { createHash } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { Failure } from '../engine/errors.ts';
import { fileOf, get, streamOf, writeOptions } from '../test/conformance/files.ts';
import { type FaultyStore, faultyStores, mib, type Random, type StoreName } from './faulty-stores.ts';

export interface Outcome {
  /** Copies with the right bytes, and copies that ended with an error. */
  done: number;
  refused: number;
  failed: string[];
}

/** The same seed gives the same scenarios: Mulberry32. */
function chance(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Writes and reads files of random sizes while one request of so many goes wrong. */
export async function faultyCopies(
  name: StoreName,
  { scenarios, seed }: { scenarios: number; seed: number },
): Promise<Outcome> {
  const outcome: Outcome = { done: 0, refused: 0, failed: [] };
  const store = await faultyStores[name]();
  try {
    for (let scenario = 0; scenario < scenarios; scenario++) {
      const random = chance(seed * 100_003 + scenario);
      const wrong = (what: string) => outcome.failed.push(`${name}, seed ${seed}, scenario ${scenario}: ${what}`);
      const size = Math.floor(random() * [10, 100_000, 13 * mib][Math.floor(random() * 3)]!);
      const content = Buffer.alloc(size, createHash('sha256').update(`${scenario}`).digest());
      outcome[await copyThereAndBack(store, content, random, wrong)]++;
    }
  } finally {
    await store.close();
  }
  return outcome;
}

async function copyThereAndBack(
  store: FaultyStore,
  content: Buffer,
  random: Random,
  wrong: (what: string) => unknown,
): Promise<'done' | 'refused'> {
  store.reset();
  const connection = store.open(random);
  const file = fileOf('a', pieces(content), {
    size: content.length,
    open: (range) => pieces(content.subarray(range?.start ?? 0, range?.end)),
  });
  try {
    store.disturb(random, content.length);
    const inParts = random() < 0.5 ? { parts: { bytes: 5 * mib, atOnce: 2 } } : {};
    await connection.write!(store.path, streamOf(file), writeOptions({ mode: 'replace', ...inParts }));
    if (!store.has(content)) wrong('a write was called done, and the store has other bytes');
    store.disturb(random, content.length);
    if (!(await get(connection, store.path)).equals(content)) wrong('a read was called done with other bytes');
    return 'done';
  } catch (error) {
    if (!(error instanceof Failure) || error.code === 'BUG') wrong(`no clear error: ${(error as Error).stack}`);
    return 'refused';
  } finally {
    for (const left of store.leftovers()) wrong(`${left} was left`);
    await connection.close();
  }
}

async function* pieces(bytes: Buffer): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += 300_000) yield bytes.subarray(at, at + 300_000);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [name = '', scenarios = '1000', seed = String(Date.now() % 100_000)] = process.argv.slice(2);
  if (!Object.hasOwn(faultyStores, name))
    throw new Error(`which store? one of ${Object.keys(faultyStores).join(', ')}`);
  const numbers = { scenarios: Number(scenarios), seed: Number(seed) };
  const { done, refused, failed } = await faultyCopies(name as StoreName, numbers);
  console.log(`${name}, seed ${seed}: ${done} done with the right bytes, ${refused} refused, ${failed.length} wrong`);
  for (const problem of failed) console.log(`  ${problem}`);
  if (failed.length > 0) process.exitCode = 1;
}
