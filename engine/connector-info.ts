// What is known of every connector of the language, from its schema and, where there is code for it, from that.
import type { ConnectorField } from '../schemas/generated/fields.ts';
import { connectors } from '../schemas/generated/language.ts';
import type { OwnConnectors } from './connector-parts.ts';
import type { Capability } from './contracts/connector.ts';
import type { Parts } from './parts.ts';

export interface ConnectorInfo {
  name: string;
  /** One line. */
  description: string;
  /** Empty for one that is planned. */
  capabilities: readonly Capability[];
  /** Ways to authenticate. */
  auth: readonly string[];
  /** Part of the language, but this version has no code for it. */
  planned: boolean;
  /** Of one that a manifest of the project describes: where that is, and its fields. */
  file?: string;
  fields?: readonly ConnectorField[];
}

/** Those of the language, then the project's own. */
export function listConnectors(parts: Parts, own: OwnConnectors): Promise<ConnectorInfo[]> {
  const ofLanguage = Object.entries(connectors).map(async ([name, { description, auth }]) => {
    const load = Object.hasOwn(parts.connectors, name) ? parts.connectors[name] : undefined;
    const capabilities = load === undefined ? [] : (await load()).capabilities;
    return { name, description, capabilities, auth, planned: load === undefined };
  });
  const ofProject = [...own.values()].flatMap(({ name, part, load, file, fields }) => {
    if (part === undefined) return [];
    const { description, auth } = part;
    return load().then(({ capabilities }) => ({
      ...{ name, description, capabilities, auth },
      ...{ planned: false, file, fields },
    }));
  });
  return Promise.all([...ofLanguage, ...ofProject]);
}
