// The transaction of a write. All writes of one stage of a run into one file share theirs, because a file has one writer at a time.
import { rm, stat } from 'node:fs/promises';
import type { CallOptions } from '../../engine/contracts/connector.ts';
import type { DatabaseFile } from './connect.ts';
import type { Handle } from './driver.ts';
import { databaseFailure, type Place } from './errors.ts';

export interface Transaction {
  /** The file, with the transaction begun. Throws what another write of the same transaction has failed with. */
  use(): Promise<Handle>;
  /** Resolves once it is durable: with other writes, once each of them has come here. */
  commit(): Promise<void>;
  /** Undoes what was not committed, for the other writes too. Never fails. */
  fail(error: unknown): Promise<void>;
  /** Gives the file back, after the last commit. */
  close(): void;
}

/** A transaction that can be committed again and again, for this write alone. */
export async function ownTransaction(file: DatabaseFile, place: Place, o: CallOptions): Promise<Transaction> {
  const { handle, made } = await file.openToWrite(place, o);
  const begin = () => file.whenFree(place, o, () => handle.exec('begin immediate'));
  return {
    async use() {
      if (!handle.inTransaction()) await begin();
      return handle;
    },
    async commit() {
      if (handle.inTransaction()) await file.whenFree(place, o, () => handle.exec('commit'));
    },
    async fail() {
      handle.end();
      if (made) await removeEmpty(file.path);
    },
    close: () => finish(handle),
  };
}

interface Joint {
  opening: Promise<{ handle: Handle; made: boolean }>;
  writes: number;
  /** How many of them are ready to commit; nobody joins once one is. */
  ready: number;
  failed: { error: unknown } | undefined;
  done: Promise<void>;
  settle: { resolve(): void; reject(error: unknown): void };
}

/** By the signal of the stage, and the file. */
const joints = new WeakMap<AbortSignal, Map<string, Joint>>();

/** The transaction that every write of the stage into this file has part in: they become visible together or not at all. */
export function jointTransaction(file: DatabaseFile, place: Place, o: CallOptions): Transaction {
  const ofStage = joints.get(o.signal) ?? new Map<string, Joint>();
  joints.set(o.signal, ofStage);
  let joint = ofStage.get(file.path);
  if (joint === undefined || joint.ready > 0) {
    joint = openJoint(file, place, o);
    ofStage.set(file.path, joint);
  }
  const shared = joint;
  shared.writes++;
  const leave = () => {
    if (ofStage.get(file.path) === shared) ofStage.delete(file.path);
  };
  const check = () => {
    if (shared.failed !== undefined) throw shared.failed.error;
  };
  return {
    async use() {
      const { handle } = await shared.opening;
      check();
      return handle;
    },
    async commit() {
      const { handle } = await shared.opening;
      check();
      shared.ready++;
      if (shared.ready < shared.writes) return shared.done;
      await file.whenFree(place, o, () => handle.exec('commit'));
      leave();
      finish(handle);
      shared.settle.resolve();
    },
    async fail(error) {
      leave();
      if (shared.failed !== undefined) return;
      shared.failed = { error: databaseFailure(error, place) };
      const opened = await shared.opening.catch(() => undefined);
      opened?.handle.end();
      if (opened?.made) await removeEmpty(file.path);
      shared.settle.reject(shared.failed.error);
    },
    close() {},
  };
}

function openJoint(file: DatabaseFile, place: Place, o: CallOptions): Joint {
  const opening = (async () => {
    const opened = await file.openToWrite(place, o);
    try {
      await file.whenFree(place, o, () => opened.handle.exec('begin immediate'));
    } catch (error) {
      opened.handle.end();
      if (opened.made) await removeEmpty(file.path);
      throw error;
    }
    return opened;
  })();
  opening.catch(() => {});
  let settle!: Joint['settle'];
  const done = new Promise<void>((resolve, reject) => {
    settle = { resolve, reject };
  });
  done.catch(() => {});
  return { opening, writes: 0, ready: 0, failed: undefined, done, settle };
}

/** Of a file with a write-ahead log, what was written goes to the file itself where nobody is reading. */
function finish(handle: Handle): void {
  try {
    handle.all('pragma wal_checkpoint(truncate)');
  } catch {
    // It stays in the log, where it is as durable.
  }
  handle.end();
}

/** What was made and holds nothing. */
async function removeEmpty(path: string): Promise<void> {
  const found = await stat(path).catch(() => undefined);
  if (found?.size === 0) await rm(path, { force: true });
}
