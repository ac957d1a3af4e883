// Bytes into an open file, with many requests on their way at a time.
import { failure } from '../../engine/errors.ts';
import { onAbort } from '../shared/abort.ts';
import { gathered } from '../shared/staged-write.ts';
import type { Attributes } from './attributes.ts';
import { operationFailure } from './errors.ts';
import type { Place } from './place.ts';
import type { OpenFile } from './staging.ts';

/** So much is on its way at most. */
const windowBytes = 2 * 1024 * 1024;

/** `onBytes` is told of what the server has taken. Resolves when that is everything. */
export async function upload(
  file: OpenFile,
  from: number,
  source: AsyncIterable<Uint8Array>,
  signal: AbortSignal,
  onBytes: (count: number) => void,
): Promise<void> {
  const requestBytes = file.session.mostBytes.write;
  const window = createWindow(file, Math.ceil(windowBytes / requestBytes), signal, onBytes);
  let position = from;
  try {
    for await (const chunk of gathered(source, requestBytes)) {
      signal.throwIfAborted();
      const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
      for (let at = 0; at < bytes.length; at += requestBytes) {
        const count = Math.min(requestBytes, bytes.length - at);
        await window.place();
        window.send(bytes, at, count, position);
        position += count;
      }
    }
    signal.throwIfAborted();
    await window.empty();
  } finally {
    window.close();
  }
}

interface Window {
  /** Resolves once another request may be sent. Both reject with the first failure. */
  place(): Promise<void> | undefined;
  send(bytes: Buffer, at: number, count: number, position: number): void;
  empty(): Promise<void>;
  /** Listens no longer. */
  close(): void;
}

function createWindow(
  { session, handle, shown }: OpenFile,
  mostRequests: number,
  signal: AbortSignal,
  onBytes: (count: number) => void,
): Window {
  let underWay = 0;
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
    send(bytes, at, count, position) {
      underWay++;
      session.sftp.write(handle, bytes, at, count, position, (error) => {
        underWay--;
        if (error) failed ??= { error: operationFailure(error, shown, session.host) };
        else onBytes(count);
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
  const source = await session.call<Buffer>(shown, signal, (sftp, done) => sftp.open(remote, 'r', done));
  try {
    if (session.has('copy-data')) {
      await session.call(shown, signal, (sftp, done) => sftp.ext_copy_data(source, 0, size, handle, 0, done));
    } else {
      await upload(file, 0, readAll(file, source, size, shown, signal), signal, () => {});
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
    const buffer = Buffer.allocUnsafeSlow(Math.min(session.mostBytes.read, size - at));
    const received = await session.call<number>(shown, signal, (sftp, done) =>
      sftp.read(source, buffer, 0, buffer.length, at, (error, count) => done(error, count)),
    );
    if (received === 0) {
      const reason = 'someone made it shorter while this run appended to it';
      throw failure('INPUT_TRUNCATED', { path: shown, reason });
    }
    at += received;
    yield buffer.subarray(0, received);
  }
}
