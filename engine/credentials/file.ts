// Credentials in one encrypted file: AES-256-GCM under a key that scrypt derives from a passphrase.
import { randomBytes } from 'node:crypto';
import { resolve } from 'node:path';
import type { CallOptions } from '../contracts/connector.ts';
import type { CredentialStore } from '../contracts/credentials.ts';
import { failure } from '../errors.ts';
import { credentialOf, revealed } from '../secret.ts';
import { checkName } from './names.ts';
import { type AskPassphrase, getPassphrase, type Passphrase } from './passphrase.ts';
import { readPrivateFile, replaceFile } from './replace.ts';
import {
  type DerivedKey,
  deriveKey,
  type Header,
  type KeyParameters,
  newParameters,
  opens,
  readHeader,
  sameParameters,
  seal,
  unseal,
} from './sealed.ts';

export interface FileStoreOptions {
  path: string;
  /** A file with the passphrase in it. Else PIPE_PASSPHRASE is taken, else the user is asked. */
  passphraseFile?: string;
  environment?: Readonly<Record<string, string | undefined>>;
  ask?: AskPassphrase;
  /** For a file to be made: the exponent of scrypt's N, 10 to 20. 17, the default, takes 128 MiB for half a second. */
  cost?: number;
  /** Told of the passphrase before it is used: the redactor. */
  learn?(secret: string): void;
}

export interface FileStore extends CredentialStore {
  put: NonNullable<CredentialStore['put']>;
  remove: NonNullable<CredentialStore['remove']>;
  names: NonNullable<CredentialStore['names']>;
  /** Encrypts everything anew. Other processes need the new passphrase from then on. */
  changePassphrase(next: string, o: CallOptions): Promise<void>;
}

interface Kept {
  version: string;
  fields: Record<string, string>;
}

type Credentials = Map<string, Kept>;

interface Write {
  signal: AbortSignal;
  /** Changes what is kept, or throws why not. */
  apply(credentials: Credentials): void;
  /** The key from now on. */
  key?: DerivedKey;
  resolve(): void;
  reject(reason: unknown): void;
}

const mostAttempts = 3;

