// The credential stores by name, each loaded when it is first needed.
import { join } from 'node:path';
import type { CredentialStore } from '../contracts/credentials.ts';
import { failure } from '../errors.ts';
import { configuredPath, userFolder } from './folder.ts';
import type { Keychain } from './keytar.ts';
import type { AskPassphrase } from './passphrase.ts';

export interface StoreContext {
  /** In place of the process's environment variables. */
  environment?: Readonly<Record<string, string | undefined>>;
  /** In place of the user's configuration folder. */
  folder?: string;
  /** What relative paths in a store's options are below: the folder of pipewright.yaml. */
  base?: string;
  /** Asks the user for the passphrase of the credentials file. */
  ask?: AskPassphrase;
  /** Told of every secret a store gives or uses, before it does: the redactor. */
  learn?(secret: string): void;
  /** Told, once, what the user should know about where credentials are. */
  notice?(text: string): void;
}

/** As in `credentials:` of pipewright.yaml, or an object of the embedding program's. */
export type StoreChoice = string | ({ name: string } & Record<string, unknown>) | CredentialStore | Keychain;

interface Definition {
  options: readonly string[];
  /** Where credentials are, in words, for messages. */
  title(options: Options, context: StoreContext): string;
  open(options: Options, context: StoreContext): Promise<CredentialStore>;
}

/** A store's options by name; those that end in `path` or `file` are paths. */
type Options = Readonly<Record<string, string | undefined>>;

const stores: Readonly<Record<string, Definition>> = {
  keytar: {
    options: ['service'],
    title: () => 'the keychain',
    open: async ({ service }, context) =>
      (await import('./keytar.ts')).createKeytarStore({ folder: folderOf(context), ...(service && { service }) }),
  },
  file: {
    options: ['path', 'passphrase_file', 'cost'],
    title: (options, context) => pathOf(options, context),
    open: async (options, context) =>
      (await import('./file.ts')).createFileStore({
        path: pathOf(options, context),
        ...given({ passphraseFile: options.passphrase_file, cost: costOf(options.cost) }),
        ...given({ environment: context.environment, ask: context.ask, learn: context.learn }),
      }),
  },
  env: {
    options: [],
    title: () => 'the environment',
    open: async (_, { environment }) => (await import('./env.ts')).createEnvStore(environment),
  },
  vault: {
    options:
      'address mount prefix namespace token token_file role_id secret_id secret_id_file auth_mount ca_file'.split(' '),
    title: ({ address }, { environment = process.env }) => `Vault at ${address ?? environment.VAULT_ADDR}`,
    open: async (options, context) =>
      (await import('./vault.ts')).createVaultStore({
        ...given({
          address: options.address,
          mount: options.mount,
          prefix: options.prefix,
          namespace: options.namespace,
        }),
        ...given({
          token: options.token,
          tokenFile: options.token_file,
          roleId: options.role_id,
          secretId: options.secret_id,
        }),
        ...given({ secretIdFile: options.secret_id_file, authMount: options.auth_mount, caFile: options.ca_file }),
        ...given({ environment: context.environment, learn: context.learn }),
      }),
  },
  memory: {
    options: [],
    title: () => 'memory',
    open: async () => (await import('./memory.ts')).createMemoryStore(),
  },
};

const storeNames = Object.keys(stores);

export interface NamedStore {
  title: string;
  /** Another's, and not ours to close. */
  borrowed?: boolean;
  open(): Promise<CredentialStore>;
}

/** Checks the choice at once, and opens the store when `open` is first called. */
export function namedStore(choice: StoreChoice, context: StoreContext): NamedStore {
  if (typeof choice === 'object' && 'getPassword' in choice && typeof choice.getPassword === 'function') {
    const keychain = choice as Keychain;
    return {
      title: 'the given keychain',
      open: once(async () => (await import('./keytar.ts')).createKeytarStore({ keychain })),
    };
  }
  if (typeof choice === 'object' && 'get' in choice && typeof choice.get === 'function') {
    const store = choice as CredentialStore;
    return { title: store.name, borrowed: true, open: async () => store };
  }
  const { name, ...rest } = typeof choice === 'string' ? { name: choice } : (choice as { name: string });
  const definition = Object.hasOwn(stores, name) ? stores[name] : undefined;
  if (definition === undefined) throw failure('STORE_UNKNOWN', { name, known: storeNames.join(', ') });
  const options = checked(name, definition, rest, context);
  return { title: definition.title(options, context), open: once(() => definition.open(options, context)) };
}

function checked(
  store: string,
  { options }: Definition,
  values: Record<string, unknown>,
  context: StoreContext,
): Options {
  const found: Record<string, string> = {};
  for (const [option, value] of Object.entries(values)) {
    if (!options.includes(option)) {
      const known = options.length === 0 ? 'it has none' : `it has ${options.join(', ')}`;
      throw failure('STORE_OPTION_INVALID', { store, reason: `there is no option "${option}"; ${known}` });
    }
    if (value === undefined || value === null) continue;
    if (typeof value !== 'string' && typeof value !== 'number') {
      throw failure('STORE_OPTION_INVALID', { store, reason: `\`${option}\` must be a text` });
    }
    found[option] = /(^|_)(path|file)$/.test(option)
      ? configuredPath(String(value), context.base ?? process.cwd(), context.environment)
      : String(value);
  }
  return found;
}

function costOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const cost = Number(text);
  if (Number.isInteger(cost) && cost >= 10 && cost <= 20) return cost;
  throw failure('STORE_OPTION_INVALID', { store: 'file', reason: '`cost` must be a whole number from 10 to 20' });
}

function folderOf(context: StoreContext): string {
  return context.folder ?? userFolder(context.environment);
}

function pathOf({ path }: Options, context: StoreContext): string {
  return path ?? join(folderOf(context), 'credentials');
}

/** Without what is undefined, which an optional property must not be. */
function given<T extends object>(values: T) {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>;
  };
}

function once<T>(work: () => Promise<T>): () => Promise<T> {
  let result: Promise<T> | undefined;
  return () => {
    result ??= work();
    return result;
  };
}
