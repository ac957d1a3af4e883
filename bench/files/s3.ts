// S3 beside rclone: one large file and many small ones, both ways, and a long listing.
import { randomBytes } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { alternate, type Measured } from '../measure.ts';
import { concurrency, makeFile, measured, partSize, pipe, report, type Sizes } from './main.ts';
import { startS3 } from './servers.ts';

export async function benchS3(folder: string, rounds: number, sizes: Sizes): Promise<void> {
  const server = await startS3(folder);
  try {
    const { endpoint, id, secret } = server;
    console.log(`\nfiles: S3 (${server.name}) beside rclone, ${concurrency} at once, parts of ${partSize}B`);
    writeFileSync(
      join(folder, 'rclone.conf'),
      `[s]\ntype = s3\nprovider = Other\nendpoint = ${endpoint}\naccess_key_id = ${id}\nsecret_access_key = ${secret}\nregion = us-east-1\nforce_path_style = true\n`,
    );
    const rclone = (...args: string[]) =>
      measured('env', [
        '-u',
        'AWS_CA_BUNDLE',
        'rclone',
        '--config',
        join(folder, 'rclone.conf'),
        // Some servers do not answer it, and then each part would begin a second late.
        ...['--expect-continue-timeout', '0'],
        ...['--s3-chunk-size', partSize, '--s3-upload-concurrency', `${concurrency}`, '--s3-upload-cutoff', partSize],
        ...['--transfers', `${concurrency}`, '--multi-thread-streams', `${concurrency}`],
        ...['--multi-thread-cutoff', partSize],
        ...args,
      ]);
    const task = (name: string, what: object) => {
      const file = join(folder, `${name}.json`);
      writeFileSync(file, JSON.stringify({ name, connections: { lake: server.connection }, tasks: [what] }));
      return pipe(file, server.env);
    };
    const copy = (name: string, from: string, to: string) =>
      task(name, { op: 'copy', from, to, part_size: `${partSize}B`, concurrency });

    fill(folder, sizes);
    const compare = async (what: string, ours: () => Promise<Measured>, theirs: () => Promise<Measured>) =>
      report(what, 'rclone', await alternate({ pipe: ours, rclone: theirs }, rounds));
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
    // Into a new folder each time: what takes the place of other files also has to remove them.
    let folders = 0;
    const ours = () => copy('d', '/lake/small', `p${++folders}/`)();
    const theirs = () => rclone('copy', '--ignore-times', 's:bench/small', join(folder, `r${folders}`));
    await compare(`S3 to local, ${sizes.small} files of 20 KB`, ours, theirs);
    await fillKeys(folder, sizes.keys, rclone);
    const list = task('e', { op: 'list', path: '/lake/keys', recursive: true });
    await compare(`listing ${sizes.keys} keys`, list, () => rclone('lsf', '-R', 's:bench/keys'));
  } finally {
    server.stop();
  }
}

function fill(folder: string, { large, small }: Sizes): void {
  mkdirSync(join(folder, 'small'));
  for (let i = 0; i < small; i++) writeFileSync(join(folder, 'small', `f${i}`), randomBytes(20_000));
  makeFile(join(folder, 'large.bin'), large);
}

async function fillKeys(folder: string, keys: number, rclone: (...args: string[]) => Promise<unknown>): Promise<void> {
  for (let i = 0; i < keys; i++) {
    const sub = join(folder, 'keys', `d${Math.floor(i / 1000)}`);
    if (i % 1000 === 0) mkdirSync(sub, { recursive: true });
    writeFileSync(join(sub, `k${i}`), '');
  }
  await rclone('copy', '--transfers', '16', join(folder, 'keys'), 's:bench/keys');
}
