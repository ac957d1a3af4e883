// The dropbox connector: a storage, against a server in process that follows the vendor's documents; tokens, team spaces and faults.
import { describe, expect, onTestFinished, test } from 'vitest';
import { connector } from '../../connectors/dropbox/index.ts';
import type { Credential } from '../../engine/contracts/credentials.ts';
import { secret } from '../../engine/secret.ts';
import { connectorContext, get, itemAt, never, pattern, put, text } from '../conformance/files.ts';
import { describeStorage } from '../conformance/storage.ts';
import { collect, failureOf } from '../conformance/streams.ts';
import { startDropbox } from '../servers/dropbox.ts';

const token: Credential = { access_token: secret('good-token') };
const mib = 1024 * 1024;

describeStorage('dropbox', {
  connector,
  folders: true,
  append: false,
  exclusive: true,
  severalFiles: true,
  // A part of 16 MiB is held, so that it can be sent again.
  memoryBytes: 64 * mib,
  async open() {
    const server = await startDropbox();
    return {
      connection: connector.open({ base_url: server.url }, connectorContext('box', { credential: token })),
      contents: async () => server.contents(),
      close: () => server.close(),
      async deny(connection, folder) {
        server.share(`/${folder}`, { restricted: true });
        return { connection, allow: async () => server.unshare(`/${folder}`) };
      },
    };
  },
});

async function connected(config: Record<string, unknown> = {}, credential: Credential = token) {
  const server = await startDropbox();
  const retries: string[] = [];
  const context = connectorContext('box', { credential, onRetry: (code) => retries.push(code) });
  const connection = connector.open({ base_url: server.url, part_size: '4MiB', ...config }, context);
  onTestFinished(async () => {
    await connection.close();
    await server.close();
  });
  return { server, connection, retries };
}

describe('tokens', () => {
  test('a wrong one is told as such', async () => {
    const { connection } = await connected({}, { access_token: secret('bad-token-4711') });
    const result = await connection.verify({ signal: never });
    expect(result).toMatchObject({ ok: false, code: 'CREDENTIAL_REFUSED' });
    expect(JSON.stringify(result)).not.toContain('4711');
  });

  test('none at all', async () => {
    const { connection } = await connected({}, {});
    expect(await connection.verify({ signal: never })).toMatchObject({ ok: false, code: 'CREDENTIAL_MISSING' });
  });

  test.each([
    ['ahead of its end', new Date(Date.now() + 1000).toISOString(), 'good-token'],
    ['after a refusal', undefined, 'expired-token'],
  ])('one is renewed %s', async (_, end, access) => {
    const credential: Credential = { access_token: secret(access), refresh_token: secret('refresh-token') };
    if (end !== undefined) credential.expires_at = secret(end);
    const { connection, server } = await connected({ client_id: 'app-key' }, credential);
    server.tokens.add('renewed-token');
    await put(connection, 'a.csv', 'x');
    expect(await text(connection, 'a.csv')).toBe('x');
    expect(server.refresh.asked).toBe(1);
    expect(server.calls.at(-1)!.headers.authorization).toBe('Bearer renewed-token');
  });

  test('one that expires in the middle of an upload', async () => {
    const credential: Credential = { access_token: secret('good-token'), refresh_token: secret('refresh-token') };
    const { connection, server } = await connected({ client_id: 'app-key' }, credential);
    server.fault = (endpoint, call) => {
      if (endpoint !== 'files/upload_session/append_v2' || call !== 2) return undefined;
      server.tokens.clear();
      server.tokens.add('renewed-token');
      return undefined;
    };
    const content = pattern(14 * mib);
    await put(connection, 'big', content);
    expect((await get(connection, 'big')).equals(content)).toBe(true);
  });

  test('one that is refused for metadata is renewed once', async () => {
    const credential: Credential = { access_token: secret('expired-token'), refresh_token: secret('refresh-token') };
    const { connection, server } = await connected({ client_id: 'app-key' }, credential);
    server.tokens.add('renewed-token');
    await connection.makeFolder('sub', { signal: never });
    expect(await connection.describe('sub', { signal: never })).toEqual({ kind: 'folder' });
    const asked = server.calls.map(({ headers }) => headers.authorization!.replace('Bearer ', ''));
    expect(asked).toEqual(['expired-token', 'renewed-token', 'renewed-token']);
    server.tokens.clear();
    expect((await failureOf(connection.describe('sub', { signal: never }))).code).toBe('CREDENTIAL_REFUSED');
    expect(server.calls).toHaveLength(5);
  });

  test.each([
    [
      'expired_access_token',
      '',
      /has expired; sign in again with `pipe connections login box`, or give a refresh_token/,
    ],
    ['invalid_access_token', '', /does not know the access token/],
    ['missing_scope', ',"required_scope":"files.content.write"', /lacks the permission files\.content\.write; tick it/],
    ['something_new', '', /answered 401/],
  ])('one that is refused as %s', async (tag, more, said) => {
    const { connection, server } = await connected({}, { access_token: secret('good-token') });
    const body = `{"error_summary":"${tag}/..","error":{".tag":"${tag}"${more}}}`;
    server.fault = () => ({ refuse: { status: 401, body, headers: { 'content-type': 'application/json' } } });
    const error = await failureOf(connection.describe('a', { signal: never }));
    expect(error).toMatchObject({ code: 'CREDENTIAL_REFUSED', message: expect.stringMatching(said) });
  });

  test('only TLS carries one, but for this machine', () => {
    const open = (base_url: string) => () =>
      connector.open({ base_url }, connectorContext('box', { credential: token }));
    expect(open('http://api.example.com')).toThrow(/must begin with https/);
    expect(open('https://api.example.com')).not.toThrow();
  });
});

