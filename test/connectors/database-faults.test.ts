// Databases behind a network that breaks: what is safe is tried again, the rest is an error, and nothing waits for ever.
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { connector } from '../../connectors/postgres/index.ts';
import type { AnyConnection } from '../../engine/contracts/connector.ts';
import type { Column, Row } from '../../engine/contracts/data.ts';
import { Failure } from '../../engine/errors.ts';
import { credentialOf } from '../../engine/secret.ts';
import { readRows, streamOfRows } from '../conformance/database.ts';
import { connectorContext, writeOptions } from '../conformance/files.ts';
import { type Fault, startFaultProxy } from '../servers/fault-proxy.ts';
import { haveMysql, startMysql } from '../servers/mysql.ts';
import { startPostgres } from '../servers/postgres.ts';

const never = new AbortController().signal;
const columns: Column[] = [
  { name: 'id', type: 'integer' },
  { name: 'name', type: 'text' },
];
const many = 20_000;
const text = 'x'.repeat(200);

interface Server {
  port: number;
  user: string;
  password: string;
  run(sql: string): Promise<Record<string, unknown>[]>;
  stop(): Promise<void>;
}

const systems: Record<
  string,
  { start(): Promise<Server>; open(config: object, password: string): Promise<AnyConnection> }
> = {
  postgres: {
    async start() {
      const server = await startPostgres();
      await server.sql(`create table items as select i as id, '${text}' as name from generate_series(1, ${many}) i`);
      await server.sql('create table target (id int, name text)');
      return { ...server, run: (sql) => server.sql(sql) };
    },
    open: async (config, password) =>
      connector.open(
        { host: '127.0.0.1', database: 'postgres', ssl: 'disable', ...config },
        connectorContext('shop', { credential: credentialOf({ password }) }),
      ) as AnyConnection,
  },
  ...(haveMysql()
    ? {
        mysql: {
          async start() {
            const server = await startMysql();
            await server.sql('create database if not exists shop');
            const run = (sql: string) => server.sql(sql, 'shop');
            await run(`create table items as select seq as id, '${text}' as name from seq_1_to_${many}`);
            await run('create table target (id int, name text)');
            return { ...server, run };
          },
          open: async (config, password) =>
            (await import('../../connectors/mysql/index.ts')).connector.open(
              { host: '127.0.0.1', database: 'shop', ssl: 'disable', ...config },
              connectorContext('shop', { credential: credentialOf({ password }) }),
            ) as AnyConnection,
        },
      }
    : {}),
};

describe.each(Object.entries(systems))('%s', (_, system) => {
  let server: Server;
  beforeAll(async () => {
    server = await system.start();
  });
  afterAll(() => server.stop());

  async function behind(fault: Fault | undefined, config: object = {}) {
    const proxy = await startFaultProxy(server.port);
    proxy.fault = fault;
    const { user, password } = server;
    const connection = await system.open({ port: proxy.port, user, connect_timeout: '1s', ...config }, password);
    onTestFinished(async () => {
      // First the proxy: what goes through it may be silent.
      await proxy.close();
      await connection.close();
      await server.run('delete from target');
    });
    return { proxy, connection };
  }

  const written = async () => Number((await server.run('select count(*) as n from target'))[0]!.n);
  const rows: Row[] = Array.from({ length: 5000 }, (_, i) => ({ id: i, name: text }));
  const batches = [0, 1, 2, 3, 4].map((i) => rows.slice(i * 1000, i * 1000 + 1000));
  const write = (connection: AnyConnection, signal = never) =>
    connection.write!('target', streamOfRows(columns, ...batches), writeOptions({ signal }));
  const failed = (work: Promise<unknown>) =>
    work.then(
      () => undefined,
      (error: unknown) => error,
    );

  test.each(['cut', 'reset'] as const)('%s at the connect, twice: the third attempt does it', async (kind) => {
    const { proxy, connection } = await behind({ kind, times: 2 });
    expect(await readRows(connection, 'items')).toHaveLength(many);
    expect(proxy.connections).toBeGreaterThanOrEqual(3);
  });

  test.each(['cut', 'reset', 'silent'] as const)('%s at every connect: an error within the timeouts', async (kind) => {
    const { connection } = await behind({ kind }, { connect_timeout: kind === 'silent' ? '100ms' : '1s' });
    const started = Date.now();
    const error = await failed(readRows(connection, 'items'));
    expect(error).toBeInstanceOf(Failure);
    expect((error as Failure).code).toBe(kind === 'silent' ? 'TIMED_OUT' : 'CONNECTION_LOST');
    expect(Date.now() - started).toBeLessThan(10_000);
  });

  test.each(['cut', 'reset'] as const)('%s in the middle of reading: an error, never fewer rows', async (kind) => {
    const { connection } = await behind({ kind, afterReceived: 1_000_000 });
    expect(await failed(readRows(connection, 'items'))).toMatchObject({ code: 'CONNECTION_LOST', retry: true });
  });

  test.each(['cut', 'reset'] as const)('%s in the middle of writing: an error, and nothing is there', async (kind) => {
    const { connection } = await behind({ kind, afterSent: 300_000 });
    expect(await failed(write(connection))).toMatchObject({ code: 'CONNECTION_LOST' });
    expect(await written()).toBe(0);
  });

  test('a stall of twice the connect timeout, in reading and in writing, is waited out', async () => {
    const timeout = { connect_timeout: '600ms' };
    const reading = await behind({ kind: 'stall', stallMs: 1200, afterReceived: 500_000 }, timeout);
    const writing = await behind({ kind: 'stall', stallMs: 1200, afterSent: 300_000 }, timeout);
    const [read] = await Promise.all([readRows(reading.connection, 'items'), write(writing.connection)]);
    expect(read).toHaveLength(many);
    expect(await written()).toBe(5000);
  });

  test('a byte at a time', async () => {
    const { connection } = await behind({ kind: 'slow' }, { connect_timeout: '20s' });
    expect(await connection.verify({ signal: never })).toEqual({ ok: true });
    const stream = await connection.query!(`select id, name from items where id <= 20`, [], {
      signal: never,
      readOnly: true,
    });
    let count = 0;
    for await (const { rows: batch } of stream.batches) count += batch.length;
    expect(count).toBe(20);
  });

  test.each([
    ['reading', { afterReceived: 1_000_000 }],
    ['writing', { afterSent: 300_000 }],
  ])('silence in the middle of %s ends with the abort, though the server cannot be asked', async (what, when) => {
    const { connection } = await behind({ kind: 'silent', ...when });
    const stop = new AbortController();
    const work =
      what === 'reading' ? readRows(connection, 'items', { signal: stop.signal }) : write(connection, stop.signal);
    const started = Date.now();
    setTimeout(() => stop.abort(new Error('enough')), 250);
    expect(await failed(work)).toMatchObject({ message: 'enough' });
    expect(Date.now() - started).toBeLessThan(10_000);
    await server.run(`select 1`);
    expect(await written()).toBe(0);
  });
});
