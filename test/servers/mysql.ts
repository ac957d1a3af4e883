// A MariaDB server of its own for a test file: fresh data in a temporary folder, gone with the process. Or the server
// that PIPE_TEST_MYSQL_URL names.
import { type ChildProcess, execFile, execFileSync, spawn } from 'node:child_process';
import { chown, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { createConnection } from 'mysql2/promise';
import { testCertificate, testKey } from './certificate.ts';

const run = promisify(execFile);

export interface TestMysql {
  host: string;
  port: number;
  user: string;
  password: string;
  /** Runs statements as the superuser, by a way of its own; the rows of the last one. */
  sql(text: string, database?: string): Promise<Record<string, unknown>[]>;
  /** An empty database. */
  createDatabase(): Promise<string>;
  stop(): Promise<void>;
}

const given = process.env.PIPE_TEST_MYSQL_URL;

/** Why no server can be had here, and what to install; undefined when one can. */
function mysqlMissing(): string | undefined {
  if (given !== undefined) return undefined;
  try {
    execFileSync('sh', ['-c', 'command -v mariadbd && command -v mariadb-install-db'], { stdio: 'ignore' });
    return undefined;
  } catch {
    return 'mariadbd not installed: `apt-get install mariadb-server`, or name a server with PIPE_TEST_MYSQL_URL=mysql://root:password@host:3306';
  }
}

/** Says loudly what is not tested without one; under CI that is a failure. */
export function haveMysql(): boolean {
  const missing = mysqlMissing();
  if (missing === undefined) return true;
  if (process.env.CI === 'true') throw new Error(missing);
  console.warn(`SKIPPED: everything that needs a MySQL. ${missing}`);
  return false;
}

/** As another user where we are root, which the server does not want to be. */
const asOther = process.getuid?.() === 0 ? { uid: 65534, gid: 65534 } : {};

export async function startMysql({
  tls = false,
  options = [],
}: {
  tls?: boolean;
  options?: readonly string[];
} = {}): Promise<TestMysql> {
  if (given !== undefined && !tls && options.length === 0) {
    const url = new URL(given);
    const [user, password] = [decodeURIComponent(url.username), decodeURIComponent(url.password)];
    return serverAt(url.hostname, Number(url.port) || 3306, user, password, async () => {});
  }
  const home = await mkdtemp(join(tmpdir(), 'pipewright-mysql-'));
  const data = join(home, 'data');
  // A server that starts removes the temporary tables of every other one that shares its folder for them.
  const temporary = join(home, 'tmp');
  for (const folder of [data, temporary]) await mkdir(folder);
  if (asOther.uid !== undefined)
    for (const path of [home, data, temporary]) await chown(path, asOther.uid, asOther.gid);
  const install = [
    '--no-defaults',
    `--datadir=${data}`,
    `--tmpdir=${temporary}`,
    '--auth-root-authentication-method=normal',
    '--skip-test-db',
  ];
  await run('mariadb-install-db', install, asOther);
  const password = 'example-password';
  const setup = join(home, 'setup.sql');
  await writeFile(
    setup,
    `create user 'admin'@'%' identified by '${password}';\ngrant all on *.* to 'admin'@'%' with grant option;\n`,
  );

  const port = await freePort();
  const args = [
    '--no-defaults',
    `--datadir=${data}`,
    `--tmpdir=${temporary}`,
    `--socket=${join(home, 'socket')}`,
    `--port=${port}`,
    `--init-file=${setup}`,
    '--bind-address=127.0.0.1',
    '--skip-name-resolve',
    '--local-infile=1',
    '--innodb-flush-log-at-trx-commit=0',
    '--innodb-buffer-pool-size=64M',
    '--max-connections=60',
    '--performance-schema=on',
    ...options,
  ];
  if (tls) {
    for (const [name, text] of [
      ['server.crt', testCertificate],
      ['server.key', testKey],
    ] as const) {
      await writeFile(join(home, name), text, { mode: 0o600 });
      if (asOther.uid !== undefined) await chown(join(home, name), asOther.uid, asOther.gid);
    }
    // Clients may have one of the same authority.
    args.push(`--ssl-ca=${join(home, 'server.crt')}`);
    args.push(`--ssl-cert=${join(home, 'server.crt')}`, `--ssl-key=${join(home, 'server.key')}`);
  }
  const server = spawn('mariadbd', args, { ...asOther, stdio: ['ignore', 'ignore', 'pipe'] });
  const kill = () => void server.kill('SIGKILL');
  process.once('exit', kill);
  await ready(server);
  return serverAt('127.0.0.1', port, 'admin', password, async () => {
    process.removeListener('exit', kill);
    if (server.exitCode === null) {
      const ended = new Promise((resolve) => server.once('exit', resolve));
      kill();
      await ended;
    }
    await rm(home, { recursive: true, force: true });
  });
}

let databases = 0;

function serverAt(host: string, port: number, user: string, password: string, stop: () => Promise<void>): TestMysql {
  const sql: TestMysql['sql'] = async (text, database) => {
    const client = await createConnection({
      host,
      port,
      user,
      password,
      multipleStatements: true,
      ...(database === undefined ? {} : { database }),
    });
    try {
      const [result] = await client.query(text);
      const results = Array.isArray(result) && (Array.isArray(result[0]) || text.includes(';')) ? result : [result];
      const last = results.filter((each) => Array.isArray(each)).at(-1);
      return (last ?? []) as Record<string, unknown>[];
    } finally {
      await client.end();
    }
  };
  return {
    host,
    port,
    user,
    password,
    sql,
    async createDatabase() {
      const name = `test_${process.pid}_${++databases}`;
      await sql(`create database ${name} character set utf8mb4`);
      return name;
    },
    stop,
  };
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
      if (line.includes('ready for connections')) resolve();
    });
    server.once('error', reject);
    server.once('exit', (code) => reject(new Error(`mariadbd ended with ${code}:\n${lines.join('\n')}`)));
  });
}
