// Files to rows and rows to files: the codecs that the engine puts between tasks.
import { isDeepStrictEqual } from 'node:util';
import { type Compression, compress, compressionOf, decompress } from './compression.ts';
import type { FileItem, Reading, RowStream, Stream } from './contracts/data.ts';
import type { FormatContext } from './contracts/format.ts';
import type { FormatChoice } from './contracts/task.ts';
import { failure } from './errors.ts';
import { rowsOfFiles } from './file-rows.ts';
import { chooseFormat, type FormatRegistry, formatName } from './formats.ts';

export interface Codecs {
  /** Rows of any stream; files are opened one after another, each decoded by its format. */
  rows(stream: Stream): Promise<RowStream>;
  sameBytes(file: FileItem, reading: Reading | undefined, path: string, format?: FormatChoice): boolean;
  encode(rows: RowStream, path: string, format: FormatChoice | undefined, continued: boolean): FileItem;
}

export function createCodecs(formats: FormatRegistry, signal: AbortSignal): Codecs {
  return {
    async rows(stream) {
      if (stream.kind === 'rows') return stream;
      const format = stream.reading?.format;
      return rowsOfFiles(stream, (file) => decodeFile(file, format, formats, signal));
    },

    sameBytes(file, reading, path, format) {
      if (reading?.columns !== undefined || reading?.fileColumn !== undefined || reading?.modifiedColumn !== undefined)
        return false;
      const target = formatName({ path }, format, formats);
      const sameCompression = isDeepStrictEqual(
        compressionOf(file),
        chosenCompression(format) ?? compressionOf({ path }),
      );
      if (target === undefined) return sameCompression;
      const source = formatName(file, reading?.format, formats);
      if (source !== target || !isDeepStrictEqual(optionsOf(reading?.format), optionsOf(format))) return false;
      return sameCompression;
    },

    encode(rows, path, choice, continued) {
      const name = formatName({ path }, choice, formats);
      if (name === undefined) throw failure('FORMAT_UNKNOWN', { path, known: Object.keys(formats).join(', ') });
      const context: FormatContext = { signal, path };
      const compressions = chosenCompression(choice) ?? compressionOf({ path });
      return {
        name: path.slice(path.lastIndexOf('/') + 1),
        path,
        contentType:
          compressions[0] === 'gzip'
            ? 'application/gzip'
            : (formats[name]!.contentTypes[0] ?? 'application/octet-stream'),
        once: true,
        open: () => compress(encodeRows(rows), compressions, context),
      };

      async function* encodeRows(stream: RowStream): AsyncGenerator<Uint8Array> {
        const { format, options } = await chooseFormat({ path }, choice ?? name, formats);
        yield* format.encode(stream, options, { ...context, ...(continued ? { continued } : {}) });
      }
    },
  };
}

function optionsOf(choice: FormatChoice | undefined): Record<string, unknown> {
  if (typeof choice !== 'object') return {};
  const { name: _, ...options } = choice;
  return options;
}

function chosenCompression(choice: FormatChoice | undefined): Compression[] | undefined {
  const said = optionsOf(choice).compression;
  if (said === undefined) return undefined;
  return said === 'none' ? [] : [said as Compression];
}

async function decodeFile(
  file: FileItem,
  choice: FormatChoice | undefined,
  formats: FormatRegistry,
  signal: AbortSignal,
): Promise<RowStream> {
  const context: FormatContext = { signal, path: file.path };
  const plain = decompress(lettingGo(file.open(), signal), chosenCompression(choice) ?? compressionOf(file), context);
  const { head, bytes } = withHead(plain);
  const { format, options } = await chooseFormat(
    { path: file.path, contentType: file.contentType, head },
    choice,
    formats,
  );
  return format.decode(bytes(), options, context);
}

/** Where the run ends before the rest is read, as when the target cannot be written, what is open behind it is closed. */
async function* lettingGo(source: AsyncIterable<Uint8Array>, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  const iterator = source[Symbol.asyncIterator]();
  const end = () => void iterator.return?.().catch(() => {});
  signal.addEventListener('abort', end, { once: true });
  try {
    yield* { [Symbol.asyncIterator]: () => iterator };
    signal.throwIfAborted();
  } finally {
    signal.removeEventListener('abort', end);
  }
}

/** The first bytes, read when they are asked for, and then all bytes from the start. */
function withHead(source: AsyncIterable<Uint8Array>): {
  head: () => Promise<Uint8Array>;
  bytes: () => AsyncIterable<Uint8Array>;
} {
  const headBytes = 4096;
  const read: Uint8Array[] = [];
  let iterator: AsyncIterator<Uint8Array> | undefined;
  const rest = async function* () {
    try {
      yield* read;
      yield* { [Symbol.asyncIterator]: () => iterator! };
    } finally {
      await iterator!.return?.();
    }
  };
  return {
    async head() {
      iterator = source[Symbol.asyncIterator]();
      let size = 0;
      while (size < headBytes) {
        const step = await iterator.next();
        if (step.done === true) break;
        read.push(step.value);
        size += step.value.length;
      }
      return Buffer.concat(read).subarray(0, headBytes);
    },
    bytes: () => (iterator === undefined ? source : rest()),
  };
}
