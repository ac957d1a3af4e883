// Archives in stores: made in them and taken apart into them, and of one that must not be taken apart nothing is written.
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { gzipSync } from 'node:zlib';
import { type Header, pack } from 'tar-stream';
import { describe, expect, it, onTestFinished } from 'vitest';
import yazl from 'yazl';
import { connector as s3 } from '../../../connectors/s3/index.ts';
import { connector as sftp } from '../../../connectors/sftp/index.ts';
import type { AnyConnector } from '../../../engine/contracts/connector.ts';
import type { Credential } from '../../../engine/contracts/credentials.ts';
import { credentialOf } from '../../../engine/secret.ts';
import { startS3Server } from '../../servers/s3.ts';
import { testCredential } from '../../servers/s3-storage.ts';
import { startSftpServer } from '../../servers/sftp.ts';
import { createFiles, failureOf, run, type Setting } from './context.ts';

const stores = ['local', 's3', 'sftp'] as const;
type StoreName = (typeof stores)[number];

const withCredential = (connector: AnyConnector, credential: Credential): AnyConnector => ({
  ...connector,
  open: (config, context) => connector.open(config, { ...context, credential: async () => credential }),
});

/** All three, with a folder `in` and an empty one `out`, and what is in `out` and beside it. */
async function startStores() {
  const files = createFiles({ 'in/a.csv': 'x\n1\n', 'in/deep/ü b.txt': 'ö' });
  const remote = createFiles();
  const lake = await startS3Server();
  const host = await startSftpServer({ folder: remote.folder });
  onTestFinished(async () => {
    await lake.close();
    await host.close();
  });
  const setting: Setting = {
    files,
    connections: {
      s3: {
        connector: withCredential(s3, testCredential),
        config: { bucket: 'bucket', region: 'us-east-1', endpoint: lake.url },
      },
      sftp: {
        connector: withCredential(sftp, credentialOf({ password: 'open sesame' })),
        config: { host: '127.0.0.1', port: host.port, user: 'tester', host_key: host.fingerprint },
      },
    },
  };
  const at = (store: StoreName, path: string) => (store === 'local' ? path : `/${store}/${path}`);
  const below = (folder: string) =>
    readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => !entry.isDirectory())
      .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1));
  const contents = {
    local: () => below(files.folder).filter((name) => !name.startsWith('in/')),
    s3: () => lake.contents('bucket'),
    sftp: () => below(remote.folder),
  };
  const read = async (path: string) => (await run('read', { path }, undefined, setting)).output;
  const write = async (path: string, stream: Awaited<ReturnType<typeof read>>) => {
    const { done } = await run('write', { path, mode: 'replace' }, stream, setting);
    await done;
  };
  return { files, setting, at, contents, read, write };
}

async function zipOf(name: string, bytes: Uint8Array, mode?: number): Promise<Buffer> {
  const zip = new yazl.ZipFile();
  // yazl refuses the names that are tested here, so that they are put in afterwards: in both places where a name stands.
  const stand = '~'.repeat(Buffer.byteLength(name));
  zip.addBuffer(Buffer.from('fine'), 'fine.txt');
  zip.addBuffer(Buffer.from(bytes), stand, mode === undefined ? {} : { mode });
  zip.end();
  const text = (await buffer(zip.outputStream)).toString('latin1');
  return Buffer.from(
    text.replaceAll(stand, () => name),
    'latin1',
  );
}

async function tarOf(header: Partial<Header> & { name: string }, bytes: Uint8Array | string = ''): Promise<Buffer> {
  const tar = pack();
  tar.entry({ name: 'fine.txt' }, 'fine');
  tar.entry(header, Buffer.from(bytes));
  tar.finalize();
  return buffer(tar);
}

const zeros = new Uint8Array(50_000_000);
const hostile: Record<string, () => Promise<Buffer>> = {
  'bomb.zip': () => zipOf('zeros', zeros),
  'bomb.tar.gz': async () => gzipSync(await tarOf({ name: 'zeros' }, zeros)),
  'above.zip': () => zipOf('../evil.txt', Buffer.from('x')),
  'above.tar': () => tarOf({ name: '../evil.txt' }, 'x'),
  'absolute.zip': () => zipOf('/tmp/evil.txt', Buffer.from('x')),
  'absolute.tar': () => tarOf({ name: '/tmp/evil.txt' }, 'x'),
  'link.zip': () => zipOf('link', Buffer.from('/etc/passwd'), 0o120777),
  'link.tar': () => tarOf({ name: 'link', type: 'symlink', linkname: '/etc' }),
  'nul.zip': () => zipOf('evil\0.txt', Buffer.from('x')),
  'nul.tar': () => tarOf({ name: 'plain', pax: { path: 'evil\0.txt' } }, 'x'),
};

describe.each(stores)('%s', (store) => {
  it.each(['a.zip', 'a.tar.gz'])('%s is made there, and taken apart there', async (name) => {
    const { files, setting, at, contents, read, write } = await startStores();
    const { output: packed } = await run('archive', { name }, await read('in/**'), setting);
    await write(at(store, name), packed);
    expect(contents[store]()).toEqual([name]);
    const { output: entries } = await run('unarchive', {}, await read(at(store, name)), setting);
    await write(at(store, 'out/'), entries);
    expect(contents[store]().sort()).toEqual([name, 'out/a.csv', 'out/deep/ü b.txt']);
    await write('back/', await read(at(store, 'out/**')));
    expect([files.text('back/a.csv'), files.text('back/deep/ü b.txt')]).toEqual(['x\n1\n', 'ö']);
  });

  it.each(Object.keys(hostile))('%s is refused, and nothing of it is written', async (name) => {
    const { files, setting, at, contents, read, write } = await startStores();
    files.put(`in/${name}`, await hostile[name]!());
    await write(at(store, name), await read(`in/${name}`));
    const { output } = await run('unarchive', {}, await read(at(store, name)), setting);
    expect(await failureOf(write(at(store, 'out/'), output))).toMatch(/^ARCHIVE_UNSAFE /);
    expect(contents[store]()).toEqual([name]);
  });
});
