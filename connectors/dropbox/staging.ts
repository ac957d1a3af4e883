// Upload sessions: their bytes are nowhere to be seen until they are committed, and go away by themselves where they are not.
import { createHash } from 'node:crypto';
import type { Dropbox, files } from 'dropbox';
import type { WriteOptions } from '../../engine/contracts/connector.ts';
import { Failure, failure } from '../../engine/errors.ts';
import type { StagedFile, Staging } from '../shared/staged-write.ts';
import { type Api, accepted, isRefused, refusal } from './api.ts';
import type { Place, Places } from './place.ts';

/** As many commits as one call takes (`files/upload_session/finish_batch_v2`). */
const commitsAtOnce = 1000;
/** What `content_hash` is made of ("Content hash"). */
const blockBytes = 4 * 1024 * 1024;

interface Staged extends StagedFile {
  place: Place;
  session: string;
  bytes: number;
  hash: string;
}

export function createStaging(api: Api, places: Places, o: WriteOptions, partBytes: number): Staging<Staged> {
  const staged: Staged[] = [];
  return {
    at(path) {
      const place = places.at(path);
      // Names that differ in case only are one file to Dropbox.
      return { key: place.remote.toLowerCase(), shown: place.shown, place, session: '', bytes: 0, hash: '' };
    },

    async stage(file, item, onBytes, signal) {
      const { place } = file;
      if (place.remote === places.root.remote) throw failure('FILE_IS_FOLDER', { path: place.shown });
      if (o.mode === 'create') {
        const call = { repeatable: true, signal };
        const found = await api.rpc((dropbox) => dropbox.filesGetMetadata({ path: place.remote }), call);
        if (!isRefused(found)) throw failure('TARGET_EXISTS', { path: place.shown });
        if (!found.refused.summary.includes('not_found')) throw refusal(found.refused, place.shown);
      }
      const hash = contentHash();
      for await (const { bytes, last } of parts(item.open(), partBytes)) {
        signal.throwIfAborted();
        hash.update(bytes);
        await sendPart(api, file, bytes, last, signal);
        file.bytes += bytes.length;
        onBytes(bytes.length);
      }
      file.hash = hash.digest();
      staged.push(file);
    },

    async commit(signal) {
      if (staged.length === 1) {
        const [file] = staged as [Staged];
        check(accepted(await finish(api, file, o, signal), file.shown), file);
      } else {
        for (let i = 0; i < staged.length; i += commitsAtOnce) {
          await finishAll(api, staged.slice(i, i + commitsAtOnce), o, signal);
        }
      }
      staged.length = 0;
    },

    async discard() {},
  };
}

/** Every part has the same size but the last, which may be empty; a part is only good until the next one is asked for. */
async function* parts(
  source: AsyncIterable<Uint8Array>,
  size: number,
): AsyncGenerator<{ bytes: Buffer; last: boolean }> {
  let held: Uint8Array[] = [];
  let filled = 0;
  for await (const chunk of source) {
    let rest = chunk;
    while (filled + rest.length > size) {
      const head = rest.subarray(0, size - filled);
      const bytes = Buffer.concat([...held, head], size);
      rest = rest.subarray(head.length);
      held = [];
      filled = 0;
      yield { bytes, last: false };
    }
    held.push(rest);
    filled += rest.length;
  }
  yield { bytes: Buffer.concat(held, filled), last: true };
}

async function sendPart(api: Api, file: Staged, bytes: Buffer, last: boolean, signal: AbortSignal): Promise<void> {
  if (file.session === '') {
    // One that was begun and is not used is gone after a week; so this may be done again.
    const call = { arguments: { close: last }, repeatable: true, signal };
    const started = await api.send<files.UploadSessionStartResult>('files/upload_session/start', call, bytes);
    file.session = accepted(started, file.shown).session_id;
    return;
  }
  const call = {
    arguments: { cursor: { session_id: file.session, offset: file.bytes }, close: last },
    repeatable: true,
    signal,
  };
  const answer = await api.send<null>('files/upload_session/append_v2', call, bytes);
  if (!isRefused(answer)) return;
  // The part came, and only the answer to it was lost.
  const { correct_offset: offset } = (answer.refused.error ?? {}) as { correct_offset?: number };
  const closed = last && answer.refused.summary.startsWith('closed');
  if (offset !== file.bytes + bytes.length && !closed) throw refusal(answer.refused, file.shown);
}

function commitOf({ place }: Staged, { mode }: WriteOptions) {
  return {
    path: place.remote,
    mode: { '.tag': mode === 'create' ? 'add' : 'overwrite' } as const,
    autorename: false,
    mute: true,
    // The same bytes under the same name are a conflict too.
    strict_conflict: mode === 'create',
  };
}

/** Where the answer is lost, what is there afterwards tells whether it was done. */
async function finish(api: Api, file: Staged, o: WriteOptions, signal: AbortSignal) {
  const commit = { cursor: { session_id: file.session, offset: file.bytes }, commit: commitOf(file, o) };
  try {
    const call = { arguments: commit, signal };
    return await api.send<files.FileMetadata>('files/upload_session/finish', call, new Uint8Array(0));
  } catch (error) {
    if (signal.aborted || !(error instanceof Failure) || !['CONNECTION_LOST', 'TIMED_OUT'].includes(error.code))
      throw error;
    const path = file.place.remote;
    const now = await api.rpc((dropbox) => dropbox.filesGetMetadata({ path }), { repeatable: true, signal });
    if (isRefused(now) || now['.tag'] !== 'file' || now.content_hash !== file.hash) throw error;
    return now;
  }
}

async function finishAll(api: Api, files: readonly Staged[], o: WriteOptions, signal: AbortSignal): Promise<void> {
  if (files.length === 0) return;
  const entries = files.map((file) => ({
    cursor: { session_id: file.session, offset: file.bytes },
    commit: commitOf(file, o),
  }));
  const commit = (dropbox: Dropbox) => dropbox.filesUploadSessionFinishBatchV2({ entries });
  const answer = accepted(await api.rpc(commit, { signal }), files[0]!.shown);
  for (const [i, entry] of answer.entries.entries()) {
    const file = files[i]!;
    if (entry['.tag'] === 'failure') {
      throw refusal({ summary: tagsOf(entry.failure), error: null }, file.shown);
    }
    check(entry, file);
  }
}

/** The tags of a union inside one another: `path/conflict/file`. */
function tagsOf(error: unknown): string {
  if (typeof error !== 'object' || error === null) return '';
  const union = error as Record<string, unknown>;
  const tag = String(union['.tag'] ?? '');
  return [tag, tagsOf(union[tag] ?? union.reason)].filter((part) => part !== '').join('/');
}

function check({ content_hash: hash }: files.FileMetadata, file: Staged): void {
  if (hash === undefined || hash === file.hash) return;
  throw failure('IO_FAILED', { path: file.shown, reason: 'what Dropbox has is not what was sent; write it again' });
}

/** SHA-256 of the SHA-256 of each block. */
function contentHash() {
  const whole = createHash('sha256');
  let block = createHash('sha256');
  let inBlock = 0;
  const end = () => {
    if (inBlock === 0) return;
    whole.update(block.digest());
    block = createHash('sha256');
    inBlock = 0;
  };
  return {
    update(bytes: Uint8Array) {
      for (let at = 0; at < bytes.length; ) {
        const piece = bytes.subarray(at, at + blockBytes - inBlock);
        block.update(piece);
        inBlock += piece.length;
        at += piece.length;
        if (inBlock === blockBytes) end();
      }
    },
    digest() {
      end();
      return whole.digest('hex');
    },
  };
}
