// S3 beside rclone: one large file and many small ones, both ways, and a long listing; seconds and ratios.
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, openSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { testKey } from '../test/servers/s3.ts';
import { alternate, type Measured, measure, median, ratio } from './measure.ts';

const compiled = process.env.PIPE_TEST_COMPILED ?? fileURLToPath(new URL('../dist', import.meta.url));
const program = join(compiled, 'cli/main.js');
const partSize = '16Mi';
const concurrency = '4';

export interface Sizes {
  /** Of the one large file, in MiB. */
  large: number;
  /** Small files of 20 KB. */
  small: number;
  /** Keys to list. */
  keys: number;
}

/** `large=2048 small=5000 keys=100000` are those of the goals. The server is ours, or what PIPE_TEST_S3_URL names. */
export function sizesOf(args: readonly string[]): Sizes {
  const sizes: Sizes = { large: 256, small: 500, keys: 10_000 };
  for (const [, name, count] of args.map((arg) => /^(large|small|keys)=(\d+)$/.exec(arg) ?? []))
    if (name !== undefined) sizes[name as keyof Sizes] = Number(count);
  return sizes;
}

export async function benchFiles(rounds: number, sizes: Sizes): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'pipewright-bench-'));
  const server = await startServer();
  try {
    const { host, protocol, username, password } = new URL(server.url);
    const endpoint = `${protocol}//${host}`;
    writeFileSync(
      join(folder, 'rclone.conf'),
      `[s]\ntype = s3\nprovider = Other\nendpoint = ${endpoint}\naccess_key_id = ${username}\nsecret_access_key = ${password}\nregion = us-east-1\nforce_path_style = true\n`,
    );
    const rclone = (...args: string[]) =>
      measure('env', [
        '-u',
        'AWS_CA_BUNDLE',
        'rclone',
        '--config',
        join(folder, 'rclone.conf'),
        // Some servers do not answer it, and then each part would begin a second late.
        ...['--expect-continue-timeout', '0'],
        ...['--s3-chunk-size', partSize, '--s3-upload-concurrency', concurrency, '--s3-upload-cutoff', partSize],
        ...['--transfers', concurrency, '--multi-thread-streams', concurrency, '--multi-thread-cutoff', partSize],
        ...args,
      ]);
    const lake = { connector: 's3', bucket: 'bench', region: 'us-east-1', endpoint };
    process.env.BENCH_S3_ID = username;
    process.env.BENCH_S3_SECRET = password;
    const keys = { access_key_id: '${env.BENCH_S3_ID}', secret_access_key: '${env.BENCH_S3_SECRET}' };
    const pipe = (name: string, task: object) => {
      const file = join(folder, `${name}.json`);
      writeFileSync(file, JSON.stringify({ name, connections: { lake: { ...lake, ...keys } }, tasks: [task] }));
      return () => measure(process.execPath, [program, 'run', file]);
    };
    const copy = (name: string, from: string, to: string) =>
      pipe(name, { op: 'copy', from, to, part_size: `${partSize}B`, concurrency: Number(concurrency) });

    await rclone('mkdir', 's:bench');
    fill(folder, sizes);
    const compare = async (what: string, ours: () => Promise<Measured>, theirs: () => Promise<Measured>) =>
      report(what, await alternate({ pipe: ours, rclone: theirs }, rounds));
    const large = join(folder, 'large.bin');
    const small = join(folder, 'small');

    await compare(`local to S3, 1 file of ${sizes.large} MiB`, copy('a', 'large.bin', '/lake/large.bin'), () =>
      rclone('copyto', '--ignore-times', large, 's:bench/large.bin'),
    );
    await compare(`S3 to local, 1 file of ${sizes.large} MiB`, copy('b', '/lake/large.bin', 'p.bin'), () =>
      rclone('copyto', '--ignore-times', 's:bench/large.bin', join(folder, 'r.bin')),
    );
    await compare(`local to S3, ${sizes.small} files of 20 KB`, copy('c', 'small', '/lake/small/'), () =>
      rclone('copy', '--ignore-times', small, 's:bench/small'),
    );
    await compare(`S3 to local, ${sizes.small} files of 20 KB`, copy('d', '/lake/small', 'p/'), () =>
      rclone('copy', '--ignore-times', 's:bench/small', join(folder, 'r')),
    );
    await fillKeys(folder, sizes.keys, rclone);
    const list = pipe('e', { op: 'list', path: '/lake/keys', recursive: true });
    await compare(`listing ${sizes.keys} keys`, list, () => rclone('lsf', '-R', 's:bench/keys'));
  } finally {
    server.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

function report(what: string, results: Record<string, Measured[]>): void {
  const seconds = (name: string) => `${name} ${median(results[name]!.map((each) => each.seconds)).toFixed(2)} s`;
  const peak = Math.max(...results.pipe!.map(({ peakBytes }) => peakBytes)) / 1e6;
  console.log(
    `  ${what.padEnd(36)} ${seconds('pipe')}, ${seconds('rclone')}: ${ratio(results, 'pipe', 'rclone').toFixed(2)} ×; peak ${peak.toFixed(0)} MB`,
  );
}

function fill(folder: string, { large, small }: Sizes): void {
  mkdirSync(join(folder, 'small'));
  for (let i = 0; i < small; i++) writeFileSync(join(folder, 'small', `f${i}`), randomBytes(20_000));
  const file = openSync(join(folder, 'large.bin'), 'w');
  const chunk = randomBytes(1024 * 1024);
  for (let i = 0; i < large; i++) {
    chunk.writeUInt32LE(i);
    writeSync(file, chunk);
  }
}

async function fillKeys(folder: string, keys: number, rclone: (...args: string[]) => Promise<unknown>): Promise<void> {
  for (let i = 0; i < keys; i++) {
    const sub = join(folder, 'keys', `d${Math.floor(i / 1000)}`);
    if (i % 1000 === 0) mkdirSync(sub, { recursive: true });
    writeFileSync(join(sub, `k${i}`), '');
  }
  await rclone('copy', '--transfers', '16', join(folder, 'keys'), 's:bench/keys');
}

/** In a process of its own, so that it and what is measured can each have a core. */
async function startServer(): Promise<{ url: string; stop(): void }> {
  const named = process.env.PIPE_TEST_S3_URL;
  if (named !== undefined) return { url: named, stop: () => {} };
  const module = new URL('../test/servers/s3.ts', import.meta.url).href;
  const code = `import(${JSON.stringify(module)}).then(async ({ startS3Server }) => {
    const server = await startS3Server();
    server.store.createBucket('bench', 'us-east-1');
    server.calls.push = () => 0;
    console.log(server.url);
  })`;
  const args = ['--import', import.meta.resolve('tsx'), '--input-type=module', '-e', code];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const url = await new Promise<string>((resolve, reject) => {
    child.stdout.once('data', (line) => resolve(String(line).trim()));
    child.once('exit', (exit) => reject(new Error(`the S3 server ended with ${exit}`)));
  });
  return { url: url.replace('http://', `http://${testKey.id}:${testKey.secret}@`), stop: () => void child.kill() };
}
