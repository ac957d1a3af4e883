// What may be shown of connections: their definitions without secrets, their status, and which secrets have a value.

import { findSaved } from './connection-places.ts';
import { type ConnectionStatus, statusOf } from './connection-status.ts';
import {
  type ConnectionDefinition,
  createLookup,
  eidOf,
  type FoundConnection,
  isOwnField,
  statusKeyOf,
} from './connections.ts';
import { type SecretState, secretStates } from './credential-lookup.ts';
import { withSecretTexts } from './secret-references.ts';
import type { Surroundings } from './surroundings.ts';

export interface ConnectionInfo extends ConnectionStatus {
  /** What to call it: the alias, else the EID. */
  name: string;
  alias?: string;
  eid: string;
  connector: string;
  title?: string;
  description?: string;
  default: boolean;
  /** `project` or `user`. */
  home: string;
  file?: string;
  /** Homes further out that have the same alias and are hidden by this one. */
  shadows: string[];
  /** The connector's own fields; `[secret]` in the place of secrets that stand in the file. */
  config: Record<string, unknown>;
}

export interface ConnectionDetails extends ConnectionInfo {
  /** Of each secret field, whether it has a value, and where. */
  secrets: SecretState[];
}

export const sortable = ['name', 'title', 'connector', 'status', 'created', 'updated', 'verified', 'used'] as const;

export interface ListConnectionsOptions {
  /** In alias, title, EID or connector, whatever the case. */
  search?: string;
  sort?: (typeof sortable)[number];
  descending?: boolean;
  /** 1 to 100; 50 unless told. */
  limit?: number;
  offset?: number;
}

export interface ConnectionList {
  connections: ConnectionInfo[];
  /** How many there are in all that fit the search. */
  total: number;
}

export function infoOf(surroundings: Surroundings, found: FoundConnection): ConnectionInfo {
  const { alias, definition, home, file, shadows } = found;
  const { connector, title, description } = definition as ConnectionDefinition & { description?: string };
  const shown = withSecretTexts(found, () => '[secret]');
  const eid = eidOf(found);
  return {
    name: alias ?? eid,
    ...(alias === undefined ? {} : { alias }),
    eid,
    connector,
    ...(title === undefined ? {} : { title }),
    ...(description === undefined ? {} : { description }),
    default: definition.default === true,
    home,
    ...(file === undefined ? {} : { file }),
    shadows,
    config: Object.fromEntries(Object.entries(shown).filter(([field]) => isOwnField(field))),
    ...statusOf(found, surroundings.status.read()[statusKeyOf(found)]),
  };
}

export async function listConnections(surroundings: Surroundings, o: ListConnectionsOptions): Promise<ConnectionList> {
  const { search = '', sort = 'name', descending = false, limit = 50, offset = 0 } = o;
  const { homes } = await surroundings.around(surroundings.folder);
  const wanted = search.toLowerCase();
  const records = surroundings.status.read();
  const found = createLookup(homes)
    .all()
    .map((each) => ({ each, eid: eidOf(each), status: statusOf(each, records[statusKeyOf(each)]) }))
    .filter(({ each: { alias, definition }, eid }) =>
      [alias, definition.title, eid, definition.connector].some((text) => text?.toLowerCase().includes(wanted)),
    );
  const keyOf = ({ each: { alias, definition }, eid, status }: (typeof found)[number]): string => {
    if (sort === 'name') return alias ?? eid;
    if (sort === 'title') return definition.title ?? alias ?? eid;
    if (sort === 'connector') return `${definition.connector} ${alias ?? eid}`;
    if (sort === 'status') return `${status.status} ${alias ?? eid}`;
    // What never happened comes after all that did.
    return status[sort] ?? (descending ? '' : '\uffff');
  };
  const keyed = found
    .map((one) => ({ one, key: keyOf(one) }))
    .sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0));
  if (descending) keyed.reverse();
  const page = keyed.slice(offset, offset + Math.min(Math.max(limit, 1), 100));
  return { connections: page.map(({ one }) => infoOf(surroundings, one.each)), total: found.length };
}

export async function connectionDetails(
  surroundings: Surroundings,
  name: string,
  signal: AbortSignal,
): Promise<ConnectionDetails> {
  const { homes, found } = await findSaved(surroundings, name);
  const secrets = await secretStates(await surroundings.stores(homes), found, { signal });
  return { ...infoOf(surroundings, found), secrets };
}
