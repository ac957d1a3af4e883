// The upload sessions of the Dropbox on this machine: their bytes in one file for each call, and what they refuse.
// HTTP is www.dropbox.com/developers/documentation/http/documentation, HASH www.dropbox.com/developers/reference/content-hash.
import { createHash, type Hash } from 'node:crypto';
import { closeSync, createReadStream, openSync, readFileSync, rmSync, writeSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { join } from 'node:path';

const blockBytes = 4 * 1024 * 1024;
/** HTTP, files/upload_session/start: "a single request should not upload more than 150 MB". */
const mostBytes = 150 * 1024 * 1024;

/** What came with one call. */
export interface Piece {
  file: string;
  size: number;
  /** HASH: of each of its blocks. */
  blocks: Buffer[];
}

/** What a file holds: pieces one after another. */
export interface Content {
  pieces: Piece[];
  size: number;
  hash: string;
}

interface Session {
  concurrent: boolean;
  /** By offset. */
  pieces: Map<number, Piece>;
  closed: boolean;
}

export class Refused extends Error {
  readonly summary: string;
  readonly error: unknown;
  constructor(summary: string, error: unknown) {
    super(summary);
    this.summary = summary;
    this.error = error;
  }
}

/** `path`, `not_found` becomes the union and its summary (HTTP, "Errors": 409). */
export function refused(...tags: string[]): Refused {
  const union = tags.reduceRight<unknown>(
    (inner, tag) => (inner === undefined ? { '.tag': tag } : { '.tag': tag, [tag]: inner }),
    undefined,
  );
  return new Refused(`${tags.join('/')}/..`, union);
}

export type Argument = Record<string, unknown>;

export interface Sessions {
  /** Takes a body to its end. */
  take(request: IncomingMessage, o: { corrupt: boolean; onBytes(count: number): void }): Promise<Piece>;
  start(argument: Argument, piece: Piece): { session_id: string };
  append(argument: Argument, piece: Piece): null;
  /** The whole, once `use` has not refused it; the session is no more then. */
  finish<T>(cursor: unknown, o: { batch: boolean; bytes?: number }, use: (content: Content) => T): T;
  count(): number;
  /** As after the 7 days that a session lasts. */
  expire(): void;
}

/** `again`: how a piece is refused that a concurrent session has already, which no document says. */
export function createSessions(folder: string, { again }: { again: string }): Sessions {
  const sessions = new Map<string, Session>();
  let last = 0;
  const checkPiece = ({ content_hash: hash }: Argument, piece: Piece) => {
    if (piece.size > mostBytes) throw refused('payload_too_large');
    if (hash !== undefined && hash !== hashOf(piece.blocks)) throw refused('content_hash_mismatch');
  };

  return {
    async take(request, { corrupt, onBytes }) {
      const piece: Piece = { file: join(folder, `piece${++last}`), size: 0, blocks: [] };
      const hashes = createBlocks(piece.blocks);
      const file = openSync(piece.file, 'w');
      try {
        for await (const chunk of request as AsyncIterable<Buffer>) {
          if (corrupt && piece.size === 0) chunk[0]! ^= 1;
          hashes.update(chunk);
          writeSync(file, chunk);
          piece.size += chunk.length;
          onBytes(chunk.length);
        }
      } catch (error) {
        rmSync(piece.file);
        throw error;
      } finally {
        closeSync(file);
      }
      hashes.end();
      if (piece.size === 0) rmSync(piece.file);
      return piece;
    },

    // HTTP, files/upload_session/start: UploadSessionStartArg, UploadSessionType, UploadSessionStartError.
    start({ close, session_type: type, ...argument }, piece) {
      const tag = typeof type === 'object' ? (type as { '.tag': string })['.tag'] : type;
      const concurrent = tag === 'concurrent';
      if (concurrent && piece.size > 0) throw refused('concurrent_session_data_not_allowed');
      if (concurrent && close === true) throw refused('concurrent_session_close_not_allowed');
      checkPiece(argument, piece);
      const id = `pid_upload_session:${String(++last).padStart(12, '0')}`;
      const pieces = new Map(piece.size === 0 ? [] : [[0, piece]]);
      sessions.set(id, { concurrent, pieces, closed: close === true });
      return { session_id: id };
    },

    // HTTP, files/upload_session/append_v2: UploadSessionAppendArg, UploadSessionAppendError.
    append({ cursor, close, ...argument }, piece) {
      const { session_id: id, offset } = cursor as { session_id: string; offset: number };
      const session = sessions.get(id);
      if (session === undefined) throw refused('not_found');
      if (session.concurrent) {
        if (session.closed) throw refused('closed');
        if (offset % blockBytes !== 0) throw refused('concurrent_session_invalid_offset');
        if (close !== true && piece.size % blockBytes !== 0) throw refused('concurrent_session_invalid_data_size');
        if (session.pieces.has(offset)) throw refused(again);
      } else {
        const size = sizeOf(session);
        if (offset !== size) throw wrongOffset(size);
        if (session.closed) throw refused('closed');
      }
      checkPiece(argument, piece);
      // An empty piece only closes.
      if (piece.size > 0) session.pieces.set(offset, piece);
      session.closed = close === true;
      return null;
    },

    // HTTP, files/upload_session/finish: UploadSessionFinishError; finish_batch_v2: only closed sessions.
    finish(cursor, { batch, bytes = 0 }, use) {
      const { session_id: id, offset } = cursor as { session_id: string; offset: number };
      const session = sessions.get(id);
      if (session === undefined) throw refused('lookup_failed', 'not_found');
      const { concurrent, closed } = session;
      if (concurrent && bytes > 0) throw refused('concurrent_session_data_not_allowed');
      if (concurrent && !closed) throw refused('concurrent_session_not_closed');
      if (batch && !closed) throw refused('lookup_failed', 'not_closed');
      const pieces = [...session.pieces].sort(([a], [b]) => a - b);
      let end = 0;
      for (const [at, { size }] of pieces) if (at === end) end += size;
      if (concurrent && (end !== offset || end !== sizeOf(session))) throw refused('concurrent_session_missing_data');
      if (offset !== end) throw wrongOffset(end, 'lookup_failed');
      const content = contentOf(pieces.map(([, piece]) => piece));
      const result = use(content);
      sessions.delete(id);
      return result;
    },
    count: () => sessions.size,
    expire: () => sessions.clear(),
  };
}

function sizeOf({ pieces }: Session): number {
  let size = 0;
  for (const piece of pieces.values()) size += piece.size;
  return size;
}

/** HTTP, UploadSessionOffsetError: it says where the session is. */
function wrongOffset(correct: number, ...outer: string[]): Refused {
  const inner = { '.tag': 'incorrect_offset', correct_offset: correct };
  const error = outer.reduceRight<unknown>((union, tag) => ({ '.tag': tag, [tag]: union }), inner);
  return new Refused([...outer, 'incorrect_offset', '..'].join('/'), error);
}

function contentOf(pieces: Piece[]): Content {
  const size = pieces.reduce((sum, piece) => sum + piece.size, 0);
  if (pieces.slice(0, -1).every((piece) => piece.size % blockBytes === 0))
    return { pieces, size, hash: hashOf(pieces.flatMap(({ blocks }) => blocks)) };
  const blocks: Buffer[] = [];
  const hashes = createBlocks(blocks);
  for (const { file } of pieces) hashes.update(readFileSync(file));
  hashes.end();
  return { pieces, size, hash: hashOf(blocks) };
}

/** HASH: SHA-256 over the SHA-256 of each block of 4 MiB. */
function hashOf(blocks: readonly Buffer[]): string {
  const hash = createHash('sha256');
  for (const block of blocks) hash.update(block);
  return hash.digest('hex');
}

function createBlocks(blocks: Buffer[]) {
  let hash: Hash | undefined;
  let filled = 0;
  const end = () => {
    if (hash !== undefined) blocks.push(hash.digest());
    hash = undefined;
    filled = 0;
  };
  return {
    end,
    update(bytes: Buffer) {
      for (let at = 0; at < bytes.length; ) {
        hash ??= createHash('sha256');
        const some = bytes.subarray(at, at + blockBytes - filled);
        hash.update(some);
        filled += some.length;
        at += some.length;
        if (filled === blockBytes) end();
      }
    },
  };
}

/** Bytes from `start` up to `end`. */
export async function* bytesOf({ pieces }: Content, start: number, end: number): AsyncGenerator<Buffer> {
  let at = 0;
  for (const { file, size } of pieces) {
    const from = Math.max(start - at, 0);
    const to = Math.min(end - at, size);
    if (from < to) yield* createReadStream(file, { start: from, end: to - 1 });
    at += size;
  }
}
