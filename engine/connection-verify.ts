// Trying a saved connection: the cheapest exchange that shows whether it works, and what is remembered of it.
import { type ConnectionInfo, infoOf } from './connection-info.ts';
import { findSaved, keyOf, validateDefinition } from './connection-places.ts';
import { digestOf } from './connection-status.ts';
import { type FoundConnection, statusKeyOf } from './connections.ts';
import type { Verification } from './contracts/connector.ts';
import type { Log } from './contracts/task.ts';
import { asFailure, failure } from './errors.ts';
import type { Homes } from './homes.ts';
import { openFound } from './opening.ts';
import type { Surroundings } from './surroundings.ts';

export interface VerifyOptions {
  signal?: AbortSignal;
  /** How long the whole of it may take; 15 s unless told. */
  timeoutMs?: number;
}

const silent: Log = { debug() {}, info() {}, warn() {} };
const standardMs = 15_000;

/** Tries the connection and remembers how that went. What goes wrong is in the status; only what keeps it from being tried throws. */
export async function verifyConnection(
  surroundings: Surroundings,
  name: string,
  o: VerifyOptions = {},
): Promise<ConnectionInfo> {
  const { homes, found } = await findSaved(surroundings, name);
  const signal = o.signal ?? new AbortController().signal;
  if (found.definition.disabled === true) throw failure('CONNECTION_DISABLED', { connection: name });
  const outcome = surroundings.redactor.redactValue(
    await outcomeOf(surroundings, homes, found, signal, o.timeoutMs ?? standardMs),
  );
  const { ok, code, reason } = outcome;
  await surroundings.status.write(
    statusKeyOf(found),
    ({ created, updated, used }) => ({
      ok,
      ...(ok ? {} : { code: code ?? 'CONNECTION_LOST', reason: reason ?? 'it did not say why' }),
      verified: new Date().toISOString(),
      digest: digestOf(found),
      ...(created === undefined ? {} : { created }),
      ...(updated === undefined ? {} : { updated }),
      ...(used === undefined ? {} : { used }),
    }),
    { signal },
  );
  return infoOf(surroundings, found);
}

async function outcomeOf(
  surroundings: Surroundings,
  homes: Homes,
  found: FoundConnection,
  outer: AbortSignal,
  timeoutMs: number,
): Promise<Verification> {
  const late = new AbortController();
  const tooLong = failure('TIMED_OUT', { what: `verifying ${found.name}`, seconds: timeoutMs / 1000 });
  const timer = setTimeout(() => late.abort(tooLong), timeoutMs);
  const signal = AbortSignal.any([late.signal, outer]);
  try {
    // A connector that does not listen to the signal must not keep the user waiting either.
    return await Promise.race([verified(surroundings, homes, found, signal), rejection(signal)]);
  } catch (error) {
    if (outer.aborted) throw outer.reason;
    const { code, message } = asFailure(late.signal.aborted ? tooLong : error, found.name);
    return { ok: false, code, reason: message };
  } finally {
    clearTimeout(timer);
  }
}

async function verified(
  surroundings: Surroundings,
  homes: Homes,
  found: FoundConnection,
  signal: AbortSignal,
): Promise<Verification> {
  await validateDefinition(surroundings, keyOf(found), found.definition);
  const { connection } = await openFound(found, {
    parts: surroundings.parts,
    services: surroundings.services(homes),
    params: {},
    folder: surroundings.folder,
    signal,
    log: silent,
    // Who verifies wants to know how it is now.
    retry: (work) => work(1),
  });
  try {
    return await connection.verify({ signal });
  } finally {
    await connection.close();
  }
}

function rejection(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    if (signal.aborted) reject(signal.reason);
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
}
