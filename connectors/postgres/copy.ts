// Reading: COPY TO STDOUT as rows, or as bytes for a target that takes them.
import type { CallOptions } from '../../engine/contracts/connector.ts';
import type { Column, Encoding, RowStream } from '../../engine/contracts/data.ts';
import { quoteText } from '../shared/sql.ts';
import type { Session, Sessions } from './connect.ts';
import { openCopyOut } from './copy-out.ts';
import { csvOffer } from './csv.ts';
import { decodeCopy } from './decode.ts';
import type { Place } from './errors.ts';
import type { Source } from './source.ts';
import { isBuiltIn } from './types.ts';

/** All rows of one snapshot. Nothing is asked of the server before they are pulled. */
export function copyStream(sessions: Sessions, place: Place, source: Source, o: CallOptions): RowStream {
  const { columns } = source;
  const chunks = (copied: string, options: string) =>
    sessions.stream(place, o, (session) => inSnapshot(session, () => copyOut(session, copied, options)));
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
        if (accepted.name !== 'csv') continue;
        const offer = csvOffer(sessions, place, source, accepted, o);
        if (offer !== undefined) return offer;
      }
      return undefined;
    },
  };
}

/** What must be equal on both sides of a binary or text copy: the types in order. */
export function typesOf(columns: readonly Column[]): string {
  return columns.map(({ native }) => native ?? '?').join('|');
}

/** The work in a transaction that sees the database as it is when it begins, or as another one sees it. */
export async function* inSnapshot<T>(
  session: Session,
  work: () => AsyncIterable<T>,
  snapshot?: string,
): AsyncGenerator<T> {
  const { client } = session;
  await client.query('begin transaction isolation level repeatable read read only');
  let whole = false;
  try {
    if (snapshot !== undefined) await client.query(`set transaction snapshot ${quoteText(snapshot)}`);
    yield* work();
    await client.query('commit');
    whole = true;
  } finally {
    if (!whole) session.spoil();
  }
}

/** `counted`: gets the number of the rows at the end. */
export async function* copyOut(
  { client }: Session,
  copied: string,
  options = '',
  counted?: { rows: number },
): AsyncGenerator<Uint8Array> {
  const copy = openCopyOut(client, `copy ${copied} to stdout ${options}`);
  yield* copy.chunks;
  if (counted !== undefined) counted.rows = copy.rows();
}
