// `pipe new`: every template is a pipe without mistakes that does what it says, and what is made of it is what was asked for.
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import Database from 'libsql';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Choices, fillTemplate, readTemplates, type Template } from '../../cli/templates.ts';
import { connector as s3 } from '../../connectors/s3/index.ts';
import { secret } from '../../engine/secret.ts';
import { connectorContext, put as putObject } from '../conformance/files.ts';
import { ownEngine } from '../engine/own-engine.ts';
import { startS3Server, testKey } from '../servers/s3.ts';
import { startMailServer } from '../servers/smtp.ts';
import { pipeCommand } from './pipe.ts';

const folder = mkdtempSync(join(tmpdir(), 'pipewright-new-'));
const { engine, close } = ownEngine({ folder });
const templates = await readTemplates();
const named = (name: string) => templates.find((each) => each.name === name)!;

afterAll(async () => {
  await close();
  rmSync(folder, { recursive: true });
});

const complete: Record<string, Record<string, unknown>> = {
  s3: { connector: 's3', bucket: 'lake' },
  dropbox: { connector: 'dropbox' },
  sftp: { connector: 'sftp', host: 'files.example.com', user: 'ada' },
  smtp: { connector: 'smtp', host: 'mail.example.com', from: 'reports@example.com' },
  postgres: { connector: 'postgres', host: 'db.example.com', database: 'shop' },
};

test('there are those that are promised', () => {
  expect(templates.map(({ name }) => name)).toEqual([
    'folder-backup',
    'postgres-to-s3-csv',
    's3-files-by-email',
    's3-to-dropbox',
    'sftp-to-s3',
  ]);
});

describe.each(templates)('$name', (template) => {
  const { connections, params, text } = template;

  test('has no mistakes, whichever of its connectors is chosen', async () => {
    const most = Math.max(...Object.values(connections).map(({ connectors }) => connectors.length));
    for (let i = 0; i < most; i++) {
      const own = Object.fromEntries(
        Object.entries(connections).map(([name, { connectors }]) => [
          `my-${name}`,
          complete[connectors[i % connectors.length]!]!,
        ]),
      );
      const aliases = Object.fromEntries(Object.keys(connections).map((name) => [name, `my-${name}`]));
      const filled = fillTemplate(template, { aliases, params: {}, own });
      expect((await engine.check({ text: filled, file: 'pipe.yaml' })).diagnostics).toEqual([]);
    }
  });

  test('says what each of its params and connections is', () => {
    for (const param of Object.values(params))
      expect(param).toMatchObject({ title: expect.any(String), description: expect.any(String) });
    for (const name of Object.keys(connections)) expect(text).toMatch(new RegExp(`(/|connection: )${name}\\b`));
    // A param of a template stands in a file that others read.
    expect(Object.values(params).filter((param) => param.secret)).toEqual([]);
  });

  test('stays as it is, comments too, but for what is chosen', () => {
    const same = Object.fromEntries(Object.keys(connections).map((name) => [name, name]));
    expect(fillTemplate(template, { aliases: same, params: {}, own: {} })).toBe(text);
  });
});

test('places are exchanged in paths and connections only, not in texts that look like them', () => {
  const text = `# /source/ is a connection
params:
  a: { default: 1 } # one
tasks:
  # The mail.
  - op: email
    connection: mail
    to: source
    subject: /source/x
    attachments: [ /source/a, /target/b, local/source/c ] # all
  - op: copy
    from: /source
    to: "/target/\${params.a}/source/"
`;
  const template = { ...named('s3-to-dropbox'), text };
  const aliases = { source: 'target', target: 'source', mail: 'post' };
  const own = { post: { connector: 'smtp', host: 'mail.example.com' } };
  expect(fillTemplate(template, { aliases, params: { a: 'true' }, own })).toBe(`# /source/ is a connection
params:
  a: {default: "true"} # one
connections:
  post:
    connector: smtp
    host: mail.example.com
tasks:
  # The mail.
  - op: email
    connection: post
    to: source
    subject: /source/x
    attachments: [/target/a, /source/b, local/source/c] # all
  - op: copy
    from: /target
    to: "/source/\${params.a}/source/"
`);
});

