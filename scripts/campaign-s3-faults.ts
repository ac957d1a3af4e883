// S3 with random faults in its answers: each copy ends with the right bytes, or with an error. `[scenarios] [seed]`
import { createHash } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { connector } from '../connectors/s3/index.ts';
import type { FileItem } from '../engine/contracts/data.ts';
import { Failure } from '../engine/errors.ts';
import { connectorContext } from '../test/conformance/files.ts';
import { type S3Fault, startS3Server } from '../test/servers/s3.ts';
import { testCredential } from '../test/servers/s3-storage.ts';

const mib = 1024 * 1024;
const { signal } = new AbortController();

export interface Outcome {
  /** Copies with the right bytes, and copies that ended with an error. */
  done: number;
  refused: number;
  failed: string[];
}

/** The same seed gives the same scenarios: Mulberry32. */
function chance(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const faults: ((random: () => number) => S3Fault)[] = [
  () => ({ refuse: { status: 500, code: 'InternalError', message: 'try again' } }),
  () => ({ refuse: { status: 503, code: 'SlowDown', message: 'slow down' } }),
  () => ({ refuse: { status: 429, code: 'TooManyRequests', message: 'wait', retryAfter: 0 } }),
  () => ({ refuse: { status: 400, code: 'ExpiredToken', message: 'expired' } }),
  () => ({ refuse: { status: 403, code: 'AccessDenied', message: 'no' } }),
  () => ({ refuse: { status: 400, code: 'RequestTimeout', message: 'idle' } }),
  (random) => ({ cutAfter: 1 + Math.floor(random() * 3 * mib) }),
  (random) => ({ tooLong: 1 + Math.floor(random() * 9) }),
  (random) => ({ waitMs: Math.floor(random() * 20) }),
  () => ({ lose: true }),
  () => ({ corrupt: true }),
];

/** Writes and reads files of random sizes while one request of so many goes wrong. */
export async function faultyCopies({ scenarios, seed }: { scenarios: number; seed: number }): Promise<Outcome> {
  const server = await startS3Server();
  const outcome: Outcome = { done: 0, refused: 0, failed: [] };
  const bucket = server.store.buckets.get('bucket')!;
  try {
    for (let scenario = 0; scenario < scenarios; scenario++) {
      const random = chance(seed * 100_003 + scenario);
      const rate = random() * 0.5;
      const size = Math.floor(random() * [10, 100_000, 13 * mib][Math.floor(random() * 3)]!);
      const content = Buffer.alloc(size, createHash('sha256').update(`${scenario}`).digest());
      const connection = connector.open(
        {
          bucket: 'bucket',
          region: 'us-east-1',
          endpoint: server.url,
          part_size: '5MiB',
          concurrency: 1 + Math.floor(random() * 3),
          checksums: 'when_supported',
        },
        connectorContext('lake', { credential: testCredential }),
      );
      server.fault = (call) => {
        // What was left is looked at below: its removal is not disturbed.
        if (call.method === 'DELETE' || random() >= rate) return undefined;
        const fault = faults[Math.floor(random() * faults.length)]!(random);
        // Nobody can know of an upload whose beginning was never answered; nor that bytes differ where the store tells
        // no checksum, which is so for ranges and for what came in parts. There TLS, or `verify: checksum`, must do it.
        if (fault.lose && call.query.has('uploads')) return undefined;
        const told = call.headers.range === undefined && bucket.objects.get(call.key)?.blobs.length === 1;
        return fault.corrupt && call.method === 'GET' && !told ? undefined : fault;
      };
      const item: FileItem = {
        name: 'a',
        path: 'a',
        contentType: 'text/plain',
        size,
        async *open(range) {
          const bytes = content.subarray(range?.start ?? 0, range?.end);
          for (let at = 0; at < bytes.length; at += 300_000) yield bytes.subarray(at, at + 300_000);
        },
      };
      const wrong = (what: string) => outcome.failed.push(`seed ${seed}, scenario ${scenario}: ${what}`);
      try {
        bucket.remove('a');
        const inParts = random() < 0.5 ? { parts: { bytes: 5 * mib, atOnce: 2 } } : {};
        const files = (async function* () {
          yield item;
        })();
        const options = { signal, mode: 'replace' as const, beforeCommit: async () => {}, ...inParts };
        await connection.write('a', { kind: 'files', files }, options);
        const stored = bucket.objects.get('a');
        if (stored?.size !== size) wrong(`a write was called done with ${stored?.size} of ${size} bytes`);
        const stream = await connection.read('a', { signal });
        const chunks: Uint8Array[] = [];
        if (stream.kind === 'files')
          for await (const file of stream.files) for await (const chunk of file.open()) chunks.push(chunk);
        if (Buffer.concat(chunks).equals(content)) outcome.done++;
        else wrong('a read was called done with other bytes');
      } catch (error) {
        if (error instanceof Failure && error.code !== 'BUG') outcome.refused++;
        else wrong(`no clear error: ${(error as Error).stack}`);
      }
      if (server.store.uploads.size > 0) {
        wrong('an unfinished upload was left');
        server.store.uploads.clear();
      }
      await connection.close();
    }
  } finally {
    await server.close();
  }
  return outcome;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [scenarios = '1000', seed = String(Date.now() % 100_000)] = process.argv.slice(2);
  const { done, refused, failed } = await faultyCopies({ scenarios: Number(scenarios), seed: Number(seed) });
  console.log(`seed ${seed}: ${done} done with the right bytes, ${refused} refused, ${failed.length} wrong`);
  for (const problem of failed) console.log(`  ${problem}`);
  if (failed.length > 0) process.exitCode = 1;
}
