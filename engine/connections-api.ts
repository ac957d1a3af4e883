// What `engine.connections` offers: the saved connections of the user and the project, and looks inside of them.

import type { ConnectionEdit, NewConnection } from './connection-changes.ts';
import type { ConnectionDetails, ConnectionInfo, ConnectionList, ListConnectionsOptions } from './connection-info.ts';
import type { LoginOptions } from './connection-login.ts';
import type { ListedEntry, LookOptions, PathDescription, SampledRows } from './connection-look.ts';
import type { ImportOptions } from './connection-moves.ts';
import type { VerifyOptions } from './connection-verify.ts';
import type { ConnectionDefinition } from './connections.ts';
import type { Value } from './contracts/data.ts';
import type { Surroundings } from './surroundings.ts';

/** A connection after a change, and where its secrets were put, in words, when there were any. */
export interface ChangedConnection extends ConnectionInfo {
  keptIn?: string;
}

interface Call {
  signal?: AbortSignal;
}

/**
 * A `name` is an alias, an EID, or a connector that has a default connection. Failures are of the catalogue; those about
 * a connection have the fault `connection`. No answer ever holds a secret.
 */
export interface Connections {
  list(o?: ListConnectionsOptions): Promise<ConnectionList>;
  get(name: string, o?: Call): Promise<ConnectionDetails>;
  add(connection: NewConnection, o?: Call): Promise<ChangedConnection>;
  edit(name: string, edit: ConnectionEdit, o?: Call): Promise<ChangedConnection>;
  /** Its EID stays the same. */
  rename(name: string, alias: string, o?: Call): Promise<ConnectionInfo>;
  /** Its credential goes with it. */
  remove(name: string, o?: Call): Promise<ConnectionInfo>;
  /** Tries it; how that went is in the status, and remembered. */
  verify(name: string, o?: VerifyOptions): Promise<ConnectionInfo>;
  /** A person allows the access to a service that uses OAuth; the tokens go into a credential store. */
  login(name: string, o: LoginOptions): Promise<ChangedConnection>;
  enable(name: string, o?: Call): Promise<ConnectionInfo>;
  /** A disabled connection refuses every use. */
  disable(name: string, o?: Call): Promise<ConnectionInfo>;
  /** Makes it the one that is meant where only its connector is named. */
  setDefault(name: string, o?: Call): Promise<ConnectionInfo>;
  /** Moves secrets that stand in its file into the credential store. `file`: a pipe or another file that defines it. */
  secure(name: string, o?: Call & { file?: string }): Promise<{ moved: string[]; keptIn?: string }>;
  export(names?: readonly string[]): Promise<{ connections: Record<string, ConnectionDefinition> }>;
  /** Adds what `export` gave: all of it, or nothing. Gives the names. */
  import(
    document: { connections: Readonly<Record<string, ConnectionDefinition>> },
    o?: ImportOptions & Call,
  ): Promise<string[]>;
  /** The pipe files of the project (or of the current folder) that name the connection. */
  uses(name: string): Promise<string[]>;
  /** Files and folders, tables or resources; the connections for `/`. */
  ls(
    path: string,
    o?: LookOptions & { offset?: number; recursive?: boolean },
  ): Promise<{ entries: ListedEntry[]; hasMore: boolean }>;
  sample(path: string, o?: LookOptions): Promise<SampledRows>;
  describe(path: string, o?: Omit<LookOptions, 'limit'>): Promise<PathDescription>;
  query(name: string, statement: string, o?: LookOptions & { parameters?: readonly Value[] }): Promise<SampledRows>;
  cat(path: string, out: (chunk: Uint8Array) => Promise<void>, o?: Omit<LookOptions, 'limit'>): Promise<void>;
  cp(from: string, to: string, o?: Call): Promise<void>;
}

/** `cleaned` takes secrets out of what a call throws. */
export function createConnections(
  surroundings: Surroundings,
  cleaned: <T>(work: Promise<T>) => Promise<T>,
): Connections {
  const signalOf = ({ signal }: Call = {}) => signal ?? new AbortController().signal;
  const info = () => import('./connection-info.ts');
  const changes = () => import('./connection-changes.ts');
  const moves = () => import('./connection-moves.ts');
  const look = () => import('./connection-look.ts');
  const call =
    <A extends unknown[], T>(work: (...args: A) => Promise<T>) =>
    (...args: A): Promise<T> =>
      cleaned(work(...args));

  const shown = async (found: Parameters<typeof import('./connection-info.ts').infoOf>[1]) =>
    (await info()).infoOf(surroundings, found);
  const changed = async ({ found, keptIn }: import('./connection-changes.ts').Changed): Promise<ChangedConnection> => ({
    ...(await shown(found)),
    ...(keptIn === undefined ? {} : { keptIn }),
  });

  return {
    list: call(async (o = {}) => (await info()).listConnections(surroundings, o)),
    get: call(async (name, o) => (await info()).connectionDetails(surroundings, name, signalOf(o))),
    add: call(async (connection, o) =>
      changed(await (await changes()).addConnection(surroundings, connection, signalOf(o))),
    ),
    edit: call(async (name, edit, o) =>
      changed(await (await changes()).editConnection(surroundings, name, edit, signalOf(o))),
    ),
    rename: call(async (name, alias, o) =>
      shown(await (await moves()).renameConnection(surroundings, name, alias, signalOf(o))),
    ),
    remove: call(async (name, o) => shown(await (await moves()).removeConnection(surroundings, name, signalOf(o)))),
    verify: call(async (name, o) => (await import('./connection-verify.ts')).verifyConnection(surroundings, name, o)),
    login: call(async (name, o) => {
      const { info, keptIn } = await (await import('./connection-login.ts')).loginConnection(surroundings, name, o);
      return { ...info, ...(keptIn === undefined ? {} : { keptIn }) };
    }),
    enable: call(async (name, o) => shown(await (await moves()).setDisabled(surroundings, name, false, signalOf(o)))),
    disable: call(async (name, o) => shown(await (await moves()).setDisabled(surroundings, name, true, signalOf(o)))),
    setDefault: call(async (name, o) => shown(await (await moves()).setDefault(surroundings, name, signalOf(o)))),
    secure: call(async (name, o) =>
      (await import('./connection-secure.ts')).secureConnection(surroundings, name, signalOf(o), o?.file),
    ),
    export: call(async (names) => (await moves()).exportConnections(surroundings, names)),
    import: call(async ({ connections }, o = {}) =>
      (await moves()).importConnections(surroundings, connections, o, signalOf(o)),
    ),
    uses: call(async (name) => (await import('./connection-uses.ts')).usesOf(surroundings, name)),
    ls: call(async (path, o = {}) => (await look()).listInside(surroundings, path, o)),
    sample: call(async (path, o = {}) => (await look()).sampleRows(surroundings, path, o)),
    describe: call(async (path, o = {}) => (await look()).describePath(surroundings, path, o)),
    query: call(async (name, statement, o = {}) => (await look()).queryRows(surroundings, name, statement, o)),
    cat: call(async (path, out, o = {}) => (await look()).catPath(surroundings, path, out, o)),
    cp: call(async (from, to, o = {}) => (await look()).copyPath(surroundings, from, to, o)),
  };
}