describe('run, with folders of this machine in the place of the services', () => {
  const local = (root: string) => ({ connector: 'local', root: join(folder, root) });
  const put = (path: string, text: string) => {
    mkdirSync(join(folder, path, '..'), { recursive: true });
    writeFileSync(join(folder, path), text);
  };
  const below = (path: string) =>
    readdirSync(join(folder, path), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name).slice(join(folder, path).length + 1))
      .sort();
  const run = (template: Template, own: Choices['own'], params: Choices['params']) => {
    const aliases = Object.fromEntries(Object.keys(template.connections).map((name) => [name, `my-${name}`]));
    return engine.run({ text: fillTemplate(template, { aliases, params, own }), file: 'pipe.yaml' }).result;
  };

  test('s3-to-dropbox: a folder, and the whole, of a real store', async () => {
    const store = await startS3Server();
    const { id, secret: key } = testKey;
    const credential = { access_key_id: secret(id), secret_access_key: secret(key) };
    const lake = s3.open({ bucket: 'bucket', endpoint: store.url }, connectorContext('lake', { credential }));
    for (const name of ['exports/a.txt', 'exports/deep/b.txt', 'exports/deep/.hidden', 'exports2/c.txt', 'other.txt'])
      await putObject(lake, name, name);
    await lake.close();
    const bucket = {
      connector: 's3',
      bucket: 'bucket',
      endpoint: store.url,
      access_key_id: id,
      secret_access_key: key,
    };
    const own = { 'my-source': bucket, 'my-target': local('dropbox') };
    await run(named('s3-to-dropbox'), own, {});
    expect(below('dropbox')).toEqual(['exports/a.txt', 'exports/deep/.hidden', 'exports/deep/b.txt']);
    await run(named('s3-to-dropbox'), own, { bucket_path: '.', dropbox_path: '.' });
    await store.close();
    expect(below('dropbox').length).toBe(5);
  });

  test('sftp-to-s3: the files that fit, and those below', async () => {
    for (const name of ['a.csv', 'b.txt', 'deep/c.csv']) put(`server/outgoing/${name}`, name);
    const own = { 'my-source': local('server'), 'my-target': local('lake') };
    await run(named('sftp-to-s3'), own, {});
    expect(below('lake')).toEqual(['incoming/a.csv']);
    await run(named('sftp-to-s3'), own, { pattern: '**', bucket_path: '.' });
    expect(below('lake')).toEqual(['a.csv', 'b.txt', 'deep/c.csv', 'incoming/a.csv']);
  });

  test('folder-backup: what is there, and later what is new', async () => {
    put('documents/a.txt', 'a');
    const own = { 'my-target': local('safe') };
    await run(named('folder-backup'), own, { folder: 'documents' });
    put('documents/deep/b.txt', 'b');
    await run(named('folder-backup'), own, { folder: `file://${join(folder, 'documents')}` });
    expect(below('safe')).toEqual(['backup/a.txt', 'backup/deep/b.txt']);
  });

  test('postgres-to-s3-csv: a table, as a file of the day', async () => {
    const database = new Database(join(folder, 'shop.db'));
    database.exec(`create table orders (id integer, name text); insert into orders values (1, 'a'), (2, null)`);
    database.close();
    const own = { 'my-source': { connector: 'sqlite', file: join(folder, 'shop.db') }, 'my-target': local('tables') };
    await run(named('postgres-to-s3-csv'), own, { schema: 'main', table: 'orders' });
    const [file, ...others] = below('tables');
    expect([file, others]).toEqual([expect.stringMatching(/^exports\/orders-\d{4}-\d\d-\d\d\.csv\.gz$/), []]);
    expect(gunzipSync(readFileSync(join(folder, 'tables', file!))).toString()).toBe('id,name\n1,a\n2,\n');
  });

  test('s3-files-by-email: the files of the day', async () => {
    for (const name of ['2026-01-31/a.txt', '2026-01-31/b.txt', '2026-02-01/c.txt']) put(`lake2/reports/${name}`, name);
    const mail = await startMailServer({ security: 'none' });
    const own = {
      'my-source': local('lake2'),
      'my-mail': { connector: 'smtp', host: '127.0.0.1', port: mail.port, security: 'none', from: 'r@example.com' },
    };
    await run(named('s3-files-by-email'), own, { day: '2026-01-31', to: 'ada@example.com' });
    await mail.close();
    expect(mail.messages.map(({ to }) => to)).toEqual([['ada@example.com']]);
    expect(mail.messages[0]!.raw).toContain('Subject: Reports of 2026-01-31');
    expect([...mail.messages[0]!.raw.matchAll(/filename=(\S+)/g)].map(([, name]) => name)).toEqual(['a.txt', 'b.txt']);
  });
});

