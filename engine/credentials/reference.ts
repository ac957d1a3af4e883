// What `secret("name")` in a definition means: one value of the credential stores.
import type { CallOptions } from '../contracts/connector.ts';
import type { CredentialStore, Secret } from '../contracts/credentials.ts';
import { failure } from '../errors.ts';
import { environmentName, isName } from './names.ts';

/**
 * `name`: the only field of that credential, or its field `value`; `name.field`: that field. Throws SECRET_MISSING.
 * `where`: the stores in words, for the message.
 */
export async function referencedSecret(
  store: CredentialStore,
  reference: string,
  where: string,
  o: CallOptions,
): Promise<Secret> {
  const fail = (hint: string) => failure('SECRET_MISSING', { name: reference, stores: where, hint });
  const whole = isName(reference) ? await store.get(reference, { ...o, fields: ['value'] }) : undefined;
  if (whole !== undefined) {
    const names = Object.keys(whole.fields);
    const value = whole.fields.value ?? (names.length === 1 ? whole.fields[names[0]!] : undefined);
    if (value !== undefined) return value;
    throw fail(
      names.length === 0
        ? ''
        : `; it has several fields, say one of ${names.map((field) => `"${reference}.${field}"`).join(', ')}`,
    );
  }
  const dot = reference.lastIndexOf('.');
  const name = reference.slice(0, Math.max(dot, 0));
  const field = reference.slice(dot + 1);
  const found = dot > 0 && isName(name) ? await store.get(name, { ...o, fields: [field] }) : undefined;
  const value = found?.fields[field];
  if (value !== undefined) return value;
  throw fail(
    found === undefined
      ? variableHint(reference, where)
      : `; "${name}" is there, with ${Object.keys(found.fields).join(', ') || 'no field'}`,
  );
}

/** The environment is the one store that anybody can put a single value into. */
function variableHint(reference: string, where: string): string {
  if (!where.includes('the environment') || !isName(reference)) return '';
  return `; set ${environmentName(reference, 'value')}, or look at the spelling`;
}
