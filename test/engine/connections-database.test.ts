// Looking inside a database: what is there, its columns and rows, SQL that only reads; all with a saved connection.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startPostgres, type TestPostgres } from '../servers/postgres.ts';
import { type OwnEngine, ownEngine } from './own-engine.ts';

let server: TestPostgres;
let database: string;
let own: OwnEngine;

beforeAll(async () => {
  server = await startPostgres();
  database = await server.createDatabase();
  await server.sql(
    `create table orders (id int primary key, total numeric(10,2) not null, note text, at timestamptz);
     insert into orders select n, n * 1.5, case when n % 2 = 0 then 'even' end, '2026-01-01T00:00:00Z' from generate_series(1, 50) n`,
    [],
    database,
  );
  own = ownEngine();
  const { host, port, user, password } = server;
  const fields = { host, port, user, database, ssl: 'disable' };
  await own.engine.connections.add({ connector: 'postgres', alias: 'shop', fields, secrets: { password } });
});
afterAll(async () => {
  await own.close();
  await server.stop();
});

it('is verified with its password, and fails with another', async () => {
  expect(await own.engine.connections.verify('shop')).toMatchObject({ status: 'ok' });
  const { host, port, user } = server;
  const fields = { host, port, user, database, ssl: 'disable' };
  await own.engine.connections.add({
    connector: 'postgres',
    alias: 'wrong',
    fields,
    secrets: { password: 'not-it-at-all' },
  });
  const tried = await own.engine.connections.verify('wrong');
  expect(tried).toMatchObject({ status: 'failing', code: 'CREDENTIAL_REFUSED' });
  expect(JSON.stringify(tried)).not.toContain('not-it-at-all');
});

it('lists schemas and tables', async () => {
  const { entries } = await own.engine.connections.ls('/shop/public');
  expect(entries).toContainEqual(
    expect.objectContaining({ kind: 'table', name: 'orders', path: '/shop/public/orders' }),
  );
});

it('describes columns, types and keys', async () => {
  const { kind, columns } = await own.engine.connections.describe('/shop/public/orders');
  expect(kind).toBe('table');
  expect(columns).toMatchObject([
    { name: 'id', type: 'integer', key: true, nullable: false },
    { name: 'total', type: 'decimal', precision: 10, scale: 2, nullable: false },
    { name: 'note', type: 'text', nullable: true },
    { name: 'at', type: 'timestamptz' },
  ]);
});

it('samples rows', async () => {
  const { rows, truncated } = await own.engine.connections.sample('/shop/public/orders', { limit: 3 });
  expect(rows).toHaveLength(3);
  expect(rows[0]).toMatchObject({ id: 1, total: '1.50', note: null });
  expect(truncated).toBe(true);
});

describe('a query', () => {
  it('gives rows, and says when there are more', async () => {
    const sql = 'select id, total from orders where total > $1 order by id';
    const found = await own.engine.connections.query('shop', sql, { parameters: ['60'], limit: 5 });
    expect(found.rows[0]).toEqual({ id: 41, total: '61.50' });
    expect(found).toMatchObject({ truncated: true, columns: [{ name: 'id' }, { name: 'total', type: 'decimal' }] });
    expect(await own.engine.connections.query('shop', sql, { parameters: ['74'] })).toMatchObject({ truncated: false });
  });

  it('can only read', async () => {
    for (const sql of [
      'delete from orders',
      "insert into orders values (99, 1, '', null)",
      'drop table orders',
      'create table x (a int)',
    ]) {
      await expect(own.engine.connections.query('shop', sql)).rejects.toThrow();
    }
    expect(await server.sql('select count(*)::int as n from orders', [], database)).toEqual([{ n: 50 }]);
  });

  it('that is wrong is told in the words of the server', async () => {
    await expect(own.engine.connections.query('shop', 'select nothing from orders')).rejects.toThrow(/nothing/);
  });
});

it('writes a table out as CSV, and copies it both ways', async () => {
  const chunks: Uint8Array[] = [];
  await own.engine.connections.cat('/shop/public/orders', async (chunk) => void chunks.push(chunk));
  expect(Buffer.concat(chunks).toString().split('\n').slice(0, 2)).toEqual([
    'id,total,note,at',
    expect.stringMatching(/^1,1\.50,,2026-01-01/),
  ]);
  await own.engine.connections.cp('/shop/public/orders', 'orders.csv');
  expect(own.text('orders.csv')!.trim().split('\n')).toHaveLength(51);
  await own.engine.connections.cp('orders.csv', '/shop/public/copied');
  expect(await server.sql('select count(*)::int as n from copied', [], database)).toEqual([{ n: 50 }]);
});

it('gives types for the rows that a pipe reads', async () => {
  own.put('pipe.yaml', 'tasks:\n  - { op: read, path: /shop/public/orders }\n  - { op: write, path: out.csv }\n');
  const { text, failures } = await own.engine.types();
  expect(failures).toEqual([]);
  expect(text).toContain(
    '"/shop/public/orders": {\n      id: number;\n      total: string;\n      note: string | null;\n      at: string | null;\n    };',
  );
});
