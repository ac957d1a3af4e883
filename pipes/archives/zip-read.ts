// The files in a zip archive, found by its directory at the end and read by ranges.
import { Readable } from 'node:stream';
import { crc32 } from 'node:zlib';
import yauzl, { type Entry, type ZipFile } from 'yauzl';
import type { FileItem, Range } from '../../engine/contracts/data.ts';
import { Failure, failure } from '../../engine/errors.ts';
import { type Limits, safeName, tooDense, tooLarge, unsafe, type Watch } from './limits.ts';

/** An archive whose bytes can be read in any order. */
export interface Archive {
  path: string;
  size: number;
  open(range: Range): AsyncIterable<Uint8Array>;
}

const blockBytes = 256 * 1024;

/** The directory has hundreds of entries a block, and a request for each would be slow anywhere but on a disk. */
class RangeReader extends yauzl.RandomAccessReader {
  readonly #archive: Archive;
  #block: { start: number; bytes: Buffer } = { start: 0, bytes: Buffer.alloc(0) };
  /** Where reading goes on in order. */
  directoryStart = Number.POSITIVE_INFINITY;

  constructor(archive: Archive) {
    super();
    this.#archive = archive;
  }

  override _readStreamForRange(start: number, end: number): Readable {
    return Readable.from(this.#archive.open({ start, end }), { objectMode: false });
  }

  override read(
    buffer: Buffer,
    offset: number,
    length: number,
    position: number,
    done: (error: Error | null) => void,
  ): void {
    this.#read(length, position).then(
      (bytes) => {
        bytes.copy(buffer, offset);
        done(null);
      },
      (error: Error) => done(error),
    );
  }

  async #read(length: number, position: number): Promise<Buffer> {
    const { start, bytes } = this.#block;
    if (position >= start && position + length <= start + bytes.length) {
      return bytes.subarray(position - start, position - start + length);
    }
    const ahead = position >= this.directoryStart ? Math.max(length, blockBytes) : length;
    const end = Math.min(position + ahead, this.#archive.size);
    const chunks: Uint8Array[] = [];
    for await (const chunk of this.#archive.open({ start: position, end })) chunks.push(chunk);
    const read = Buffer.concat(chunks);
    if (read.length < length) throw new Error('unexpected end of file');
    this.#block = { start: position, bytes: read };
    return read.subarray(0, length);
  }
}

/** `once`: each file must be read before the next one is asked for; otherwise they can be opened again, and at any time. */
export async function* unzipped(
  archive: Archive,
  limits: Limits,
  watch: Watch,
  wanted: (name: string) => boolean,
  once: boolean,
): AsyncGenerator<FileItem> {
  try {
    const reader = new RangeReader(archive);
    const zip = await yauzl.fromRandomAccessReaderPromise(reader, archive.size, {
      autoClose: false,
      decodeStrings: false,
      validateEntrySizes: true,
    });
    reader.directoryStart = Number(zip.readEntryCursor);
    let total = 0;
    for await (const entry of zip.eachEntry()) {
      const raw = yauzl.getFileNameLowLevel(entry.generalPurposeBitFlag, entry.fileNameRaw, entry.extraFields, true);
      watch.entry(raw);
      const name = safeName(raw, archive.path);
      refuse(entry, raw, archive.path);
      const { uncompressedSize: size, compressedSize } = entry;
      total += size;
      if (total > limits.bytes) throw tooLarge(archive.path, raw, limits);
      // Entries that lie on top of each other make a small archive into a large one without any entry being unusual.
      const dense = size > Math.max(compressedSize, 1) * limits.ratio || total > archive.size * limits.ratio;
      if (dense) throw tooDense(archive.path, raw, limits);
      if (raw.endsWith('/') || !wanted(name)) continue;
      yield {
        name: name.slice(name.lastIndexOf('/') + 1),
        path: `${archive.path}/${name}`,
        contentType: 'application/octet-stream',
        size,
        modified: entry.getLastModDate().toISOString(),
        ...(once ? { once } : {}),
        relativePath: name,
        // That it has no more bytes than it said is checked as they are read.
        open: (range) => entryBytes(zip, entry, name, archive.path, range),
      };
    }
  } catch (error) {
    throw failureOf(error as Error, archive.path);
  }
}

const linkMode = 0o120000;
const typeMask = 0o170000;

function refuse(entry: Entry, name: string, archive: string): void {
  if (((entry.externalFileAttributes >>> 16) & typeMask) === linkMode)
    throw unsafe(archive, name, 'is a symbolic link');
  if (entry.isEncrypted()) throw unsafe(archive, name, 'is encrypted, which cannot be read');
  if (entry.compressionMethod !== 0 && entry.compressionMethod !== 8) {
    throw unsafe(
      archive,
      name,
      `is compressed in a way (${entry.compressionMethod}) that cannot be read; only deflate can`,
    );
  }
}

async function* entryBytes(
  zip: ZipFile,
  entry: Entry,
  name: string,
  archive: string,
  range: Range | undefined,
): AsyncGenerator<Uint8Array> {
  const damaged = (reason: string) => failure('INPUT_MALFORMED', { path: `${archive}/${name}`, reason });
  let sum = 0;
  let position = 0;
  try {
    for await (const chunk of (await zip.openReadStreamPromise(entry)) as AsyncIterable<Buffer>) {
      sum = crc32(chunk, sum);
      const from = Math.max(0, (range?.start ?? 0) - position);
      const to = Math.min(chunk.length, (range?.end ?? Number.POSITIVE_INFINITY) - position);
      position += chunk.length;
      if (from < to) yield chunk.subarray(from, to);
      if (range?.end !== undefined && position >= range.end) return;
    }
  } catch (error) {
    throw failureOf(error as Error, `${archive}/${name}`);
  }
  if (sum !== entry.crc32) throw damaged('its checksum does not fit: it is damaged');
}

function failureOf(error: Error, path: string): Error {
  if (error instanceof Failure || error.name === 'AbortError') return error;
  if (/unexpected end|truncated|not enough bytes/i.test(error.message)) {
    return failure(
      'INPUT_TRUNCATED',
      { path, reason: 'the zip archive is cut off, or no zip archive' },
      { cause: error },
    );
  }
  return failure(
    'INPUT_MALFORMED',
    { path, reason: `is no zip archive, or a damaged one (${error.message})` },
    { cause: error },
  );
}