describe('the command', () => {
  const cwd = join(folder, 'project');
  const pipe = (...args: string[]) => pipeCommand(args, { cwd });
  const both = ['--connection', 'source=my-s3', '--connection', 'target=my-dropbox'];

  beforeAll(() => {
    mkdirSync(cwd);
    const connections =
      'connections:\n  my-s3: { connector: s3, bucket: lake }\n  my-dropbox: { connector: dropbox }\n';
    writeFileSync(join(cwd, 'pipewright.yaml'), connections);
  });

  test('lists the templates, for people and for programs', async () => {
    const [{ code, stdout }, asJson] = await Promise.all([pipe('new'), pipe('new', '--list', '--format', 'json')]);
    expect(code).toBe(0);
    expect(stdout.trim().split('\n')).toEqual(
      templates.map(({ name, description }) => expect.stringMatching(new RegExp(`^${name} +${description}$`))),
    );
    expect(JSON.parse(asJson.stdout)[3]).toMatchObject({
      name: 's3-to-dropbox',
      connections: { source: { connectors: ['s3'] } },
      params: { bucket_path: { default: 'exports' } },
    });
  });

  test('makes a file with what it is told, in folders that it makes, and never over another', async () => {
    const args = ['new', 's3-to-dropbox', 'pipes/daily/backup.yaml', ...both, '--set', 'bucket_path=reports'];
    const made = await pipe(...args);
    expect(made).toEqual({
      code: 0,
      stdout: '',
      stderr: 'made pipes/daily/backup.yaml; go on with\n  pipe run pipes/daily/backup.yaml --dry-run\n',
    });
    const file = join(cwd, 'pipes/daily/backup.yaml');
    const text = readFileSync(file, 'utf8');
    expect(text).toContain('from: /my-s3/${params.bucket_path}/');
    expect(text).toContain('default: reports');
    writeFileSync(file, 'mine');
    const again = await pipe(...args);
    expect([again.code, again.stderr]).toEqual([2, expect.stringContaining('is already there')]);
    expect(readFileSync(file, 'utf8')).toBe('mine');
    const forced = await pipe(...args, '--force', '--format', 'json');
    expect(JSON.parse(forced.stdout)).toEqual({
      template: 's3-to-dropbox',
      file: 'pipes/daily/backup.yaml',
      diagnostics: [],
    });
    expect(readFileSync(file, 'utf8')).toBe(text);
  });

  test('a connection that is yet to be made is told, with the command that makes it', async () => {
    const { code, stderr } = await pipe('new', 'folder-backup', '--connection', 'target=safe');
    expect(code).toBe(2);
    expect(stderr).toContain('UNKNOWN_CONNECTION');
    expect(stderr).toMatch(
      / {2}pipe connections add s3 --alias safe\n {2}pipe run folder-backup\.yaml -p folder=… --dry-run\n$/,
    );
  });

  test.each([
    ['a template', ['s3-to-dropbx', 'x.yaml'], 'did you mean "s3-to-dropbox"?'],
    ['a connection', ['s3-to-dropbox', 'x.yaml', '--connection', 'sourec=my-s3'], 'did you mean "source"?'],
    ['a param', ['s3-to-dropbox', 'x.yaml', ...both, '--set', 'bucket_pat=x'], 'did you mean "bucket_path"?'],
    ['a value', ['s3-files-by-email', 'x.yaml', '--set', 'day=soon'], 'PARAM_INVALID'],
    ['nothing of a connection', ['s3-to-dropbox', 'x.yaml', ...both.slice(2)], '--connection source=…'],
  ])('%s that cannot be is refused, and nothing is made', async (_, args, said) => {
    const { code, stderr } = await pipe('new', ...args);
    expect([code, stderr]).toEqual([2, expect.stringContaining(said)]);
    expect(existsSync(join(cwd, 'x.yaml'))).toBe(false);
  });
});
