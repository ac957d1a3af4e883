// What SQLite says, in the catalogue's words.
import { asFailure, Failure, failure } from '../../engine/errors.ts';
import { onlyReads } from '../shared/sql.ts';

/** What was being done when it went wrong. */
export interface Place {
  /** As the user would write it: `/shop/main/orders`. */
  shown: string;
  /** The connection's name, and its file. */
  connection: string;
  file: string;
}

interface DriverError extends Error {
  code?: string;
}

/** A lock that someone else holds now. */
export function isBusy(error: unknown): boolean {
  return /^SQLITE_(BUSY|LOCKED)/.test((error as DriverError)?.code ?? '');
}

/** What SQLite has against a row, as opposed to the statement or the file. */
export function isOfRow(error: unknown): boolean {
  const { code = '' } = error as DriverError;
  return /^SQLITE_(CONSTRAINT|MISMATCH|TOOBIG)/.test(code) || code === 'UNKNOWN_SQLITE_ERROR_3091';
}

export function databaseFailure(error: unknown, { shown: where, connection, file }: Place): Failure {
  if (error instanceof Failure) return error;
  const { code = '', message = '' } = error as DriverError;
  const cause = { cause: error };
  const reason = message.replace(/\.$/, '');
  if (message.startsWith('ConnectionFailed')) {
    return failure(
      'IO_FAILED',
      { path: file, reason: 'SQLite cannot open it; look at who may use it and its folder' },
      cause,
    );
  }
  if (isBusy(error)) {
    return failure('DATABASE_BUSY', { where, reason: `${reason}; somebody else is using ${file}` }, cause);
  }
  if (isOfRow(error)) return failure('ROW_REFUSED', { where, record: '', reason }, cause);
  const [, kind = ''] = /^SQLITE_([A-Z]+)/.exec(code) ?? [];
  switch (kind) {
    case 'FULL':
      return failure('DISK_FULL', { path: file }, cause);
    case 'READONLY':
      if (code === 'SQLITE_READONLY' && where.endsWith('`query`')) {
        return failure('SQL_REFUSED', { where, reason: `${reason}; ${onlyReads}` }, cause);
      }
      return failure('PERMISSION_DENIED', { path: where, hint: `: ${reason} (${file})` }, cause);
    case 'PERM':
    case 'AUTH':
      return failure('PERMISSION_DENIED', { path: where, hint: `: ${reason}` }, cause);
    case 'CANTOPEN':
    case 'IOERR':
      return failure('IO_FAILED', { path: file, reason: `${reason} (${code})` }, cause);
    case 'NOTADB':
      return failure(
        'DATABASE_FAILED',
        { where: `/${connection}`, reason: `${file} is no SQLite database, or an encrypted one` },
        cause,
      );
    case 'CORRUPT':
      return failure('DATABASE_FAILED', { where, reason: `${file} is damaged: ${reason}` }, cause);
    case 'ERROR':
    case 'RANGE':
      if (/^no such table/.test(reason)) return failure('NOT_FOUND', { path: where, hint: `: ${reason}` }, cause);
      if (reason.startsWith('ON CONFLICT clause does not match')) {
        const hint = '; `key` needs a primary key or a unique index on just its columns';
        return failure('SQL_REFUSED', { where, reason: reason + hint }, cause);
      }
      return failure('SQL_REFUSED', { where, reason }, cause);
    case '':
      return asFailure(error, file);
    default:
      return failure('DATABASE_FAILED', { where, reason: `${reason} (${code})` }, cause);
  }
}
