// Tar archives, written while the files are read.
import { pack } from 'tar-stream';
import type { FileItem } from '../../engine/contracts/data.ts';
import { failure } from '../../engine/errors.ts';
import { pour } from './bytes.ts';
import { spooled } from './spool.ts';

/** A file of unknown size waits in a temporary file, because its size stands before its bytes. */
export async function* tarred(files: AsyncIterable<{ name: string; file: FileItem }>): AsyncGenerator<Uint8Array> {
  const tar = pack();
  const feeding = feed(tar, files).then(
    () => tar.finalize(),
    (error: Error) => tar.destroy(error),
  );
  try {
    for await (const chunk of tar) yield chunk as Uint8Array;
  } finally {
    tar.destroy();
    await feeding;
  }
}

async function feed(
  tar: ReturnType<typeof pack>,
  files: AsyncIterable<{ name: string; file: FileItem }>,
): Promise<void> {
  for await (const { name, file } of files) {
    if (file.size !== undefined) {
      await addEntry(tar, name, file, file.size, file.open());
      continue;
    }
    const spool = await spooled(file.open(), file.path);
    try {
      await addEntry(tar, name, file, spool.size, spool.open());
    } finally {
      await spool.close();
    }
  }
}

async function addEntry(
  tar: ReturnType<typeof pack>,
  name: string,
  { path, modified }: FileItem,
  size: number,
  bytes: AsyncIterable<Uint8Array>,
): Promise<void> {
  const entry = tar.entry({ name, size, mode: 0o644, mtime: modified === undefined ? new Date() : new Date(modified) });
  const ended = new Promise<void>((resolve) => entry.once('close', resolve));
  // What goes wrong with it comes out of the archive's own stream too.
  entry.on('error', () => {});
  const sent = { bytes: 0 };
  await pour(upTo(size, bytes, sent), entry);
  if (sent.bytes !== size && !tar.destroyed) {
    throw failure('IO_FAILED', { path, reason: `${sent.bytes} bytes came where ${size} were announced` });
  }
  (entry as NodeJS.WritableStream).end();
  await ended;
}

async function* upTo(size: number, source: AsyncIterable<Uint8Array>, sent: { bytes: number }) {
  for await (const chunk of source) {
    sent.bytes += chunk.length;
    if (sent.bytes > size) return;
    yield chunk;
  }
}
