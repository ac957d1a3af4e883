// One grant, used by twenty connections in each of several processes: each time it ends it is renewed once.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { stringify } from 'yaml';
import { createEngine } from '../../index.ts';
import { pipeCommand } from '../cli/pipe.ts';
import { startHttpServer } from '../servers/http.ts';
import { startOAuthServer } from '../servers/oauth.ts';

/** With PIPE_TEST_LONG as many as it was made for. */
const [processes, times] = process.env.PIPE_TEST_LONG === undefined ? [3, 1] : [8, 5];
const connections = 20;

test('is renewed exactly once each time it ends', async () => {
  const oauth = await startOAuthServer();
  const api = await startHttpServer();
  const statuses: number[] = [];
  api.on('GET /me', async (request, response) => {
    const token = /^Bearer (.+)$/.exec(request.headers.authorization ?? '')?.[1] ?? '';
    const status = (await oauth.isGood(token)) ? 200 : 401;
    statuses.push(status);
    response.writeHead(status, { 'content-type': 'application/json' }).end(status === 200 ? '[{"id":1}]' : '{}');
  });
  const folder = mkdtempSync(join(tmpdir(), 'pipe-oauth-processes-'));
  const store = {
    name: 'file',
    path: join(folder, 'credentials'),
    passphrase_file: join(folder, 'passphrase'),
    cost: 10,
  };
  writeFileSync(store.passphrase_file, 'a passphrase of the tests', { mode: 0o600 });
  const env = { XDG_STATE_HOME: join(folder, 'state'), XDG_CONFIG_HOME: join(folder, 'config') };
  const engine = createEngine({ folder, configFolder: join(folder, 'config/pipewright'), credentials: store as never });
  onTestFinished(async () => {
    await engine.close();
    await oauth.close();
    await api.close();
    rmSync(folder, { recursive: true, force: true });
  });
  const connection = {
    connector: 'http',
    base_url: `${api.url}/`,
    auth: 'oauth2',
    client_id: oauth.clientId,
    token_url: oauth.tokenUrl,
    authorize_url: oauth.authorizeUrl,
    scopes: ['api', 'offline_access'],
  };
  const names = Array.from({ length: connections }, (_, i) => `api-${i + 1}`);
  const { connector, ...fields } = connection;
  const { eid } = await engine.connections.add({
    connector,
    alias: names[0]!,
    fields,
    secrets: { client_secret: oauth.clientSecret },
    home: 'user',
  });
  // The credential is kept under the EID of the first; the others name it.
  const all = names.map((name, i) => [name, { ...connection, ...(i === 0 ? { eid } : { credential: eid }) }]);
  const { signal } = new AbortController();
  await engine.connections.login(names[0]!, {
    signal,
    async show({ url }) {
      await fetch(await oauth.browse(url));
    },
  });
  writeFileSync(
    join(folder, 'pipewright.yaml'),
    stringify({ credentials: store, connections: Object.fromEntries(all), state: false }),
  );
  const reads = names.map((name, i) => ({ op: 'read', id: `read_${i}`, path: `/${name}/me`, format: 'json' }));
  const merge = { op: 'merge', from: reads.map(({ id }) => id) };
  writeFileSync(
    join(folder, 'pipe.yaml'),
    stringify({ tasks: [...reads, merge, { op: 'write', path: '-', format: 'csv' }] }),
  );

  for (let ends = 1; ends <= times; ends++) {
    await engine.connections.edit(names[0]!, { secrets: { access_token: `ended ${ends}` } });
    const before = oauth.granted.refresh_token ?? 0;
    const run = () => pipeCommand(['run', 'pipe.yaml', '--no-state', '-q'], { cwd: folder, env });
    const ended = await Promise.all(Array.from({ length: processes }, run));
    expect(new Set(ended.map(({ code, stderr }) => `${code} ${stderr}`))).toEqual(new Set(['0 ']));
    expect(ended[0]!.stdout.split('\n')).toHaveLength(connections + 2);
    expect((oauth.granted.refresh_token ?? 0) - before).toBe(1);
  }
  expect(statuses.filter((status) => status === 200)).toHaveLength(times * processes * connections);
}, 120_000);
