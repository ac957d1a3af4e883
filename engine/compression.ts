// gzip, brotli and deflate around a stream of bytes, both ways, found by file name or content encoding.
import type { Transform } from 'node:stream';
import {
  constants,
  createBrotliCompress,
  createBrotliDecompress,
  createDeflate,
  createGunzip,
  createGzip,
  createInflate,
  createInflateRaw,
  type Zlib,
} from 'node:zlib';
import type { FileItem } from './contracts/data.ts';
import type { FormatContext } from './contracts/format.ts';
import { failure } from './errors.ts';

export type Compression = 'gzip' | 'brotli' | 'deflate';

const extensions = new Map<string, Compression>([
  ['gz', 'gzip'],
  ['br', 'brotli'],
]);

const encodings = new Map<string, Compression>([
  ['gzip', 'gzip'],
  ['x-gzip', 'gzip'],
  ['br', 'brotli'],
  ['deflate', 'deflate'],
]);

const otherExtensions = /\.(zst|bz2|xz|lz4|lzma)$/i;

const outputBytes = 128 * 1024;

/**
 * How the bytes of a file are compressed, outermost first. A content encoding that only repeats what the name says
 * counts once: `a.csv.gz` served with `content-encoding: gzip` is compressed once. Fails on a compression that there is
 * not here.
 */
export function compressionOf({
  path,
  contentEncoding = '',
}: Pick<FileItem, 'path' | 'contentEncoding'>): Compression[] {
  const byName: Compression[] = [];
  let name = withoutQuery(path);
  for (let found = extensionOf(name); found !== undefined; found = extensionOf(name)) {
    byName.push(found.compression);
    name = found.rest;
  }
  const other = otherExtensions.exec(name)?.[1];
  if (other !== undefined) throw unsupported(other);
  const names = contentEncoding.split(',').map((encoding) => encoding.trim().toLowerCase());
  const byEncoding = names
    .filter((encoding) => encoding !== '' && encoding !== 'identity')
    .map((encoding) => {
      const compression = encodings.get(encoding);
      if (compression === undefined) throw unsupported(encoding);
      return compression;
    })
    .reverse();
  return byEncoding.join() === byName.join() ? byName : [...byEncoding, ...byName];
}

/** `a.csv` for `a.csv.gz`; also without the query of a URL. */
export function nameWithoutCompression(path: string): string {
  let name = withoutQuery(path);
  for (let found = extensionOf(name); found !== undefined; found = extensionOf(name)) name = found.rest;
  return name;
}

/**
 * The bytes before compression. Fails with INPUT_TRUNCATED when they stop in the middle, with INPUT_MALFORMED when they
 * are damaged or something else follows them. Several gzip members in a row are one file. The source is closed when the
 * reader stops.
 */
export function decompress(
  bytes: AsyncIterable<Uint8Array>,
  compressions: readonly Compression[],
  context: FormatContext,
): AsyncIterable<Uint8Array> {
  return compressions.reduce((source, compression) => decompressed(source, compression, context), bytes);
}

/** The bytes compressed, so that `decompress` with the same list gives them back. The same bytes give the same result. */
export function compress(
  bytes: AsyncIterable<Uint8Array>,
  compressions: readonly Compression[],
  context: FormatContext,
): AsyncIterable<Uint8Array> {
  return compressions.reduceRight((source, compression) => compressed(source, compression, context), bytes);
}

async function* compressed(
  source: AsyncIterable<Uint8Array>,
  compression: Compression,
  { path, signal }: FormatContext,
): AsyncGenerator<Uint8Array> {
  const options = { chunkSize: outputBytes };
  const create = {
    gzip: () => createGzip(options),
    deflate: () => createDeflate(options),
    // Quality 11, the default for brotli, takes a hundred times as long for a tenth less.
    brotli: () => createBrotliCompress({ ...options, params: { [constants.BROTLI_PARAM_QUALITY]: 5 } }),
  };
  const refused = (error: Error) => failure('IO_FAILED', { path, reason: error.message }, { cause: error });
  yield* through(source, create[compression](), { failureOf: refused, mayFollow: () => false, signal });
}

async function* decompressed(
  source: AsyncIterable<Uint8Array>,
  compression: Compression,
  { path, signal }: FormatContext,
): AsyncGenerator<Uint8Array> {
  const options = { chunkSize: outputBytes };
  const malformed = (reason: string, cause?: Error) => failure('INPUT_MALFORMED', { path, reason }, { cause });
  const failureOf = (error: NodeJS.ErrnoException | undefined, head: readonly number[]) => {
    if (error?.code === 'Z_BUF_ERROR') {
      const reason = `its ${compression} data stops in the middle`;
      return failure('INPUT_TRUNCATED', { path, reason }, { cause: error });
    }
    const isGzip = head[0] === 0x1f && head[1] === 0x8b;
    if (error === undefined || (isGzip && error.message === 'incorrect header check')) {
      return malformed(`something else follows after the end of its ${compression} data`, error);
    }
    return malformed(`its bytes are damaged or not ${compression} at all (${error.message})`, error);
  };
  const read = (bytes: AsyncIterable<Uint8Array>, transform: Transform & Zlib) =>
    // gzip files are padded with zeros on some media, and gzip itself passes over them.
    through(bytes, transform, { failureOf, mayFollow: (byte) => compression === 'gzip' && byte === 0, signal });

  if (compression === 'gzip') yield* read(source, createGunzip(options));
  else if (compression === 'brotli') yield* read(source, createBrotliDecompress(options));
  else {
    const { first, bytes } = await peeked(source);
    // Some servers send the bare data of RFC 1951 instead of the zlib format of RFC 1950, which starts with a low 8.
    yield* read(bytes, (first & 0x0f) === 8 ? createInflate(options) : createInflateRaw(options));
  }
}

