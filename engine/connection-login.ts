// Signing in with a saved connection: its tokens are fetched and put into a credential store.
import { type ConnectionInfo, infoOf } from './connection-info.ts';
import { findSaved } from './connection-places.ts';
import { keepSecrets } from './connection-secrets.ts';
import { isOwnField } from './connections.ts';
import { loaderOf } from './connector-parts.ts';
import type { Value } from './contracts/data.ts';
import { storedCredential } from './credential-lookup.ts';
import { failure } from './errors.ts';
import { evaluateField } from './secret-references.ts';
import { type SignInOptions, signIn } from './sign-in.ts';
import type { Surroundings } from './surroundings.ts';

export type LoginOptions = Omit<SignInOptions, 'signal' | 'clientSecret' | 'connection'> & { signal?: AbortSignal };

/** Throws OPTION_UNSUPPORTED for a connection that needs no signing in. */
export async function loginConnection(
  surroundings: Surroundings,
  name: string,
  o: LoginOptions,
): Promise<{ info: ConnectionInfo; keptIn: string | undefined }> {
  const { homes, found } = await findSaved(surroundings, name);
  const signal = o.signal ?? new AbortController().signal;
  const load = loaderOf(found, surroundings.parts);
  const connector = await load?.();
  const services = surroundings.services(homes);
  const references = {
    params: {},
    folder: surroundings.folder,
    secret: (secret: string) => services.secret(secret, signal),
    learn: (value: string) => surroundings.redactor.add(value),
  };
  const config: Record<string, Value> = {};
  for (const [field, value] of Object.entries(found.definition)) {
    if (isOwnField(field)) config[field] = await evaluateField(found, field, value as Value, references);
  }
  const oauth = connector?.oauth?.(config as never);
  if (oauth === undefined) {
    const hint = '; it has no `auth: oauth2`, so there is nobody to ask';
    throw failure('OPTION_UNSUPPORTED', { what: 'signing in', where: `connection "${found.name}"`, hint });
  }
  const stored = await storedCredential(await surroundings.stores(homes), found, { signal });
  const clientSecret = stored?.fields.client_secret?.reveal() ?? (config.client_secret as string | undefined);
  const secrets = await signIn(oauth, { ...o, signal, clientSecret, connection: found.name });
  const keptIn = await keepSecrets(surroundings, homes, found, { secrets, signal });
  return { info: await infoOf(surroundings, found), keptIn };
}
