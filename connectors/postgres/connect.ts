// Sessions of one server: how they are made, bounded, given back, and ended when a run is aborted.
import { readFile } from 'node:fs/promises';
import type { Socket } from 'node:net';
import { type ConnectionOptions, checkServerIdentity } from 'node:tls';
import type { ClientBase, ClientConfig, Pool, PoolClient } from 'pg';
import type { CallOptions, ConnectorContext } from '../../engine/contracts/connector.ts';
import { durationMs } from '../../engine/duration.ts';
import { asFailure, failure } from '../../engine/errors.ts';
import type { PostgresConfig } from '../../schemas/generated/types.ts';
import { addressOf } from '../shared/sql-address.ts';
import { createTunnel } from '../shared/tunnel.ts';
import { databaseFailure, type Place } from './errors.ts';

export type Config = Omit<PostgresConfig, 'connector'>;

export interface Session {
  client: ClientBase;
  /** 150004 is 15.4. */
  version: number;
  /** Of its process on the server. */
  pid: number;
  /** Says that the session is in the middle of something and cannot be used again. */
  spoil(): void;
}

export interface Sessions {
  place(shown: string): Place;
  /** A session for the work. It is ended on the server too when the work is aborted or leaves it spoilt. */
  use<T>(place: Place, o: CallOptions, work: (session: Session) => Promise<T>): Promise<T>;
  /** As `use`, for work that yields. */
  stream<T>(place: Place, o: CallOptions, work: (session: Session) => AsyncGenerator<T>): AsyncGenerator<T>;
  /** At most so many at the same time. */
  readonly size: number;
  /** How many more can be had now without anybody waiting. */
  spare(): Promise<number>;
  close(): Promise<void>;
}

/** How values look as text must not depend on the server's or the user's settings. */
const settings = [
  "set datestyle = 'ISO, YMD'",
  'set intervalstyle = iso_8601',
  "set timezone = 'UTC'",
  'set bytea_output = hex',
  'set extra_float_digits = 1',
  'set standard_conforming_strings = on',
  'set xmloption = content',
  'select pg_backend_pid() as pid, current_setting($$server_version_num$$)::int as version',
].join('; ');

const oldest = 120_000;
/** After so long without a word, TCP asks whether the other side is there. */
const silentMs = 30_000;

