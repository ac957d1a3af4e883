// The fields of a connector with their texts, whether it comes with the package or from a manifest of the project.
import type { Engine } from '../index.ts';
import { type ConnectorField, connectorFields } from '../schemas/generated/fields.ts';
import { connectors } from '../schemas/generated/language.ts';

export interface KnownConnector {
  fields: readonly ConnectorField[];
  /** Ways to authenticate. */
  auth: readonly string[];
}

/** Without fields, where there is no such connector. */
export async function knownConnector(engine: Engine, name: string): Promise<KnownConnector> {
  if (Object.hasOwn(connectorFields, name)) return { fields: connectorFields[name]!, auth: connectors[name]!.auth };
  const own = (await engine.connectors()).find((each) => each.name === name);
  return { fields: own?.fields ?? [], auth: own?.auth ?? [] };
}
