// What a copy to or from S3 stands: kill -9 at random moments, then the same run again. Prints a table. `[kills] [MiB]`
import { spawn } from 'node:child_process';
import { createHash, randomInt } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdtemp, open, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type S3Server, startS3Server, testKey } from '../test/servers/s3.ts';

const mib = 1024 * 1024;
const directions = ['S3 to local', 'local to S3'] as const;
type Direction = (typeof directions)[number];

export interface Outcome {
  direction: Direction;
  kills: number;
  /** What did not hold. */
  failed: string[];
  /** By how much the second run moved less than the whole: the mean of its share. */
  moved: number;
  seconds: number;
}

interface Place {
  server: S3Server;
  folder: string;
  bytes: number;
  sum: string;
}

/** A file of `megabytes`, killed so many times at a moment that chance names, each time with a copy that begins anew. */
export async function killedCopies(
  direction: Direction,
  { kills, megabytes, partSize = '5MiB' }: { kills: number; megabytes: number; partSize?: string },
): Promise<Outcome> {
  const started = performance.now();
  const folder = await mkdtemp(join(tmpdir(), 'pipewright-copy-'));
  const server = await startS3Server();
  const bytes = megabytes * mib + 12_345;
  const outcome: Outcome = { direction, kills, failed: [], moved: 0, seconds: 0 };
  try {
    const file = join(folder, 'in.bin');
    const place = { server, folder, bytes, sum: await fill(file, bytes) };
    if (direction === 'S3 to local') {
      await definition(folder, server, 'in.bin', '/lake/in.bin', partSize);
      await copy(folder);
    }
    const [from, to] = direction === 'S3 to local' ? ['/lake/in.bin', 'out/out.bin'] : ['in.bin', '/lake/out.bin'];
    await definition(folder, server, from, to, partSize);
    for (let kill = 0; kill < kills; kill++) {
      const { problems, share } = await oneKill(direction, place);
      outcome.failed.push(...problems.map((problem) => `kill ${kill}: ${problem}`));
      outcome.moved += share / kills;
    }
  } finally {
    await server.close();
    await rm(folder, { recursive: true, force: true });
  }
  outcome.seconds = (performance.now() - started) / 1000;
  return outcome;
}

async function oneKill(direction: Direction, { server, folder, bytes, sum }: Place) {
  const problems: string[] = [];
  const side = direction === 'S3 to local' ? 'out' : 'in';
  await rm(join(folder, 'out'), { recursive: true, force: true });
  const bucket = server.store.buckets.get('bucket')!;
  // The server keeps all bytes until it is closed, which would be so many times the whole.
  for (const { file } of bucket.objects.get('out.bin')?.blobs ?? []) await rm(file, { force: true });
  bucket.remove('out.bin');
  const moment = randomInt(Math.floor(bytes * 0.4), bytes);
  server.moved = { in: 0, out: 0 };
  const first = await copy(folder, () => server.moved[side] >= moment);
  server.moved = { in: 0, out: 0 };
  const second = await copy(folder);
  const share = server.moved[side] / bytes;
  if (second.code !== 0) problems.push(`the second run ended with ${second.code}: ${second.stderr.slice(-300)}`);
  if (first.killed && share >= 1) problems.push(`the second run moved ${server.moved[side]} of ${bytes} bytes`);
  const keys = server.contents('bucket').filter((key) => key !== 'in.bin');
  const files = await readdir(join(folder, 'out')).catch(() => []);
  const [left, wanted] =
    direction === 'S3 to local' ? [[...files, ...keys], 'out.bin'] : [[...keys, ...files], 'out.bin'];
  if (left.join() !== wanted) problems.push(`there is ${left.join(', ')}`);
  const paths =
    direction === 'S3 to local'
      ? [join(folder, 'out/out.bin')]
      : (server.store.buckets
          .get('bucket')!
          .objects.get('out.bin')
          ?.blobs.map((blob) => blob.file) ?? []);
  if ((await sumOf(paths)) !== sum) problems.push('the bytes differ');
  return { problems, share };
}

async function fill(path: string, bytes: number): Promise<string> {
  const file = await open(path, 'w');
  const hash = createHash('sha256');
  const chunk = Buffer.alloc(mib);
  for (let at = 0; at < bytes; at += chunk.length) {
    for (let i = 0; i < chunk.length; i += 4096) chunk.writeUInt32LE((at + i) >>> 0, i);
    const piece = chunk.subarray(0, bytes - at);
    hash.update(piece);
    await file.write(piece);
  }
  await file.close();
  return hash.digest('hex');
}

async function sumOf(paths: readonly string[]): Promise<string> {
  const hash = createHash('sha256');
  for (const path of paths) for await (const chunk of createReadStream(path)) hash.update(chunk);
  return hash.digest('hex');
}

async function definition(folder: string, server: S3Server, from: string, to: string, partSize: string): Promise<void> {
  const lake = {
    connector: 's3',
    bucket: 'bucket',
    region: 'us-east-1',
    endpoint: server.url,
    access_key_id: '${env.TEST_S3_ID}',
    secret_access_key: '${env.TEST_S3_SECRET}',
  };
  const pipe = {
    name: 'copy',
    connections: { lake },
    tasks: [{ op: 'copy', from, to, part_size: partSize, concurrency: 2 }],
  };
  await writeFile(join(folder, 'copy.json'), JSON.stringify(pipe));
}

/** Runs the pipe as a process of its own, and kills it as soon as `until` holds. */
async function copy(folder: string, until: () => boolean = () => false) {
  const main = fileURLToPath(new URL('../cli/main.ts', import.meta.url));
  const compiled = process.env.PIPE_TEST_COMPILED;
  const program =
    compiled === undefined ? ['--import', import.meta.resolve('tsx'), main] : [join(compiled, 'cli/main.js')];
  const home = { XDG_CONFIG_HOME: join(folder, 'config'), XDG_STATE_HOME: join(folder, 'state') };
  const child = spawn(process.execPath, [...program, 'run', 'copy.json'], {
    cwd: folder,
    env: { ...process.env, ...home, TEST_S3_ID: testKey.id, TEST_S3_SECRET: testKey.secret, NO_COLOR: '1' },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let stderr = '';
  child.stderr.on('data', (chunk) => {
    stderr += chunk;
  });
  let killed = false;
  const watch = setInterval(() => {
    if (!killed && until()) killed = child.kill('SIGKILL');
  }, 2);
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
  clearInterval(watch);
  return { code, stderr, killed };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [kills = '50', megabytes = '1024'] = process.argv.slice(2);
  for (const direction of directions) {
    const { failed, moved, seconds } = await killedCopies(direction, {
      kills: Number(kills),
      megabytes: Number(megabytes),
    });
    console.log(
      `${direction}: ${kills} kills, ${failed.length} failed, second runs moved ${Math.round(moved * 100)} %, ${seconds.toFixed(0)} s`,
    );
    for (const problem of failed) console.log(`  ${problem}`);
    if (failed.length > 0) process.exitCode = 1;
  }
}
