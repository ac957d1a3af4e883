// Files on a server, over SSH.
import { defineConnector } from '../../engine/contracts/connector.ts';
import type { FileItem } from '../../engine/contracts/data.ts';
import { asFailure, Failure, failure } from '../../engine/errors.ts';
import { didYouMean } from '../../engine/suggest.ts';
import { contentTypeOf } from '../shared/content-type.ts';
import { writeStaged } from '../shared/staged-write.ts';
import { type Attributes, isFolder, modifiedOf } from './attributes.ts';
import { isEmpty, makeFolder, namesIn } from './folders.ts';
import { createPlaces, folderOf, nameOf, type Place } from './place.ts';
import { readBytes } from './read.ts';
import { type Config, createSessions, type Session } from './session.ts';
import { createStaging } from './staging.ts';
import { fileEntry, walk } from './walk.ts';

/** Files that can be read in any order are written so many at a time, over the one session. */
const atOnce = 8;
/** Enough for any folder that a person looks through by eye. */
const mostNames = 5_000;

export const connector = defineConnector({
  name: 'sftp',
  capabilities: ['list', 'read', 'write', 'describe', 'remove', 'makeFolder'],
  stores: 'files',

  open(config: Config, context) {
    const places = createPlaces(context.name, config.root);
    const sessions = createSessions(config, context);
    const reading = { sessions, retry: context.retry };
    const cleanedFolders = new Map<string, Promise<string[]>>();

    const look = (path: string, signal: AbortSignal) => {
      const place = places.at(path);
      return sessions.use(signal, async (session) => {
        const stat = session.call<Attributes>(place.shown, signal, (sftp, done) => sftp.stat(place.remote, done));
        const attributes = await stat.catch(async (error: unknown) => {
          throw signal.aborted ? signal.reason : await withNearNames(error, place, session, signal);
        });
        return { place, session, attributes };
      });
    };

    return {
      async *list(path, o) {
        const { place, attributes } = await look(path, o.signal);
        const plain = path.replace(/^\/+|\/+$/g, '');
        if (isFolder(attributes)) yield* walk(reading, place, plain, o);
        else yield fileEntry(reading, place, plain, attributes, o.signal);
      },

      async read(path, { signal }) {
        const { place, attributes } = await look(path, signal);
        if (isFolder(attributes)) throw failure('FILE_IS_FOLDER', { path: place.shown });
        const name = nameOf(place.remote);
        const item: FileItem = {
          name,
          path: place.shown,
          contentType: contentTypeOf(name),
          size: attributes.size,
          modified: modifiedOf(attributes),
          open: (range, buffers) => readBytes(reading, place, range, signal, buffers),
        };
        return { kind: 'files', files: only(item) };
      },

      async write(path, stream, o) {
        if (stream.kind === 'rows')
          throw failure('BUG', { reason: 'rows reached the sftp connector without a format' });
        if (o.mode === 'upsert') {
          const hint = '; use replace, create or append';
          throw failure('OPTION_UNSUPPORTED', { what: '`mode: upsert`', where: 'files', hint });
        }
        return writeStaged(createStaging(places, reading, o, cleanedFolders), path, stream, o, atOnce);
      },

      async describe(path, { signal }) {
        const { place, attributes } = await look(path, signal);
        const modified = modifiedOf(attributes);
        if (isFolder(attributes)) return { kind: 'folder', modified };
        return { kind: 'file', size: attributes.size, modified, contentType: contentTypeOf(nameOf(place.remote)) };
      },

      /** A link goes, not what it leads to. A folder goes when it is empty. */
      async remove(path, { signal }) {
        const place = places.at(path);
        if (place.remote === places.root.remote) {
          throw failure('PATH_INVALID', { path: place.shown, reason: 'is the root of its connection, which stays' });
        }
        const { remote, shown } = place;
        const { session, entry } = await sessions.use(signal, async (each) => ({
          session: each,
          entry: await each.call<Attributes>(shown, signal, (sftp, done) => sftp.lstat(remote, done)),
        }));
        if (!isFolder(entry)) return session.call(shown, signal, (sftp, done) => sftp.unlink(remote, done));
        try {
          await session.call(shown, signal, (sftp, done) => sftp.rmdir(remote, done));
        } catch (error) {
          if (signal.aborted || (await isEmpty(session, place, signal).catch(() => true))) throw error;
          throw failure('FOLDER_NOT_EMPTY', { path: shown }, { cause: error });
        }
      },

      async makeFolder(path, { signal }) {
        const place = places.at(path);
        await sessions.use(signal, (session) => makeFolder(session, place, signal));
      },

      /** Logs in and looks into the root. */
      async verify({ signal }) {
        try {
          const session = await sessions.get(signal);
          const { remote, shown } = places.root;
          const root = await session
            .call<Attributes>(shown, signal, (sftp, done) => sftp.stat(remote, done))
            .catch((error: unknown) => {
              throw error instanceof Failure && error.code === 'NOT_FOUND'
                ? failure('NOT_FOUND', { path: `the root ${remote}`, hint: ` on ${session.host}` })
                : error;
            });
          if (!isFolder(root)) {
            return { ok: false, code: 'PATH_INVALID', reason: `the root ${remote} is a file, not a folder` };
          }
          const handle = await session.call<Buffer>(shown, signal, (sftp, done) => sftp.opendir(remote, done));
          await session.call(shown, signal, (sftp, done) => sftp.close(handle, done));
          return { ok: true };
        } catch (error) {
          if (signal.aborted) throw signal.reason;
          const { code, message } = asFailure(error, context.name);
          return { ok: false, code, reason: message };
        }
      },

      close: () => sessions.close(),
    };
  },
});

/** NOT_FOUND with the near names of its folder. */
async function withNearNames(error: unknown, place: Place, session: Session, signal: AbortSignal): Promise<unknown> {
  if (!(error instanceof Failure) || error.code !== 'NOT_FOUND') return error;
  const folder = folderOf(place.remote);
  try {
    const names: string[] = [];
    for await (const lot of namesIn(session, { remote: folder, shown: place.shown }, signal)) {
      names.push(...lot);
      if (names.length >= mostNames) break;
    }
    const hint = didYouMean(nameOf(place.remote), names);
    return failure('NOT_FOUND', { path: place.shown, hint }, { cause: error });
  } catch {
    const hint = '; neither is its folder, or it cannot be looked into';
    return failure('NOT_FOUND', { path: place.shown, hint }, { cause: error });
  }
}

async function* only(item: FileItem): AsyncGenerator<FileItem> {
  yield item;
}
