// What the mail server and the client say, in the catalogue's words.
import { Failure, failure, systemFailure } from '../../engine/errors.ts';

/** An error of the SMTP client. */
export interface MailError extends Error {
  code?: string;
  /** `AUTH PLAIN`, `RCPT TO`, `DATA`, … */
  command?: string;
  /** 550 and the like. */
  responseCode?: number;
  response?: string;
  recipient?: string;
  rejectedErrors?: MailError[];
}

interface Place {
  connection: string;
  /** `smtp.example.com:587` */
  host: string;
  timeoutSeconds: number;
}

/** Codes of 400 to 499 may pass (RFC 5321, 4.2.1). */
function mayPass({ responseCode = 0 }: MailError): boolean {
  return responseCode >= 400 && responseCode < 500;
}

function said({ response, message }: MailError): string {
  return (response ?? message).replace(/\s+/g, ' ').trim();
}

export function mailFailure(thrown: unknown, place: Place): Failure {
  if (thrown instanceof Failure) return thrown;
  const error = thrown as MailError;
  const { connection, host } = place;
  const cause = { cause: error };
  const options = { ...cause, retry: mayPass(error) };
  switch (error.code) {
    case 'EAUTH':
    case 'ENOAUTH': {
      if (/not support|no.*auth/i.test(error.message) && error.response === undefined) {
        return failure('CREDENTIAL_REFUSED', { connection, reason: `${host}: ${error.message}` }, options);
      }
      return failure('CREDENTIAL_REFUSED', { connection, reason: `${host} answers ${said(error)}` }, options);
    }
    case 'EENVELOPE':
      return refused(error, connection);
    case 'EMESSAGE':
      if (isTooLarge(error)) return tooLarge(connection, 'unknown number of');
      return failure('MAIL_REFUSED', { connection, what: 'the message', reason: said(error) }, options);
    case 'EDNS':
      return failure('HOST_UNKNOWN', { host }, { ...cause, retry: /EAI_AGAIN|timeout/i.test(error.message) });
    case 'ETIMEDOUT':
      return failure('TIMED_OUT', { what: `the answer of ${host}`, seconds: place.timeoutSeconds }, cause);
    case 'ETLS':
      return failure('TLS_FAILED', { host, reason: tlsReason(error.message) }, cause);
  }
  if (/certificate|altname|SSL|TLS|wrong version|EPROTO/i.test(error.message)) {
    return failure('TLS_FAILED', { host, reason: tlsReason(error.message) }, cause);
  }
  const system = systemFailure(plainCode(error), host);
  if (system !== undefined) return system;
  return failure('CONNECTION_LOST', { host, reason: said(error) }, cause);
}

/** The client puts its own code over the system's, which stands in the message. */
function plainCode(error: MailError): NodeJS.ErrnoException {
  const code = /\bE[A-Z]{4,}\b/.exec(error.message)?.[0];
  return code === undefined ? error : Object.assign(new Error(error.message), { code });
}

function tlsReason(message: string): string {
  if (/^Error upgrading connection with STARTTLS/.test(message)) {
    return 'it does not take STARTTLS; say `security: tls` or, in a network of your own, `none`';
  }
  const reason = message.replace(/^Error initiating TLS - /, '').trim();
  if (/self[- ]signed|unable to (get|verify)/i.test(reason)) {
    return `its certificate is of an authority that is not known here (${reason}); name that in \`ca\``;
  }
  if (/wrong version number|packet length too long/i.test(reason)) {
    return 'it does not begin with TLS on this port; is it `security: starttls`?';
  }
  return reason;
}

function isTooLarge(error: MailError): boolean {
  return error.responseCode === 552 || /size (exceeds|larger)|too (large|big)|5\.3\.4/i.test(said(error));
}

export function tooLarge(connection: string, limit: number | string): Failure {
  return failure('MAIL_TOO_LARGE', { connection, limit });
}

/** The sender, or one or more recipients. */
export function refused(error: MailError, connection: string): Failure {
  const all = error.rejectedErrors ?? [];
  if (isTooLarge(error)) return tooLarge(connection, 'unknown number of');
  const temporary = all.length > 0 ? all.every(mayPass) : mayPass(error);
  const what =
    all.length > 0
      ? all.map(({ recipient }) => recipient ?? 'a recipient').join(', ')
      : error.command === 'MAIL FROM'
        ? 'the sender'
        : 'the addresses';
  const reason = all.length > 0 ? said(all[0]!) : said(error);
  return failure('MAIL_REFUSED', { connection, what, reason }, { cause: error, retry: temporary });
}
