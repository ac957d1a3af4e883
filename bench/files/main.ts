// Files beside the tools that people use today: S3 beside rclone, SFTP beside sftp, and S3 to Dropbox beside its slower side.

import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Measured, measure, median, ratio } from '../measure.ts';
import { benchDropbox } from './dropbox.ts';
import { benchS3 } from './s3.ts';
import { benchSftp } from './sftp.ts';

const compiled = process.env.PIPE_TEST_COMPILED ?? fileURLToPath(new URL('../../dist', import.meta.url));
const program = join(compiled, 'cli/main.js');

/** The same for all that are compared. */
export const partSize = '16Mi';
export const concurrency = 4;

export interface Sizes {
  /** Of the one large file to S3 and back, in MiB. */
  large: number;
  /** Small files of 20 KB. */
  small: number;
  /** Keys to list. */
  keys: number;
  /** Of the file to SFTP and back, in MiB. */
  sftp: number;
  /** Of the file from S3 to Dropbox, in MiB. */
  dropbox: number;
  /** The same, of one whose memory is compared. */
  memory: number;
}

const parts = { s3: benchS3, sftp: benchSftp, dropbox: benchDropbox };

/**
 * `[s3|sftp|dropbox] [rounds] [large=MiB] [small=files] [keys=keys] [sftp=MiB] [dropbox=MiB] [memory=MiB]`. The goals'
 * sizes: `large=2048 small=5000 keys=100000 sftp=1024 dropbox=2048 memory=5120`.
 */
export async function benchFiles(rounds: number, args: readonly string[]): Promise<void> {
  const sizes: Sizes = { large: 256, small: 500, keys: 10_000, sftp: 128, dropbox: 128, memory: 512 };
  for (const [, name, count] of args.map((arg) => /^(\w+)=(\d+)$/.exec(arg) ?? [])) {
    if (name === undefined) continue;
    if (!Object.hasOwn(sizes, name)) throw new Error(`no size "${name}"; there are ${Object.keys(sizes).join(', ')}`);
    sizes[name as keyof Sizes] = Number(count);
  }
  const chosen = args.filter((arg) => Object.hasOwn(parts, arg));
  for (const [name, bench] of Object.entries(parts)) {
    if (chosen.length > 0 && !chosen.includes(name)) continue;
    const folder = mkdtempSync(join(tmpdir(), 'pipewright-bench-'));
    try {
      await bench(folder, rounds, sizes);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  }
}

/** What the last one has left to be written to the disk is no matter of the next one. */
export function measured(command: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Measured> {
  execFileSync('sync');
  return measure(command, args, { ...process.env, ...env });
}

/** A run of one definition, as a process of its own. */
export function pipe(file: string, env: NodeJS.ProcessEnv) {
  return () => measured(process.execPath, [program, 'run', file], env);
}

/** A file of so many MiB, no two of which are the same. */
export function makeFile(path: string, megabytes: number): void {
  const file = openSync(path, 'w');
  const chunk = randomBytes(1024 * 1024);
  for (let i = 0; i < megabytes; i++) {
    chunk.writeUInt32LE(i);
    writeSync(file, chunk);
  }
}

export function report(what: string, against: string, results: Record<string, Measured[]>): void {
  const seconds = (name: string) => `${name} ${median(results[name]!.map((each) => each.seconds)).toFixed(2)} s`;
  const peak = Math.max(...results.pipe!.map(({ peakBytes }) => peakBytes)) / 1e6;
  const times = ratio(results, 'pipe', against).toFixed(2);
  console.log(`  ${what.padEnd(36)} ${seconds('pipe')}, ${seconds(against)}: ${times} ×; peak ${peak.toFixed(0)} MB`);
}
