// What the SDK and the store say is wrong, in the catalogue's words.
import { Failure, failure, systemFailure } from '../../engine/errors.ts';

export interface Doing {
  /** The connection's name. */
  connection: string;
  /** What is worked on, as the user would write it. */
  shown: string;
  /** The operation, as the API calls it. */
  action: string;
  bucket: string;
  host: string;
  region: string;
  /** Whose key was looked for in the AWS configuration files. */
  profile?: string | undefined;
}

interface ServiceError extends Error {
  code?: string;
  Code?: string;
  Region?: string;
  $metadata?: { httpStatusCode?: number; totalRetryDelay?: number };
  $response?: { statusCode?: number; headers?: Record<string, string> };
}

const wrongKey = new Set(['InvalidAccessKeyId', 'InvalidClientTokenId', 'NotSignedUp', 'AccountProblem']);
const expired = new Set(['ExpiredToken', 'ExpiredTokenException', 'TokenRefreshRequired', 'InvalidToken']);
const elsewhere = new Set([
  'PermanentRedirect',
  'TemporaryRedirect',
  'AuthorizationHeaderMalformed',
  'IllegalLocationConstraintException',
]);
const busy = new Set([
  'SlowDown',
  'ServiceUnavailable',
  'InternalError',
  'RequestTimeout',
  'RequestTimeoutException',
  'Throttling',
  'ThrottlingException',
  'TooManyRequests',
  'RequestLimitExceeded',
  'BandwidthLimitExceeded',
  'OperationAborted',
  'ConditionalRequestConflict',
  'IncompleteBody',
]);

/** The name of the error as the store says it, or by the status where it says none (HEAD). */
function errorName(error: unknown): string {
  const { name, Code, code } = error as ServiceError;
  if (Code !== undefined) return Code;
  return name === 'Error' || name === undefined ? (code ?? '') : name;
}

export function statusOf(error: unknown): number | undefined {
  const { $metadata, $response } = error as ServiceError;
  return $metadata?.httpStatusCode ?? $response?.statusCode;
}

/** Whether nothing is there, or not there any more. */
export function isAbsent(error: unknown): boolean {
  return error instanceof Failure && error.code === 'NOT_FOUND';
}

/** Whether a new credential may help. */
export function isExpired(error: unknown): boolean {
  return expired.has(errorName(error));
}

