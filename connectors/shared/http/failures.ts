// What a broken connection and an answer that is no success are in the catalogue's words.
import { Failure, failure, systemFailure } from '../../../engine/errors.ts';
import { shownUrl } from './address.ts';

const advice: Readonly<Record<string, string>> = {
  CERT_HAS_EXPIRED: 'its certificate has expired',
  CERT_NOT_YET_VALID: 'its certificate is not valid yet; look at the clock of this machine',
  CERT_REVOKED: 'its certificate was revoked',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'its certificate is self-signed; name the authority in `ca` or NODE_EXTRA_CA_CERTS',
  SELF_SIGNED_CERT_IN_CHAIN: 'its certificate comes from an unknown authority; name it in `ca` or NODE_EXTRA_CA_CERTS',
  UNABLE_TO_GET_ISSUER_CERT: 'its certificate comes from an unknown authority; name it in `ca` or NODE_EXTRA_CA_CERTS',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    'its certificate comes from an unknown authority; name it in `ca` or NODE_EXTRA_CA_CERTS',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'it does not send the certificates between its own and the authority',
  ERR_TLS_CERT_ALTNAME_INVALID: 'its certificate is for another host',
  ERR_SSL_WRONG_VERSION_NUMBER: 'it does not speak TLS there; is it an http:// address?',
};

export interface Timeouts {
  connectMs: number;
  readMs: number;
}

/** An error of undici or of the socket. `reached`: whether the server may have had the request. */
export function networkFailure(error: unknown, url: URL, timeouts: Timeouts): { failure: Failure; reached: boolean } {
  if (error instanceof Failure) return { failure: error, reached: false };
  const known = error as NodeJS.ErrnoException;
  const { code = '', message = String(error) } = known;
  const cause = { cause: error };
  const { host } = url;
  const tooLong = (what: string, ms: number) => failure('TIMED_OUT', { what, seconds: ms / 1000 }, cause);
  if (code === 'UND_ERR_CONNECT_TIMEOUT') {
    return { failure: tooLong(`connecting to ${host}`, timeouts.connectMs), reached: false };
  }
  if (code === 'UND_ERR_HEADERS_TIMEOUT') {
    return { failure: tooLong(`the answer of ${shownUrl(url)}`, timeouts.readMs), reached: true };
  }
  if (code === 'UND_ERR_BODY_TIMEOUT') {
    return { failure: tooLong(`the next part of ${shownUrl(url)}`, timeouts.readMs), reached: true };
  }
  if (advice[code] !== undefined || /^(ERR_TLS_|ERR_SSL_|EPROTO|CERT_|UNABLE_TO_|HOSTNAME_)/.test(code)) {
    const wrongVersion = /wrong version number|packet length too long/i.test(message);
    const reason =
      advice[wrongVersion ? 'ERR_SSL_WRONG_VERSION_NUMBER' : code] ?? `the TLS handshake failed: ${message}`;
    return { failure: failure('TLS_FAILED', { host, reason }, cause), reached: false };
  }
  if (known.name === 'HTTPParserError') {
    const reason = `what it sends is not HTTP (${message})`;
    return { failure: failure('CONNECTION_LOST', { host, reason }, { ...cause, retry: false }), reached: true };
  }
  if (code === 'EHOSTUNREACH' || code === 'ENETUNREACH') {
    return {
      failure: failure('CONNECTION_REFUSED', { host, hint: '; there is no way to it from here' }, cause),
      reached: false,
    };
  }
  const system = systemFailure(known, host);
  if (system !== undefined) {
    return { failure: system, reached: system.code !== 'CONNECTION_REFUSED' && system.code !== 'HOST_UNKNOWN' };
  }
  if (code.startsWith('UND_ERR_')) {
    // Undici's words for what the caller asked for wrongly; everything else it raises is about the connection.
    const wrong = code === 'UND_ERR_INVALID_ARG' || code === 'UND_ERR_NOT_SUPPORTED';
    if (wrong)
      return { failure: failure('OPTION_UNSUPPORTED', { what: message, where: 'HTTP' }, cause), reached: false };
    return { failure: failure('CONNECTION_LOST', { host, reason: message }, cause), reached: true };
  }
  return { failure: failure('BUG', { reason: message }, cause), reached: true };
}

/** The same failure, where what was done may not be done again. */
export function final(error: Failure): Failure {
  return failure(error.code, error.data, { cause: error.cause, retry: false });
}

export interface Refusal {
  method: string;
  url: URL;
  status: number;
  headers: Record<string, string>;
  /** The beginning of the body. */
  excerpt: string;
  /** The connection whose credential went along. */
  connection: string | undefined;
}

/** An answer that is no success. */
export function statusFailure({ method, url, status, headers, excerpt, connection }: Refusal): Failure {
  const shown = shownUrl(url);
  const said = plainLine(excerpt, headers['content-type'] ?? '');
  const reason = said === '' ? '' : `: ${said}`;
  const data = { method, url: shown, status, reason };
  if (status === 404 || status === 410)
    return failure('NOT_FOUND', { path: shown, hint: `: ${method} answered ${status}${reason}` });
  if (connection !== undefined && (status === 401 || status === 403)) {
    return failure('CREDENTIAL_REFUSED', { connection, reason: `${method} ${shown} answered ${status}${reason}` });
  }
  if (status === 401 || status === 403) {
    return failure('HTTP_STATUS', {
      ...data,
      reason: `${reason}; if it takes a login, make a connection with connector http`,
    });
  }
  const afterMs = retryAfterMs(headers);
  const mayPass =
    status === 408 || status === 425 || status === 429 || (status >= 500 && status !== 501 && status !== 505);
  return failure(mayPass ? 'HTTP_BUSY' : 'HTTP_STATUS', data, { afterMs });
}

const longestExcerpt = 300;

/** One line of what the server said, without markup; nothing where it is not text. */
function plainLine(body: string, contentType: string): string {
  if (!/text|json|xml|^$/i.test(contentType)) return '';
  const plain = /html|xml/i.test(contentType)
    ? body.replace(/<(style|script|head)\b[\s\S]*?<\/\1>/gi, ' ').replace(/<[^>]*>/g, ' ')
    : body;
  const line = plain.replace(/[\s\x00-\x1f\x7f]+/g, ' ').trim();
  return line.length > longestExcerpt ? `${line.slice(0, longestExcerpt)}…` : line;
}

/** Seconds, or a date by the server's own clock (RFC 9110, 10.2.3). */
function retryAfterMs(headers: Record<string, string>): number | undefined {
  const value = headers['retry-after']?.trim();
  if (value === undefined || value === '') return undefined;
  if (/^\d+(\.\d+)?$/.test(value)) return Number(value) * 1000;
  const at = Date.parse(value);
  if (Number.isNaN(at)) return undefined;
  const now = Date.parse(headers.date ?? '');
  return Math.max(0, at - (Number.isNaN(now) ? Date.now() : now));
}
