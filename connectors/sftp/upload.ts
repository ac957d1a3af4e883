// Bytes into an open file, with many requests on their way at a time.
import type { Buffers } from '../../engine/contracts/data.ts';
import { failure } from '../../engine/errors.ts';
import { onAbort } from '../shared/abort.ts';
import { createBuffers } from '../shared/buffers.ts';
import type { Attributes } from './attributes.ts';
import { operationFailure } from './errors.ts';
import type { OpenFile } from './open-file.ts';
import type { Place } from './place.ts';

/** So much is on its way at most. */
const windowBytes = 2 * 1024 * 1024;

export interface UploadOptions {
  buffers: Buffers;
  signal: AbortSignal;
  /** What the server has taken. */
  onBytes(count: number): void;
  /** Up to where in the file it has taken everything. */
  onTaken?(position: number): void;
}

/** Resolves when the server has taken everything. */
export async function upload(
  file: OpenFile,
  from: number,
  source: AsyncIterable<Uint8Array>,
  { buffers, signal, onBytes, onTaken }: UploadOptions,
): Promise<void> {
  const requestBytes = file.session.sftp.mostBytes.write;
  const onSent = (pieces: readonly Uint8Array[], count: number) => {
    for (const piece of pieces) buffers.give(piece);
    onBytes(count);
  };
  const window = createWindow(file, Math.ceil(windowBytes / requestBytes), { signal, onSent, onTaken });
  let position = from;
  let pieces: Uint8Array[] = [];
  let size = 0;
  const send = async () => {
    await window.place();
    window.send(pieces, size, position);
    position += size;
    pieces = [];
    size = 0;
  };
  try {
    for await (const chunk of source) {
      signal.throwIfAborted();
      // What of a chunk does not fit into one request is copied, as a chunk goes back in one piece.
      for (let at = 0; at < chunk.length; ) {
        const count = Math.min(requestBytes - size, chunk.length - at);
        const whole = count === chunk.length;
        pieces.push(whole ? chunk : Buffer.from(chunk.subarray(at, at + count)));
        if (!whole && at + count === chunk.length) buffers.give(chunk);
        size += count;
        at += count;
        if (size === requestBytes) await send();
      }
    }
    signal.throwIfAborted();
    if (size > 0) await send();
    await window.empty();
  } finally {
    window.close();
  }
}

interface Window {
  /** Resolves once another request may be sent. Both reject with the first failure. */
  place(): Promise<void> | undefined;
  send(pieces: readonly Uint8Array[], count: number, position: number): void;
  empty(): Promise<void>;
  /** Listens no longer. */
  close(): void;
}

function createWindow(
  { session, handle, shown }: OpenFile,
  mostRequests: number,
  {
    signal,
    onSent,
    onTaken = () => {},
  }: Pick<UploadOptions, 'signal' | 'onTaken'> & { onSent(pieces: readonly Uint8Array[], count: number): void },
): Window {
  let underWay = 0;
  // In the order of their places in the file; answers come in any order.
  const requests: { end: number; taken: boolean }[] = [];
  let failed: { error: unknown } | undefined;
  let wake: (() => void) | undefined;
  const listening = [signal, session.ended].map((each) => onAbort(each, () => wake?.()));
  const until = async (most: number): Promise<void> => {
    while (failed === undefined && underWay > most) {
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
      signal.throwIfAborted();
      session.ended.throwIfAborted();
    }
    if (failed !== undefined) throw failed.error;
  };
  return {
    place: () => (failed === undefined && underWay < mostRequests ? undefined : until(mostRequests - 1)),
    send(pieces, count, position) {
      underWay++;
      const request = { end: position + count, taken: false };
      requests.push(request);
      session.sftp.write(handle, pieces, position, (error) => {
        underWay--;
        if (error !== undefined) failed ??= { error: operationFailure(error, shown, session.host) };
        else {
          onSent(pieces, count);
          request.taken = true;
          let end: number | undefined;
          while (requests[0]?.taken) end = requests.shift()!.end;
          if (end !== undefined) onTaken(end);
        }
        wake?.();
      });
    },
    empty: () => until(0),
    close() {
      for (const off of listening) off();
    },
  };
}

/** Puts what the other file of the server holds at the beginning of this one; gives its size. On the server alone where it can. */
export async function copyWithin(
  file: OpenFile,
  { remote, shown }: Place,
  { size }: Attributes,
  signal: AbortSignal,
): Promise<number> {
  if (size === 0) return 0;
  const { session, handle } = file;
  const source = await session.call<Buffer>(shown, signal, (sftp, done) => sftp.open(remote, 'r', {}, done));
  try {
    if (session.has('copy-data')) {
      await session.call(shown, signal, (sftp, done) => sftp.copyData(source, size, handle, done));
    } else {
      const bytes = readAll(file, source, size, shown, signal);
      await upload(file, 0, bytes, { buffers: createBuffers(), signal, onBytes: () => {} });
    }
    return size;
  } finally {
    session.sftp.close(source, () => {});
  }
}

async function* readAll(
  { session }: OpenFile,
  source: Buffer,
  size: number,
  shown: string,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < size; ) {
    const buffer = Buffer.allocUnsafeSlow(Math.min(session.sftp.mostBytes.read, size - at));
    const into = { buffer, offset: 0, length: buffer.length };
    const received = await session.call<number>(shown, signal, (sftp, done) => sftp.read(source, into, at, done));
    if (received === 0) {
      const reason = 'someone made it shorter while this run appended to it';
      throw failure('INPUT_TRUNCATED', { path: shown, reason });
    }
    at += received;
    yield buffer.subarray(0, received);
  }
}
