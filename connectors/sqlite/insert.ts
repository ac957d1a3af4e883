// Rows into a table: several with each statement, and one by one where a statement was refused.
import type { WriteOptions } from '../../engine/contracts/connector.ts';
import type { Row } from '../../engine/contracts/data.ts';
import { type Failure, failure } from '../../engine/errors.ts';
import { quoteName } from '../shared/sql.ts';
import { uniqueIndexes } from './catalog.ts';
import type { Bound, Handle, Statement } from './driver.ts';
import { compileEncoder, misfit } from './encode.ts';
import { databaseFailure, isOfRow, type Place } from './errors.ts';
import type { WriteTarget } from './target.ts';

export interface Inserter {
  /** How many of the rows were taken. `before`: how many records came earlier. */
  add(rows: readonly Row[], before: number): Promise<number>;
  /** Roughly what was sent since it was last set to 0. */
  readonly sent: { bytes: number };
}

/** Values of one statement: more gain nothing (measured). */
const mostValues = 1000;
const mostRows = 128;

/** `strict`: the columns were told from the first rows, so each row is looked at for others. */
export function createInserter(
  handle: Handle,
  { table, pairs }: WriteTarget,
  place: Place,
  o: WriteOptions,
  strict: boolean,
): Inserter {
  const sent = { bytes: 0 };
  const width = pairs.length;
  const encode = compileEncoder(pairs, sent, o.lossy === 'allow');
  const known = new Set(pairs.map(({ from }) => from.name));
  const statements = new Map<number, Statement>();
  const into = insertInto(table.name, pairs, o);
  const statementFor = (count: number): Statement => {
    let statement = statements.get(count);
    if (statement === undefined) {
      const row = `(${pairs.map(() => '?').join(', ')})`;
      statement = handle.prepare(into.replace('\0', () => Array(count).fill(row).join(', ')));
      statements.set(count, statement);
    }
    return statement;
  };
  const largest = Math.max(1, Math.min(mostRows, Math.floor(mostValues / width)));
  const sizes = [largest, 8, 1].filter((size, i) => i === 0 || size < largest);

  /** Gives one refused row to whoever wants them, or ends the write. */
  const reject = async (row: Row, refused: Failure, position: number): Promise<void> => {
    if (o.onReject === undefined) throw refused;
    await o.onReject({ row, reason: refused.message, position });
  };
  const refusal = (error: unknown, position: number): Failure => {
    const { message } = databaseFailure(error, place).cause as Error;
    const data = {
      where: place.shown,
      record: `, record ${position}`,
      position,
      reason: withIndex(handle, table.name, message),
    };
    return failure('ROW_REFUSED', data, { cause: error });
  };

  /** One by one, from `start`; gives how many were taken. */
  const oneByOne = async (rows: readonly Row[], positions: readonly number[], values: Bound[]): Promise<number> => {
    let taken = 0;
    for (let i = 0; i < rows.length; i++) {
      try {
        statementFor(1).run(values.slice(i * width, (i + 1) * width));
        taken++;
      } catch (error) {
        if (!isOfRow(error) || !handle.inTransaction()) throw error;
        await reject(rows[i]!, refusal(error, positions[i]!), positions[i]!);
      }
    }
    return taken;
  };

  return {
    sent,
    async add(rows, before) {
      if (strict) refuseOthers(rows, known, before, place.shown);
      let taken = 0;
      for (let at = 0; at < rows.length; ) {
        const size = sizes.find((each) => each <= rows.length - at)!;
        const values: Bound[] = new Array(size * width);
        const group: Row[] = [];
        const positions: number[] = [];
        for (const end = at + size; at < end; at++) {
          const row = rows[at]!;
          const wrong = encode(row, values, group.length * width);
          if (wrong < 0) {
            group.push(row);
            positions.push(before + at + 1);
            continue;
          }
          const pair = pairs[wrong]!;
          await reject(row, misfit(pair, row[pair.from.name], place.shown, before + at + 1), before + at + 1);
        }
        values.length = group.length * width;
        if (group.length < size) {
          taken += await oneByOne(group, positions, values);
          continue;
        }
        try {
          statementFor(size).run(values);
          taken += size;
        } catch (error) {
          // A statement that is refused has changed nothing.
          if (!isOfRow(error) || !handle.inTransaction()) throw error;
          taken += await oneByOne(group, positions, values);
        }
      }
      return taken;
    },
  };
}

/** `\0` stands where the rows go. What the table says about conflicts does not count: no row goes lost without a word. */
function insertInto(table: string, pairs: WriteTarget['pairs'], { mode, key = [] }: WriteOptions): string {
  const names = pairs.map(({ to }) => quoteName(to.name));
  const insert = `insert or abort into ${quoteName(table)} (${names.join(', ')}) values \0`;
  if (mode !== 'upsert') return insert;
  const others = pairs.filter(({ from }) => !key.includes(from.name)).map(({ to }) => quoteName(to.name));
  const change =
    others.length === 0 ? 'nothing' : `update set ${others.map((name) => `${name} = excluded.${name}`).join(', ')}`;
  return `${insert} on conflict (${key.map(quoteName).join(', ')}) do ${change}`;
}

function refuseOthers(rows: readonly Row[], known: ReadonlySet<string>, before: number, path: string): void {
  for (let i = 0; i < rows.length; i++) {
    for (const column in rows[i]) {
      if (!known.has(column)) throw failure('COLUMN_APPEARED', { path, position: before + i + 1, column });
    }
  }
}

/** SQLite names the columns of a unique index and not the index, which whoever made it knows. */
function withIndex(handle: Handle, table: string, message: string): string {
  const [, list] = /^UNIQUE constraint failed: (.*)$/s.exec(message) ?? [];
  if (list === undefined) return message;
  const columns = list.split(', ').map((each) => each.slice(table.length + 1));
  const index = uniqueIndexes(handle, table).find(
    (each) => each.columns.join('\0') === columns.join('\0') && !each.name.startsWith('sqlite_'),
  );
  return index === undefined ? message : `${message} (index ${index.name})`;
}
