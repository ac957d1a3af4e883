// What the server and the SSH client say, in the catalogue's words.
import { Failure, failure, systemFailure } from '../../engine/errors.ts';

/** Status codes of SFTP version 3 (draft-ietf-secsh-filexfer-02, 7). */
export const status = {
  ok: 0,
  endOfFile: 1,
  noSuchFile: 2,
  permissionDenied: 3,
  failure: 4,
  badMessage: 5,
  noConnection: 6,
  connectionLost: 7,
  unsupported: 8,
} as const;

function statusOf(error: unknown): number | undefined {
  const code = (error as { code?: unknown } | undefined)?.code;
  return typeof code === 'number' ? code : undefined;
}

/** The error of an operation on the place that `shown` names. */
export function operationFailure(error: unknown, shown: string, host: string): Failure {
  if (error instanceof Failure) return error;
  const cause = { cause: error };
  const said = error instanceof Error ? error.message : String(error);
  switch (statusOf(error)) {
    case status.noSuchFile:
      return failure('NOT_FOUND', { path: shown }, cause);
    case status.permissionDenied:
      return failure('PERMISSION_DENIED', { path: shown, hint: ' by the server' }, cause);
    case status.noConnection:
    case status.connectionLost:
      return failure('CONNECTION_LOST', { host, reason: said }, cause);
    case status.unsupported:
      return failure('OPTION_UNSUPPORTED', { what: shown, where: `the server ${host}`, hint: `: ${said}` }, cause);
    case undefined:
      // What waits for an answer when the channel closes gets an error without a code.
      return failure('CONNECTION_LOST', { host, reason: said }, cause);
    default:
      return failure('IO_FAILED', { path: shown, reason: refusalOf(said) }, cause);
  }
}

/** Version 3 of the protocol has one status for most of what goes wrong, and OpenSSH adds nothing to it. */
function refusalOf(said: string): string {
  if (!/^failure$/i.test(said)) return `the server refuses it: ${said}`;
  return 'the server refuses it and does not say why; a full disk or a used-up quota looks like this';
}

interface Asked {
  connection: string;
  /** `files.example.com:22` */
  host: string;
  user: string;
  /** Which kinds of credentials were tried, in words. */
  tried: string;
  timeoutSeconds: number;
}

/** Why there is no session. */
export function connectFailure(error: unknown, { connection, host, user, tried, timeoutSeconds }: Asked): Failure {
  if (error instanceof Failure) return error;
  const cause = { cause: error };
  const { level, message } = error as Error & { level?: string };
  switch (level) {
    case 'client-authentication': {
      const reason = `${host} does not let "${user}" in with ${tried}`;
      return failure('CREDENTIAL_REFUSED', { connection, reason }, cause);
    }
    case 'agent':
      return failure('CREDENTIAL_REFUSED', { connection, reason: `the SSH agent: ${message}` }, cause);
    case 'client-timeout':
      return failure('TIMED_OUT', { what: `the login at ${host}`, seconds: timeoutSeconds }, cause);
    case 'handshake':
    case 'protocol': {
      const retry = { ...cause, retry: false };
      return failure('CONNECTION_LOST', { host, reason: `it and we have no way to talk: ${message}` }, retry);
    }
  }
  const known = error as NodeJS.ErrnoException;
  if (known.code === 'EHOSTUNREACH' || known.code === 'ENETUNREACH') {
    return failure('CONNECTION_REFUSED', { host, hint: '; there is no way to it from here' }, cause);
  }
  return systemFailure(known, host) ?? failure('CONNECTION_LOST', { host, reason: message }, cause);
}
