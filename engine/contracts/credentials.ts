// The contracts of secrets and of the stores that keep them. Types only.
import type { CallOptions } from './connector.ts';

export interface Secret {
  reveal(): string;
  toString(): '[secret]';
  toJSON(): '[secret]';
}

/** The secret fields of one connection, by field name. */
export type Credential = Record<string, Secret>;

export interface CredentialStore {
  readonly name: string;
  /**
   * The credential kept under `name` (a connection's EID or alias), or undefined when there is none. `fields`: the
   * connection's secret fields, for a store that keeps each field under a name of its own (env).
   */
  get(name: string, o: CallOptions & { fields?: readonly string[] }): Promise<StoredCredential | undefined>;
  /** With `ifVersion`, refused with CREDENTIAL_CHANGED when another writer was first. */
  put?(name: string, credential: Credential, o: CallOptions & { ifVersion?: string }): Promise<void>;
  remove?(name: string, o: CallOptions): Promise<void>;
  names?(o: CallOptions): AsyncIterable<string>;
  close(): Promise<void>;
}

export interface StoredCredential {
  fields: Credential;
  /** Changes with every put; for `ifVersion`. */
  version?: string;
  /** The store it is in, in words, where there are several. */
  store?: string;
}
