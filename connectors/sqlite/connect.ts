// The file of a connection: opened for each piece of work, with a wait for whoever has it locked.
import { access, constants, mkdir, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import type { CallOptions, ConnectorContext } from '../../engine/contracts/connector.ts';
import { durationMs } from '../../engine/duration.ts';
import { failure, systemFailure } from '../../engine/errors.ts';
import type { SqliteConfig } from '../../schemas/generated/types.ts';
import { type Handle, openHandle } from './driver.ts';
import { databaseFailure, isBusy, type Place } from './errors.ts';

export type Config = Omit<SqliteConfig, 'connector'>;

export interface DatabaseFile {
  readonly path: string;
  place(shown: string): Place;
  exists(): Promise<boolean>;
  /** Work on one state of the database, which it cannot change. */
  read<T>(place: Place, o: CallOptions, work: (handle: Handle) => T): Promise<T>;
  /** As `read`, for work that yields. The state lasts until the end of it. */
  stream<T>(place: Place, o: CallOptions, work: (handle: Handle) => AsyncGenerator<T>): AsyncGenerator<T>;
  /** For writing; makes the file where it is not there. `made` says whether it did. */
  openToWrite(place: Place, o: CallOptions): Promise<{ handle: Handle; made: boolean }>;
  /** What needs a lock, again and again until it has it or `lock_timeout` has passed. */
  whenFree<T>(place: Place, o: CallOptions, work: () => T): Promise<T>;
}

const shortestMs = 5;
const longestMs = 100;

export function createFile(config: Config, { name }: ConnectorContext): DatabaseFile {
  const path = resolve(config.file);
  const lockMs = durationMs(config.lock_timeout ?? '30s');

  const explained = (error: unknown, at: Place, signal: AbortSignal): unknown =>
    signal.aborted ? signal.reason : databaseFailure(error, at);

  /** Settings that hold for every use: sorts go to a file beyond what the cache takes. */
  const open = async (mode: 'ro' | 'rw' | 'rwc', cacheKiB: number): Promise<Handle> => {
    if (/^:|^$/.test(config.file)) {
      const hint = '; each task has a connection of its own, so name a file';
      throw failure('OPTION_UNSUPPORTED', { what: `\`file: "${config.file}"\``, where: `/${name}`, hint });
    }
    let handle: Handle;
    try {
      handle = await openHandle(path, mode);
    } catch (error) {
      throw (await whyNot(path, mode)) ?? error;
    }
    handle.exec(`pragma temp_store = file; pragma cache_size = -${cacheKiB}`);
    return handle;
  };

  const whenFree: DatabaseFile['whenFree'] = async (at, { signal }, work) => {
    const started = performance.now();
    for (let waitMs = shortestMs; ; waitMs = Math.min(waitMs * 2, longestMs)) {
      signal.throwIfAborted();
      try {
        return work();
      } catch (error) {
        if (!isBusy(error)) throw error;
        if (performance.now() - started < lockMs) {
          await wait(waitMs, undefined, { signal }).catch(() => signal.throwIfAborted());
          continue;
        }
        const reason = `${path} is locked by another reader or writer for longer than its \`lock_timeout\``;
        throw failure('DATABASE_BUSY', { where: at.shown, reason }, { cause: error });
      }
    }
  };

  const begin = async (at: Place, o: CallOptions): Promise<Handle> => {
    o.signal.throwIfAborted();
    if (!(await isThere(path))) {
      throw failure('NOT_FOUND', { path: at.shown, hint: `: there is no file ${path}` });
    }
    const handle = await open(config.read_only === true ? 'ro' : 'rw', 8 * 1024);
    try {
      handle.exec('pragma query_only = on');
      // The snapshot is taken by the first statement that reads.
      await whenFree(at, o, () => {
        handle.exec('begin');
        try {
          handle.all('select count(*) from sqlite_schema');
        } catch (error) {
          handle.exec('rollback');
          throw error;
        }
      });
      return handle;
    } catch (error) {
      handle.end();
      throw error;
    }
  };

  return {
    path,
    place: (shown) => ({ shown, connection: name, file: path }),
    exists: () => isThere(path),
    whenFree,
    async read(at, o, work) {
      let handle: Handle | undefined;
      try {
        handle = await begin(at, o);
        return work(handle);
      } catch (error) {
        throw explained(error, at, o.signal);
      } finally {
        handle?.end();
      }
    },
    async *stream(at, o, work) {
      let handle: Handle | undefined;
      try {
        handle = await begin(at, o);
        for await (const item of work(handle)) {
          o.signal.throwIfAborted();
          yield item;
          o.signal.throwIfAborted();
        }
      } catch (error) {
        throw explained(error, at, o.signal);
      } finally {
        handle?.end();
      }
    },
    async openToWrite(at, o) {
      o.signal.throwIfAborted();
      if (config.read_only === true) {
        throw failure('PERMISSION_DENIED', { path: at.shown, hint: ': its connection says `read_only: true`' });
      }
      const made = !(await isThere(path));
      if (made && config.create === false) {
        throw failure('NOT_FOUND', {
          path: at.shown,
          hint: `: there is no file ${path}, and \`create: false\` says not to make it`,
        });
      }
      if (made) await makeFolders(dirname(path));
      const handle = await open(made ? 'rwc' : 'rw', 64 * 1024);
      return { handle, made };
    },
  };
}

async function isThere(path: string): Promise<boolean> {
  try {
    if ((await stat(path)).isDirectory()) throw failure('FILE_IS_FOLDER', { path });
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return false;
    throw systemFailure(error as NodeJS.ErrnoException, path) ?? error;
  }
}

/** As for the files of this machine: the folders that are missing are made. */
async function makeFolders(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true }).catch((error: NodeJS.ErrnoException) => {
    throw systemFailure(error, folder) ?? error;
  });
}

/** The driver does not say why a file cannot be opened. */
async function whyNot(path: string, mode: string) {
  try {
    if (mode === 'rwc') await access(dirname(path), constants.W_OK);
    else await access(path, constants.R_OK);
    return undefined;
  } catch (error) {
    return systemFailure(error as NodeJS.ErrnoException, mode === 'rwc' ? dirname(path) : path);
  }
}
