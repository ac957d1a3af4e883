// The homes of connections around a pipe, apart from its own: the project's, then the user's.
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { ConnectionHome, FoundConnection } from './connections.ts';
import type { OwnConnector, OwnConnectors } from './connector-parts.ts';
import type { Diagnostic } from './diagnostics.ts';
import { type ConnectionsFile, findProject, loadConnections } from './project.ts';
import { registryFile } from './registry.ts';

/** What is around one folder. */
export interface Homes {
  project: ConnectionsFile | undefined;
  user: ConnectionsFile | undefined;
  /** The connectors of the project's own. */
  connectors: OwnConnectors;
  /** For a lookup, the nearest first. */
  homes: ConnectionHome[];
  /** Mistakes of the whole project file, and of those of the project's manifests and of the user's connections that are used. */
  check(used: readonly FoundConnection[]): Promise<Diagnostic[]>;
}

export interface HomesOptions {
  /** The user's configuration folder. */
  configFolder: string;
  /** Connectors that there are. */
  connectors: ReadonlySet<string>;
  /** Reads a manifest of a project. */
  loadManifest(file: string): Promise<OwnConnector>;
}

/** Finds what is around a folder. Files are read again when they have changed. */
export function createHomes(options: HomesOptions): (folder: string) => Promise<Homes> {
  const { configFolder, connectors, loadManifest } = options;
  const readProject = cached((file) => loadConnections(file, 'project', connectors));
  const readUser = cached((file) => loadConnections(file, 'user', connectors));
  const readManifest = cached(loadManifest);

  return async (folder) => {
    const projectFile = await findProject(folder);
    const project = projectFile === undefined ? undefined : await readProject(projectFile);
    const user = await readUser(registryFile(configFolder));
    const files = project === undefined ? [] : await manifestFiles(project.folder);
    const loaded = await Promise.all(files.map(readManifest));
    const own: OwnConnectors = new Map(loaded.flatMap((each) => (each === undefined ? [] : [[each.name, each]])));
    const ofProject = project && (own.size === 0 ? project.home : { ...project.home, connectors: own });
    return {
      project,
      user,
      connectors: own,
      homes: [ofProject, user?.home].filter((home) => home !== undefined),
      async check(used) {
        const saved = used.filter(({ home }) => home === 'user').map(({ alias, name }) => alias ?? name);
        const ofUser = saved.length === 0 ? [] : await user!.check(own, new Set(saved));
        // A manifest that nothing here uses stops nothing.
        const needed = new Set(used.map(({ definition }) => definition.connector));
        const ofManifests = [...own.values()].flatMap(({ name, diagnostics }) => (needed.has(name) ? diagnostics : []));
        return [...((await project?.check(own)) ?? []), ...ofManifests, ...ofUser];
      },
    };
  };
}

/** The manifests in a project's folder. */
async function manifestFiles(folder: string): Promise<string[]> {
  const inside = join(folder, 'connectors');
  try {
    const entries = await readdir(inside, { withFileTypes: true });
    const files = entries.filter((entry) => entry.name.endsWith('.yaml') && !entry.isDirectory());
    return files.map(({ name }) => join(inside, name)).sort();
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) return [];
    throw error;
  }
}

/** Reads a file again when it has changed; gives undefined where there is none. */
function cached<T>(load: (file: string) => Promise<T>) {
  const known = new Map<string, { version: string; loaded: Promise<T> }>();
  return async (file: string): Promise<T | undefined> => {
    const version = await versionOf(file);
    if (version === undefined) return undefined;
    let found = known.get(file);
    if (found?.version !== version) {
      found = { version, loaded: load(file) };
      known.set(file, found);
    }
    return found.loaded;
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
