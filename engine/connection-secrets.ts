// The secrets of saved connections on their way into a credential store.

import type { FoundConnection } from './connections.ts';
import { connectorPart, type OwnConnector } from './connector-parts.ts';
import type { Credential } from './contracts/credentials.ts';
import { credentialNames, inlineSecrets, storedCredential } from './credential-lookup.ts';
import { failure } from './errors.ts';
import type { Homes } from './homes.ts';
import { credentialOf } from './secret.ts';
import type { Surroundings } from './surroundings.ts';

export function isPlainText(value: unknown): boolean {
  return (typeof value === 'string' && !value.includes('${')) || typeof value === 'number';
}

/** Secret fields apart from the others. A reference stays where it is. */
export function splitSecrets(
  connector: string,
  own: OwnConnector | undefined,
  set: Readonly<Record<string, unknown>>,
  given: Readonly<Record<string, string>>,
) {
  const part = connectorPart(connector, own);
  const known = part?.secrets ?? [];
  const fields: Record<string, unknown> = {};
  const secrets: Record<string, string> = {};
  for (const [field, value] of Object.entries(set)) {
    if (known.includes(field) && isPlainText(value)) secrets[field] = String(value);
    else fields[field] = value;
  }
  for (const [field, value] of Object.entries(given)) {
    if (!known.includes(field) && part !== undefined) {
      const has = known.length === 0 ? 'it has none' : `they are ${known.join(', ')}`;
      throw failure('CONNECTION_INVALID', { reason: `${field} is no secret field of ${connector}; ${has}` });
    }
    secrets[field] = value;
  }
  return { fields, secrets };
}

/** With some secrets in the definition and others in a store, the definition says that there are such. */
export function markMixed(found: FoundConnection, secrets: Readonly<Record<string, string>>): void {
  const { definition } = found;
  if (Object.keys(secrets).length > 0 && definition.credential === undefined && inlineSecrets(found).length > 0)
    definition.credential = definition.eid!;
}

interface Keeping {
  secrets: Readonly<Record<string, string>>;
  unset?: readonly string[];
  signal: AbortSignal;
}

/** Puts secrets beside those that are kept already. Gives where, in words. */
export async function keepSecrets(
  surroundings: Surroundings,
  homes: Homes,
  found: FoundConnection,
  { secrets, unset = [], signal }: Keeping,
): Promise<string | undefined> {
  for (const value of Object.values(secrets)) surroundings.redactor.add(value);
  const [name] = credentialNames(found);
  const wanted = Object.keys(secrets).length > 0;
  if (name === undefined && wanted) {
    const reason = `connection "${found.name}" takes no secrets; say how it authenticates with --set auth=…`;
    throw failure('CONNECTION_INVALID', { reason });
  }
  if (name === undefined || (!wanted && unset.length === 0)) return undefined;
  const stores = await surroundings.stores(homes);
  const before = await storedCredential(stores, found, { signal });
  // What has no version comes from a store that is only read: it is not copied.
  const kept: Credential = before?.version === undefined ? {} : { ...before.fields };
  const dropped = unset.filter((field) => Object.hasOwn(kept, field));
  if (!wanted && dropped.length === 0) return undefined;
  for (const field of dropped) delete kept[field];
  const next = { ...kept, ...credentialOf({ ...secrets }) };
  if (Object.keys(next).length === 0) await stores.remove(name, { signal });
  else await stores.put(name, next, { signal });
  return wanted ? ((await stores.get(name, { signal }))?.store ?? stores.where()) : undefined;
}
