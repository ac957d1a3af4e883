// Calls of an upload session up to its commit; each carries the hash of its bytes, so that none arrive changed.
import type { files } from 'dropbox';
import { type Api, accepted, isRefused, refusal } from './api.ts';
import { contentHash } from './content-hash.ts';

/** A session that holds a whole file. */
export interface Upload {
  session: string;
  bytes: number;
  /** As `content_hash` of the file will be. */
  hash: string;
}

export interface Piece {
  bytes: Uint8Array;
  /** The hashes of its blocks. */
  blocks: Buffer;
  offset: number;
  /** The session takes nothing more after it. */
  last: boolean;
}

export interface Sending {
  api: Api;
  /** As the user would write the target. */
  shown: string;
  signal: AbortSignal;
}

/** Its pieces come in order, the first with this call. One that was begun and is not used is gone after a week; so this may be done again. */
export async function beginInOrder({ api, shown, signal }: Sending, { bytes, blocks, last }: Piece): Promise<string> {
  const call = { arguments: { close: last, content_hash: contentHash([blocks]) }, repeatable: true, signal };
  const started = await api.send<files.UploadSessionStartResult>('files/upload_session/start', call, bytes);
  return accepted(started, shown).session_id;
}

export async function appendInOrder(
  { api, shown, signal }: Sending,
  session: string,
  { bytes, blocks, offset, last }: Piece,
): Promise<void> {
  const call = {
    arguments: { cursor: { session_id: session, offset }, close: last, content_hash: contentHash([blocks]) },
    repeatable: true,
    signal,
  };
  const answer = await api.send<null>('files/upload_session/append_v2', call, bytes);
  if (!isRefused(answer)) return;
  // The part came, and only the answer to it was lost.
  const { correct_offset: correct } = (answer.refused.error ?? {}) as { correct_offset?: number };
  const closed = last && answer.refused.summary.startsWith('closed');
  if (correct !== offset + bytes.length && !closed) throw refusal(answer.refused, shown);
}

/** Its pieces come in any order, and several at once; this call and the commit carry none. */
export async function begin({ api, shown, signal }: Sending): Promise<string> {
  const call = { arguments: { close: false, session_type: { '.tag': 'concurrent' } }, repeatable: true, signal };
  const nothing = new Uint8Array(0);
  const started = await api.send<files.UploadSessionStartResult>('files/upload_session/start', call, nothing);
  return accepted(started, shown).session_id;
}

/**
 * The refusals of a piece that Dropbox has already: its answer was lost, or the run that it came from was killed before
 * it took note of it. Which of them comes is not documented, only that one does (dropbox/dropbox-sdk-rust, pull 53).
 * The commit, and the hash of the whole, tell whether it was so.
 */
const isThere = ['incorrect_offset', 'concurrent_session_invalid_offset', 'closed'];

/** Multiples of 4 MiB, but for the last. `gone`: Dropbox knows the session no longer. */
export async function append(
  { api, shown, signal }: Sending,
  session: string,
  { bytes, blocks, offset, last }: Piece,
): Promise<'taken' | 'gone'> {
  const call = {
    arguments: { cursor: { session_id: session, offset }, close: last, content_hash: contentHash([blocks]) },
    repeatable: true,
    signal,
  };
  const answer = await api.send<null>('files/upload_session/append_v2', call, bytes);
  if (!isRefused(answer)) return 'taken';
  const [tag = ''] = answer.refused.summary.split('/');
  if (tag === 'not_found') return 'gone';
  if (isThere.includes(tag)) return 'taken';
  throw refusal(answer.refused, shown);
}
