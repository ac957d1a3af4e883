// Renaming, removing, disabling and carrying saved connections from one machine to another.

import { touch } from './connection-changes.ts';
import {
  editHome,
  fileOf,
  findSaved,
  keyOf,
  refuseTaken,
  type SavedHome,
  validateDefinition,
} from './connection-places.ts';
import { isPlainText } from './connection-secrets.ts';
import { type ConnectionDefinition, createLookup, eidOf, type FoundConnection, statusKeyOf } from './connections.ts';
import { connectorPart, partOf } from './connector-parts.ts';
import { credentialNames } from './credential-lookup.ts';
import { aliasProblem, isEid, newEid } from './eid.ts';
import { failure } from './errors.ts';
import { withSecretTexts } from './secret-references.ts';
import type { Surroundings } from './surroundings.ts';
import { isMap } from './validate/tasks.ts';

/** Gives a connection another alias. Its EID stays, and with it what is kept and remembered of it. */
export async function renameConnection(
  surroundings: Surroundings,
  name: string,
  alias: string,
  signal: AbortSignal,
): Promise<FoundConnection> {
  const { homes, found: before } = await findSaved(surroundings, name);
  const problem = aliasProblem(alias);
  if (problem !== undefined) throw failure('CONNECTION_INVALID', { reason: `the alias "${alias}" ${problem}` });
  if (alias === before.alias) return before;
  // Under its alias a credential would not be found any more.
  const eid = eidOf(before);
  const after = { ...before, name: alias, alias, definition: { ...before.definition, eid } };
  const where = fileOf(surroundings, homes, before.home as SavedHome);
  await editHome(
    surroundings,
    homes,
    before.home as SavedHome,
    (editor) => {
      refuseTaken(editor, alias, where);
      if (before.definition.eid === undefined) editor.set(keyOf(before), 'eid', eid);
      editor.rename(keyOf(before), alias);
    },
    signal,
  );
  if (before.alias !== undefined && credentialNames(before).includes(before.alias)) {
    const stores = await surroundings.stores(homes);
    const kept = await stores.get(before.alias, {
      signal,
      fields: partOf(before)?.secrets ?? [],
    });
    if (kept?.version !== undefined && (await stores.get(eid, { signal })) === undefined) {
      await stores.put(eid, kept.fields, { signal });
      await stores.remove(before.alias, { signal });
    }
  }
  await touch(surroundings, before, after, false, signal);
  return after;
}

/** Takes a connection out of its file, its credential out of the stores, and what is remembered of it. */
export async function removeConnection(
  surroundings: Surroundings,
  name: string,
  signal: AbortSignal,
): Promise<FoundConnection> {
  const { homes, found } = await findSaved(surroundings, name);
  await editHome(surroundings, homes, found.home as SavedHome, (editor) => editor.remove(keyOf(found)), signal);
  const others = createLookup(homes.homes)
    .all()
    .filter((each) => each !== found && each.definition !== found.definition);
  const stillUsed = new Set(others.flatMap((each) => credentialNames(each)));
  const stores = await surroundings.stores(homes);
  // Under a name that was chosen by hand it may serve others as well.
  const own = found.definition.credential === undefined || found.definition.credential === found.definition.eid;
  for (const each of own ? credentialNames(found) : []) if (!stillUsed.has(each)) await stores.remove(each, { signal });
  await surroundings.status.write(statusKeyOf(found), () => undefined, { signal });
  return found;
}

export async function setDisabled(
  surroundings: Surroundings,
  name: string,
  disabled: boolean,
  signal: AbortSignal,
): Promise<FoundConnection> {
  const { homes, found } = await findSaved(surroundings, name);
  if ((found.definition.disabled === true) === disabled) return found;
  await editHome(
    surroundings,
    homes,
    found.home as SavedHome,
    (editor) => editor.set(keyOf(found), 'disabled', disabled ? true : undefined),
    signal,
  );
  const { disabled: _, ...definition } = found.definition;
  const after = { ...found, definition: (disabled ? { ...definition, disabled } : definition) as ConnectionDefinition };
  await touch(surroundings, found, after, false, signal);
  return after;
}

