// The lines of the database bench that need a MySQL server: a MariaDB of its own, filled with the same rows.
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { startMysql } from '../test/servers/mysql.ts';
import { type Contender, type DatabaseBench, lineitemColumns } from './database-contenders.ts';
import { benchPath } from './lineitem.ts';

export interface MysqlBench {
  /** A CSV file into a table. */
  load: { ours: Contender; theirs: Contender };
  /** A table into a Postgres table. */
  move: { ours: Contender; theirs: Contender };
  stop(): Promise<void>;
}

/** Undefined where there is no server to be had. */
export async function openMysqlBench(bench: DatabaseBench): Promise<MysqlBench | undefined> {
  if (spawnSync('mariadb', ['--version']).status !== 0 || spawnSync('mariadbd', ['--version']).status !== 0)
    return undefined;
  const server = await startMysql();
  const database = await server.createDatabase();
  const { host, port, user, password } = server;
  // The types have the same names in both, but for the number of the last column of the other bench.
  const columns = lineitemColumns.replaceAll('numeric', 'decimal');
  for (const table of ['items', 'target']) await server.sql(`create table ${table} (${columns})`, database);
  const client = `mariadb --no-defaults --local-infile=1 -h${host} -P${port} -u${user} ${database}`;
  const loadInto = (table: string) =>
    `MYSQL_PWD='${password}' exec ${client} -e "load data local infile '${bench.csv}' into table ${table} fields terminated by ',' optionally enclosed by '\\"' ignore 1 lines"`;
  const filled = spawnSync('sh', ['-c', loadInto('items')], { encoding: 'utf8' });
  if (filled.status !== 0) throw new Error(filled.stderr);
  const env = {
    MYSQL_HOST: host,
    MYSQL_PORT: String(port),
    MYSQL_USER: user,
    MYSQL_PASSWORD: password,
    MYSQL_DATABASE: database,
  };
  const emptied =
    (run: Contender): Contender =>
    async () => {
      await server.sql('truncate table target', database);
      return run();
    };
  const url = `mysql://${user}:${encodeURIComponent(password)}@${host}:${port}/${database}`;
  const script = benchPath('pgloader-mysql.load');
  writeFileSync(
    script,
    `load database from ${url} into ${bench.url}
      with include drop, create tables, no foreign keys, create no indexes
      including only table names matching 'items'
      alter schema '${database}' rename to 'loaded'
      set client_min_messages to 'warning';\n`,
  );
  await bench.sql('create schema if not exists loaded');
  const pipe = (input: string, output: string) => bench.pipe('db-mysql.yaml', { input, output }, [], env);
  return {
    load: {
      ours: emptied(pipe(`file://${bench.csv}`, '/mysql/target')),
      theirs: emptied(bench.shell(loadInto('target'))),
    },
    move: {
      ours: pipe('/mysql/items', '/bench/public/target'),
      theirs: bench.shell(`pgloader --quiet --on-error-stop '${script}'`),
    },
    stop: () => server.stop(),
  };
}
