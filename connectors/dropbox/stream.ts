// An upload as the bytes come, in a session whose pieces come in order. The next part is read while one is sent.
import type { FileItem } from '../../engine/contracts/data.ts';
import { createBuffers } from '../shared/buffers.ts';
import { contentHash, createBlockHashes } from './content-hash.ts';
import { appendInOrder, beginInOrder, type Piece, type Sending, type Upload } from './session.ts';

const firstBytes = 64 * 1024;

/** Holds two parts at most. */
export async function sendStream(
  sending: Sending,
  item: FileItem,
  partBytes: number,
  onBytes: (count: number) => void,
): Promise<Upload> {
  const free: Buffer[] = [];
  const pieces = inPieces(item, partBytes, free);
  const blocks: Buffer[] = [];
  let session = '';
  let bytes = 0;
  try {
    let coming = pieces.next();
    for (let last = false; !last; ) {
      const piece: Piece = (await coming).value;
      sending.signal.throwIfAborted();
      last = piece.last;
      if (!last) coming = pieces.next();
      // It is waited for once this piece is sent.
      coming.catch(() => {});
      if (session === '') session = await beginInOrder(sending, piece);
      else await appendInOrder(sending, session, piece);
      blocks.push(piece.blocks);
      bytes += piece.bytes.length;
      onBytes(piece.bytes.length);
      if (piece.bytes.length === partBytes) free.push(piece.bytes as Buffer);
    }
    return { session, bytes, hash: contentHash(blocks) };
  } finally {
    // Not waited for, as a source that says nothing must not hold up the failure of what was sent.
    pieces.return(undefined).catch(() => {});
  }
}

/** Every piece is a part but the last, which may be empty. */
async function* inPieces(item: FileItem, partBytes: number, free: Buffer[]): AsyncGenerator<Piece> {
  let offset = 0;
  let hashes = createBlockHashes();
  let buffer: Buffer = Buffer.allocUnsafeSlow(Math.min(partBytes, item.size ?? firstBytes));
  let filled = 0;
  const piece = (last: boolean): Piece => ({
    bytes: buffer.subarray(0, filled),
    blocks: hashes.digest(),
    offset,
    last,
  });
  const buffers = createBuffers();
  for await (const chunk of item.open(undefined, buffers)) {
    for (let rest = chunk; rest.length > 0; ) {
      if (filled === partBytes) {
        yield piece(false);
        offset += filled;
        hashes = createBlockHashes();
        buffer = free.pop() ?? Buffer.allocUnsafeSlow(partBytes);
        filled = 0;
      }
      if (filled === buffer.length) {
        const larger = Buffer.allocUnsafeSlow(Math.min(partBytes, Math.max(filled * 2, firstBytes)));
        buffer.copy(larger);
        buffer = larger;
      }
      const head = rest.subarray(0, buffer.length - filled);
      buffer.set(head, filled);
      hashes.update(head);
      filled += head.length;
      rest = rest.subarray(head.length);
    }
    buffers.give(chunk);
  }
  yield piece(true);
}
