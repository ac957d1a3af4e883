// What is known of a connection's connector: by the language, or by a manifest of the project.
import type { ConnectorField } from '../schemas/generated/fields.ts';
import { type ConnectorPart, connectors } from '../schemas/generated/language.ts';
import type { Validate } from '../schemas/generated/validators.ts';
import type { FoundConnection } from './connections.ts';
import type { AnyConnector } from './contracts/connector.ts';
import type { Diagnostic } from './diagnostics.ts';
import type { Parts } from './parts.ts';

/** A connector of a project's own. */
export interface OwnConnector {
  name: string;
  /** Of the manifest, for messages. */
  file: string;
  /** Mistakes of the manifest. Sorted, errors and warnings. */
  diagnostics: Diagnostic[];
  line(number: number): string | undefined;
  /** Undefined where the manifest has mistakes: then its connections are not looked into. */
  part: ConnectorPart | undefined;
  fields: readonly ConnectorField[];
  /** Gives what validates its connections. */
  validator(): Promise<{ validate: Validate }>;
  /** Throws CONNECTION_INVALID where the manifest has mistakes. */
  load(): Promise<AnyConnector>;
}

/** By name. */
export type OwnConnectors = ReadonlyMap<string, OwnConnector>;

/** What the language or the project says of a connection's connector; undefined where neither knows it. */
export function partOf({ definition, own }: Pick<FoundConnection, 'definition' | 'own'>): ConnectorPart | undefined {
  return connectorPart(definition.connector, own);
}

/** The same for a connector by its name. */
export function connectorPart(name: unknown, own?: OwnConnector): ConnectorPart | undefined {
  return typeof name === 'string' && Object.hasOwn(connectors, name) ? connectors[name] : own?.part;
}

/** What loads a connection's connector; undefined where there is no code for it. */
export function loaderOf(
  { definition, own }: Pick<FoundConnection, 'definition' | 'own'>,
  parts: Pick<Parts, 'connectors'>,
): (() => Promise<AnyConnector>) | undefined {
  const { connector } = definition;
  return Object.hasOwn(parts.connectors, connector) ? parts.connectors[connector] : own?.load;
}
