// An SSH tunnel to a database: one session with the SSH host, a channel through it for each connection of the driver.
import { homedir, userInfo } from 'node:os';
import { Duplex } from 'node:stream';
import type { Client, ClientChannel, ServerHostKeyAlgorithm } from 'ssh2';
import type { ConnectorContext } from '../../engine/contracts/connector.ts';
import type { Credential } from '../../engine/contracts/credentials.ts';
import { durationMs } from '../../engine/duration.ts';
import { asFailure, type Failure, failure, systemFailure } from '../../engine/errors.ts';
import { loadHostKeys } from './known-hosts.ts';

export interface TunnelConfig {
  ssh_host?: string;
  ssh_port?: number;
  ssh_user?: string;
  ssh_known_hosts?: string;
  ssh_host_key?: string;
  connect_timeout?: string;
}

export interface Tunnel {
  /** What a driver takes for a socket. What is written to it waits until the way is there; if it does not come to be, it is destroyed with a Failure. */
  socket(host: string, port: number): TunnelSocket;
  close(): Promise<void>;
}

/** With the parts of a socket that drivers call. */
export type TunnelSocket = Duplex & {
  connect(): TunnelSocket;
  setNoDelay(): TunnelSocket;
  setKeepAlive(): TunnelSocket;
  ref(): TunnelSocket;
  unref(): TunnelSocket;
};

/** A host that says nothing for three of them is gone. */
const keepAliveMs = 15_000;

/** Undefined where the config names no SSH host. */
export function createTunnel(config: TunnelConfig, context: ConnectorContext): Tunnel | undefined {
  const { ssh_host: host } = config;
  if (host === undefined) return undefined;
  const shown = `${host}:${config.ssh_port ?? 22}`;
  const sockets = new Set<Duplex>();
  let session: Promise<Client> | undefined;

  const begin = (): Promise<Client> => {
    const made = connect(host, shown, config, context);
    const forget = () => {
      if (session === made) session = undefined;
    };
    made.then((client) => client.once('close', forget), forget);
    return made;
  };

  const channel = async (to: string, port: number): Promise<ClientChannel> => {
    session ??= begin();
    const client = await session;
    return new Promise((resolve, reject) => {
      client.forwardOut('127.0.0.1', 0, to, port, (error: Error | undefined, opened: ClientChannel) => {
        if (error === undefined) resolve(opened);
        else reject(refusedWay(error, shown, `${to}:${port}`));
      });
    });
  };

  return {
    socket(to, port) {
      const socket = waitingSocket(() => channel(to, port), shown);
      sockets.add(socket);
      socket.once('close', () => sockets.delete(socket));
      return socket;
    },
    async close() {
      for (const socket of sockets) socket.destroy();
      const open = session;
      session = undefined;
      const client = await open?.catch(() => undefined);
      if (client === undefined) return;
      const closed = new Promise<void>((resolve) => client.once('close', () => resolve()));
      client.end();
      await closed;
    },
  };
}

async function connect(
  host: string,
  shown: string,
  config: TunnelConfig,
  { name, credential }: ConnectorContext,
): Promise<Client> {
  const timeoutMs = durationMs(config.connect_timeout ?? '10s');
  const username = config.ssh_user ?? userInfo().username;
  const port = config.ssh_port ?? 22;
  const hostKeys = await loadHostKeys({
    host,
    port,
    file: config.ssh_known_hosts?.replace(/^~(?=\/|$)/, homedir()),
    fingerprint: config.ssh_host_key,
    field: 'ssh_host_key',
  });
  const { Client: SshClient, utils } = (await import('ssh2')).default;
  const login = loginOf(await credential(), name, (key, passphrase) => utils.parseKey(key, passphrase));
  const client = new SshClient();
  let refused: Failure | undefined;
  const explained = (error: Error & { level?: string }): Failure => {
    if (refused !== undefined) return refused;
    const cause = { cause: error };
    switch (error.level) {
      case 'client-authentication': {
        const reason = `${shown} does not let "${username}" in with ${login.tried}`;
        return failure('CREDENTIAL_REFUSED', { connection: name, reason }, cause);
      }
      case 'client-timeout':
        return failure('TIMED_OUT', { what: `the login at ${shown}`, seconds: timeoutMs / 1000 }, cause);
      case 'handshake':
      case 'protocol': {
        const reason = `it is no SSH server, or none that we can talk to: ${error.message}`;
        return failure('CONNECTION_LOST', { host: shown, reason }, { ...cause, retry: false });
      }
      default:
        return systemFailure(error, shown) ?? failure('CONNECTION_LOST', { host: shown, reason: error.message }, cause);
    }
  };
  // The algorithms of the keys that we know are asked for first, so that the server shows one of those.
  const algorithms = [...new Set([...hostKeys.algorithms, ...hostKeyAlgorithms])] as ServerHostKeyAlgorithm[];
  return new Promise<Client>((resolve, reject) => {
    const fail = (error: Error) => {
      client.destroy();
      reject(explained(error));
    };
    client
      .on('error', fail)
      .once('close', () => fail(new Error('it hung up before anybody was let in')))
      .once('ready', () => resolve(client))
      .on('keyboard-interactive', (_name, _instructions, _language, prompts, finish) => {
        const asksOnce = prompts.length === 1 && prompts[0]!.echo !== true;
        finish(asksOnce && login.password !== undefined ? [login.password] : prompts.map(() => ''));
      })
      .connect({
        host,
        port,
        username,
        readyTimeout: timeoutMs,
        keepaliveInterval: keepAliveMs,
        keepaliveCountMax: 3,
        tryKeyboard: login.password !== undefined,
        ...(login.password === undefined ? {} : { password: login.password }),
        ...(login.privateKey === undefined ? {} : { privateKey: login.privateKey }),
        ...(login.passphrase === undefined ? {} : { passphrase: login.passphrase }),
        algorithms: { serverHostKey: algorithms },
        hostVerifier: (key: Buffer) => {
          refused = hostKeys.refusal(key);
          return refused === undefined;
        },
      })
      // Small packets must not wait for the answer to the last one.
      .setNoDelay(true);
  });
}

