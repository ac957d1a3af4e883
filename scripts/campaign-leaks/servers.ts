// What the connections of the campaign lead to where a secret can be right or wrong: servers of the real kind.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { apis } from '../../schemas/generated/apis.ts';
import type { Manifest } from '../../schemas/generated/types.ts';
import type { DropboxServer } from '../../test/servers/dropbox.ts';
import type { HttpServer } from '../../test/servers/http.ts';
import type { SftpServer } from '../../test/servers/sftp.ts';
import type { SshServer } from '../../test/servers/ssh.ts';
import type { Hostile } from './hostile.ts';

/** A server of the real kind, where a secret can be the right one and a wrong one. */
export interface RealServer {
  /** The fields of connection number `i`, whose `field` is the secret, and other secrets that it needs. */
  fields(
    field: string,
    i: number,
    secret: string,
    right: boolean,
  ): Promise<{ fields: Record<string, unknown>; secrets?: Record<string, string> }>;
  /** What is there to read, below the connection. */
  path: string;
  /** What a read of it must say. */
  filters?: Record<string, string>;
  /** What a pipe does with it, where that is not to read. */
  task?(alias: string): Record<string, unknown>;
  close(): Promise<void>;
}

/** Starts the real server of a connector with secret fields; undefined where nobody has written down how. */
export function realServerOf(connector: string): ((hostile: Hostile) => Promise<RealServer>) | undefined {
  if (Object.hasOwn(servers, connector)) return servers[connector];
  const load = Object.hasOwn(apis, connector) ? apis[connector] : undefined;
  return load && (async (hostile) => serviceServer(await load(), hostile));
}

/** A service's first resource that is read as it is, with one record in it. */
function serviceServer({ resources, records: everywhere, auth = [] }: Manifest, { http }: Hostile): RealServer {
  const signsIn = [auth].flat().some(({ kind }) => kind === 'oauth2');
  const plain = Object.entries(resources).find(
    ([, { path, parent, method }]) => !path.includes('${') && parent === undefined && method === undefined,
  );
  const [name, { records = everywhere ?? '', arrays, filters = {}, key = [] }] = plain ?? Object.entries(resources)[0]!;
  const needed = Object.entries(filters).filter(([, filter]) => filter.required === true);
  const record = Object.fromEntries(['id', key].flat().map((column) => [column, '1']));
  const list = arrays ? [['id'], ['1']] : [record];
  const inside = records
    .split('/')
    .slice(1)
    .reduceRight<unknown>((inner, at) => ({ [at]: inner }), list);
  // Some services say in the body that all went well.
  const answer = records === '' ? inside : { ok: true, ...(inside as object) };
  const [good, bad] = [`${http.url}/json/${encodeURIComponent(JSON.stringify(answer))}/`, `${http.url}/no/`];
  return {
    path: name,
    filters: Object.fromEntries(needed.map(([filter]) => [filter, 'a'])),
    async fields(field, _i, _secret, right) {
      // With a secret of the application only, the token is that of someone who has signed in before.
      const secrets: Record<string, string> = field === 'client_secret' ? { refresh_token: 'another one' } : {};
      return {
        fields: { base_url: right ? good : bad, ...(signsIn && isOfOauth(field) ? { client_id: 'app' } : {}) },
        secrets,
      };
    },
    close: async () => {},
  };
}

export function isOfOauth(field: string): boolean {
  return ['client_secret', 'access_token', 'refresh_token'].includes(field);
}

/** The address of a token endpoint that gives one to everybody. */
export function tokenAnswer({ url }: HttpServer): string {
  const answer = { access_token: 'a new one', token_type: 'bearer', expires_in: 3600 };
  return `${url}/json/${encodeURIComponent(JSON.stringify(answer))}/`;
}

