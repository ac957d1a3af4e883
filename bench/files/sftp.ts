// SFTP beside OpenSSH's own client, one large file both ways, with OpenSSH's own server.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { alternate } from '../measure.ts';
import { concurrency, makeFile, measured, partSize, pipe, report, type Sizes } from './main.ts';
import { startSshd } from './servers.ts';

export async function benchSftp(folder: string, rounds: number, { sftp: size }: Sizes): Promise<void> {
  const server = await startSshd(folder);
  try {
    console.log(`\nfiles: SFTP (OpenSSH) beside sftp, ${size} MiB`);
    const { port, knownHosts, keyFile, user } = server;
    const box = {
      connector: 'sftp',
      host: '127.0.0.1',
      port,
      user,
      private_key: '${env.BENCH_SFTP_KEY}',
      known_hosts: knownHosts,
      root: folder,
    };
    const copy = (name: string, from: string, to: string) => {
      const file = join(folder, `${name}.json`);
      const task = { op: 'copy', from, to, part_size: `${partSize}B`, concurrency };
      writeFileSync(file, JSON.stringify({ name, connections: { box }, tasks: [task] }));
      return pipe(file, { BENCH_SFTP_KEY: readFileSync(keyFile, 'utf8') });
    };
    const sftp = (line: string) => {
      const batch = join(folder, 'batch');
      return () => {
        writeFileSync(batch, `${line}\n`);
        const options = ['-q', '-P', `${port}`, '-i', keyFile, '-o', `UserKnownHostsFile=${knownHosts}`];
        return measured('sftp', [...options, '-b', batch, `${user}@127.0.0.1`]);
      };
    };
    const at = (name: string) => join(folder, name);
    makeFile(at('in.bin'), size);
    const put = { pipe: copy('put', 'in.bin', '/box/p.bin'), sftp: sftp(`put ${at('in.bin')} ${at('s.bin')}`) };
    report('local to SFTP', 'sftp', await alternate(put, rounds));
    const get = { pipe: copy('get', '/box/in.bin', 'pg.bin'), sftp: sftp(`get ${at('in.bin')} ${at('sg.bin')}`) };
    report('SFTP to local', 'sftp', await alternate(get, rounds));
  } finally {
    server.stop();
  }
}
