// An upload of several ranges of a file at once, going on with what a killed run has left.
import { createHash } from 'node:crypto';
import type { Journal, Parts } from '../../engine/contracts/connector.ts';
import type { Buffers, FileItem } from '../../engine/contracts/data.ts';
import { failure } from '../../engine/errors.ts';
import { createBuffers } from '../shared/buffers.ts';
import { createPool } from '../shared/pool.ts';
import { blockBytes, contentHash, createBlockHashes, hashBytes } from './content-hash.ts';
import { append, begin, type Piece, type Sending, type Upload } from './session.ts';

export interface Ranges {
  item: FileItem;
  size: number;
  partBytes: number;
  parts: Parts;
  journal: Journal | undefined;
  onBytes(count: number): void;
}

/** A session may go away while it is used, where another run of the same copy commits it. */
const mostSessions = 3;

/** Holds `atOnce` parts. */
export async function sendRanges(sending: Sending, ranges: Ranges): Promise<Upload> {
  for (let count = 1; count <= mostSessions; count++) {
    const upload = await sendOnce(sending, ranges);
    if (upload !== undefined) return upload;
    await ranges.journal?.clear();
  }
  const reason = 'Dropbox no longer knows the upload that was begun; run again';
  throw failure('IO_FAILED', { path: sending.shown, reason });
}

/** Undefined when the session has gone. */
async function sendOnce(sending: Sending, ranges: Ranges): Promise<Upload | undefined> {
  const { size, partBytes, parts, onBytes } = ranges;
  const { signal } = sending;
  const notes = await readNotes(ranges);
  const session = notes.session ?? (await begin(sending));
  if (notes.session === undefined) await notes.begun(session);
  const count = Math.ceil(size / partBytes);
  const blocks = new Map(notes.blocks);
  const pool = createPool(parts.atOnce);
  const free: Buffer[] = [];
  const buffers = createBuffers();
  let gone = false;

  const move = async (number: number): Promise<void> => {
    if (gone) return;
    const buffer = free.pop() ?? Buffer.allocUnsafeSlow(Math.min(partBytes, size));
    const piece = await readPiece(ranges, number, { buffer, buffers, signal });
    // What a closed session lacks cannot be sent any more, so the last part waits for all others.
    const answer = await append(sending, session, { ...piece, last: number === count });
    // The commit tells of the last part too whether the session has gone, and whether that was its end.
    if (answer === 'gone' && number < count) {
      gone = true;
      return;
    }
    blocks.set(number, piece.blocks);
    if (number < count) await notes.sent(session, number, piece.blocks);
    onBytes(piece.bytes.length);
    // Not after a failure, when the socket may still hold it.
    free.push(buffer);
  };
  try {
    for (let number = 1; number < count; number++) if (!blocks.has(number)) await pool.add(() => move(number));
  } finally {
    await pool.drained();
  }
  await move(count);
  if (gone) return undefined;
  const all = Array.from({ length: count }, (_, i) => blocks.get(i + 1)!);
  return { session, bytes: size, hash: contentHash(all) };
}

async function readPiece(
  { item, size, partBytes }: Ranges,
  number: number,
  { buffer, buffers, signal }: { buffer: Buffer; buffers: Buffers; signal: AbortSignal },
): Promise<Omit<Piece, 'last'>> {
  const start = (number - 1) * partBytes;
  const end = Math.min(size, start + partBytes);
  const hashes = createBlockHashes();
  let filled = 0;
  const wrongSize = (received: number) => {
    const reason = `${received} bytes came where ${end - start} were announced, from byte ${start} on`;
    return failure('INPUT_TRUNCATED', { path: item.path, reason });
  };
  for await (const chunk of item.open({ start, end }, buffers)) {
    signal.throwIfAborted();
    if (chunk.length > end - start - filled) throw wrongSize(filled + chunk.length);
    buffer.set(chunk, filled);
    hashes.update(chunk);
    filled += chunk.length;
    buffers.give(chunk);
  }
  if (filled !== end - start) throw wrongSize(filled);
  return { bytes: buffer.subarray(0, filled), blocks: hashes.digest(), offset: start };
}

interface Notes {
  /** Of the upload that is gone on with. */
  session?: string;
  /** Of its parts that are there but for the last, by number. */
  blocks: ReadonlyMap<number, Buffer>;
  begun(session: string): Promise<void>;
  sent(session: string, number: number, blocks: Buffer): Promise<void>;
}

/**
 * Dropbox cannot be asked for its sessions, nor for what they hold. So `upload` names the session and, as a digest, the
 * version of the source; one more note for each part holds the hashes of its blocks. Notes of other versions are removed.
 */
async function readNotes({ item, size, partBytes, parts: { resume }, journal }: Ranges): Promise<Notes> {
  const none = { blocks: new Map(), begun: async () => {}, sent: async () => {} };
  if (journal === undefined || resume === undefined) return none;
  const source = createHash('sha256')
    .update(`${partBytes} ${size} ${resume(item)}`)
    .digest('hex');
  const keyOf = (session: string, number: number) => `${session} ${number}`;
  const notes = {
    begun: (session: string) => journal.note('upload', { source, session }),
    sent: (session: string, number: number, blocks: Buffer) =>
      journal.note(keyOf(session, number), blocks.toString('base64')),
  };
  const found = await journal.read();
  const { upload } = found as { upload?: { source?: unknown; session?: unknown } };
  if (upload?.source !== source || typeof upload.session !== 'string') {
    if (Object.keys(found).length > 0) await journal.clear();
    return { ...none, ...notes };
  }
  const { session } = upload;
  const blocks = new Map<number, Buffer>();
  for (let number = 1; number * partBytes < size; number++) {
    const hashes = Buffer.from(String(found[keyOf(session, number)] ?? ''), 'base64');
    if (hashes.length === (partBytes / blockBytes) * hashBytes) blocks.set(number, hashes);
  }
  return { ...notes, session, blocks };
}
