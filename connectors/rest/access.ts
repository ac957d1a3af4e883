// How the requests of a manifest's service are authenticated.
import type { ConnectorContext } from '../../engine/contracts/connector.ts';
import type { Credential } from '../../engine/contracts/credentials.ts';
import type { Value } from '../../engine/contracts/data.ts';
import type { OAuth } from '../../engine/contracts/http.ts';
import { durationMs } from '../../engine/duration.ts';
import { failure } from '../../engine/errors.ts';
import type { Manifest, ManifestAuth } from '../../schemas/generated/types.ts';
import type { Access } from '../shared/http/access.ts';
import { createTokens } from '../shared/oauth.ts';
import { filler } from './templates.ts';

/** The way that the connection chooses with `auth`, else the first. */
export function chosenAuth(manifest: Manifest, chosen: Value | undefined): ManifestAuth {
  const ways = [manifest.auth ?? { kind: 'none' as const }].flat();
  return ways.find(({ kind }) => kind === chosen) ?? ways[0]!;
}

/** How its tokens are got, where it is OAuth 2. */
export function oauthOf(auth: ManifestAuth, config: Record<string, Value>): OAuth | undefined {
  if (auth.kind !== 'oauth2') return undefined;
  const fill = <T extends Value>(value: T) => filler<T>(value, ['config'], 'the authentication')({ config });
  const optional = (url: string | undefined) => (url === undefined ? undefined : fill(url));
  const given = (name: string) => (typeof config[name] === 'string' ? config[name] : undefined);
  return {
    flow: auth.flow ?? 'authorization_code',
    clientId: given('client_id'),
    tokenUrl: fill(auth.token_url!),
    authorizeUrl: optional(auth.authorize_url),
    deviceUrl: optional(auth.device_url),
    scopes: auth.scopes ?? [],
    scopeSeparator: auth.scope_separator ?? ' ',
    pkce: auth.pkce ?? true,
    clientAuth: auth.client_auth ?? 'body',
    authorizeParams: fill(auth.authorize_params ?? {}) as Record<string, string>,
    timeoutMs: config.read_timeout === undefined ? undefined : durationMs(String(config.read_timeout)),
  };
}

/** `config` has the fields that are no secrets. */
export function createAccess(auth: ManifestAuth, config: Record<string, Value>, context: ConnectorContext): Access {
  const { kind, in: place = 'header', name = 'X-API-Key' } = auth;
  const inQuery = kind === 'api_key' && place === 'query';
  const header = kind === 'none' || inQuery ? undefined : kind === 'api_key' ? name.toLowerCase() : 'authorization';
  const where = `the authentication of ${context.name}`;
  const username = filler(auth.username ?? '', ['config'], where);
  const password = filler(auth.password ?? '', ['config'], where);
  const token = filler(auth.token ?? '', ['config'], where);
  const oauth = oauthOf(auth, config);
  const tokens = oauth && createTokens(oauth, context);
  let credential: Promise<Credential> | undefined;

  const text = (value: Value): string => {
    const plain = value === null ? '' : String(value);
    if (kind !== 'basic' && !inQuery && /[^\t\x20-\x7e\x80-\xff]/.test(plain)) {
      const reason = 'it has a line break or another character that a header cannot carry; store it again';
      throw failure('CREDENTIAL_REFUSED', { connection: context.name, reason });
    }
    return plain;
  };
  return {
    kind,
    header,

    async sign(url, headers, o) {
      if (kind === 'none') return undefined;
      if (tokens !== undefined) {
        const fresh = await tokens.token(o);
        headers.authorization = `${auth.prefix ?? 'Bearer '}${text(fresh)}`;
        return { token: fresh };
      }
      credential ??= context.credential();
      const signed = { credential };
      const secrets = await credential.catch((error: unknown) => {
        credential = undefined;
        throw error;
      });
      const scope = { config: withSecrets(config, secrets, auth, context) };
      if (kind === 'basic') {
        const pair = `${text(username(scope))}:${text(password(scope))}`;
        headers.authorization = `Basic ${Buffer.from(pair).toString('base64')}`;
      } else {
        const value = `${auth.prefix ?? (kind === 'api_key' ? '' : 'Bearer ')}${text(token(scope))}`;
        if (inQuery) url.searchParams.set(name, value);
        else headers[header!] = value;
      }
      return signed;
    },

    strip(url) {
      if (inQuery) url.searchParams.delete(name);
    },

    renew(refused) {
      if (refused === undefined) return false;
      if ('token' in refused) tokens?.refused(refused.token);
      else if (credential === refused.credential) credential = undefined;
      return true;
    },
  };
}

/** The config as the templates of `auth` see it. CREDENTIAL_MISSING for a secret that they need and nobody has. */
function withSecrets(
  config: Record<string, Value>,
  secrets: Credential,
  auth: ManifestAuth,
  context: ConnectorContext,
): Record<string, Value> {
  const all: Record<string, Value> = { ...config };
  for (const [field, secret] of Object.entries(secrets)) all[field] = secret.reveal();
  const used = `${auth.username} ${auth.password} ${auth.token}`;
  for (const [, field] of used.matchAll(/config\.([a-z][a-z0-9_]*)/g)) {
    if (all[field!] === undefined) throw failure('CREDENTIAL_MISSING', { connection: context.name, fields: field });
  }
  return all;
}
