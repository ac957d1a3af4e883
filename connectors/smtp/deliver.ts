// One session with the mail server, and one message through it.
import { readFile } from 'node:fs/promises';
import { Readable } from 'node:stream';
import SmtpConnection from 'nodemailer/lib/smtp-connection';
import type { ConnectorContext, Message } from '../../engine/contracts/connector.ts';
import { durationMs } from '../../engine/duration.ts';
import { asFailure, type Failure, failure } from '../../engine/errors.ts';
import type { SmtpConfig } from '../../schemas/generated/types.ts';
import { onAbort } from '../shared/abort.ts';
import { type MailError, mailFailure, refused, tooLarge } from './errors.ts';
import { compose } from './mime.ts';

export type Config = Omit<SmtpConfig, 'connector'>;

const ports = { none: 25, starttls: 587, tls: 465 } as const;
/** How long a server may think about a message; RFC 5321 (4.5.3.2) wants ten minutes for the last answer. */
const answerMs = 10 * 60_000;

/** What the client knows of the server and does not show. */
interface Told {
  _maxAllowedSize?: number;
  _envelope?: { rejectedErrors?: MailError[] };
}

export interface Mailbox {
  /** Connects and logs in; ends the session after the work, whatever happens. */
  session<T>(signal: AbortSignal, work: (connection: SmtpConnection) => Promise<T>): Promise<T>;
  deliver(message: Message, signal: AbortSignal): Promise<{ id: string }>;
}

export function createMailbox(config: Config, context: ConnectorContext): Mailbox {
  const { security = 'starttls' } = config;
  const port = config.port ?? ports[security];
  const timeoutMs = durationMs(config.connect_timeout ?? '10s');
  const place = { connection: context.name, host: `${config.host}:${port}`, timeoutSeconds: timeoutMs / 1000 };

  const open = async (): Promise<SmtpConnection> => {
    const ca = config.ca === undefined ? {} : { ca: await authority(config.ca) };
    return new SmtpConnection({
      host: config.host,
      port,
      secure: security === 'tls',
      requireTLS: security === 'starttls',
      ignoreTLS: security === 'none',
      connectionTimeout: timeoutMs,
      greetingTimeout: timeoutMs,
      dnsTimeout: timeoutMs,
      socketTimeout: answerMs,
      tls: { ...ca },
    });
  };

  const login = async (connection: SmtpConnection): Promise<void> => {
    const password = (await context.credential()).password?.reveal();
    const { user } = config;
    if (user === undefined && password === undefined) return;
    if (user === undefined || password === undefined) {
      const [fields, given] = user === undefined ? ['user', 'a password'] : ['password', 'a user'];
      throw failure('CREDENTIAL_MISSING', { connection: context.name, fields, hint: `, and there is ${given}` });
    }
    if (security === 'none')
      context.log.warn(`${context.name}: the password goes unencrypted, as \`security: none\` says`);
    await new Promise<void>((resolve, reject) => {
      const credentials = { user, pass: password };
      connection.login({ credentials, ...credentials } as never, (error) => (error ? reject(error) : resolve()));
    });
  };

  const session: Mailbox['session'] = async (signal, work) => {
    signal.throwIfAborted();
    const connection = await open();
    let off = () => {};
    try {
      const broken = new Promise<never>((_, reject) => {
        connection.on('error', reject);
        connection.once('end', () => reject(new Error('it hung up')));
        off = onAbort(signal, () => {
          connection.close();
          reject(signal.reason);
        });
      });
      broken.catch(() => {});
      const doing = async () => {
        await new Promise<void>((resolve, reject) => {
          connection.connect((error) => (error ? reject(error) : resolve()));
        });
        await login(connection);
        return work(connection);
      };
      const done = doing();
      // What it ends with after the session broke tells nobody anything.
      done.catch(() => {});
      return await Promise.race([done, broken]);
    } catch (error) {
      connection.close();
      throw signal.aborted ? signal.reason : mailFailure(error, place);
    } finally {
      off();
      connection.quit();
    }
  };

  /** Until the first byte of the message has gone out, it can all be done again. */
  const deliver: Mailbox['deliver'] = async (message, signal) => {
    const from = message.from ?? config.from;
    if (from === undefined) {
      const hint = '; give the task or the connection a `from`';
      throw failure('OPTION_UNSUPPORTED', { what: 'a message without a sender', where: context.name, hint });
    }
    const composed = compose(message, from);
    let state: 'not begun' | 'going' | 'complete' = 'not begun';
    /** Why we broke off, which the client then only sees as a connection that ended. */
    let broke: { error: unknown } | undefined;
    const attempt = () =>
      session(signal, async (connection) => {
        const told = connection as unknown as Told;
        broke = undefined;
        async function* bytes(): AsyncGenerator<Buffer> {
          try {
            // Some were taken and some not: nobody gets it, so that it can be sent to all when that is mended.
            const { rejectedErrors = [] } = told._envelope ?? {};
            if (rejectedErrors.length > 0) throw refused(withRejected(rejectedErrors), context.name);
            state = 'going';
            const limit = told._maxAllowedSize || Number.POSITIVE_INFINITY;
            let sent = 0;
            for await (const chunk of composed.bytes()) {
              signal.throwIfAborted();
              sent += chunk.length;
              if (sent > limit) throw tooLarge(context.name, limit);
              yield chunk;
            }
            state = 'complete';
          } catch (error) {
            broke = { error };
            // Without its end the server throws away what it has.
            connection.close();
            throw error;
          }
        }
        const source = Readable.from(bytes(), { objectMode: false, highWaterMark: 64 * 1024 });
        source.on('error', () => {});
        try {
          await new Promise<void>((resolve, reject) => {
            connection.send(composed.envelope, source, (error) => (error ? reject(error) : resolve()));
          });
        } finally {
          source.destroy();
        }
      }).catch((error: unknown) => {
        throw signal.aborted ? signal.reason : afterwards(asFailure(broke?.error ?? error), state, context.name);
      });
    await context.retry(attempt, { signal });
    return { id: composed.messageId };
  };

  return { session, deliver };
}

/** A failure that says no more `retry` where the message cannot be sent again. */
function afterwards(error: Failure, state: 'not begun' | 'going' | 'complete', connection: string): Failure {
  if (state === 'not begun') return error;
  if (state === 'complete' && ['CONNECTION_LOST', 'TIMED_OUT'].includes(error.code)) {
    return failure('MAIL_UNCERTAIN', { connection, reason: error.message }, { cause: error });
  }
  return error.retry ? failure(error.code, error.data, { cause: error.cause, retry: false }) : error;
}

function withRejected(rejectedErrors: MailError[]): MailError {
  return Object.assign(new Error('not all recipients were taken'), { rejectedErrors });
}

function authority(path: string): Promise<Buffer> {
  return readFile(path).catch((error: unknown) => {
    throw asFailure(error, path);
  });
}
