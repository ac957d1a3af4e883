// A large file on its way: where the session breaks, or an earlier run was killed, it goes on with what is there.
import type { Buffers, FileItem } from '../../engine/contracts/data.ts';
import { Failure, failure } from '../../engine/errors.ts';
import { createBuffers } from '../shared/buffers.ts';
import type { Attributes } from './attributes.ts';
import { closeFile, keepMode, type OpenFile, syncFile, unlessRefused } from './open-file.ts';
import type { Part } from './parts.ts';
import type { Reading } from './read.ts';
import type { Session } from './session.ts';
import { upload } from './upload.ts';

export interface Large {
  part: Part;
  item: FileItem;
  shown: string;
  /** The file whose place it takes. */
  before: Attributes | undefined;
  /** Each time that so many more bytes are there, that is noted. */
  noteBytes: number;
  signal: AbortSignal;
  onBytes(count: number): void;
}

/** What came of one session where that is no failed attempt: everything, a share, or a source that gives no more. */
type Ending = 'done' | { broke: Failure } | { source: unknown };

/** Resolves when everything is there, and on the disk where the server can tell. */
export async function uploadLarge({ sessions, retry }: Reading, large: Large): Promise<void> {
  const { part, signal } = large;
  const counted = countOnce(large.onBytes);
  let begun = false;
  const attempt = async (): Promise<Ending> => {
    const session = await sessions.once(signal);
    const again = begun;
    begun = true;
    const file = await openPart(session, large, again);
    const from = part.bytes;
    const source = sourceFrom(large.item, from);
    try {
      await send(file, large, source.open, counted(from));
      return 'done';
    } catch (error) {
      signal.throwIfAborted();
      const failed = source.failed();
      if (failed !== undefined) return { source: failed.error };
      if (error instanceof Failure && error.retry && part.bytes > from) return { broke: error };
      throw error;
    }
  };
  for (let broke: Failure | undefined; ; ) {
    const before = broke;
    // The first attempt is the one that broke: the engine counts it, tells of it and waits. As long as each brings the
    // file further, they are counted anew.
    const again = (number: number) => (number === 1 && before !== undefined ? Promise.reject(before) : attempt());
    const ending = await retry<Ending>(again, { signal });
    if (ending === 'done') return;
    if ('source' in ending) throw ending.source;
    broke = ending.broke;
  }
}

/** `again`: it may have been made in a session that broke. */
async function openPart(session: Session, { part, shown, before, signal }: Large, again: boolean): Promise<OpenFile> {
  const { path, from } = part;
  const refused = unlessRefused(signal);
  const noted = part.bytes;
  await part.note(from);
  for (const left of from) {
    // One of two runs gets it, as the other finds nothing there.
    const rename = session.has('posix-rename@openssh.com') ? 'posixRename' : 'rename';
    await session.call(shown, signal, (sftp, done) => sftp[rename](left, path, done)).catch(refused);
  }
  const open = async (flags: 'wx' | 'r+'): Promise<OpenFile> => {
    const attributes = flags === 'r+' || before === undefined ? {} : { mode: 0o600 };
    const handle = await session.call<Buffer>(shown, signal, (sftp, done) => sftp.open(path, flags, attributes, done));
    return { session, handle, shown };
  };
  let file = again || from.length > 0 ? await open('r+').catch(refused) : undefined;
  if (file === undefined) {
    // What may not be opened is in the way.
    if (again || from.length > 0) {
      await session.call(shown, signal, (sftp, done) => sftp.unlink(path, done)).catch(refused);
    }
    part.bytes = 0;
    file = await open('wx');
  } else {
    if (before !== undefined) await keepMode(file, { mode: 0o600 }, signal);
    if ((await sizeOf(file, signal)) < part.bytes) part.bytes = 0;
  }
  if (from.length > 0 || part.bytes !== noted) await part.note();
  return file;
}

async function send(
  file: OpenFile,
  { part, item, before, noteBytes, signal }: Large,
  open: (buffers: Buffers) => AsyncIterable<Uint8Array>,
  onBytes: (count: number) => void,
): Promise<void> {
  const buffers = createBuffers(file.session.sftp.mostBytes.write);
  let noting: Promise<void> | undefined;
  let failed: { error: unknown } | undefined;
  const note = async (bytes: number) => {
    await syncFile(file, signal);
    part.bytes = bytes;
    await part.note();
  };
  const onTaken = (position: number) => {
    if (noting !== undefined || position - part.bytes < noteBytes) return;
    noting = note(position)
      .catch((error: unknown) => {
        // A disk tells of what it has lost only once.
        failed ??= { error };
      })
      .finally(() => {
        noting = undefined;
      });
  };
  try {
    await upload(file, part.bytes, open(buffers), { buffers, signal, onBytes, onTaken });
    await noting;
    if (failed !== undefined) throw failed.error;
    const size = await sizeOf(file, signal);
    if (size !== item.size) {
      const reason = `the server has ${size} bytes of it where ${item.size} were sent; someone else wrote to it`;
      throw failure('IO_FAILED', { path: file.shown, reason });
    }
    if (before !== undefined) await keepMode(file, before, signal);
    await note(size);
  } finally {
    await noting;
    await closeFile(file, signal);
  }
}

async function sizeOf({ session, handle, shown }: OpenFile, signal: AbortSignal): Promise<number> {
  return (await session.call<Attributes>(shown, signal, (sftp, done) => sftp.fstat(handle, done))).size;
}

/** As many bytes as the file said, or a failure, which `failed` tells apart from those of the server. */
function sourceFrom(item: FileItem, start: number) {
  let failed: { error: unknown } | undefined;
  async function* open(buffers: Buffers): AsyncGenerator<Uint8Array> {
    let position = start;
    // Most stores refuse a range behind the end.
    if (start === item.size) return;
    try {
      for await (const chunk of item.open(start === 0 ? undefined : { start }, buffers)) {
        position += chunk.length;
        if (position > item.size!) break;
        yield chunk;
      }
      if (position === item.size) return;
      const reason = `${position} bytes came where ${item.size} were announced`;
      throw failure('INPUT_TRUNCATED', { path: item.path, reason });
    } catch (error) {
      failed = { error };
      throw error;
    }
  }
  return { open, failed: () => failed };
}

/** What is sent once more after a break is told of once. */
function countOnce(onBytes: (count: number) => void) {
  let told: number | undefined;
  return (from: number) => {
    told ??= from;
    let position = from;
    return (count: number) => {
      position += count;
      if (position <= told!) return;
      onBytes(position - told!);
      told = position;
    };
  };
}