/** SSH hosts, one for each secret that opens one, and how a database is reached through them. */
function sshHosts() {
  const started = new Map<string, Promise<SshServer>>();
  return {
    async through(field: string, i: number, secret: string, right: boolean) {
      if (!field.startsWith('ssh_')) return { fields: {}, secrets: {} };
      const password = field === 'ssh_password' ? secret : 'open sesame';
      const { startSshServer } = await import('../../test/servers/ssh.ts');
      const key = `${field} ${i} ${right}`;
      if (!started.has(key)) started.set(key, startSshServer({ password: right ? password : 'not this one' }));
      const { port, fingerprint } = await started.get(key)!;
      const fields = { ssh_host: '127.0.0.1', ssh_port: port, ssh_user: 'tunnel', ssh_host_key: fingerprint };
      const beside: Record<string, string> = field === 'ssh_password' ? {} : { ssh_password: password };
      return { fields, secrets: { password: 'another one', ...beside } };
    },
    async close() {
      for (const server of started.values()) await (await server).close();
    },
  };
}

const servers: Readonly<Record<string, (hostile: Hostile) => Promise<RealServer>>> = {
  http: async ({ http }) => ({
    path: 'a.csv',
    async fields(field, _i, _secret, right) {
      const token = right ? tokenAnswer(http) : `${http.url}/no/token`;
      const code = field.endsWith('_token') ? { authorize_url: `${http.url}/no/` } : {};
      const oauth = isOfOauth(field) ? { token_url: token, client_id: 'app', ...code } : {};
      return { fields: { base_url: `${http.url}/${right ? 'ok' : 'no'}/`, ...oauth } };
    },
    close: async () => {},
  }),
  postgres: async () => {
    const { startPostgres } = await import('../../test/servers/postgres.ts');
    const server = await startPostgres({ tls: true });
    const ssh = sshHosts();
    await server.sql('create table items as select 1 as id; grant select on items to public');
    const made = new Map<string, Promise<unknown>>();
    const literal = (text: string) => `E'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
    return {
      path: 'public/items',
      async fields(field, i, secret, right) {
        const user = `canary_${right ? 'right' : 'wrong'}_${field}_${i}`;
        const password = right && field === 'password' ? secret : 'another one';
        if (!made.has(user)) made.set(user, server.sql(`create role ${user} login password ${literal(password)}`));
        await made.get(user);
        const ssl = field === 'ssl_key' ? 'require' : 'disable';
        const { fields, secrets } = await ssh.through(field, i, secret, right);
        return {
          fields: { host: server.host, port: server.port, user, database: 'postgres', ssl, ...fields },
          secrets,
        };
      },
      async close() {
        await ssh.close();
        await server.stop();
      },
    };
  },
  mysql: async () => {
    const { startMysql } = await import('../../test/servers/mysql.ts');
    const server = await startMysql({ tls: true });
    const ssh = sshHosts();
    const database = await server.createDatabase();
    await server.sql('create table items as select 1 as id', database);
    const made = new Map<string, Promise<unknown>>();
    const literal = (text: string) => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
    return {
      path: 'items',
      async fields(field, i, secret, right) {
        const user = `${right ? 'right' : 'wrong'}_${field}_${i}`;
        const password = right && field === 'password' ? secret : 'another one';
        const create = () =>
          server
            .sql(`create user ${user} identified by ${literal(password)}`)
            .then(() => server.sql(`grant all on ${database}.* to ${user}`));
        if (!made.has(user)) made.set(user, create());
        await made.get(user);
        const ssl = field === 'ssl_key' ? 'require' : 'disable';
        const { fields, secrets } = await ssh.through(field, i, secret, right);
        return { fields: { host: server.host, port: server.port, user, database, ssl, ...fields }, secrets };
      },
      async close() {
        await ssh.close();
        await server.stop();
      },
    };
  },
  sftp: async () => {
    const { startSftpServer } = await import('../../test/servers/sftp.ts');
    const folder = mkdtempSync(join(tmpdir(), 'pipe-leaks-sftp-'));
    writeFileSync(join(folder, 'a.csv'), 'id,name\n1,a\n');
    const started = new Map<string, Promise<SftpServer>>();
    return {
      path: 'a.csv',
      async fields(field, i, secret, right) {
        const key = `${field} ${i} ${right}`;
        const password = right && field === 'password' ? secret : 'another one';
        if (!started.has(key)) started.set(key, startSftpServer({ folder, password }));
        const { port, knownHost } = await started.get(key)!;
        const known = join(folder, `known_hosts_${port}`);
        writeFileSync(known, `${knownHost}\n`);
        return { fields: { host: '127.0.0.1', port, user: 'tester', known_hosts: known, root: folder } };
      },
      async close() {
        for (const server of started.values()) await (await server).close();
        rmSync(folder, { recursive: true });
      },
    };
  },
  smtp: async () => {
    const { SMTPServer } = await import('smtp-server');
    const server = new SMTPServer({
      authOptional: false,
      allowInsecureAuth: true,
      disabledCommands: ['STARTTLS'],
      // Says what it was sent, as some do.
      onAuth: (auth, _session, done) =>
        auth.username === 'right' && auth.password !== ''
          ? done(null, { user: auth.username })
          : done(new Error(`${auth.username} is not let in with ${auth.password}`)),
      onData: (stream, _session, done) => void stream.on('end', () => done()).resume(),
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.server.address() as AddressInfo;
    return {
      path: '',
      task: (connection) => ({ op: 'email', connection, to: 'you@example.com', subject: 'Hello', text: 'Hello' }),
      fields: async (_field, _i, _secret, right) => ({
        fields: { host: '127.0.0.1', port, security: 'none', user: right ? 'right' : 'wrong', from: 'me@example.com' },
      }),
      close: () => new Promise((resolve) => server.close(() => resolve())),
    };
  },
  dropbox: async () => {
    const { startDropbox } = await import('../../test/servers/dropbox.ts');
    const started = new Map<string, Promise<DropboxServer>>();
    const start = async (field: string, secret: string, right: boolean) => {
      const server = await startDropbox();
      const call = async (endpoint: string, given: object, body: string) => {
        const headers = {
          authorization: 'Bearer good-token',
          'content-type': 'application/octet-stream',
          'dropbox-api-arg': JSON.stringify(given),
        };
        const answer = await fetch(`${server.url}/2/files/upload_session/${endpoint}`, {
          method: 'POST',
          headers,
          body,
        });
        return (await answer.json()) as { session_id: string };
      };
      const content = 'id,name\n1,a\n';
      const { session_id } = await call('start', { close: true }, content);
      const cursor = { session_id, offset: content.length };
      await call('finish', { cursor, commit: { path: '/a.csv', mode: 'overwrite' } }, '');
      server.tokens.clear();
      server.tokens.add(right && field === 'access_token' ? secret : server.refresh.gives);
      server.refresh.token =
        right && field !== 'access_token' ? (field === 'refresh_token' ? secret : 'another one') : 'not this one';
      return server;
    };
    return {
      path: 'a.csv',
      async fields(field, i, secret, right) {
        const key = `${field} ${i} ${right}`;
        if (!started.has(key)) started.set(key, start(field, secret, right));
        const { url } = await started.get(key)!;
        const secrets: Record<string, string> = field === 'client_secret' ? { refresh_token: 'another one' } : {};
        return { fields: { base_url: url, client_id: 'app' }, secrets };
      },
      async close() {
        for (const server of started.values()) await (await server).close();
      },
    };
  },
  s3: async () => {
    const { startS3Server } = await import('../../test/servers/s3.ts');
    const server = await startS3Server();
    const bucket = 'bucket';
    const blob = await server.store.keep(Readable.from(['id,name\n1,a\n']));
    const about = { size: blob.size, etag: `"${blob.md5}"`, modified: new Date(), headers: {} };
    server.store.buckets.get(bucket)!.put({ key: 'a.csv', blobs: [blob], ...about });
    return {
      path: 'a.csv',
      async fields(field, i, secret, right) {
        const id = field === 'access_key_id' ? secret : `KEY${field}${i}${right}`;
        const key = field === 'secret_access_key' ? secret : 'another one';
        const token = field === 'session_token' ? { token: secret } : {};
        // What is signed with another key is refused; so is a token that is not the one that goes with it.
        server.keys.set(id, { secret: right ? key : 'not this one', ...(right ? token : { token: 'another' }) });
        const all = { access_key_id: id, secret_access_key: key };
        const secrets = Object.fromEntries(Object.entries(all).filter(([name]) => name !== field));
        return { fields: { bucket, endpoint: server.url, region: 'us-east-1' }, secrets };
      },
      close: () => server.close(),
    };
  },
};
