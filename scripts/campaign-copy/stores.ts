// Where the copies of the campaign lead from and to: a folder, and servers of the tests.
import { readdirSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { startDropbox } from '../../test/servers/dropbox.ts';
import { startS3Server, testKey } from '../../test/servers/s3.ts';
import { opensshServer, startSftpServer } from '../../test/servers/sftp.ts';

export interface Store {
  /** A file of it, as a pipe writes it. */
  pathOf(name: string): string;
  connections: Record<string, object>;
  env: Record<string, string>;
  /** Bytes that it has taken and given; none where it does not know. */
  moved: { in: number; out: number };
  /** All that is there, unfinished things too. */
  contents(): string[];
  /** The files of this machine that hold it, one after another. */
  filesOf(name: string): string[];
  remove(name: string): Promise<void>;
  close(): Promise<void>;
}

/** A folder below the one that the pipe is in. */
export function openFolder(around: string, name: string): Store {
  const folder = join(around, name);
  return {
    pathOf: (file) => `${name}/${file}`,
    connections: {},
    env: {},
    moved: { in: 0, out: 0 },
    contents: () => readdirSync(folder).sort(),
    filesOf: (file) => [join(folder, file)],
    remove: (file) => rm(join(folder, file), { force: true }),
    close: async () => {},
  };
}

export async function openS3(): Promise<Store> {
  const server = await startS3Server();
  const bucket = server.store.buckets.get('bucket')!;
  const filesOf = (name: string) => bucket.objects.get(name)?.blobs.map(({ file }) => file) ?? [];
  const lake = {
    connector: 's3',
    bucket: 'bucket',
    region: 'us-east-1',
    endpoint: server.url,
    access_key_id: '${env.TEST_S3_ID}',
    secret_access_key: '${env.TEST_S3_SECRET}',
  };
  return {
    pathOf: (name) => `/lake/${name}`,
    connections: { lake },
    env: { TEST_S3_ID: testKey.id, TEST_S3_SECRET: testKey.secret },
    moved: server.moved,
    contents: () => server.contents('bucket'),
    filesOf,
    async remove(name) {
      // The server keeps all bytes until it is closed, which would be so many times the whole.
      for (const file of filesOf(name)) await rm(file, { force: true });
      bucket.remove(name);
    },
    close: () => server.close(),
  };
}

export async function openDropbox(): Promise<Store> {
  const server = await startDropbox();
  const box = { connector: 'dropbox', base_url: server.url, access_token: '${env.TEST_DROPBOX_TOKEN}' };
  return {
    pathOf: (name) => `/box/${name}`,
    connections: { box },
    env: { TEST_DROPBOX_TOKEN: 'good-token' },
    moved: server.moved,
    contents: () => [
      ...server.contents(),
      ...Array.from({ length: server.openSessions() }, () => 'an upload that was not committed'),
    ],
    filesOf: (name) => server.filesOf(`/${name}`),
    remove: async (name) => server.forget(`/${name}`),
    close: () => server.close(),
  };
}

/** The same folder behind SFTP, of OpenSSH where it is installed. */
export async function openSftp(around: string, name: string): Promise<Store> {
  const behind = openFolder(around, name);
  const answers = opensshServer === undefined ? 'here' : 'openssh';
  const server = await startSftpServer({ folder: join(around, name), answers });
  const host = { host: '127.0.0.1', port: server.port, host_key: server.fingerprint };
  const files = { connector: 'sftp', ...host, user: 'tester', password: '${env.TEST_SFTP_PASSWORD}' };
  return {
    ...behind,
    pathOf: (file) => `/files/${file}`,
    connections: { files },
    env: { TEST_SFTP_PASSWORD: 'open sesame' },
    moved: server.moved,
    close: () => server.close(),
  };
}
