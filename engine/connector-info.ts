// What is known of every connector of the language, from its schema and, where there is code for it, from that.
import { connectors } from '../schemas/generated/language.ts';
import type { Capability } from './contracts.ts';
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
}

export function listConnectors(parts: Parts): Promise<ConnectorInfo[]> {
  return Promise.all(
    Object.entries(connectors).map(async ([name, { description, auth }]) => {
      const load = Object.hasOwn(parts.connectors, name) ? parts.connectors[name] : undefined;
      const capabilities = load === undefined ? [] : (await load()).capabilities;
      return { name, description, capabilities, auth, planned: load === undefined };
    }),
  );
}