describe('a shared folder', () => {
  test('is a folder where it is mounted', async () => {
    const { connection, server } = await connected();
    server.share('/Team/Reports');
    await put(connection, 'Team/Reports/in/a.csv', 'x');
    expect(server.contents()).toEqual(['Team/Reports/in/a.csv']);
    expect(await text(connection, 'team/reports/in/a.csv')).toBe('x');
    const all = await collect(connection.list('Team/Reports', { signal: never, recursive: true }));
    expect(all.map(({ kind, path }) => `${kind} ${path}`)).toEqual([
      'folder Team/Reports/in',
      'file Team/Reports/in/a.csv',
    ]);
    expect(await connection.describe('Team/Reports', { signal: never })).toEqual({ kind: 'folder' });
    await connection.remove('Team/Reports/in/a.csv', { signal: never });
    expect(server.contents()).toEqual([]);
  });

  test('may be one that can only be read', async () => {
    const { connection, server, retries } = await connected();
    await put(connection, 'Reports/a.csv', 'x');
    server.share('/Reports', { readOnly: true });
    expect(await text(connection, 'Reports/a.csv')).toBe('x');
    expect(await collect(connection.list('Reports', { signal: never }))).toMatchObject([{ path: 'Reports/a.csv' }]);
    for (const work of [
      () => put(connection, 'Reports/a.csv', 'other'),
      () => put(connection, 'Reports/new/b.csv', pattern(5 * mib)),
      () => connection.remove('Reports/a.csv', { signal: never }),
      () => connection.makeFolder('Reports/new', { signal: never }),
    ]) {
      expect(await failureOf(work())).toMatchObject({
        code: 'PERMISSION_DENIED',
        message: expect.stringMatching(/^\/box\/Reports\/.*no_write_permission/),
      });
    }
    expect(retries).toEqual([]);
    expect(server.contents()).toEqual(['Reports/a.csv']);
    expect(await text(connection, 'Reports/a.csv')).toBe('x');
  });
});