export function createFileStore({ environment = process.env, cost, learn, ...options }: FileStoreOptions): FileStore {
  const path = resolve(options.path);
  const sources = { ...options, environment };
  let read: { bytes: Buffer; credentials: Credentials } | undefined;
  let key: DerivedKey | undefined;
  let given: Passphrase | undefined;
  let asking: { signal: AbortSignal; key: Promise<DerivedKey> } | undefined;
  let writes: Write[] = [];
  let writing = false;

  /** The key for a file with this header, or for one to be made. Whoever needs it meanwhile waits for the same answer. */
  async function keyFor(header: Header | undefined, signal: AbortSignal): Promise<DerivedKey> {
    while (key === undefined || (header !== undefined && !fits(key, header))) {
      signal.throwIfAborted();
      const mine = asking === undefined;
      asking ??= {
        signal,
        key: obtainKey(header, signal).finally(() => {
          asking = undefined;
        }),
      };
      const current = asking;
      try {
        key = await current.key;
      } catch (error) {
        if (mine || !current.signal.aborted) throw error;
      }
    }
    return key;
  }

  async function obtainKey(header: Header | undefined, signal: AbortSignal): Promise<DerivedKey> {
    const parameters = header?.parameters ?? newParameters(cost);
    for (let attempt = given === undefined ? 1 : 0; ; attempt += 1) {
      // First the one from before: another process may have made the file, or changed its salt, in between.
      const question = { path, isNew: header === undefined, attempt };
      const passphrase = (attempt === 0 && given) || (await getPassphrase(sources, question, signal));
      learn?.(passphrase.text);
      const derived = await derivedOnce(passphrase.text, parameters);
      if (header === undefined || opens(derived, header)) {
        given = passphrase;
        return derived;
      }
      if (attempt > 0 && (!passphrase.again || attempt >= mostAttempts)) {
        throw failure('PASSPHRASE_WRONG', { path, source: passphrase.source });
      }
    }
  }

  async function load(signal: AbortSignal): Promise<Credentials> {
    signal.throwIfAborted();
    const bytes = readPrivateFile(path);
    if (bytes === undefined) return new Map();
    if (read?.bytes.equals(bytes)) return read.credentials;
    const derived = await abortable(keyFor(readHeader(bytes, path), signal), signal);
    read = { bytes, credentials: decode(unseal(bytes, derived, path), path) };
    return read.credentials;
  }

  /** Queues a write. Those that wait for the lock at the same time are done in one. */
  function write(signal: AbortSignal, apply: Write['apply'], next?: DerivedKey): Promise<void> {
    const done = new Promise<void>((resolve, reject) => {
      writes.push({ signal, apply, resolve, reject, ...(next && { key: next }) });
    });
    if (!writing) {
      writing = true;
      void writeAll();
    }
    return abortable(done, signal);
  }

  async function writeAll(): Promise<void> {
    while (writes.length > 0) {
      let batch: Write[] = [];
      const { signal } = writes[0]!;
      try {
        const before = readPrivateFile(path);
        const derived = await keyFor(before && readHeader(before, path), signal);
        const done = await replaceFile(path, signal, (bytes) => {
          // Asking for another key would keep the lock for as long as the user types.
          if (bytes === undefined ? before !== undefined : !fits(derived, readHeader(bytes, path)))
            return { result: undefined };
          if (batch.length === 0) {
            batch = writes;
            writes = [];
          }
          return changed(bytes, derived, batch);
        });
        if (done === undefined) continue;
        key = done.key;
        done.outcomes.forEach((outcome, i) => {
          if (outcome === undefined) batch[i]!.resolve();
          else batch[i]!.reject(outcome.error);
        });
      } catch (error) {
        // When the first has enough, the others go on waiting.
        const waiting = [...batch, ...writes];
        writes = signal.aborted ? waiting.filter((each) => !each.signal.aborted) : [];
        for (const each of waiting) if (!writes.includes(each)) each.reject(error);
      }
    }
    writing = false;
  }

  function changed(bytes: Buffer | undefined, derived: DerivedKey, batch: readonly Write[]) {
    const credentials = bytes === undefined ? new Map<string, Kept>() : decode(unseal(bytes, derived, path), path);
    let next = derived;
    const outcomes = batch.map((each) => {
      try {
        each.signal.throwIfAborted();
        each.apply(credentials);
        next = each.key ?? next;
        return undefined;
      } catch (error) {
        return { error };
      }
    });
    const result = { key: next, outcomes };
    if (outcomes.every((outcome) => outcome !== undefined)) return { result };
    return { bytes: seal(encode(credentials), next), result };
  }

  return {
    name: 'file',
    async get(name, { signal }) {
      checkName(name);
      const found = (await load(signal)).get(name);
      return found && { fields: credentialOf(found.fields), version: found.version };
    },
    async put(name, credential, { signal, ifVersion }) {
      signal.throwIfAborted();
      checkName(name);
      const fields = revealed(credential);
      await write(signal, (credentials) => {
        if (ifVersion !== undefined && credentials.get(name)?.version !== ifVersion)
          throw failure('CREDENTIAL_CHANGED', { name });
        credentials.set(name, { version: randomBytes(9).toString('base64url'), fields });
      });
    },
    async remove(name, { signal }) {
      checkName(name);
      if (!(await load(signal)).has(name)) return;
      await write(signal, (credentials) => {
        credentials.delete(name);
      });
    },
    async *names({ signal }) {
      for (const name of [...(await load(signal)).keys()].sort()) {
        signal.throwIfAborted();
        yield name;
      }
    },
    async changePassphrase(next, { signal }) {
      await load(signal);
      if (next === '') throw failure('PASSPHRASE_MISSING', { path });
      learn?.(next);
      await write(signal, () => {}, await abortable(derivedOnce(next, newParameters(cost)), signal));
      given = { text: next, source: 'the new passphrase', again: false };
    },
    async close() {
      read = undefined;
      key = undefined;
    },
  };
}

function fits(key: DerivedKey, header: Header): boolean {
  return sameParameters(key.parameters, header.parameters) && opens(key, header);
}

function encode(credentials: Credentials): string {
  return JSON.stringify({ credentials: Object.fromEntries(credentials) });
}

function decode(content: string, path: string): Credentials {
  try {
    const { credentials } = JSON.parse(content) as { credentials: Record<string, Kept> };
    return new Map(Object.entries(credentials));
  } catch {
    // No cause: its message would quote what it could not read.
    throw failure('STORE_CORRUPT', { path, reason: 'its content is no JSON' });
  }
}

// scrypt is slow on purpose: once for a passphrase and salt in a process, however many stores are opened.
const derivations: { passphrase: string; parameters: KeyParameters; derived: Promise<DerivedKey> }[] = [];
const mostDerivations = 8;

function derivedOnce(passphrase: string, parameters: KeyParameters): Promise<DerivedKey> {
  const known = derivations.find(
    (each) => each.passphrase === passphrase && sameParameters(each.parameters, parameters),
  );
  if (known !== undefined) return known.derived;
  const derived = deriveKey(passphrase, parameters);
  derivations.push({ passphrase, parameters, derived });
  if (derivations.length > mostDerivations) derivations.shift();
  return derived;
}

/** Rejects with the signal's reason as soon as it is aborted. */
function abortable<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(signal.reason);
    if (signal.aborted) onAbort();
    signal.addEventListener('abort', onAbort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}
