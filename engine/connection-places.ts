// Which file a saved connection is in, and how that file is changed.
import { join } from 'node:path';
import { checkConnectionExpressions } from './check/expressions.ts';
import { checkPendingConnectors } from './check/references.ts';
import { type ConnectionEditor, editConnections } from './connection-file.ts';
import { type ConnectionDefinition, createLookup, type FoundConnection } from './connections.ts';
import { failure } from './errors.ts';
import type { Homes } from './homes.ts';
import { loadValue } from './load.ts';
import { projectFileName } from './project.ts';
import { editRegistry, registryFile } from './registry.ts';
import { createReporter } from './report.ts';
import { didYouMean } from './suggest.ts';
import type { Surroundings } from './surroundings.ts';
import { validateProject } from './validate.ts';

export type SavedHome = 'project' | 'user';

/** A saved connection by alias, EID or, for a default one, connector; with what is around. Throws CONNECTION_UNKNOWN. */
export async function findSaved(
  surroundings: Surroundings,
  name: string,
): Promise<{ homes: Homes; found: FoundConnection }> {
  const homes = await surroundings.around(surroundings.folder);
  const lookup = createLookup(homes.homes);
  const found = lookup.find(name);
  if (found !== undefined) return { homes, found };
  const hint = didYouMean(name, lookup.aliases()) || '; `pipe connections list` shows those that are saved';
  throw failure('CONNECTION_UNKNOWN', { name, hint });
}

/** The key of a saved connection in its file. */
export function keyOf({ alias, name, definition }: FoundConnection): string {
  return alias ?? definition.eid ?? name;
}

/** The file of a home, which need not be there yet: a project begins in the current folder. */
export function fileOf(surroundings: Surroundings, { project }: Homes, home: SavedHome): string {
  if (home === 'user') return registryFile(surroundings.configFolder);
  return project?.home.file ?? join(surroundings.folder, projectFileName);
}

/** Changes the connections of a home; each change all or nothing, one at a time across processes. */
export function editHome<T>(
  surroundings: Surroundings,
  homes: Homes,
  home: SavedHome,
  edit: (editor: ConnectionEditor) => T,
  signal: AbortSignal,
): Promise<T> {
  if (home === 'user') return editRegistry(surroundings.configFolder, edit, { signal });
  return editConnections(fileOf(surroundings, homes, home), edit, { signal, shared: true });
}

/** Throws CONNECTION_INVALID, with every mistake, for a definition that its connector's schema refuses. */
export async function validateDefinition(
  surroundings: Surroundings,
  key: string,
  definition: ConnectionDefinition,
): Promise<void> {
  const { source } = await loadValue({ connections: { [key]: definition } }, '<connection>');
  const reporter = createReporter(source!);
  const { connectors: own } = await surroundings.around(surroundings.folder);
  await validateProject(reporter, { connectors: new Set(Object.keys(surroundings.parts.connectors)), own });
  checkPendingConnectors(reporter, { [key]: definition });
  await checkConnectionExpressions(reporter, { [key]: definition }, own);
  const errors = reporter.diagnostics.filter(({ severity }) => severity === 'error');
  if (errors.length === 0) return;
  const reason = [
    ...new Set(errors.map(({ message, help }) => (help === undefined ? message : `${message}; ${help}`))),
  ].join('\n');
  throw failure('CONNECTION_INVALID', { reason });
}

/** Throws CONNECTION_EXISTS when a file has the key already. */
export function refuseTaken({ connections }: ConnectionEditor, key: string, where: string): void {
  if (Object.hasOwn(connections, key)) throw failure('CONNECTION_EXISTS', { name: key, where });
}
