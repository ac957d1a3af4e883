// The postgres connector: commits, checkpoints, and rows that are refused.
import { afterAll, beforeAll } from 'vitest';
import { connector } from '../../connectors/postgres/index.ts';
import { secret } from '../../engine/secret.ts';
import { describeDelivery } from '../conformance/database-delivery.ts';
import { connectorContext } from '../conformance/files.ts';
import { startPostgres, type TestPostgres } from '../servers/postgres.ts';

let server: TestPostgres;
beforeAll(async () => {
  server = await startPostgres();
});
afterAll(() => server.stop());

describeDelivery('postgres', {
  connector,
  schema: 'public',
  placeholder: '$1',
  async open() {
    const database = await server.createDatabase();
    const { host, port, user } = server;
    const credential = { password: secret(server.password) };
    return {
      connection: connector.open(
        { host, port, user, database, ssl: 'disable' },
        connectorContext('shop', { credential }),
      ),
      sql: (text) => server.sql(text, [], database),
      async close() {
        await server.sql(`drop database ${database} with (force)`);
      },
    };
  },
});
