// CSV bytes to rows.
import type { Batch, Column, RowStream } from '../../../engine/contracts/data.ts';
import type { FormatContext } from '../../../engine/contracts/format.ts';
import { failure } from '../../../engine/errors.ts';
import type { CsvOptions, TsvOptions } from '../../../schemas/generated/types.ts';
import { parser } from '../values.ts';
import type { ColumnReader } from './build.ts';
import { columnsOf, type NamedColumns, namedColumns, typed } from './columns.ts';
import { type Dialect, dialectOf } from './dialect.ts';
import { encodedRows } from './encoded.ts';
import { inferredParser, inferTypes } from './infer.ts';
import { nextRecord, type Position } from './records.ts';
import { openSource } from './source.ts';
import { type ToRows, toRowsOf } from './to-rows.ts';
import { openWindows, type Window, type Windows } from './windows.ts';

type Options = CsvOptions | TsvOptions;

const batchRows = 8192;

/** What `infer` looks at: the records that are whole in so many bytes. */
const sampleBytes = 1024 * 1024;

/**
 * Rows of a CSV file. NULL is an empty field without quotes, `""` is empty text; in a column of another type both are
 * NULL. Lines end in LF or CR LF. In a file of one column every line is a record; otherwise empty lines are passed
 * over before the header and at the end of the file, and are ragged rows elsewhere.
 * The texts of a batch are parts of one text of some 64 KiB: who keeps one of them keeps it all.
 */
export async function decodeCsv(
  bytes: AsyncIterable<Uint8Array>,
  options: Options,
  context: FormatContext,
): Promise<RowStream> {
  const dialect = dialectOf(options);
  const named = namedColumns(options);
  const source = await openSource(bytes, options.encoding, options.skip_lines ?? 0, context);
  const windows = openWindows(source.bytes, dialect, context, {
    firstBytes: options.infer === true ? sampleBytes : 0,
    line: source.line,
    offset: source.offset,
  });
  try {
    return await openRows(windows, dialect, named, options, context.path);
  } catch (error) {
    await windows.close();
    throw error;
  }
}

async function openRows(
  windows: Windows,
  dialect: Dialect,
  named: NamedColumns,
  options: Options,
  path: string,
): Promise<RowStream> {
  const hasHeader = options.header !== false;
  const opening = await openingRecord(windows, dialect, hasHeader, path);
  if (opening === undefined) {
    if (named.names === undefined) {
      const hint = 'the columns of a CSV file are in its header; name them in `columns` if a file may be empty';
      throw failure('INPUT_EMPTY', { path, hint });
    }
    return { kind: 'rows', columns: typed(named.names, named.types), batches: batches(windows) };
  }
  const { window, record } = opening;
  // Without a header, the record that told how many columns there are is the first of the rows.
  const position = hasHeader ? opening.after : startOf(window);
  const header = hasHeader ? record.fields : undefined;
  let columns = columnsOf(named, header, record.fields.length, { path, line: record.line });
  if (options.infer === true) {
    const asText = columns.map(({ name }) => ({ name, parse: undefined }));
    const types = inferTypes(columns, toRowsOf(asText, dialect, options.ragged, path)(window, position));
    columns = columns.map((column, index) =>
      named.types.has(column.name) ? column : { ...column, type: types[index]! },
    );
  }
  const isInferred = ({ name }: Column) => options.infer === true && !named.types.has(name);
  const toRows = toRowsOf(readersOf(columns, isInferred), dialect, options.ragged, path);
  return {
    kind: 'rows',
    columns,
    batches: batches(windows, { window, position, toRows }),
    encoded: (accepts) => encodedRows(accepts, { windows, window, position, columns, dialect, options }),
  };
}

/** The first record that is not an empty line, the window it is in, and the place after it. */
async function openingRecord(windows: Windows, dialect: Dialect, hasHeader: boolean, path: string) {
  for (;;) {
    const window = await windows.next();
    if (window === undefined) return undefined;
    const after = startOf(window);
    const first = nextRecord(window, after, dialect, path);
    let record = first;
    while (record?.blank) record = nextRecord(window, after, dialect, path);
    // Without a header these may be the rows of a file of one column.
    if (record === undefined && !hasHeader) record = first;
    if (record !== undefined) return { window, record, after };
  }
}

function startOf({ line }: Window): Position {
  return { record: 0, field: 0, at: 0, line };
}

function readersOf(columns: readonly Column[], isInferred: (column: Column) => boolean): ColumnReader[] {
  return columns.map((column) => {
    const { name, type } = column;
    if (type === 'text') return { name, parse: undefined };
    return { name, parse: isInferred(column) ? inferredParser(type, name) : parser(type) };
  });
}

interface Opening {
  window: Window;
  position: Position;
  toRows: ToRows;
}

async function* batches(windows: Windows, opening?: Opening): AsyncGenerator<Batch> {
  try {
    if (opening === undefined) return;
    const { toRows } = opening;
    let rows = toRows(opening.window, opening.position);
    for (;;) {
      for (let at = 0; at < rows.length; at += batchRows) {
        yield { rows: rows.length <= batchRows ? rows : rows.slice(at, at + batchRows) };
      }
      const window = await windows.next();
      if (window === undefined) return;
      rows = toRows(window, startOf(window));
    }
  } finally {
    await windows.close();
  }
}
