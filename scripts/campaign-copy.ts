// What a copy between stores stands: kill -9 at random moments, then the same run again. Prints a table. `[kills] [MiB] [direction]`
import { spawn } from 'node:child_process';
import { createHash, randomInt } from 'node:crypto';
import { createReadStream, existsSync } from 'node:fs';
import { mkdir, mkdtemp, open, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import Database from 'libsql';
import { openDropbox, openFolder, openS3, openSftp, type Store } from './campaign-copy/stores.ts';

const mib = 1024 * 1024;
const directions = ['S3 to local', 'local to S3', 'S3 to Dropbox', 'local to SFTP'] as const;
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
  folder: string;
  from: Store;
  to: Store;
  /** Bytes that have been moved. */
  moved(): number;
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
  const bytes = megabytes * mib + 12_345;
  const outcome: Outcome = { direction, kills, failed: [], moved: 0, seconds: 0 };
  const [from, to] = await openStores(direction, folder);
  try {
    const made = openFolder(folder, 'made');
    const sum = await fill(made.filesOf('in.bin')[0]!, bytes);
    if (direction.startsWith('S3')) {
      await definition(folder, made, 'in.bin', from, 'in.bin', partSize);
      await copy(folder, from.env);
    }
    await definition(folder, from, 'in.bin', to, 'out.bin', partSize);
    const moved = () => (direction === 'S3 to local' ? from.moved.out : to.moved.in);
    for (let kill = 0; kill < kills; kill++) {
      const { problems, share } = await oneKill({ folder, from, to, moved, bytes, sum });
      outcome.failed.push(...problems.map((problem) => `kill ${kill}: ${problem}`));
      outcome.moved += share / kills;
    }
  } finally {
    await from.close();
    await to.close();
    await rm(folder, { recursive: true, force: true });
  }
  outcome.seconds = (performance.now() - started) / 1000;
  return outcome;
}

async function openStores(direction: Direction, folder: string): Promise<[from: Store, to: Store]> {
  for (const name of ['made', 'out']) await mkdir(join(folder, name));
  switch (direction) {
    case 'S3 to local':
      return [await openS3(), openFolder(folder, 'out')];
    case 'local to S3':
      return [openFolder(folder, 'made'), await openS3()];
    case 'S3 to Dropbox':
      return [await openS3(), await openDropbox()];
    case 'local to SFTP':
      return [openFolder(folder, 'made'), await openSftp(folder, 'out')];
  }
}

async function oneKill({ folder, from, to, moved, bytes, sum }: Place) {
  const problems: string[] = [];
  const env = { ...from.env, ...to.env };
  await to.remove('out.bin');
  const moment = moved() + randomInt(Math.floor(bytes * 0.4), bytes);
  const first = await copy(folder, env, () => moved() >= moment);
  const before = moved();
  const second = await copy(folder, env);
  const again = moved() - before;
  if (second.code !== 0) problems.push(`the second run ended with ${second.code}: ${second.stderr.slice(-300)}`);
  if (first.killed && again >= bytes) problems.push(`the second run moved ${again} of ${bytes} bytes`);
  const left = [...to.contents(), ...from.contents().filter((name) => name !== 'in.bin'), ...notesIn(folder)];
  if (left.join() !== 'out.bin') problems.push(`there is ${left.join(', ')}`);
  if ((await sumOf(to.filesOf('out.bin'))) !== sum) problems.push('the bytes differ');
  return { problems, share: again / bytes };
}

/** What a copy has noted in the state for a next run. */
function notesIn(folder: string): string[] {
  const path = join(folder, 'state/pipewright/state.db');
  if (!existsSync(path)) return ['no state'];
  const state = new Database(path);
  try {
    return (state.prepare('select key from kept_values').all() as { key: string }[]).map(
      ({ key }) => `the note ${key}`,
    );
  } finally {
    state.close();
  }
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

async function definition(
  folder: string,
  from: Store,
  name: string,
  to: Store,
  as: string,
  partSize: string,
): Promise<void> {
  const pipe = {
    name: 'copy',
    connections: { ...from.connections, ...to.connections },
    tasks: [{ op: 'copy', from: from.pathOf(name), to: to.pathOf(as), part_size: partSize, concurrency: 2 }],
  };
  await writeFile(join(folder, 'copy.json'), JSON.stringify(pipe));
}

/** Runs the pipe as a process of its own, and kills it as soon as `until` holds. */
async function copy(folder: string, env: Record<string, string>, until: () => boolean = () => false) {
  const main = fileURLToPath(new URL('../cli/main.ts', import.meta.url));
  const compiled = process.env.PIPE_TEST_COMPILED;
  const program =
    compiled === undefined ? ['--import', import.meta.resolve('tsx'), main] : [join(compiled, 'cli/main.js')];
  const home = { XDG_CONFIG_HOME: join(folder, 'config'), XDG_STATE_HOME: join(folder, 'state') };
  const child = spawn(process.execPath, [...program, 'run', 'copy.json'], {
    cwd: folder,
    env: { ...process.env, ...home, ...env, NO_COLOR: '1' },
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
  const [kills = '50', megabytes = '1024', only] = process.argv.slice(2);
  for (const direction of directions.filter((each) => only === undefined || each === only)) {
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
