// The homes of connections around a pipe, apart from its own: the project's, then the user's.
import { stat } from 'node:fs/promises';
import type { ConnectionHome, FoundConnection } from './connections.ts';
import type { Diagnostic } from './diagnostics.ts';
import { type ConnectionsFile, findProject, loadConnections } from './project.ts';
import { registryFile } from './registry.ts';

/** What is around one folder. */
export interface Homes {
  project: ConnectionsFile | undefined;
  user: ConnectionsFile | undefined;
  /** For a lookup, the nearest first. */
  homes: ConnectionHome[];
  /** Mistakes of the whole project file, and of those of the user's connections that are used. */
  check(used: readonly FoundConnection[]): Promise<Diagnostic[]>;
}

export interface HomesOptions {
  /** The user's configuration folder. */
  configFolder: string;
  /** Connectors that there are. */
  connectors: ReadonlySet<string>;
}

/** Finds what is around a folder. Files are read again when they have changed. */
export function createHomes({ configFolder, connectors }: HomesOptions): (folder: string) => Promise<Homes> {
  const known = new Map<string, { version: string; loaded: Promise<ConnectionsFile> }>();

  const load = async (file: string, home: string): Promise<ConnectionsFile | undefined> => {
    const version = await versionOf(file);
    if (version === undefined) return undefined;
    let found = known.get(file);
    if (found?.version !== version) {
      found = { version, loaded: loadConnections(file, home, connectors) };
      known.set(file, found);
    }
    return found.loaded;
  };

  return async (folder) => {
    const projectFile = await findProject(folder);
    const project = projectFile === undefined ? undefined : await load(projectFile, 'project');
    const user = await load(registryFile(configFolder), 'user');
    return {
      project,
      user,
      homes: [project, user].flatMap((file) => file?.home ?? []),
      async check(used) {
        const saved = used.filter(({ home }) => home === 'user').map(({ alias, name }) => alias ?? name);
        const ofUser = saved.length === 0 ? [] : await user!.check(new Set(saved));
        return [...((await project?.check()) ?? []), ...ofUser];
      },
    };
  };
}

async function versionOf(file: string): Promise<string | undefined> {
  try {
    const { mtimeMs, size, ino } = await stat(file);
    return `${mtimeMs} ${size} ${ino}`;
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) return undefined;
    // Whatever else keeps it from being looked at will be told when it is read.
    return '';
  }
}
