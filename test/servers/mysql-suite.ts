// The mysql connector as the conformance suites take it, on a server of the test.
import { connector } from '../../connectors/mysql/index.ts';
import { secret } from '../../engine/secret.ts';
import type { DatabaseSuite } from '../conformance/database.ts';
import { connectorContext } from '../conformance/files.ts';
import type { TestMysql } from './mysql.ts';
import { sessionsIn } from './mysql-database.ts';

/** The suites look at all databases that there are, so there is only one, made anew for each test. */
export function mysqlSuite(server: () => TestMysql): DatabaseSuite {
  const database = 'conformance';
  return {
    connector,
    schema: database,
    placeholder: '?',
    async open() {
      const { host, port, user, password, sql } = server();
      await sql(`drop database if exists ${database}; create database ${database} character set utf8mb4`);
      return {
        connection: connector.open(
          { host, port, user, database, ssl: 'disable', lock_timeout: '1s' },
          connectorContext('shop', { credential: { password: secret(password) } }),
        ),
        sql: (text) => sql(text, database),
        sessions: () => sessionsIn(server(), database),
        async close() {
          await sql(`drop database if exists ${database}`);
        },
      };
    },
  };
}
