// Batches and chunks of a good size: what every format needs at its row side and at its byte side.
import type { Batch, Row } from '../../engine/contracts/data.ts';

/** Rows, and how many characters of the file they were made of. */
export interface SizedRows {
  rows: Row[];
  size: number;
}

const batchSize = 1024 * 1024;
const batchRows = 8192;
const chunkCharacters = 128 * 1024;

/** Batches of about 1 MiB of text, and at most 8,192 rows. */
export async function* inBatches(pieces: AsyncIterable<SizedRows>): AsyncGenerator<Batch> {
  let rows: Row[] = [];
  let size = 0;
  for await (const piece of pieces) {
    size += piece.size;
    if (rows.length === 0) rows = piece.rows;
    else for (const row of piece.rows) rows.push(row);
    let start = 0;
    while (rows.length - start > batchRows) {
      yield { rows: rows.slice(start, start + batchRows) };
      start += batchRows;
    }
    if (start > 0) rows = rows.slice(start);
    if (size < batchSize && rows.length < batchRows) continue;
    if (rows.length > 0) yield { rows };
    rows = [];
    size = 0;
  }
  if (rows.length > 0) yield { rows };
}

/**
 * The text of a file of rows in chunks of about 128 Ki characters: `first`, then what `write` makes of each row (counted
 * from 1), then what `last` says of their number.
 */
export async function* rowTexts(
  batches: AsyncIterable<Batch>,
  write: (row: Row, position: number) => string,
  { first = '', last }: { first?: string; last?: (count: number) => string } = {},
): AsyncGenerator<string> {
  let text = first;
  let position = 0;
  for await (const { rows } of batches) {
    for (const row of rows) {
      text += write(row, ++position);
      if (text.length < chunkCharacters) continue;
      yield text;
      text = '';
    }
  }
  text += last?.(position) ?? '';
  if (text !== '') yield text;
}
