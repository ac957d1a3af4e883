// Values that a pipe keeps between runs: in the state, under its name; for the run alone where there is no state.
import type { Value } from './contracts/data.ts';
import type { KeptValues } from './contracts/task.ts';
import type { RunParts } from './frame.ts';
import type { StageParts } from './stage.ts';
import { createMemoryState } from './state/memory.ts';

const withoutState = new WeakMap<RunParts, ReturnType<typeof createMemoryState>>();

async function storeOf({ run, state }: StageParts) {
  const found = await state();
  if (found !== undefined) return found;
  const own = withoutState.get(run) ?? createMemoryState();
  withoutState.set(run, own);
  return own;
}

export async function keptValues(shared: StageParts, apart?: string): Promise<KeptValues> {
  const store = await storeOf(shared);
  // No name of a pipe has a slash in it.
  const space = apart === undefined ? shared.plan.name : `${shared.plan.name}/${apart}`;
  const isTrial = shared.options.dryRun === true;
  return {
    get: (key) => store.get(space, key),
    all: () => store.values(space),
    set: async (key, value, o) => (isTrial ? undefined : store.set(space, key, value, o)),
    remove: async (key) => (isTrial ? undefined : store.remove(space, key)),
  };
}

/** All of them, as `state` in expressions. */
export async function stateNames(shared: StageParts): Promise<Record<string, Value>> {
  return (await storeOf(shared)).values(shared.plan.name);
}
