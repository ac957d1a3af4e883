// Reading a table in parts, several at a time, all of one snapshot.
import type { CallOptions, ReadOptions } from '../../engine/contracts/connector.ts';
import type { Batch, Column, RowStream } from '../../engine/contracts/data.ts';
import type { Log } from '../../engine/contracts/task.ts';
import { failure } from '../../engine/errors.ts';
import { didYouMean } from '../../engine/suggest.ts';
import { merged } from '../shared/merge.ts';
import { quoted } from './catalog.ts';
import type { Session, Sessions } from './connect.ts';
import { decodeRows } from './decode.ts';
import type { Place } from './errors.ts';
import { inSnapshot, selection, type TableSource } from './rows.ts';
import { quoteName, quoteText } from './sql.ts';

interface Parts {
  by: Column;
  into: number | 'auto';
}

/** A table has as many parts of this size as there are sessions to read them, if nobody says how many. */
const autoBytes = 64 * 1024 * 1024;

/** How the options want the table divided; undefined where it is read as a whole. */
export function partsOf(
  { table }: TableSource,
  { partition, cursor, checkpoints }: ReadOptions,
  shown: string,
): Parts | undefined {
  if (partition === undefined) return undefined;
  if (cursor !== undefined || checkpoints === true) {
    throw failure('OPTION_UNSUPPORTED', {
      what: '`partition`',
      where: `${shown} with a cursor or checkpoints`,
      hint: ', which need the rows in order',
    });
  }
  const { by, into } = partition;
  const named = by === undefined ? undefined : table.columns.find(({ name }) => name === by);
  if (by !== undefined && named === undefined) {
    const hint = didYouMean(
      by,
      table.columns.map(({ name }) => name),
    );
    throw failure('COLUMN_UNKNOWN', { where: `${shown}, \`partition\``, column: by, hint });
  }
  if (into === 'auto' && (table.size ?? 0) < 2 * autoBytes) return undefined;
  if (into === 1) return undefined;
  if (named !== undefined && hasRanges(named)) return { by: named, into };
  const first = table.columns.find(({ name }) => name === table.unique[0]?.[0]);
  return first !== undefined && hasRanges(first) ? { by: first, into } : undefined;
}

function hasRanges({ type, native }: Column): boolean {
  return native !== 'year' && ['integer', 'decimal', 'date', 'timestamp', 'timestamptz'].includes(type);
}

/** The rows in no order. */
export function partitioned(
  sessions: Sessions,
  place: Place,
  source: TableSource,
  parts: Parts,
  o: CallOptions,
  log: Log,
): RowStream {
  return { kind: 'rows', columns: source.columns, batches: batches() };

  async function* batches(): AsyncGenerator<Batch> {
    const most = Math.max(1, Math.floor(sessions.limit / 2));
    const conditions = await sessions.use(place, o, (session) => conditionsOf(session, source, parts, most));
    const readers = Math.min(conditions.length, most, sessions.spare() - 1);
    const begun = readers < 2 ? undefined : await together(readers, conditions);
    // One session alone has one snapshot too.
    yield* begun ?? sessions.stream(place, o, (session) => inSnapshot(session, () => read(session, conditions)));
  }

  /** Readers whose snapshots were all begun while nobody could change the table; undefined where it may not be locked. */
  async function together(readers: number, conditions: string[]): Promise<AsyncIterable<Batch> | undefined> {
    return sessions.use(place, o, async (session) => {
      const { wire } = session;
      const { rows } = await wire.query('select @@lock_wait_timeout');
      await wire.query('set session lock_wait_timeout = 2');
      try {
        await wire.query(`lock tables ${quoted(source.table)} read`);
      } catch (error) {
        log.warn(
          `${place.shown}: read in one part, because it could not be locked for a moment to read it in several`,
          {
            reason: String(error),
          },
        );
        return undefined;
      } finally {
        await wire.query(`set session lock_wait_timeout = ${rows[0]![0]}`);
      }
      const all = Array.from({ length: readers }, () =>
        sessions.stream(place, o, (reader) =>
          inSnapshot(reader, async function* () {
            yield { rows: [] };
            yield* read(reader, conditions);
          }),
        ),
      );
      const started = await Promise.allSettled(all.map((reader) => reader.next()));
      await wire.query('unlock tables');
      const failed = started.find((result) => result.status === 'rejected');
      if (failed === undefined) return merged(all);
      await Promise.allSettled(all.map((reader) => reader.return(undefined)));
      throw failed.reason;
    });
  }

  /** Part after part, until none is left that nobody has begun. */
  async function* read(session: Session, conditions: string[]): AsyncGenerator<Batch> {
    for (let condition = conditions.shift(); condition !== undefined; condition = conditions.shift()) {
      const { blocks } = await session.wire.open(selection(source, { condition }));
      for await (const { rows } of decodeRows(blocks, source.columns)) yield { rows };
    }
  }
}

/** One condition for each part. The first and the last part have no bounds outwards, and the first has the NULLs. */
async function conditionsOf(
  session: Session,
  source: TableSource,
  { by, into }: Parts,
  most: number,
): Promise<string[]> {
  const count = into === 'auto' ? Math.max(1, Math.min(most, Math.floor((source.table.size ?? 0) / autoBytes))) : into;
  const bounds = await boundsOf(session, source, by, count);
  if (bounds.length === 0) return ['true'];
  const name = quoteName(by.name);
  const orNull = by.nullable === false ? '' : ` or ${name} is null`;
  return [
    `(${name} < ${bounds[0]}${orNull})`,
    ...bounds.slice(1).map((bound, i) => `${name} >= ${bounds[i]} and ${name} < ${bound}`),
    `${name} >= ${bounds.at(-1)}`,
  ];
}

/** The values that cut what lies between the least and the greatest into parts of the same width. */
async function boundsOf({ wire }: Session, { table }: TableSource, by: Column, count: number): Promise<string[]> {
  const name = quoteName(by.name);
  const { rows } = await wire.query(`select min(${name}), max(${name}) from ${quoted(table)}`);
  const [least, most] = rows[0]!;
  if (least === null || most === null) return [];
  const timed = by.type !== 'integer' && by.type !== 'decimal';
  const ends = [least!, most!].map((text) =>
    timed ? millisecondsOf(text) : Number.parseInt(text, 10) === 0 ? 0n : BigInt(text.split('.')[0]!),
  );
  const [from, to] = ends;
  if (from === undefined || to === undefined) return [];
  const bounds = Array.from({ length: count - 1 }, (_, i) => from + ((to - from) * BigInt(i + 1)) / BigInt(count));
  const texts = bounds.map((bound) =>
    timed ? quoteText(new Date(Number(bound)).toISOString().slice(0, 23).replace('T', ' ')) : String(bound),
  );
  return [...new Set(texts)];
}

/** Undefined for a date that is none. */
function millisecondsOf(text: string): bigint | undefined {
  const at = Date.parse(`${text.slice(0, 10)}T00:00:00Z`);
  return Number.isNaN(at) ? undefined : BigInt(at);
}