const hostKeyAlgorithms: readonly ServerHostKeyAlgorithm[] = [
  'ssh-ed25519',
  'ecdsa-sha2-nistp256',
  'ecdsa-sha2-nistp384',
  'ecdsa-sha2-nistp521',
  'rsa-sha2-512',
  'rsa-sha2-256',
  'ssh-rsa',
];

interface Login {
  password?: string;
  privateKey?: string;
  passphrase?: string;
  /** In words, for messages. */
  tried: string;
}

/** Throws CREDENTIAL_MISSING where there is neither a key nor a password, CREDENTIAL_REFUSED for a key that cannot be read. */
function loginOf(
  credential: Credential,
  connection: string,
  parse: (key: string, passphrase: string | undefined) => unknown,
): Login {
  const [password, privateKey, passphrase] = ['ssh_password', 'ssh_private_key', 'ssh_passphrase'].map((field) =>
    credential[field]?.reveal(),
  );
  if (privateKey !== undefined) {
    const parsed = parse(privateKey, passphrase);
    if (parsed instanceof Error) {
      if (/no passphrase/i.test(parsed.message)) {
        const hint = ', and its ssh_private_key is encrypted';
        throw failure('CREDENTIAL_MISSING', { connection, fields: 'ssh_passphrase', hint });
      }
      const reason = `its ssh_private_key cannot be read (${parsed.message})${passphrase === undefined ? '' : '; is the passphrase right?'}`;
      throw failure('CREDENTIAL_REFUSED', { connection, reason }, { cause: parsed });
    }
  } else if (password === undefined) {
    const hint = ', or for ssh_private_key, which the SSH tunnel needs';
    throw failure('CREDENTIAL_MISSING', { connection, fields: 'ssh_password', hint });
  }
  const ways = [privateKey === undefined ? '' : 'its private key', password === undefined ? '' : 'its password'];
  return {
    ...(password === undefined ? {} : { password }),
    ...(privateKey === undefined ? {} : { privateKey }),
    ...(passphrase === undefined ? {} : { passphrase }),
    tried: ways.filter((way) => way !== '').join(', or '),
  };
}

/** Reasons of RFC 4254, 5.1: 1 prohibited, 2 connect failed. */
function refusedWay(error: Error & { reason?: unknown }, ssh: string, database: string): Failure {
  const cause = { cause: error };
  if (String(error.reason) === '1' || /prohibited/i.test(error.message)) {
    return failure(
      'PERMISSION_DENIED',
      { path: `${ssh} to ${database}`, hint: ': its SSH server allows no tunnel there' },
      cause,
    );
  }
  return failure('CONNECTION_REFUSED', { host: database, hint: `, seen from ${ssh} (${error.message})` }, cause);
}

/** Stands for a channel that is being opened. */
function waitingSocket(open: () => Promise<ClientChannel>, host: string): TunnelSocket {
  let channel: ClientChannel | undefined;
  const duplex = new Duplex({
    read: () => void channel?.resume(),
    write: (chunk: Buffer, _encoding, done) => void channel!.write(chunk, done),
    final: (done) => {
      channel!.end();
      done();
    },
    // What is written before is kept by the stream until this is done.
    construct(done) {
      open().then(
        (opened) => {
          if (duplex.destroyed) {
            opened.destroy();
            return done();
          }
          channel = opened;
          opened
            .on('data', (chunk: Buffer) => {
              if (!duplex.push(chunk)) opened.pause();
            })
            .on('error', (error: Error) => duplex.destroy(asFailure(error, host)))
            .once('end', () => duplex.push(null))
            .once('close', () => {
              // A way that breaks off without an end must not be taken for one.
              if (!duplex.readableEnded && !duplex.writableEnded) duplex.push(null);
              setImmediate(() => duplex.destroy());
            });
          done();
          duplex.emit('connect');
        },
        (error: unknown) => done(asFailure(error, host)),
      );
    },
    destroy(error, done) {
      channel?.destroy();
      done(error);
    },
  });
  const same = () => socket;
  const socket = Object.assign(duplex, { connect: same, setNoDelay: same, setKeepAlive: same, ref: same, unref: same });
  return socket;
}
