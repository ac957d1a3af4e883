// What is read: a table or a view, whole or in part, or a query. The SQL of it, and the columns that come.
import type { FieldDef, QueryConfig } from 'pg';
import type { Column, Value } from '../../engine/contracts/data.ts';
import { failure } from '../../engine/errors.ts';
import { didYouMean } from '../../engine/suggest.ts';
import { putParameters, quoteName, quoteText, refuseWriting, withoutEnd } from '../shared/sql.ts';
import { quoted, type Table } from './catalog.ts';
import type { Session } from './connect.ts';
import { parameterText } from './encode.ts';
import { columnOf } from './types.ts';

export interface Source {
  /** What COPY takes: a table with its columns, or a query in parentheses. */
  copied: string;
  /** The same as a FROM item, for another list of expressions. */
  from: string;
  columns: readonly Column[];
  /** What it takes on the server; 0 where nobody knows. */
  bytes: number;
}

export interface TableSource extends Source {
  table: Table;
  /** The SQL condition that the definition gives, with its parameters put in. */
  where: string | undefined;
}

/** The same, with only the rows that fit the condition too, in an order, and with columns that are added at the end. */
export function selection(
  { table, where, columns }: TableSource,
  { condition, order, added = [] }: { condition: string | undefined; order?: string; added?: readonly Column[] },
): string {
  const list = [...columns, ...added].map(({ name }) => quoteName(name)).join(', ');
  const conditions = [where && `(${where}\n)`, condition && `(${condition})`].filter(Boolean).join(' and ');
  return `(select ${list} from ${quoted(table)}${conditions && ` where ${conditions}`}${order ? ` order by ${order}` : ''})`;
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
): Promise<TableSource> {
  const columns = (names ?? table.columns.map(({ name }) => name)).map((name) => {
    const found = table.columns.find((column) => column.name === name);
    if (found !== undefined) return found;
    const hint = didYouMean(
      name,
      table.columns.map((column) => column.name),
    );
    throw failure('COLUMN_UNKNOWN', { where: shown, column: name, hint });
  });
  const list = columns.map(({ name }) => quoteName(name)).join(', ');
  const target = quoted(table);
  const ours = columns.map(({ generated: _, ...column }) => column);
  if (where === undefined) {
    if (parameters.length > 0) throw unused(parameters.length);
    const direct = table.plain && columns.length > 0 && !columns.some(({ generated }) => generated);
    const copied = direct ? `${target} (${list})` : `(select ${list} from ${target})`;
    return { copied, from: target, columns: ours, bytes: table.size, table, where };
  }
  const bound = await bind(client, where, parameters, `select from ${target} where`);
  const query = `(select ${list} from ${target} where (${bound}\n))`;
  return { copied: query, from: `${query} as source`, columns: ours, bytes: table.size, table, where: bound };
}

/** A query that only reads. Its columns are asked of the server without running it. */
export async function querySource(
  { client }: Session,
  statement: string,
  parameters: readonly Value[],
  shown: string,
): Promise<Source> {
  refuseWriting(statement, shown);
  const bound = await bind(client, withoutEnd(statement), parameters);
  // With a list of values, so that the server takes one statement and no more.
  const { fields } = await client.query({ text: `select * from (${bound}\n) as source limit $1`, values: [0] });
  const columns = await fieldColumns(client, fields);
  return { copied: `(${bound}\n)`, from: `(${bound}\n) as source`, columns, bytes: 0 };
}

/** The columns of a result, each under a name of its own. */
export async function fieldColumns(
  client: Session['client'],
  fields: readonly Pick<FieldDef, 'name' | 'dataTypeID' | 'dataTypeModifier'>[],
): Promise<Column[]> {
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
  return columns;
}

/**
 * COPY takes no parameters. The server says of which types they are, and each becomes a quoted text cast to its type,
 * which means what the parameter would. `before`: what makes a statement of a condition.
 */
export async function bind(
  client: Session['client'],
  statement: string,
  parameters: readonly Value[],
  before?: string,
): Promise<string> {
  if (parameters.length === 0) return statement;
  // The extended protocol takes one statement and no more.
  const whole = before === undefined ? statement : `${before} (${statement}\n)`;
  const types = await parameterTypes(client, whole);
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

/** The types of a statement's placeholders, as the server takes them. Only of what can be prepared in SQL. */
export async function parameterTypes(client: Session['client'], statement: string): Promise<string[]> {
  await client.query({ text: `prepare pipewright_parameters as ${statement}`, queryMode: 'extended' } as QueryConfig);
  const { rows } = await client.query<{ types: string[] }>(
    `select parameter_types::text[] as types from pg_prepared_statements where name = 'pipewright_parameters'`,
  );
  await client.query('deallocate pipewright_parameters');
  return rows[0]!.types;
}

export function unused(given: number, used = 0) {
  return failure('SQL_REFUSED', {
    where: 'the SQL',
    reason: `it has ${used} placeholders ($1, …), and \`parameters\` has ${given}`,
  });
}
