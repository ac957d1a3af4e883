// A statement that may write: what it gives is known before it runs, and it is committed when its rows have been taken.
import type { QueryOptions } from '../../engine/contracts/connector.ts';
import type { Batch, Column, RowStream, Value } from '../../engine/contracts/data.ts';
import { failure } from '../../engine/errors.ts';
import { quoteName, refuseTransaction } from '../shared/sql.ts';
import type { DatabaseFile } from './connect.ts';
import { type Bound, guarded, type Handle } from './driver.ts';
import { databaseFailure, type Place } from './errors.ts';
import { batchesOf, resultColumns, selection } from './read.ts';
import { parameter, prepared } from './statement.ts';
import { jointTransaction } from './transaction.ts';

/** A statement, ready to run; `sql` gives its rows so that the driver can take them. */
interface Known {
  sql: string;
  columns: readonly Column[];
}

export async function statementStream(
  file: DatabaseFile,
  place: Place,
  statement: string,
  parameters: readonly Value[],
  o: QueryOptions,
): Promise<RowStream> {
  const before = (o.before ?? []).map((each) => prepared(each, [], place.shown));
  const text = prepared(statement, parameters, place.shown);
  for (const each of [...before, text]) refuseTransaction(each, place.shown);
  const values = parameters.map((value) => parameter(value, place.shown));
  const known =
    o.before === undefined && (await file.exists())
      ? await file.read(place, o, (handle) => knownOf(handle, text, place.shown))
      : undefined;

  async function* batches(): AsyncGenerator<Batch> {
    const transaction = jointTransaction(file, place, o);
    let done = false;
    try {
      const handle = await transaction.use();
      for (const each of before) {
        const changed = counter(handle);
        handle.exec(each);
        o.onChanged?.(changed());
      }
      const changed = counter(handle);
      // Rows that nobody wants need not be such that the driver can take them.
      if (o.before !== undefined && values.length === 0) handle.exec(text);
      else yield* rowsOf(handle, known ?? knownOf(handle, text, place.shown), values, place.shown);
      o.onChanged?.(changed());
      await o.beforeCommit?.();
      o.signal.throwIfAborted();
      await transaction.commit();
      transaction.close();
      done = true;
    } catch (error) {
      throw o.signal.aborted ? o.signal.reason : databaseFailure(error, place);
    } finally {
      if (!done) await transaction.fail(failure('INTERRUPTED'));
    }
  }

  return { kind: 'rows', ...(known === undefined ? {} : { columns: known.columns }), batches: batches() };
}

async function* rowsOf(
  handle: Handle,
  { sql, columns }: Known,
  values: readonly Bound[],
  where: string,
): AsyncGenerator<Batch> {
  if (columns.length === 0) handle.prepare(sql).run(values);
  else yield* batchesOf(handle, sql, columns, values, where);
}

function knownOf(handle: Handle, text: string, where: string): Known {
  if (!handle.prepare(text).reader) return { sql: text, columns: [] };
  const columns = resultColumns(handle, text, where);
  const from = `(${text}\n)`;
  try {
    handle.prepare(`select * from ${from} limit 0`);
    return { sql: selection({ from, columns }, handle), columns };
  } catch (error) {
    const returning = returningOf(text);
    if (returning !== undefined) return { sql: guardedReturning(handle, returning, columns), columns };
    const reason = 'its rows cannot be read; take those of a `pragma_…()` function, or drop them with `op: execute`';
    throw failure('SQL_REFUSED', { where, reason }, { cause: error });
  }
}

/** Strings, names in quotes, comments, words, and whatever else is one character. */
const token =
  /'(?:[^']|'')*'|"(?:[^"]|"")*"|`(?:[^`]|``)*`|\[[^\]]*\]|--[^\n]*|\/\*[\s\S]*?(?:\*\/|$)|[\w$\u0080-\uffff]+|./gs;

interface Returning {
  /** Up to the last RETURNING and with it. */
  head: string;
  /** What is given, without the names. */
  items: string[];
}

function returningOf(text: string): Returning | undefined {
  let depth = 0;
  let head: number | undefined;
  let items: string[] = [];
  let item = '';
  let named = false;
  for (const { 0: found, index } of text.matchAll(token)) {
    if (found === '(') depth++;
    if (found === ')') depth--;
    if (depth === 0 && /^returning$/i.test(found)) {
      head = index + found.length;
      [items, item, named] = [[], '', false];
    } else if (head !== undefined && depth === 0 && found === ',') {
      items.push(item);
      [item, named] = ['', false];
    } else if (head !== undefined && depth === 0 && /^as$/i.test(found)) named = true;
    else if (!named) item += found;
  }
  if (head === undefined) return undefined;
  return { head: text.slice(0, head), items: [...items, item] };
}

/** As `selection` has it, which a statement that changes something cannot be part of. */
function guardedReturning(handle: Handle, { head, items }: Returning, columns: readonly Column[]): string {
  const rest = columns.length - items.length;
  let at = 0;
  const list = items.flatMap((expression) => {
    const all = expression.trim() === '*';
    const taken = columns.slice(at, at + (all ? rest + 1 : 1));
    at += taken.length;
    return taken.map(({ name }) => {
      const value = all ? quoteName(name) : `(${expression}\n)`;
      return `${guarded(value, handle.encoding, true)} as ${quoteName(name)}`;
    });
  });
  return `${head} ${list.join(', ')}`;
}

/** How many rows the statements after it have changed, without those that triggers have. */
function counter(handle: Handle): () => number {
  const [before] = handle.all('select total_changes()')[0]!;
  return () => {
    const [changes, total] = handle.all('select changes(), total_changes()')[0]!;
    return total === before ? 0 : Number(changes);
  };
}
