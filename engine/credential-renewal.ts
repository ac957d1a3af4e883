// Renewed tokens: fetched by one process for all, and kept before anyone uses them.
import { createHash } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { FoundConnection } from './connections.ts';
import type { Credential } from './contracts/credentials.ts';
import type { Value } from './contracts/data.ts';
import { credentialNames, storedCredential } from './credential-lookup.ts';
import { withLock } from './credentials/lock.ts';
import type { CredentialStores } from './credentials/stores.ts';
import { credentialOf } from './secret.ts';

export interface RenewalOptions {
  params: Record<string, Value>;
  signal: AbortSignal;
  /** Where the locks are. */
  folder: string;
  /** Told of every new secret. */
  learn(secret: string): void;
}

/** A fetch of tokens takes less, and a process that was killed in the middle of one holds the others up for so long. */
const staleMs = 15_000;

/**
 * Asks the stores again under a lock that all processes of the user share: a credential that is another than the stale
 * one was renewed meanwhile. What cannot be kept (secrets in the definition, a store that is only read) is given back
 * for this process alone.
 */
export async function renewCredential(
  stores: CredentialStores,
  found: FoundConnection,
  stale: Credential,
  renew: (current: Credential) => Promise<Record<string, string>>,
  { params, signal, folder, learn }: RenewalOptions,
): Promise<Credential> {
  const names = credentialNames(found, params);
  const fresh = async (current: Credential): Promise<Credential> => {
    const fields = await renew(current);
    for (const value of Object.values(fields)) learn(value);
    return { ...current, ...credentialOf(fields) };
  };
  const before = names.length === 0 ? undefined : await storedCredential(stores, found, { signal, params });
  if (before === undefined) return fresh(stale);
  const locks = join(folder, 'renewals');
  await mkdir(locks, { recursive: true, mode: 0o700 });
  // By the name that it is kept under: connections may name the same one in several ways.
  const key = createHash('sha256').update(before.name).digest('hex').slice(0, 24);
  return withLock(join(locks, key), signal, staleMs, async () => {
    const kept = await storedCredential(stores, found, { signal, params });
    if (kept === undefined) return fresh(stale);
    const merged = { ...stale, ...kept.fields };
    if (kept.fields.access_token !== undefined && !same(kept.fields, stale)) return merged;
    const renewed = await fresh(merged);
    if (kept.version !== undefined) {
      const changed = Object.keys(renewed).filter((field) => kept.fields[field] !== undefined || isToken(field));
      const next = Object.fromEntries(changed.map((field) => [field, renewed[field]!]));
      await stores.put(kept.name, next, { signal, ifVersion: kept.version });
    }
    return renewed;
  });
}

const isToken = (field: string) => field === 'access_token' || field === 'refresh_token' || field === 'expires_at';

function same(one: Credential, other: Credential): boolean {
  return one.access_token?.reveal() === other.access_token?.reveal();
}
