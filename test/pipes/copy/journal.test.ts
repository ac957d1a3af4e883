// What a copy notes: for how long, and that it does without where nothing can be kept.
import { expect, it } from 'vitest';
import type { KeptValues } from '../../../engine/contracts/task.ts';
import { failure } from '../../../engine/errors.ts';
import { createMemoryState } from '../../../engine/state/memory.ts';
import { createJournals } from '../../../pipes/copy/journal.ts';

function listener() {
  const warnings: string[] = [];
  return { warnings, log: { debug() {}, info() {}, warn: (message: string) => void warnings.push(message) } };
}

it('is kept by target, and for less than the week that a store may remember an upload', async () => {
  const store = createMemoryState();
  const ttls: (number | undefined)[] = [];
  const kept = async (apart = ''): Promise<KeptValues> => ({
    get: (key) => store.get(apart, key),
    all: () => store.values(apart),
    set: (key, value, o) => {
      ttls.push(o?.ttlMs);
      return store.set(apart, key, value, o);
    },
    remove: (key) => store.remove(apart, key),
  });
  const { log, warnings } = listener();
  const journal = createJournals({ kept, log });
  await journal('/box/a').note('part', 1);
  await journal('/box/b').note('part', 2);
  expect(await createJournals({ kept, log })('/box/a').read()).toEqual({ part: 1 });
  await journal('/box/a').clear();
  expect(await journal('/box/a').read()).toEqual({});
  expect(await journal('/box/b').read()).toEqual({ part: 2 });
  const day = 24 * 60 * 60 * 1000;
  for (const ttl of ttls) expect(ttl! > 5 * day && ttl! < 7 * day).toBe(true);
  expect(warnings).toEqual([]);
});

it('says once that nothing can be kept', async () => {
  const { log, warnings } = listener();
  const kept = () => Promise.reject(failure('STATE_READ_ONLY', { path: 'state.db', reason: 'permission denied' }));
  const journal = createJournals({ kept, log });
  await journal('/box/a').note('part', 1);
  expect(await journal('/box/a').read()).toEqual({});
  await journal('/box/b').clear();
  expect(warnings).toEqual([expect.stringMatching(/will begin anew.*state\.db/)]);
});
