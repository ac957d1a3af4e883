// A paginated API read through a manifest, by a loop written by hand, and without looking at what comes.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { Agent, request } from 'undici';
import { restConnector } from '../connectors/rest/index.ts';
import type { ConnectorContext } from '../engine/contracts/connector.ts';
import type { RowStream } from '../engine/contracts/data.ts';
import type { Manifest } from '../schemas/generated/types.ts';
import { median } from './measure.ts';

const concurrency = 8;

/** Prints the medians of so many rounds over so many records. */
export async function benchApis(rounds: number, records = 300_000): Promise<void> {
  const server = spawn(process.execPath, [
    '--import',
    'tsx',
    join(import.meta.dirname, 'apis-server.ts'),
    String(records),
  ]);
  const [port] = await once(server.stdout, 'data');
  const baseUrl = `http://127.0.0.1:${String(port).trim()}/`;
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
  const connection = restConnector(manifest).open({} as never, context);
  const agent = new Agent({ pipelining: 1, connections: concurrency });
  const page = async (at: number) => (await request(`${baseUrl}orders?page=${at}`, { dispatcher: agent })).body;
  let peak = 0;
  const watch = setInterval(() => {
    peak = Math.max(peak, process.memoryUsage().rss);
  }, 50);

  /** The pages in their order, so many asked for ahead. Gives how many records there were. */
  const loop = async (take: (at: number) => Promise<number>): Promise<number> => {
    const ahead: Promise<number>[] = [];
    let next = 1;
    let total = 0;
    for (;;) {
      while (ahead.length < concurrency) ahead.push(take(next++));
      const count = await ahead.shift()!;
      total += count;
      if (count === 1000) continue;
      await Promise.all(ahead);
      return total;
    }
  };
  const work: Record<string, () => Promise<number>> = {
    'bytes only': () =>
      loop(async (at) => {
        const body = await page(at);
        let bytes = 0;
        for await (const chunk of body) bytes += (chunk as Uint8Array).length;
        return at * 1000 <= records && bytes > 0 ? 1000 : 0;
      }),
    'by hand': () =>
      loop(async (at) => {
        const { data } = JSON.parse(await (await page(at)).text()) as { data: Record<string, unknown>[] };
        let kept = 0;
        for (const { id, name, email, status, total, created_at, address } of data) {
          const row = { id, name, email, status, total: String(total), created_at, address };
          if (Number.isSafeInteger(row.id)) kept++;
        }
        return kept;
      }),
    'by manifest': async () => {
      const { batches } = (await connection.read!('orders', { signal: new AbortController().signal })) as RowStream;
      let total = 0;
      for await (const { rows } of batches) total += rows.length;
      return total;
    },
  };
  try {
    const seconds: Record<string, number[]> = {};
    for (let round = 0; round < rounds; round++) {
      for (const [name, run] of Object.entries(work)) {
        const started = performance.now();
        const total = await run();
        if (total < records) throw new Error(`${name}: ${total} of ${records} records`);
        seconds[name] = [...(seconds[name] ?? []), (performance.now() - started) / 1000];
      }
    }
    console.log(`${records} records, 1,000 a page, 20 ms each, ${concurrency} at once`);
    for (const [name, all] of Object.entries(seconds)) {
      const middle = median(all);
      console.log(
        `  ${name.padEnd(12)} ${middle.toFixed(2).padStart(6)} s  ${Math.round(records / middle / 1000)} k records/s`,
      );
    }
    const against = (other: string) => median(seconds['by manifest']!.map((each, i) => each / seconds[other]![i]!));
    console.log(`  by manifest / by hand     ${against('by hand').toFixed(2)}`);
    console.log(`  by manifest / bytes only  ${against('bytes only').toFixed(2)}`);
    console.log(`  peak memory of all three  ${Math.round(peak / 1e6)} MB`);
  } finally {
    clearInterval(watch);
    await connection.close();
    await agent.close();
    server.kill();
  }
}
