// Reading: COPY TO STDOUT as rows, or as bytes for a target that takes them.
import type { CallOptions, Column, Encoding, RowStream, Value } from '../../engine/contracts.ts';
import { failure } from '../../engine/errors.ts';
import { putParameters, quoteName, quoteText, withoutEnd } from '../shared/sql.ts';
import { quoted, type Table } from './catalog.ts';
import type { Session, Sessions } from './connect.ts';
import { decodeCopy } from './decode.ts';
import { parameterText } from './encode.ts';
import type { Place } from './errors.ts';
import { columnOf, isBuiltIn } from './types.ts';

/** What is read, and the columns that come. */
export interface Source {
  /** A table with its columns, or a query in parentheses. */
  copied: string;
  /** The same as a FROM item, for another list of expressions. */
  from: string;
  columns: readonly Column[];
}

/** All rows of one snapshot. Nothing is asked of the server before they are pulled. */
export function copyStream(sessions: Sessions, place: Place, source: Source, o: CallOptions): RowStream {
  const { columns } = source;
  const chunks = (copied: string, options: string) =>
    sessions.stream(place, o, (session) => copyOut(session, `copy ${copied} to stdout ${options}`));
  return {
    kind: 'rows',
    columns,
    batches: decodeCopy(chunks(source.copied, ''), columns),
    encoded(accepts) {
      for (const accepted of accepts) {
        if (accepted.name === 'pgcopy-binary' || accepted.name === 'pgcopy-text') {
          const encoding: Encoding = { name: accepted.name, options: { types: typesOf(columns) } };
          if (accepted.options?.types !== encoding.options!.types) continue;
          if (accepted.name === 'pgcopy-binary' && !columns.every(({ native }) => isBuiltIn(native))) continue;
          const format = accepted.name === 'pgcopy-binary' ? '(format binary)' : '';
          return { encoding, columns, chunks: chunks(source.copied, format) };
        }
        if (accepted.name === 'csv' && columns.every(hasCsvText)) {
          const dialect = { delimiter: ',', quote: '"', escape: '"', null: '', header: false, ...accepted.options };
          if (dialect.escape !== dialect.quote && String(dialect.escape).length !== 1) continue;
          const options = Object.entries(dialect).map(([name, value]) =>
            typeof value === 'boolean' ? `${name} ${value}` : `${name} ${quoteText(String(value))}`,
          );
          const encoding: Encoding = { name: 'csv', options: dialect };
          return { encoding, columns, chunks: chunks(csvQuery(source), `(format csv, ${options.join(', ')})`) };
        }
      }
      return undefined;
    },
  };
}

/** What must be equal on both sides of a binary or text copy: the types in order. */
export function typesOf(columns: readonly Column[]): string {
  return columns.map(({ native }) => native ?? '?').join('|');
}

/** Whether the server writes a value in CSV as our CSV does. */
function hasCsvText({ type, native }: Column): boolean {
  return ['boolean', 'integer', 'decimal', 'text', 'uuid', 'time', 'interval'].includes(type) && native !== undefined;
}

function csvQuery({ copied, from, columns }: Source): string {
  if (columns.every(({ type }) => type !== 'boolean')) return copied;
  // COPY writes `t` and `f`; a cast writes `true` and `false`.
  const list = columns.map(({ name, type }) => quoteName(name) + (type === 'boolean' ? '::text' : ''));
  return `(select ${list.join(', ')} from ${from})`;
}

async function* copyOut(session: Session, statement: string): AsyncGenerator<Uint8Array> {
  const { to } = (await import('pg-copy-streams')).default;
  const { client } = session;
  await client.query('begin transaction isolation level repeatable read read only');
  let whole = false;
  try {
    const copy = client.query(to(statement, { highWaterMark: 256 * 1024 }));
    for await (const chunk of copy) yield chunk as Uint8Array;
    await client.query('commit');
    whole = true;
  } finally {
    if (!whole) session.spoil();
  }
}

