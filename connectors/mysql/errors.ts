// What the server or the driver says, in the catalogue's words.
import { asFailure, Failure, failure } from '../../engine/errors.ts';
import { onlyReads } from '../shared/sql.ts';
import type { ServerError } from './packets.ts';

/** What was being done when it went wrong. */
export interface Place {
  /** As the user would write it: `/shop/shop/orders`. */
  shown: string;
  /** The connection's name, and where its server is. */
  connection: string;
  host: string;
}

/** A row that the target does not take: data, constraints, a trigger's own. */
const rowStates = /^(22|23|21|45)/;
/** The same under a state that says nothing: data truncated, a wrong string, too few or many fields, no default, … */
const rowErrors: ReadonlySet<number> = new Set([
  1048, 1261, 1262, 1263, 1264, 1265, 1292, 1300, 1364, 1366, 1367, 1406, 1411, 1416, 1525, 1644, 3140, 3819, 4025,
  4078,
]);

const has = (list: readonly number[], errno: number) => list.includes(errno);

function isServerError(error: unknown): error is ServerError {
  return typeof (error as ServerError)?.errno === 'number' && typeof (error as ServerError).sqlState === 'string';
}

/** Whether it is the row that is refused, and another one may be taken. */
export function isRowError(error: unknown): error is ServerError {
  return isServerError(error) && isOfRow(error);
}

function isOfRow({ sqlState, errno }: ServerError): boolean {
  return rowStates.test(sqlState) || rowErrors.has(errno);
}

export function databaseFailure(error: unknown, place: Place): Failure {
  if (error instanceof Failure) return error;
  const { shown: where, connection } = place;
  const cause = { cause: error };
  // While it logs in, the driver gives the number too.
  const known = error as ServerError & { sqlStateMarker?: string; sqlMessage?: string };
  if (typeof known?.errno !== 'number' || known.errno < 1000 || typeof known.sqlState !== 'string') {
    return driverFailure(known as unknown as NodeJS.ErrnoException, place);
  }
  const { errno } = known;
  const reason = plainNames(known.sqlMessage ?? known.message);

  if (has([1045, 1698, 1862, 3118, 4151], errno)) {
    if (reason.includes('(using password: NO)')) {
      const hint = ', which the server asks for';
      return failure('CREDENTIAL_MISSING', { connection, fields: 'password', hint }, cause);
    }
    return failure('CREDENTIAL_REFUSED', { connection, reason }, cause);
  }
  if (errno === 1049) {
    return failure('NOT_FOUND', { path: `/${connection}`, hint: `: ${reason}; look at \`database\`` }, cause);
  }
  if (has([1146, 1051], errno)) return failure('NOT_FOUND', { path: where, hint: `: ${reason}` }, cause);
  if (has([1044, 1142, 1143, 1227, 1370, 1410, 1698, 3879], errno)) {
    return failure('PERMISSION_DENIED', { path: where, hint: `: ${reason}` }, cause);
  }
  if (has([1021, 1114], errno) || /No space left/.test(reason)) return failure('DISK_FULL', { path: where }, cause);
  if (has([1040, 1203, 1226], errno)) return failure('DATABASE_BUSY', { where: `/${connection}`, reason }, cause);
  if (has([1213, 1020, 3572], errno)) return failure('DATABASE_BUSY', { where, reason }, cause);
  if (errno === 1205) {
    return failure('TIMED_OUT', { what: `${where}: waiting for a lock`, seconds: 'its `lock_timeout` in' }, cause);
  }
  if (has([1969, 3024], errno)) {
    return failure(
      'TIMED_OUT',
      { what: `${where}: a statement`, seconds: 'its `statement_timeout` in' },
      { ...cause, retry: false },
    );
  }
  if (has([1053, 1077, 1079, 1152, 1158, 1159, 1160, 1161, 1184, 1317, 1927, 3168, 4031], errno)) {
    return failure('CONNECTION_LOST', { host: place.host, reason }, cause);
  }
  if (errno === 1792) {
    return failure('SQL_REFUSED', { where, reason: `${reason}; ${onlyReads}` }, cause);
  }
  if (isOfRow(known)) return failure('ROW_REFUSED', { where, record: '', reason }, cause);
  if (known.sqlState.startsWith('42') || has([1060, 1064, 1210, 1235, 1267, 1295, 4161], errno)) {
    return failure('SQL_REFUSED', { where, reason }, cause);
  }
  return failure('DATABASE_FAILED', { where, reason: `${reason} (error ${errno})` }, cause);
}

/** What did not come from the server: sockets, TLS, and the driver's own refusals. */
function driverFailure(error: NodeJS.ErrnoException, { connection, host, shown }: Place): Failure {
  const { message = '', code = '' } = error;
  const cause = { cause: error };
  if (code === 'HANDSHAKE_NO_SSL_SUPPORT') {
    const reason = 'the server offers no TLS; say `ssl: disable` if the way to it is safe without';
    return failure('TLS_FAILED', { host, reason }, cause);
  }
  if (/^ERR_(OSSL|CRYPTO|TLS)/.test(code)) {
    const reason = `\`ssl_cert\`, \`ssl_key\` or \`ssl_ca\` cannot be used: ${message}`;
    return failure('TLS_FAILED', { host, reason }, cause);
  }
  if (code === 'HANDSHAKE_SSL_ERROR') {
    const reason = `the server's certificate is not trusted: ${message}; name its authority with \`ssl_ca\``;
    return failure('TLS_FAILED', { host, reason }, cause);
  }
  if (code === 'AUTH_SWITCH_PLUGIN_ERROR') return failure('CREDENTIAL_REFUSED', { connection, reason: message }, cause);
  if (code === 'ETIMEDOUT') {
    return failure('TIMED_OUT', { what: `connecting to ${host}`, seconds: 'its `connect_timeout` in' }, cause);
  }
  if (/^(ECONNRESET|EPIPE|PROTOCOL_)/.test(code)) return failure('CONNECTION_LOST', { host, reason: message }, cause);
  return asFailure(error, code.startsWith('E') ? host : shown);
}

/** The names of the staging tables are of no use to whoever reads the message. */
export function plainNames(reason: string): string {
  return reason.replace(/`?[\w$]*`?\.?`?_?pipewright_(?:staging|new_\w+)`?/g, 'the table').replace(/\.$/, '');
}
