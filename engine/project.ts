// The project: the nearest `pipewright.yaml` above a pipe, with what its pipes share.
import { stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import type { Project as ProjectFile } from '../schemas/generated/types.ts';
import type { ConnectionDefinition, ConnectionHome } from './connections.ts';
import type { OwnConnectors } from './connector-parts.ts';
import type { Diagnostic } from './diagnostics.ts';
import { loadFile } from './load.ts';
import { shownPath } from './shown-path.ts';
import { isMap } from './validate/tasks.ts';

export const projectFileName = 'pipewright.yaml';

// 20,000 connections of ten fields, where they cannot be read the fast way.
const mostTokens = 2_000_000;

/** A file with connections: a project's, or the user's own. */
export interface ConnectionsFile {
  /** For messages: from the current folder, where it is in it. */
  file: string;
  /** Its folder, from the root. */
  folder: string;
  home: ConnectionHome;
  /** Where credentials are kept, as the file says. */
  credentials: ProjectFile['credentials'];
  /** Where runs and positions are kept, as the file says. */
  state: ProjectFile['state'];
  /** How every pipe runs that does not say otherwise. */
  settings: ProjectFile['settings'];
  /** Mistakes of the whole file, or of the connections with these aliases. Sorted, errors and warnings. */
  check(own: OwnConnectors, only?: ReadonlySet<string>): Promise<Diagnostic[]>;
  line(number: number): string | undefined;
}

/** The nearest project file, in `folder` or above. */
export async function findProject(folder: string): Promise<string | undefined> {
  for (let at = resolve(folder); ; at = dirname(at)) {
    const file = join(at, projectFileName);
    if (await isFile(file)) return file;
    if (dirname(at) === at) return undefined;
  }
}

async function isFile(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isFile();
  } catch {
    return false;
  }
}

/** Throws what keeps the file from being read; mistakes in it are for `check`. `home`: `project` or `user`. */
export async function loadConnections(
  file: string,
  home: string,
  connectors: ReadonlySet<string>,
): Promise<ConnectionsFile> {
  const shown = shownPath(file);
  const { source, diagnostics, line } = await loadFile(shown, { mostTokens });
  const folder = dirname(resolve(file));
  // A file that someone has just made is no mistake.
  const unreadable = diagnostics.filter(({ code }) => code !== 'FILE_EMPTY');
  const value = source !== undefined && isMap(source.value) ? source.value : {};
  const definitions = Object.entries(isMap(value.connections) ? value.connections : {}).filter(([, each]) =>
    isMap(each),
  );
  return {
    file: shown,
    folder,
    line,
    home: {
      home,
      connections: Object.fromEntries(definitions) as Record<string, ConnectionDefinition>,
      file: resolve(file),
      folder,
    },
    credentials: value.credentials as ProjectFile['credentials'],
    state: value.state as ProjectFile['state'],
    settings: value.settings as ProjectFile['settings'],
    async check(own, only) {
      if (source === undefined) return unreadable;
      return (await import('./project-check.ts')).checkConnectionsFile(source, connectors, own, only);
    },
  };
}
