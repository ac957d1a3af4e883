// OAuth 2 (RFC 6749) at the token endpoint: the application, what an answer changes, and what a refusal means.
import type { Configuration, TokenEndpointResponse } from 'openid-client';
import type { OAuth } from './contracts/http.ts';
import { failure } from './errors.ts';

/** How long the token endpoint may take, where the connection does not say. */
const standardMs = 30_000;
/** For a token of which the service does not say when it ends. */
const endless = '9999-12-31T00:00:00.000Z';

/** The fields of a credential that an answer of the token endpoint changes. */
export function tokenFields(answer: TokenEndpointResponse): Record<string, string> {
  const fields: Record<string, string> = { access_token: answer.access_token };
  if (answer.refresh_token !== undefined) fields.refresh_token = answer.refresh_token;
  // Empty where the service does not say: the end of the token before must not be taken for that of this one.
  fields.expires_at =
    answer.expires_in === undefined ? endless : new Date(Date.now() + answer.expires_in * 1000).toISOString();
  return fields;
}

/** The application, as openid-client knows it. The signal ends its requests at once. */
export async function configurationOf(
  oauth: OAuth,
  secret: string | undefined,
  connection: string,
  stop?: AbortSignal,
): Promise<Configuration> {
  const client = await import('openid-client');
  if (oauth.clientId === undefined) {
    throw failure('CREDENTIAL_MISSING', {
      connection,
      fields: 'client_id',
      hint: ', the id of your application at the service',
    });
  }
  const { authorizeUrl, deviceUrl, tokenUrl } = oauth;
  const server = {
    issuer: new URL(tokenUrl).origin,
    token_endpoint: tokenUrl,
    ...(authorizeUrl === undefined ? {} : { authorization_endpoint: authorizeUrl }),
    ...(deviceUrl === undefined ? {} : { device_authorization_endpoint: deviceUrl }),
  };
  const auth =
    secret === undefined
      ? client.None()
      : oauth.clientAuth === 'basic'
        ? client.ClientSecretBasic(secret)
        : client.ClientSecretPost(secret);
  const configuration = new client.Configuration(server, oauth.clientId, {}, auth);
  // In eighths of a second: it becomes milliseconds again, which must be whole.
  configuration.timeout = Math.max(1, Math.ceil((oauth.timeoutMs ?? standardMs) / 125)) / 8;
  if (stop !== undefined) {
    configuration[client.customFetch] = (url, { signal, ...options }) =>
      fetch(url, { ...options, signal: signal == null ? stop : AbortSignal.any([signal, stop]) } as RequestInit);
  }
  // Secrets go over TLS; to this machine itself they need not.
  if (isLoopback(new URL(tokenUrl))) client.allowInsecureRequests(configuration);
  return configuration;
}

function isLoopback({ hostname, protocol }: URL): boolean {
  return protocol === 'http:' && ['127.0.0.1', 'localhost', '[::1]'].includes(hostname);
}

/** What a token endpoint says (RFC 6749, 5.2), or why it said nothing, with what to do. */
export function tokenFailure(error: unknown, { tokenUrl }: OAuth, connection: string) {
  const { error: code, error_description: description, status, code: kind, message } = error as Record<string, unknown>;
  const host = new URL(tokenUrl).host;
  const said = [code, description].filter((part) => part !== undefined).join(': ');
  if (code === 'invalid_grant' || code === 'access_denied') {
    const reason = `${host} says ${said}: the access was taken back or has ended; sign in again with \`pipe connections login ${connection}\``;
    return failure('CREDENTIAL_REFUSED', { connection, reason }, { cause: error });
  }
  if (typeof code === 'string' || (typeof status === 'number' && status < 500)) {
    const advice =
      code === 'invalid_client' || code === 'unauthorized_client' || status === 401
        ? '; look at client_id and client_secret'
        : '';
    return failure(
      'CREDENTIAL_REFUSED',
      { connection, reason: `${host} answered ${said || status}${advice}` },
      { cause: error },
    );
  }
  if (typeof status === 'number') {
    return failure('HTTP_BUSY', { method: 'POST', url: tokenUrl, status, reason: '' }, { cause: error });
  }
  const deeper = (error as Error).cause instanceof Error ? `: ${((error as Error).cause as Error).message}` : '';
  const reason = `${String(message)}${deeper}${kind === undefined ? '' : ` (${String(kind)})`}`;
  return failure('CONNECTION_LOST', { host, reason }, { cause: error });
}