/** Makes it the connection that is meant where only its connector is named, in place of the one before in its file. */
export async function setDefault(
  surroundings: Surroundings,
  name: string,
  signal: AbortSignal,
): Promise<FoundConnection> {
  const { homes, found } = await findSaved(surroundings, name);
  await editHome(
    surroundings,
    homes,
    found.home as SavedHome,
    (editor) => {
      for (const [key, { connector, default: isDefault }] of Object.entries(editor.connections)) {
        if (connector !== found.definition.connector || key === keyOf(found)) continue;
        if (isDefault !== undefined) editor.set(key, 'default', undefined);
      }
      editor.set(keyOf(found), 'default', true);
    },
    signal,
  );
  return { ...found, definition: { ...found.definition, default: true } };
}

/** Definitions for another machine, as `pipewright.yaml` would have them: never with a secret, and each with its EID. */
export async function exportConnections(
  surroundings: Surroundings,
  names?: readonly string[],
): Promise<{ connections: Record<string, ConnectionDefinition> }> {
  const { homes } = await surroundings.around(surroundings.folder);
  const lookup = createLookup(homes);
  const chosen =
    names === undefined
      ? lookup.all()
      : await Promise.all(names.map(async (name) => (await findSaved(surroundings, name)).found));
  return { connections: Object.fromEntries(chosen.map((found) => [keyOf(found), withoutSecrets(found)])) };
}

function withoutSecrets(found: FoundConnection): ConnectionDefinition {
  const { connector, ...fields } = withSecretTexts(found, () => undefined);
  return { connector, eid: eidOf(found), ...fields };
}

export interface ImportOptions {
  home?: SavedHome;
  /** Connections that are there already are replaced; else they are refused. */
  replace?: boolean;
}

/** Adds definitions as they were exported; all of them, or none. Gives their names. */
export async function importConnections(
  surroundings: Surroundings,
  connections: Readonly<Record<string, ConnectionDefinition>>,
  { home = 'user', replace = false }: ImportOptions,
  signal: AbortSignal,
): Promise<string[]> {
  const homes = await surroundings.around(surroundings.folder);
  const definitions = Object.entries(connections).map(([key, definition]) => {
    if (!isMap(definition)) throw failure('CONNECTION_INVALID', { reason: `connection "${key}" is no map` });
    const { connector, ...fields } = definition;
    const part = connectorPart(connector, homes.connectors.get(connector));
    const secrets = (part?.secrets ?? []).filter((field) => isPlainText(fields[field]));
    if (secrets.length > 0) {
      const reason = `connection "${key}" has ${secrets.join(' and ')} as plain text; take it out, import, and give it with \`pipe connections edit ${key} --secret-from-stdin ${secrets[0]}\``;
      throw failure('CONNECTION_INVALID', { reason });
    }
    return { key, definition: { connector, eid: isEid(key) ? key : newEid(), ...fields } as ConnectionDefinition };
  });
  for (const { key, definition } of definitions) await validateDefinition(surroundings, key, definition);
  const where = fileOf(surroundings, homes, home);
  await editHome(
    surroundings,
    homes,
    home,
    (editor) => {
      const present = editor.connections;
      const byEid = new Map(Object.entries(present).map(([key, { eid }]) => [eid, key]));
      for (const { key, definition } of definitions) {
        if (!replace) refuseTaken(editor, key, where);
        const holder = byEid.get(definition.eid);
        if (holder !== undefined && holder !== key) {
          const reason = `connection "${key}" has the EID of connection "${holder}" in ${where}; rename that one, or leave the EID out`;
          throw failure('CONNECTION_INVALID', { reason });
        }
        editor.put(key, definition);
      }
    },
    signal,
  );
  const now = new Date().toISOString();
  await surroundings.status.write(
    definitions.map(({ definition }) => definition.eid!),
    ({ created = now, used }) => ({ created, updated: now, ...(used === undefined ? {} : { used }) }),
    { signal },
  );
  return definitions.map(({ key }) => key);
}
