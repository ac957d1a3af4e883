// What the database bench runs: our pipes, and the tools they are compared with, over tables of one server.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { startPostgres } from '../test/servers/postgres.ts';
import { benchPath, lineitemRows } from './lineitem.ts';
import { cpuOf, type Measured, measure } from './measure.ts';

const root = join(import.meta.dirname, '..');
const command = join(root, 'dist/cli/main.js');

/** The columns of every table of the bench. */
export const lineitemColumns = `l_orderkey integer, l_partkey integer, l_suppkey integer, l_linenumber integer, l_quantity numeric(15,2),
  l_extendedprice numeric(15,2), l_discount numeric(15,2), l_tax numeric(15,2), l_returnflag char(1), l_linestatus char(1),
  l_shipdate date, l_commitdate date, l_receiptdate date, l_shipinstruct varchar(25), l_shipmode varchar(10),
  l_comment varchar(44)`;

/** With what the server's processes used of the processor meanwhile. */
export interface DatabaseMeasured extends Measured {
  serverSeconds: number;
}

export type Contender = () => Promise<DatabaseMeasured>;

export interface DatabaseBench {
  /** The CSV file with the rows that the table `items` has too. */
  csv: string;
  url: string;
  /** A pipe of this folder. Before it, and not measured, the table `target` is made anew. */
  pipe(name: string, params: Record<string, string>, node?: readonly string[], env?: Record<string, string>): Contender;
  /** A line of shell, where `$URL` is the database; after the same preparation. */
  shell(line: string): Contender;
  /** SQL beside the bench. */
  sql(text: string): Promise<Record<string, unknown>[]>;
  stop(): Promise<void>;
}

export async function openDatabaseBench(rows: number): Promise<DatabaseBench> {
  const csv = lineitemRows(rows);
  const server = await startPostgres();
  const { host, port, user, password } = server;
  const database = 'postgres';
  const env = {
    ...process.env,
    PGHOST: host,
    PGPORT: String(port),
    PGUSER: user,
    PGPASSWORD: password,
    PGDATABASE: database,
    PGSSLMODE: 'disable',
    URL: `postgresql://${user}:${password}@${host}:${port}/${database}`,
  };
  const [started] = await server.sql(`select split_part(pg_read_file('postmaster.pid'), chr(10), 1)::int as pid`);

  const prepared =
    (run: () => Promise<Measured>): Contender =>
    async () => {
      await server.sql(`drop table if exists target, target_net`);
      await server.sql(
        `create unlogged table target (${lineitemColumns}); create unlogged table target_net (${lineitemColumns}, net float8)`,
      );
      await server.sql('checkpoint');
      const before = cpuOf(started!.pid as number).children;
      const measured = await run();
      // A session's processes are counted once the server has seen them end, which a new one makes sure of.
      await server.sql('select pg_sleep(0.05)');
      return { ...measured, serverSeconds: cpuOf(started!.pid as number).children - before };
    };

  await server.sql(`create unlogged table items (${lineitemColumns})`);
  await measure('psql', ['-q', '-c', `\\copy items from '${csv}' csv header`], env);
  await server.sql('vacuum analyze items');
  return {
    csv,
    url: env.URL,
    sql: (text) => server.sql(text),
    pipe: (name, params, node = [], more = {}) =>
      prepared(() => {
        const given = Object.entries(params).flatMap(([param, value]) => ['-p', `${param}=${value}`]);
        return measure(process.execPath, [...node, command, 'run', join(root, 'bench/pipes', name), '-q', ...given], {
          ...env,
          ...more,
        });
      }),
    shell: (line) => prepared(() => measure('sh', ['-c', line], env)),
    stop: () => server.stop(),
  };
}

/** Where pgloader reads what it is to do. A header is passed over; the columns are those of the table. */
export function pgloaderFile(csv: string, url: string): string {
  const path = benchPath('pgloader.load');
  writeFileSync(
    path,
    `load csv from '${csv}' into ${url}
      target table target
      with skip header = 1, fields optionally enclosed by '"', fields terminated by ','
      set client_min_messages to 'warning';\n`,
  );
  return path;
}

export interface Part {
  what: string;
  seconds: number;
}

/** What our process did with its time, by a profile that Node has written into the folder. */
export function partsOfProfile(folder: string, file: string): Part[] {
  mkdirSync(folder, { recursive: true });
  interface Node {
    id: number;
    callFrame: { functionName: string; url: string };
  }
  const { nodes, samples, timeDeltas } = JSON.parse(readFileSync(join(folder, file), 'utf8')) as {
    nodes: Node[];
    samples: number[];
    timeDeltas: number[];
  };
  const byId = new Map(nodes.map((node) => [node.id, node.callFrame]));
  const sums = new Map<string, number>();
  for (const [i, id] of samples.entries()) {
    const what = partOf(byId.get(id)!);
    sums.set(what, (sums.get(what) ?? 0) + timeDeltas[i]! / 1e6);
  }
  return [...sums].map(([what, seconds]) => ({ what, seconds })).sort((a, b) => b.seconds - a.seconds);
}

function partOf({ functionName, url }: { functionName: string; url: string }): string {
  if (functionName === '(idle)') return 'waiting for the server';
  if (functionName === '(garbage collector)') return 'garbage';
  // Functions that are made at run time have a name and no file.
  if (functionName === 'lines' || /postgres\/(decode|values)|shared\/json-value/.test(url)) return 'decode';
  if (functionName === 'encode' || functionName === 'compose' || /encode|tab-text|formats\/csv/.test(url))
    return 'encode';
  if (
    functionName === 'pass' ||
    /engine\/(rows|expressions|counting)|expressions\/|pipes\/tasks|tasks\/|csv-guard/.test(url)
  )
    return 'tasks';
  if (/pg-copy-streams|pg-protocol|node_modules\/pg|postgres\/(copy|write|wire)/.test(url)) return 'driver';
  if (functionName === '(program)' || /^node:/.test(url) || functionName === 'writev') return 'sockets and files';
  return 'other';
}
