// The examples with a Postgres run as their READMEs say, on a server of the test.
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { pipeCommand } from '../cli/pipe.ts';
import { startPostgres, type TestPostgres } from '../servers/postgres.ts';

let server: TestPostgres;
beforeAll(async () => {
  server = await startPostgres();
});
afterAll(() => server.stop());

const run = (name: string, env: Record<string, string> = {}) =>
  pipeCommand(['run', `examples/${name}/pipe.yaml`], {
    cwd: join(import.meta.dirname, '../..'),
    env: { PGHOST: server.host, PGPORT: String(server.port), PGUSER: server.user, PGPASSWORD: server.password, ...env },
  });

test('csv-to-postgres, twice, and postgres-to-postgres', async () => {
  for (let i = 0; i < 2; i++) {
    const { code, stderr } = await run('csv-to-postgres');
    expect({ code, stderr }).toEqual({ code: 0, stderr: expect.stringContaining('4,000 rows') });
  }
  const [filled] =
    await server.sql(`select count(*)::int as rows, sum(quantity)::int as pieces, sum(unit_price)::text as price,
    count(distinct order_id)::int as keys, pg_typeof(max(ordered_at))::text as type from orders`);
  expect(filled).toMatchObject({ rows: 4000, keys: 4000, type: 'timestamp with time zone' });

  await server.sql('create database warehouse');
  for (let i = 0; i < 2; i++) {
    const { code, stderr } = await run('postgres-to-postgres');
    expect({ code, stderr }).toEqual({ code: 0, stderr: expect.stringContaining('done') });
  }
  const sum = `select count(*)::int as rows, sum(quantity)::int as pieces, sum(unit_price)::text as price from orders`;
  const [source] = await server.sql(`${sum} where status <> 'cancelled'`);
  expect(await server.sql(sum, [], 'warehouse')).toEqual([source]);
});

test('a wrong password ends with 3 and is nowhere', async () => {
  const { code, stdout, stderr } = await run('csv-to-postgres', { PGPASSWORD: 'wrong-password-4711' });
  expect({ code, stderr }).toEqual({ code: 3, stderr: expect.stringContaining('CREDENTIAL_REFUSED') });
  expect(stdout + stderr).not.toContain('wrong-password-4711');
});
