// The commands about connections, as processes: what is typed, what is printed where, the exit code, what is kept.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { actions } from '../../cli/commands/connections.ts';
import { type HttpServer, startHttpServer } from '../servers/http.ts';
import { keychainMissing, startKeychain } from '../servers/keychain.ts';
import { type Ended, pipeCommand } from './pipe.ts';

const secret = 't0p s3cret/+"';
let root: string;
let server: HttpServer;
let cwd: string;
let cases = 0;

beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), 'pipe-cli-'));
  server = await startHttpServer();
  server.otherwise((request, response) => {
    if (request.headers.authorization !== `Bearer ${secret}`) response.writeHead(401).end();
    else response.writeHead(200, { 'content-type': 'text/csv' }).end('id,name\n1,Ä鍵\n22,b\n333,\n');
  });
  server.on('HEAD /hangs/', { hang: 'at once' });
});
afterAll(async () => {
  await server.close();
  rmSync(root, { recursive: true });
});
beforeEach(() => {
  cwd = join(root, String(cases++));
  mkdirSync(join(cwd, 'config/pipewright'), { recursive: true });
  // A passphrase as hard to guess as it should be takes half a second in each process.
  const own = join(cwd, 'config/pipewright/connections.yaml');
  writeFileSync(own, 'credentials: { name: file, cost: 10 }\n', { mode: 0o600 });
});

function pipe(
  args: string[],
  { stdin = '', env = {} }: { stdin?: string; env?: Record<string, string> } = {},
): Promise<Ended> {
  const own = {
    XDG_CONFIG_HOME: join(cwd, 'config'),
    XDG_STATE_HOME: join(cwd, 'state'),
    PIPE_PASSPHRASE: 'correct horse',
  };
  return pipeCommand(args, { cwd, stdin, env: { ...own, ...env } });
}

const put = (name: string, text: string) => writeFileSync(join(cwd, name), text);
const read = (name: string) => readFileSync(join(cwd, name), 'utf8');
const addShop = (...more: string[]) =>
  pipe(
    [
      'conn',
      'add',
      'http',
      '--alias',
      'shop',
      '--set',
      `base_url=${server.url}/`,
      '--set',
      'auth=bearer',
      '--secret-from-stdin',
      'token',
      ...more,
    ],
    { stdin: `${secret}\n` },
  );

