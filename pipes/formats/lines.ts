// Plain text: a row for each line, with one column.
import type { Row, RowStream, Value } from '../../engine/contracts/data.ts';
import type { Format, FormatContext } from '../../engine/contracts/format.ts';
import { failure } from '../../engine/errors.ts';
import type { LinesOptions } from '../../schemas/generated/types.ts';
import { inBatches, rowTexts, type SizedRows } from './batches.ts';
import { lineBlocks } from './lines/split.ts';
import { encodeText } from './text.ts';
import { valueText } from './values.ts';

/**
 * Lines end in LF or CR LF. Writing takes the column that `column` names, or the only one of the rows. A value with a
 * line end in it is refused, and so is NULL: an empty line is empty text.
 */
export const lines: Format<LinesOptions> = {
  name: 'lines',
  extensions: ['txt', 'log'],
  contentTypes: ['text/plain'],

  async decode(bytes, options, context): Promise<RowStream> {
    const columns = [{ name: options.column ?? 'line', type: 'text' as const, nullable: false }];
    return { kind: 'rows', columns, batches: inBatches(rowsOfLines(bytes, options, context)) };
  },

  encode({ columns, batches }, { column, newline, encoding }, context) {
    const end = newline === 'crlf' ? '\r\n' : '\n';
    const types = new Map(columns?.map(({ name, type }) => [name, type]));
    const write = (row: Row, position: number) => {
      const name = column ?? onlyColumn(row, position, context.path);
      const value = row[name];
      const where = `${context.path}, record ${position}`;
      if (value === undefined) throw failure('COLUMN_UNKNOWN', { where, column: name });
      return lineText(value, where, end, (known) => valueText(known, types.get(name))) + end;
    };
    return encodeText(rowTexts(batches, write), encoding, false, context);
  },
};

async function* rowsOfLines(
  bytes: AsyncIterable<Uint8Array>,
  { column = 'line', skip_empty = false, skip_lines = 0, encoding }: LinesOptions,
  context: FormatContext,
): AsyncGenerator<SizedRows> {
  for await (const { lines, size } of lineBlocks(bytes, encoding, skip_lines, context)) {
    const kept = skip_empty ? lines.filter((line) => line !== '') : lines;
    yield { rows: kept.map((line) => ({ [column]: line })), size };
  }
}

function onlyColumn(row: Row, position: number, path: string): string {
  const names = Object.keys(row);
  if (names.length === 1) return names[0]!;
  const found = names.length === 0 ? 'no column' : `the columns ${names.join(', ')}`;
  throw failure('RECORD_INVALID', {
    position,
    reason: `it has ${found}, and ${path} takes one; name it with \`column\` in the format`,
  });
}

function lineText(value: Value, where: string, end: string, text: (value: Exclude<Value, null>) => string): string {
  const refused = (what: string, target: string) => failure('VALUE_LOSSY', { where, value: what, target });
  if (value === null) throw refused('NULL', 'a line');
  const line = text(value);
  if (line.includes('\n')) throw refused('text with a line break', 'one line');
  // Read back, it would be taken for a part of CR LF.
  if (end === '\n' && line.endsWith('\r')) throw refused('text that ends in a carriage return', 'a line');
  return line;
}
