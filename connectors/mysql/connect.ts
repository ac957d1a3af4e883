// Sessions of one server: how they are made, bounded, given back, and ended when a run is aborted.
import type { CallOptions, ConnectorContext } from '../../engine/contracts/connector.ts';
import { durationMs } from '../../engine/duration.ts';
import { failure } from '../../engine/errors.ts';
import type { MysqlConfig } from '../../schemas/generated/types.ts';
import { addressOf } from '../shared/sql-address.ts';
import { createTunnel } from '../shared/tunnel.ts';
import { databaseFailure, type Place } from './errors.ts';
import { logIn, tlsOptions } from './login.ts';
import { createSessionPool } from './session-pool.ts';
import type { Wire } from './wire.ts';

export type Config = Omit<MysqlConfig, 'connector'>;

export interface Session {
  wire: Wire;
  flavor: 'mysql' | 'mariadb';
  /** 80036 is 8.0.36, 101106 is 10.11.6. */
  version: number;
  /** Bytes that one statement may have. */
  largest: number;
  /** Says that the session is in the middle of something and cannot be used again. */
  spoil(): void;
}

export interface Sessions {
  place(shown: string): Place;
  /** How many may be open at once. */
  readonly limit: number;
  /** How many more could be used at this moment. */
  spare(): number;
  /** A session for the work. It is ended on the server too when the work is aborted or leaves it spoilt. */
  use<T>(place: Place, o: CallOptions, work: (session: Session) => Promise<T>): Promise<T>;
  /** As `use`, for work that yields. */
  stream<T>(place: Place, o: CallOptions, work: (session: Session) => AsyncGenerator<T>): AsyncGenerator<T>;
  close(): Promise<void>;
}

/**
 * What values look like and what is refused must not depend on the server's settings. Zero dates are taken, because
 * they may be what is copied; zero is a value, and no wish for the next number. The server waits a day for a slow
 * source or target: whether the other side is there, TCP finds out.
 */
const settings = [
  'names utf8mb4',
  "session sql_mode = 'STRICT_TRANS_TABLES,STRICT_ALL_TABLES,ERROR_FOR_DIVISION_BY_ZERO,NO_AUTO_VALUE_ON_ZERO,NO_ENGINE_SUBSTITUTION'",
  "session time_zone = '+00:00'",
  'session sql_notes = 1',
  'session max_error_count = 64',
  'session autocommit = 1',
  'session net_read_timeout = 86400',
  'session net_write_timeout = 86400',
];

const oldest = { mysql: 80_000, mariadb: 100_600 };

type Known = Omit<Session, 'spoil'>;

