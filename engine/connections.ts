// Connections by alias or EID: where they are defined, and how one is opened.
import type { OwnConnector, OwnConnectors } from './connector-parts.ts';
import type { AnyConnection, AnyConnector, ConnectorContext } from './contracts/connector.ts';
import type { Credential } from './contracts/credentials.ts';
import type { Value } from './contracts/data.ts';
import type { Log } from './contracts/task.ts';
import { eidOfAlias, isEid } from './eid.ts';
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
  /** The file that defines it, where it is one. */
  file?: string;
  /** Where its relative paths start; the pipe's folder, when absent. */
  folder?: string;
  /** Its connector, where that is one of the project's own. */
  own?: OwnConnector | undefined;
}

/** One home of connections: alias → definition. A connection without an alias is under its EID. */
export interface ConnectionHome {
  home: string;
  connections: Readonly<Record<string, ConnectionDefinition>>;
  file?: string;
  folder?: string;
  /** Connectors of its own, for the connections of every home. */
  connectors?: OwnConnectors;
}

/** The connectors that homes have of their own. */
export function ownConnectorsOf(homes: readonly ConnectionHome[]): OwnConnectors {
  return new Map(homes.flatMap(({ connectors }) => [...(connectors ?? [])]));
}

export interface ConnectionLookup {
  /** By alias, by EID, or by the name of a connector that has a default connection. */
  find(name: string): FoundConnection | undefined;
  aliases(): string[];
  /** Every connection that is not hidden by another. */
  all(): FoundConnection[];
  /** The connectors of their homes' own. */
  connectors: OwnConnectors;
}

/** Looks through the homes in order; the first that has the alias or the EID wins. */
export function createLookup(homes: readonly ConnectionHome[]): ConnectionLookup {
  const byName = new Map<string, FoundConnection>();
  const visible: FoundConnection[] = [];
  const defaults = new Map<string, FoundConnection>();
  let byDerived: Map<string, FoundConnection> | undefined;

  const connectors = ownConnectorsOf(homes);
  for (const { connections, connectors: _, ...where } of homes) {
    for (const [key, definition] of Object.entries(connections)) {
      const own = connectors.get(definition.connector);
      const home = own === undefined ? where : { ...where, own };
      const { eid } = definition;
      const alias = isEid(key) ? undefined : key;
      let hidden = false;
      for (const name of eid === undefined || eid === key ? [key] : [key, eid]) {
        const before = byName.get(name);
        if (before === undefined) byName.set(name, { name, alias, definition, shadows: [], ...home });
        else {
          if (name === key) hidden = true;
          if (before.home !== home.home && !before.shadows.includes(home.home)) before.shadows.push(home.home);
        }
      }
      if (hidden) continue;
      const found = byName.get(key)!;
      visible.push(found);
      const { connector } = definition;
      if (definition.default === true && !defaults.has(connector))
        defaults.set(connector, { ...found, name: connector });
    }
  }

  const derived = (name: string): FoundConnection | undefined => {
    if (!isEid(name)) return undefined;
    byDerived ??= new Map(visible.map((found) => [eidOf(found), found]));
    const found = byDerived.get(name);
    return found && { ...found, name };
  };
  return {
    find: (name) => byName.get(name) ?? defaults.get(name) ?? derived(name),
    aliases: () => visible.map(({ alias, name }) => alias ?? name).sort(),
    all: () => visible,
    connectors,
  };
}

/** The EID that a connection has, or, where none is written down, the one that its alias stands for. */
export function eidOf({ alias, name, definition }: FoundConnection): string {
  return definition.eid ?? eidOfAlias(alias ?? name);
}

/** Under which key its status is remembered: an EID is the same everywhere, an alias only in its file. */
export function statusKeyOf({ alias, name, definition, file }: FoundConnection): string {
  return definition.eid ?? `${file ?? ''}#${alias ?? name}`;
}

/** As `find`, with CONNECTION_UNKNOWN or CONNECTION_DISABLED for what cannot be used. */
export function requireConnection(lookup: ConnectionLookup, name: string): FoundConnection {
  const found = lookup.find(name);
  if (found === undefined) throw failure('CONNECTION_UNKNOWN', { name, hint: didYouMean(name, lookup.aliases()) });
  if (found.definition.disabled === true) throw failure('CONNECTION_DISABLED', { connection: name });
  return found;
}

/** The fields that are not a connector's own. */
const META = new Set([
  'connector',
  'eid',
  'alias',
  'title',
  'description',
  'disabled',
  'credential',
  'default',
  'status',
  'visibility',
]);

/** Whether a field of a definition is the connector's, and not one that every connection has. */
export function isOwnField(field: string): boolean {
  return !META.has(field);
}

export interface OpenOptions {
  connector: AnyConnector;
  secretFields: readonly string[];
  /** Gives the value of a field with its `${…}` put in. */
  evaluate(value: Value, field: string): Promise<Value>;
  /** The stored secret fields of the connection, from the credential stores. */
  stored(): Promise<Credential>;
  /** Keeps renewed fields of the stored credential; see ConnectorContext. */
  renew: ConnectorContext['renewCredential'];
  /** Told of every secret value, before it is used: the redactor. */
  learn(secret: string): void;
  log: Log;
  retry: ConnectorContext['retry'];
  wire?: ConnectorContext['wire'];
}

/** Opens a connection without asking the system behind it. Secret fields never reach the config; the connector asks for them when it needs them. */
export async function openConnection(found: FoundConnection, options: OpenOptions): Promise<AnyConnection> {
  const config: Record<string, Value> = {};
  const inline: Record<string, Value> = {};
  for (const [field, value] of Object.entries(found.definition)) {
    if (!isOwnField(field)) continue;
    if (options.secretFields.includes(field)) inline[field] = value as Value;
    else config[field] = await options.evaluate(value as Value, field);
  }
  const credential = async (): Promise<Credential> => {
    const fields: Credential = { ...(await options.stored()) };
    for (const [field, value] of Object.entries(inline)) {
      if (value !== null) fields[field] = secret(String(await options.evaluate(value, field)));
    }
    for (const field of Object.values(fields)) options.learn(field.reveal());
    return fields;
  };
  const { log, retry, wire, renew: renewCredential } = options;
  const context: ConnectorContext = { name: found.name, credential, renewCredential, log, retry, wire };
  return options.connector.open(config as never, context);
}
