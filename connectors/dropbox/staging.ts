// Upload sessions: their bytes are nowhere to be seen until they are committed, and go away by themselves where they are not.
import type { Dropbox, files } from 'dropbox';
import type { Journal, WriteOptions } from '../../engine/contracts/connector.ts';
import type { FileItem } from '../../engine/contracts/data.ts';
import { Failure, failure } from '../../engine/errors.ts';
import type { StagedFile, Staging } from '../shared/staged-write.ts';
import { type Api, accepted, isRefused, type Refused, refusal } from './api.ts';
import type { Place, Places } from './place.ts';
import { sendRanges } from './ranges.ts';
import type { Upload } from './session.ts';
import { sendStream } from './stream.ts';

/** As many commits as one call takes (`files/upload_session/finish_batch_v2`). */
const commitsAtOnce = 1000;

interface Staged extends StagedFile, Upload {
  place: Place;
  /** Sent in ranges: what was noted of it, and how it is sent once more where its session has gone. */
  ranges?: { journal: Journal | undefined; again(signal: AbortSignal): Promise<void> };
}

/** `partBytes`: the size of a part, or the one next to it that Dropbox takes. */
export function createStaging(
  api: Api,
  places: Places,
  o: WriteOptions,
  partBytes: (wanted?: number) => number,
): Staging<Staged> {
  const begun: Staged[] = [];
  const staged: Staged[] = [];
  const bytesOfPart = partBytes(o.parts?.bytes);

  const stageRanges = async (
    file: Staged,
    item: FileItem,
    size: number,
    onBytes: (count: number) => void,
    until: AbortSignal,
  ) => {
    const parts = o.parts!;
    const journal = parts.resume === undefined ? undefined : parts.journal?.(file.shown);
    const send = async (signal: AbortSignal) => {
      const ranges = { item, size, partBytes: bytesOfPart, parts, journal, onBytes };
      Object.assign(file, await sendRanges({ api, shown: file.shown, signal }, ranges));
    };
    file.ranges = {
      journal,
      async again(signal) {
        await journal?.clear();
        await send(signal);
      },
    };
    begun.push(file);
    await send(until);
  };

  return {
    at(path) {
      const place = places.at(path);
      // Names that differ in case only are one file to Dropbox.
      return { key: place.remote.toLowerCase(), shown: place.shown, place, session: '', bytes: 0, hash: '' };
    },

    async stage(file, item, onBytes, signal) {
      const { place, shown } = file;
      if (place.remote === places.root.remote) throw failure('FILE_IS_FOLDER', { path: place.shown });
      if (o.mode === 'create') {
        const call = { repeatable: true, signal };
        const found = await api.rpc((dropbox) => dropbox.filesGetMetadata({ path: place.remote }), call);
        if (!isRefused(found)) throw failure('TARGET_EXISTS', { path: place.shown });
        if (!found.refused.summary.includes('not_found')) throw refusal(found.refused, place.shown);
      }
      const { size } = item;
      if (o.parts !== undefined && !item.once && size !== undefined && size > bytesOfPart)
        await stageRanges(file, item, size, onBytes, signal);
      else Object.assign(file, await sendStream({ api, shown, signal }, item, bytesOfPart, onBytes));
      staged.push(file);
    },

    async commit(signal) {
      const alone = staged.length === 1 ? staged : staged.filter(({ ranges }) => ranges !== undefined);
      for (const file of alone) await commitOne(api, file, o, signal);
      const others = staged.filter((file) => !alone.includes(file));
      for (let i = 0; i < others.length; i += commitsAtOnce) {
        await finishAll(api, others.slice(i, i + commitsAtOnce), o, signal);
      }
      staged.length = 0;
      begun.length = 0;
    },

    async discard(reason) {
      // What a failure that may pass has left is for the next run.
      if (reason instanceof Failure && reason.retry) return;
      for (const { ranges } of begun) await ranges?.journal?.clear();
    },
  };
}

async function commitOne(api: Api, file: Staged, o: WriteOptions, signal: AbortSignal): Promise<void> {
  let answer = await finish(api, file, o, signal);
  if (file.ranges !== undefined && isRefused(answer) && lacksBytes(answer.refused)) {
    await file.ranges.again(signal);
    answer = await finish(api, file, o, signal);
  }
  check(accepted(answer, file.shown), file);
  await file.ranges?.journal?.clear();
}

const isGone = ({ summary }: Refused) => summary.startsWith('lookup_failed/not_found');
const lacksBytes = (refused: Refused) =>
  isGone(refused) || refused.summary.startsWith('concurrent_session_missing_data');

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

/** Where the answer is lost, or the session gone, what is there afterwards tells whether it was done. */
async function finish(api: Api, file: Staged, o: WriteOptions, signal: AbortSignal) {
  const commit = { cursor: { session_id: file.session, offset: file.bytes }, commit: commitOf(file, o) };
  const path = file.place.remote;
  const done = async () => {
    const now = await api.rpc((dropbox) => dropbox.filesGetMetadata({ path }), { repeatable: true, signal });
    return isRefused(now) || now['.tag'] !== 'file' || now.content_hash !== file.hash ? undefined : now;
  };
  try {
    const call = { arguments: commit, repeatable: o.mode !== 'create', signal };
    const answer = await api.send<files.FileMetadata>('files/upload_session/finish', call, new Uint8Array(0));
    return isRefused(answer) && isGone(answer.refused) ? ((await done()) ?? answer) : answer;
  } catch (error) {
    if (signal.aborted || !(error instanceof Failure) || !['CONNECTION_LOST', 'TIMED_OUT'].includes(error.code))
      throw error;
    const now = await done();
    if (now === undefined) throw error;
    return now;
  }
}

async function finishAll(api: Api, files: readonly Staged[], o: WriteOptions, signal: AbortSignal): Promise<void> {
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
