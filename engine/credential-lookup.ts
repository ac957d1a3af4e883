// The credential of a connection: under which names it is kept, where it was found, and which of its fields have a value.

import type { FoundConnection } from './connections.ts';
import { partOf } from './connector-parts.ts';
import type { StoredCredential } from './contracts/credentials.ts';
import type { Value } from './contracts/data.ts';
import type { CredentialStores } from './credentials/stores.ts';
import { Failure } from './errors.ts';
import { connectionScope, evaluateValue } from './scope.ts';

/** The secret fields that a connection may have, by its connector's schema; none where it says `auth: none`. */
function secretFieldsOf(found: FoundConnection): readonly string[] {
  const { definition } = found;
  const part = partOf(found);
  if (part === undefined || (part.keys['']?.includes('auth') && (definition.auth ?? 'none') === 'none')) return [];
  return part.secrets;
}

/** The secret fields that the definition itself gives, as text or by reference. */
export function inlineSecrets(found: FoundConnection): string[] {
  return secretFieldsOf(found).filter((field) => ![undefined, null].includes(found.definition[field] as null));
}

/**
 * The names to ask the stores for, in order; none where nothing is to be asked for. A connection that gives secret
 * fields itself has others in a store only if it says so by `credential`.
 */
export function credentialNames(found: FoundConnection, params: Record<string, Value> = {}): string[] {
  const { definition, alias } = found;
  if (secretFieldsOf(found).length === 0) return [];
  if (definition.credential !== undefined) {
    const where = `connection ${found.name} credential`;
    return [String(evaluateValue(definition.credential as Value, connectionScope(params), where))];
  }
  if (inlineSecrets(found).length > 0) return [];
  return [definition.eid, alias].filter((name) => name !== undefined);
}

/** What the stores have for a connection; undefined when there is nothing. */
export async function storedCredential(
  stores: CredentialStores,
  found: FoundConnection,
  { signal, params = {} }: { signal: AbortSignal; params?: Record<string, Value> },
): Promise<(StoredCredential & { name: string }) | undefined> {
  const fields = secretFieldsOf(found);
  for (const name of credentialNames(found, params)) {
    const stored = await stores.get(name, { signal, fields });
    if (stored !== undefined) return { ...stored, name };
  }
  return undefined;
}

export interface SecretState {
  field: string;
  configured: boolean;
  /** Where its value is, in words; where it was looked for, when there is none. */
  where: string;
}

/** Of each secret field, whether it has a value and where. Never the value. A store that cannot be asked says why. */
export async function secretStates(
  stores: CredentialStores,
  found: FoundConnection,
  o: { signal: AbortSignal; params?: Record<string, Value> },
): Promise<SecretState[]> {
  const inline = new Set(inlineSecrets(found));
  let stored: StoredCredential | undefined;
  let missing = '';
  if (credentialNames(found, o.params).length > 0) {
    missing = stores.where();
    try {
      stored = await storedCredential(stores, found, o);
    } catch (error) {
      if (o.signal.aborted || !(error instanceof Failure)) throw error;
      missing = error.message;
    }
  }
  return secretFieldsOf(found).map((field) => {
    if (inline.has(field)) return { field, ...inlineState(found.definition[field]) };
    const configured = stored?.fields[field] !== undefined;
    return { field, configured, where: configured ? (stored!.store ?? 'a store') : missing };
  });
}

/** A reference is shown as it is written; whether a variable is set can be told, the rest only when it is used. */
function inlineState(value: unknown): Omit<SecretState, 'field'> {
  if (typeof value !== 'string' || !value.includes('${')) return { configured: true, where: 'the definition itself' };
  const variable = /\benv\.(\w+)/.exec(value)?.[1];
  const configured = variable === undefined || Boolean(process.env[variable]);
  return { configured, where: value };
}
