// A statement that may write: what it gives is known before it runs, and it is committed when its rows have been taken.
import type { ClientBase, FieldDef, QueryConfig } from 'pg';
import type { QueryOptions } from '../../engine/contracts/connector.ts';
import type { Column, RowStream, Value } from '../../engine/contracts/data.ts';
import { changesSession, refuseTransaction, withoutEnd } from '../shared/sql.ts';
import type { Session, Sessions } from './connect.ts';
import { copyOut } from './copy.ts';
import { decodeCopy } from './decode.ts';
import { parameterText } from './encode.ts';
import type { Place } from './errors.ts';
import { bind, fieldColumns, parameterTypes, unused } from './source.ts';

/** A statement, ready to run. */
interface Prepared {
  columns: readonly Column[];
  values: readonly (string | null)[];
  /** As COPY takes it, where it does. What it cannot take, such as SHOW or EXPLAIN, is short and comes as it is. */
  copied?: string;
  /** The rows that it gives are those that it has changed. */
  changes: boolean;
}

export async function statementStream(
  sessions: Sessions,
  place: Place,
  statement: string,
  parameters: readonly Value[],
  o: QueryOptions,
): Promise<RowStream> {
  const text = withoutEnd(statement);
  const before = o.before ?? [];
  for (const each of [...before, text]) refuseTransaction(each, place.shown);
  // What runs before it may make the tables that it needs.
  const known: Prepared =
    before.length > 0
      ? { columns: [], values: [], changes: true }
      : await sessions.use(place, o, (session) => prepared(session, text, parameters));
  const { columns, values, copied, changes } = known;

  const batches = sessions.stream(place, o, async function* (session) {
    const { client } = session;
    await client.query('begin');
    let whole = false;
    try {
      for (const each of before) o.onChanged?.(await run(client, withoutEnd(each), []));
      if (copied !== undefined && o.before === undefined) {
        const counted = { rows: 0 };
        yield* decodeCopy(copyOut(session, copied, '', counted), columns);
        o.onChanged?.(changes ? counted.rows : 0);
      } else {
        const lines: string[] = [];
        const affected = await run(
          client,
          text,
          values,
          o.before === undefined ? (row) => lines.push(lineOf(row)) : undefined,
        );
        if (lines.length > 0) yield* decodeCopy(chunksOf(lines.join('')), columns);
        o.onChanged?.(changes ? affected : 0);
      }
      await client.query('set constraints all immediate');
      await o.beforeCommit?.();
      o.signal.throwIfAborted();
      await client.query('commit');
      whole = true;
    } finally {
      if (!whole || [...before, text].some(changesSession)) session.spoil();
    }
  });
  return { kind: 'rows', ...(o.before === undefined ? { columns } : {}), batches };
}

async function prepared(session: Session, text: string, parameters: readonly Value[]): Promise<Prepared> {
  const { client } = session;
  await client.query('begin');
  try {
    const columns = await fieldColumns(client, await fieldsOf(client, text));
    let types: string[];
    try {
      types = await parameterTypes(client, text);
    } catch (error) {
      // In SQL only what reads or changes rows can be prepared.
      if ((error as { code?: string }).code !== '42601') throw error;
      if (parameters.length > 0) throw unused(parameters.length);
      return { columns, values: [], changes: false };
    }
    if (types.length !== parameters.length) throw unused(parameters.length, types.length);
    const values = parameters.map((value, i) => (value === null ? null : parameterText(value, types[i]!)));
    if (columns.length === 0) return { columns, values, changes: true };
    const bound = await bind(client, text, parameters);
    const { rows } = await client.query<{ 'QUERY PLAN': [{ Plan: { 'Node Type': string } }] }>(
      `explain (format json) ${bound}`,
    );
    const changes = rows[0]!['QUERY PLAN'][0].Plan['Node Type'] === 'ModifyTable';
    return { columns, values, copied: `(${bound}\n)`, changes };
  } finally {
    await client.query('rollback').catch(session.spoil);
  }
}

/** The columns that a statement would give. The extended protocol takes one statement and no more. */
function fieldsOf(client: ClientBase, text: string): Promise<FieldDef[]> {
  return new Promise((resolve, reject) => {
    let fields: FieldDef[] = [];
    let failed: { error: unknown } | undefined;
    const described = {
      submit(connection: Record<'parse' | 'describe' | 'sync', (message?: object) => void>) {
        connection.parse({ text });
        connection.describe({ type: 'S' });
        connection.sync();
      },
      handleRowDescription(message: { fields: FieldDef[] }) {
        fields = message.fields;
      },
      handleError(error: unknown) {
        failed = { error };
        reject(error);
      },
      handleReadyForQuery() {
        if (failed === undefined) resolve(fields);
      },
    };
    client.query(described as never);
  });
}

/** How many rows it has changed or given. Rows come as the server's texts; nobody keeps those that nobody wants. */
async function run(
  client: ClientBase,
  text: string,
  values: readonly (string | null)[],
  onRow: (row: (string | null)[]) => void = () => {},
): Promise<number> {
  const { default: pg } = await import('pg');
  const config = {
    text,
    values: [...values],
    rowMode: 'array',
    queryMode: 'extended',
    types: { getTypeParser: () => (value: string) => value },
  };
  const query = client.query(new pg.Query(config as unknown as QueryConfig));
  query.on('row', (row) => onRow(row as (string | null)[]));
  return new Promise((resolve, reject) => {
    query.on('end', (result) => resolve(result.rowCount ?? 0));
    query.on('error', reject);
  });
}

/** As a line of COPY's text. */
function lineOf(row: readonly (string | null)[]): string {
  const escapes: Record<string, string> = { '\\': '\\\\', '\t': '\\t', '\n': '\\n', '\r': '\\r' };
  const cells = row.map((cell) => (cell === null ? '\\N' : cell.replace(/[\\\t\n\r]/g, (found) => escapes[found]!)));
  return `${cells.join('\t')}\n`;
}

async function* chunksOf(text: string): AsyncGenerator<Uint8Array> {
  yield Buffer.from(text);
}
