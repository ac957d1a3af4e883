// `pipe connectors check`, as a process: mistakes with their places, a connection that is tried, the exit codes.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type HttpServer, startHttpServer } from '../servers/http.ts';
import { pipeCommand } from './pipe.ts';

const manifest = `name: our-crm
title: Our CRM
base_url: https://crm.example.com/
fields:
  token: { secret: true }
auth: { kind: bearer, token: "\${config.token}" }
verify: { path: me }
resources:
  contacts: { path: contacts }
`;
let folder: string;
let server: HttpServer;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'pipe-cli-'));
  server = await startHttpServer();
  server.otherwise((request, response) => {
    response.writeHead(request.headers.authorization === 'Bearer right' ? 200 : 401).end('{}');
  });
  mkdirSync(join(folder, 'connectors'));
  writeFileSync(join(folder, 'connectors/our-crm.yaml'), manifest);
  const fields = `connector: our-crm, base_url: "${server.url}/", token: "\${env.CRM_TOKEN}"`;
  writeFileSync(
    join(folder, 'pipewright.yaml'),
    `connections: { crm: { ${fields} }, web: { connector: http, base_url: "${server.url}/" } }\n`,
  );
});
afterAll(async () => {
  await server.close();
  rmSync(folder, { recursive: true });
});

const check = (args: string[], token = 'right') =>
  pipeCommand(['connectors', 'check', ...args], {
    cwd: folder,
    env: { CRM_TOKEN: token, XDG_CONFIG_HOME: join(folder, 'config'), XDG_STATE_HOME: join(folder, 'state') },
  });

it('prints mistakes with their places, and ends with 2', async () => {
  writeFileSync(
    join(folder, 'wrong.yaml'),
    manifest.replace('our-crm', 'wrong').replace('path: me', 'path: "${config.id}"'),
  );
  expect(await check(['wrong.yaml', '--connection', 'crm'])).toMatchObject({
    code: 2,
    stdout: expect.stringMatching(/^wrong\.yaml:7:27 UNKNOWN_NAME verify\.path: there is no field "id"/),
  });
  expect(server.received).toEqual([]);
});

it('tries a connection where one is named', async () => {
  const file = join(folder, 'connectors/our-crm.yaml');
  const right = await check([file, '--connection', 'crm', '--format', 'json']);
  expect(right).toMatchObject({ code: 0, stdout: '[]\n', stderr: expect.stringContaining('ok') });
  const refused = await check([file, '--connection', 'crm'], 'wr0ng');
  expect(refused).toMatchObject({ code: 3, stdout: '', stderr: expect.stringContaining('CREDENTIAL_REFUSED') });
  expect(refused.stderr).toContain('no mistakes');
  expect(refused.stderr).not.toContain('wr0ng');
  expect(new Set(server.received.map(({ url }) => url))).toEqual(new Set(['/me']));
  expect(await check([file, '--connection', 'web'])).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('is one of http, not of our-crm'),
  });
});
