// The credential stores of a run: several, in order, as one.
import type { CallOptions } from '../contracts/connector.ts';
import type { CredentialStore } from '../contracts/credentials.ts';
import { Failure, failure } from '../errors.ts';
import { either } from '../suggest.ts';
import { type NamedStore, namedStore, type StoreChoice, type StoreContext } from './index.ts';

export interface CredentialStores extends CredentialStore {
  put: NonNullable<CredentialStore['put']>;
  remove: NonNullable<CredentialStore['remove']>;
  names: NonNullable<CredentialStore['names']>;
  /** Where is looked, in words: `the environment, the keychain or /home/me/.config/pipewright/credentials`. */
  where(): string;
}

/**
 * A credential is read, whole, from the first store that has it, and a new one written to the first that can be
 * written. A version says which store it is from, so that `ifVersion` goes back there. Removed is from all of them.
 * Without a choice: the environment, the keychain where one answers, and the credentials file where there is none or
 * where there is such a file.
 */
export function createStores(
  choice: StoreChoice | readonly StoreChoice[] | undefined,
  context: StoreContext = {},
): CredentialStores {
  const members =
    choice === undefined || choice === 'default'
      ? [namedStore('env', context), ...keychainElseFile(context)]
      : [choice].flat().map((each) => namedStore(each as StoreChoice, context));
  const opened = new Map<number, CredentialStore>();

  async function store(i: number): Promise<CredentialStore> {
    const found = await members[i]!.open();
    opened.set(i, found);
    return found;
  }

  async function* each(): AsyncGenerator<[index: number, store: CredentialStore]> {
    for (let i = 0; i < members.length; i += 1) yield [i, await store(i)];
  }

  const where = () => either(members.map(({ title }) => title));

  return {
    name: 'stores',
    where,
    async get(name, o) {
      for await (const [i, store] of each()) {
        const found = await store.get(name, o);
        if (found === undefined) continue;
        for (const value of Object.values(found.fields)) context.learn?.(value.reveal());
        const version = found.version === undefined ? {} : { version: `${i}:${found.version}` };
        return { ...found, ...version, store: members[i]!.title };
      }
      return undefined;
    },
    async put(name, credential, { ifVersion, ...o }) {
      for (const value of Object.values(credential)) context.learn?.(value.reveal());
      if (ifVersion !== undefined) {
        const [, i, version] = /^(\d+):(.*)$/s.exec(ifVersion) ?? [];
        const origin = i !== undefined && Number(i) < members.length ? await store(Number(i)) : undefined;
        if (origin?.put === undefined) throw failure('CREDENTIAL_CHANGED', { name });
        return origin.put(name, credential, { ...o, ifVersion: version! });
      }
      const before: string[] = [];
      for await (const [i, store] of each()) {
        if (store.put !== undefined) {
          await store.put(name, credential, o);
          if (before.length > 0) {
            context.notice?.(
              `the credential "${name}" is kept in ${members[i]!.title}, but ${before.join(' and ')} has one too, and that is the one used`,
            );
          }
          return;
        }
        if ((await store.get(name, { ...o, fields: Object.keys(credential) })) !== undefined)
          before.push(members[i]!.title);
      }
      throw failure('STORE_READ_ONLY', { stores: where() });
    },
    async remove(name, o) {
      for await (const [, store] of each()) await store.remove?.(name, o);
    },
    async *names(o) {
      const seen = new Set<string>();
      for await (const [, store] of each()) {
        for await (const name of store.names?.(o) ?? []) {
          if (!seen.has(name)) yield name;
          seen.add(name);
        }
      }
    },
    async close() {
      await Promise.all([...opened].map(([i, store]) => (members[i]!.borrowed ? undefined : store.close())));
    },
  };
}

/** The two of the default: which one is written to is known when the keychain has been asked for the first time. */
function keychainElseFile(context: StoreContext): NamedStore[] {
  const keychain = namedStore('keytar', context);
  const file = namedStore('file', context);
  let absent: Failure | undefined;

  async function ask<T>(work: (store: CredentialStore) => Promise<T>, otherwise: T): Promise<T> {
    if (absent !== undefined) return otherwise;
    try {
      return await work(await keychain.open());
    } catch (error) {
      // A locked one is there: what is in it must not be taken for missing.
      if (!(error instanceof Failure) || error.code !== 'STORE_UNAVAILABLE') throw error;
      absent = error;
      context.notice?.(
        `credentials are kept in ${file.title}, since ${error.data.store} cannot be used: ${error.data.reason}`,
      );
      return otherwise;
    }
  }

  const first: CredentialStore = {
    name: 'keytar',
    get: (name, o) => ask((store) => store.get(name, o), undefined),
    async put(name, credential, o) {
      const done = await ask((store) => store.put!(name, credential, o).then(() => true), false);
      if (!done) await (await file.open()).put!(name, credential, o);
    },
    remove: (name, o) => ask((store) => store.remove!(name, o), undefined),
    async *names(o: CallOptions) {
      yield* await ask((store) => all(store.names!(o)), []);
    },
    close: async () => {},
  };
  return [
    {
      get title() {
        return absent === undefined
          ? keychain.title
          : `${keychain.title} (which cannot be used: ${absent.data.reason})`;
      },
      open: async () => first,
    },
    { title: file.title, open: file.open },
  ];
}

async function all(names: AsyncIterable<string>): Promise<string[]> {
  const found: string[] = [];
  for await (const name of names) found.push(name);
  return found;
}
