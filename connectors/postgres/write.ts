// Writing: COPY FROM STDIN into the table or into a staging table, all of it in one transaction.
import type { EncodedRows, Encoding, RowStream, WriteOptions, WriteReport } from '../../engine/contracts.ts';
import { failure } from '../../engine/errors.ts';
import { quoteName, quoteText } from '../shared/sql.ts';
import { knownColumns } from '../shared/sql-columns.ts';
import { findTable, quoted, type Table, type TablePath } from './catalog.ts';
import { inTransaction, type Session, type Sessions } from './connect.ts';
import { typesOf } from './copy.ts';
import { compileEncoder, type Pair } from './encode.ts';
import type { Place } from './errors.ts';
import { prepareTarget, type WriteTarget } from './target.ts';
import { isBuiltIn } from './types.ts';

const staging = 'pipewright_staging';
const position = 'pipewright_position';
const chunkBytes = 64 * 1024;

export async function writeTable(
  sessions: Sessions,
  place: Place,
  path: TablePath,
  stream: RowStream,
  o: WriteOptions,
): Promise<WriteReport> {
  if (o.commit === 'batch') throw failure('OPERATION_PENDING', { what: '`commit: batch`' });
  if (o.onReject !== undefined) throw failure('OPERATION_PENDING', { what: '`on_reject` for a table' });
  if (o.mode === 'upsert' && !o.key?.length) throw failure('KEY_MISSING', { path: place.shown });
  // What a line of the COPY is, is known only once the way is chosen.
  const at: Place = { ...place, table: path.name };

  return sessions.use(at, o, async (session) => {
    const known = await knownColumns(stream);
    try {
      return await inTransaction(session, '', async () => {
        const rows =
          known.columns.length === 0 ? await none(session, path, o) : await load(session, at, path, known, o);
        return { rows, paths: [place.shown] };
      });
    } finally {
      await known.close();
    }
  });
}

/** A stream without rows and without columns: of the modes only `replace` changes anything. */
async function none({ client }: Session, path: TablePath, o: WriteOptions): Promise<number> {
  await o.beforeCommit();
  const table = o.mode === 'replace' ? await findTable(client, path) : undefined;
  if (table !== undefined) await clear(client, table);
  return 0;
}

async function load(
  session: Session,
  at: Place,
  path: TablePath,
  known: Awaited<ReturnType<typeof knownColumns>>,
  o: WriteOptions,
): Promise<number> {
  const { client } = session;
  const target = await prepareTarget(session, path, known.columns, o, at.shown);
  const staged = (o.mode === 'replace' && !target.made) || o.mode === 'upsert';
  if (staged) await makeStaging(session, target, o);
  const list = target.pairs.map(({ to }) => quoteName(to.name)).join(', ');
  const into = `${staged ? staging : quoted(path)} (${list})`;

  const encoded = known.stream.encoded?.(accepted(target.pairs, session.version));
  at.lines = encoded?.encoding.name === 'csv' ? 'line' : 'record';
  const rows =
    encoded === undefined
      ? await copyIn(session, `copy ${into} from stdin`, encodedRows(known, target.pairs, o, at.shown))
      : await copyIn(session, `copy ${into} from stdin ${copyOptions(encoded)}`, counted(encoded.chunks, o));
  o.onProgress?.({ rows });
  await o.beforeCommit();
  if (o.mode === 'upsert') await mergeStaging(client, target, o.key!, list);
  else if (staged) await swapStaging(client, target, list);
  return rows;
}

/** The encodings that the server reads as they are. */
function accepted(pairs: readonly Pair[], version: number): Encoding[] {
  const accepts: Encoding[] = [];
  if (pairs.every(({ from, to }) => from.native !== undefined && from.native === to.native)) {
    const types = typesOf(pairs.map(({ to }) => to));
    if (pairs.every(({ to }) => isBuiltIn(to.native))) accepts.push({ name: 'pgcopy-binary', options: { types } });
    else accepts.push({ name: 'pgcopy-text', options: { types } });
  }
  // Before 18 a line of `\.` ended the data, and the rest was dropped without a word.
  if (version >= 180_000) {
    for (const delimiter of [',', ';', '\t', '|']) accepts.push({ name: 'csv', options: { delimiter } });
  }
  return accepts;
}

function copyOptions({ encoding: { name, options = {} } }: EncodedRows): string {
  if (name === 'pgcopy-text') return '';
  if (name === 'pgcopy-binary') return '(format binary)';
  const defaults = { delimiter: ',', quote: '"', escape: '"', null: '' };
  const dialect = Object.keys(defaults).map((option) => [
    option,
    options[option] ?? defaults[option as keyof typeof defaults],
  ]);
  return `(format csv, ${dialect.map(([option, value]) => `${option} ${quoteText(String(value))}`).join(', ')})`;
}

