// The operating system's keychain through keytar: loading it, and what its errors mean.
import { type Failure, failure } from '../errors.ts';
import type { Keychain } from './keytar.ts';

const store = 'the keychain';
const elsewhere = 'or say `credentials: file`';

/** Throws STORE_UNAVAILABLE where keytar is not installed or cannot run here. */
export async function loadKeytar(): Promise<Keychain> {
  try {
    const module = (await import('keytar')) as Keychain & { default?: Keychain };
    return module.default ?? module;
  } catch (cause) {
    throw unavailable(
      cause,
      process.platform === 'linux' && !missing(cause)
        ? ['its library does not load', `install libsecret-1-0 (libsecret on Fedora and Arch), ${elsewhere}`]
        : ['the package keytar is not installed', `\`npm i keytar@npm:@github/keytar\`, ${elsewhere}`],
    );
  }
}

/** What keytar throws, in our words. It has no codes, only the messages of libsecret, macOS and Windows. */
export function keychainFailure(cause: unknown): Failure {
  const reason = cause instanceof Error ? cause.message : String(cause);
  // "Cannot create an item in a locked collection"; macOS's errSecInteractionNotAllowed and errSecAuthFailed.
  if (/\blocked\b|user interaction is not allowed|passphrase you entered is not correct|dismissed/i.test(reason)) {
    return failure(
      'STORE_LOCKED',
      { store, reason, hint: `; unlock it, by logging in to the desktop for instance, ${elsewhere}` },
      { cause },
    );
  }
  // "Cannot autolaunch D-Bus without X11 $DISPLAY", "Could not connect: No such file or directory",
  // "The given address is empty".
  if (
    /D-?Bus|could not connect|given address|connection is closed|not provide a session/i.test(reason) &&
    !/\.service files/.test(reason)
  ) {
    return unavailable(cause, [
      `there is no D-Bus session (${reason})`,
      `run it in a desktop session or under dbus-run-session, ${elsewhere}`,
    ]);
  }
  // "The name org.freedesktop.secrets was not provided by any .service files".
  if (/org\.freedesktop\.secrets was not provided|ServiceUnknown/i.test(reason)) {
    return unavailable(cause, [
      'no secret service runs',
      `install gnome-keyring or KWallet and start it, ${elsewhere}`,
    ]);
  }
  // "Object does not exist at path “/org/freedesktop/secrets/collection/login”".
  if (/does not exist at path .*\/collection\//i.test(reason)) {
    return unavailable(cause, [
      'the secret service has no keyring yet',
      `log in to the desktop once, or make a keyring with its own tool, ${elsewhere}`,
    ]);
  }
  return unavailable(cause, [reason, elsewhere]);
}

function unavailable(cause: unknown, [reason, advice]: readonly [reason: string, advice: string]): Failure {
  return failure('STORE_UNAVAILABLE', { store, reason, hint: `; ${advice}` }, { cause });
}

function missing(cause: unknown): boolean {
  const { code } = cause as NodeJS.ErrnoException;
  return code === 'ERR_MODULE_NOT_FOUND' || code === 'MODULE_NOT_FOUND';
}
