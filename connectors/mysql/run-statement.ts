// A statement that may write: what it gives is known before it runs, and it is committed when its rows have been taken.
import type { QueryOptions } from '../../engine/contracts/connector.ts';
import type { Column, RowStream, Value } from '../../engine/contracts/data.ts';
import { failure } from '../../engine/errors.ts';
import { changesSession, refuseTransaction, withoutEnd } from '../shared/sql.ts';
import type { Session, Sessions } from './connect.ts';
import { decodeRows } from './decode.ts';
import type { Place } from './errors.ts';
import type { ServerError } from './packets.ts';
import { bind, fieldColumns } from './rows.ts';

/** "This command is not supported in the prepared statement protocol yet". */
const notPrepared = 1295;

/** The server commits at once what makes, changes or drops a table. */
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
  const { bound, columns } =
    before.length > 0
      ? { bound: text, columns: [] }
      : await sessions.use(place, o, (session) => prepared(session, text, parameters));

  const batches = sessions.stream(place, o, async function* (session) {
    const { wire } = session;
    await wire.query('start transaction');
    let whole = false;
    try {
      for (const each of before) o.onChanged?.((await wire.query(withoutEnd(each))).affected);
      if (columns.length > 0) {
        const rows = decodeRows((await wire.open(bound)).blocks, columns);
        if (o.before === undefined) yield* rows;
        else for await (const _ of rows);
        o.onChanged?.(Math.max(0, Number((await wire.query('select row_count()')).rows[0]![0])));
      } else {
        const { affected, rows } = await wire.query(bound);
        if (rows.length > 0 && o.before === undefined) {
          const reason =
            'what columns it gives is not known before it has run; use `op: execute`, which drops its rows';
          throw failure('SQL_REFUSED', { where: place.shown, reason });
        }
        o.onChanged?.(affected);
      }
      await o.beforeCommit?.();
      o.signal.throwIfAborted();
      await wire.query('commit');
      whole = true;
    } finally {
      if (!whole && wire.usable()) await wire.query('rollback').catch(session.spoil);
      if (!wire.usable() || [...before, text].some(changesSession)) session.spoil();
    }
  });
  return { kind: 'rows', ...(o.before === undefined ? { columns } : {}), batches };
}

async function prepared(
  { wire }: Session,
  text: string,
  parameters: readonly Value[],
): Promise<{ bound: string; columns: readonly Column[] }> {
  try {
    const { statement, fields } = await bind(wire, text, parameters, (whole) => whole);
    return { bound: statement, columns: fieldColumns(fields) };
  } catch (error) {
    if ((error as ServerError).errno !== notPrepared || parameters.length > 0) throw error;
    return { bound: text, columns: [] };
  }
}
