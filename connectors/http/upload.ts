// Sends one file as the body of a request, whose last bytes go out only when the whole run may commit.
import type { ConnectorContext, WriteOptions, WriteReport } from '../../engine/contracts/connector.ts';
import type { FileItem, FileStream } from '../../engine/contracts/data.ts';
import { failure } from '../../engine/errors.ts';
import { shownUrl } from '../shared/http/address.ts';
import { type Answer, beginning, type Client } from '../shared/http/client.ts';

/** A body up to this size is held and sent with its length, and may be sent again. */
const heldBytes = 1024 * 1024;

export interface UploadTarget {
  method: string;
  url: URL;
  /** As the user would write it. */
  shown: string;
}

export async function upload(
  client: Client,
  { method, url, shown }: UploadTarget,
  stream: FileStream,
  o: WriteOptions,
  { retry }: Pick<ConnectorContext, 'retry'>,
): Promise<WriteReport> {
  const files = stream.files[Symbol.asyncIterator]();
  const ended = new AbortController();
  const signal = AbortSignal.any([o.signal, ended.signal]);
  let source: AsyncIterator<Uint8Array> | undefined;
  try {
    const first = await files.next();
    if (first.done) return { bytes: 0, paths: [] };
    const item: FileItem = first.value;
    source = item.open()[Symbol.asyncIterator]();
    const held = await hold(source);
    const commit = async () => {
      if (!(await files.next()).done) throw several(shown);
      await o.beforeCommit();
      o.signal.throwIfAborted();
    };
    const create = o.mode === 'create';
    const call = { method, url, signal, statuses: create ? [412] : [] };
    const headers: Record<string, string> = { 'content-type': o.contentType ?? item.contentType };
    // So that of two writers only one succeeds, where the server knows conditions (RFC 9110, 13.1.2).
    if (create) headers['if-none-match'] = '*';
    let answer: Answer;
    let bytes = 0;
    const sent = (count: number) => {
      bytes = count;
      o.onProgress?.({ bytes });
    };
    if (held.whole) {
      await commit();
      const body = Buffer.concat(held.chunks);
      answer = await retry(() => client.exchange({ ...call, headers, body }), { signal });
      sent(body.length);
    } else {
      const sending = withLastHeld(held.chunks, source, item, commit, sent);
      if (item.size !== undefined) headers['content-length'] = String(item.size);
      answer = await retry(() => client.exchange({ ...call, headers, body: sending.body }), { signal }).catch(
        (error) => {
          throw sending.broken === undefined ? error : sending.broken.error;
        },
      );
      if (answer.status < 300 && !sending.whole) {
        const reason = ' before it had all of the body';
        throw failure('HTTP_STATUS', { method, url: shownUrl(answer.url), status: answer.status, reason });
      }
    }
    await beginning(answer);
    if (answer.status === 412) throw failure('TARGET_EXISTS', { path: shown });
    return { bytes, paths: [shown] };
  } catch (error) {
    throw o.signal.aborted ? o.signal.reason : error;
  } finally {
    // Ends a request whose body is not complete, which tells the server so.
    ended.abort();
    await source?.return?.();
    await files.return?.();
  }
}

/** Pulls until the source ends or has given too much to be held. */
async function hold(source: AsyncIterator<Uint8Array>): Promise<{ chunks: Uint8Array[]; whole: boolean }> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  while (bytes <= heldBytes) {
    const { value, done } = await source.next();
    if (done) return { chunks, whole: true };
    chunks.push(value);
    bytes += value.length;
  }
  return { chunks, whole: false };
}

interface Sending {
  body: AsyncIterable<Uint8Array>;
  /** All of it was taken. */
  whole: boolean;
  /** Why it ended early. */
  broken: { error: unknown } | undefined;
}

/** The chunks, of which the last is given only after `commit`. */
function withLastHeld(
  chunks: Uint8Array[],
  source: AsyncIterator<Uint8Array>,
  { size = Number.POSITIVE_INFINITY, path }: FileItem,
  commit: () => Promise<void>,
  onSent: (bytes: number) => void,
): Sending {
  const sending: Sending = { body: body(), whole: false, broken: undefined };
  return sending;

  async function* all(): AsyncGenerator<Uint8Array> {
    yield* chunks;
    for (let next = await source.next(); !next.done; next = await source.next()) yield next.value;
  }
  async function* body(): AsyncGenerator<Uint8Array> {
    let last: Uint8Array | undefined;
    let bytes = 0;
    try {
      for await (const chunk of all()) {
        if (chunk.length === 0) continue;
        if (last !== undefined) {
          // With its length reached, the server would take the file as complete.
          if (bytes + last.length >= size)
            throw failure('IO_FAILED', { path, reason: `it has more than the ${size} bytes it said` });
          yield last;
          bytes += last.length;
          onSent(bytes);
        }
        last = chunk;
      }
      await commit();
      if (last !== undefined) {
        yield last;
        onSent(bytes + last.length);
      }
      sending.whole = true;
    } catch (error) {
      sending.broken = { error };
      throw error;
    }
  }
}

function several(path: string) {
  return failure('PATH_INVALID', {
    path,
    reason: 'is one address and there are several files to write; write them one by one',
  });
}
