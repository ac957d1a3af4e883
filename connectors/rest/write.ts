// Records sent to a resource, one by one or in batches. A service keeps what it has taken: there is no way back.
import { randomUUID } from 'node:crypto';
import type { WriteOptions, WriteReport } from '../../engine/contracts/connector.ts';
import type { Row, RowStream, Value } from '../../engine/contracts/data.ts';
import { Failure, failure } from '../../engine/errors.ts';
import type { ManifestResource, ManifestWrite } from '../../schemas/generated/types.ts';
import { createPool } from '../shared/pool.ts';
import { resourceAt } from './read.ts';
import type { Service } from './service.ts';
import { filler, pathFiller, pointed } from './templates.ts';

export async function writeResource(
  service: Service,
  path: string,
  stream: RowStream,
  o: WriteOptions,
): Promise<WriteReport> {
  const { resource, shown } = resourceAt(service.manifest, service.name, path);
  const way = wayOf(resource, o, shown);
  const send = sender(service, way, shown);
  const size = way.batch ?? 1;
  const pool = createPool(service.concurrency);
  let position = 0;
  let rows = 0;
  let held: Row[] = [];

  const flush = async () => {
    const batch = held;
    const first = position - batch.length + 1;
    held = [];
    await pool.add(async () => {
      o.signal.throwIfAborted();
      const taken = await deliver(send, batch, first, o, shown);
      rows += taken;
      o.onProgress?.({ rows });
    });
  };
  for await (const batch of stream.batches) {
    for (const row of batch.rows) {
      position++;
      held.push(row);
      if (held.length >= size) await flush();
    }
  }
  if (held.length > 0) await flush();
  await pool.drained();
  await o.beforeCommit();
  return { rows, paths: [shown] };
}

function wayOf(resource: ManifestResource, o: WriteOptions, shown: string): ManifestWrite {
  const mode = o.mode === 'default' ? 'append' : o.mode;
  const refused = (what: string, hint = '') => failure('OPTION_UNSUPPORTED', { what, where: shown, hint });
  if (o.commit === 'batch') throw refused('`commit: batch`', '; every record is there as soon as it was sent');
  const ways = {
    append: resource.create,
    upsert: resource.upsert ?? resource.update,
    replace: undefined,
    create: undefined,
  };
  const way = ways[mode];
  if (way !== undefined) return way;
  const can = (['append', 'upsert'] as const).filter((each) => ways[each] !== undefined);
  throw refused(`\`mode: ${mode}\``, can.length === 0 ? ': it can only be read' : `; it takes ${can.join(' and ')}`);
}

type Send = (records: Row[], o: WriteOptions) => Promise<Value>;

function sender(service: Service, way: ManifestWrite, shown: string): Send {
  const { config } = service;
  const names = ['config', 'record', 'records'] as const;
  const path = pathFiller(way.path, ['config', 'record'], shown);
  const whole = (way.batch ?? 1) > 1 ? '${records}' : '${record}';
  const body = filler((way.body ?? (way.method === 'DELETE' ? null : whole)) as Value, names, shown);
  const { method = 'POST', idempotency_header: header } = way;
  return async (records, o) => {
    const scope = { config, record: records[0]!, records };
    const sent = body(scope);
    const answer = await service.call(
      {
        method,
        path: path(scope),
        ...(sent === null ? {} : { body: sent, encoding: way.encoding ?? 'json' }),
        // With a key of its own, a request that is sent twice counts once.
        ...(header === undefined ? {} : { headers: { [header.toLowerCase()]: randomUUID() }, reads: true }),
      },
      o,
    );
    return way.rejected === undefined ? null : (pointed(answer.body, way.rejected) ?? null);
  };
}

/** How many of the records were taken. Those that were refused go to `onReject`, or fail the write. */
async function deliver(send: Send, records: Row[], first: number, o: WriteOptions, shown: string): Promise<number> {
  try {
    const refused = await send(records, o);
    if (refused === null || (Array.isArray(refused) && refused.length === 0)) return records.length;
    throw failure('HTTP_STATUS', {
      method: 'writing',
      url: shown,
      status: 'with refusals',
      reason: `: ${JSON.stringify(refused).slice(0, 300)}`,
    });
  } catch (error) {
    if (o.signal.aborted) throw o.signal.reason;
    const last = first + records.length - 1;
    const at = records.length === 1 ? `record ${first}` : `records ${first} to ${last}`;
    if (!(error instanceof Failure) || error.code !== 'HTTP_STATUS') throw error;
    if (o.onReject === undefined) {
      const reason = `${error.data.reason ?? ''} (${at})`;
      throw failure('HTTP_STATUS', { ...error.data, reason }, { cause: error });
    }
    if (records.length > 1) {
      // Which of them it was, only one by one can tell.
      let taken = 0;
      for (const [i, record] of records.entries()) taken += await deliver(send, [record], first + i, o, shown);
      return taken;
    }
    await o.onReject({ row: records[0]!, reason: error.message, position: first });
    return 0;
  }
}
