// A SQLite file in a folder of its own, a connection to it, and a way around the connection.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'libsql';
import { type Config, connector } from '../../connectors/sqlite/index.ts';
import { connectorContext } from '../conformance/files.ts';

export interface TestDatabase {
  path: string;
  connection: ReturnType<typeof connector.open>;
  /** Another connection to the same file. */
  connect(config?: Partial<Config>): ReturnType<typeof connector.open>;
  /** Runs SQL without the connector; gives the rows of a statement that has some. */
  sql(text: string): Promise<Record<string, unknown>[]>;
  close(): Promise<void>;
}

/** An empty database. `encoding` as in `pragma encoding`. */
export async function createDatabase({ wal = false, encoding = 'UTF-8' } = {}): Promise<TestDatabase> {
  const folder = mkdtempSync(join(tmpdir(), 'pipewright-sqlite-'));
  const path = join(folder, 'shop.db');
  const sql = async (text: string) => {
    const database = new Database(path, { timeout: 5000 });
    try {
      if (!/^\s*(select|pragma)/i.test(text)) {
        database.exec(text);
        return [];
      }
      const rows = database.prepare(text).all() as Record<string, unknown>[];
      return rows.map(({ _metadata: _, ...row }) => row);
    } finally {
      database.close();
    }
  };
  await sql(
    `-- A file that holds nothing is none yet.
    pragma encoding = '${encoding}'; pragma journal_mode = ${wal ? 'wal' : 'delete'}; create table made (a); drop table made`,
  );
  const connect = (config: Partial<Config> = {}) =>
    connector.open({ file: path, lock_timeout: '2s', ...config }, connectorContext('shop'));
  return {
    path,
    connection: connect(),
    connect,
    sql,
    async close() {
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