async function* counted(chunks: AsyncIterable<Uint8Array>, o: WriteOptions): AsyncGenerator<Uint8Array> {
  let bytes = 0;
  for await (const chunk of chunks) {
    bytes += chunk.length;
    o.onProgress?.({ bytes });
    yield chunk;
  }
}

async function* encodedRows(
  { stream, inferred }: { stream: RowStream; inferred: boolean },
  pairs: readonly Pair[],
  o: WriteOptions,
  where: string,
): AsyncGenerator<Uint8Array> {
  const encode = compileEncoder(pairs, { strict: inferred, where });
  let rows = 0;
  let bytes = 0;
  for await (const batch of stream.batches) {
    const chunk = encode(batch.rows, rows);
    rows += batch.rows.length;
    bytes += chunk.length;
    for (let i = 0; i < chunk.length; i += chunkBytes) yield chunk.subarray(i, i + chunkBytes);
    o.onProgress?.({ rows, bytes });
  }
}

/** How many rows the server took. When it fails, the session is ready for a rollback, or gone. */
async function copyIn({ client }: Session, statement: string, chunks: AsyncIterable<Uint8Array>): Promise<number> {
  const { from } = (await import('pg-copy-streams')).default;
  const copy = client.query(from(statement));
  let refused: { error: Error } | undefined;
  let wake = () => {};
  copy.on('drain', () => wake());
  copy.on('finish', () => wake());
  copy.on('error', (error) => {
    refused ??= { error };
    wake();
  });
  const woken = async () => {
    if (refused === undefined) {
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
    if (refused !== undefined) throw refused.error;
  };
  try {
    for await (const chunk of chunks) {
      if (refused !== undefined) throw refused.error;
      if (!copy.write(chunk)) await woken();
    }
  } catch (error) {
    // Tells the server to forget the rows. One that has refused them knows.
    if (refused === undefined) copy.destroy(error as Error);
    throw error;
  }
  copy.end();
  await woken();
  return copy.rowCount;
}

/** A table of this session alone, gone with the transaction, with the columns that come and what they must hold. */
async function makeStaging({ client }: Session, { table, pairs }: WriteTarget, o: WriteOptions): Promise<void> {
  const list = pairs.map(({ to }) => quoteName(to.name));
  await client.query(
    `create temporary table ${staging} on commit drop as select ${list.join(', ')} from ${quoted(table)} with no data`,
  );
  const changes = table.columns
    .filter(({ nullable, name }) => nullable === false && pairs.some(({ to }) => to.name === name))
    .map(({ name }) => `alter column ${quoteName(name)} set not null`);
  if (o.mode === 'upsert') changes.push(`add column ${position} bigint generated always as identity`);
  if (changes.length > 0) await client.query(`alter table ${staging} ${changes.join(', ')}`);
}

/** The table stays the same one, so its grants, indexes, views and triggers do. */
async function swapStaging(client: Session['client'], { table }: WriteTarget, list: string): Promise<void> {
  await clear(client, table);
  await client.query(`insert into ${quoted(table)} (${list}) overriding system value select ${list} from ${staging}`);
}

async function clear(client: Session['client'], table: Table): Promise<void> {
  const { rows } = await client.query(
    `select not has_table_privilege($1::oid, 'truncate')
         or exists (select from pg_constraint where confrelid = $1 and contype = 'f' and conrelid <> $1) as kept`,
    [table.oid],
  );
  // A table that others refer to cannot be truncated; deleting checks what they refer to.
  await client.query(rows[0].kept ? `delete from ${quoted(table)}` : `truncate ${quoted(table)}`);
}

/** Of records with the same key the last one counts. */
async function mergeStaging(
  client: Session['client'],
  { table, pairs }: WriteTarget,
  key: readonly string[],
  list: string,
): Promise<void> {
  const keys = key.map(quoteName).join(', ');
  const others = pairs.filter(({ to }) => !key.includes(to.name)).map(({ to }) => quoteName(to.name));
  const change =
    others.length === 0 ? 'nothing' : `update set ${others.map((name) => `${name} = excluded.${name}`).join(', ')}`;
  await client.query(
    `insert into ${quoted(table)} (${list}) overriding system value
     select ${list} from (select distinct on (${keys}) * from ${staging} order by ${keys}, ${position} desc) as latest
     on conflict (${keys}) do ${change}`,
  );
}
