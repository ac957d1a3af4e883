// OAuth against a real provider: signing in, tokens renewed ahead of their end and after a refusal, once for everybody.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { createEngine, type Engine } from '../../index.ts';
import { type Handler, type HttpServer, startHttpServer } from '../servers/http.ts';
import { type OAuthServer, startOAuthServer } from '../servers/oauth.ts';

const { signal } = new AbortController();

/** A provider, an API that takes its tokens, and an engine with a saved connection to it. */
async function service({ tokenSeconds = 3600, flow = 'authorization_code', engines = 1, device = false } = {}) {
  const oauth = await startOAuthServer({ tokenSeconds });
  const api = await startHttpServer();
  const me: Handler = async (request, response) => {
    const token = /^Bearer (.+)$/.exec(request.headers.authorization ?? '')?.[1] ?? '';
    const good = await oauth.isGood(token);
    response.writeHead(good ? 200 : 401, { 'content-type': 'application/json' }).end(good ? '[{"id":1}]' : '{}');
  };
  api.on('GET /me', me);
  api.on('HEAD /me', me);
  const folder = mkdtempSync(join(tmpdir(), 'pipe-oauth-'));
  writeFileSync(join(folder, 'passphrase'), 'a passphrase of the tests', { mode: 0o600 });
  const all = Array.from({ length: engines }, () =>
    createEngine({
      folder,
      configFolder: folder,
      stateFolder: join(folder, 'state'),
      credentials: {
        name: 'file',
        path: join(folder, 'credentials'),
        passphrase_file: join(folder, 'passphrase'),
        cost: '10',
      },
    }),
  );
  onTestFinished(async () => {
    for (const engine of all) await engine.close();
    await oauth.close();
    await api.close();
    rmSync(folder, { recursive: true, force: true });
  });
  const fields = {
    base_url: `${api.url}/`,
    auth: 'oauth2',
    client_id: oauth.clientId,
    token_url: oauth.tokenUrl,
    scopes: ['api', ...(flow === 'authorization_code' ? ['offline_access'] : [])],
    verify_path: 'me',
    ...(flow === 'authorization_code' ? { authorize_url: oauth.authorizeUrl } : {}),
    ...(device ? { device_url: oauth.deviceUrl } : {}),
  };
  await all[0]!.connections.add({
    connector: 'http',
    alias: 'shop',
    fields,
    secrets: { client_secret: oauth.clientSecret },
    home: 'user',
  });
  return { oauth, api, engine: all[0]!, engines: all };
}

async function signIn(engine: Engine, oauth: OAuthServer, api: HttpServer) {
  await engine.connections.login('shop', {
    signal,
    async show({ url }) {
      // The browser comes back to this machine by itself.
      await fetch(await oauth.browse(url));
    },
  });
  api.received.length = 0;
}

const rows = async (engine: Engine) => {
  const found = [];
  for await (const row of engine.read('/shop/me', { format: 'json' })) found.push(row);
  return found;
};

describe('signing in', () => {
  test('in the browser, which comes back with a code', async () => {
    const { oauth, api, engine } = await service();
    await signIn(engine, oauth, api);
    expect(await engine.connections.verify('shop')).toMatchObject({ status: 'ok' });
    expect(await rows(engine)).toEqual([{ id: 1 }]);
    expect(oauth.granted).toEqual({ authorization_code: 1 });
    expect(JSON.stringify(await engine.connections.get('shop'))).not.toMatch(/client secret of the tests|ey[\w-]{20}/);
  });

  test('with the address pasted', async () => {
    const { oauth, engine } = await service();
    let reached = '';
    await engine.connections.login('shop', {
      signal,
      async show({ url }) {
        reached = await oauth.browse(url);
      },
      paste: async () => ` ${reached}\n`,
    });
    expect(await rows(engine)).toEqual([{ id: 1 }]);
  });

  test('an answer that is not to our question is refused', async () => {
    const { oauth, engine } = await service();
    const login = engine.connections.login('shop', {
      signal,
      async show({ url }) {
        const reached = new URL(await oauth.browse(url));
        reached.searchParams.set('state', 'forged');
        await fetch(reached);
      },
    });
    await expect(login).rejects.toMatchObject({ code: 'CONNECTION_LOST', message: expect.stringContaining('state') });
    expect(oauth.granted).toEqual({});
  });

  test('a wrong secret of the application is told', async () => {
    const { oauth, engine } = await service();
    await engine.connections.edit('shop', { secrets: { client_secret: 'another' } });
    const login = engine.connections.login('shop', {
      signal,
      show: async ({ url }) => void fetch(await oauth.browse(url)),
    });
    await expect(login).rejects.toMatchObject({
      code: 'CREDENTIAL_REFUSED',
      message: expect.stringContaining('client_id and client_secret'),
    });
  });
});

describe('tokens', () => {
  test('that end soon are renewed first, and the new ones kept', async () => {
    const { oauth, api, engine } = await service({ tokenSeconds: 30 });
    await signIn(engine, oauth, api);
    for (let i = 1; i <= 3; i++) {
      expect(await rows(engine)).toEqual([{ id: 1 }]);
      // Each read is a run of its own; each finds the token of the one before too old.
      expect(oauth.granted.refresh_token).toBe(i);
    }
    expect(api.received).toHaveLength(3);
  });

  test('that are refused are renewed once; a grant that was taken back says what to do', async () => {
    const { oauth, api, engine } = await service();
    await signIn(engine, oauth, api);
    await engine.connections.edit('shop', { secrets: { access_token: 'not a token' } });
    expect(await rows(engine)).toEqual([{ id: 1 }]);
    expect(oauth.granted.refresh_token).toBe(1);
    await oauth.revokeAll();
    expect(await engine.connections.verify('shop')).toMatchObject({
      status: 'failing',
      code: 'CREDENTIAL_REFUSED',
      reason: expect.stringContaining('pipe connections login shop'),
    });
  });

  test('are renewed once for all who need them at the same time', async () => {
    const { oauth, api, engine, engines } = await service({ engines: 4 });
    await signIn(engine, oauth, api);
    await engine.connections.edit('shop', { secrets: { access_token: 'not a token' } });
    const all = await Promise.all(engines.flatMap((each) => [rows(each), rows(each), rows(each)]));
    expect(all).toEqual(Array(12).fill([{ id: 1 }]));
    expect(oauth.granted.refresh_token).toBe(1);
  });

  test('of the application itself need nobody to sign in', async () => {
    const { oauth, engine } = await service({ flow: 'client_credentials' });
    expect(await rows(engine)).toEqual([{ id: 1 }]);
    expect(await rows(engine)).toEqual([{ id: 1 }]);
    expect(oauth.granted).toEqual({ client_credentials: 1 });
    await expect(engine.connections.login('shop', { signal, show: () => {} })).rejects.toMatchObject({
      code: 'OPTION_UNSUPPORTED',
    });
  });

  test('that nobody has fetched yet: says how', async () => {
    const { engine } = await service();
    await expect(rows(engine)).rejects.toMatchObject({
      code: 'CREDENTIAL_MISSING',
      message: expect.stringContaining('pipe connections login shop'),
    });
  });
});

test('with a code for another device', async () => {
  const { oauth, engine } = await service({ device: true });
  let shown: { url: string; code?: string } | undefined;
  await engine.connections.login('shop', {
    signal,
    device: true,
    async show(prompt) {
      shown = prompt;
      await oauth.enterCode(prompt.url, prompt.code!);
    },
  });
  expect(shown?.code).toMatch(/^[A-Z0-9-]{8,}$/);
  expect(await rows(engine)).toEqual([{ id: 1 }]);
}, 30_000);
