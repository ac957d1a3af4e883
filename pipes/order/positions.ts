// Rows with their positions in the input, counted from 1.
import type { Row } from '../../engine/contracts/data.ts';

const pieceRows = 4096;

/** Of so many rows after `before` others. */
export function positionsAfter(before: number, count: number): number[] {
  const positions = new Array<number>(count);
  for (let i = 0; i < count; i++) positions[i] = before + i + 1;
  return positions;
}

/** In pieces of a good size. */
export function* piecesOf(
  placed: Iterable<{ row: Row; position: number }>,
): Generator<{ rows: Row[]; positions: number[] }> {
  let piece = { rows: [] as Row[], positions: [] as number[] };
  for (const { row, position } of placed) {
    piece.rows.push(row);
    piece.positions.push(position);
    if (piece.rows.length < pieceRows) continue;
    yield piece;
    piece = { rows: [], positions: [] };
  }
  if (piece.rows.length > 0) yield piece;
}
