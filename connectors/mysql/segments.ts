// A part of the source that is loaded by one statement, and kept until the server has taken it: what it refuses is found
// by loading halves.
import type { WriteOptions } from '../../engine/contracts/connector.ts';
import type { Value } from '../../engine/contracts/data.ts';
import { failure } from '../../engine/errors.ts';
import type { Session } from './connect.ts';
import type { Load, Refusal } from './load.ts';
import { lineStarts, type Piece } from './pieces.ts';

export interface Taken {
  rows: number;
  bytes: number;
  /** The last one of its pieces. */
  checkpoint?: Value;
}

export interface Segments {
  /** Takes pieces, from the first one on, until there is enough for a statement or `more` gives none. */
  write(first: Piece, more: () => Promise<Piece | undefined>): Promise<Taken>;
}

const largest = { bytes: 8 * 1024 * 1024, rows: 100_000 };
/** Where refused rows are expected, what is loaded again to find them is less. */
const smaller = { bytes: 1024 * 1024, rows: 8192 };

export function createSegments(
  { wire }: Session,
  {
    load,
    merge,
    where,
    onReject,
  }: {
    load: Load;
    merge: (() => Promise<Refusal | undefined>) | undefined;
    where: string;
    onReject: WriteOptions['onReject'];
  },
): Segments {
  const limit = onReject === undefined ? largest : smaller;

  /** Nothing is left of it when it is refused. */
  const attempt = async (chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): Promise<Refusal | undefined> => {
    await wire.query('savepoint pipewright');
    const loaded = await load(chunks);
    const refusal = loaded ?? (await merge?.());
    // The line is one of what was loaded, of which a merge knows nothing.
    if (refusal !== undefined) await wire.query('rollback to savepoint pipewright');
    return refusal;
  };

  return {
    async write(first, more) {
      const pieces: Piece[] = [];
      let [bytes, count] = [0, 0];
      let current: Piece | undefined = first;
      let looked = false;
      async function* chunks(): AsyncGenerator<Uint8Array> {
        while (current !== undefined && bytes < limit.bytes && count < limit.rows) {
          pieces.push(current);
          bytes += current.bytes.length;
          count += current.count;
          looked = false;
          if (current.count > 0) yield current.bytes;
          current = await more();
          looked = true;
        }
      }
      const refusal = await attempt(chunks());
      // A statement that was refused may have left off before it asked for more.
      if (!looked) await more();
      const refused = refusal === undefined ? 0 : await settle(pieces, refusal);
      const checkpoint = pieces.findLast((piece) => piece.checkpoint !== undefined)?.checkpoint;
      return { rows: count - refused, bytes, ...(checkpoint === undefined ? {} : { checkpoint }) };
    },
  };

  /** Loads what can be; how many lines cannot. */
  async function settle(pieces: readonly Piece[], whole: Refusal): Promise<number> {
    const bytes = Buffer.concat(pieces.map((piece) => piece.bytes));
    const starts = lineStarts(bytes);
    const numbered = pieces.flatMap(({ positions, before, count }) =>
      positions === undefined ? Array.from({ length: count }, (_, i) => before + i + 1) : [...positions],
    );
    const rows = onReject === undefined ? [] : pieces.flatMap((piece) => [...(piece.rows ?? [])]);
    const refused: { line: number; reason: string }[] = [];
    /** Runs of lines that stand together in the bytes. */
    const chunksOf = (lines: readonly number[]): Buffer[] => {
      const chunks: Buffer[] = [];
      for (let i = 0; i < lines.length; ) {
        const first = i;
        while (lines[++i] === lines[first]! + i - first);
        chunks.push(bytes.subarray(starts[lines[first]!], starts[lines[i - 1]! + 1]));
      }
      return chunks;
    };
    const put = async (lines: readonly number[], known?: Refusal): Promise<void> => {
      if (lines.length === 0) return;
      const refusal = known ?? (await attempt(chunksOf(lines)));
      if (refusal === undefined) return;
      const named = refusal.line === undefined ? [] : [refusal, ...(refusal.others ?? [])];
      const wrong = new Map(named.map(({ line, reason }) => [lines[line! - 1]!, reason]));
      if (onReject === undefined && wrong.size > 0) throw refusedRow(Math.min(...wrong.keys()), refusal.reason);
      if (wrong.size > 0) {
        for (const [line, reason] of wrong) refused.push({ line, reason });
        return put(lines.filter((line) => !wrong.has(line)));
      }
      if (lines.length === 1) {
        if (onReject === undefined) throw refusedRow(lines[0]!, refusal.reason);
        refused.push({ line: lines[0]!, reason: refusal.reason });
        return;
      }
      const middle = lines.length >> 1;
      await put(lines.slice(0, middle));
      await put(lines.slice(middle));
    };
    const refusedRow = (line: number, reason: string) => {
      const place = numbered[line]!;
      return failure('ROW_REFUSED', { where, record: `, record ${place}`, position: place, reason });
    };
    await put(Array.from(numbered.keys()), whole);
    refused.sort((a, b) => a.line - b.line);
    for (const { line, reason } of refused) await onReject!({ row: rows[line]!, reason, position: numbered[line]! });
    return refused.length;
  }
}