describe('what goes wrong on the way', () => {
  const busy = {
    status: 429,
    body: '{"error_summary":"too_many_requests/..","error":{"reason":{".tag":"too_many_requests"},"retry_after":0}}',
    headers: { 'retry-after': '0', 'content-type': 'application/json' },
  };

  test('429 is waited for, wherever it comes', async () => {
    const { connection, server, retries } = await connected();
    server.fault = (endpoint, call) => (endpoint !== 'files/download' && call === 1 ? { refuse: busy } : undefined);
    const content = pattern(9 * mib);
    await put(connection, 'big', content);
    expect((await get(connection, 'big')).equals(content)).toBe(true);
    expect(new Set(retries)).toEqual(new Set(['HTTP_BUSY']));
    expect(retries.length).toBeGreaterThanOrEqual(4);
  });

  test('what was not repeatable and may have been done is not asked for again', async () => {
    const { connection, server, retries } = await connected();
    server.fault = (endpoint) => (endpoint === 'files/create_folder_v2' ? { lose: true } : undefined);
    expect((await failureOf(connection.makeFolder('sub', { signal: never }))).code).toBe('CONNECTION_LOST');
    expect(retries).toEqual([]);
    expect(server.calls).toHaveLength(1);
  });

  test('an abort ends a call for metadata that waits for its answer', async () => {
    const { connection, server } = await connected();
    const stop = new AbortController();
    server.fault = () => {
      stop.abort(new Error('enough'));
      return undefined;
    };
    await expect(connection.describe('a', { signal: stop.signal })).rejects.toThrow('enough');
  });

  test.each([200, 409])('%i without JSON in it', async (status) => {
    const { connection, server } = await connected();
    server.fault = () => ({ refuse: { status, body: '<h1>A proxy</h1>' } });
    const { code, message } = await failureOf(connection.describe('a', { signal: never }));
    expect(code).toBe('HTTP_STATUS');
    expect(message).toContain('its body is not JSON');
  });

  test('an answer that is lost: no byte twice', async () => {
    const { connection, server, retries } = await connected();
    server.fault = (endpoint, call) =>
      endpoint === 'files/upload_session/append_v2' && call <= 2 ? { lose: true } : undefined;
    const content = pattern(13 * mib);
    await put(connection, 'big', content);
    expect((await get(connection, 'big')).equals(content)).toBe(true);
    expect(retries).toContain('CONNECTION_LOST');
  });

  test.each(['create', 'replace'] as const)('%s: the answer to the commit is lost', async (mode) => {
    const { connection, server } = await connected();
    server.fault = (endpoint) => (endpoint === 'files/upload_session/finish' ? { lose: true } : undefined);
    await put(connection, 'a.csv', 'content', { mode });
    expect(await text(connection, 'a.csv')).toBe('content');
  });

  test('a download that breaks goes on where it was', async () => {
    const { connection, server, retries } = await connected();
    const content = pattern(3 * mib);
    await put(connection, 'big', content);
    server.fault = (endpoint, call) => (endpoint === 'files/download' && call < 3 ? { cutAfter: mib } : undefined);
    expect((await get(connection, 'big')).equals(content)).toBe(true);
    expect(retries).toHaveLength(2);
    expect(server.calls.at(-1)!.headers.range).toMatch(/^bytes=\d{6,}-3145727$/);
  });

  test('a file that is replaced while it is read gives the one that was there', async () => {
    const { connection } = await connected();
    const content = pattern(2 * mib);
    await put(connection, 'a', content);
    const item = await itemAt(connection, 'a');
    await put(connection, 'a', 'another');
    expect(Buffer.concat(await collect(item.open())).equals(content)).toBe(true);
  });

  test('a full Dropbox, a name that is not allowed, no permission', async () => {
    const { connection, server } = await connected();
    const summaries: Record<string, string> = {
      'path/insufficient_space/.': 'no space left',
      'path/disallowed_name/..': 'does not allow',
      'path/no_write_permission/...': 'permission denied',
    };
    for (const [summary, said] of Object.entries(summaries)) {
      const body = JSON.stringify({ error_summary: summary, error: {} });
      server.fault = (endpoint) => (endpoint.endsWith('/finish') ? { refuse: { status: 409, body } } : undefined);
      expect((await failureOf(put(connection, 'a', 'x'))).message).toContain(said);
    }
    expect(server.contents()).toEqual([]);
  });
});

describe('places', () => {
  test('a root', async () => {
    const { connection, server } = await connected({ root: '/Team/reports/' });
    expect(await connection.verify({ signal: never })).toMatchObject({ ok: false, code: 'NOT_FOUND' });
    await put(connection, 'in/a.csv', 'x');
    expect(server.contents()).toEqual(['Team/reports/in/a.csv']);
    expect(await connection.verify({ signal: never })).toEqual({ ok: true });
    const entries = await collect(connection.list('', { signal: never, recursive: true }));
    expect(entries.map(({ path }) => path).sort()).toEqual(['in', 'in/a.csv']);
    expect((await failureOf(get(connection, '../x'))).code).toBe('PATH_INVALID');
    expect((await failureOf(connection.remove('', { signal: never }))).code).toBe('PATH_INVALID');
  });

  test('the space of a team, and a member of it', async () => {
    const { connection, server } = await connected({ team_space: true, member_id: 'dbmid:AAH4f99T0taONIb' });
    await put(connection, 'a.csv', 'x');
    expect(await text(connection, 'a.csv')).toBe('x');
    for (const { endpoint, headers } of server.calls) {
      const root = endpoint === 'users/get_current_account' ? undefined : '{".tag":"root","root":"7"}';
      expect(headers['dropbox-api-path-root'], endpoint).toBe(root);
      expect(headers['dropbox-api-select-user'], endpoint).toBe('dbmid:AAH4f99T0taONIb');
    }
    expect(server.calls.map(({ endpoint }) => endpoint)).toContain('files/get_metadata');
    expect(server.calls.filter(({ endpoint }) => endpoint === 'users/get_current_account')).toHaveLength(1);
  });

  test('names that differ in case only are one file', async () => {
    const { connection, server } = await connected();
    await put(connection, 'A.csv', 'one');
    expect((await failureOf(put(connection, 'a.csv', 'two', { mode: 'create' }))).code).toBe('TARGET_EXISTS');
    expect(server.contents()).toEqual(['A.csv']);
  });

  test('a folder is not read, nor written over', async () => {
    const { connection } = await connected();
    await connection.makeFolder('sub', { signal: never });
    expect((await failureOf(get(connection, 'sub'))).code).toBe('FILE_IS_FOLDER');
    expect((await failureOf(put(connection, 'sub', 'x'))).code).toBe('FILE_IS_FOLDER');
    await put(connection, 'file', 'x');
    expect((await failureOf(put(connection, 'file/in', 'x'))).code).toBe('PATH_INVALID');
  });
});
