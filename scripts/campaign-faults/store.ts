// What each store of the fault campaign is: a connector, and a server or a disk that can be told to go wrong.
import type { AnyConnector } from '../../engine/contracts/connector.ts';
import type { Credential } from '../../engine/contracts/credentials.ts';
import { withRetry } from '../../engine/retry.ts';
import { credentialOf } from '../../engine/secret.ts';
import type { Random } from '../chance.ts';
import { mib, type Weather } from './faults.ts';

/** How long a store that knows no other time is waited for, and how long a silent one says nothing. */
export const patience = { timeout: '600ms', silentMs: 800 };

export interface FaultyStore {
  /** Each kind of fault that can happen to a file that goes there and comes back. */
  kinds: readonly string[];
  connector: AnyConnector;
  /** The connection, as a definition has it. */
  config(random: Random): Record<string, unknown>;
  /** Of the file that is copied, inside the connection. */
  path: string;
  /** As before the first copy, and without faults. */
  reset(): void;
  /** From now on things go wrong; without weather they go well. */
  disturb(weather?: Weather): void;
  /** All is well again, also a credential that had expired. */
  mend(): void;
  bytes(path: string): Buffer | undefined;
  /** What a copy should have taken away. */
  leftovers(): string[];
  close(): Promise<void>;
}

/** Waits a millisecond before it tries again, and asks for the credential of now. */
export function impatient(connector: AnyConnector, credential: () => Credential = () => ({})): AnyConnector {
  return {
    ...connector,
    open: (config, context) =>
      connector.open(config, {
        ...context,
        credential: async () => credential(),
        renewCredential: async (stale, renew) => ({ ...stale, ...credentialOf(await renew(stale)) }),
        retry: (work, { signal }) => withRetry(work, { signal, firstWaitMs: 1, longestWaitMs: 20 }),
      }),
  };
}

/** After so many bytes a file, or one of its parts, breaks off. */
export function somewhere({ random, bytes }: Weather): number {
  return Math.floor(random() * Math.min(bytes, 5 * mib));
}
