// A file that is open to be written: its mode and owner, and its end.
import { Failure } from '../../engine/errors.ts';
import type { Attributes } from './attributes.ts';
import type { Settable } from './packets.ts';
import type { Session } from './session.ts';

export interface OpenFile {
  session: Session;
  handle: Buffer;
  shown: string;
}

/** The mode of the file whose place it takes; its owner too, where the server allows that. */
export async function keepMode(
  { session, handle, shown }: OpenFile,
  { mode, uid, gid }: Pick<Attributes, 'mode'> & Settable,
  signal: AbortSignal,
): Promise<void> {
  const set = (attributes: Settable) =>
    session.call(shown, signal, (sftp, done) => sftp.fsetstat(handle, attributes, done)).catch(unlessRefused(signal));
  if (uid !== undefined && gid !== undefined) await set({ uid, gid });
  await set({ mode: mode & 0o7777 });
}

/** Throws again what is no refusal of the server. */
export function unlessRefused(signal: AbortSignal) {
  return (error: unknown): void => {
    if (!(error instanceof Failure) || error.retry || signal.aborted) throw error;
  };
}

/** Where the server has a way to tell that it is on the disk, it is. */
export async function syncFile({ session, handle, shown }: OpenFile, signal: AbortSignal): Promise<void> {
  if (!session.has('fsync@openssh.com')) return;
  await session.call(shown, signal, (sftp, done) => sftp.fsync(handle, done));
}

export async function closeFile({ session, handle, shown }: OpenFile, signal: AbortSignal): Promise<void> {
  if (signal.aborted) {
    session.sftp.close(handle, () => {});
    return;
  }
  await session.call(shown, signal, (sftp, done) => sftp.close(handle, done));
}