/** A table or a view, whole or the rows that `where` says. */
export async function tableSource(
  { client }: Session,
  table: Table,
  {
    columns: names,
    where,
    parameters = [],
  }: { columns?: readonly string[]; where?: string; parameters?: readonly Value[] },
  shown: string,
): Promise<Source> {
  const columns = (names ?? table.columns.map(({ name }) => name)).map((name) => {
    const found = table.columns.find((column) => column.name === name);
    if (found === undefined) throw failure('COLUMN_UNKNOWN', { where: shown, column: name });
    return found;
  });
  const list = columns.map(({ name }) => quoteName(name)).join(', ');
  const target = quoted(table);
  const ours = columns.map(({ generated: _, ...column }) => column);
  if (where === undefined) {
    if (parameters.length > 0) throw unused(parameters.length);
    const direct = table.plain && columns.length > 0 && !columns.some(({ generated }) => generated);
    return { copied: direct ? `${target} (${list})` : `(select ${list} from ${target})`, from: target, columns: ours };
  }
  const query = `select ${list} from ${target} where (${where}\n)`;
  const bound = await bind(client, query, parameters);
  return { copied: `(${bound})`, from: `(${bound}) as source`, columns: ours };
}

/** A query that only reads. Its columns are asked of the server without running it. */
export async function querySource(
  { client }: Session,
  statement: string,
  parameters: readonly Value[],
): Promise<Source> {
  const bound = await bind(client, withoutEnd(statement), parameters);
  // With a list of values, so that the server takes one statement and no more.
  const { fields } = await client.query({ text: `select * from (${bound}\n) as source limit $1`, values: [0] });
  const natives = await client.query<{ native: string }>(
    `select format_type(case when t.typtype = 'd' then t.typbasetype else t.oid end, f.mod) as native
       from unnest($1::int8[], $2::int4[]) with ordinality as f(oid, mod, n) join pg_type t on t.oid = f.oid order by f.n`,
    [fields.map(({ dataTypeID }) => dataTypeID), fields.map(({ dataTypeModifier }) => dataTypeModifier)],
  );
  const columns = fields.map(({ name }, i) => columnOf(name, natives.rows[i]!.native));
  const twice = columns.find(({ name }, i) => columns.some((other, j) => j < i && other.name === name));
  if (twice !== undefined) {
    throw failure('COLUMN_TWICE', {
      where: 'the query',
      column: twice.name,
      hint: 'give one of them another name with `as`',
    });
  }
  return { copied: `(${bound}\n)`, from: `(${bound}\n) as source`, columns };
}

/**
 * COPY takes no parameters. The server says of which types they are, and each becomes a quoted text cast to its type,
 * which means what the parameter would.
 */
async function bind(client: Session['client'], statement: string, parameters: readonly Value[]): Promise<string> {
  if (parameters.length === 0) return statement;
  // The extended protocol takes one statement and no more.
  const prepare = { text: `prepare pipewright_parameters as ${statement}`, queryMode: 'extended' };
  await client.query(prepare);
  const { rows } = await client.query<{ types: string[] }>(
    `select parameter_types::text[] as types from pg_prepared_statements where name = 'pipewright_parameters'`,
  );
  await client.query('deallocate pipewright_parameters');
  const { types } = rows[0]!;
  if (types.length < parameters.length) throw unused(parameters.length, types.length);
  return putParameters(statement, (position) => {
    const value = parameters[position - 1];
    if (value === undefined) {
      throw failure('SQL_REFUSED', {
        where: 'the SQL',
        reason: `it has $${position}, and \`parameters\` has ${parameters.length}`,
      });
    }
    const type = types[position - 1]!;
    return value === null ? `(null::${type})` : `(${quoteText(parameterText(value, type))}::${type})`;
  });
}

function unused(given: number, used = 0) {
  return failure('SQL_REFUSED', {
    where: 'the SQL',
    reason: `it has ${used} placeholders ($1, …), and \`parameters\` has ${given}`,
  });
}
