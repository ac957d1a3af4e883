// The bytes of one revision of a file. Where the connection breaks, it goes on from there: a revision never changes.
import type { ConnectorContext } from '../../engine/contracts/connector.ts';
import type { Range } from '../../engine/contracts/data.ts';
import { Failure, failure } from '../../engine/errors.ts';
import type { Answer } from '../shared/http/client.ts';
import { type Api, accepted } from './api.ts';

export interface Reading {
  api: Api;
  retry: ConnectorContext['retry'];
}

export interface Revision {
  rev: string;
  size: number;
  /** As the user would write the path. */
  shown: string;
}

export async function* readBytes(
  { api, retry }: Reading,
  { rev, size, shown }: Revision,
  range: Range | undefined,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  signal.throwIfAborted();
  let at = range?.start ?? 0;
  const end = Math.min(range?.end ?? size, size);
  let chunks: AsyncIterator<Uint8Array> | undefined;
  let answer: Answer | undefined;
  const open = async () => {
    const whole = at === 0 && end === size;
    const headers: Record<string, string> = whole ? {} : { range: `bytes=${at}-${end - 1}` };
    const call = { arguments: { path: `rev:${rev}` }, headers, signal };
    answer = accepted(await api.fetch('files/download', call), shown);
    if (!whole && answer.status !== 206) {
      answer.drop();
      throw failure('IO_FAILED', { path: shown, reason: 'the server gives the whole file where a part was asked for' });
    }
    const announced = Number(answer.headers['content-length'] ?? end - at);
    if (announced !== end - at) {
      answer.drop();
      const reason = `the server announces ${announced} bytes where ${end - at} were asked for`;
      throw failure('IO_FAILED', { path: shown, reason }, { retry: true });
    }
    chunks = answer.body[Symbol.asyncIterator]();
  };
  const next = async (): Promise<Uint8Array> => {
    try {
      if (chunks === undefined) await open();
      const step = await chunks!.next();
      if (!step.done) return step.value;
      throw failure('BODY_TRUNCATED', { url: shown, received: at, expected: end });
    } catch (error) {
      answer?.drop();
      chunks = undefined;
      throw signal.aborted ? signal.reason : error;
    }
  };
  try {
    while (at < end) {
      const chunk = await next().catch((error: unknown) => {
        if (signal.aborted || !(error instanceof Failure) || !error.retry) throw error;
        // The first attempt is the one that broke: the engine counts it, tells of it and waits.
        return retry((attempt) => (attempt === 1 ? Promise.reject(error) : next()), { signal });
      });
      signal.throwIfAborted();
      if (chunk.length > end - at) {
        throw failure('IO_FAILED', { path: shown, reason: 'the server gives more than the file has' });
      }
      at += chunk.length;
      yield chunk;
      signal.throwIfAborted();
    }
    await chunks?.next();
  } finally {
    if (at < end) answer?.drop();
  }
}
