// Rows to CSV bytes.
import type { Batch, Row, RowStream } from '../../../engine/contracts/data.ts';
import type { FormatContext } from '../../../engine/contracts/format.ts';
import type { CsvOptions, TsvOptions } from '../../../schemas/generated/types.ts';
import { charsetNamed, utf8 } from '../text/charsets.ts';
import { encodeText } from '../text.ts';
import { type LineWriter, lineWriter, type WrittenColumn } from './cells.ts';
import { namedColumns } from './columns.ts';
import { composer } from './compose.ts';
import { type Dialect, dialectOf } from './dialect.ts';
import { passedOn } from './encoded.ts';

type Options = CsvOptions | TsvOptions;

type EncodeContext = FormatContext & { continued?: boolean };

const chunkBytes = 256 * 1024;
/** About so much is written before looking whether a chunk is full. */
const sliceBytes = 64 * 1024;

/**
 * Columns are those that the options name, else the stream's, else those of the first batch. NULL is an empty field (or
 * the first `null_text`), empty text is `""`; binary is `\x` and hex digits; lists and objects are JSON. Quotes stand
 * only where they are needed, unless `quote_all`.
 */
export async function* encodeCsv(
  stream: RowStream,
  options: Options,
  context: EncodeContext,
): AsyncGenerator<Uint8Array> {
  const dialect = dialectOf(options);
  const continued = context.continued === true;
  const bom = options.bom === true && !continued;
  const charset = options.encoding === undefined ? utf8 : await charsetNamed(options.encoding);
  if (charset === utf8) {
    if (bom) yield utf8.mark!;
    const passed = passedOn(stream, dialect, options, continued);
    if (passed !== undefined) {
      const { start } = await openLines(stream, dialect, options, context);
      if (start !== '') yield Buffer.from(start);
      yield* passed.chunks;
      return;
    }
    yield* utf8Chunks(stream, dialect, options, context);
    return;
  }
  // Only the start of a file may have a byte order mark, which plain utf-16 would write.
  const encoding = charset === 'utf-16' && continued ? 'utf-16le' : options.encoding;
  yield* encodeText(texts(stream, dialect, options, context), encoding, bom, context);
}

async function* texts(
  stream: RowStream,
  dialect: Dialect,
  options: Options,
  context: EncodeContext,
): AsyncGenerator<string> {
  const { lines, start, batches } = await openLines(stream, dialect, options, context);
  let text = start;
  let position = 0;
  for await (const { rows } of batches) {
    context.signal.throwIfAborted();
    for (const row of rows) {
      position++;
      text += lines!.row(row, position, position === 1 && start === '');
      if (text.length < sliceBytes) continue;
      yield text;
      text = '';
    }
  }
  if (text !== '') yield text;
}

async function* utf8Chunks(
  stream: RowStream,
  dialect: Dialect,
  options: Options,
  context: EncodeContext,
): AsyncGenerator<Uint8Array> {
  const { columns, lines, newline, start, batches } = await openLines(stream, dialect, options, context);
  const output = { bytes: Buffer.allocUnsafeSlow(chunkBytes + sliceBytes + 3 * start.length) };
  const compose = composer(columns, dialect, { newline, quoteAll: options.quote_all === true, output });
  let filled = output.bytes.write(start, 'utf8');
  let position = 0;
  let atOnce = 1;

  const chunk = (): Uint8Array => {
    const bytes = Buffer.from(output.bytes.subarray(0, filled));
    filled = 0;
    return bytes;
  };
  /** The place after the rows, as `compose` gives it. */
  const put = (rows: readonly Row[], from: number, to: number): number => {
    // The very first cell of a file must not look like a byte order mark.
    if (compose !== undefined && (position > 0 || start !== '')) {
      try {
        const end = compose(rows, from, to, filled);
        if (end !== -1) return end;
      } catch {
        // Cell by cell it fails again, and says where.
      }
    }
    let text = '';
    for (let at = from; at < to; at++) {
      const number = position + at - from + 1;
      text += lines!.row(rows[at]!, number, number === 1 && start === '');
    }
    const most = filled + 3 * text.length;
    return most > output.bytes.length ? most : filled + output.bytes.write(text, filled, 'utf8');
  };

  for await (const { rows } of batches) {
    context.signal.throwIfAborted();
    for (let from = 0; from < rows.length; ) {
      const to = Math.min(from + atOnce, rows.length);
      const end = put(rows, from, to);
      if (end > output.bytes.length) {
        if (filled > 0) yield chunk();
        else output.bytes = Buffer.allocUnsafeSlow(2 * end);
        continue;
      }
      const rowBytes = (end - filled) / (to - from);
      atOnce = Math.max(1, Math.min(4 * atOnce, Math.ceil(sliceBytes / rowBytes)));
      filled = end;
      position += to - from;
      from = to;
      if (filled >= chunkBytes) yield chunk();
    }
  }
  if (filled > 0) yield chunk();
}

interface Lines {
  columns: readonly WrittenColumn[];
  /** Undefined when there are neither columns nor rows. */
  lines: LineWriter | undefined;
  newline: string;
  /** The header's line, or nothing. */
  start: string;
  batches: AsyncIterable<Batch> | Iterable<Batch>;
}

async function openLines(
  stream: RowStream,
  dialect: Dialect,
  options: Options,
  { path, continued }: EncodeContext,
): Promise<Lines> {
  const newline = options.newline === 'crlf' ? '\r\n' : '\n';
  const named = namedColumns(options);
  const types = new Map([...(stream.columns ?? []).map(({ name, type }) => [name, type] as const), ...named.types]);
  let names = named.names ?? stream.columns?.map(({ name }) => name);
  let batches: AsyncIterable<Batch> = stream.batches;
  if (names === undefined) {
    const { first, all } = await withFirst(stream.batches);
    if (first === undefined) return { columns: [], lines: undefined, newline, start: '', batches: [] };
    names = [...new Set(first.rows.flatMap((row) => Object.keys(row)))];
    batches = all;
  }
  const columns = names.map((name) => ({ name, type: types.get(name) }));
  const lines = lineWriter(columns, dialect, { newline, quoteAll: options.quote_all === true, path });
  const start = options.header !== false && continued !== true ? lines.header() : '';
  return { columns, lines, newline, start, batches };
}

/** The first batch that has rows, and all batches from it on. */
async function withFirst(batches: AsyncIterable<Batch>) {
  const iterator = batches[Symbol.asyncIterator]();
  let next = await iterator.next();
  while (next.done !== true && next.value.rows.length === 0) next = await iterator.next();
  const first = next.done === true ? undefined : next.value;
  const all = async function* (): AsyncGenerator<Batch> {
    try {
      if (first !== undefined) yield first;
      for (let more = await iterator.next(); more.done !== true; more = await iterator.next()) yield more.value;
    } finally {
      await iterator.return?.();
    }
  };
  return { first, all: all() };
}
