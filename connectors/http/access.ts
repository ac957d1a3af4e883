// How a request is authenticated.
import type { ConnectorContext, Credential } from '../../engine/contracts.ts';
import { failure } from '../../engine/errors.ts';
import type { HttpConfig } from '../../schemas/generated/types.ts';

export interface Access {
  readonly kind: NonNullable<HttpConfig['auth']>;
  /** The header that carries the credential, in lower case; undefined where none does. */
  readonly header: string | undefined;
  /** Puts the credential into a request that goes to an own host. What it gives tells `renew` which one that was. */
  sign(url: URL, headers: Record<string, string>): Promise<Signed>;
  /** Takes the key out of an address elsewhere that a redirect has put it into. */
  strip(url: URL): undefined;
  /** After a 401: the next request asks the store again. False where there is nothing to ask for. */
  renew(refused: Signed): boolean;
}

type Signed = { credential: Promise<Credential> } | undefined;

export function createAccess(config: Omit<HttpConfig, 'connector'>, context: ConnectorContext): Access {
  const kind = config.auth ?? 'none';
  if (kind === 'oauth2') throw failure('OPERATION_PENDING', { what: '`auth: oauth2`' });
  const keyName = config.api_key_name ?? 'X-API-Key';
  const inQuery = kind === 'api_key' && config.api_key_in === 'query';
  let credential: Promise<Credential> | undefined;

  const field = (fields: Credential, name: string): string => {
    const value = fields[name]?.reveal();
    if (value === undefined) {
      throw failure('CREDENTIAL_MISSING', {
        connection: context.name,
        fields: name,
        hint: `, which \`auth: ${kind}\` needs`,
      });
    }
    if (!inQuery && /[^\t\x20-\x7e\x80-\xff]/.test(value) && kind !== 'basic') {
      const reason = `its ${name} has a line break or another character that a header cannot carry; store it again`;
      throw failure('CREDENTIAL_REFUSED', { connection: context.name, reason });
    }
    return value;
  };
  return {
    kind,
    header: kind === 'none' || inQuery ? undefined : kind === 'api_key' ? keyName.toLowerCase() : 'authorization',

    async sign(url, headers) {
      if (kind === 'none') return undefined;
      credential ??= context.credential();
      const signed = { credential };
      const fields = await credential.catch((error: unknown) => {
        credential = undefined;
        throw error;
      });
      if (kind === 'basic') {
        const username = config.username ?? fields.username?.reveal() ?? '';
        // UTF-8, as RFC 7617 recommends.
        const pair = Buffer.from(`${username}:${field(fields, 'password')}`).toString('base64');
        headers.authorization = `Basic ${pair}`;
      } else if (kind === 'bearer') {
        headers.authorization = `Bearer ${field(fields, 'token')}`;
      } else if (inQuery) {
        url.searchParams.set(keyName, field(fields, 'token'));
      } else {
        headers[keyName.toLowerCase()] = field(fields, 'token');
      }
      return signed;
    },

    strip(url) {
      if (inQuery) url.searchParams.delete(keyName);
    },

    renew(refused) {
      if (refused === undefined) return false;
      if (credential === refused.credential) credential = undefined;
      return true;
    },
  };
}
