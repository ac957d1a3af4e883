// Credentials in HashiCorp Vault or OpenBao: version 2 of the KV secrets engine, over HTTP.
import type { CredentialStore, StoredCredential } from '../contracts/credentials.ts';
import { Failure, failure } from '../errors.ts';
import { credentialOf, revealed } from '../secret.ts';
import { checkName } from './names.ts';
import { createVaultClient, type VaultClientOptions, type VaultReply } from './vault-client.ts';

// As https://developer.hashicorp.com/vault/api-docs/secret/kv/kv-v2 has it.

export interface VaultStoreOptions extends VaultClientOptions {
  /** Where the KV engine is mounted. */
  mount?: string;
  /** The folder of the credentials below the mount; each is a secret with its name. */
  prefix?: string;
}

export interface VaultStore extends CredentialStore {
  put: NonNullable<CredentialStore['put']>;
  remove: NonNullable<CredentialStore['remove']>;
  names: NonNullable<CredentialStore['names']>;
}

interface Current {
  number: number;
  version: string;
  data: Record<string, unknown> | undefined;
}

const mostTries = 3;

export function createVaultStore({
  mount = 'secret',
  prefix = 'pipewright',
  ...options
}: VaultStoreOptions = {}): VaultStore {
  const client = createVaultClient(options);
  let engineChecked: Promise<void> | undefined;
  const engine = mount.replace(/^\/+|\/+$/g, '');
  const folder = prefix.replace(/^\/+|\/+$/g, '');
  const pathOf = (kind: 'data' | 'metadata', name: string) =>
    [engine, kind, folder, name].filter((part) => part !== '').join('/');

  /** The latest version, deleted or not; undefined when there never was one. */
  async function current(name: string, signal: AbortSignal): Promise<Current | undefined> {
    const { data } = await read('GET', pathOf('data', name), signal);
    const { data: fields, metadata } = (data ?? {}) as {
      data?: Record<string, unknown> | null;
      metadata?: { version: number; created_time: string };
    };
    if (metadata === undefined) return undefined;
    // The number alone begins at 1 again after a removal.
    return {
      number: metadata.version,
      version: `${metadata.version}@${metadata.created_time}`,
      data: fields ?? undefined,
    };
  }

  /** Vault says 404 of what is not there, but also of an engine that is not there, or of another version. */
  async function read(method: string, path: string, signal: AbortSignal): Promise<VaultReply> {
    const reply = await client.call(method, path, signal);
    if (reply.status === 404 && reply.errors.length === 0) {
      engineChecked ??= checkEngine(signal).catch((error) => {
        engineChecked = undefined;
        throw error;
      });
      await engineChecked;
    } else if (reply.status >= 400) {
      throw client.failed(`${reply.errors.join('; ')}; \`mount\` names the KV engine, and is "${engine}"`);
    }
    return reply;
  }

  /** What the command-line client asks, too: version 1 of the engine answers 404 to whatever version 2 has. */
  async function checkEngine(signal: AbortSignal): Promise<void> {
    const { data } = await client.call('GET', `sys/internal/ui/mounts/${engine}`, signal).catch((error) => {
      if (error instanceof Failure && error.code === 'STORE_DENIED') return { data: undefined };
      throw error;
    });
    const { type, options } = (data ?? {}) as { type?: string; options?: { version?: string } | null };
    if (type === 'kv' && options?.version !== '2') throw isVersion1();
    if (type !== undefined && type !== 'kv')
      throw client.failed(`"${engine}/" is no KV engine, but ${type}; name one with \`mount\``);
  }

  function isVersion1() {
    return client.failed(
      `"${engine}/" is version 1 of the KV engine; \`vault kv enable-versioning ${engine}\` makes it version 2`,
    );
  }

  return {
    name: 'vault',
    async get(name, { signal }) {
      signal.throwIfAborted();
      checkName(name);
      const found = await current(name, signal);
      return found?.data === undefined ? undefined : stored(found.data, found.version);
    },
    async put(name, credential, { signal, ifVersion }) {
      signal.throwIfAborted();
      checkName(name);
      const changed = (cause?: unknown) => failure('CREDENTIAL_CHANGED', { name }, { cause });
      const data = revealed(credential);
      let cas: number | undefined;
      if (ifVersion !== undefined) {
        const before = await current(name, signal);
        if (before?.version !== ifVersion) throw changed();
        cas = before.number;
      }
      for (let tries = 1; ; tries += 1) {
        const body = cas === undefined ? { data } : { data, options: { cas } };
        const reply = await client.call('POST', pathOf('data', name), signal, body);
        if (reply.status < 300) {
          if ((reply.data as { version?: number } | undefined)?.version !== undefined) return;
          throw isVersion1();
        }
        const reason = reply.errors.join('; ');
        const raced = reason.includes('did not match the current version');
        if (raced && ifVersion !== undefined) throw changed();
        // An engine may require check-and-set of every write.
        if ((raced || reason.includes('check-and-set parameter required')) && tries < mostTries) {
          cas = (await current(name, signal))?.number ?? 0;
          continue;
        }
        throw client.failed(reason || `it answered ${reply.status} to a write`);
      }
    },
    async remove(name, { signal }) {
      signal.throwIfAborted();
      checkName(name);
      // All versions, not only the latest: a removed credential is gone.
      await read('DELETE', pathOf('metadata', name), signal);
    },
    async *names({ signal }) {
      signal.throwIfAborted();
      const { data } = await read('LIST', pathOf('metadata', ''), signal);
      const { keys = [] } = (data ?? {}) as { keys?: string[] };
      for (const key of [...keys].sort()) {
        signal.throwIfAborted();
        if (!key.endsWith('/')) yield key;
      }
    },
    close: () => client.close(),
  };
}

/** Others may have written the secret, with values of any type. */
function stored(data: Record<string, unknown>, version: string): StoredCredential {
  const texts = Object.entries(data).map(([field, value]) => [
    field,
    typeof value === 'string' ? value : JSON.stringify(value),
  ]);
  return { fields: credentialOf(Object.fromEntries(texts) as Record<string, string>), version };
}