export function createSessions(config: Config, context: ConnectorContext): Sessions {
  const address = addressOf(config, context.name, 3306);
  const { host, port } = address;
  const shownHost = host.startsWith('/') ? host : `${host}:${port}`;
  const limit = config.pool_size ?? 8;
  let plain = false;
  const tunnel = createTunnel(config, context);

  const place = (shown: string): Place => ({ shown, connection: context.name, host: shownHost });

  const connect = async (): Promise<Wire> => {
    const credential = await context.credential();
    const attributes = { program_name: config.application_name ?? 'pipewright' };
    const timeoutMs = durationMs(config.connect_timeout ?? '10s');
    const tls = plain ? undefined : await tlsOptions(config, host, credential.ssl_key?.reveal());
    try {
      return await logIn({ ...address, password: credential.password?.reveal(), attributes, timeoutMs, tls, tunnel });
    } catch (error) {
      if (config.ssl !== 'prefer' || plain || (error as { code?: string }).code !== 'HANDSHAKE_NO_SSL_SUPPORT')
        throw error;
      plain = true;
      return connect();
    }
  };

  const open = async (): Promise<Known> => {
    const wire = await connect();
    try {
      for (const setting of settings) await wire.query(`set ${setting}`);
      const { rows } = await wire.query('select version(), @@max_allowed_packet');
      const [text, packet] = rows[0] as [string, string];
      const { flavor, version } = serverOf(text, context.name);
      for (const limited of limits(config, flavor)) await wire.query(`set session ${limited}`);
      return { wire, flavor, version, largest: Number(packet) };
    } catch (error) {
      wire.destroy();
      throw error;
    }
  };

  const pool = createSessionPool<Known>({
    limit,
    idleMs: durationMs(config.idle_timeout ?? '30s'),
    open,
    usable: ({ wire }) => wire.usable(),
    close: ({ wire }) => wire.end(),
    destroy: ({ wire }) => wire.destroy(),
  });

  /** Ends a session on the server, and waits until it is gone. */
  const terminate = async (thread: number) => {
    const wire = await connect();
    try {
      await wire.query(`kill ${thread}`);
      const there = `select sleep(0.01) from information_schema.processlist where id = ${thread}`;
      for (let i = 0; i < 500; i++) if ((await wire.query(there)).rows.length === 0) return;
    } finally {
      await wire.end();
    }
  };

  const begin = async (at: Place, { signal }: CallOptions) => {
    signal.throwIfAborted();
    const attempt = () =>
      pool.take().catch((error: unknown) => {
        throw databaseFailure(error, at);
      });
    const known = await context.retry(attempt, { signal });
    const { thread } = known.wire;
    let spoilt = false;
    let ending: Promise<void> | undefined;
    const end = () => {
      ending ??= terminate(thread).catch((error: unknown) => {
        context.log.debug(`session ${thread} of ${context.name} could not be ended`, { reason: String(error) });
        known.wire.destroy();
      });
      return ending;
    };
    const onAbort = () => void end();
    if (signal.aborted) onAbort();
    else signal.addEventListener('abort', onAbort, { once: true });
    const session: Session = {
      ...known,
      spoil() {
        spoilt = true;
      },
    };
    return {
      session,
      async finish() {
        signal.removeEventListener('abort', onAbort);
        if (spoilt || !known.wire.usable()) void end();
        await ending;
        pool.give(known, ending === undefined);
      },
    };
  };

  const explained = (error: unknown, at: Place, signal: AbortSignal): unknown =>
    signal.aborted ? signal.reason : databaseFailure(error, at);

  return {
    place,
    limit,
    spare: () => pool.free(),
    async use(at, o, work) {
      const { session, finish } = await begin(at, o);
      try {
        return await work(session);
      } catch (error) {
        throw explained(error, at, o.signal);
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
        throw explained(error, at, o.signal);
      } finally {
        await finish();
      }
    },
    async close() {
      await pool.close();
      await tunnel?.close();
    },
  };
}

/** By what the server says it is: `8.0.36`, `10.11.6-MariaDB-log`, `5.5.5-10.6.5-MariaDB`. Refuses one that is too old. */
export function serverOf(text: string, connection: string): Pick<Session, 'flavor' | 'version'> {
  const flavor = /mariadb/i.test(text) ? 'mariadb' : 'mysql';
  const [, major, minor, patch] = /^(?:5\.5\.5-)?(\d+)\.(\d+)\.(\d+)/.exec(text) ?? [];
  const version = Number(major) * 10_000 + Number(minor) * 100 + Number(patch);
  if (version >= oldest[flavor]) return { flavor, version };
  throw failure('OPTION_UNSUPPORTED', {
    what: `${flavor === 'mariadb' ? 'MariaDB' : 'MySQL'} ${major === undefined ? text : `${major}.${minor}`}`,
    where: `/${connection}`,
    hint: '; it needs MySQL 8 or MariaDB 10.6, or newer',
  });
}

/** MySQL ends only statements that read; locks are waited for in whole seconds. */
function limits({ statement_timeout: statement, lock_timeout: lock }: Config, flavor: Session['flavor']): string[] {
  const all: string[] = [];
  if (statement !== undefined) {
    const ms = durationMs(statement);
    all.push(flavor === 'mariadb' ? `max_statement_time = ${ms / 1000}` : `max_execution_time = ${Math.ceil(ms)}`);
  }
  if (lock !== undefined) {
    const seconds = Math.max(1, Math.ceil(durationMs(lock) / 1000));
    all.push(`lock_wait_timeout = ${seconds}`, `innodb_lock_wait_timeout = ${seconds}`);
  }
  return all;
}
