// The SSH session with one server: made when it is needed, shared by all that goes on, made anew once it broke.
import { homedir } from 'node:os';
import type { Client, ClientChannel, ConnectConfig, ServerHostKeyAlgorithm } from 'ssh2';
import type { ConnectorContext } from '../../engine/contracts/connector.ts';
import type { Credential } from '../../engine/contracts/credentials.ts';
import { durationMs } from '../../engine/duration.ts';
import { failure } from '../../engine/errors.ts';
import type { SftpConfig } from '../../schemas/generated/types.ts';
import { onAbort, unlessAborted } from '../shared/abort.ts';
import { loadHostKeys } from '../shared/known-hosts.ts';
import { type Done, type Sftp, startSftp } from './client.ts';
import { connectFailure, operationFailure } from './errors.ts';

export type Config = Omit<SftpConfig, 'connector'>;

export interface Session {
  readonly sftp: Sftp;
  /** `files.example.com:22` */
  readonly host: string;
  /** Aborted with a failure once the session is gone: what is asked of it then gets no answer. */
  readonly ended: AbortSignal;
  /** Whether the server says that it has this extension of the protocol. */
  has(extension: string): boolean;
  /** One operation on what `shown` names. Rejects with the signal's reason without waiting for an answer. */
  call<T = void>(shown: string, signal: AbortSignal, work: (sftp: Sftp, done: Done<T>) => void): Promise<T>;
}

export interface Sessions {
  /** Tried again as the engine says. */
  get(signal: AbortSignal): Promise<Session>;
  /** Does what may be done twice, again in a new session where one breaks. */
  use<T>(signal: AbortSignal, work: (session: Session) => Promise<T>): Promise<T>;
  /** Tried once. */
  once(signal: AbortSignal): Promise<Session>;
  close(): Promise<void>;
}

/** From the strongest on. */
const hostKeyAlgorithms: ServerHostKeyAlgorithm[] = [
  'ssh-ed25519',
  'ecdsa-sha2-nistp256',
  'ecdsa-sha2-nistp384',
  'ecdsa-sha2-nistp521',
  'rsa-sha2-512',
  'rsa-sha2-256',
  'ssh-rsa',
];

/** A server that says nothing for three of them is gone. */
const keepAliveMs = 15_000;

export function createSessions(config: Config, context: ConnectorContext): Sessions {
  const { host, port = 22 } = config;
  const shownHost = `${host}:${port}`;
  let current: { session: Promise<Session>; end(): void; signal: AbortSignal } | undefined;
  let closed = false;

  const begin = (signal: AbortSignal) => {
    let client: Client | undefined;
    const forget = () => {
      if (current === mine) current = undefined;
    };
    const end = () => client?.destroy();
    const connecting = async () => {
      const { Client: SshClient } = (await import('ssh2')).default;
      client = new SshClient();
      client.once('close', forget);
      return connect(client, config, context, shownHost, signal);
    };
    const session = connecting().catch((error: unknown) => {
      forget();
      end();
      throw error;
    });
    session.catch(() => {});
    const mine = { session, end, signal };
    return mine;
  };

  const once = async (signal: AbortSignal): Promise<Session> => {
    for (;;) {
      signal.throwIfAborted();
      if (closed) throw failure('BUG', { reason: 'a connection is used after it was closed' });
      current ??= begin(signal);
      const mine = current;
      try {
        return await unlessAborted(signal, mine.session);
      } catch (error) {
        // Someone else's abort is no reason for us.
        if (signal.aborted || !mine.signal.aborted) throw error;
      }
    }
  };
  return {
    once,
    use: (signal, work) => context.retry(async () => work(await once(signal)), { signal }),
    get: (signal) => (current === undefined ? context.retry(() => once(signal), { signal }) : once(signal)),
    async close() {
      closed = true;
      const open = current;
      current = undefined;
      open?.end();
      await open?.session.catch(() => {});
    },
  };
}

