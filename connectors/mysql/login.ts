// Where the server is, how it is trusted, and logging in, which the driver does.
import { readFile } from 'node:fs/promises';
import { isIP } from 'node:net';
import { userInfo } from 'node:os';
import { type ConnectionOptions, checkServerIdentity, connect as connectTls } from 'node:tls';
import { failure } from '../../engine/errors.ts';
import type { MysqlConfig } from '../../schemas/generated/types.ts';
import type { Tunnel } from '../shared/tunnel.ts';
import { createWire, type DriverConnection, type Wire } from './wire.ts';

type Config = Omit<MysqlConfig, 'connector'>;

export interface Address {
  /** Or the path of the socket. */
  host: string;
  port: number;
  user: string;
  database: string;
}

export function addressOf(config: Config, name: string): Address {
  if (config.url === undefined) {
    const { host = 'localhost', port = 3306, user = userInfo().username, database = user } = config;
    return { host, port, user, database };
  }
  const invalid = (reason: string) => failure('CONNECTION_INVALID', { reason: `${name}: its \`url\` ${reason}` });
  if (!URL.canParse(config.url)) throw invalid('cannot be read');
  const url = new URL(config.url);
  if (url.password !== '') throw invalid('has a password in it; keep that in a credential store');
  if (url.search !== '') throw invalid('has options after "?"; give them as fields of the connection');
  const user = decodeURIComponent(url.username) || config.user || userInfo().username;
  return {
    host: decodeURIComponent(url.hostname).replace(/^\[(.*)\]$/, '$1') || config.host || 'localhost',
    port: Number(url.port) || config.port || 3306,
    user,
    database: decodeURIComponent(url.pathname.slice(1)) || config.database || user,
  };
}

/** Undefined where the connection is not to be encrypted. */
export async function tlsOptions(
  config: Config,
  host: string,
  key: string | undefined,
): Promise<ConnectionOptions | undefined> {
  const mode = config.ssl ?? 'verify-full';
  if (mode === 'disable' || host.startsWith('/')) return undefined;
  const file = async (path: string | undefined) => (path === undefined ? undefined : readFile(path, 'utf8'));
  const [ca, cert] = [await file(config.ssl_ca), await file(config.ssl_cert)];
  return {
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
    ...(isIP(host) ? {} : { servername: host }),
    rejectUnauthorized: mode === 'verify-ca' || mode === 'verify-full',
    checkServerIdentity: (_, certificate) =>
      mode === 'verify-full' ? checkServerIdentity(host, certificate) : undefined,
  };
}

export async function logIn({
  host,
  port,
  user,
  database,
  password,
  attributes,
  timeoutMs,
  tls,
  tunnel,
}: Address & {
  password: string | undefined;
  attributes: Record<string, string>;
  timeoutMs: number;
  tls: ConnectionOptions | undefined;
  tunnel: Tunnel | undefined;
}): Promise<Wire> {
  const { createConnection } = (await import('mysql2')).default;
  const connection = createConnection({
    ...(host.startsWith('/') ? { socketPath: host } : { host, port }),
    ...(tunnel === undefined ? {} : { stream: () => tunnel.socket(host, port) }),
    user,
    database,
    ...(password === undefined ? {} : { password }),
    connectTimeout: timeoutMs,
    keepAliveInitialDelay: 10_000,
    connectAttributes: attributes,
    charset: 'utf8mb4',
    flags: ['-CLIENT_QUERY_ATTRIBUTES', '-SESSION_TRACK', '-IGNORE_SPACE', '-ODBC'],
    ...(tls === undefined ? {} : { ssl: { rejectUnauthorized: tls.rejectUnauthorized !== false } }),
  }) as unknown as DriverConnection;
  if (tls !== undefined) {
    // The driver would look for `localhost` in a certificate where the host is an address of numbers.
    connection.startTLS = (done) => {
      const { stream } = connection;
      stream.removeAllListeners('data');
      let secure = false;
      const socket = connectTls({ ...tls, socket: stream }, () => {
        secure = true;
        done();
      });
      socket.on('error', (error) => {
        if (!secure) done(error);
      });
      socket.on('data', (chunk) => connection.packetParser.execute(chunk));
      connection.stream = socket;
    };
  }
  return new Promise((resolve, reject) => {
    connection.on('error', (error) => {
      reject(error);
      connection.stream.destroy();
    });
    connection.on('connect', () => resolve(createWire(connection)));
  });
}
