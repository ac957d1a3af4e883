// Writing: pieces of the source loaded into the table or beside it, in one transaction or committed as it goes.
import type { WriteOptions, WriteReport } from '../../engine/contracts/connector.ts';
import type { RowStream, Value } from '../../engine/contracts/data.ts';
import type { Log } from '../../engine/contracts/task.ts';
import { failure } from '../../engine/errors.ts';
import { knownColumns } from '../shared/sql-columns.ts';
import { findTable, quoted, type TablePath } from './catalog.ts';
import { keepCheckpoint, makeCheckpoints, removeCheckpoint } from './checkpoints.ts';
import type { Session, Sessions } from './connect.ts';
import { acceptedCsv, csvPieces } from './csv.ts';
import { compileEncoder, type EncodeRows } from './encode.ts';
import type { Place } from './errors.ts';
import { createLoad, insertsInstead } from './load.ts';
import { encodedPieces, type Piece } from './pieces.ts';
import { createSegments } from './segments.ts';
import { createStaging } from './staging.ts';
import { prepareTarget } from './target.ts';

/** So much is committed at a time with `commit: batch`. */
const commitBytes = 16 * 1024 * 1024;
const commitRows = 100_000;

export interface WriteContext {
  localInfile: 'auto' | 'never' | 'require';
  log: Log;
}

export async function writeTable(
  sessions: Sessions,
  place: Place,
  path: TablePath,
  stream: RowStream,
  o: WriteOptions,
  context: WriteContext,
): Promise<WriteReport> {
  if (o.commit === 'batch' && (o.mode === 'replace' || o.mode === 'create')) {
    throw failure('OPTION_UNSUPPORTED', {
      what: '`commit: batch`',
      where: `\`mode: ${o.mode}\``,
      hint: '; it needs append or upsert',
    });
  }
  if (o.mode === 'upsert' && !o.key?.length) throw failure('KEY_MISSING', { path: place.shown });
  return sessions.use(place, o, async (session) => {
    const known = await knownColumns(stream);
    try {
      if (o.checkpoint !== undefined) await makeCheckpoints(session, path);
      const work = known.columns.length === 0 ? none : load;
      return { rows: await work(session, place, path, known, o, context), paths: [place.shown] };
    } finally {
      await known.close();
    }
  });
}

type Known = Awaited<ReturnType<typeof knownColumns>>;

/** A stream without rows and without columns: of the modes only `replace` changes anything. */
async function none(session: Session, _: Place, path: TablePath, { stream }: Known, o: WriteOptions): Promise<number> {
  const table = o.mode === 'replace' ? await findTable(session, path) : undefined;
  let last: Value | undefined;
  for await (const { checkpoint } of stream.batches) last = checkpoint ?? last;
  await session.wire.query('start transaction');
  return finishing(session, async () => {
    if (table !== undefined) await session.wire.query(`delete from ${quoted(table)}`);
    await keep(session, path, o, last, true);
    await o.beforeCommit();
    await session.wire.query('commit');
    return 0;
  });
}

async function load(
  session: Session,
  place: Place,
  path: TablePath,
  known: Known,
  o: WriteOptions,
  { localInfile, log }: WriteContext,
): Promise<number> {
  const { wire } = session;
  const where = place.shown;
  const inserting = await insertsInstead(session, localInfile, where, (message) => log.warn(message));
  const { pairs, table, renameTo } = await prepareTarget(session, path, known.columns, o, where);
  const staging = createStaging(session, { table, pairs, made: renameTo !== undefined }, o);
  try {
    await staging.make();
    const target = { table: staging.into, pairs, replacing: o.mode === 'upsert' };
    const segments = createSegments(session, {
      load: createLoad(session, target, { inserting }),
      merge: staging.merge,
      where,
      onReject: o.onReject,
    });
    const { onReject } = o;
    // Who is to get a refused row needs it as a row, bytes have no checkpoints, and are looked at for loss.
    const asBytes = onReject === undefined && o.checkpoint === undefined && o.commit !== 'batch' && o.lossy !== 'allow';
    const piecesOf = (stream: RowStream, encode: EncodeRows): AsyncGenerator<Piece> => {
      const encoded = asBytes ? stream.encoded?.(acceptedCsv(pairs)) : undefined;
      if (encoded === undefined) return encodedPieces(stream, encode, o.onProgress);
      const delimiter = String(encoded.encoding.options?.delimiter ?? ',');
      return csvPieces(counted(encoded.chunks, o), { delimiter, pairs, where });
    };
    const encode = compileEncoder(pairs, {
      strict: known.inferred,
      lossy: o.lossy === 'allow',
      where,
      ...(onReject === undefined ? {} : { onReject }),
    });
    const source = piecesOf(known.stream, encode);
    // Without gaps locked, so that writers of other rows do not wait for each other.
    await wire.query(`set session max_error_count = ${onReject === undefined ? 64 : 65_535}`);
    await wire.query(`set session sql_notes = ${o.lossy === 'allow' ? 0 : 1}`);
    await wire.query('set transaction isolation level read committed');
    await wire.query('start transaction');
    return await finishing(session, async () => {
      let rows = 0;
      let [bytes, since] = [0, 0];
      let last: Value | undefined;
      let next = await source.next();
      try {
        while (!next.done) {
          const taken = await segments.write(next.value, async () => {
            next = await source.next();
            return next.done ? undefined : next.value;
          });
          rows += taken.rows;
          since += taken.rows;
          bytes += taken.bytes;
          last = taken.checkpoint ?? last;
          if (next.done || o.commit !== 'batch' || (bytes < commitBytes && since < commitRows)) continue;
          await keep(session, path, o, last, false);
          await wire.query('commit');
          await wire.query('set transaction isolation level read committed');
          await wire.query('start transaction');
          [bytes, since] = [0, 0];
        }
      } finally {
        await source.return?.(undefined);
      }
      await staging.settle();
      await keep(session, path, o, last, true);
      if (renameTo !== undefined) await wire.query('commit');
      await o.beforeCommit();
      if (renameTo === undefined) await wire.query('commit');
      else await wire.query(`rename table ${quoted(table)} to ${quoted(renameTo)}`);
      return rows;
    });
  } finally {
    // What is not there any more, or has its name by now, is not dropped.
    await staging.drop();
    if (renameTo !== undefined) await dropNew(session, table);
  }
}

async function dropNew({ wire, spoil }: Session, table: TablePath): Promise<void> {
  if (!wire.usable()) return;
  await wire.query(`drop table if exists ${quoted(table)}`).catch(spoil);
  await wire.query('do release_all_locks()').catch(spoil);
}

/** The work of a transaction that is open, which is undone when the work fails. */
async function finishing<T>({ wire, spoil }: Session, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (wire.usable()) await wire.query('rollback').catch(spoil);
    throw error;
  }
}

async function keep(
  session: Session,
  path: TablePath,
  { checkpoint }: WriteOptions,
  last: Value | undefined,
  ended: boolean,
): Promise<void> {
  if (checkpoint === undefined) return;
  if (ended && checkpoint.last === 'remove') await removeCheckpoint(session, path, checkpoint.name);
  else if (last !== undefined) await keepCheckpoint(session, path, checkpoint.name, last);
}

async function* counted(chunks: AsyncIterable<Uint8Array>, o: WriteOptions): AsyncGenerator<Uint8Array> {
  let bytes = 0;
  for await (const chunk of chunks) {
    bytes += chunk.length;
    o.onProgress?.({ bytes });
    yield chunk;
  }
}
