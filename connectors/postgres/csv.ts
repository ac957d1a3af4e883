// Rows as the bytes of CSV that the server writes, where its text of every value is what is asked for.
import type { CallOptions } from '../../engine/contracts/connector.ts';
import type { Column, EncodedRows, Encoding } from '../../engine/contracts/data.ts';
import { quoteName, quoteText } from '../shared/sql.ts';
import type { Session, Sessions } from './connect.ts';
import { copyOut, inSnapshot } from './copy.ts';
import type { Place } from './errors.ts';
import type { Source } from './source.ts';

const defaults = { delimiter: ',', quote: '"', escape: '"', null: '', header: false };

/** So many bytes wait until it is known whether they are right. */
const heldBytes = 16 * 1024 * 1024;

/** A table of this size is looked at first, without another session. */
const smallBytes = 4 * 1024 * 1024;

/**
 * What the server gives for an accepted dialect, or undefined where it cannot. With `values: iso` the text of each value
 * is that of our own CSV; without, it is what any Postgres reads as the same value.
 */
export function csvOffer(
  sessions: Sessions,
  place: Place,
  source: Source,
  accepted: Encoding,
  o: CallOptions,
): EncodedRows | undefined {
  const { columns } = source;
  const { values, ...given } = accepted.options ?? {};
  const dialect = { ...defaults, ...given };
  const bytes = [dialect.delimiter, dialect.quote, dialect.escape];
  if (!bytes.every((text) => /^[\x01-\x7f]$/.test(String(text)))) return undefined;
  const texts = columns.map((column) => (values === 'iso' ? isoText(column) : serverText(column)));
  if (texts.some((text) => text === undefined)) return undefined;

  const options = Object.entries(dialect).map(([name, value]) =>
    typeof value === 'boolean' ? `${name} ${value}` : `${name} ${quoteText(String(value))}`,
  );
  const format = `(format csv, ${options.join(', ')})`;
  const dates = values === 'iso' ? columns.filter(({ type }) => type === 'date') : [];
  const usual = columns.every(({ name, type }, i) => texts[i] === quoteName(name) || type === 'date');
  const list = (text: (column: Column, i: number) => string) =>
    columns.length === 0 ? source.copied : `(select ${columns.map(text).join(', ')} from ${source.from})`;
  const exact = list((_, i) => texts[i]!);
  const quick = usual ? source.copied : list(({ name, type }, i) => (type === 'date' ? quoteName(name) : texts[i]!));

  const counted = { rows: 0 };
  const read = (session: Session, copied: string) => copyOut(session, copied, format, counted);
  const chunks = sessions.stream(place, o, (session) =>
    inSnapshot(session, async function* () {
      if (dates.length === 0) return yield* read(session, exact);
      const other = async () => {
        const { rows } = await session.client.query('select pg_export_snapshot() as snapshot');
        return sessions.stream(place, o, (helper) => inSnapshot(helper, () => read(helper, quick), rows[0].snapshot));
      };
      const isLarge = source.bytes > smallBytes && (await sessions.spare()) > 0;
      const begun = isLarge ? await other() : undefined;
      const looking = hasOddDates(session, source, dates);
      const usable = begun === undefined ? !(await looking) : yield* heldUntil(begun, looking);
      if (begun === undefined || !usable) yield* read(session, usable ? quick : exact);
    }),
  );
  return { encoding: { name: 'csv', options: dialect }, columns, chunks, rows: () => counted.rows };
}

/** Gives the chunks once `bad` has turned out to be false, and whether it did. */
async function* heldUntil(
  chunks: AsyncGenerator<Uint8Array>,
  bad: Promise<boolean>,
): AsyncGenerator<Uint8Array, boolean> {
  let known: boolean | undefined;
  bad.then(
    (found) => {
      known = found;
    },
    () => {},
  );
  const held: Uint8Array[] = [];
  let bytes = 0;
  try {
    for await (const chunk of { [Symbol.asyncIterator]: () => ({ next: () => chunks.next() }) }) {
      if (known === false && held.length === 0) {
        yield chunk;
        continue;
      }
      held.push(chunk);
      bytes += chunk.length;
      if (known === undefined && bytes >= heldBytes) known = await bad;
      if (known === undefined) continue;
      if (known) return false;
      yield* held.splice(0);
    }
    if (await bad) return false;
    yield* held;
    return true;
  } finally {
    await chunks.return(undefined);
  }
}

/** Years before 1 and after 9999 look otherwise on the server. They are rare, and looking costs less than a cast. */
async function hasOddDates({ client }: Session, { from }: Source, dates: readonly Column[]): Promise<boolean> {
  const odd = dates.map(({ name }) => `not ${isUsual(quoteName(name), 'date')}`);
  const { rows } = await client.query(`select exists (select from ${from} where ${odd.join(' or ')}) as found`);
  return rows[0].found;
}

function isUsual(name: string, type: string): string {
  const end = type === 'date' ? '9999-12-31' : '9999-12-31 23:59:59.999999';
  return `(${name} between '0001-01-01'::${type} and '${end}'::${type})`;
}

/** The value as the server shows it; undefined where another server may read something else. */
function serverText({ type, native, name }: Column): string | undefined {
  if (native === undefined) return undefined;
  // COPY writes `t` and `f`; a cast writes `true` and `false`.
  if (type === 'boolean') return `${quoteName(name)}::text`;
  return ['integer', 'decimal', 'text', 'uuid', 'time', 'interval'].includes(type) ? quoteName(name) : undefined;
}

/** SQL for the text that our CSV has of the value; undefined where only the value itself tells it. */
function isoText(column: Column): string | undefined {
  const name = quoteName(column.name);
  switch (column.native === undefined ? undefined : column.type) {
    case 'binary':
      return name;
    case 'date':
      return `case when not isfinite(${name}) or ${isUsual(name, 'date')} then ${name}::text else ${isoDay(name)} end`;
    case 'timestamp':
      return isoTime(name, '');
    case 'timestamptz':
      return isoTime(`timezone('UTC', ${name})`, 'Z');
    default:
      return serverText(column);
  }
}

function isoTime(time: string, zone: string): string {
  const usual = `replace(${time}::text, ' ', 'T') || '${zone}'`;
  const odd = `${isoDay(`${time}::date`)} || 'T' || ${time}::time::text || '${zone}'`;
  return `case when ${isUsual(time, 'timestamp')} then ${usual} when isfinite(${time}) then ${odd} else ${time}::text end`;
}

/** Any day, with a sign and six digits of the year; 1 BC is the year 0000. */
function isoDay(date: string): string {
  const year = `(extract(year from ${date})::int4 + (extract(year from ${date}) < 0)::int4)`;
  const digits = `abs(${year})::text`;
  const signed = `case when ${year} < 0 then '-' else '+' end || lpad(${digits}, greatest(6, length(${digits})), '0')`;
  const rest = `substring(${date}::text from '-[0-9]{2}-[0-9]{2}')`;
  return `case when ${year} = 0 then '0000' else ${signed} end || ${rest}`;
}
