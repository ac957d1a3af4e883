// The mysql connector, written as it goes, with checkpoints and refused rows.
import { afterAll, beforeAll, describe } from 'vitest';
import { describeDelivery } from '../conformance/database-delivery.ts';
import { haveMysql, startMysql, type TestMysql } from '../servers/mysql.ts';
import { mysqlSuite } from '../servers/mysql-suite.ts';

describe.runIf(haveMysql())('on a server', () => {
  let server: TestMysql;
  beforeAll(async () => {
    server = await startMysql();
  });
  afterAll(() => server?.stop());

  describeDelivery(
    'mysql',
    mysqlSuite(() => server),
  );
});
