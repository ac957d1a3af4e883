// An SSH host on this machine through which others can be reached: ssh2's own server, which forwards.
import { createHash, generateKeyPairSync } from 'node:crypto';
import { type AddressInfo, connect, type Server as PlainServer, type Socket } from 'node:net';
import ssh2 from 'ssh2';

const { Server, utils } = ssh2;

export interface SshServerOptions {
  /** What the user `tunnel` may show; a password `open sesame` where nothing is said. */
  password?: string;
  /** A public key as in authorized_keys. */
  publicKey?: string;
  /** Tunnels are allowed to nowhere. */
  prohibits?: boolean;
}

export interface SshServer {
  port: number;
  /** The line for known_hosts. */
  knownHost: string;
  /** As `ssh_host_key` wants it. */
  fingerprint: string;
  /** Sessions and ways through them so far. */
  counts: { sessions: number; ways: number; open: number };
  /** Breaks every session. */
  breakAll(): void;
  close(): Promise<void>;
}

export async function startSshServer(options: SshServerOptions = {}): Promise<SshServer> {
  const { publicKey } = options;
  const password = options.password ?? (publicKey === undefined ? 'open sesame' : undefined);
  const hostKey = generateKeyPairSync('ec', {
    namedCurve: 'prime256v1',
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'sec1', format: 'pem' },
  }).privateKey;
  const sockets = new Set<Socket>();
  const counts = { sessions: 0, ways: 0, open: 0 };
  const server = new Server({ hostKeys: [hostKey] }, (client) => {
    counts.sessions += 1;
    counts.open += 1;
    client.once('close', () => {
      counts.open -= 1;
    });
    client.on('error', () => {});
    const allowed = publicKey === undefined ? undefined : utils.parseKey(publicKey);
    client.on('authentication', (context) => {
      if (context.username !== 'tunnel') return context.reject();
      if (context.method === 'password' && context.password === password) return context.accept();
      if (context.method === 'publickey' && allowed !== undefined && !(allowed instanceof Error)) {
        const right = context.key.data.equals(allowed.getPublicSSH());
        const signed =
          context.signature === undefined || allowed.verify(context.blob!, context.signature, context.hashAlgo);
        return right && signed ? context.accept() : context.reject();
      }
      return context.reject(['password', 'publickey']);
    });
    client.on('tcpip', (accept, reject, { destIP, destPort }) => {
      if (options.prohibits) return reject();
      const target = connect({ host: destIP, port: destPort, noDelay: true });
      sockets.add(target);
      target.once('close', () => sockets.delete(target));
      target.once('error', () => reject());
      target.once('connect', () => {
        counts.ways += 1;
        const way = accept();
        target.removeAllListeners('error').on('error', () => way.destroy());
        way.on('error', () => target.destroy()).on('close', () => target.destroy());
        way.pipe(target).pipe(way);
      });
    });
  });
  // The SSH server is a listener of a plain one, whose sockets can be broken.
  const plain = (server as unknown as { _srv: PlainServer })._srv;
  plain.prependListener('connection', (socket: Socket) => {
    socket.setNoDelay(true);
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket)).on('error', () => {});
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const parsed = utils.parseKey(hostKey);
  if (parsed instanceof Error) throw parsed;
  const key = parsed.getPublicSSH();
  const breakAll = () => {
    for (const socket of sockets) socket.destroy();
  };
  return {
    port,
    knownHost: `[127.0.0.1]:${port} ecdsa-sha2-nistp256 ${key.toString('base64')}`,
    fingerprint: `SHA256:${createHash('sha256').update(key).digest('base64').replace(/=+$/, '')}`,
    counts,
    breakAll,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        breakAll();
      }),
  };
}
