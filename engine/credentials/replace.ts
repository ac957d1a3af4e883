// A private file that many processes replace as a whole: a reader sees the old or the new one, and no change is lost.
import { randomBytes } from 'node:crypto';
import {
  closeSync,
  fchmodSync,
  fchownSync,
  fstatSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { failure, systemFailure } from '../errors.ts';
import { withLock } from './lock.ts';

const posix = process.platform !== 'win32';
const lockStaleMs = 2000;

/** The file's bytes, undefined when there is none. Throws STORE_EXPOSED when group or others may read or write it. */
export function readPrivateFile(path: string): Buffer | undefined {
  return open(path, false)?.bytes;
}

interface Opened {
  bytes: Buffer;
  mode: number;
  uid: number;
  gid: number;
}

function open(path: string, shared: boolean): Opened | undefined {
  let file: number;
  try {
    file = openSync(path, 'r');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw systemFailure(error as NodeJS.ErrnoException, path) ?? error;
  }
  try {
    const { mode, uid, gid } = fstatSync(file);
    if (posix && !shared && (mode & 0o077) !== 0) {
      throw failure('STORE_EXPOSED', { path, mode: (mode & 0o777).toString(8).padStart(4, '0') });
    }
    return { bytes: readFileSync(file), mode: mode & 0o777, uid, gid };
  } catch (error) {
    throw systemFailure(error as NodeJS.ErrnoException, path) ?? error;
  } finally {
    closeSync(file);
  }
}

export interface Change<T> {
  /** What takes the file's place; absent: it stays. */
  bytes?: Buffer;
  result: T;
}

/**
 * Calls `change` with the file's bytes and puts what it gives in their place, durably. May call it again when another
 * process was faster. Creates file and folder readable by the user alone; a `shared` file is not private: others may
 * read it, and it keeps its mode.
 */
export async function replaceFile<T>(
  path: string,
  signal: AbortSignal,
  change: (before: Buffer | undefined) => Change<T>,
  { shared = false }: { shared?: boolean } = {},
): Promise<T> {
  const target = realPath(path);
  try {
    mkdirSync(dirname(target), { recursive: true, ...(shared ? {} : { mode: 0o700 }) });
    for (;;) {
      const done = await withLock(target, signal, lockStaleMs, () => attempt(target, change, shared));
      if (done !== undefined) return done.result;
    }
  } catch (error) {
    throw systemFailure(error as NodeJS.ErrnoException, path) ?? error;
  }
}

// Replacing a symbolic link would cut it off from its target.
function realPath(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}

/**
 * Undefined when another was faster. Nothing in here waits, so the lock is held for milliseconds. It does not rest on
 * the lock either, which is lost when the process is suspended: each writer creates its own new file first, then removes
 * those of all others, then reads, and last renames its own. Who was overtaken finds its file gone.
 */
function attempt<T>(
  path: string,
  change: (before: Buffer | undefined) => Change<T>,
  shared: boolean,
): { result: T } | undefined {
  const folder = dirname(path);
  const prefix = `.${basename(path)}.new-`;
  const own = `${prefix}${process.pid}-${randomBytes(6).toString('hex')}`;
  const ownPath = join(folder, own);
  const file = openSync(ownPath, 'wx', shared ? 0o666 : 0o600);
  try {
    for (const name of readdirSync(folder)) {
      if (name.startsWith(prefix) && name !== own) rmSync(join(folder, name), { force: true });
    }
    const before = open(path, shared);
    const { bytes, result } = change(before?.bytes);
    if (bytes === undefined) return { result };
    writeFileSync(file, bytes);
    // An administrator's change leaves the file to its user.
    if (posix && before !== undefined && process.getuid?.() === 0) fchownSync(file, before.uid, before.gid);
    if (shared && before !== undefined) fchmodSync(file, before.mode);
    fsyncSync(file);
    try {
      renameSync(ownPath, path);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw error;
    }
    if (posix) syncFolder(folder);
    return { result };
  } finally {
    closeSync(file);
    rmSync(ownPath, { force: true });
  }
}

/** Makes the rename last over a power cut. */
function syncFolder(folder: string): void {
  const file = openSync(folder, 'r');
  try {
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}
