// What `engine.runs` offers: the history of runs around the engine's folder.
import type { RunEvent } from './contracts/run.ts';
import type { RunFilter, RunRecord, RunSummary, StateStore } from './contracts/state.ts';
import type { Definitions } from './definitions.ts';
import type { Launch, Run } from './engine.ts';
import { failure } from './errors.ts';
import type { RunOptions } from './run.ts';
import type { Prepare, ReplayOptions, RetryOptions } from './runs-again.ts';
import { didYouMean } from './suggest.ts';
import type { Surroundings } from './surroundings.ts';

export interface Runs {
  /** The newest first. */
  list(filter?: RunFilter): Promise<RunSummary[]>;
  /** By its id, or the newest one for `last`. RUN_UNKNOWN where there is none. */
  get(id: string): Promise<RunRecord>;
  events(id: string): Promise<RunEvent[]>;
  /** Goes on with a run that did not end well, from the first stage that is not done. */
  retry(id: string, o?: RetryOptions & RunOptions): Run;
  /** Does a run anew, with its own definition and params. */
  replay(id: string, o?: ReplayOptions & RunOptions): Run;
  /** Removes runs that have ended: all but the newest so many of each pipe, and those older. Gives how many. */
  prune(keep?: { runs?: number; forMs?: number; pipe?: string }): Promise<number>;
}

export interface Launching {
  definitions: Definitions;
  launch: Launch;
  /** What is told of a failure, without secrets. */
  cleaned<T>(work: Promise<T>): Promise<T>;
}

export function createRuns(surroundings: Surroundings, { definitions, launch, cleaned }: Launching): Runs {
  const { around, folder, states, redactor } = surroundings;
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
  const again = <O>(id: string, preparing: () => Promise<Prepare<O>>, o: O & RunOptions): Run => {
    const prepared = async () => {
      const prepare = await preparing();
      const state = await open();
      return prepare(await get(state, id), o, { definitions, redactor, state });
    };
    return launch(cleaned(prepared()), o);
  };
  return {
    retry: (id, o = {}) => again<RetryOptions>(id, async () => (await import('./runs-again.ts')).prepareRetry, o),
    replay: (id, o = {}) => again<ReplayOptions>(id, async () => (await import('./runs-again.ts')).prepareReplay, o),
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
