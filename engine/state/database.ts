// A SQLite file that many processes share: opened once, its layout brought up to date, its errors in our words.
import { chmodSync, closeSync, mkdirSync, openSync } from 'node:fs';
import { dirname } from 'node:path';
import type Libsql from 'libsql';
import { Failure, failure, systemFailure } from '../errors.ts';

type Connection = InstanceType<typeof Libsql>;
type Parameter = string | number | null;

export interface Database {
  /** The rows of a statement. */
  all<Row>(sql: string, ...parameters: Parameter[]): Row[];
  get<Row>(sql: string, ...parameters: Parameter[]): Row | undefined;
  run(sql: string, ...parameters: Parameter[]): { changes: number };
  /** All of the work or none; one writer at a time. `durable`: it survives the machine, too, once it is done. */
  transaction<T>(work: () => T, o?: { durable?: boolean }): T;
  close(): void;
}

/** How long a process waits for another one to have written. */
const busySeconds = 20;
/** `PIPE` as a number: this file is ours. */
const applicationId = 0x50495045;

/** Makes the file and its folder where they are not there. `layouts`: what leads from each version to the next. */
export async function openDatabase(path: string, layouts: readonly string[]): Promise<Database> {
  const { default: Open } = await import('libsql');
  prepareFile(path);
  const open = () => {
    const connection = new Open(path, { timeout: busySeconds * 1000 });
    try {
      prepareLayout(connection, path, layouts);
      return connection;
    } catch (error) {
      connection.close();
      throw error;
    }
  };
  const connection = await patiently(open, path);
  const statements = new Map<string, Libsql.Statement<Parameter[]>>();
  const prepared = (sql: string) => {
    let statement = statements.get(sql);
    if (statement === undefined) {
      statement = connection.prepare<Parameter[]>(sql);
      statements.set(sql, statement);
    }
    return statement;
  };
  const guarded = <T>(work: () => T): T => {
    try {
      return work();
    } catch (error) {
      throw databaseFailure(error, path);
    }
  };
  let within = false;

  return {
    all: (sql, ...parameters) => guarded(() => prepared(sql).all(...parameters) as never[]),
    get: (sql, ...parameters) => guarded(() => prepared(sql).get(...parameters) as never),
    run: (sql, ...parameters) => guarded(() => prepared(sql).run(...parameters)),
    transaction: (work, { durable = false } = {}) =>
      guarded(() => {
        if (within) return work();
        if (durable) connection.exec('pragma synchronous = full');
        try {
          connection.exec('begin immediate');
          within = true;
          const result = work();
          connection.exec('commit');
          return result;
        } catch (error) {
          if (within && connection.inTransaction) connection.exec('rollback');
          throw error;
        } finally {
          within = false;
          if (durable) connection.exec('pragma synchronous = normal');
        }
      }),
    close() {
      statements.clear();
      connection.close();
    },
  };
}

/** Private to the user: definitions and errors of runs are in it. */
function prepareFile(path: string): void {
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    closeSync(openSync(path, 'ax', 0o600));
    chmodSync(path, 0o600);
  } catch (error) {
    const found = error as NodeJS.ErrnoException;
    if (found.code === 'EEXIST') return;
    if (found.code === 'ENOTDIR' || found.code === 'EISDIR')
      throw failure('STATE_READ_ONLY', { path, reason: `${dirname(path)} is no folder` }, { cause: error });
    throw found.code === 'EACCES' || found.code === 'EPERM' || found.code === 'EROFS'
      ? readOnly(path, error)
      : (systemFailure(found, path) ?? error);
  }
}

function prepareLayout(connection: Connection, path: string, layouts: readonly string[]): void {
  const number = (pragma: string) => Object.values(connection.prepare(`pragma ${pragma}`).get() as object)[0] as number;
  const check = () => {
    const version = number('user_version');
    const isNew = version === 0 && connection.prepare('select name from sqlite_schema limit 1').get() === undefined;
    if (!isNew && number('application_id') !== applicationId)
      throw failure('STATE_CORRUPT', { path, reason: 'it is a database of another program' });
    if (version > layouts.length) throw failure('STATE_TOO_NEW', { path, version, known: layouts.length });
    return version;
  };
  connection.exec(`pragma synchronous = normal; pragma busy_timeout = ${busySeconds * 1000}`);
  if (check() === layouts.length) return;
  connection.exec('pragma journal_mode = wal');
  connection.exec('begin immediate');
  try {
    // Another process may have been first.
    for (let version = check(); version < layouts.length; version++) connection.exec(layouts[version]!);
    connection.exec(`pragma application_id = ${applicationId}; pragma user_version = ${layouts.length}; commit`);
  } catch (error) {
    if (connection.inTransaction) connection.exec('rollback');
    throw error;
  }
}

/** The change to a write-ahead log waits for nobody: it is tried again. */
async function patiently<T>(work: () => T, path: string): Promise<T> {
  const until = Date.now() + busySeconds * 1000;
  for (let waitMs = 2; ; waitMs = Math.min(waitMs * 2, 200)) {
    try {
      return work();
    } catch (error) {
      if (!isBusy(error) || Date.now() > until) throw databaseFailure(error, path);
      await new Promise((resolve) => setTimeout(resolve, waitMs * (0.5 + Math.random())));
    }
  }
}

function isBusy(error: unknown): boolean {
  const { code = '', message = '' } = error as { code?: string; message?: string };
  return /^SQLITE_(BUSY|LOCKED)/.test(code) || /database (table )?is locked/.test(message);
}

function databaseFailure(error: unknown, path: string): unknown {
  if (error instanceof Failure || !(error instanceof Error)) return error;
  const code = (error as { code?: string }).code ?? '';
  const cause = { cause: error };
  const reason = error.message;
  if (isBusy(error)) return failure('STATE_BUSY', { path, seconds: busySeconds }, cause);
  if (/^SQLITE_(CORRUPT|NOTADB)/.test(code)) return failure('STATE_CORRUPT', { path, reason }, cause);
  if (code.startsWith('SQLITE_FULL')) return failure('DISK_FULL', { path }, cause);
  if (/^SQLITE_(READONLY|CANTOPEN|PERM)/.test(code) || /Unable to open|readonly/.test(reason))
    return readOnly(path, error);
  if (code.startsWith('SQLITE') || /^(ConnectionFailed|SqliteFailure)/.test(reason))
    return failure('STATE_FAILED', { path, reason }, cause);
  return error;
}

function readOnly(path: string, cause: unknown) {
  const hint = '; make it and its folder writable, or name another file with `state` in pipewright.yaml';
  return failure('STATE_READ_ONLY', { path, reason: 'permission denied', hint }, { cause });
}
