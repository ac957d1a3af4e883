// Any table through every pair of databases and CSV: equal or refused, never changed. PIPE_ROUNDTRIP_RUNS makes it long.
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { connector as mysql } from '../../connectors/mysql/index.ts';
import { connector as postgres } from '../../connectors/postgres/index.ts';
import type { AnyConnection } from '../../engine/contracts/connector.ts';
import type { Column, Row, RowStream } from '../../engine/contracts/data.ts';
import { Failure } from '../../engine/errors.ts';
import { secret } from '../../engine/secret.ts';
import { csv } from '../../pipes/formats/csv.ts';
import { streamOfRows } from '../conformance/database.ts';
import { connectorContext, never, writeOptions } from '../conformance/files.ts';
import { mustTake, type PlaceName, type RandomTable, randomTable, spelled } from '../conformance/roundtrip.ts';
import { collect, contextFor, rowsOf } from '../conformance/streams.ts';
import { haveMysql, startMysql, type TestMysql } from '../servers/mysql.ts';
import { startPostgres, type TestPostgres } from '../servers/postgres.ts';
import { createDatabase, type TestDatabase } from '../servers/sqlite.ts';

const runs = Number(process.env.PIPE_ROUNDTRIP_RUNS ?? 4);

interface Place {
  /** Writes the rows into something new, and gives the way to read it; undefined where they are not taken at all. */
  put(stream: RowStream, columns: readonly Column[]): Promise<() => Promise<RowStream>>;
  stop(): Promise<void>;
}

const places = new Map<PlaceName, Place>();
let postgresServer: TestPostgres;
let mysqlServer: TestMysql | undefined;
let sqliteFile: TestDatabase;
let tables = 0;

function tablesOf(connection: AnyConnection, stop: () => Promise<void>): Place {
  return {
    async put(stream) {
      const table = `t${++tables}`;
      await connection.write!(table, stream, writeOptions({ mode: 'create' }));
      return async () => (await connection.read!(table, { signal: never })) as RowStream;
    },
    stop,
  };
}

beforeAll(async () => {
  postgresServer = await startPostgres();
  const { host, port, user } = postgresServer;
  const context = (password: string) => connectorContext('shop', { credential: { password: secret(password) } });
  const database = await postgresServer.createDatabase();
  const toPostgres = postgres.open({ host, port, user, database, ssl: 'disable' }, context(postgresServer.password));
  places.set(
    'postgres',
    tablesOf(toPostgres, () => toPostgres.close()),
  );
  sqliteFile = await createDatabase({ wal: true });
  places.set(
    'sqlite',
    tablesOf(sqliteFile.connection, () => sqliteFile.close()),
  );
  places.set('csv', {
    async put(stream, columns) {
      const chunks = await collect(csv.encode(stream, { name: 'csv' } as never, contextFor('t.csv')));
      const types = Object.fromEntries(columns.map(({ name, type }) => [name, type]));
      async function* bytes() {
        yield* chunks;
      }
      return () => csv.decode(bytes(), { name: 'csv', columns: types } as never, contextFor('t.csv'));
    },
    async stop() {},
  });
  if (haveMysql()) {
    mysqlServer = await startMysql();
    const name = await mysqlServer.createDatabase();
    const { host: at, port: on, user: as, password } = mysqlServer;
    const toMysql = mysql.open({ host: at, port: on, user: as, database: name, ssl: 'disable' }, context(password));
    places.set(
      'mysql',
      tablesOf(toMysql, () => toMysql.close()),
    );
  }
});
afterAll(async () => {
  for (const place of places.values()) await place.stop();
  await postgresServer.stop();
  await mysqlServer?.stop();
});

const clear = ['VALUE_LOSSY', 'VALUE_INVALID', 'ROW_REFUSED', 'OPTION_UNSUPPORTED', 'INPUT_MALFORMED'];

/** What it is refused with; anything but a clear refusal is thrown. */
async function refusal<T>(work: () => Promise<T>): Promise<{ done: T } | { refused: Failure }> {
  try {
    return { done: await work() };
  } catch (error) {
    if (error instanceof Failure && clear.includes(error.code)) return { refused: error };
    throw error;
  }
}

const shown = ({ columns }: RandomTable, rows: readonly Row[], names?: readonly string[]) =>
  rows.map((row) => columns.map(({ name, type }, i) => spelled(type, row[names?.[i] ?? name] ?? null)));

/** One place after the other; ends early where a place refuses what it may refuse. Gives how far it came. */
async function goThrough(table: RandomTable, way: readonly PlaceName[]): Promise<number> {
  const expected = shown(table, table.rows);
  const mayRefuse = way.some((name) =>
    table.rows.some((row) => table.columns.some((column) => !mustTake(name, column.type, row[column.name]!))),
  );
  let stream: RowStream = streamOfRows(table.columns, structuredClone(table.rows));
  for (const [i, name] of way.entries()) {
    const took = await refusal(async () => {
      const open = await places.get(name)!.put(stream, table.columns);
      return { open, rows: await rowsOf(await open()) };
    });
    if ('refused' in took) {
      if (!mayRefuse) throw took.refused;
      return i;
    }
    expect(shown(table, took.done.rows)).toEqual(expected);
    stream = await took.done.open();
  }
  return way.length;
}

const all: PlaceName[] = ['postgres', 'mysql', 'sqlite', 'csv'];

describe.each(all)('from %s', (from) => {
  test.each(all)('into %s, what both can hold', async (into) => {
    if (!places.has(from) || !places.has(into)) return;
    const property = fc.asyncProperty(randomTable(0), async (table) => {
      await goThrough(table, [from, into]);
    });
    await fc.assert(property, { numRuns: runs });
  });

  test.each(all)('into %s, with what one of them may not hold', async (into) => {
    if (!places.has(from) || !places.has(into)) return;
    const property = fc.asyncProperty(randomTable(6), async (table) => {
      await goThrough(table, [from, into]);
    });
    await fc.assert(property, { numRuns: runs });
  });
});

test('through any three of them', async () => {
  const here = fc.constantFrom(...all.filter((name) => places.has(name)));
  const property = fc.asyncProperty(fc.tuple(here, here, here), randomTable(2), async (way, table) => {
    await goThrough(table, way);
  });
  await fc.assert(property, { numRuns: 3 * runs });
});
