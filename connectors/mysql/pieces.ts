// What a write takes from its source: lines with the checkpoint behind them, batch by batch.
import type { WriteOptions } from '../../engine/contracts/connector.ts';
import type { RowStream, Value } from '../../engine/contracts/data.ts';
import type { EncodeRows, Lines } from './encode.ts';

export interface Piece extends Lines {
  /** Records that came before the first of the lines. */
  before: number;
  checkpoint?: Value;
}

/** The batches of a stream as lines; one without rows is passed on for its checkpoint. */
export async function* encodedPieces(
  { batches, offset = 0 }: RowStream,
  encode: EncodeRows,
  onProgress: WriteOptions['onProgress'],
): AsyncGenerator<Piece> {
  let rows = 0;
  let bytes = 0;
  for await (const batch of batches) {
    const lines = await encode(batch.rows, offset + rows);
    const before = offset + rows;
    rows += batch.rows.length;
    bytes += lines.bytes.length;
    yield { ...lines, before, ...(batch.checkpoint === undefined ? {} : { checkpoint: batch.checkpoint }) };
    onProgress?.({ rows, bytes });
  }
}

/** Where each line begins, and the end. */
export function lineStarts(bytes: Buffer): number[] {
  const starts = [0];
  for (let at = bytes.indexOf(10); at >= 0; at = bytes.indexOf(10, at + 1)) starts.push(at + 1);
  return starts;
}
