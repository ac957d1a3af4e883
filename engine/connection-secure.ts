// Moving secrets that stand in a file into a credential store.
import { dirname, resolve } from 'node:path';
import { editConnection } from './connection-changes.ts';
import { editConnections } from './connection-file.ts';
import { findSaved, keyOf } from './connection-places.ts';
import { isPlainText, keepSecrets, markMixed } from './connection-secrets.ts';
import { type ConnectionDefinition, createLookup, type FoundConnection } from './connections.ts';
import { inlineSecrets } from './credential-lookup.ts';
import { newEid } from './eid.ts';
import { failure } from './errors.ts';
import { loadConnections } from './project.ts';
import type { Surroundings } from './surroundings.ts';

/**
 * Moves the secret texts of a connection from its file into a store. Gives the fields that were moved. `file`: another
 * file that defines it, a pipe.
 */
export async function secureConnection(
  surroundings: Surroundings,
  name: string,
  signal: AbortSignal,
  file?: string,
): Promise<{ moved: string[]; keptIn?: string }> {
  const textsOf = (found: FoundConnection) =>
    inlineSecrets(found).filter((field) => isPlainText(found.definition[field]));
  const secretsOf = (found: FoundConnection) =>
    Object.fromEntries(textsOf(found).map((field) => [field, String(found.definition[field])]));
  if (file === undefined) {
    const { found } = await findSaved(surroundings, name);
    const moved = textsOf(found);
    if (moved.length === 0) return { moved };
    const { keptIn } = await editConnection(surroundings, name, { secrets: secretsOf(found) }, signal);
    return { moved, keptIn: keptIn! };
  }
  const homes = await surroundings.around(dirname(resolve(file)));
  const { home } = await loadConnections(file, 'pipe', new Set());
  const found = createLookup([{ ...home, connectors: homes.connectors }]).find(name);
  if (found === undefined) throw failure('CONNECTION_UNKNOWN', { name, hint: ` in ${file}` });
  const secrets = secretsOf(found);
  const moved = Object.keys(secrets);
  if (moved.length === 0) return { moved };
  const { eid = newEid() } = found.definition;
  const { definition } = found;
  const after = { ...found, definition: { ...definition, eid } as ConnectionDefinition };
  for (const field of moved) delete after.definition[field];
  markMixed(after, secrets);
  const keptIn = await keepSecrets(surroundings, homes, after, { secrets, signal });
  await editConnections(
    file,
    (editor) => {
      for (const field of new Set([...Object.keys(definition), ...Object.keys(after.definition)])) {
        if (definition[field] !== after.definition[field]) editor.set(keyOf(found), field, after.definition[field]);
      }
    },
    { signal, shared: true },
  );
  return { moved, keptIn: keptIn! };
}
