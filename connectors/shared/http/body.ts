// The bytes of an answer: all of them or a failure. Where the connection breaks, it goes on from there if the server can.
import type { CallOptions, ConnectorContext } from '../../../engine/contracts/connector.ts';
import type { Range } from '../../../engine/contracts/data.ts';
import { type Failure, failure } from '../../../engine/errors.ts';
import { shownUrl } from './address.ts';
import { type Answer, beginning } from './client.ts';
import { final } from './failures.ts';

export interface Source {
  /** Asks with these headers, where 416 is an answer to a range; absent where the request must not be made again. */
  ask?(headers: Record<string, string>): Promise<Answer>;
  retry: ConnectorContext['retry'];
}

/** An answer's body, and where in the whole it lies. */
interface Part {
  answer: Answer;
  chunks: AsyncIterator<Uint8Array>;
  /** Of the next byte. */
  position: number;
  /** Where the body ends if it is whole; undefined where the server does not say. */
  end: number | undefined;
}

/**
 * `first` is an answer that is there already, with the whole. A range is what the caller wants of it; a server that knows
 * no ranges sends everything, and the rest is passed over.
 */
export async function* wholeBody(
  { ask, retry }: Source,
  first: Answer | undefined,
  range: Range | undefined,
  { signal }: CallOptions,
): AsyncGenerator<Uint8Array> {
  const start = range?.start ?? 0;
  const end = range?.end ?? Number.POSITIVE_INFINITY;
  let at = start;
  let part = first === undefined ? undefined : partOf(first, 0, end);
  let before = first;
  let broken: Failure | undefined;

  /** Opens the part that begins at `at`, or none where there is nothing more. */
  const open = async (): Promise<void> => {
    const answer = await ask!(rangeHeaders(at, end, at > start ? before : undefined));
    part = undefined;
    if (answer.status === 416) {
      await beginning(answer);
      // The range begins beyond the end, or the connection broke just there.
      if (at > start && Number(/\*\/(\d+)$/.exec(answer.headers['content-range'] ?? '')?.[1]) !== at)
        throw changed(answer);
      return;
    }
    if (at > start && !isSame(before!, answer)) {
      answer.drop();
      throw changed(answer);
    }
    before = answer;
    part = partOf(answer, at, end);
  };

  try {
    while (at < end) {
      let chunk: Uint8Array | undefined;
      if (part !== undefined) {
        try {
          chunk = await nextOf(part, at, end, signal);
        } catch (error) {
          if (signal.aborted) throw signal.reason;
          const known = error as Failure;
          if (ask === undefined) throw final(known);
          if (!known.retry || (at > start && validatorOf(before!) === undefined)) throw known;
          broken = known;
          part = undefined;
          continue;
        }
      } else {
        const again = async (attempt: number) => {
          // The first attempt is the one that broke off: the engine counts it, tells of it and waits.
          if (attempt === 1 && broken !== undefined) throw broken;
          await open();
          return part === undefined ? undefined : nextOf(part, at, end, signal);
        };
        chunk = await retry(again, { signal });
      }
      if (chunk === undefined) return;
      at += chunk.length;
      yield chunk;
      signal.throwIfAborted();
    }
  } finally {
    // A body that is whole is read to its end, which leaves the connection to the next request; any other ends it.
    if (part !== undefined && part.position === part.end) await part.chunks.next().catch(() => {});
    await part?.chunks.return?.();
  }
}

/** The next bytes from `at` on; undefined at the end. */
async function nextOf(part: Part, at: number, end: number, signal: AbortSignal): Promise<Uint8Array | undefined> {
  for (;;) {
    const { value, done } = await part.chunks.next().catch((error: Failure) => {
      throw error.code === 'CONNECTION_LOST' ? truncated(part, error) : error;
    });
    signal.throwIfAborted();
    if (done) {
      if (part.end !== undefined && part.position < part.end) throw truncated(part);
      return undefined;
    }
    const from = part.position;
    part.position += value.length;
    if (part.position > at) return value.subarray(Math.max(0, at - from), Math.min(value.length, end - from));
  }
}

/** A 206 must begin at `at`. It may end before what was asked for (RFC 9110, 15.3.7): then the body counts as cut there. */
function partOf(answer: Answer, at: number, wantedEnd: number): Part {
  const position = answer.status === 206 ? rangeStart(answer, at) : 0;
  const length = answer.headers['content-length'];
  const total = answer.status === 206 ? /\/(\d+)$/.exec(answer.headers['content-range'] ?? '')?.[1] : undefined;
  const end = length === undefined ? undefined : position + Number(length);
  return {
    answer,
    chunks: answer.body[Symbol.asyncIterator](),
    position,
    end: total === undefined ? end : Math.min(Number(total), wantedEnd),
  };
}

function rangeHeaders(at: number, end: number, before: Answer | undefined): Record<string, string> {
  const validator = before && validatorOf(before);
  return {
    ...(at > 0 || Number.isFinite(end) ? { range: `bytes=${at}-${Number.isFinite(end) ? end - 1 : ''}` } : {}),
    ...(validator === undefined ? {} : { 'if-range': validator }),
  };
}

/** What tells in If-Range which version is meant; a weak ETag cannot (RFC 9110, 13.1.5). */
function validatorOf(answer: Answer): string | undefined {
  return strongTag(answer) ?? answer.headers['last-modified'];
}

function strongTag({ headers: { etag } }: Answer): string | undefined {
  return etag?.startsWith('"') ? etag : undefined;
}

/** Whether a later answer is surely about the same bytes. One with the whole needs more proof than one that kept to If-Range. */
function isSame(before: Answer, now: Answer): boolean {
  if (before.headers['content-encoding'] !== now.headers['content-encoding']) return false;
  const [then, later] = [strongTag(before), strongTag(now)];
  return now.status === 206
    ? then === undefined || later === undefined || then === later
    : then !== undefined && then === later;
}

function rangeStart(answer: Answer, wanted: number): number {
  const said = answer.headers['content-range'] ?? '';
  if (Number(/^bytes (\d+)-/i.exec(said)?.[1]) === wanted) return wanted;
  answer.drop();
  const reason = ` with another range (${said || 'none'}) than the one asked for, from byte ${wanted}`;
  throw failure('HTTP_STATUS', { method: 'GET', url: shownUrl(answer.url), status: 206, reason });
}

function truncated({ answer, position, end }: Part, cause?: Failure): Failure {
  const expected = end ?? 'an unknown number of';
  return failure('BODY_TRUNCATED', { url: shownUrl(answer.url), received: position, expected }, { cause });
}

function changed(answer: Answer): Failure {
  const reason =
    ', which is not what was being read when the connection broke; it has changed meanwhile, or the server cannot go on in the middle';
  return failure('HTTP_STATUS', { method: 'GET', url: shownUrl(answer.url), status: answer.status, reason });
}
