// The mysql connector: a database, on a real server.
import { afterAll, beforeAll, describe } from 'vitest';
import { describeDatabase } from '../conformance/database.ts';
import { describeQuery } from '../conformance/database-query.ts';
import { haveMysql, startMysql, type TestMysql } from '../servers/mysql.ts';
import { mysqlSuite } from '../servers/mysql-suite.ts';

describe.runIf(haveMysql())('on a server', () => {
  let server: TestMysql;
  beforeAll(async () => {
    server = await startMysql();
  });
  afterAll(() => server?.stop());

  describeDatabase(
    'mysql',
    mysqlSuite(() => server),
  );
  describeQuery('mysql', {
    ...mysqlSuite(() => server),
    // MariaDB does not tell the columns of a DELETE before it has run, so one that gives rows is refused.
    returning: false,
    undoesTables: false,
  });
});
