// A real OAuth 2 and OpenID provider in this process (npm oidc-provider), where everybody is signed in and agrees at once.
import { generateKeyPairSync } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import Provider, { type Configuration, type JWK } from 'oidc-provider';
// @ts-expect-error: it has no types, and is what the provider takes anyway, with a warning.
import MemoryAdapter from 'oidc-provider/lib/adapters/memory_adapter.js';

const key = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({ format: 'jwk' }) as JWK;

export interface OAuthServer {
  url: string;
  authorizeUrl: string;
  tokenUrl: string;
  deviceUrl: string;
  clientId: string;
  clientSecret: string;
  /** How often each grant type was answered with tokens. */
  granted: Record<string, number>;
  /** Whether it gave this access token, and it has neither ended nor been taken back. */
  isGood(token: string): Promise<boolean>;
  /** Takes all grants back. */
  revokeAll(): Promise<void>;
  /** What a browser does with the address: follows it to the end and gives where it ended up, outside of this server. */
  browse(url: string): Promise<string>;
  /** What the user does with a code on another device. */
  enterCode(url: string, code: string): Promise<void>;
  close(): Promise<void>;
}

/** Access tokens are good for so many seconds. A refresh token is good once: each use gives another. */
export async function startOAuthServer({ tokenSeconds = 3600 } = {}): Promise<OAuthServer> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const clientId = 'pipewright-test';
  const clientSecret = 'client secret of the tests';
  const granted: Record<string, number> = {};
  const configuration: Configuration = {
    clients: [
      {
        client_id: clientId,
        client_secret: clientSecret,
        application_type: 'native',
        redirect_uris: ['http://127.0.0.1/callback'],
        grant_types: [
          'authorization_code',
          'refresh_token',
          'client_credentials',
          'urn:ietf:params:oauth:grant-type:device_code',
        ],
        token_endpoint_auth_method: 'client_secret_basic',
      },
    ],
    adapter: MemoryAdapter,
    scopes: ['api', 'offline_access'],
    jwks: { keys: [key] },
    cookies: { keys: ['key of the tests'] },
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      deviceFlow: {
        enabled: true,
        userCodeInputSource: async (ctx, form) => {
          ctx.body = form;
        },
        userCodeConfirmSource: async (ctx, form) => {
          ctx.body = form;
        },
        successSource: async (ctx) => {
          ctx.body = 'done';
        },
      },
    },
    ttl: { AccessToken: tokenSeconds, ClientCredentials: tokenSeconds },
    issueRefreshToken: async () => true,
    rotateRefreshToken: true,
    pkce: { methods: ['S256'], required: () => true },
    interactions: { url: (_, interaction) => `/interaction/${interaction.uid}` },
    findAccount: async (_, id) => ({ accountId: id, claims: async () => ({ sub: id }) }),
  };
  const provider = new Provider(url, configuration);
  provider.on('grant.success', (ctx) => {
    const type = String(ctx.oidc.params?.grant_type);
    granted[type] = (granted[type] ?? 0) + 1;
  });
  const grants = new Set<string>();
  const answer = provider.callback();
  server.on('request', (request, response) => {
    if (!request.url?.startsWith('/interaction/')) {
      answer(request, response);
      return;
    }
    const agree = async () => {
      const { prompt, params, session, grantId } = await provider.interactionDetails(request, response);
      if (prompt.name === 'login') {
        await provider.interactionFinished(request, response, { login: { accountId: 'ada' } });
        return;
      }
      const known = grantId === undefined ? undefined : await provider.Grant.find(grantId);
      const grant = known ?? new provider.Grant({ accountId: session!.accountId, clientId: String(params.client_id) });
      grant.addOIDCScope(String(params.scope));
      const id = await grant.save();
      grants.add(id);
      await provider.interactionFinished(
        request,
        response,
        { consent: { grantId: id } },
        { mergeWithLastSubmission: true },
      );
    };
    agree().catch((error: Error) => response.destroy(error));
  });

  /** Follows redirects as a browser does, cookies and all, until it would leave this server. */
  const browse = async (from: string, form?: string, cookies = new Map<string, string>()) => {
    let at = from;
    let body = form;
    for (let step = 0; step < 20; step++) {
      const response = await fetch(at, {
        redirect: 'manual',
        headers: {
          cookie: [...cookies].map(([name, value]) => `${name}=${value}`).join('; '),
          ...(body === undefined ? {} : { 'content-type': 'application/x-www-form-urlencoded' }),
        },
        ...(body === undefined ? {} : { method: 'POST', body }),
      });
      for (const cookie of response.headers.getSetCookie()) {
        const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(cookie) ?? [];
        cookies.set(name, value);
      }
      const location = response.headers.get('location');
      const text = await response.text();
      if (location === null) return { url: at, text };
      at = new URL(location, at).href;
      body = undefined;
      if (!at.startsWith(url)) return { url: at, text };
    }
    throw new Error(`${from} redirects without end`);
  };

  return {
    url,
    authorizeUrl: `${url}/auth`,
    tokenUrl: `${url}/token`,
    deviceUrl: `${url}/device/auth`,
    clientId,
    clientSecret,
    granted,
    isGood: async (token) =>
      ((await provider.AccessToken.find(token)) ?? (await provider.ClientCredentials.find(token)))?.isValid === true,
    async revokeAll() {
      for (const id of grants) {
        for (const kind of [provider.AccessToken, provider.RefreshToken]) await kind.revokeByGrantId(id);
        await (await provider.Grant.find(id))?.destroy();
      }
    },
    browse: async (from) => (await browse(from)).url,
    async enterCode(at, code) {
      const cookies = new Map<string, string>();
      const hidden = (text: string) => /name="xsrf" value="([^"]*)"/.exec(text)?.[1] ?? '';
      const { text } = await browse(at, undefined, cookies);
      const asked = new URLSearchParams({ xsrf: hidden(text), user_code: code });
      const confirm = await browse(at, asked.toString(), cookies);
      const sure = new URLSearchParams({ xsrf: hidden(confirm.text), user_code: code, confirm: 'yes' });
      await browse(at, sure.toString(), cookies);
    },
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
