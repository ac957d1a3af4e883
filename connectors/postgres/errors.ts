// What the server or the driver says, in the catalogue's words.
import { asFailure, Failure, failure } from '../../engine/errors.ts';
import { onlyReads } from '../shared/sql.ts';

/** What was being done when it went wrong. */
export interface Place {
  /** As the user would write it: `/shop/public/orders`. */
  shown: string;
  /** The connection's name, and where its server is. */
  connection: string;
  host: string;
  /** What a line of a COPY is: a record of a stream, or a line of text. */
  lines?: 'record' | 'line';
  /** How many records came before the first line of the COPY. */
  before?: number;
  /** The record, where it is known and the server does not tell it. */
  record?: number;
  /** The table that rows go to, also where they go by a staging table. */
  table?: string;
}

interface ServerError extends Error {
  code?: string;
  detail?: string;
  hint?: string;
  where?: string;
  column?: string;
  constraint?: string;
}

/** A row that the target does not take, by SQLSTATE class or code; P0001 is what a trigger raises. */
const ofRows = /^(22|23|21000|P0001)/;

/** For `catch`: the error with its place. */
export function located(place: Place): (error: unknown) => never {
  return (error) => {
    throw databaseFailure(error, place);
  };
}

export function databaseFailure(error: unknown, place: Place): Failure {
  if (error instanceof Failure) return error;
  const known = error as ServerError;
  const { shown: where, connection, host } = place;
  const cause = { cause: error };
  const code = known.code ?? '';
  const reason = withDetail(known).replaceAll('pipewright_staging', place.table ?? '');

  if (/^[0-9A-Z]{5}$/.test(code) && !code.startsWith('E')) {
    switch (code) {
      case '28P01':
      case '28000':
        return failure('CREDENTIAL_REFUSED', { connection, reason }, cause);
      case '3D000':
        return failure('NOT_FOUND', { path: `/${connection}`, hint: `: ${reason}; look at \`database\`` }, cause);
      case '3F000':
      case '42P01':
        return failure('NOT_FOUND', { path: where, hint: `: ${reason}` }, cause);
      case '42501':
        return failure('PERMISSION_DENIED', { path: where, hint: `: ${reason}` }, cause);
      case '53100':
        return failure('DISK_FULL', { path: where }, cause);
      case '53300':
        return failure('DATABASE_BUSY', { where: `/${connection}`, reason }, cause);
      case '55P03':
        return failure('TIMED_OUT', { what: `${where}: waiting for a lock`, seconds: 'its `lock_timeout` in' }, cause);
      case '57014':
        if (reason.includes('lock timeout')) break;
        return failure(
          'TIMED_OUT',
          { what: `${where}: a statement`, seconds: 'its `statement_timeout` in' },
          { ...cause, retry: false },
        );
      case '25P03':
        return failure(
          'TIMED_OUT',
          { what: `${where}: a transaction in which nothing happened`, seconds: 'its `idle_transaction_timeout` in' },
          { ...cause, retry: false },
        );
      case '40001':
      case '40P01':
        return failure('DATABASE_BUSY', { where, reason }, cause);
      case '25006':
        return failure('SQL_REFUSED', { where, reason: `${reason}; ${onlyReads}` }, cause);
      case '25001':
        return failure('SQL_REFUSED', { where, reason: `${reason}, and a task is always one` }, cause);
      case '42P10':
        return failure(
          'SQL_REFUSED',
          { where, reason: `${reason}; \`key\` needs a primary key or a unique index on just its columns` },
          cause,
        );
    }
    if (code.startsWith('57P') || code.startsWith('08')) return failure('CONNECTION_LOST', { host, reason }, cause);
    if (ofRows.test(code)) {
      const { record, position, column } = lineOf(known, place);
      const inColumn = column === undefined || reason.includes(`"${column}"`) ? '' : `, column "${column}"`;
      return failure('ROW_REFUSED', { where, record: record + inColumn, position, column, reason }, cause);
    }
    if (code.startsWith('42') || code.startsWith('0A')) {
      const why = reason.includes('data-modifying') ? `${reason}; ${onlyReads}` : reason;
      return failure('SQL_REFUSED', { where, reason: why }, cause);
    }
    return failure('DATABASE_FAILED', { where, reason: `${reason} (SQLSTATE ${code})` }, cause);
  }
  return driverFailure(known, place);
}

/** What did not come from the server: sockets, TLS, and the driver's own refusals, which have no codes. */
function driverFailure(error: ServerError, { connection, host, shown }: Place): Failure {
  const { message = '', code = '' } = error;
  const cause = { cause: error };
  if (/password must be a (non-empty )?string/.test(message)) {
    return failure(
      'CREDENTIAL_MISSING',
      { connection, fields: 'password', hint: ', which the server asks for' },
      cause,
    );
  }
  if (message.includes('does not support SSL')) {
    const reason = 'the server offers no TLS; say `ssl: disable` if the way to it is safe without';
    return failure('TLS_FAILED', { host, reason }, cause);
  }
  if (code.startsWith('ERR_OSSL')) {
    const reason = `\`ssl_cert\`, \`ssl_key\` or \`ssl_ca\` cannot be used: ${message}`;
    return failure('TLS_FAILED', { host, reason }, cause);
  }
  if (/CERT|SIGNATURE|SELF_SIGNED|ERR_TLS|ERR_SSL|EPROTO/.test(code)) {
    return failure(
      'TLS_FAILED',
      { host, reason: `the server's certificate is not trusted: ${message}; name its authority with \`ssl_ca\`` },
      cause,
    );
  }
  if (/timeout expired|timeout exceeded|connection timeout|ETIMEDOUT/.test(message + code)) {
    return failure('TIMED_OUT', { what: `connecting to ${host}`, seconds: 'its `connect_timeout` in' }, cause);
  }
  if (/Connection terminated|Connection ended|not queryable|ECONNRESET|EPIPE/.test(message + code)) {
    return failure('CONNECTION_LOST', { host, reason: message }, cause);
  }
  return asFailure(error, code.startsWith('E') ? host : shown);
}

function withDetail({ message, detail, hint }: ServerError): string {
  const parts = [message, detail, hint].filter((part) => part !== undefined && part !== '');
  return parts.map((part) => part!.replace(/\.$/, '')).join('; ');
}

/** From the context of a COPY: `COPY orders, line 3, column total: "x"`. */
function lineOf({ where = '', column }: ServerError, { lines = 'record', before = 0, record }: Place) {
  const found = /^COPY [^\n]*?, line (\d+)(?:, column ([^\n:]+))?/m.exec(where);
  if (found !== null) {
    const position = before + Number(found[1]);
    return { record: `, ${lines} ${position}`, position, column: column ?? found[2] };
  }
  return record === undefined ? { record: '', column } : { record: `, record ${record}`, position: record, column };
}
