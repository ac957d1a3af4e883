// Connections by alias or EID: where they are defined, and how one is opened.
import type { AnyConnection, AnyConnector, ConnectorContext, Credential, Log, Value } from './contracts.ts';
import { failure } from './errors.ts';
import { secret } from './secret.ts';
import { didYouMean } from './suggest.ts';

/** A connection as a file defines it: its connector, who it is, and the connector's own fields, side by side. */
export interface ConnectionDefinition {
  connector: string;
  eid?: string;
  title?: string;
  disabled?: boolean;
  [field: string]: unknown;
}

export interface FoundConnection {
  /** The name it was asked for, an alias or an EID. */
  name: string;
  alias: string | undefined;
  definition: ConnectionDefinition;
  /** Which home it was found in: `pipe`, `project` or `user`. */
  home: string;
  /** Homes further out that have the same alias. */
  shadows: string[];
}

/** One home of connections: alias → definition. */
export interface ConnectionHome {
  home: string;
  connections: Readonly<Record<string, ConnectionDefinition>>;
}

export interface ConnectionLookup {
  find(name: string): FoundConnection | undefined;
  aliases(): string[];
}

/** Looks through the homes in order; the first that has the alias or the EID wins. */
export function createLookup(homes: readonly ConnectionHome[]): ConnectionLookup {
  const byName = new Map<string, FoundConnection>();
  for (const { home, connections } of homes) {
    for (const [alias, definition] of Object.entries(connections)) {
      for (const name of definition.eid === undefined ? [alias] : [alias, definition.eid]) {
        const before = byName.get(name);
        if (before === undefined) byName.set(name, { name, alias, definition, home, shadows: [] });
        else if (before.home !== home) before.shadows.push(home);
      }
    }
  }
  return {
    find: (name) => byName.get(name),
    aliases: () => [...new Set([...byName.values()].map(({ alias, name }) => alias ?? name))].sort(),
  };
}

/** As `find`, with CONNECTION_UNKNOWN or CONNECTION_DISABLED for what cannot be used. */
export function requireConnection(lookup: ConnectionLookup, name: string): FoundConnection {
  const found = lookup.find(name);
  if (found === undefined) throw failure('CONNECTION_UNKNOWN', { name, hint: didYouMean(name, lookup.aliases()) });
  if (found.definition.disabled === true) throw failure('CONNECTION_DISABLED', { connection: name });
  return found;
}

/** The fields that are not a connector's own. */
const META = new Set(['connector', 'eid', 'alias', 'title', 'description', 'disabled', 'credential', 'default', 'status', 'visibility']);

export interface OpenOptions {
  connector: AnyConnector;
  secretFields: readonly string[];
  /** Gives the value of text with `${…}` inside. */
  evaluate(value: Value): Value;
  /** The stored secret fields of the connection, from the credential stores. */
  stored(): Promise<Credential>;
  /** Told of every secret value, before it is used: the redactor. */
  learn(secret: string): void;
  log: Log;
  retry: ConnectorContext['retry'];
}

/** Opens a connection without I/O. Secret fields never reach the config; the connector asks for them when it needs them. */
export function openConnection(found: FoundConnection, options: OpenOptions): AnyConnection {
  const config: Record<string, Value> = {};
  const inline: Record<string, Value> = {};
  for (const [field, value] of Object.entries(found.definition)) {
    if (META.has(field)) continue;
    (options.secretFields.includes(field) ? inline : config)[field] = value as Value;
  }
  const credential = async (): Promise<Credential> => {
    const fields: Credential = { ...(await options.stored()) };
    for (const [field, value] of Object.entries(inline)) fields[field] = secret(String(options.evaluate(value)));
    for (const field of Object.values(fields)) options.learn(field.reveal());
    return fields;
  };
  const context: ConnectorContext = { name: found.name, credential, log: options.log, retry: options.retry };
  return options.connector.open(options.evaluate(config) as never, context);
}