export function failureFor(error: unknown, doing: Doing): Failure {
  if (error instanceof Failure) return error;
  const known = error as ServiceError;
  const name = errorName(error);
  const status = statusOf(error);
  const cause = { cause: plainError(known) };
  const { connection, shown, action, bucket, host, region, profile } = doing;
  const headers = known.$response?.headers ?? {};
  const said = known.message && known.message !== name && known.message !== 'UnknownError' ? `: ${known.message}` : '';
  const refused = (reason: string) => failure('CREDENTIAL_REFUSED', { connection, reason }, cause);

  if (name === 'NoSuchBucket') {
    return failure('NOT_FOUND', { path: `the bucket "${bucket}"`, hint: `; look at the name, and at ${host}` }, cause);
  }
  if (name === 'NoSuchUpload') {
    return failure('IO_FAILED', { path: shown, reason: 'someone has ended its upload meanwhile; run again' }, cause);
  }
  if (wrongKey.has(name)) return refused(`the store does not know this access key id${said}`);
  if (name === 'SignatureDoesNotMatch') return refused('the secret access key does not belong to the access key id');
  if (expired.has(name)) return refused(`the session token has expired or is not valid${said}`);
  if (name === 'RequestTimeTooSkewed') {
    const date = Date.parse(headers.date ?? '');
    const minutes = Math.round(Math.abs(date - Date.now()) / 60_000);
    const off = minutes > 0 ? `, by about ${minutes} minutes` : '';
    // Whoever signs has learned the store's time from this answer, and signs the next request with it.
    return failure(
      'CREDENTIAL_REFUSED',
      { connection, reason: `the clock of this machine differs from the store's${off}; set it` },
      { ...cause, retry: true },
    );
  }
  if (elsewhere.has(name) || status === 301 || status === 307) {
    const right = headers['x-amz-bucket-region'] ?? known.Region;
    const advice = right === undefined ? 'say its `region`, or the right `endpoint`' : `say \`region: ${right}\``;
    const reason = `${connection}: the bucket "${bucket}" is not in ${region}; ${advice}`;
    return failure('CONNECTION_INVALID', { reason }, cause);
  }
  if (name === 'CredentialsProviderError') {
    if (profile !== undefined) {
      const files = 'the AWS configuration files (~/.aws/config and credentials, or what AWS_CONFIG_FILE names)';
      return refused(`the profile "${profile}" is not in ${files}, or has no key`);
    }
    const hint = '; give access_key_id and secret_access_key, a profile or a role, or say `anonymous: true`';
    return failure('CREDENTIAL_MISSING', { connection, fields: 'the access key', hint }, cause);
  }
  if (name === 'NoSuchKey' || status === 404) return failure('NOT_FOUND', { path: shown }, cause);
  if (name === 'BadDigest' || name === 'InvalidDigest' || name === 'XAmzContentSHA256Mismatch') {
    return failure('CHECKSUM_MISMATCH', { path: shown, what: 'on the way to the store' }, { ...cause, retry: true });
  }
  if (busy.has(name) || status === 429 || (status !== undefined && status >= 500 && status !== 501)) {
    return failure(
      'HTTP_BUSY',
      { method: action, url: `${host} for ${shown}`, status: status ?? 503, reason: said || `: ${name}` },
      { ...cause, afterMs: retryAfterMs(headers['retry-after']) },
    );
  }
  if (status === 403 || name === 'AccessDenied' || name === 'AllAccessDisabled') {
    return failure('PERMISSION_DENIED', { path: shown, hint: `; the credential may not do ${action}${said}` }, cause);
  }
  if (status === 401) return refused(`${action} answered 401${said}`);
  if (status !== undefined && status >= 300) {
    const reason = `${said || `: ${name}`}`;
    return failure('HTTP_STATUS', { method: action, url: `${host} for ${shown}`, status, reason }, cause);
  }
  return networkFailure(known, host) ?? failure('BUG', { reason: `${action}: ${known.message || name}` }, cause);
}

/** Without the request, whose headers have the signature and the token. */
function plainError(error: ServiceError): Error {
  if (error.$response === undefined) return error;
  const plain = new Error(error.message);
  plain.name = error.name;
  if (error.stack !== undefined) plain.stack = error.stack;
  return Object.assign(plain, { $metadata: { httpStatusCode: statusOf(error) } });
}

/** Undefined for what is no matter of the network. */
function networkFailure(error: ServiceError, host: string): Failure | undefined {
  const cause = { cause: error };
  const { message } = error;
  if (error.name === 'TimeoutError' || /^UND_ERR_\w+_TIMEOUT$/.test(error.code ?? '')) {
    return failure('TIMED_OUT', { what: `an answer of ${host}`, seconds: 'the set time in' }, cause);
  }
  const system = error.code === undefined ? undefined : systemFailure(error as NodeJS.ErrnoException, host);
  if (system !== undefined) return system;
  const { code = '' } = error;
  if (/^(ERR_TLS_|ERR_SSL_|EPROTO|CERT_|UNABLE_TO_|SELF_SIGNED|DEPTH_ZERO)/.test(code)) {
    return failure('TLS_FAILED', { host, reason: `the TLS handshake failed: ${message}` }, cause);
  }
  // A connection that ends in the middle has many names; none of them is about what was asked for.
  if (
    /aborted|UND_ERR_SOCKET|CONTENT_LENGTH|HTTPParserError|socket hang up|premature|ECONNRESET|terminated|Parse Error|Deserialization/i.test(
      `${code} ${error.name} ${message}`,
    )
  ) {
    return failure('CONNECTION_LOST', { host, reason: message }, cause);
  }
  return undefined;
}

function retryAfterMs(value: string | undefined): number | undefined {
  if (value === undefined) return undefined;
  if (/^\d+$/.test(value)) return Number(value) * 1000;
  const at = Date.parse(value);
  return Number.isNaN(at) ? undefined : Math.max(0, at - Date.now());
}
