// Writing: prepared inserts into the table itself, in one transaction, or in one after the other with their checkpoints.
import type { WriteOptions, WriteReport } from '../../engine/contracts/connector.ts';
import type { RowStream, Value } from '../../engine/contracts/data.ts';
import { failure } from '../../engine/errors.ts';
import { quoteName } from '../shared/sql.ts';
import { type KnownColumns, knownColumns } from '../shared/sql-columns.ts';
import { findTable, tableName } from './catalog.ts';
import { keepCheckpoint, removeCheckpoint } from './checkpoints.ts';
import type { DatabaseFile } from './connect.ts';
import type { Handle } from './driver.ts';
import { databaseFailure, type Place } from './errors.ts';
import { createInserter } from './insert.ts';
import { prepareTarget } from './target.ts';
import { jointTransaction, ownTransaction, type Transaction } from './transaction.ts';

/** What is committed at a time with `commit: batch`. */
const commitRows = 100_000;
const commitBytes = 16 * 1024 * 1024;
const commitMs = 10_000;

export async function writeTable(
  file: DatabaseFile,
  place: Place,
  path: string,
  stream: RowStream,
  o: WriteOptions,
): Promise<WriteReport> {
  const table = tableName(path, place.shown);
  const inBatches = o.commit === 'batch';
  if (inBatches && (o.mode === 'replace' || o.mode === 'create')) {
    const hint = '; its rows are seen at once or not at all';
    throw failure('OPTION_UNSUPPORTED', { what: '`commit: batch`', where: `\`mode: ${o.mode}\``, hint });
  }
  if (o.mode === 'upsert' && !o.key?.length) throw failure('KEY_MISSING', { path: place.shown });
  const known = await knownColumns(stream);
  let transaction: Transaction | undefined;
  try {
    transaction = inBatches ? await ownTransaction(file, place, o) : jointTransaction(file, place, o);
    const rows = await load(transaction, place, table, known, o);
    transaction.close();
    return { rows, paths: [place.shown] };
  } catch (error) {
    const explained = o.signal.aborted ? o.signal.reason : databaseFailure(error, place);
    await transaction?.fail(explained);
    throw explained;
  } finally {
    await known.close();
  }
}

async function load(
  transaction: Transaction,
  place: Place,
  table: string,
  known: KnownColumns,
  o: WriteOptions,
): Promise<number> {
  const first = await transaction.use();
  const target = known.columns.length === 0 ? undefined : prepareTarget(first, table, known.columns, o, place.shown);
  if (o.mode === 'replace') clear(first, table);
  const inserter = target && createInserter(first, target, place, o, known.inferred);
  let last: Value | undefined;
  let records = 0;
  let taken = 0;
  let committed = { records: 0, at: performance.now() };
  for await (const { rows, checkpoint } of known.stream.batches) {
    o.signal.throwIfAborted();
    const handle = await transaction.use();
    if (rows.length > 0 && inserter !== undefined) taken += await inserter.add(rows, records);
    records += rows.length;
    if (checkpoint !== undefined) last = checkpoint;
    o.onProgress?.({ rows: taken });
    if (o.commit !== 'batch') continue;
    const isDue =
      records - committed.records >= commitRows ||
      (inserter?.sent.bytes ?? 0) >= commitBytes ||
      performance.now() - committed.at >= commitMs;
    if (!isDue) continue;
    if (o.checkpoint !== undefined && last !== undefined) keepCheckpoint(handle, o.checkpoint.name, last);
    await transaction.commit();
    if (inserter !== undefined) inserter.sent.bytes = 0;
    committed = { records, at: performance.now() };
  }
  await o.beforeCommit();
  o.signal.throwIfAborted();
  const handle = await transaction.use();
  if (o.checkpoint?.last === 'remove') removeCheckpoint(handle, o.checkpoint.name);
  else if (o.checkpoint !== undefined && last !== undefined) keepCheckpoint(handle, o.checkpoint.name, last);
  await transaction.commit();
  return taken;
}

/** The table stays the same one, so its indexes, views and triggers do. What refers to its rows is looked at when all are there. */
function clear(handle: Handle, name: string): void {
  const table = findTable(handle, name);
  if (table === undefined) return;
  handle.exec('pragma defer_foreign_keys = on');
  handle.exec(`delete from ${quoteName(table.name)}`);
}
