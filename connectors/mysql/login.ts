// Where the server is, how it is trusted, and logging in, which the driver does.
import { readFile } from 'node:fs/promises';
import { isIP } from 'node:net';
import { type ConnectionOptions, checkServerIdentity, connect as connectTls, createSecureContext } from 'node:tls';
import { asFailure } from '../../engine/errors.ts';
import type { MysqlConfig } from '../../schemas/generated/types.ts';
import type { Address } from '../shared/sql-address.ts';
import type { Tunnel } from '../shared/tunnel.ts';
import { createWire, type DriverConnection, type Wire } from './wire.ts';

type Config = Omit<MysqlConfig, 'connector'>;

/** Undefined where the connection is not to be encrypted. */
export async function tlsOptions(
  config: Config,
  host: string,
  key: string | undefined,
): Promise<ConnectionOptions | undefined> {
  const mode = config.ssl ?? 'verify-full';
  if (mode === 'disable' || host.startsWith('/')) return undefined;
  const file = async (path: string | undefined) => {
    if (path === undefined) return undefined;
    return readFile(path, 'utf8').catch((error: unknown) => {
      throw asFailure(error, path);
    });
  };
  const [ca, cert] = [await file(config.ssl_ca), await file(config.ssl_cert)];
  return {
    // Made here, because what is wrong with a file would be thrown out of the driver's own event otherwise.
    secureContext: createSecureContext({
      ...(ca === undefined ? {} : { ca }),
      ...(cert === undefined ? {} : { cert }),
      ...(key === undefined ? {} : { key }),
    }),
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
