// The service of the bench as a manifest describes it, and all of it read.
import { restConnector } from '../connectors/rest/index.ts';
import type { AnyConnection, ConnectorContext } from '../engine/contracts/connector.ts';
import type { RowStream } from '../engine/contracts/data.ts';
import type { Manifest } from '../schemas/generated/types.ts';

export const concurrency = 8;

export function connectionTo(baseUrl: string): AnyConnection {
  const manifest: Manifest = {
    name: 'bench',
    title: 'Bench',
    base_url: baseUrl,
    rate_limit: { concurrent: concurrency },
    records: '/data',
    pagination: { kind: 'page', param: 'page', size: 1000 },
    resources: {
      orders: {
        path: 'orders',
        key: 'id',
        columns: {
          id: 'integer',
          name: 'text',
          email: 'text',
          status: 'text',
          total: 'decimal',
          created_at: 'timestamptz',
          address: 'json',
        },
      },
    },
  };
  const context: ConnectorContext = {
    name: 'bench',
    credential: async () => ({}),
    renewCredential: async (stale) => stale,
    retry: (work) => work(1),
    log: { debug() {}, info() {}, warn() {} },
  };
  return restConnector(manifest).open({} as never, context);
}

/** How many records there are. */
export async function readAll(connection: AnyConnection): Promise<number> {
  const { batches } = (await connection.read!('orders', { signal: new AbortController().signal })) as RowStream;
  let total = 0;
  for await (const { rows } of batches) total += rows.length;
  return total;
}
