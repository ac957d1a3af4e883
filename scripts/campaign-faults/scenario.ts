// What one scenario of the fault campaign is made of, all of it by chance.
import { pattern } from '../../test/conformance/files.ts';
import { chance } from '../chance.ts';
import { mib, type Weather } from './faults.ts';

export interface Scenario {
  content: Buffer;
  /** What is at the target before. */
  old: Buffer | undefined;
  weather: Weather;
  /** Told of what must not be. */
  wrong(what: string): void;
}

const largest = 13 * mib;
let bytes: Buffer | undefined;

/** Contents are pieces of one pattern that nowhere repeats, so that bytes in a wrong place show. */
export function scenarioOf(
  seed: number,
  number: number,
  {
    hit,
    wrong,
    compared,
    large,
    favourite,
  }: Pick<Scenario, 'wrong'> & Pick<Weather, 'hit' | 'favourite'> & { compared: boolean; large: number },
): Scenario {
  bytes ??= pattern(largest + 64 * 1024);
  const random = chance(seed * 100_003 + number);
  const from = Math.floor(random() * 64 * 1024);
  const size = Math.floor(random() * (random() < large ? largest : random() < 0.5 ? 100_000 : 10));
  const old = random() < 0.5 ? undefined : bytes.subarray(0, Math.floor(random() * 100_000));
  return {
    content: bytes.subarray(from, from + size),
    old,
    weather: {
      random,
      rate: 0.15 + random() * 0.45,
      favourite,
      met: new Set(),
      bytes: size,
      verified: compared && random() < 0.5,
      hit,
    },
    wrong,
  };
}
