// An empty Postgres database and a connection to it, for one test.
import { onTestFinished } from 'vitest';
import type { Config } from '../../connectors/postgres/connect.ts';
import { connector } from '../../connectors/postgres/index.ts';
import type { Credential } from '../../engine/contracts/credentials.ts';
import { secret } from '../../engine/secret.ts';
import { connectorContext } from '../conformance/files.ts';
import type { TestPostgres } from './postgres.ts';

/** A connection named `shop`; `null` for one without a password. */
export function connectionTo(
  server: TestPostgres,
  { password = server.password, ...config }: Omit<Config, 'password'> & { password?: string | null },
) {
  const { host, port, user } = server;
  const credential: Credential = password === null ? {} : { password: secret(password) };
  const connection = connector.open(
    { host, port, user, ssl: 'disable', ...config },
    connectorContext('shop', { credential }),
  );
  onTestFinished(() => connection.close());
  return connection;
}

export async function openDatabase(server: TestPostgres, config: Config = {}) {
  const database = await server.createDatabase();
  onTestFinished(async () => {
    await server.sql(`drop database ${database} with (force)`);
  });
  const connection = connectionTo(server, { database, application_name: database, ...config });
  return {
    database,
    connection,
    sql: (text: string) => server.sql(text, [], database),
    async sessions() {
      const text = 'select count(*)::int as n from pg_stat_activity where application_name = $1';
      return (await server.sql(text, [database]))[0]!.n as number;
    },
  };
}
