// The credential of a connection: under which names it is kept, where it was found, and which of its fields have a value.

import type { FoundConnection } from './connections.ts';
import { partOf } from './connector-parts.ts';
import type { StoredCredential } from './contracts/credentials.ts';
import type { Value } from './contracts/data.ts';
import type { StoreChoice, StoreContext } from './credentials/index.ts';
import { type CredentialStores, createStores } from './credentials/stores.ts';
import { Failure } from './errors.ts';
import { compileValue } from './expressions.ts';
import type { ConnectionsFile } from './project.ts';
import { connectionScope, evaluateValue } from './scope.ts';
import { evaluateWith, readSecretFile } from './secret-references.ts';

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

export interface CredentialAccessOptions {
  /** Wins over what the project says. */
  choice?: StoreChoice | readonly StoreChoice[];
  context: Omit<StoreContext, 'base'>;
}

/** The stores of each project, opened when they are first asked. */
export interface CredentialAccess {
  of(around: { project: ConnectionsFile | undefined; user: ConnectionsFile | undefined }): Promise<CredentialStores>;
  close(): Promise<void>;
}

export function createCredentialAccess({ choice, context }: CredentialAccessOptions): CredentialAccess {
  const opened = new Map<string, Promise<CredentialStores>>();

  return {
    of({ project, user }) {
      const file = choice !== undefined ? undefined : [project, user].find((each) => each?.credentials !== undefined);
      const key = file === undefined ? '' : JSON.stringify([file.folder, file.credentials]);
      let stores = opened.get(key);
      if (stores === undefined) {
        stores = open(choice, context, file);
        opened.set(key, stores);
        stores.catch(() => opened.delete(key));
      }
      return stores;
    },
    async close() {
      const all = await Promise.allSettled(opened.values());
      opened.clear();
      for (const each of all) if (each.status === 'fulfilled') await each.value.close();
    },
  };
}

async function open(
  choice: CredentialAccessOptions['choice'],
  context: Omit<StoreContext, 'base'>,
  file: ConnectionsFile | undefined,
): Promise<CredentialStores> {
  if (file === undefined) return createStores(choice, context);
  const options = await Promise.all(
    [file.credentials].flat().map((each) => evaluated(each as Value, file, context.learn)),
  );
  return createStores(options as StoreChoice[], { ...context, base: file.folder });
}

/** `${env.NAME}` and `${file("…")}` in a store's options. */
async function evaluated(
  value: Value,
  { folder, file }: ConnectionsFile,
  learn: StoreContext['learn'],
): Promise<Value> {
  const where = `credentials of ${file}`;
  const evaluate = compileValue(value, { where, names: ['env', 'file'] });
  if (evaluate === undefined) return value;
  return evaluateWith(evaluate, connectionScope({}), {
    async file(path) {
      const text = await readSecretFile(path, folder, where);
      learn?.(text);
      return text;
    },
  });
}
