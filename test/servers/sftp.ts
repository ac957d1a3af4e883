// An SSH server on this machine with a real folder behind it: SFTP answered here, or by OpenSSH's own sftp-server where it is installed.
import { spawn } from 'node:child_process';
import { createHash, generateKeyPairSync } from 'node:crypto';
import { existsSync } from 'node:fs';
import type { AddressInfo, Server as PlainServer, Socket } from 'node:net';
import ssh2, { type SFTPWrapper, type Connection as SshConnection, type Session as SshSession } from 'ssh2';
import { disturbed, type SftpFault } from './sftp-faults.ts';
import { answerSftp } from './sftp-files.ts';

const { Server, utils } = ssh2;

export const opensshServer = [
  '/usr/lib/openssh/sftp-server',
  '/usr/libexec/openssh/sftp-server',
  '/usr/libexec/sftp-server',
].find(existsSync);

export interface SftpServerOptions {
  /** Where a session begins, and what a relative path starts from. */
  folder: string;
  /** Who answers the file requests. */
  answers?: 'here' | 'openssh';
  /** What the user `tester` may show; a password `open sesame` where nothing is said. */
  password?: string;
  /** A public key as in authorized_keys. */
  publicKey?: string;
  /** The password is only taken as the answer to a question. */
  asks?: boolean;
  /** Takes connections and then says nothing. */
  silent?: boolean;
  /** No SFTP for anybody. */
  noSftp?: boolean;
  hostKey?: string;
}

export interface SftpServer {
  port: number;
  /** The line for known_hosts. */
  knownHost: string;
  /** As `host_key` wants it. */
  fingerprint: string;
  /** How many sessions were begun so far, and how many go on. */
  sessions: { begun: number; open: number };
  /** Bytes of requests and files that have come, and of answers and files that have gone. */
  moved: { in: number; out: number };
  /** The methods by which somebody tried to come in. */
  logins: string[];
  /** Resolves once no session goes on. */
  allClosed(): Promise<void>;
  /** Breaks every session once so many more bytes have come or gone; at once with 0. */
  breakAfter(bytes: number): void;
  /** Asked about each request that is answered here. */
  fault: (request: string) => SftpFault | undefined;
  /** What the user must show from now on. */
  setPassword(password: string): void;
  close(): Promise<void>;
}

export function makeHostKey(): string {
  return generateKeyPairSync('ec', {
    namedCurve: 'prime256v1',
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'sec1', format: 'pem' },
  }).privateKey;
}

export async function startSftpServer(options: SftpServerOptions): Promise<SftpServer> {
  const { folder, answers = 'here', publicKey, asks = false } = options;
  let password = options.password ?? (publicKey === undefined ? 'open sesame' : undefined);
  const hostKey = options.hostKey ?? makeHostKey();
  const sockets = new Set<Socket>();
  const children = new Set<ReturnType<typeof spawn>>();
  const sessions = { begun: 0, open: 0 };
  const logins: string[] = [];
  let whenClosed: (() => void)[] = [];
  let bytesLeft = Number.POSITIVE_INFINITY;
  const breakAll = () => {
    bytesLeft = Number.POSITIVE_INFINITY;
    for (const socket of sockets) socket.destroy();
  };
  const moved = { in: 0, out: 0 };
  const count = (way: keyof typeof moved) => (bytes: number) => {
    moved[way] += bytes;
    bytesLeft -= bytes;
    if (bytesLeft <= 0) breakAll();
  };

  const authenticate = (client: SshConnection) => {
    const allowed = publicKey === undefined ? undefined : utils.parseKey(publicKey);
    client.on('authentication', (context) => {
      logins.push(context.method);
      if (context.username !== 'tester') return context.reject();
      if (context.method === 'password' && !asks && context.password === password) return context.accept();
      if (context.method === 'keyboard-interactive' && asks) {
        return context.prompt([{ prompt: 'Password: ', echo: false }], (given) =>
          given[0] === password ? context.accept() : context.reject(),
        );
      }
      if (context.method === 'publickey' && allowed !== undefined && !(allowed instanceof Error)) {
        const right = context.key.data.equals(allowed.getPublicSSH());
        const signed =
          context.signature === undefined || allowed.verify(context.blob!, context.signature, context.hashAlgo);
        return right && signed ? context.accept() : context.reject();
      }
      const methods = [asks ? 'keyboard-interactive' : 'password', 'publickey'] as const;
      return context.reject([...methods]);
    });
  };

  const serve = (session: SshSession) => {
    if (options.noSftp) return;
    if (answers === 'here') {
      const answer = (sftp: SFTPWrapper) =>
        answerSftp(
          disturbed(sftp, (name) => made.fault(name), breakAll),
          folder,
          { came: count('in'), went: count('out') },
        );
      session.on('sftp', (accept) => answer(accept()));
      return;
    }
    session.on('subsystem', (accept, reject, { name }) => {
      if (name !== 'sftp') return reject();
      const channel = accept();
      const child = spawn(opensshServer!, ['-d', folder], { stdio: ['pipe', 'pipe', 'ignore'] });
      children.add(child);
      child.once('close', () => {
        children.delete(child);
        channel.end();
      });
      channel.on('data', (data: Buffer) => count('in')(data.length));
      child.stdout.on('data', (data: Buffer) => count('out')(data.length));
      child.stdin.on('error', () => {});
      channel.pipe(child.stdin);
      child.stdout.pipe(channel);
      channel.on('close', () => child.kill());
    });
  };

  const server = new Server({ hostKeys: [hostKey] }, (client, _info) => {
    sessions.begun++;
    sessions.open++;
    client.once('close', () => {
      if (--sessions.open > 0) return;
      for (const each of whenClosed) each();
      whenClosed = [];
    });
    client.on('error', () => {});
    authenticate(client);
    client.on('ready', () => client.on('session', (accept) => serve(accept())));
  });
  // The SSH server is a listener of a plain one, whose sockets can be broken.
  const plain = (server as unknown as { _srv: PlainServer })._srv;
  plain.prependListener('connection', (socket: Socket) => {
    socket.setNoDelay(true);
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  if (options.silent) {
    plain.removeAllListeners('connection');
    plain.on('connection', (socket: Socket) => {
      sockets.add(socket);
      socket.on('error', () => {});
    });
  }
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const parsed = utils.parseKey(hostKey);
  if (parsed instanceof Error) throw parsed;
  const key = parsed.getPublicSSH();
  const made: SftpServer = {
    port,
    knownHost: `[127.0.0.1]:${port} ${parsed.type} ${key.toString('base64')}`,
    fingerprint: `SHA256:${createHash('sha256').update(key).digest('base64').replace(/=+$/, '')}`,
    sessions,
    moved,
    logins,
    allClosed: () => new Promise((resolve) => (sessions.open === 0 ? resolve() : whenClosed.push(resolve))),
    breakAfter(bytes) {
      if (bytes === 0) breakAll();
      else bytesLeft = bytes;
    },
    fault: () => undefined,
    setPassword(next) {
      password = next;
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
        for (const child of children) child.kill();
      }),
  };
  return made;
}
