// The postgres connector: a database, on a real server.
import { afterAll, beforeAll } from 'vitest';
import { connector } from '../../connectors/postgres/index.ts';
import { secret } from '../../engine/secret.ts';
import { describeDatabase } from '../conformance/database.ts';
import { describeQuery } from '../conformance/database-query.ts';
import { describeReading, type ReadingSuite } from '../conformance/database-reading.ts';
import { connectorContext } from '../conformance/files.ts';
import { startPostgres, type TestPostgres } from '../servers/postgres.ts';

let server: TestPostgres;
beforeAll(async () => {
  server = await startPostgres();
});
afterAll(() => server.stop());

const suite: ReadingSuite = {
  connector,
  schema: 'public',
  placeholder: '$1',
  async open() {
    const database = await server.createDatabase();
    const { host, port, user } = server;
    const credential = { password: secret(server.password) };
    return {
      connection: connector.open(
        { host, port, user, database, ssl: 'disable', application_name: database },
        connectorContext('shop', { credential }),
      ),
      sql: (text) => server.sql(text, [], database),
      async sessions() {
        const rows = await server.sql(`select count(*)::int as n from pg_stat_activity where application_name = $1`, [
          database,
        ]);
        return rows[0]!.n as number;
      },
      async close() {
        await server.sql(`drop database ${database} with (force)`);
      },
    };
  },
  types: {
    bigint: 'bigint',
    decimal: 'numeric',
    double: 'double precision',
    timestamp: 'timestamp',
    timestamptz: 'timestamptz',
    date: 'date',
    uuid: 'uuid',
    text: 'text collate "en-x-icu"',
  },
  unordered: 'jsonb',
};

describeDatabase('postgres', suite);
describeReading('postgres', suite);
describeQuery('postgres', { ...suite, returning: true, undoesTables: true });
