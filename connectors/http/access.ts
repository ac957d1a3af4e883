// How a request is authenticated.
import type { ConnectorContext } from '../../engine/contracts/connector.ts';
import type { Credential } from '../../engine/contracts/credentials.ts';
import type { OAuth } from '../../engine/contracts/http.ts';
import { durationMs } from '../../engine/duration.ts';
import { failure } from '../../engine/errors.ts';
import type { HttpConfig } from '../../schemas/generated/types.ts';
import type { Access } from '../shared/http/access.ts';
import { createTokens } from '../shared/oauth.ts';

/** What the fields of the connection say of its tokens, with `auth: oauth2`. */
export function oauthOf(config: Omit<HttpConfig, 'connector'>): OAuth | undefined {
  if (config.auth !== 'oauth2') return undefined;
  const { token_url: tokenUrl, authorize_url: authorizeUrl, client_id: clientId, scopes = [] } = config;
  if (tokenUrl === undefined) {
    const hint = '; give `token_url`, where tokens are fetched';
    throw failure('OPTION_UNSUPPORTED', { what: '`auth: oauth2`', where: 'a connection without it', hint });
  }
  return {
    flow: authorizeUrl === undefined ? 'client_credentials' : 'authorization_code',
    clientId,
    tokenUrl,
    authorizeUrl,
    deviceUrl: config.device_url,
    scopes,
    scopeSeparator: ' ',
    pkce: true,
    clientAuth: 'basic',
    authorizeParams: {},
    timeoutMs: config.read_timeout === undefined ? undefined : durationMs(config.read_timeout),
  };
}

export function createAccess(config: Omit<HttpConfig, 'connector'>, context: ConnectorContext): Access {
  const kind = config.auth ?? 'none';
  const oauth = oauthOf(config);
  const tokens = oauth && createTokens(oauth, context);
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

    async sign(url, headers, o) {
      if (kind === 'none') return undefined;
      if (tokens !== undefined) {
        const token = await tokens.token(o);
        headers.authorization = `Bearer ${token}`;
        return { token };
      }
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
      if ('token' in refused) tokens?.refused(refused.token);
      else if (credential === refused.credential) credential = undefined;
      return true;
    },
  };
}
