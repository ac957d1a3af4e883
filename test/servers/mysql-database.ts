// An empty MySQL database and a connection to it, for one test.
import { onTestFinished } from 'vitest';
import type { Config } from '../../connectors/mysql/connect.ts';
import { connector } from '../../connectors/mysql/index.ts';
import type { ConnectorContext } from '../../engine/contracts/connector.ts';
import type { Credential } from '../../engine/contracts/credentials.ts';
import { secret } from '../../engine/secret.ts';
import { connectorContext } from '../conformance/files.ts';
import type { TestMysql } from './mysql.ts';

/** A connection named `shop`; `null` for one without a password. */
export function connectionTo(
  server: TestMysql,
  { password = server.password, ...config }: Omit<Config, 'password'> & { password?: string | null },
  more: Partial<ConnectorContext> = {},
) {
  const { host, port, user } = server;
  const credential: Credential = password === null ? {} : { password: secret(password) };
  const connection = connector.open(
    { host, port, user, ssl: 'disable', ...config },
    { ...connectorContext('shop', { credential }), ...more },
  );
  onTestFinished(() => connection.close());
  return connection;
}

export async function openDatabase(server: TestMysql, config: Config = {}, more: Partial<ConnectorContext> = {}) {
  const database = await server.createDatabase();
  onTestFinished(async () => {
    await server.sql(`drop database ${database}`);
  });
  return {
    database,
    connection: connectionTo(server, { database, ...config }, more),
    sql: (text: string) => server.sql(text, database),
    sessions: () => sessionsIn(server, database),
  };
}

/** Sessions that use the database. The server lists one for a moment after it has ended. */
export async function sessionsIn(server: TestMysql, database: string): Promise<number> {
  for (let i = 0; ; i++) {
    const rows = await server.sql(`select 1 from information_schema.processlist where db = '${database}'`);
    if (rows.length === 0 || i === 100) return rows.length;
  }
}
