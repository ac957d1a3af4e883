// A person allows the access: in a browser that comes back to this machine, or on another device.
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { OAuth } from './contracts/http.ts';
import { failure } from './errors.ts';
import { configurationOf, tokenFailure, tokenFields } from './oauth.ts';

export interface SignInOptions {
  signal: AbortSignal;
  /** The secret of the application, where it has one. */
  clientSecret: string | undefined;
  /** How the user names the connection. */
  connection: string;
  /** `code`: to be typed at that address, on any device. */
  show(prompt: { url: string; code?: string }): void | Promise<void>;
  /** Where the browser ends up, where it cannot come back to this machine: the user pastes the address. */
  paste?: (() => Promise<string>) | undefined;
  /** With a code for another device (RFC 8628). */
  device?: boolean | undefined;
  /** The port to come back to, where the service wants to know it beforehand. */
  port?: number | undefined;
}

/** The fields of the credential. Throws CREDENTIAL_REFUSED when the user or the service says no. */
export async function signIn(oauth: OAuth, o: SignInOptions): Promise<Record<string, string>> {
  try {
    if (o.device === true) return await byDevice(oauth, o);
    return await byBrowser(oauth, o);
  } catch (error) {
    if (o.signal.aborted) throw o.signal.reason;
    throw error instanceof Error && 'fault' in error ? error : tokenFailure(error, oauth, o.connection);
  }
}

async function byDevice(oauth: OAuth, o: SignInOptions): Promise<Record<string, string>> {
  if (oauth.deviceUrl === undefined) {
    throw failure('OPTION_UNSUPPORTED', {
      what: '--device',
      where: o.connection,
      hint: ': the service has no such way; leave it out',
    });
  }
  const client = await import('openid-client');
  const configuration = await configurationOf(oauth, o.clientSecret, o.connection);
  const started = await client.initiateDeviceAuthorization(configuration, scopeOf(oauth));
  await o.show({ url: started.verification_uri, code: started.user_code });
  return tokenFields(await client.pollDeviceAuthorizationGrant(configuration, started, {}, { signal: o.signal }));
}

async function byBrowser(oauth: OAuth, o: SignInOptions): Promise<Record<string, string>> {
  if (oauth.authorizeUrl === undefined) {
    throw failure('OPTION_UNSUPPORTED', {
      what: 'signing in',
      where: `${o.connection}: the application itself is known there`,
    });
  }
  const client = await import('openid-client');
  const configuration = await configurationOf(oauth, o.clientSecret, o.connection);
  const back = await waitForBrowser(o);
  try {
    const verifier = client.randomPKCECodeVerifier();
    const state = client.randomState();
    const url = client.buildAuthorizationUrl(configuration, {
      redirect_uri: back.redirectUri,
      state,
      ...scopeOf(oauth),
      ...(oauth.pkce
        ? { code_challenge: await client.calculatePKCECodeChallenge(verifier), code_challenge_method: 'S256' }
        : {}),
      ...oauth.authorizeParams,
    });
    await o.show({ url: url.href });
    const reached = await (o.paste === undefined
      ? back.reached
      : o.paste().then((text) => pasted(text, back.redirectUri)));
    const answer = await client.authorizationCodeGrant(configuration, reached, {
      expectedState: state,
      ...(oauth.pkce ? { pkceCodeVerifier: verifier } : {}),
    });
    return tokenFields(answer);
  } finally {
    back.close();
  }
}

function scopeOf({ scopes, scopeSeparator }: OAuth): Record<string, string> {
  return scopes.length === 0 ? {} : { scope: scopes.join(scopeSeparator) };
}

function pasted(text: string, redirectUri: string): URL {
  const given = text.trim();
  if (!URL.canParse(given)) {
    throw failure('PATH_INVALID', {
      path: given.slice(0, 20),
      reason: 'is no address; paste the whole line of the browser',
    });
  }
  const url = new URL(redirectUri);
  url.search = new URL(given).search;
  return url;
}

const page = `<!doctype html><meta charset="utf-8"><title>Pipewright</title>
<p style="font: 1.2em system-ui; margin: 4em">Done. You can close this page and go back to the terminal.</p>`;

/** A server on this machine alone, for one request (RFC 8252, 7.3). */
async function waitForBrowser({ port = 0, signal }: SignInOptions) {
  let arrived: (url: URL) => void = () => {};
  const reached = new Promise<URL>((resolve, reject) => {
    arrived = resolve;
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
  reached.catch(() => {});
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? '/', redirectUri);
    if (url.pathname !== '/callback') {
      response.writeHead(404).end();
      return;
    }
    response.writeHead(200, { 'content-type': 'text/html; charset=utf-8', connection: 'close' }).end(page);
    arrived(url);
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', resolve);
  });
  const redirectUri = `http://127.0.0.1:${(server.address() as AddressInfo).port}/callback`;
  return {
    redirectUri,
    reached,
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
}
