// Streams that count what passes and remember whose they are, so that figures and errors land on the right task.
import type { FileItem, FileStream, RowStream, Stream } from './contracts/data.ts';

export interface Meter {
  rows(count: number): void;
  bytes(count: number): void;
  files(count: number): void;
  /** Told of an error that came out of the stream; gives the error to throw. */
  blame(error: unknown): unknown;
}

/** The same stream; everything that passes is told to `meter`. */
export function metered(stream: Stream, meter: Meter): Stream {
  return stream.kind === 'rows' ? meteredRows(stream, meter) : meteredFiles(stream, meter);
}

export function meteredRows(stream: RowStream, meter: Meter): RowStream {
  const { encoded } = stream;
  return {
    ...stream,
    batches: watch(stream.batches, meter, (batch) => meter.rows(batch.rows.length)),
    ...(encoded === undefined
      ? {}
      : {
          encoded(accepts) {
            const found = encoded.call(stream, accepts);
            return found && { ...found, chunks: watch(found.chunks, meter, (chunk) => meter.bytes(chunk.length)) };
          },
        }),
  };
}

function meteredFiles(stream: FileStream, meter: Meter): FileStream {
  const count = (file: FileItem): FileItem => ({
    ...file,
    open: (range) => watch(file.open(range), meter, (chunk) => meter.bytes(chunk.length)),
  });
  return {
    ...stream,
    files: mapFiles(
      watch(stream.files, meter, () => meter.files(1)),
      count,
    ),
  };
}

async function* mapFiles(
  files: AsyncIterable<FileItem>,
  change: (file: FileItem) => FileItem,
): AsyncGenerator<FileItem> {
  for await (const file of files) yield change(file);
}

/** Once per batch, chunk or file, never per row. */
async function* watch<T>(source: AsyncIterable<T>, meter: Meter, see: (value: T) => void): AsyncGenerator<T> {
  try {
    for await (const value of source) {
      see(value);
      yield value;
    }
  } catch (error) {
    throw meter.blame(error);
  }
}
