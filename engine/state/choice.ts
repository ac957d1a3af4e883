// Which state an engine uses: what it was told, else the one of the project around a pipe, else the user's.
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { StateStore } from '../contracts/state.ts';
import { durationMs } from '../duration.ts';
import type { Homes } from '../homes.ts';

/**
 * `project`: as `pipewright.yaml` around the pipe says, and none without one. `user`: the same, and the user's own
 * without one. `memory`: for as long as the engine lives. `none`: nothing is kept. A file, or a store of one's own.
 */
export type StateChoice = 'project' | 'user' | 'memory' | 'none' | { file: string } | StateStore;

/** How many runs of each pipe stay in the history, and for how long. */
export interface Retention {
  runs: number;
  forMs: number;
}

export interface State {
  /** Opened when it is first asked for; undefined where nothing is kept. */
  open(): Promise<StateStore | undefined>;
  /** The same where there is one already; none is made. */
  look(): Promise<StateStore | undefined>;
  retention: Retention;
}

export interface States {
  of(homes: Homes): State;
  close(): Promise<void>;
}

const retained: Retention = { runs: 1000, forMs: durationMs('90d') };

/** `user`: the folder of the user's own state; `base`: where the path of a file starts. */
export function createStates(choice: StateChoice, { user, base }: { user: string; base: string }): States {
  const files = new Map<string, Promise<StateStore>>();
  let memory: Promise<StateStore> | undefined;

  const openFile = (file: string): Promise<StateStore> => {
    let opening = files.get(file);
    if (opening === undefined) {
      opening = import('./sqlite.ts').then(({ openSqliteState }) => openSqliteState(file));
      files.set(file, opening);
    }
    return opening;
  };
  const inFile = (file: string | undefined): Pick<State, 'open' | 'look'> => ({
    open: async () => (file === undefined ? undefined : openFile(file)),
    look: async () => (file === undefined || !existsSync(file) ? undefined : openFile(file)),
  });
  const fileOf = ({ project }: Homes): { file: string | undefined; retention: Retention } => {
    const said = project?.state ?? (project === undefined ? undefined : {});
    if (said === false) return { file: undefined, retention: retained };
    if (said === undefined)
      return { file: choice === 'user' ? join(user, 'state.db') : undefined, retention: retained };
    const {
      file = '.pipe/state.db',
      keep_runs: runs,
      keep_for: forText,
    } = typeof said === 'string' ? { file: said } : said;
    return {
      file: resolve(project!.folder, file),
      retention: { runs: runs ?? retained.runs, forMs: forText === undefined ? retained.forMs : durationMs(forText) },
    };
  };
  return {
    of(homes) {
      if (choice === 'none') return { open: async () => undefined, look: async () => undefined, retention: retained };
      if (choice === 'memory') {
        const open = () => {
          memory ??= import('./memory.ts').then(({ createMemoryState }) => createMemoryState());
          return memory;
        };
        return { open, look: open, retention: retained };
      }
      if (typeof choice === 'object')
        return 'positions' in choice
          ? { open: async () => choice, look: async () => choice, retention: retained }
          : { ...inFile(resolve(base, choice.file)), retention: retained };
      const { file, retention } = fileOf(homes);
      return { ...inFile(file), retention };
    },
    async close() {
      await Promise.allSettled([...files.values()].map(async (opening) => (await opening).close()));
      files.clear();
    },
  };
}