export function createSessions(config: Config, context: ConnectorContext): Sessions {
  const address = addressOf(config, context.name, 5432);
  const { host, port } = address;
  const shownHost = host.startsWith('/') ? host : `${host}:${port}`;
  const ready = new WeakMap<ClientBase, { pid: number; version: number }>();
  /** What sessions were ended with. */
  const broken = new WeakMap<ClientBase, Error>();
  let pool: Promise<Pool> | undefined;
  let plain = false;
  const tunnel = createTunnel(config, context);
  const size = config.pool_size ?? 8;

  const place = (shown: string): Place => ({ shown, connection: context.name, host: shownHost });

  const clientConfig = async (): Promise<ClientConfig> => ({
    ...address,
    // Asked for each session, so that a rotated password needs no restart.
    password: async () => (await context.credential()).password?.reveal() ?? '',
    application_name: config.application_name ?? 'pipewright',
    connectionTimeoutMillis: durationMs(config.connect_timeout ?? '10s'),
    keepAlive: true,
    keepAliveInitialDelayMillis: silentMs,
    ...(tunnel === undefined ? {} : { stream: () => tunnel.socket(host, port) }),
    ssl: plain ? false : await tlsOptions(config, host, context),
    ...(config.statement_timeout === undefined ? {} : { statement_timeout: durationMs(config.statement_timeout) }),
    ...(config.idle_transaction_timeout === undefined
      ? {}
      : { idle_in_transaction_session_timeout: durationMs(config.idle_transaction_timeout) }),
    ...(config.lock_timeout === undefined ? {} : { lock_timeout: durationMs(config.lock_timeout) }),
  });

  const openPool = async (): Promise<Pool> => {
    const { default: pg } = await import('pg');
    /** One that fails while it logs in closes its socket; the server would wait a minute for the rest. */
    class Client extends pg.Client {
      constructor(given?: string | ClientConfig) {
        super(given);
        const connect = this.connect.bind(this) as (done: (error?: Error) => void) => void;
        const end = () => socketOf(this).destroy();
        this.connect = ((done: (error?: Error) => void) =>
          connect((error) => {
            if (error) end();
            done(error);
          })) as unknown as typeof this.connect;
      }
    }
    const made = new pg.Pool({
      Client,
      ...(await clientConfig()),
      max: size,
      idleTimeoutMillis: durationMs(config.idle_timeout ?? '30s'),
      allowExitOnIdle: true,
    });
    // A session that breaks while nobody uses it is simply gone.
    made.on('error', () => {});
    return made;
  };

  const connect = async (): Promise<{ client: PoolClient; pid: number; version: number }> => {
    pool ??= openPool();
    const opened = await pool.catch((error: unknown) => {
      pool = undefined;
      throw error;
    });
    let client: PoolClient;
    try {
      client = await opened.connect();
    } catch (error) {
      if (config.ssl !== 'prefer' || plain || !String(error).includes('does not support SSL')) throw error;
      plain = true;
      pool = undefined;
      await opened.end();
      return connect();
    }
    try {
      if (!ready.has(client)) {
        // A session that breaks tells it twice, to the statement and here; while it is idle, only here.
        client.on('error', (error) => broken.has(client) || broken.set(client, error));
        const results = (await client.query(settings)) as unknown as { rows: { pid: number; version: number }[] }[];
        const known = results.at(-1)!.rows[0]!;
        if (known.version < oldest) {
          const what = `Postgres ${Math.floor(known.version / 10_000)}`;
          throw failure('OPTION_UNSUPPORTED', {
            what,
            where: `/${context.name}`,
            hint: '; it needs version 12 or newer',
          });
        }
        ready.set(client, known);
      }
      return { client, ...ready.get(client)! };
    } catch (error) {
      client.release(true);
      throw error;
    }
  };

  /** Ends a session on the server, and waits until it is gone. */
  const terminate = async (pid: number, version: number) => {
    const { default: pg } = await import('pg');
    const client = new pg.Client(await clientConfig());
    client.on('error', () => {});
    try {
      await client.connect();
      await client.query(`select pg_terminate_backend($1${version >= 140_000 ? ', 5000' : ''})`, [pid]);
    } finally {
      await client.end();
    }
  };

  const begin = async (at: Place, { signal }: CallOptions) => {
    signal.throwIfAborted();
    const attempt = () =>
      connect().catch((error: unknown) => {
        throw databaseFailure(error, at);
      });
    const { client, pid, version } = await context.retry(attempt, { signal });
    let spoilt = false;
    let ending: Promise<void> | undefined;
    const end = () => {
      ending ??= terminate(pid, version).catch((error: unknown) => {
        context.log.debug(`session ${pid} of ${context.name} could not be ended`, { reason: String(error) });
        // A server that says nothing more would be waited for.
        socketOf(client).destroy();
      });
      return ending;
    };
    const onAbort = () => void end();
    if (signal.aborted) onAbort();
    else signal.addEventListener('abort', onAbort, { once: true });
    const session: Session = {
      client,
      version,
      pid,
      spoil() {
        spoilt = true;
      },
    };
    return {
      session,
      async finish() {
        signal.removeEventListener('abort', onAbort);
        if (spoilt) void end();
        await ending;
        client.release(spoilt || ending !== undefined);
      },
    };
  };

  const explained = (error: unknown, at: Place, signal: AbortSignal, { client }: Session): unknown => {
    if (signal.aborted) return signal.reason;
    const failed = databaseFailure(error, at);
    const told = broken.get(client);
    return failed.code === 'CONNECTION_LOST' && told !== undefined ? databaseFailure(told, at) : failed;
  };

  return {
    place,
    size,
    async spare() {
      const opened = await pool;
      if (opened === undefined) return size;
      return size - (opened.totalCount - opened.idleCount) - opened.waitingCount;
    },
    async use(at, o, work) {
      const { session, finish } = await begin(at, o);
      try {
        return await work(session);
      } catch (error) {
        throw explained(error, at, o.signal, session);
      } finally {
        await finish();
      }
    },
    async *stream(at, o, work) {
      const { session, finish } = await begin(at, o);
      try {
        for await (const item of work(session)) {
          o.signal.throwIfAborted();
          yield item;
          o.signal.throwIfAborted();
        }
      } catch (error) {
        throw explained(error, at, o.signal, session);
      } finally {
        await finish();
      }
    },
    async close() {
      const opened = await pool?.catch(() => undefined);
      pool = undefined;
      await opened?.end();
      await tunnel?.close();
    },
  };
}

function socketOf(client: ClientBase): Socket {
  return (client as unknown as { connection: { stream: Socket } }).connection.stream;
}

/** Work in a transaction. What breaks it off is undone, also by the server alone when the session is gone. */
export async function inTransaction<T>({ client, spoil }: Session, how: string, work: () => Promise<T>): Promise<T> {
  await client.query(`begin ${how}`);
  try {
    const result = await work();
    await client.query('commit');
    return result;
  } catch (error) {
    await client.query('rollback').catch(spoil);
    throw error;
  }
}

async function tlsOptions(config: Config, host: string, context: ConnectorContext): Promise<ConnectionOptions | false> {
  const mode = config.ssl ?? 'verify-full';
  if (mode === 'disable' || host.startsWith('/')) return false;
  const file = async (path: string | undefined) => {
    if (path === undefined) return undefined;
    return readFile(path, 'utf8').catch((error: unknown) => {
      throw asFailure(error, path);
    });
  };
  const key = (await context.credential()).ssl_key?.reveal();
  const [ca, cert] = [await file(config.ssl_ca), await file(config.ssl_cert)];
  const checked = mode === 'verify-ca' || mode === 'verify-full';
  return {
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
    rejectUnauthorized: checked,
    // The driver gives no name for an address of numbers, and what stands in for it would be `localhost`.
    checkServerIdentity: (_, certificate) =>
      mode === 'verify-full' ? checkServerIdentity(host, certificate) : undefined,
  };
}
