// The examples with a MySQL run as their READMEs say, on servers of the test.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { pipeCommand } from '../cli/pipe.ts';
import { haveMysql, startMysql, type TestMysql } from '../servers/mysql.ts';
import { startPostgres, type TestPostgres } from '../servers/postgres.ts';

const root = join(import.meta.dirname, '../..');

describe.runIf(haveMysql())('with a MySQL', () => {
  let shop: TestMysql;
  let warehouse: TestPostgres;
  beforeAll(async () => {
    [shop, warehouse] = await Promise.all([startMysql(), startPostgres()]);
  });
  afterAll(() => Promise.all([shop?.stop(), warehouse?.stop()]));

  const run = (env: Record<string, string> = {}) =>
    pipeCommand(['run', 'examples/mysql-to-postgres/pipe.yaml'], {
      cwd: root,
      env: {
        MYSQL_HOST: shop.host,
        MYSQL_PORT: String(shop.port),
        MYSQL_USER: shop.user,
        MYSQL_PASSWORD: shop.password,
        PGHOST: warehouse.host,
        PGPORT: String(warehouse.port),
        PGUSER: warehouse.user,
        PGPASSWORD: warehouse.password,
        ...env,
      },
    });

  test('mysql-to-postgres, twice', async () => {
    const example = join(root, 'examples/mysql-to-postgres');
    await shop.sql(readFileSync(join(example, 'input/shop.sql'), 'utf8'));
    for (let i = 0; i < 2; i++) {
      const { code, stderr } = await run();
      expect({ code, stderr }).toEqual({ code: 0, stderr: expect.stringContaining('3 rows') });
    }
    const cell = (name: string) =>
      `case when ${name}::text ~ '[",]' then '"' || replace(${name}::text, '"', '""') || '"' else coalesce(${name}::text, '') end`;
    const names = 'id,ordered_at,customer,status,total,gift,delivery,details,source'.split(',');
    const rows = await warehouse.sql(
      `select concat_ws(',', ${names.map((name) => (name === 'gift' ? 'left(gift::text, 1)' : cell(name))).join(', ')}) as line
         from (select * from shop_orders order by id) as orders`,
    );
    const lines = [names.join(','), ...rows.map(({ line }) => line), ''];
    expect(lines.join('\n')).toBe(readFileSync(join(example, 'expected/shop_orders.csv'), 'utf8'));
  });

  test('a wrong password ends with 3 and is nowhere', async () => {
    const { code, stdout, stderr } = await run({ MYSQL_PASSWORD: 'wrong-password-4711' });
    expect({ code, stderr }).toEqual({ code: 3, stderr: expect.stringContaining('CREDENTIAL_REFUSED') });
    expect(stdout + stderr).not.toContain('wrong-password-4711');
  });
});
