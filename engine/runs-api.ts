// What `engine.runs` offers: the history of runs around the engine's folder.
import type { RunEvent } from './contracts/run.ts';
import type { RunFilter, RunRecord, RunSummary, StateStore } from './contracts/state.ts';
import { failure } from './errors.ts';
import { didYouMean } from './suggest.ts';
import type { Surroundings } from './surroundings.ts';

export interface Runs {
  /** The newest first. */
  list(filter?: RunFilter): Promise<RunSummary[]>;
  /** By its id, or the newest one for `last`. RUN_UNKNOWN where there is none. */
  get(id: string): Promise<RunRecord>;
  events(id: string): Promise<RunEvent[]>;
  /** Removes runs that have ended: all but the newest so many of each pipe, and those older. Gives how many. */
  prune(keep?: { runs?: number; forMs?: number; pipe?: string }): Promise<number>;
}

export function createRuns({ around, folder, states }: Surroundings): Runs {
  const open = async (): Promise<StateStore> => {
    const state = await states.of(await around(folder)).open();
    if (state !== undefined) return state;
    const why = 'there is none: no pipewright.yaml is around, or it says `state: false`';
    throw failure('STATE_NEEDED', { what: 'the history of runs', why });
  };
  const idOf = async (state: StateStore, id: string): Promise<string> => {
    if (id !== 'last') return id;
    const [newest] = await state.runs({ limit: 1 });
    if (newest === undefined) throw failure('RUN_UNKNOWN', { id, hint: ', as there is none at all' });
    return newest.id;
  };
  const get = async (state: StateStore, id: string): Promise<RunRecord> => {
    const found = await state.run(await idOf(state, id));
    if (found !== undefined) return found;
    const near = didYouMean(
      id,
      (await state.runs({ limit: 500 })).map((run) => run.id),
    );
    throw failure('RUN_UNKNOWN', { id, hint: near || '; `pipe runs list` names them' });
  };
  return {
    list: async (filter) => (await open()).runs(filter),
    get: async (id) => get(await open(), id),
    async events(id) {
      const state = await open();
      return state.events((await get(state, id)).id);
    },
    async prune(keep) {
      const { retention } = states.of(await around(folder));
      return (await open()).prune(keep ?? retention);
    },
  };
}
