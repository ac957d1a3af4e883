// From a connection that was found to an open one: its connector, its config with every `${…}` put in, its credential.

import { type FoundConnection, openConnection } from './connections.ts';
import { loaderOf, partOf } from './connector-parts.ts';
import type { AnyConnection, AnyConnector, ConnectorContext } from './contracts/connector.ts';
import type { Credential } from './contracts/credentials.ts';
import type { Value } from './contracts/data.ts';
import type { Wire } from './contracts/http.ts';
import type { Log } from './contracts/task.ts';
import { failure } from './errors.ts';
import type { Parts } from './parts.ts';
import type { Redactor } from './redact.ts';
import { evaluateField } from './secret-references.ts';
import type { StandIns } from './targets.ts';

/** What a run, or anything else that opens connections, needs from outside. */
export interface Services {
  redactor: Redactor;
  /** The stored secret fields of a connection. */
  credential(found: FoundConnection, o: { params: Record<string, Value>; signal: AbortSignal }): Promise<Credential>;
  /** Puts renewed fields beside the stored ones, once across processes. */
  renew(
    found: FoundConnection,
    stale: Credential,
    renew: (current: Credential) => Promise<Record<string, string>>,
    o: { params: Record<string, Value>; signal: AbortSignal },
  ): Promise<Credential>;
  /** What `secret("name")` stands for. */
  secret(name: string, signal: AbortSignal): Promise<string>;
  /** Keeps a connection that a run has made, its secrets in a store. */
  save(found: FoundConnection, o: { params: Record<string, Value>; signal: AbortSignal }): Promise<void>;
  /** What the HTTP of a connection goes through, where something records it or answers for the network. */
  wire?(name: string): Wire | undefined;
  /** In a test: what is there in place of the systems that paths lead to. */
  standIns?: StandIns;
  /** Told at the end of a run which connections it has opened. Never fails. */
  used(found: readonly FoundConnection[]): Promise<void>;
}

export interface OpeningOptions {
  parts: Pick<Parts, 'connectors'>;
  services: Services;
  params: Record<string, Value>;
  /** Relative paths in the connection start here, where it does not say. */
  folder: string;
  signal: AbortSignal;
  log: Log;
  retry: ConnectorContext['retry'];
}

export interface Opened {
  connector: AnyConnector;
  connection: AnyConnection;
}

/** Opens a connection without asking the system behind it. */
export async function openFound(found: FoundConnection, options: OpeningOptions): Promise<Opened> {
  const { parts, services, params, folder, signal, log, retry } = options;
  const name = found.definition.connector;
  const load = loaderOf(found, parts);
  if (load === undefined)
    throw failure('OPTION_UNSUPPORTED', { what: `the connector "${name}"`, where: 'this version' });
  const connector = await load();
  const learn = (value: string) => services.redactor.add(value);
  const references = { params, folder, secret: (secret: string) => services.secret(secret, signal), learn };
  const connection = await openConnection(found, {
    connector,
    secretFields: partOf(found)?.secrets ?? [],
    evaluate: (value, field) => evaluateField(found, field, value, references),
    stored: () => services.credential(found, { params, signal }),
    renew: (stale, renew, o) => services.renew(found, stale, renew, { params, signal: o.signal }),
    learn,
    log,
    retry,
    wire: services.wire?.(found.name),
  });
  return { connector, connection };
}
