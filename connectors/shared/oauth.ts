// Tokens of OAuth 2 (RFC 6749): used while they are good, renewed ahead of their end and after a refusal.
import type { CallOptions, ConnectorContext } from '../../engine/contracts/connector.ts';
import type { Credential } from '../../engine/contracts/credentials.ts';
import type { OAuth } from '../../engine/contracts/http.ts';
import { failure } from '../../engine/errors.ts';
import { configurationOf, tokenFailure, tokenFields } from '../../engine/oauth.ts';

/** A token that ends sooner than this is renewed first. */
const aheadMs = 60_000;

export interface Tokens {
  /** One that is good for a minute at least. Throws CREDENTIAL_MISSING, CREDENTIAL_REFUSED. */
  token(o: CallOptions): Promise<string>;
  /** The service has refused this one. */
  refused(token: string): void;
}

export function createTokens(oauth: OAuth, context: ConnectorContext): Tokens {
  let credential: Promise<Credential> | undefined;
  let renewing: Promise<Credential> | undefined;
  let bad: string | undefined;

  const current = async (): Promise<Credential> => {
    credential ??= context.credential();
    return credential.catch((error: unknown) => {
      credential = undefined;
      throw error;
    });
  };
  const renew = (stale: Credential, o: CallOptions): Promise<Credential> => {
    renewing ??= context
      .renewCredential(stale, (latest) => fetchTokens(oauth, latest, context.name, o), o)
      .finally(() => {
        renewing = undefined;
      });
    return renewing;
  };
  return {
    async token(o) {
      let fields = await current();
      if (isStale(fields, bad) && canRenew(oauth, fields)) {
        credential = undefined;
        // Somebody else may have renewed it in the meantime.
        fields = await current();
        if (isStale(fields, bad)) {
          fields = await renew(fields, o);
          credential = Promise.resolve(fields);
        }
      }
      const token = fields.access_token?.reveal();
      if (token === undefined) {
        const hint = `; sign in with \`pipe connections login ${context.name}\``;
        throw failure('CREDENTIAL_MISSING', { connection: context.name, fields: 'access_token', hint });
      }
      return token;
    },
    refused(token) {
      bad = token;
      credential = undefined;
    },
  };
}

function isStale({ access_token: token, expires_at: end }: Credential, bad: string | undefined): boolean {
  if (token === undefined || token.reveal() === bad) return true;
  const at = end === undefined ? Number.NaN : Date.parse(end.reveal());
  return !Number.isNaN(at) && at - Date.now() < aheadMs;
}

function canRenew({ flow }: OAuth, fields: Credential): boolean {
  return flow === 'client_credentials' ? fields.client_secret !== undefined : fields.refresh_token !== undefined;
}

async function fetchTokens(
  oauth: OAuth,
  fields: Credential,
  connection: string,
  { signal }: CallOptions,
): Promise<Record<string, string>> {
  const client = await import('openid-client');
  const configuration = await configurationOf(oauth, fields.client_secret?.reveal(), connection, signal);
  const scope: Record<string, string> =
    oauth.scopes.length === 0 ? {} : { scope: oauth.scopes.join(oauth.scopeSeparator) };
  try {
    if (oauth.flow === 'client_credentials')
      return tokenFields(await client.clientCredentialsGrant(configuration, scope));
    return tokenFields(await client.refreshTokenGrant(configuration, fields.refresh_token!.reveal()));
  } catch (error) {
    if (signal.aborted) throw signal.reason;
    throw tokenFailure(error, oauth, connection);
  }
}
