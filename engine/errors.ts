// The one way to raise an error of the catalogue.
import { catalogue, type Entry, type Fault } from './error-catalogue.ts';

type Data = Record<string, unknown>;

export type ErrorCode = keyof typeof catalogue;

/** An error of the catalogue. `message` is complete and safe to print after redaction. */
export class Failure extends Error {
  override readonly name = 'Failure';
  readonly code: ErrorCode;
  readonly fault: Fault;
  readonly retry: boolean;
  readonly data: Data;
  /** How long the other side asked us to wait. */
  readonly afterMs: number | undefined;

  constructor(code: ErrorCode, data: Data, options: FailureOptions = {}) {
    const entry: Entry = catalogue[code];
    super(fill(entry.message, data), options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.fault = entry.fault;
    this.retry = options.retry ?? entry.retry ?? false;
    this.data = data;
    this.afterMs = options.afterMs;
  }

  toJSON(): { code: ErrorCode; fault: Fault; message: string; data: Data } {
    return { code: this.code, fault: this.fault, message: this.message, data: this.data };
  }
}

interface FailureOptions {
  cause?: unknown;
  /** Overrides the catalogue, where only the caller can tell. */
  retry?: boolean;
  afterMs?: number | undefined;
}

/** `throw failure('NOT_FOUND', { path })`. Placeholders without data become empty. */
export function failure(code: ErrorCode, data: Data = {}, options: FailureOptions = {}): Failure {
  return new Failure(code, data, options);
}

/** Any thrown thing as a Failure: itself, an abort, a known system error, or BUG. `path` names what was worked on. */
export function asFailure(error: unknown, path = ''): Failure {
  if (error instanceof Failure) return error;
  if (!(error instanceof Error)) return failure('BUG', { reason: String(error) }, { cause: error });
  if (error.name === 'AbortError')
    return error.cause instanceof Failure ? error.cause : failure('INTERRUPTED', {}, { cause: error });
  return (
    systemFailure(error as NodeJS.ErrnoException, path) ??
    failure('BUG', { reason: error.message || error.name }, { cause: error })
  );
}

/** A Node system error (ENOENT, ECONNREFUSED, …) in the catalogue's words, or undefined. `path` is a file or a host. */
export function systemFailure(error: NodeJS.ErrnoException, path = error.path ?? ''): Failure | undefined {
  const cause = { cause: error };
  switch (error.code) {
    case 'ENOENT':
    case 'ENOTDIR':
      return failure('NOT_FOUND', { path }, cause);
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
      return failure('PERMISSION_DENIED', { path }, cause);
    case 'ENOSPC':
    case 'EDQUOT':
      return failure('DISK_FULL', { path }, cause);
    case 'EISDIR':
      return failure('FILE_IS_FOLDER', { path }, cause);
    case 'ECONNREFUSED':
      return failure('CONNECTION_REFUSED', { host: path }, cause);
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return failure('HOST_UNKNOWN', { host: path }, { ...cause, retry: error.code === 'EAI_AGAIN' });
    case 'ECONNRESET':
    case 'EPIPE':
    case 'ETIMEDOUT':
      return failure('CONNECTION_LOST', { host: path, reason: error.message }, cause);
    default:
      return error.code !== undefined && error.syscall !== undefined
        ? failure('IO_FAILED', { path, reason: error.message }, cause)
        : undefined;
  }
}

/** 0 done, 1 run failed, 2 wrong usage or definition, 3 connection or credential, 130 interrupted. */
export function exitCode(error: Failure): number {
  return { definition: 2, input: 1, remote: 1, connection: 3, bug: 1, interrupted: 130 }[error.fault];
}

function fill(message: string, data: Data): string {
  // `{path}:{line}` is the path alone where there are no lines.
  return message.replace(/(:?)\{(\w+)\}/g, (_, colon: string, name: string) =>
    data[name] === undefined ? '' : `${colon}${String(data[name])}`,
  );
}
