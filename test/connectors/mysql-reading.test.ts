// The mysql connector, read in order, from where an earlier read stood, and in parts.
import { afterAll, beforeAll, describe } from 'vitest';
import { describeReading } from '../conformance/database-reading.ts';
import { haveMysql, startMysql, type TestMysql } from '../servers/mysql.ts';
import { mysqlSuite } from '../servers/mysql-suite.ts';

describe.runIf(haveMysql())('on a server', () => {
  let server: TestMysql;
  beforeAll(async () => {
    server = await startMysql();
  });
  afterAll(() => server?.stop());

  describeReading('mysql', {
    ...mysqlSuite(() => server),
    types: {
      bigint: 'bigint',
      decimal: 'decimal(40,10)',
      double: 'double',
      timestamp: 'datetime(6)',
      timestamptz: 'timestamp(6)',
      date: 'date',
      uuid: 'char(36)',
      text: 'varchar(100)',
    },
    unordered: 'json',
  });
});
