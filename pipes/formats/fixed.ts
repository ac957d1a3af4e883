// Fixed width: lines whose columns stand at fixed places.
import type { Column, Row, RowStream } from '../../engine/contracts/data.ts';
import type { Format, FormatContext } from '../../engine/contracts/format.ts';
import { Failure, failure } from '../../engine/errors.ts';
import type { FixedOptions } from '../../schemas/generated/types.ts';
import { inBatches, rowTexts, type SizedRows } from './batches.ts';
import { type Cell, cellsOf } from './fixed/layout.ts';
import { lineBlocks } from './lines/split.ts';
import { encodeText } from './text.ts';

/**
 * Widths count characters (code points). A cell of nothing but spaces, or of its padding, is NULL; only a number padded
 * with zeros is 0 then. Spaces may be missing at the end of a line; an empty line is passed over. Writing refuses what
 * would not read back: a value that is too long, or that begins or ends with the padding.
 */
export const fixed: Format<FixedOptions> = {
  name: 'fixed',
  extensions: [],
  contentTypes: ['text/plain'],

  async decode(bytes, options, context): Promise<RowStream> {
    const cells = cellsOf(options.columns);
    const columns = cells.map(({ name, type }): Column => ({ name, type }));
    return { kind: 'rows', columns, batches: inBatches(records(bytes, cells, options, context)) };
  },

  encode({ batches }, options, context) {
    const write = lineWriter(cellsOf(options.columns), options, context.path);
    return encodeText(rowTexts(batches, write), options.encoding, false, context);
  },
};

async function* records(
  bytes: AsyncIterable<Uint8Array>,
  cells: readonly Cell[],
  { skip_lines = 0, comment, ragged = 'error', encoding }: FixedOptions,
  context: FormatContext,
): AsyncGenerator<SizedRows> {
  const width = Math.max(...cells.map(({ end }) => end));
  for await (const { lines, first, size } of lineBlocks(bytes, encoding, skip_lines, context)) {
    const rows: Row[] = [];
    for (let i = 0; i < lines.length; i++) {
      const line = lines[i]!;
      if (line === '' || (comment !== undefined && line.startsWith(comment))) continue;
      const row = readLine(line, first + i);
      if (row !== undefined) rows.push(row);
    }
    yield { rows, size };
  }

  function readLine(line: string, number: number): Row | undefined {
    // Only then do places in the text differ from characters.
    const characters = /[\ud800-\udfff]/.test(line) ? Array.from(line) : undefined;
    const length = characters?.length ?? line.length;
    if (length !== width && ragged !== 'pad') {
      const fits =
        length > width
          ? part(line, characters, width, length).trim() === ''
          : cells.every((cell) => mayEndAt(length, cell));
      if (!fits && ragged === 'skip') return undefined;
      if (!fits) {
        const advice = 'mend the file, or say `ragged: pad` or `ragged: skip` in its format';
        const reason = `the line has ${length} characters and its columns take ${width}; ${advice}`;
        throw failure('INPUT_MALFORMED', { path: context.path, line: number, reason });
      }
    }
    const row: Row = {};
    for (const cell of cells) {
      try {
        row[cell.name] = cell.read(part(line, characters, cell.start, cell.end));
      } catch (error) {
        if (!(error instanceof Failure)) throw error;
        throw failure(
          error.code,
          { ...error.data, where: `${context.path}:${number}, column "${cell.name}"` },
          { cause: error },
        );
      }
    }
    return row;
  }
}

function part(line: string, characters: string[] | undefined, from: number, to: number): string {
  return characters === undefined ? line.slice(from, to) : characters.slice(from, to).join('');
}

/** Whether a line of this length lacks nothing of the cell but spaces that pad it. */
function mayEndAt(length: number, { start, end, right, pad }: Cell): boolean {
  return length <= start || length >= end || (!right && pad === ' ');
}

function lineWriter(cells: readonly Cell[], { newline, comment }: FixedOptions, path: string) {
  const names = new Set(cells.map(({ name }) => name));
  const inOrder = [...cells].sort((a, b) => a.start - b.start);
  inOrder.forEach((cell, i) => {
    const before = inOrder[i - 1];
    if (before === undefined || before.end <= cell.start) return;
    const what = `the columns "${before.name}" and "${cell.name}" in one place`;
    throw failure('OPTION_UNSUPPORTED', { what, where: 'the format fixed when it is written' });
  });
  const end = newline === 'crlf' ? '\r\n' : '\n';

  let record = 0;
  let column = '';
  const recordShown = () => `${path}, record ${record}`;
  const cellShown = () => `${recordShown()}, column "${column}"`;

  return (row: Row, position: number): string => {
    record = position;
    for (const name in row) {
      if (names.has(name)) continue;
      const hint = ' in the columns of its format; add it, or leave it out with a select task before the write';
      throw failure('COLUMN_UNKNOWN', { where: recordShown(), column: name, hint });
    }
    let line = '';
    let length = 0;
    for (const cell of inOrder) {
      column = cell.name;
      if (cell.start > length) line += ' '.repeat(cell.start - length);
      line += cell.write(row[column] ?? null, cellShown);
      length = cell.end;
    }
    if (comment !== undefined && line.startsWith(comment)) {
      const value = `a line that begins with ${comment}`;
      throw failure('VALUE_LOSSY', { where: recordShown(), value, target: 'a file where this marks a comment,' });
    }
    return line + end;
  };
}
