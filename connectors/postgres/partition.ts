// Reading a table in parts, several at a time, all of one snapshot.
import type { CallOptions, ReadOptions } from '../../engine/contracts/connector.ts';
import type { Batch, Column, RowStream } from '../../engine/contracts/data.ts';
import { failure } from '../../engine/errors.ts';
import { didYouMean } from '../../engine/suggest.ts';
import { merged } from '../shared/merge.ts';
import { quoteName, quoteText } from '../shared/sql.ts';
import { quoted } from './catalog.ts';
import type { Session, Sessions } from './connect.ts';
import { copyOut, inSnapshot } from './copy.ts';
import { decodeCopy } from './decode.ts';
import type { Place } from './errors.ts';
import { selection, type TableSource } from './source.ts';

interface Parts {
  /** What the rows are divided by: a column's ranges, or where they lie in the table's file. */
  by: Column | 'place';
  into: number | 'auto';
}

/** A table has as many parts of this size as there are sessions to read them, if nobody says how many. */
const autoBytes = 64 * 1024 * 1024;

/** Server versions before 14 look at the whole table for each range of places. */
const readsPlaces = 140_000;

/** How the options want the table divided; undefined where it is read as a whole. */
export function partsOf(
  { table }: TableSource,
  { partition }: ReadOptions,
  version: number,
  shown: string,
): Parts | undefined {
  if (partition === undefined) return undefined;
  const { by, into } = partition;
  const named = by === undefined ? undefined : table.columns.find(({ name }) => name === by);
  if (by !== undefined && named === undefined) {
    const hint = didYouMean(
      by,
      table.columns.map(({ name }) => name),
    );
    throw failure('COLUMN_UNKNOWN', { where: `${shown}, \`partition\``, column: by, hint });
  }
  if (into === 'auto' && table.size < 2 * autoBytes) return undefined;
  if (into === 1) return undefined;
  if (named !== undefined && hasRanges(named)) return { by: named, into };
  if (table.plain && version >= readsPlaces) return { by: 'place', into };
  const keys = table.columns.filter(({ key }) => key);
  if (named === undefined && keys.length === 1 && hasRanges(keys[0]!)) return { by: keys[0]!, into };
  if (into === 'auto') return undefined;
  throw failure('OPTION_UNSUPPORTED', {
    what: named === undefined ? '`partition` without `by`' : `\`partition\` by "${by}"`,
    where: shown,
    hint: '; name a column of integers, dates or timestamps',
  });
}

function hasRanges({ type }: Column): boolean {
  return ['integer', 'date', 'timestamp', 'timestamptz'].includes(type);
}

/** The rows in no order. Bytes are still offered as a whole, because a target that takes them is slower than one reader. */
export function partitioned(
  sessions: Sessions,
  place: Place,
  source: TableSource,
  parts: Parts,
  whole: RowStream,
  o: CallOptions,
): RowStream {
  const batches = sessions.stream(place, o, (session) =>
    inSnapshot(session, async function* () {
      const { rows } = await session.client.query('select pg_export_snapshot() as snapshot');
      const most = Math.floor(sessions.size / 2);
      const conditions = await conditionsOf(session, source, parts, most);
      // One session stays free for whoever takes the rows.
      const helpers = Math.min(conditions.length, most, await sessions.spare()) - 1;
      const read = (reader: Session) => readParts(reader, source, conditions);
      const others = Array.from({ length: Math.max(0, helpers) }, () =>
        sessions.stream(place, o, (other) => inSnapshot(other, () => read(other), rows[0].snapshot)),
      );
      yield* merged([read(session), ...others]);
    }),
  );
  return { ...whole, batches };
}

/** Part after part, until none is left that nobody has begun. */
async function* readParts(
  session: Session,
  source: TableSource,
  conditions: (string | undefined)[],
): AsyncGenerator<Batch> {
  while (conditions.length > 0) {
    const copied = selection(source, { condition: conditions.shift() });
    for await (const { rows } of decodeCopy(copyOut(session, copied), source.columns)) yield { rows };
  }
}

/** One condition for each part. The first and the last part have no bounds outwards, and the first has the NULLs. */
async function conditionsOf(
  session: Session,
  source: TableSource,
  { by, into }: Parts,
  most: number,
): Promise<(string | undefined)[]> {
  const count = into === 'auto' ? Math.max(1, Math.min(most, Math.floor(source.table.size / autoBytes))) : into;
  const bounds =
    by === 'place' ? await placeBounds(session, source, count) : await valueBounds(session, source, by, count);
  if (bounds.length === 0) return [undefined];
  const name = by === 'place' ? 'ctid' : quoteName(by.name);
  const orNull = by !== 'place' && by.nullable !== false ? ` or ${name} is null` : '';
  return [
    `${name} < ${bounds[0]}${orNull}`,
    ...bounds.slice(1).map((bound, i) => `${name} >= ${bounds[i]} and ${name} < ${bound}`),
    `${name} >= ${bounds.at(-1)}`,
  ];
}

async function placeBounds({ client }: Session, { table }: TableSource, count: number): Promise<string[]> {
  const { rows } = await client.query<{ block: string }>(
    `select distinct (pg_relation_size($1::oid) / current_setting('block_size')::int8 * i / $2)::text as block
       from generate_series(1, $2 - 1) i`,
    [table.oid, count],
  );
  const blocks = rows.map(({ block }) => Number(block)).filter((block) => block > 0);
  return blocks.sort((a, b) => a - b).map((block) => `'(${block},0)'::tid`);
}

/** The values that cut what lies between the least and the greatest into parts of the same width. */
async function valueBounds({ client }: Session, source: TableSource, by: Column, count: number): Promise<string[]> {
  const name = quoteName(by.name);
  const finite = by.type === 'integer' ? `${name} is not null` : `isfinite(${name})`;
  const where = source.where === undefined ? finite : `(${source.where}\n) and ${finite}`;
  const seconds = (end: string) => `extract(epoch from ${end})::float8`;
  const instant = `to_timestamp(${seconds('least')} + (${seconds('most')} - ${seconds('least')}) * i / $1)`;
  const cut = {
    integer: 'trunc(least::numeric + (most::numeric - least::numeric) * i / $1)::int8',
    date: 'least + ((most - least)::int8 * i / $1)::int4',
    timestamp: `timezone('UTC', ${instant})`,
    timestamptz: instant,
  }[by.type as string];
  const { rows } = await client.query<{ bound: string | null }>(
    `select distinct (${cut})::text as bound, i
       from (select min(${name}) as least, max(${name}) as most from ${quoted(source.table)} where ${where}) as ends,
            generate_series(1, $1 - 1) i order by i`,
    [count],
  );
  const bounds = rows.map(({ bound }) => bound).filter((bound) => bound !== null);
  return [...new Set(bounds)].map((bound) => quoteText(bound));
}
