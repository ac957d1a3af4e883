// Credentials in the keychain of the operating system, or in anything else that has keytar's functions.
import { createHash, randomUUID } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { CredentialStore, StoredCredential } from '../contracts/credentials.ts';
import { failure } from '../errors.ts';
import { credentialOf, revealed } from '../secret.ts';
import { keychainFailure, loadKeytar } from './keychain.ts';
import { withLock } from './lock.ts';
import { checkName } from './names.ts';

/** The part of keytar's interface that is used. */
export interface Keychain {
  getPassword(service: string, account: string): Promise<string | null>;
  setPassword(service: string, account: string, password: string): Promise<void>;
  deletePassword(service: string, account: string): Promise<boolean>;
  findCredentials(service: string): Promise<{ account: string; password: string }[]>;
}

export interface KeytarStoreOptions {
  /** In place of the operating system's. */
  keychain?: Keychain;
  /** Items are found by service and account; the account is the credential's name. */
  service?: string;
  /** A folder of the user's, for the lock between processes. Without it writers exclude each other in this process only. */
  folder?: string;
}

export interface KeytarStore extends CredentialStore {
  put: NonNullable<CredentialStore['put']>;
  remove: NonNullable<CredentialStore['remove']>;
  names: NonNullable<CredentialStore['names']>;
  /** Throws STORE_UNAVAILABLE or STORE_LOCKED unless an item can be written, read and removed. */
  probe(o: { signal: AbortSignal }): Promise<void>;
}

const probeAccount = 'pipewright-probe-';
const probeLastsMs = 10_000;
const lockStaleMs = 10_000;
// CRED_MAX_CREDENTIAL_BLOB_SIZE of the Windows API.
const windowsLimit = 2560;

export function createKeytarStore({ keychain, service = 'pipewright', folder }: KeytarStoreOptions = {}): KeytarStore {
  let loading: Promise<Keychain> | undefined;
  let probedAt = Number.NEGATIVE_INFINITY;
  let turn: Promise<unknown> = Promise.resolve();

  /** One call of the keychain. It may show a dialogue, so it may take as long as the user does. */
  async function call<T>(signal: AbortSignal, work: (keychain: Keychain) => Promise<T>): Promise<T> {
    signal.throwIfAborted();
    loading ??= keychain === undefined ? loadKeytar() : Promise.resolve(keychain);
    const api = await loading;
    const aborted = new AbortController();
    try {
      return await Promise.race([work(api), rejection(signal, aborted.signal)]);
    } catch (error) {
      throw signal.aborted || keychain !== undefined ? error : keychainFailure(error);
    } finally {
      aborted.abort();
    }
  }

  async function probe({ signal }: { signal: AbortSignal }): Promise<void> {
    const account = `${probeAccount}${randomUUID()}`;
    await call(signal, (api) => api.setPassword(service, account, account));
    const found = await call(signal, (api) => api.getPassword(service, account));
    await call(signal, (api) => api.deletePassword(service, account));
    if (found !== account)
      throw failure('STORE_UNAVAILABLE', {
        store: 'the keychain',
        reason: 'it does not give back what is put into it',
      });
    probedAt = Date.now();
  }

  // libsecret says "not there" of everything in a locked keyring, and waits for ever for a list of it.
  async function ready(signal: AbortSignal): Promise<void> {
    if (keychain === undefined && Date.now() - probedAt > probeLastsMs) await probe({ signal });
  }

  async function find(name: string, signal: AbortSignal): Promise<StoredCredential | undefined> {
    let text = await call(signal, (api) => api.getPassword(service, name));
    if (text === null) {
      await ready(signal);
      text = await call(signal, (api) => api.getPassword(service, name));
    }
    return text === null ? undefined : decode(text, name);
  }

  /** Writers take turns: a keychain cannot compare and set. */
  function exclusive<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    const mine = turn.then(() => {
      if (folder === undefined) return work();
      mkdirSync(folder, { recursive: true, mode: 0o700 });
      return withLock(join(folder, 'keychain'), signal, lockStaleMs, work);
    });
    turn = mine.catch(() => {});
    return mine;
  }

  return {
    name: 'keytar',
    probe,
    async get(name, { signal }) {
      signal.throwIfAborted();
      checkName(name);
      return find(name, signal);
    },
    async put(name, credential, { signal, ifVersion }) {
      signal.throwIfAborted();
      checkName(name);
      const text = JSON.stringify({ pipewright: 1, version: randomUUID(), fields: revealed(credential) });
      const bytes = Buffer.byteLength(text);
      if (keychain === undefined && process.platform === 'win32' && bytes > windowsLimit) {
        throw failure('CREDENTIAL_TOO_LARGE', {
          name,
          bytes,
          store: "Windows' credential manager",
          limit: windowsLimit,
        });
      }
      await exclusive(signal, async () => {
        if (ifVersion !== undefined && (await find(name, signal))?.version !== ifVersion)
          throw failure('CREDENTIAL_CHANGED', { name });
        await call(signal, (api) => api.setPassword(service, name, text));
      });
    },
    async remove(name, { signal }) {
      signal.throwIfAborted();
      checkName(name);
      await exclusive(signal, async () => {
        await ready(signal);
        await call(signal, (api) => api.deletePassword(service, name));
      });
    },
    async *names({ signal }) {
      signal.throwIfAborted();
      await ready(signal);
      const found = await call(signal, (api) => api.findCredentials(service));
      const names = found.map(({ account }) => account).filter((account) => !account.startsWith(probeAccount));
      for (const name of names.sort()) {
        signal.throwIfAborted();
        yield name;
      }
    },
    async close() {},
  };
}

/** What we wrote; or a JSON object of texts that someone put there with the keychain's own tools. */
function decode(text: string, name: string): StoredCredential {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // No cause: its message would quote what it could not read.
  }
  const { pipewright, version, fields } = (value ?? {}) as { pipewright?: unknown; version?: string; fields?: unknown };
  const own = pipewright === 1;
  const found = own ? fields : value;
  if (typeof found !== 'object' || found === null || !Object.values(found).every((each) => typeof each === 'string')) {
    throw failure('STORE_CORRUPT', {
      path: `the keychain's item "${name}"`,
      reason: 'it is no JSON object whose values are texts',
    });
  }
  return {
    fields: credentialOf(found as Record<string, string>),
    version: own && version !== undefined ? version : createHash('sha256').update(text).digest('hex'),
  };
}

function rejection(signal: AbortSignal, over: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true, signal: over });
  });
}
