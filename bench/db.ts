// A Postgres table read as rows, copied as bytes and copied as rows: seconds and rows a second of each.
import { connector } from '../connectors/postgres/index.ts';
import type { ConnectorContext, RowStream, WriteOptions } from '../engine/contracts.ts';
import { secret } from '../engine/secret.ts';
import { startPostgres } from '../test/servers/postgres.ts';
import { median } from './measure.ts';

const columns = `i as l_orderkey, i % 200000 as l_partkey, i % 10000 as l_suppkey, i % 7 as l_linenumber, (i % 50)::numeric as l_quantity,
  (i * 1.07)::numeric(12,2) as l_extendedprice, 0.05::numeric(4,2) as l_discount, 0.08::numeric(4,2) as l_tax, 'R'::char as l_returnflag,
  'O'::char as l_linestatus, date '1992-01-01' + i % 2500 as l_shipdate, date '1992-01-31' + i % 2500 as l_commitdate,
  date '1992-03-01' + i % 2500 as l_receiptdate, 'DELIVER IN PERSON' as l_shipinstruct, 'TRUCK' as l_shipmode,
  'furiously bold ideas sleep' as l_comment`;

/** Prints the medians of so many rounds over a table of so many rows, on a server of its own. */
export async function benchDatabase(rounds: number, rows = 300_000): Promise<void> {
  const server = await startPostgres();
  const { host, port, user, password } = server;
  const context: ConnectorContext = {
    name: 'bench',
    credential: async () => ({ password: secret(password) }),
    retry: (work) => work(1),
    log: { debug() {}, info() {}, warn() {} },
  };
  const connection = connector.open({ host, port, user, database: 'postgres', ssl: 'disable' }, context);
  const { signal } = new AbortController();
  const options: WriteOptions = { signal, mode: 'create', beforeCommit: async () => {} };
  const read = async () => (await connection.read('items', { signal })) as RowStream;
  const work: Record<string, () => Promise<unknown>> = {
    'read rows': async () => {
      for await (const _ of (await read()).batches);
    },
    'copy, bytes': async () => connection.write('target', await read(), options),
    'copy, rows': async () => {
      const { encoded: _, ...stream } = await read();
      return connection.write('target', stream, options);
    },
    'copy, by the server': () => server.sql('create table target as table items'),
  };
  try {
    await server.sql(`create unlogged table items as select ${columns} from generate_series(1, ${rows}) i`);
    const seconds: Record<string, number[]> = {};
    for (let round = 0; round < rounds; round++) {
      for (const [name, run] of Object.entries(work)) {
        await server.sql('drop table if exists target');
        const started = performance.now();
        await run();
        seconds[name] = [...(seconds[name] ?? []), (performance.now() - started) / 1000];
      }
    }
    for (const [name, all] of Object.entries(seconds)) {
      const middle = median(all);
      console.log(
        `  ${name.padEnd(20)} ${middle.toFixed(2).padStart(6)} s  ${Math.round(rows / middle / 1000)} k rows/s`,
      );
    }
  } finally {
    await connection.close();
    await server.stop();
  }
}
