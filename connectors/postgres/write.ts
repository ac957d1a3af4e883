// Writing: COPY FROM STDIN into the table or into a staging table, in one transaction or in several.
import type { WriteOptions, WriteReport } from '../../engine/contracts/connector.ts';
import type { RowStream, Value } from '../../engine/contracts/data.ts';
import { failure } from '../../engine/errors.ts';
import { type KnownColumns, knownColumns } from '../shared/sql-columns.ts';
import { pullBatches } from './batches.ts';
import { findTable, type TablePath } from './catalog.ts';
import { type CheckpointKeeper, checkpointKeeper, makeCheckpointTable } from './checkpoint.ts';
import { inTransaction, type Session, type Sessions } from './connect.ts';
import { acceptedEncodings } from './copy-in.ts';
import { located, type Place } from './errors.ts';
import { type Load, openLoad, type Sent } from './load.ts';
import { clear } from './staging.ts';
import { prepareTarget, type WriteTarget } from './target.ts';
import { type Turn, takeTurn } from './together.ts';

/** When `commit: batch` commits: whichever comes first. */
const commitBytes = 16 * 1024 * 1024;
const commitRows = 100_000;
const commitMs = 5000;

interface Work {
  session: Session;
  place: Place;
  path: TablePath;
  known: KnownColumns;
  o: WriteOptions;
  keeper: CheckpointKeeper;
  turn: Turn;
  sent: Sent;
}

export async function writeTable(
  sessions: Sessions,
  shown: Place,
  path: TablePath,
  stream: RowStream,
  o: WriteOptions,
): Promise<WriteReport> {
  if (o.mode === 'upsert' && !o.key?.length) throw failure('KEY_MISSING', { path: shown.shown });
  if (o.commit === 'batch' && (o.mode === 'replace' || o.mode === 'create')) {
    const hint = '; say `mode: append` or `mode: upsert`, or leave `commit: batch` out';
    throw failure('OPTION_UNSUPPORTED', { what: `\`mode: ${o.mode}\``, where: '`commit: batch`', hint });
  }
  const place: Place = { ...shown, table: path.name };

  return sessions.use(place, o, async (session) => {
    if (o.checkpoint !== undefined) {
      const at = { ...shown, shown: `${shown.shown}, its checkpoints` };
      await makeCheckpointTable(session.client, path).catch(located(at));
    }
    const known = await knownColumns(stream);
    const keeper = checkpointKeeper(session.client, path, o.checkpoint);
    const turn = takeTurn(session, place, o);
    const work: Work = { session, place, path, known, o, keeper, turn, sent: { rows: 0, bytes: 0 } };
    try {
      const rows = o.commit === 'batch' ? await inBatches(work) : await atOnce(work);
      return { rows, paths: [place.shown] };
    } finally {
      turn.end();
      await known.close();
    }
  });
}

/** One transaction. */
function atOnce({ session, place, path, known, o, keeper, turn, sent }: Work): Promise<number> {
  return inTransaction(session, '', async () => {
    let checkpoint: Value | undefined;
    let rows = 0;
    if (known.columns.length === 0) {
      checkpoint = await noRows(session, path, known, o);
    } else {
      const target = await prepareTarget(session, path, known.columns, o, place.shown);
      const load = await openLoad({ session, place, target, o, inferred: known.inferred, sent });
      // Bytes carry no checkpoints, and no rows that could be told.
      const passes = o.checkpoint === undefined && o.onReject === undefined;
      const encoded = passes ? known.stream.encoded?.(acceptedEncodings(target.pairs, session.version)) : undefined;
      await cancelling(load, async () => {
        if (encoded !== undefined) return load.pass(encoded);
        for await (const batch of known.stream.batches) {
          await load.take(batch.rows);
          checkpoint = batch.checkpoint ?? checkpoint;
        }
      });
      rows = await load.finish();
    }
    await keeper.keep(checkpoint, true);
    await allStaged(session, turn);
    return rows;
  });
}

/** A stream without columns has no rows. Of the modes only `replace` changes anything. */
async function noRows(
  { client }: Session,
  path: TablePath,
  { stream }: KnownColumns,
  o: WriteOptions,
): Promise<Value | undefined> {
  let checkpoint: Value | undefined;
  for await (const batch of stream.batches) checkpoint = batch.checkpoint ?? checkpoint;
  const table = o.mode === 'replace' ? await findTable(client, path) : undefined;
  if (table !== undefined) await clear(client, table);
  return checkpoint;
}

/** A transaction for every so many rows, bytes or seconds. The last one waits for the other writers of the run. */
async function inBatches({ session, place, path, known, o, keeper, turn, sent }: Work): Promise<number> {
  const batches = pullBatches(known.stream.batches);
  let target: WriteTarget | undefined;
  let rows = 0;
  let ended = false;
  try {
    while (!ended) {
      // Nothing is open on the server while the first rows are waited for.
      let batch = await batches.next();
      await inTransaction(session, '', async () => {
        const untilMs = performance.now() + commitMs;
        if (known.columns.length > 0) target ??= await prepareTarget(session, path, known.columns, o, place.shown);
        const load = target && (await openLoad({ session, place, target, o, inferred: known.inferred, sent }));
        const first = { ...sent };
        let checkpoint: Value | undefined;
        const take = async () => {
          while (batch !== undefined) {
            await load?.take(batch.rows);
            checkpoint = batch.checkpoint ?? checkpoint;
            // A commit between checkpoints would be forgotten by the one who goes on.
            const kept = o.checkpoint === undefined || batch.checkpoint !== undefined;
            const full = sent.rows - first.rows >= commitRows || sent.bytes - first.bytes >= commitBytes;
            if (kept && full) return;
            const next = kept ? await batches.next(untilMs) : await batches.next();
            if (next === 'late') return;
            batch = next;
          }
          ended = true;
        };
        await (load === undefined ? take() : cancelling(load, take));
        rows += (await load?.finish()) ?? 0;
        await keeper.keep(checkpoint, ended);
        o.signal.throwIfAborted();
        if (ended) await allStaged(session, turn);
      });
    }
    return rows;
  } finally {
    await batches.close();
  }
}

/** What is checked at the commit is checked now, while the other writers can still be stopped. */
async function allStaged({ client }: Session, turn: Turn): Promise<void> {
  await client.query('set constraints all immediate');
  await turn.beforeCommit();
}

async function cancelling(load: Load, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    load.cancel(error);
    throw error;
  }
}
