// The files in a tar archive, one after the other, as its bytes come in.
import { type Extract, extract } from 'tar-stream';
import type { FileItem } from '../../engine/contracts/data.ts';
import { Failure, failure } from '../../engine/errors.ts';
import { pour } from './bytes.ts';
import { safeName, unsafe, type Watch } from './limits.ts';

const otherThanFiles: Readonly<Record<string, string>> = {
  symlink: 'is a symbolic link',
  link: 'is a hard link',
  'character-device': 'is a device',
  'block-device': 'is a device',
  fifo: 'is a pipe',
};

/** Each file must be read before the next one is asked for; what is left of it then is passed over. */
export async function* untarred(
  source: AsyncIterable<Uint8Array>,
  archive: string,
  watch: Watch,
  wanted: (name: string) => boolean,
): AsyncGenerator<FileItem> {
  const tar = extract();
  const feeding = feed(tar, watch.output(source));
  try {
    for await (const entry of tar) {
      const { type, name: raw, size = 0, mtime } = entry.header;
      watch.entry(raw);
      const reason = otherThanFiles[type ?? 'file'];
      if (reason !== undefined) throw unsafe(archive, raw, reason);
      const name = safeName(raw, archive);
      const bytes = entry[Symbol.asyncIterator]() as AsyncIterator<Uint8Array>;
      if (type !== 'directory' && wanted(name)) {
        yield {
          name: name.slice(name.lastIndexOf('/') + 1),
          path: `${archive}/${name}`,
          contentType: 'application/octet-stream',
          size,
          ...(mtime === undefined ? {} : { modified: mtime.toISOString() }),
          once: true,
          relativePath: name,
          open: () => openEntry(bytes),
        };
      }
      for (let step = await bytes.next(); step.done !== true; ) step = await bytes.next();
    }
    const broken = await feeding;
    if (broken !== undefined) throw broken.error;
  } catch (error) {
    throw error instanceof Failure ? error : failureOf(error as Error, archive);
  } finally {
    tar.destroy();
    await feeding;
  }
}

/** Ends without closing the entry: that would end the whole archive. */
async function* openEntry(bytes: AsyncIterator<Uint8Array>): AsyncGenerator<Uint8Array> {
  for (let step = await bytes.next(); step.done !== true; step = await bytes.next()) yield step.value;
}

/** Resolves when all bytes are in, or with the error that stopped them. */
async function feed(tar: Extract, source: AsyncIterable<Uint8Array>): Promise<{ error: unknown } | undefined> {
  try {
    await pour(source, tar);
    if (!tar.destroyed) (tar as NodeJS.WritableStream).end();
    return undefined;
  } catch (error) {
    tar.destroy(error as Error);
    return { error };
  }
}

function failureOf(error: Error, archive: string): Failure {
  if (/unexpected end/i.test(error.message)) {
    return failure(
      'INPUT_TRUNCATED',
      { path: archive, reason: 'the tar archive stops in the middle' },
      { cause: error },
    );
  }
  const reason = `is no tar archive, or a damaged one (${error.message})`;
  return failure('INPUT_MALFORMED', { path: archive, reason }, { cause: error });
}
