// What is remembered of connections, apart from their definitions: whether they worked when last tried, and when.
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import type { FoundConnection } from './connections.ts';
import { partOf } from './connector-parts.ts';
import { readPrivateFile, replaceFile } from './credentials/replace.ts';
import { Failure, failure } from './errors.ts';

/** Times are ISO timestamps. */
export interface ConnectionRecord {
  ok?: boolean;
  /** An error code and what to do, of the last verification that failed. */
  code?: string;
  reason?: string;
  verified?: string;
  /** Of what was verified; another definition is an unverified one. */
  digest?: string;
  created?: string;
  updated?: string;
  /** To the minute. */
  used?: string;
}

export interface ConnectionStatus {
  status: 'unverified' | 'ok' | 'failing' | 'disabled';
  code?: string;
  reason?: string;
  created?: string;
  updated?: string;
  verified?: string;
  used?: string;
}

export interface StatusStore {
  /** By key; empty when nothing is remembered. */
  read(): Readonly<Record<string, ConnectionRecord>>;
  /** Puts what `change` gives in the place of each record; undefined removes it. */
  write(
    keys: string | readonly string[],
    change: (before: ConnectionRecord) => ConnectionRecord | undefined,
    o: { signal: AbortSignal },
  ): Promise<void>;
  /** Remembers that the connections were used. Never fails: a run does not end for this. */
  used(keys: readonly string[], o: { signal: AbortSignal }): Promise<void>;
}

interface StateFile {
  version: 1;
  connections: Record<string, ConnectionRecord>;
}

const usedEveryMs = 60_000;

/** In `<folder>/connections.json`, private to the user, one writer at a time across processes. */
export function createStatusStore(folder: string): StatusStore {
  const path = join(folder, 'connections.json');

  const write = (change: (connections: StateFile['connections']) => void, signal: AbortSignal) =>
    replaceFile(path, signal, (bytes) => {
      const state = decode(bytes, path);
      change(state.connections);
      return { bytes: Buffer.from(`${JSON.stringify(state)}\n`), result: undefined };
    });

  return {
    read: () => decode(readPrivateFile(path), path).connections,
    write: (keys, change, { signal }) =>
      write((connections) => {
        for (const key of [keys].flat()) {
          const next = change(own(connections, key) ?? {});
          if (next === undefined) delete connections[key];
          else connections[key] = next;
        }
      }, signal),
    async used(keys, { signal }) {
      const now = Date.now();
      try {
        const known = decode(readPrivateFile(path), path).connections;
        const late = keys.filter((key) => !(now - Date.parse(own(known, key)?.used ?? '') < usedEveryMs));
        if (late.length === 0) return;
        await write((connections) => {
          for (const key of late) connections[key] = { ...own(connections, key), used: new Date(now).toISOString() };
        }, signal);
      } catch (error) {
        if (!(error instanceof Failure) && !signal.aborted) throw error;
      }
    },
  };
}

function own<T>(map: Record<string, T>, key: string): T | undefined {
  return Object.hasOwn(map, key) ? map[key] : undefined;
}

function decode(bytes: Buffer | undefined, path: string): StateFile {
  if (bytes === undefined) return { version: 1, connections: {} };
  try {
    const state = JSON.parse(bytes.toString('utf8')) as StateFile;
    if (state.version === 1 && typeof state.connections === 'object' && state.connections !== null) return state;
  } catch {
    // No cause: its message would quote the file.
  }
  throw failure('CONNECTIONS_UNREADABLE', {
    path,
    reason: 'it is no state of connections; remove it and verify them anew',
  });
}

type Defined = Pick<FoundConnection, 'definition' | 'own'>;

/** What a definition and what is remembered of it make together. */
export function statusOf(found: Defined, record: ConnectionRecord = {}): ConnectionStatus {
  const { ok, code, reason, digest, ...times } = record;
  const { created, updated, verified, used } = times;
  const status: ConnectionStatus = {
    status: 'unverified',
    ...(created === undefined ? {} : { created }),
    ...(updated === undefined ? {} : { updated }),
    ...(verified === undefined ? {} : { verified }),
    ...(used === undefined ? {} : { used }),
  };
  if (found.definition.disabled === true) return { ...status, status: 'disabled' };
  if (ok === undefined || digest !== digestOf(found)) return status;
  if (ok) return { ...status, status: 'ok' };
  return {
    ...status,
    status: 'failing',
    ...(code === undefined ? {} : { code }),
    ...(reason === undefined ? {} : { reason }),
  };
}

const texts = new Set(['title', 'description', 'default', 'disabled', 'eid']);

/** Of the fields that decide whether it works. Never of secrets: a digest of a short one would tell it. */
export function digestOf(found: Defined): string {
  const { secrets = [] } = partOf(found) ?? {};
  const fields = Object.entries(found.definition)
    .filter(([field]) => !texts.has(field) && !secrets.includes(field))
    .sort(([a], [b]) => (a < b ? -1 : 1));
  return createHash('sha256').update(JSON.stringify(fields)).digest('hex').slice(0, 16);
}