interface Through {
  /** The failure for an error of the transform, or for no error where something follows that may not; `head`: the first bytes. */
  failureOf(error: Error | undefined, head: readonly number[]): Error;
  /** Whether such a byte may stand after the end. */
  mayFollow(byte: number): boolean;
  signal: AbortSignal;
}

/** Feeds the source to the transform while its output is pulled. Both are closed however it ends. */
async function* through(
  source: AsyncIterable<Uint8Array>,
  transform: Transform & Zlib,
  { failureOf, mayFollow, signal }: Through,
): AsyncGenerator<Uint8Array> {
  let ended = false;
  let stopped = false;
  let fed = 0;
  const head: number[] = [];
  let broken: { error: unknown } | undefined;
  /** Chunks that the transform may not have taken in full. */
  let pending: { start: number; chunk: Uint8Array }[] = [];

  const refuseRest = ({ start, chunk }: { start: number; chunk: Uint8Array }) => {
    const rest = chunk.subarray(Math.max(0, transform.bytesWritten - start));
    if (!rest.every(mayFollow)) throw failureOf(undefined, head);
  };

  const feed = async () => {
    for await (const chunk of source) {
      if (stopped) return;
      const piece = { start: fed, chunk };
      fed += chunk.length;
      if (head.length < 2) head.push(...chunk.subarray(0, 2 - head.length));
      if (ended) {
        refuseRest(piece);
        continue;
      }
      pending = pending.filter(({ start, chunk }) => start + chunk.length > transform.bytesWritten);
      pending.push(piece);
      if (!transform.write(chunk) && !transform.destroyed) await nextChange(transform);
    }
    if (!ended && !stopped) transform.end();
  };

  const stop = () => transform.destroy(signal.reason);
  transform.on('end', () => {
    ended = true;
  });
  transform.on('error', () => undefined);
  signal.addEventListener('abort', stop, { once: true });
  const feeding = feed().catch((error: unknown) => {
    broken = { error };
    transform.destroy();
  });
  try {
    signal.throwIfAborted();
    for await (const chunk of transform) yield chunk;
    for (const piece of pending) refuseRest(piece);
    await feeding;
  } catch (error) {
    if (broken === undefined && !signal.aborted && isZlibError(error)) throw failureOf(error, head);
    if (broken === undefined) throw error;
  } finally {
    stopped = true;
    signal.removeEventListener('abort', stop);
    transform.destroy();
    await feeding;
  }
  if (broken !== undefined) throw (broken as { error: unknown }).error;
}

function isZlibError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && /^(Z_|ERR_)/.test((error as NodeJS.ErrnoException).code ?? '');
}

/** Resolves when the stream takes more, or takes nothing any more. */
function nextChange(stream: Transform): Promise<void> {
  return new Promise((resolve) => {
    const events = ['drain', 'end', 'close'];
    const settle = () => {
      for (const event of events) stream.off(event, settle);
      resolve();
    };
    for (const event of events) stream.on(event, settle);
  });
}

/** The first byte (8 where there is none), and all bytes from the start. */
async function peeked(source: AsyncIterable<Uint8Array>): Promise<{ first: number; bytes: AsyncIterable<Uint8Array> }> {
  const iterator = source[Symbol.asyncIterator]();
  let head = await iterator.next();
  while (head.done !== true && head.value.length === 0) head = await iterator.next();
  const bytes = (async function* () {
    try {
      for (let next = head; next.done !== true; next = await iterator.next()) yield next.value;
    } finally {
      await iterator.return?.();
    }
  })();
  return { first: head.done === true ? 8 : head.value[0]!, bytes };
}

function extensionOf(name: string): { compression: Compression; rest: string } | undefined {
  const [, rest, extension] = /^(.+)\.([^.]+)$/.exec(name) ?? [];
  const compression = extensions.get(extension?.toLowerCase() ?? '');
  return compression && rest !== undefined ? { compression, rest } : undefined;
}

function withoutQuery(path: string): string {
  return /^https?:/i.test(path) ? path.replace(/[?#].*$/s, '') : path;
}

function unsupported(name: string): Error {
  const hint = '; gzip (.gz), brotli (.br) and deflate are';
  return failure('OPTION_UNSUPPORTED', { what: `the compression "${name}"`, where: 'this version', hint });
}
