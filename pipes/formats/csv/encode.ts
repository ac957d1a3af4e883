// Rows to CSV bytes.
import type { Batch, FormatContext, Row, RowStream } from '../../../engine/contracts.ts';
import type { CsvOptions, TsvOptions } from '../../../schemas/generated/types.ts';
import { charsetNamed, utf8 } from '../text/charsets.ts';
import { encodeText } from '../text.ts';
import { type LineWriter, lineWriter, type WrittenColumn } from './cells.ts';
import { namedColumns } from './columns.ts';
import { composer } from './compose.ts';
import { type Dialect, dialectOf } from './dialect.ts';
import { createScanner } from './scanner.ts';

type Options = CsvOptions | TsvOptions;

/** Text made at a time: few enough rows that the collector finds their parts dead. */
const sliceCharacters = 64 * 1024;
const chunkBytes = 256 * 1024;

/** More columns than this are written cell by cell: a function of that length would never be optimized. */
const mostComposed = 400;

/**
 * Columns are those that the options name, else the stream's, else those of the first batch. NULL is an empty field (or
 * the first `null_text`), empty text is `""`; binary is `\x` and hex digits; lists and objects are JSON. Quotes stand
 * only where they are needed, unless `quote_all`.
 */
export async function* encodeCsv(
  stream: RowStream,
  options: Options,
  context: FormatContext & { continued?: boolean },
): AsyncGenerator<Uint8Array> {
  const dialect = dialectOf(options);
  const continued = context.continued === true;
  const bom = options.bom === true && !continued;
  const charset = options.encoding === undefined ? utf8 : await charsetNamed(options.encoding);
  if (charset === utf8) {
    if (bom) yield utf8.mark!;
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
  context: FormatContext & { continued?: boolean },
): AsyncGenerator<string> {
  const { lines, start, batches } = await openLines(stream, dialect, options, context);
  let text = start;
  let position = 0;
  for await (const { rows } of batches) {
    context.signal.throwIfAborted();
    for (const row of rows) {
      position++;
      text += lines!.row(row, position, position === 1 && start === '');
      if (text.length < sliceCharacters) continue;
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
  context: FormatContext & { continued?: boolean },
): AsyncGenerator<Uint8Array> {
  const { columns, lines, newline, start, batches } = await openLines(stream, dialect, options, context);
  const fast =
    dialect.bytes?.quote !== undefined &&
    options.quote_all !== true &&
    columns.length <= mostComposed &&
    columns.length > 0;
  const compose = fast ? composer(columns, dialect, newline) : undefined;
  const scanner = createScanner(2 * chunkBytes);
  let filled = 0;
  let position = 0;
  let atOnce = 1;

  const put = (text: string): number => {
    scanner.reserve(filled + 3 * text.length);
    return filled + scanner.bytes().write(text, filled, 'utf8');
  };
  const composed = (rows: readonly Row[], from: number, to: number): number | undefined => {
    // The very first cell of a file must not look like a byte order mark.
    if (compose === undefined || position === 0) return undefined;
    const text = compose.compose(rows, from, to);
    if (text === undefined) return undefined;
    const end = put(text);
    const found = scanner.scan(filled, end, dialect.bytes!.delimiter, dialect.bytes!.quote);
    const right =
      found.fields === (to - from) * columns.length &&
      found.records === to - from &&
      found.quotes === compose.quotes() &&
      found.returns === (newline === '\r\n' ? to - from : 0) &&
      (found.ascii || text.isWellFormed());
    return right ? end : undefined;
  };
  const cellByCell = (rows: readonly Row[], from: number, to: number): number => {
    let text = '';
    for (let at = from; at < to; at++)
      text += lines!.row(rows[at]!, position + at - from + 1, position === 0 && at === from && start === '');
    compose?.lookAt(lines!.quotedColumns);
    return put(text);
  };
  const chunk = (): Uint8Array => {
    const bytes = Buffer.from(scanner.bytes().subarray(0, filled));
    filled = 0;
    return bytes;
  };

  filled = put(start);
  for await (const { rows } of batches) {
    context.signal.throwIfAborted();
    for (let from = 0; from < rows.length; ) {
      const to = Math.min(from + atOnce, rows.length);
      const before = filled;
      filled = composed(rows, from, to) ?? cellByCell(rows, from, to);
      position += to - from;
      const rowBytes = (filled - before) / (to - from);
      atOnce = Math.max(1, Math.min(4 * atOnce, Math.ceil(sliceCharacters / rowBytes)));
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
  { path, continued }: FormatContext & { continued?: boolean },
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
