// What the format suite is given, and what its parts share.
import type { Batch, Column, ColumnType, Row, RowStream } from '../../../engine/contracts/data.ts';
import type { Format } from '../../../engine/contracts/format.ts';
import type { ErrorCode } from '../../../engine/errors.ts';
import { chunksOf, collect, contextFor, rowsOf } from '../streams.ts';

export interface FormatCapabilities {
  /** The column types whose values come back as they were. */
  types: readonly ColumnType[];
  /** NULL comes back. */
  nulls: boolean;
  /** Empty text comes back, and is not NULL. */
  emptyText: boolean;
  /** Text of any characters comes back: line breaks, quotes, spaces at the ends. Otherwise some is refused. */
  anyText: boolean;
  /** Rows of several columns. */
  manyColumns: boolean;
  /** Rows may have different columns from one to the next. */
  unknownColumns: boolean;
  /** `continued` adds rows to a file; otherwise it is refused. */
  append: boolean;
}

export interface FormatSubject<Options> {
  format: Format<Options>;
  /** The options under which rows of these columns come back with their types. */
  options(columns: readonly Column[]): Options;
  capabilities: FormatCapabilities;
  /** Rows that the encoder must refuse, with the code of the failure. */
  refuses: readonly { what: string; columns: readonly Column[]; rows: readonly Row[]; code: ErrorCode }[];
  /** Files that the decoder must refuse. The message must name the file, and match. */
  damaged: readonly {
    what: string;
    bytes: string | Uint8Array;
    columns?: readonly Column[];
    code: ErrorCode;
    message: RegExp;
  }[];
}

export const path = 'in/sample.data';
export const text = (name: string): Column => ({ name, type: 'text' });

/** What the parts of the suite work with. */
export function harness<Options>(subject: FormatSubject<Options>) {
  const { format, capabilities } = subject;

  async function* batchesOf(rows: readonly Row[], size: number): AsyncGenerator<Batch> {
    for (let at = 0; at < rows.length; at += size) yield { rows: rows.slice(at, at + size).map((row) => ({ ...row })) };
  }

  async function encoded(
    columns: readonly Column[],
    rows: readonly Row[],
    { size = 1000, continued = false, known = true } = {},
  ): Promise<Buffer> {
    const stream: RowStream = { kind: 'rows', ...(known ? { columns } : {}), batches: batchesOf(rows, size) };
    const context = { ...contextFor(path), ...(continued ? { continued } : {}) };
    return Buffer.concat(await collect(format.encode(stream, subject.options(columns), context)));
  }

  async function decoded(columns: readonly Column[], bytes: AsyncIterable<Uint8Array>): Promise<Row[]> {
    return rowsOf(await format.decode(bytes, subject.options(columns), contextFor(path)));
  }

  async function roundTrip(columns: readonly Column[], rows: readonly Row[]): Promise<Row[]> {
    return decoded(columns, chunksOf(await encoded(columns, rows)));
  }

  const columns: Column[] = capabilities.manyColumns ? [text('id'), text('name'), text('note')] : [text('line')];
  const rowsOfText = (count: number): Row[] =>
    Array.from({ length: count }, (_, i) =>
      Object.fromEntries(
        columns.map((column, at) => [column.name, `${column.name} ${i}${[...' é€𝄞'].slice(at, at + 2).join('')}.`]),
      ),
    );

  return { format, capabilities, columns, batchesOf, rowsOfText, encoded, decoded, roundTrip };
}