describe('pipe connections', () => {
  it('add, list, show, verify: from nothing to a connection that works', async () => {
    rmSync(join(cwd, 'config'), { recursive: true });
    const none = await pipe(['connections', 'list']);
    expect(none).toMatchObject({ code: 0, stdout: '', stderr: expect.stringContaining('pipe connections add') });

    const added = await addShop('--set', 'title=The shop');
    expect(added).toMatchObject({ code: 0, stdout: '' });
    expect(added.stderr).toMatch(
      /saved shop \([a-z0-9]{12}\) in .*connections\.yaml; its secrets are in .*credentials\n✓ shop \(http\) ok\n$/,
    );
    expect(added.stderr).toContain('the keychain cannot be used');
    expect(read('config/pipewright/connections.yaml')).not.toContain('s3cret');

    const listed = await pipe(['conn', 'list']);
    expect(listed.stdout.split('\n')[1]).toMatch(/^✓ {2}shop {2}http {7}ok {6}just now {8}user {2}The shop$/);
    const json = JSON.parse((await pipe(['conn', 'list', '--format', 'json'])).stdout);
    expect(json).toMatchObject({ total: 1, hasMore: false, connections: [{ name: 'shop', status: 'ok' }] });

    const shown = await pipe(['conn', 'show', 'shop']);
    expect(shown.stdout).toMatch(/✓ token +configured: .*credentials\n/);
    expect(shown.stdout).toMatch(/– password +not configured\n/);
    expect(JSON.parse((await pipe(['conn', 'show', 'shop', '--format', 'json'])).stdout)).toMatchObject({
      config: { auth: 'bearer' },
    });
  });

  it('add says when the project has another one of that alias, and tries the one that was added', async () => {
    put('pipewright.yaml', 'connections:\n  shop: { connector: http, base_url: "http://127.0.0.1:1/" }\n');
    const added = await addShop();
    expect(added).toMatchObject({ code: 0, stderr: expect.stringContaining('✓ shop (http) ok') });
    expect(added.stderr).toMatch(/warning here shop means the one in .*pipewright\.yaml/);
    put('pipe.yaml', 'tasks:\n  - { op: read, path: /shop/a.csv }\n  - { op: write, path: "-" }\n');
    expect((await pipe(['plan', 'pipe.yaml'])).stdout).toMatch(
      /shop {2}http {2}from the project .*hides the one of the user/,
    );
  });

  it('a variable that a definition names, and a secret that is nowhere', async () => {
    put(
      'pipewright.yaml',
      `credentials: env\nconnections:\n  one: { connector: http, base_url: "${server.url}/", auth: bearer, token: "\${env.NOT_SET_HERE}" }\n  two: { connector: http, base_url: "${server.url}/", auth: bearer, token: '\${secret("shop-token")}' }\n`,
    );
    const [one, two] = [await pipe(['cat', '/one/a.csv']), await pipe(['cat', '/two/a.csv'])];
    expect(one).toMatchObject({ code: 3, stderr: expect.stringContaining('NOT_SET_HERE is not set') });
    // It would not be asked for: the definition gives the field.
    expect(one.stderr).not.toContain('PIPE_ONE_TOKEN');
    expect(two).toMatchObject({ code: 3, stderr: expect.stringContaining('set PIPE_SHOP_TOKEN_VALUE') });
    put('pipewright.yaml', 'credentials: vualt\n');
    const misspelt = await pipe(['check', 'pipewright.yaml']);
    expect(misspelt).toMatchObject({
      code: 2,
      stdout: expect.stringMatching(/credentials is none of .*did you mean "vault"\?/),
    });
  });

  it('add takes secrets from variables and files, typed values, and --project', async () => {
    put('key', `${secret}\n`);
    const more = [
      '--set',
      'concurrency=3',
      '--set',
      'headers.accept=text/csv',
      '--set',
      'headers.x-one=1',
      '--set',
      'allowed_hosts=a.example, b.example',
      '--project',
    ];
    const added = await pipe([
      'conn',
      'add',
      'http',
      '--alias',
      'shop',
      '--set',
      `base_url=${server.url}/`,
      '--set',
      'auth=bearer',
      '--secret-from-file',
      'token=key',
      '--format',
      'json',
      ...more,
    ]);
    expect(added.code).toBe(0);
    expect(JSON.parse(added.stdout)).toMatchObject({
      home: 'project',
      status: 'ok',
      config: {
        concurrency: 3,
        headers: { accept: 'text/csv', 'x-one': '1' },
        allowed_hosts: ['a.example', 'b.example'],
      },
    });
    expect(read('pipewright.yaml')).toContain('shop:');
    const other = await pipe(
      [
        'conn',
        'add',
        'http',
        '--alias',
        'other',
        '--set',
        `base_url=${server.url}/`,
        '--set',
        'auth=bearer',
        '--secret-from-env',
        'token=SHOP_TOKEN',
      ],
      { env: { SHOP_TOKEN: secret } },
    );
    expect(other.code).toBe(0);
  });

  it.each<[string, string[], number, string]>([
    [
      'a secret as argument',
      ['add', 'http', '--set', 'token=abc'],
      2,
      'token is a secret, and arguments can be seen by others',
    ],
    ['an unknown connector', ['add', 'htpp', '--alias', 'shop'], 3, 'did you mean "http"?'],
    ['a misspelt field', ['add', 'http', '--alias', 'shop', '--set', 'base_ur=x'], 3, 'did you mean "base_url"?'],
    [
      'a variable that is not set',
      ['add', 'http', '--set', 'auth=bearer', '--secret-from-env', 'token=NOT_SET_HERE'],
      3,
      'NOT_SET_HERE is not set',
    ],
    ['no connector', ['add'], 2, 'pipe connectors list'],
    ['a misspelt action', ['lst'], 2, 'did you mean "list"?'],
    ['an option without its value', ['add', 'http', '--set', 'base_url'], 2, 'field=value'],
    ['a name that is not there', ['show', 'shpo'], 3, 'there is no connection "shpo"'],
    ['nothing to change', ['edit', 'shop'], 3, 'there is no connection'],
    ['neither a name nor --all', ['verify'], 2, '--all'],
    ['stdin that is empty', ['add', 'http', '--secret-from-stdin', 'token'], 1, 'stdin is empty'],
  ])('refuses %s', async (_, args, code, message) => {
    const ended = await pipe(['connections', ...args]);
    expect(ended).toMatchObject({ code, stdout: '', stderr: expect.stringContaining(message) });
  });

  it('verify says why, and gives up a server that hangs', async () => {
    await addShop('--no-verify');
    await pipe(['conn', 'add', 'http', '--alias', 'slow', '--set', `base_url=${server.url}/hangs/`, '--no-verify']);
    await pipe(['conn', 'add', 'http', '--alias', 'gone', '--set', 'base_url=http://127.0.0.1:1/', '--no-verify']);
    const tried = await pipe(['conn', 'verify', '--all', '--timeout', '4']);
    expect(tried.code).toBe(3);
    expect(tried.stdout.split('\n').sort()).toEqual(
      [
        '',
        expect.stringMatching(/^✓ shop \(http\) ok$/),
        expect.stringMatching(/^✗ gone \(http\) failing: CONNECTION_REFUSED /),
        expect.stringMatching(/^✗ slow \(http\) failing: TIMED_OUT verifying slow took longer than 4 s$/),
      ].sort(),
    );
    expect((await pipe(['conn', 'list'])).stdout).toMatch(/✗ {2}gone .*failing: CONNECTION_REFUSED/);
  });

  it('edit, disable, enable, default, rename, remove, export, import', async () => {
    await addShop();
    put('pipe.yaml', 'tasks:\n  - { op: read, path: /shop/a.csv }\n  - { op: write, path: "-" }\n');
    expect(await pipe(['conn', 'edit', 'shop', '--set', 'title=Shop', '--unset', 'method'])).toMatchObject({ code: 0 });
    expect(await pipe(['conn', 'disable', 'shop'])).toMatchObject({
      code: 0,
      stderr: expect.stringContaining('enable shop'),
    });
    expect(await pipe(['run', 'pipe.yaml', '-q'])).toMatchObject({
      code: 3,
      stdout: '',
      stderr: expect.stringContaining('the connection "shop" is disabled'),
    });
    await pipe(['conn', 'enable', 'shop']);
    expect(await pipe(['run', 'pipe.yaml', '-q'])).toMatchObject({ code: 0, stdout: 'id,name\n1,Ä鍵\n22,b\n333,\n' });
    await pipe(['conn', 'default', 'shop']);
    expect((await pipe(['cat', '/http/a.csv'])).stdout).toContain('333');
    const exported = await pipe(['conn', 'export']);
    expect(exported.stdout).toMatch(/^connections:\n {2}shop:\n {4}connector: http\n/);
    expect(await pipe(['conn', 'rename', 'shop', 'store'])).toMatchObject({
      code: 0,
      stderr: expect.stringContaining('these pipes name the old one: pipe.yaml'),
    });
    expect(await pipe(['conn', 'remove', 'store'])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('--yes'),
    });
    expect(await pipe(['conn', 'remove', 'store', '--yes'])).toMatchObject({ code: 0 });
    expect(await pipe(['conn', 'import', '-'], { stdin: exported.stdout })).toMatchObject({
      code: 0,
      stderr: 'imported shop\n',
    });
    expect(await pipe(['conn', 'import', '-'], { stdin: exported.stdout })).toMatchObject({ code: 3 });
    expect(await pipe(['conn', 'verify', 'shop'])).toMatchObject({
      code: 3,
      stdout: expect.stringContaining('CREDENTIAL_MISSING'),
    });
  }, 120_000);

  it('secure moves a secret out of the file that the warning names', async () => {
    put(
      'pipe.yaml',
      `connections:\n  shop: { connector: http, base_url: "${server.url}/", auth: bearer, token: '${secret}' }\ntasks:\n  - { op: read, path: /shop/a.csv }\n  - { op: write, path: "-" }\n`,
    );
    const checked = await pipe(['check', 'pipe.yaml']);
    expect(checked.code).toBe(0);
    const command = /`pipe (connections secure [^`]+)`/.exec(checked.stdout)![1]!;
    expect(await pipe(command.split(' '))).toMatchObject({
      code: 0,
      stderr: expect.stringContaining('token of shop moved to'),
    });
    expect(read('pipe.yaml')).not.toContain('s3cret');
    expect(await pipe(['check', 'pipe.yaml'])).toMatchObject({ code: 0, stdout: '' });
    expect(await pipe(['run', 'pipe.yaml', '-q'])).toMatchObject({ code: 0, stdout: expect.stringContaining('333') });
    expect((await pipe(['plan', 'pipe.yaml'])).stdout).toMatch(
      /shop {2}http {2}from the pipe {2}token in .*credentials/,
    );
  });

  it('each action has help with an example', async () => {
    for (const action of Object.keys(actions)) {
      const { code, stdout } = await helpOf(action);
      expect({ action, code, example: stdout.includes('Example: ') }).toEqual({ action, code: 0, example: true });
      expect(stdout).toContain(`pipe connections ${action}`);
    }
  });
});

/** Without a process: nothing of it depends on one. */
async function helpOf(action: string): Promise<{ code: number; stdout: string }> {
  let stdout = '';
  const written = vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    stdout += text;
    return true;
  });
  try {
    const { command } = await actions[action]!.load();
    return { code: await command(['--help']), stdout };
  } finally {
    written.mockRestore();
  }
}

describe('a look inside', () => {
  it('sample, describe, ls, cat, cp', async () => {
    await addShop('--no-verify');
    const sampled = await pipe(['sample', '/shop/a.csv', '--limit', '2']);
    expect(sampled).toMatchObject({
      code: 0,
      stdout: 'id  name\n──  ────\n1   Ä鍵\n22  b\n',
      stderr: expect.stringContaining('there are more'),
    });
    expect((await pipe(['sample', '/shop/a.csv', '--format', 'ndjson', '--limit', '1'])).stdout).toBe(
      '{"id":"1","name":"Ä鍵"}\n',
    );
    expect((await pipe(['describe', '/shop/a.csv'])).stdout).toMatch(
      /^\/shop\/a\.csv: file, text\/csv\n {2}id +text\n {2}name +text\n$/,
    );
    expect((await pipe(['ls'])).stdout).toContain('/shop');
    expect(await pipe(['cp', '/shop/a.csv', 'copy.csv'])).toMatchObject({ code: 0, stdout: '' });
    expect(read('copy.csv')).toContain('333');
    expect((await pipe(['ls', '.', '--format', 'json'])).stdout).toContain('"copy.csv"');
    expect((await pipe(['cat', 'copy.csv'])).stdout).toBe(read('copy.csv'));
  });

  it.each<[string, string[], number, string]>([
    ['an unknown connection', ['ls', '/shpo'], 3, 'there is no connection "shpo"'],
    ['a file that is not there', ['sample', 'nowhere.csv'], 1, 'nowhere.csv'],
    ['a limit that is none', ['sample', 'a.csv', '--limit', '0'], 2, 'whole number'],
    ['SQL for what has none', ['query', 'files', 'select 1'], 2, 'cannot run SQL'],
  ])('refuses %s', async (_, args, code, message) => {
    put('pipewright.yaml', 'connections:\n  files: { connector: local }\n');
    expect(await pipe(args)).toMatchObject({ code, stdout: '', stderr: expect.stringContaining(message) });
  });
});

describe('pipe connectors', () => {
  it('lists them, and shows the fields of one', async () => {
    const listed = await pipe(['connectors']);
    expect(listed.stdout).toMatch(/^http +read write request describe +Any HTTP API/m);
    const shown = await pipe(['connectors', 'show', 'http']);
    expect(shown.stdout).toMatch(/^ {2}base_url +text +What relative paths are added to\.$/m);
    expect(shown.stdout).toMatch(/^ {2}token +text +secret /m);
    expect(JSON.parse((await pipe(['connectors', 'show', 'http', '--format', 'json'])).stdout)).toMatchObject({
      name: 'http',
      auth: expect.arrayContaining(['bearer']),
    });
    expect(await pipe(['connectors', 'show', 'htpp'])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('did you mean "http"?'),
    });
  });
});

describe('pipe types', () => {
  it('writes the params of the pipes and the rows of what they read', async () => {
    await addShop('--no-verify');
    put(
      'orders.yaml',
      'params:\n  since: { type: string, description: From when }\n  most: { type: integer, default: 5 }\ntasks:\n  - { op: read, path: /shop/a.csv }\n  - { op: write, path: "-" }\n',
    );
    put('local.yaml', 'tasks:\n  - { op: read, path: b.ndjson }\n  - { op: write, path: "-" }\n');
    put('b.ndjson', '{"n":1,"on":true,"text":null}\n');
    expect(await pipe(['types', '--out', 'types.d.ts'])).toMatchObject({ code: 0, stdout: '' });
    const text = read('types.d.ts');
    expect(text).toContain(
      '"orders.yaml": {\n      /** From when */\n      since: string;\n      most?: number;\n    };',
    );
    expect(text).toContain('"/shop/a.csv": {\n      id: string | null;\n      name: string | null;\n    };');
    expect(text).toContain(
      '"b.ndjson": {\n      n: number | bigint;\n      on: boolean;\n      text: string | null;\n    };',
    );
    const failing = await pipe(['types', '--out', '-'], { env: { XDG_CONFIG_HOME: join(cwd, 'none') } });
    expect(failing).toMatchObject({ code: 3, stderr: expect.stringContaining('no types for /shop/a.csv') });
  });
});

describe('the keychain', () => {
  const missing = keychainMissing();

  it('keeps secrets where one answers; one that is locked is told', async ({ skip }) => {
    if (missing !== undefined) {
      if (process.env.CI) throw new Error(missing);
      skip(missing);
    }
    const keychain = await startKeychain();
    rmSync(join(cwd, 'config'), { recursive: true });
    try {
      const env = { ...keychain.environment, PIPE_PASSPHRASE: '' };
      const add = () =>
        pipe(
          ['conn', 'add', 'http', '--alias', 'shop', '--set', `base_url=${server.url}/`].concat([
            '--set',
            'auth=bearer',
            '--secret-from-stdin',
            'token',
          ]),
          { stdin: secret, env },
        );
      const added = await add();
      expect(added).toMatchObject({ code: 0, stderr: expect.stringContaining('its secrets are in the keychain') });
      expect((await pipe(['conn', 'show', 'shop'], { env })).stdout).toContain('configured: the keychain');
      put('pipe.yaml', 'tasks:\n  - { op: read, path: /shop/a.csv }\n  - { op: write, path: "-" }\n');
      expect(await pipe(['run', 'pipe.yaml', '-q'], { env })).toMatchObject({
        code: 0,
        stdout: expect.stringContaining('333'),
      });
      const { eid } = JSON.parse((await pipe(['conn', 'show', 'shop', '--format', 'json'])).stdout) as { eid: string };
      expect(await keychain.accounts()).toEqual([eid]);
      expect(await pipe(['conn', 'remove', 'shop', '--yes'], { env })).toMatchObject({ code: 0 });
      expect(await keychain.accounts()).toEqual([]);
      await add();
      await keychain.lock();
      const locked = await pipe(['conn', 'verify', 'shop', '--timeout', '5'], { env });
      expect(locked).toMatchObject({ code: 3, stdout: expect.stringContaining('STORE_LOCKED the keychain is locked') });
      const run = await pipe(['run', 'pipe.yaml', '-q'], { env });
      expect(run).toMatchObject({ code: 3, stdout: '', stderr: expect.stringContaining('STORE_LOCKED') });
      expect(run.stderr).toContain('unlock it');
    } finally {
      await keychain.close();
    }
  }, 120_000);
});
