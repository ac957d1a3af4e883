// The servers of the benches of files, each in a process of its own, so that it and what is measured can each have a core.
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { testKey } from '../../test/servers/s3.ts';

export interface S3 {
  /** Which server it is. */
  name: string;
  endpoint: string;
  id: string;
  secret: string;
  /** For a definition, whose secrets are in `env`. */
  connection: object;
  env: Record<string, string>;
  stop(): void;
}

/** What PIPE_TEST_S3_URL names, else versitygw where it is installed, else that of the tests, which is slower than what is measured. */
export async function startS3(folder: string): Promise<S3> {
  const { name, url, stop } = await someS3(folder);
  const { host, protocol, username: id, password: secret } = new URL(url);
  const endpoint = `${protocol}//${host}`;
  const keys = { access_key_id: '${env.BENCH_S3_ID}', secret_access_key: '${env.BENCH_S3_SECRET}' };
  const connection = { connector: 's3', bucket: 'bench', region: 'us-east-1', endpoint, ...keys };
  await makeBucket(endpoint, id, secret);
  return { name, endpoint, id, secret, connection, env: { BENCH_S3_ID: id, BENCH_S3_SECRET: secret }, stop };
}

async function makeBucket(endpoint: string, accessKeyId: string, secretAccessKey: string): Promise<void> {
  process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED ??= 'true';
  const { CreateBucketCommand, S3Client } = await import('@aws-sdk/client-s3');
  const credentials = { accessKeyId, secretAccessKey };
  const client = new S3Client({ endpoint, region: 'us-east-1', forcePathStyle: true, credentials });
  try {
    await client.send(new CreateBucketCommand({ Bucket: 'bench' }));
  } catch (error) {
    if ((error as Error).name !== 'BucketAlreadyOwnedByYou') throw error;
  } finally {
    client.destroy();
  }
}

async function someS3(folder: string): Promise<{ name: string; url: string; stop(): void }> {
  const named = process.env.PIPE_TEST_S3_URL;
  if (named !== undefined) return { name: new URL(named).host, url: named, stop: () => {} };
  if (has('versitygw')) {
    const port = await freePort();
    mkdirSync(join(folder, 'store'));
    const child = spawn(
      'versitygw',
      ['--port', `127.0.0.1:${port}`, '--keep-alive', '--quiet', 'posix', join(folder, 'store')],
      { stdio: 'ignore', env: { ...process.env, ROOT_ACCESS_KEY: testKey.id, ROOT_SECRET_KEY: testKey.secret } },
    );
    await listening(child, port);
    const url = `http://${testKey.id}:${testKey.secret}@127.0.0.1:${port}`;
    return { name: 'versitygw', url, stop: () => void child.kill() };
  }
  const { url, stop } = await startModule(
    '../../test/servers/s3.ts',
    'const server = await module.startS3Server(); server.calls.push = () => 0;',
  );
  return { name: "the tests'", url: url.replace('//', `//${testKey.id}:${testKey.secret}@`), stop };
}

/** A Dropbox as the tests have it; its token is `good`. */
export function startDropboxServer() {
  return startModule(
    '../../test/servers/dropbox.ts',
    'const server = await module.startDropbox(); server.tokens.add("good"); server.calls.push = () => 0;',
  );
}

/** Runs a server of the tests, whose `url` is told. */
async function startModule(module: string, code: string): Promise<{ url: string; stop(): void }> {
  const address = JSON.stringify(new URL(module, import.meta.url).href);
  const whole = `import(${address}).then(async (module) => { ${code}; console.log(server.url); })`;
  const args = ['--import', import.meta.resolve('tsx'), '--input-type=module', '-e', whole];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const url = await new Promise<string>((resolve, reject) => {
    child.stdout.once('data', (line) => resolve(String(line).trim()));
    child.once('exit', (exit) => reject(new Error(`the server ended with ${exit}`)));
  });
  return { url, stop: () => void child.kill() };
}

export interface Sshd {
  port: number;
  knownHosts: string;
  keyFile: string;
  user: string;
  stop(): void;
}

/** OpenSSH's own server, for the user who runs this. */
export async function startSshd(folder: string): Promise<Sshd> {
  const at = (name: string) => join(folder, name);
  for (const key of ['hostkey', 'userkey'])
    execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', at(key)]);
  const port = await freePort();
  writeFileSync(at('known_hosts'), `[127.0.0.1]:${port} ${readFileSync(at('hostkey.pub'), 'utf8')}`);
  writeFileSync(
    at('sshd_config'),
    [
      `Port ${port}`,
      'ListenAddress 127.0.0.1',
      `HostKey ${at('hostkey')}`,
      `AuthorizedKeysFile ${at('userkey.pub')}`,
      'StrictModes no',
      'UsePAM no',
      'PasswordAuthentication no',
      'PermitRootLogin yes',
      'PidFile none',
      'Subsystem sftp internal-sftp',
    ].join('\n'),
  );
  // Where it separates privileges, it wants this folder.
  if (process.getuid?.() === 0) mkdirSync('/run/sshd', { recursive: true });
  const child = spawn(sshd(), ['-D', '-e', '-f', at('sshd_config')], { stdio: ['ignore', 'ignore', 'pipe'] });
  await listening(child, port);
  const user = process.env.USER ?? execFileSync('id', ['-un'], { encoding: 'utf8' }).trim();
  return { port, knownHosts: at('known_hosts'), keyFile: at('userkey'), user, stop: () => void child.kill() };
}

function sshd(): string {
  const found = ['/usr/sbin/sshd', '/usr/bin/sshd', '/usr/local/sbin/sshd'].find(has);
  if (found === undefined || !has('sftp')) throw new Error('this needs openssh-server and openssh-client');
  return found;
}

function has(program: string): boolean {
  try {
    execFileSync('sh', ['-c', `command -v ${program}`]);
    return true;
  } catch {
    return false;
  }
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** Resolves once somebody answers at the port; rejects when the server ends before that. */
async function listening(child: ChildProcess, port: number): Promise<void> {
  let said = '';
  child.stderr?.on('data', (text) => {
    said += text;
  });
  let ended: Error | undefined;
  child.once('error', (error) => {
    ended = error;
  });
  child.once('exit', (code) => {
    ended = new Error(`${child.spawnfile} ended with ${code}\n${said}`);
  });
  for (;;) {
    if (ended !== undefined) throw ended;
    const up = await new Promise<boolean>((resolve) => {
      const socket = connect(port, '127.0.0.1');
      socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
      socket.once('connect', () => socket.destroy());
    });
    if (up) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