async function connect(
  client: Client,
  config: Config,
  context: ConnectorContext,
  host: string,
  signal: AbortSignal,
): Promise<Session> {
  const timeoutMs = durationMs(config.connect_timeout ?? '10s');
  const hostKeys = await loadHostKeys({
    host: config.host,
    port: config.port ?? 22,
    file: config.known_hosts?.replace(/^~(?=\/|$)/, homedir()),
    fingerprint: config.host_key,
  });
  const { options, tried } = await login(client, config, await context.credential(), context.name);
  let refused: unknown;
  const asked = { connection: context.name, host, user: config.user, tried, timeoutSeconds: timeoutMs / 1000 };
  const channel = await new Promise<ClientChannel>((resolve, reject) => {
    const fail = (error: unknown) => reject(refused ?? connectFailure(error, asked));
    const settled = onAbort(signal, () => {
      client.destroy();
      reject(signal.reason);
    });
    client
      .on('error', fail)
      .once('close', () => fail(new Error('it hung up before the session began')))
      .once('ready', () => {
        settled();
        client.subsys('sftp', (error, opened) => {
          if (error === undefined) resolve(opened);
          else reject(noSubsystem(error, host));
        });
      })
      .connect({
        ...options,
        host: config.host,
        port: config.port ?? 22,
        username: config.user,
        readyTimeout: timeoutMs,
        keepaliveInterval: keepAliveMs,
        keepaliveCountMax: 3,
        // Of the keys that a server has, one that we know is asked for first.
        algorithms: { serverHostKey: knownFirst(hostKeys.algorithms) },
        hostVerifier: (key: Buffer) => {
          refused = hostKeys.refusal(key);
          return refused === undefined;
        },
      })
      // Small packets must not wait for the answer to the last one.
      .setNoDelay(true);
  });
  const ended = new AbortController();
  client.once('close', () => ended.abort(failure('CONNECTION_LOST', { host, reason: 'the session ended' })));
  channel.on('error', () => client.destroy());
  channel.once('close', () => client.destroy());
  const sftp = startSftp(channel).catch((error: unknown) => {
    throw connectFailure(error, asked);
  });
  return sessionOf(await unlessAborted(signal, sftp), host, ended.signal);
}

/** What the credential holds is tried in the order of `x-auth`. */
async function login(
  client: Client,
  config: Config,
  credential: Credential,
  connection: string,
): Promise<{ options: ConnectConfig; tried: string }> {
  const { utils } = (await import('ssh2')).default;
  const [password, key, passphrase] = ['password', 'private_key', 'passphrase'].map((name) =>
    credential[name]?.reveal(),
  );
  const options: ConnectConfig = {};
  const tried: string[] = [];
  if (key !== undefined) {
    const parsed = utils.parseKey(key, passphrase);
    if (parsed instanceof Error) {
      if (/no passphrase/i.test(parsed.message)) {
        const hint = ', and its private_key is encrypted';
        throw failure('CREDENTIAL_MISSING', { connection, fields: 'passphrase', hint });
      }
      const wrong = passphrase === undefined ? '' : '; is the passphrase right?';
      const reason = `its private_key cannot be read (${parsed.message})${wrong}`;
      throw failure('CREDENTIAL_REFUSED', { connection, reason }, { cause: parsed });
    }
    options.privateKey = key;
    if (passphrase !== undefined) options.passphrase = passphrase;
    tried.push('its private key');
  }
  if (config.agent === true) {
    const socket = process.env.SSH_AUTH_SOCK;
    if (socket === undefined || socket === '') {
      const reason = 'it says `agent: true`, and there is no SSH agent (SSH_AUTH_SOCK is not set)';
      throw failure('CREDENTIAL_REFUSED', { connection, reason });
    }
    options.agent = socket;
    tried.push('the keys of the SSH agent');
  }
  if (password !== undefined) {
    options.password = password;
    options.tryKeyboard = true;
    // Many servers ask for the password in this way only. What does not look like one question for it gets no answer.
    client.on('keyboard-interactive', (_name, _instructions, _language, prompts, finish) => {
      const asksOnce = prompts.length === 1 && prompts[0]!.echo !== true;
      finish(asksOnce ? [password] : prompts.map(() => ''));
    });
    tried.push('its password');
  }
  if (tried.length === 0) {
    const hint = '; it needs one of them, or `agent: true`';
    throw failure('CREDENTIAL_MISSING', { connection, fields: 'password and private_key', hint });
  }
  return { options, tried: tried.join(', or ') };
}

function sessionOf(sftp: Sftp, host: string, ended: AbortSignal): Session {
  return {
    sftp,
    host,
    ended,
    has: (extension) => sftp.extensions.has(extension),
    call: <T>(shown: string, signal: AbortSignal, work: (sftp: Sftp, done: Done<T>) => void) => {
      signal.throwIfAborted();
      const answer = new Promise<T>((resolve, reject) => {
        const done: Done<T> = (error, value) => {
          if (error) reject(operationFailure(error, shown, host));
          else resolve(value);
        };
        try {
          work(sftp, done);
        } catch (error) {
          reject(operationFailure(error, shown, host));
        }
      });
      return unlessAborted(signal, unlessAborted(ended, answer));
    },
  };
}

function knownFirst(known: readonly string[]): ServerHostKeyAlgorithm[] {
  const isKnown = (name: string) => known.includes(name);
  return [...hostKeyAlgorithms.filter(isKnown), ...hostKeyAlgorithms.filter((name) => !isKnown(name))];
}

function noSubsystem(cause: Error, host: string) {
  const hint = `: ${cause.message}; ask its owner to allow SFTP for this user`;
  return failure('OPTION_UNSUPPORTED', { what: 'SFTP', where: `the server ${host}`, hint }, { cause });
}
