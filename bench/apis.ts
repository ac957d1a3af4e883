// A paginated API read through a manifest, by a loop written by hand, and without looking at what comes.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { Agent, request } from 'undici';
import { concurrency, connectionTo, readAll } from './apis-service.ts';
import { measure, median } from './measure.ts';

/** Prints the medians of so many rounds over so many records. */
export async function benchApis(rounds: number, records = 1_000_000): Promise<void> {
  const { baseUrl, server } = await startServer(records);
  const connection = connectionTo(baseUrl);
  const agent = new Agent({ pipelining: 1, connections: concurrency });
  const page = async (at: number) => (await request(`${baseUrl}orders?page=${at}`, { dispatcher: agent })).body;
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
    'by manifest': () => readAll(connection),
  };
  try {
    const seconds: Record<string, number[]> = {};
    const processor: Record<string, number[]> = {};
    for (let round = 0; round < rounds; round++) {
      for (const [name, run] of Object.entries(work)) {
        const started = performance.now();
        const before = process.cpuUsage();
        const total = await run();
        const { user, system } = process.cpuUsage(before);
        processor[name] = [...(processor[name] ?? []), (user + system) / 1e6];
        if (total < records) throw new Error(`${name}: ${total} of ${records} records`);
        seconds[name] = [...(seconds[name] ?? []), (performance.now() - started) / 1000];
      }
    }
    console.log(`${records} records, 1,000 a page, 20 ms each, ${concurrency} at once`);
    for (const [name, all] of Object.entries(seconds)) {
      const middle = median(all);
      const cpu = median(processor[name]!);
      console.log(
        `  ${name.padEnd(12)} ${middle.toFixed(2).padStart(6)} s  ${Math.round(records / middle / 1000)} k records/s  ${cpu.toFixed(2)} s of the processor`,
      );
    }
    const against = (other: string) => median(seconds['by manifest']!.map((each, i) => each / seconds[other]![i]!));
    const share = (1 / against('bytes only')) * 100;
    console.log(`  by manifest / by hand     ${against('by hand').toFixed(2)}  (at most 1.10)`);
    console.log(`  of what the server gives  ${share.toFixed(0)} %  (at least 90 %)`);
    const [few, all] = [await peakOf(100_000), await peakOf(1_000_000)];
    console.log(
      `  peak memory of a process  ${few} MB for 100,000 records, ${all} MB for 1,000,000: ${(all / few).toFixed(2)}`,
    );
  } finally {
    await connection.close();
    await agent.close();
    server.kill();
  }
}

/** Everything that a process of its own needs at its highest, in MB. */
async function peakOf(records: number): Promise<number> {
  const { baseUrl, server } = await startServer(records);
  try {
    const reader = join(import.meta.dirname, 'apis-reader.ts');
    const { peakBytes } = await measure(process.execPath, ['--import', 'tsx', reader, baseUrl]);
    return Math.round(peakBytes / 1e6);
  } finally {
    server.kill();
  }
}

async function startServer(records: number) {
  const file = join(import.meta.dirname, 'apis-server.ts');
  const server = spawn(process.execPath, ['--import', 'tsx', file, String(records)]);
  const [port] = await once(server.stdout, 'data');
  return { baseUrl: `http://127.0.0.1:${String(port).trim()}/`, server };
}
