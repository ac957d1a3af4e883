// Reading: what is asked of the server for a table or a query, and its rows as they come.
import type { CallOptions, ReadOptions } from '../../engine/contracts/connector.ts';
import type { Column, RowStream, Value } from '../../engine/contracts/data.ts';
import { failure } from '../../engine/errors.ts';
import { refuseWriting, withoutEnd } from '../shared/sql.ts';
import { columnAlone, quoted, type Table } from './catalog.ts';
import type { Session, Sessions } from './connect.ts';
import { decodeRows } from './decode.ts';
import type { Place } from './errors.ts';
import type { Field } from './packets.ts';
import { putParameters, quoteName } from './sql.ts';
import { columnOfField } from './types.ts';

export interface Source {
  statement: string;
  columns: readonly Column[];
}

/** A table or a view, the columns that come, and the condition with its parameters put in. */
export interface TableSource {
  table: Table;
  columns: readonly Column[];
  where: string | undefined;
}

/** All rows of one snapshot. Nothing is asked of the server before they are pulled. */
export function rowStream(sessions: Sessions, place: Place, source: Source, o: CallOptions): RowStream {
  const { columns } = source;
  const blocks = sessions.stream(place, o, (session) =>
    inSnapshot(session, async function* () {
      yield* (await session.wire.open(source.statement)).blocks;
    }),
  );
  return { kind: 'rows', columns, batches: decodeRows(blocks, columns) };
}

/** What is yielded is read in a transaction of its own, in which nothing changes any more. */
export async function* inSnapshot<T>(session: Session, read: () => AsyncGenerator<T>): AsyncGenerator<T> {
  const { wire } = session;
  await wire.query('set transaction isolation level repeatable read');
  await wire.query('start transaction with consistent snapshot, read only');
  let whole = false;
  try {
    yield* read();
    await wire.query('commit');
    whole = true;
  } finally {
    // One that failed between two statements is only rolled back.
    if (!whole && !wire.usable()) session.spoil();
    else if (!whole) await wire.query('rollback').catch(() => session.spoil());
  }
}

/** The columns that are asked for, in their order. */
function chosenColumns(table: Table, names: readonly string[] | undefined, shown: string): Column[] {
  return (names ?? table.columns.map(({ name }) => name)).map((name) => {
    const found = table.columns.find((column) => column.name === name);
    if (found === undefined) throw failure('COLUMN_UNKNOWN', { where: shown, column: name });
    return columnAlone(found);
  });
}

/** A column in the list of a SELECT: a FLOAT as text has six digits, as a double all of them. */
function selected({ name, native = '' }: Column): string {
  const quoted = quoteName(name);
  return native.startsWith('float') ? `${quoted} + 0e0 as ${quoted}` : quoted;
}

/** A table or a view, whole or the rows that `where` says. */
export async function tableSource(
  { wire }: Session,
  table: Table,
  { columns: names, where, parameters = [] }: Pick<ReadOptions, 'columns' | 'where' | 'parameters'>,
  shown: string,
): Promise<TableSource> {
  const source = { table, columns: chosenColumns(table, names, shown), where };
  if (where === undefined && parameters.length === 0) return source;
  const bound = await bind(wire, where ?? '', parameters, (condition) => selection({ ...source, where: condition }));
  return { ...source, where: bound.statement };
}

/** The SELECT of the rows, or of those that a condition of ours says too, in an order. `added`: columns after the others. */
export function selection(
  { table, columns, where }: TableSource,
  { condition, order, added = [] }: { condition?: string | undefined; order?: string; added?: readonly Column[] } = {},
): string {
  const list = [...columns, ...added].map(selected).join(', ') || '1';
  // In its own lines, because it may end in a comment.
  const own = where === undefined ? [] : [`(${where}\n)`];
  const conditions = [...own, ...(condition === undefined ? [] : [`(${condition})`])];
  const filter = conditions.length === 0 ? '' : ` where ${conditions.join(' and ')}`;
  return `select ${list} from ${quoted(table)}${filter}${order === undefined ? '' : ` order by ${order}`}`;
}

/** A query that only reads. Its columns are asked of the server without running it. */
export async function querySource(
  { wire }: Session,
  statement: string,
  parameters: readonly Value[],
  shown: string,
): Promise<Source> {
  refuseWriting(statement, shown);
  // Only what reads can stand in parentheses; whatever else would be done, also in a transaction that only reads.
  const inside = (text: string) => `select * from (${text}\n) as pipewright_source`;
  const { statement: bound, fields } = await bind(wire, withoutEnd(statement), parameters, inside);
  return { statement: bound, columns: fieldColumns(fields) };
}

/** The columns of a result. */
export function fieldColumns(fields: readonly Field[]): Column[] {
  const columns = fields.map(columnOfField);
  const single = columns.find(({ native }) => native?.startsWith('float'));
  if (single !== undefined) {
    throw failure('VALUE_LOSSY', {
      where: 'the query',
      value: `column "${single.name}", a FLOAT, of whose value the server tells six digits,`,
      target: `a number; select it as \`${single.name} + 0e0\``,
    });
  }
  return columns;
}

/**
 * The text with its parameters as literals. The server looks at the whole statement twice, without running it: how many
 * placeholders there are is its own word, and of which types the columns are it can only say with the values.
 */
export async function bind(
  { prepare }: Session['wire'],
  text: string,
  values: readonly Value[],
  whole: (text: string) => string,
): Promise<{ statement: string; fields: Field[] }> {
  const ask = (statement: string) =>
    prepare(statement).catch((error: { errno?: number; message: string }) => {
      if (error.errno !== 1060) throw error;
      throw failure('COLUMN_TWICE', {
        where: 'the query',
        column: /'(.*)'/s.exec(error.message)?.[1],
        hint: 'give one of them another name with `as`',
      });
    });
  const { parameters, fields } = await ask(whole(text));
  const { bound, count } = putParameters(text, values);
  if (parameters !== values.length || count !== values.length) {
    throw failure('SQL_REFUSED', {
      where: 'the SQL',
      reason: `it has ${parameters} placeholders (?), and \`parameters\` has ${values.length}`,
    });
  }
  return { statement: bound, fields: values.length === 0 ? fields : (await ask(whole(bound))).fields };
}
