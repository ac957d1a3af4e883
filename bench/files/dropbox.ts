// S3 to a Dropbox of the tests: beside each of its sides alone, and its memory at two sizes.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { alternate, type Measured, median } from '../measure.ts';
import { concurrency, makeFile, partSize, pipe, type Sizes } from './main.ts';
import { startDropboxServer, startS3 } from './servers.ts';

export async function benchDropbox(folder: string, rounds: number, { dropbox: size, memory }: Sizes): Promise<void> {
  const s3 = await startS3(folder);
  const dropbox = await startDropboxServer();
  try {
    const box = { connector: 'dropbox', base_url: dropbox.url, access_token: '${env.BENCH_DROPBOX_TOKEN}' };
    let copies = 0;
    const copy = (from: string, to: string) => {
      const name = `copy-${++copies}`;
      const file = join(folder, `${name}.json`);
      const task = { op: 'copy', from, to, part_size: `${partSize}B`, concurrency };
      writeFileSync(file, JSON.stringify({ name, connections: { lake: s3.connection, box }, tasks: [task] }));
      return pipe(file, { ...s3.env, BENCH_DROPBOX_TOKEN: 'good' });
    };
    const put = async (name: string, megabytes: number) => {
      makeFile(join(folder, name), megabytes);
      await copy(name, `/lake/${name}`)();
    };
    console.log(`\nfiles: S3 (${s3.name}) to Dropbox (the tests'), ${size} MiB`);
    await put('in.bin', size);
    const results = await alternate(
      {
        both: copy('/lake/in.bin', '/box/out.bin'),
        's3 to local': copy('/lake/in.bin', 'out.bin'),
        'local to dropbox': copy('in.bin', '/box/out.bin'),
      },
      rounds,
    );
    const seconds = (name: string) => median(results[name]!.map((each) => each.seconds));
    const slower = Math.max(seconds('s3 to local'), seconds('local to dropbox'));
    const each = Object.keys(results).map((name) => `${name} ${seconds(name).toFixed(2)} s`);
    console.log(`  ${each.join(', ')}: ${(seconds('both') / slower).toFixed(2)} × the slower side`);
    const peak = (all: readonly Measured[]) => Math.max(...all.map(({ peakBytes }) => peakBytes)) / 1e6;
    const peaks = [`${size} MiB ${peak(results.both!).toFixed(0)} MB`];
    for (const other of [Math.round(memory / 25), memory]) {
      await put('other.bin', other);
      const measured = await copy('/lake/other.bin', '/box/other.bin')();
      peaks.push(`${other} MiB ${peak([measured]).toFixed(0)} MB`);
    }
    console.log(`  peak of memory: ${peaks.join(', ')}`);
  } finally {
    dropbox.stop();
    s3.stop();
  }
}
