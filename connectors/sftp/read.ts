// The bytes of one file, with many requests on their way at a time. Where the session breaks, it goes on from there in a new one.
import type { ConnectorContext } from '../../engine/contracts/connector.ts';
import type { Buffers, Range } from '../../engine/contracts/data.ts';
import { Failure, failure } from '../../engine/errors.ts';
import { unlessAborted } from '../shared/abort.ts';
import { type Attributes, isFolder } from './attributes.ts';
import { operationFailure } from './errors.ts';
import type { Place } from './place.ts';
import type { Session, Sessions } from './session.ts';

/** So much is on its way at most, which keeps a fast line with 20 ms to the server busy. */
const windowBytes = 2 * 1024 * 1024;

/** Not of a pool of Node's either, which a small rest of a chunk would keep alive. */
const unpooled: Buffers = { chunkBytes: windowBytes, take: Buffer.allocUnsafeSlow, give: () => {} };

interface Reader {
  /** The next bytes in order; empty at the end. */
  next(): Promise<Uint8Array>;
  close(): void;
}

export interface Reading {
  sessions: Sessions;
  retry: ConnectorContext['retry'];
}

export async function* readBytes(
  { sessions, retry }: Reading,
  place: Place,
  range: Range | undefined,
  signal: AbortSignal,
  buffers: Buffers = unpooled,
): AsyncGenerator<Uint8Array> {
  signal.throwIfAborted();
  let at = range?.start ?? 0;
  const end = range?.end ?? Number.POSITIVE_INFINITY;
  let reader: Reader | undefined;
  let before: Attributes | undefined;
  let connected = false;
  const next = async (session: (signal: AbortSignal) => Promise<Session>): Promise<Uint8Array> => {
    try {
      if (reader === undefined) {
        const live = await session(signal);
        connected = true;
        const begun = await openReader(live, place, { start: at, end }, before, buffers, signal);
        before = begun.attributes;
        reader = begun.reader;
      }
      return await reader.next();
    } catch (error) {
      if (!signal.aborted) reader = undefined;
      throw error;
    }
  };
  try {
    while (at < end) {
      const chunk = await next(sessions.get).catch((error: unknown) => {
        // Where there was no session at all, that was tried again already.
        if (signal.aborted || !(error instanceof Failure) || !error.retry || !connected) throw error;
        // The first attempt is the one that broke: the engine counts it, tells of it and waits.
        const again = (attempt: number) => (attempt === 1 ? Promise.reject(error) : next(sessions.once));
        return retry(again, { signal });
      });
      signal.throwIfAborted();
      if (chunk.length === 0) return;
      at += chunk.length;
      yield chunk;
      signal.throwIfAborted();
    }
  } finally {
    reader?.close();
  }
}

async function openReader(
  session: Session,
  place: Place,
  range: Required<Range>,
  before: Attributes | undefined,
  buffers: Buffers,
  signal: AbortSignal,
): Promise<{ reader: Reader; attributes: Attributes }> {
  const { shown } = place;
  const handle = await session.call<Buffer>(shown, signal, (sftp, done) => sftp.open(place.remote, 'r', {}, done));
  const close = () => session.sftp.close(handle, () => {});
  try {
    const attributes = await session.call<Attributes>(shown, signal, (sftp, done) => sftp.fstat(handle, done));
    if (isFolder(attributes)) throw failure('FILE_IS_FOLDER', { path: shown });
    if (before !== undefined && (before.size !== attributes.size || before.mtime !== attributes.mtime)) {
      const reason = 'someone changed it while it was being read, just when the connection broke';
      throw failure('INPUT_TRUNCATED', { path: shown, reason });
    }
    const next = pipelined(session, handle, place, attributes.size, range, buffers, signal);
    return { reader: { next, close }, attributes };
  } catch (error) {
    close();
    throw error;
  }
}

/** Requests as far as the size that the file had; from there one by one, as it may have grown or have no size at all. */
function pipelined(
  session: Session,
  handle: Buffer,
  { shown }: Place,
  size: number,
  { start, end }: Required<Range>,
  buffers: Buffers,
  signal: AbortSignal,
): () => Promise<Uint8Array> {
  const requestBytes = session.sftp.mostBytes.read;
  const mostRequests = Math.ceil(windowBytes / requestBytes);
  const known = Math.min(end, size);
  const underWay: Promise<Buffer>[] = [];
  let asked = start;
  let position = start;
  // Whoever wants only the beginning of a file should not be sent megabytes of it.
  let window = 2;

  const ask = (count: number): Promise<Buffer> => {
    const answer = unlessAborted(session.ended, readFully(session, handle, shown, asked, buffers.take(count)));
    // Told to whoever awaits it; never unhandled meanwhile.
    answer.catch(() => {});
    asked += count;
    return answer;
  };
  return async () => {
    signal.throwIfAborted();
    while (asked < known && underWay.length < window) underWay.push(ask(Math.min(requestBytes, known - asked)));
    window = Math.min(mostRequests, window * 2);
    const wanted = Math.min(requestBytes, known - position);
    const chunk = await unlessAborted(signal, underWay.shift() ?? ask(Math.min(requestBytes, end - position)));
    position += chunk.length;
    if (wanted > 0 && chunk.length < wanted) {
      throw failure('INPUT_TRUNCATED', { path: shown, reason: 'someone made it shorter while it was being read' });
    }
    return chunk;
  };
}

/** A server may answer with less than it was asked for; less than the buffer holds comes only at the end of the file. */
function readFully(
  { sftp, host }: Session,
  handle: Buffer,
  shown: string,
  position: number,
  buffer: Buffer,
): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const { length } = buffer;
    let had = 0;
    const ask = () => {
      sftp.read(handle, { buffer, offset: had, length: length - had }, position + had, (error, received) => {
        if (error !== undefined) return reject(operationFailure(error, shown, host));
        had += received;
        if (had === length) resolve(buffer);
        else if (received === 0) resolve(buffer.subarray(0, had));
        else ask();
      });
    };
    ask();
  });
}
