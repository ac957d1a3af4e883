// A mail server on this machine that keeps what it gets, and refuses what it is told to.
import type { AddressInfo } from 'node:net';
import { SMTPServer, type SMTPServerOptions } from 'smtp-server';
import { testCertificate, testKey } from './certificate.ts';

interface Received {
  from: string;
  to: string[];
  /** As it came over the wire, with the dots taken out again. */
  raw: string;
  secure: boolean;
  user: string | undefined;
}

export interface MailServerOptions {
  security?: 'none' | 'starttls' | 'tls';
  /** The user is `reports`; without it, nobody has to log in. */
  password?: string;
  /** The most bytes of a message, told in the answer to EHLO. */
  size?: number;
  /** As `size`, but told only when the message is too large. */
  hiddenSize?: number;
  /** The answer to a recipient, by address: `550 no such user`. */
  recipients?: Record<string, string>;
  /** The answers to the first messages, before they are taken: `451 busy`. */
  messages?: string[];
  /** Breaks the connection when a message is complete, without an answer. */
  cutAtEnd?: boolean;
}

export interface MailServer {
  port: number;
  messages: Received[];
  /** Messages that began to come and never ended. */
  broken: number;
  connections: number;
  close(): Promise<void>;
}

export async function startMailServer(options: MailServerOptions = {}): Promise<MailServer> {
  const { security = 'starttls', password, recipients = {}, messages: answers = [] } = options;
  const result = { messages: [] as Received[], broken: 0, connections: 0 };
  const failed = (text: string) => {
    const error = new Error(text.replace(/^\d+ /, '')) as Error & { responseCode: number };
    error.responseCode = Number(/^\d+/.exec(text)?.[0] ?? 550);
    return error;
  };
  const settings: SMTPServerOptions = {
    secure: security === 'tls',
    hideSTARTTLS: security !== 'starttls',
    ...(security === 'none' ? { disabledCommands: ['STARTTLS'] } : {}),
    key: testKey,
    cert: testCertificate,
    authOptional: password === undefined,
    allowInsecureAuth: true,
    disableReverseLookup: true,
    ...(options.size === undefined ? {} : { size: options.size }),
    onConnect(_, callback) {
      result.connections++;
      callback();
    },
    onAuth({ username, password: given }, _, callback) {
      if (username === 'reports' && given === password) callback(null, { user: username });
      else callback(failed('535 5.7.8 bad user name or password'));
    },
    onRcptTo({ address }, _, callback) {
      const answer = recipients[address];
      callback(answer === undefined ? null : failed(answer));
    },
    onData(stream, session, callback) {
      const chunks: Buffer[] = [];
      let ended = false;
      stream.on('data', (chunk: Buffer) => chunks.push(chunk));
      stream.once('close', () => {
        if (!ended) result.broken++;
      });
      stream.once('end', () => {
        ended = true;
        const raw = Buffer.concat(chunks).toString('latin1');
        if (options.cutAtEnd) {
          for (const connection of server.connections)
            (connection as unknown as { _socket: { destroy(): void } })._socket.destroy();
          return;
        }
        const answer = answers.shift();
        if (answer !== undefined) return callback(failed(answer));
        if (raw.length > (options.hiddenSize ?? Number.POSITIVE_INFINITY)) {
          return callback(failed('552 5.3.4 message size exceeds fixed limit'));
        }
        const { mailFrom, rcptTo } = session.envelope;
        result.messages.push({
          from: mailFrom === false ? '' : mailFrom.address,
          to: rcptTo.map(({ address }) => address),
          raw,
          secure: session.secure,
          user: session.user as string | undefined,
        });
        callback();
      });
    },
  };
  const server = new SMTPServer(settings);
  // A client that hangs up is what some tests are about.
  server.on('error', () => {});
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.server.address() as AddressInfo;
  return Object.assign(result, { port, close: () => new Promise<void>((resolve) => server.close(() => resolve())) });
}
