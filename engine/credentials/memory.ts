// Credentials in memory, for embedding and for tests: gone with the process.
import type { CredentialStore, StoredCredential } from '../contracts/credentials.ts';
import { failure } from '../errors.ts';
import { credentialOf } from '../secret.ts';
import { checkName } from './names.ts';

/** `credentials`: what is there at first, in plain text, by name and field. */
export function createMemoryStore(credentials: Record<string, Record<string, string>> = {}): CredentialStore {
  const kept = new Map<string, StoredCredential>();
  let puts = 0;
  const keep = (name: string, fields: StoredCredential['fields']) => {
    checkName(name);
    puts += 1;
    kept.set(name, { fields: { ...fields }, version: String(puts) });
  };
  for (const [name, fields] of Object.entries(credentials)) keep(name, credentialOf(fields));

  return {
    name: 'memory',
    async get(name, { signal }) {
      signal.throwIfAborted();
      checkName(name);
      const found = kept.get(name);
      return found && { ...found, fields: { ...found.fields } };
    },
    async put(name, credential, { signal, ifVersion }) {
      signal.throwIfAborted();
      if (ifVersion !== undefined && kept.get(name)?.version !== ifVersion)
        throw failure('CREDENTIAL_CHANGED', { name });
      keep(name, credential);
    },
    async remove(name, { signal }) {
      signal.throwIfAborted();
      checkName(name);
      kept.delete(name);
    },
    async *names({ signal }) {
      for (const name of [...kept.keys()].sort()) {
        signal.throwIfAborted();
        yield name;
      }
    },
    async close() {},
  };
}
