// What is around the pipes of one engine: the homes of connections, the credential stores, what is remembered, the redactor.
import { resolve } from 'node:path';
import { createStatusStore, type StatusStore } from './connection-status.ts';
import { type FoundConnection, statusKeyOf } from './connections.ts';
import type { Credential } from './contracts/credentials.ts';
import type { CredentialAccess, CredentialAccessOptions } from './credential-access.ts';
import { userFolder } from './credentials/folder.ts';
import type { StoreContext } from './credentials/index.ts';
import type { CredentialStores } from './credentials/stores.ts';
import { createHomes, type Homes } from './homes.ts';
import type { Services } from './opening.ts';
import type { Parts } from './parts.ts';
import { createRedactor, type Redactor } from './redact.ts';
import { createStates, type StateChoice, type States } from './state/choice.ts';
import { stateFolder } from './state-folder.ts';

export interface SurroundingsOptions {
  /** Relative local paths of definitions that are not files start here; the current folder unless told. */
  folder?: string;
  /** Where credentials are kept: a store's name, a store with options, an object that is one, or several in order. Wins over `pipewright.yaml`. */
  credentials?: CredentialAccessOptions['choice'];
  /** In place of the user's folders for configuration and for state. */
  configFolder?: string;
  stateFolder?: string;
  /** Where runs and positions are kept: as `pipewright.yaml` says (`project`), unless told. */
  state?: StateChoice;
  /** Asks for the passphrase of the credentials file. */
  askPassphrase?: StoreContext['ask'];
  /** Told what the user should know: where credentials are kept. */
  notice?: (text: string) => void;
  /** Takes secrets out of what leaves the engine; one of its own, unless told. */
  redactor?: Redactor;
}

export interface Surroundings {
  parts: Parts;
  folder: string;
  configFolder: string;
  redactor: Redactor;
  status: StatusStore;
  states: States;
  /** What is around a folder. */
  around(folder: string): Promise<Homes>;
  stores(around: Homes): Promise<CredentialStores>;
  services(around: Homes): Services;
  close(): Promise<void>;
}

export function createSurroundings(parts: Parts, options: SurroundingsOptions): Surroundings {
  const { redactor = createRedactor(), configFolder = userFolder(), notice } = options;
  const status = createStatusStore(options.stateFolder ?? stateFolder());
  const folder = resolve(options.folder ?? '.');
  const states = createStates(options.state ?? 'project', {
    user: options.stateFolder ?? stateFolder(),
    base: folder,
  });
  const context: StoreContext = {
    folder: configFolder,
    learn: (secret) => redactor.add(secret),
    ...(notice === undefined ? {} : { notice }),
    ...(options.askPassphrase === undefined ? {} : { ask: options.askPassphrase }),
  };
  let access: Promise<CredentialAccess> | undefined;
  const openAccess = async () => {
    const { createCredentialAccess } = await import('./credential-access.ts');
    return createCredentialAccess({
      context,
      ...(options.credentials === undefined ? {} : { choice: options.credentials }),
    });
  };
  const storesOf = async (homes: Homes): Promise<CredentialStores> => {
    access ??= openAccess();
    return (await access).of(homes);
  };
  const around = createHomes({
    configFolder,
    connectors: new Set(Object.keys(parts.connectors)),
    loadManifest: async (file) => (await import('./own-connectors.ts')).loadOwnConnector(file, parts),
  });

  const surroundings: Surroundings = {
    parts,
    folder,
    configFolder,
    redactor,
    status,
    states,
    around,
    stores: storesOf,
    services: (homes) => ({
      redactor,
      async credential(found: FoundConnection, o): Promise<Credential> {
        const { storedCredential } = await import('./credential-lookup.ts');
        return (await storedCredential(await storesOf(homes), found, o))?.fields ?? {};
      },
      renew: async (found, stale, renew, o) =>
        (await import('./credential-renewal.ts')).renewCredential(await storesOf(homes), found, stale, renew, {
          ...o,
          folder: options.stateFolder ?? stateFolder(),
          learn: (secret) => redactor.add(secret),
        }),
      async secret(name, signal) {
        const { referencedSecret } = await import('./credentials/reference.ts');
        const stores = await storesOf(homes);
        return (await referencedSecret(stores, name, stores.where(), { signal })).reveal();
      },
      save: async (found, o) => (await import('./connection-changes.ts')).saveConnection(surroundings, homes, found, o),
      used: (found) =>
        status.used(found.filter(({ file }) => file !== undefined).map(statusKeyOf), {
          signal: AbortSignal.timeout(5000),
        }),
    }),
    async close() {
      await states.close();
      await (await access)?.close();
    },
  };
  return surroundings;
}
